"""The commands of integrity: verify, rebuild and export the index, optimize."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from registry_core import Finding, RebuildReport, Registry, VerifyReport

from .console import STORAGE, Session, main, shared, shown
from .options import options_of
from .output import count, pairs, visible, when

_SIGNS = {"error": "ERROR  ", "warning": "WARNING", "note": "NOTE   "}


@main.command()
@options_of(
    Registry.verify,
    repair="Repair findings whose repair loses nothing.",
    answers="Also check the predictions of every trusted version on its example rows, in the sandbox.",
)
@shared
def verify(session: Session, repair: bool, answers: bool, actor: str | None) -> None:
    """Verify the integrity of files, rows, events, champions and statistics.

    Each finding names the command that repairs it. The exit code is 0 if there is nothing left to repair, else 7.
    """
    # An edited settings file is a finding; opening must not apply it.
    with session.open(take_over_settings=False) as registry, shown(session) as progress:
        report = registry.verify(repair=repair, answers=answers, actor=actor, progress=progress)
    document = {**asdict(report), "clean": report.clean, "bytes_per_second": _rate(report)}
    session.answer(document, [*_found(report), *_summary(report)])
    if not report.clean:
        click.get_current_context().exit(STORAGE)


@main.command("rebuild-index")
@click.option(
    "--damaged",
    is_flag=True,
    help="For an unreadable catalog: move it aside, and build a new one from the exported index and metadata files.",
)
@options_of(Registry.rebuild_index)
@shared
def rebuild_index(session: Session, damaged: bool, reason: str, actor: str | None) -> None:
    """Rebuild the catalog from the metadata files while the registry is in use.

    States and history come from the present catalog. With --damaged they come from the last export-index.
    """
    if damaged:
        report = Registry.recover(session.location, actor=actor)
    else:
        with session.open() as registry, shown(session) as progress:
            report = registry.rebuild_index(actor=actor, reason=reason, progress=progress)
    session.answer(asdict(report), _rebuilt(report))


@main.command("export-index")
@click.argument("path", required=False, type=click.Path(file_okay=False, path_type=Path))
@shared
def export_index(session: Session, path: Path | None) -> None:
    """Write model_index.json and model_history.json into the registry's folder, or into the folder PATH.

    A lost catalog is rebuilt from these files.
    """
    with session.open() as registry:
        export = registry.export_index(path)
    rows = [("models", export.models), ("after event", export.last_event), ("at", when(export.at))]
    session.answer(asdict(export), pairs([*rows, *(("written", each) for each in export.files)]))


@main.command()
@shared
def optimize(session: Session) -> None:
    """Update the database's statistics and free unused space. Quick, and safe at any time."""
    with session.open() as registry:
        registry.optimize()
    session.answer({"optimized": True}, ["Database statistics updated, unused space freed."])


def _found(report: VerifyReport) -> Iterator[str]:
    for each in report.findings:
        yield f"{_SIGNS[each.severity]}  {visible(each.label)}: {visible(each.text)}"
        yield f"{' ' * 9}{_remedy(each)}"


def _remedy(finding: Finding) -> str:
    if finding.repaired:
        return "repaired"
    alternative = (
        ", or: model-registry verify --repair" if finding.repairable and "--repair" not in finding.remedy else ""
    )
    return f"-> {visible(finding.remedy)}{alternative}" if finding.remedy else "-> nothing to do"


def _summary(report: VerifyReport) -> list[str]:
    open_ones = sum(not each.repaired and each.severity != "note" for each in report.findings)
    counts = ", ".join(f"{number:,} {what}" for what, number in report.checked.items())
    rate = _rate(report)
    speed = f" ({rate / 1e6:,.0f} MB/s)" if rate else ""
    verdict = "integrity verified" if report.clean else f"{count(open_ones, 'finding')} to repair"
    return pairs([("checked", counts), ("duration", f"{report.seconds:.1f} s{speed}"), ("result", verdict)])


def _rate(report: VerifyReport) -> float | None:
    """Bytes a second."""
    read = report.checked.get("bytes", 0)
    return round(read / report.seconds, 1) if read and report.seconds > 0 else None


def _rebuilt(report: RebuildReport) -> list[str]:
    source = report.source if report.exported_at is None else f"{report.source} of {when(report.exported_at)}"
    changed = ", ".join(f"{rows:,} in {table}" for table, rows in report.changed.items()) or "nothing"
    rows = [("models", f"{report.models:,}"), ("states from", source), ("changed", changed)]
    left = [f"skipped: {visible(name)}: {visible(reason)}" for name, reason in report.left_out.items()]
    return [*pairs([*rows, ("duration", f"{report.seconds:.1f} s")]), *left]
