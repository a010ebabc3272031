"""Verbs that keep it sound: verify, rebuild, export the index, optimize."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from registry_core import Finding, RebuildReport, Registry, VerifyReport

from .console import STORAGE, Session, actor_option, main, reason_option, shared, shown
from .output import pairs, visible, when

_SIGNS = {"error": "ERROR  ", "warning": "WARNING", "note": "NOTE   "}


@main.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended without losing anything.")
@click.option("--answers", is_flag=True, help="Also ask every trusted version its example rows again, in the sandbox.")
@actor_option
@shared
def verify(session: Session, repair: bool, answers: bool, actor: str | None) -> None:
    """Check that everything is there and true: files, rows, events, champions, statistics.

    Each finding names the command that mends it. The exit code is 0 when nothing is left to mend, otherwise 7.
    """
    # An edited settings file is something to be found, not to be taken over while looking.
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
    help="The catalog cannot be read: move it aside, and make a new one of the exported index and the metadata files.",
)
@reason_option(required=False)
@actor_option
@shared
def rebuild_index(session: Session, damaged: bool, reason: str, actor: str | None) -> None:
    """Build the index anew from the metadata files, states and history included, while others read.

    States and history come from the catalog itself. With --damaged they come from what export-index last wrote.
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

    They are what a lost catalog is made anew of.
    """
    with session.open() as registry:
        export = registry.export_index(path)
    rows = [("models", export.models), ("after event", export.last_event), ("at", when(export.at))]
    session.answer(asdict(export), pairs([*rows, *(("written", each) for each in export.files)]))


@main.command()
@shared
def optimize(session: Session) -> None:
    """Let the database collect statistics and give back unused space; quick, and safe at any time."""
    with session.open() as registry:
        registry.optimize()
    session.answer({"optimized": True}, ["The catalog's statistics are fresh, and unused space is given back."])


def _found(report: VerifyReport) -> Iterator[str]:
    for each in report.findings:
        yield f"{_SIGNS[each.severity]}  {visible(each.kind)}: {visible(each.text)}"
        yield f"{' ' * 9}{_remedy(each)}"


def _remedy(finding: Finding) -> str:
    if finding.repaired:
        return "repaired"
    also = ", or: model-registry verify --repair" if finding.repairable and "--repair" not in finding.remedy else ""
    return f"-> {visible(finding.remedy)}{also}" if finding.remedy else "-> nothing to do"


def _summary(report: VerifyReport) -> list[str]:
    open_ones = sum(not each.repaired and each.severity != "note" for each in report.findings)
    counts = ", ".join(f"{number:,} {what}" for what, number in report.checked.items())
    rate = _rate(report)
    speed = f" ({rate / 1e6:,.0f} MB/s)" if rate else ""
    verdict = "everything is there and true" if report.clean else f"{open_ones:,} to mend"
    return pairs([("checked", counts), ("took", f"{report.seconds:.1f} s{speed}"), ("result", verdict)])


def _rate(report: VerifyReport) -> float | None:
    """Bytes a second."""
    read = report.checked.get("bytes", 0)
    return round(read / report.seconds, 1) if read and report.seconds > 0 else None


def _rebuilt(report: RebuildReport) -> list[str]:
    source = report.source if report.exported_at is None else f"{report.source} of {when(report.exported_at)}"
    changed = ", ".join(f"{rows:,} in {table}" for table, rows in report.changed.items()) or "nothing"
    rows = [("models", f"{report.models:,}"), ("states from", source), ("changed", changed)]
    left = [f"left out: {visible(name)}: {visible(why)}" for name, why in report.left_out.items()]
    return [*pairs([*rows, ("took", f"{report.seconds:.1f} s")]), *left]
