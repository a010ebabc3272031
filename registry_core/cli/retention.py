"""The commands of retention and space: cleanup, trash, pins, compression, disk usage."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import click

from registry_core import CleanupPlan, CleanupResult, InvalidInput, Registry

from .console import Session, ask, check_name, main, shared, shown, yes_option
from .options import model_name_option, options_of
from .output import count, number, pairs, size, table, visible, when


@main.command()
@model_name_option("Only this model name. Orphaned files are kept then.")
@click.option("--plan", "only_plan", is_flag=True, help="Show the plan and change nothing.")
@click.option("--keep", "kept", multiple=True, metavar="ID", help="Exclude this version or file; repeatable.")
@options_of(Registry.cleanup)
@yes_option
@shared
def cleanup(
    session: Session,
    model_name: str | None,
    only_plan: bool,
    kept: tuple[str, ...],
    reason: str,
    actor: str | None,
    yes: bool,
) -> None:
    """Apply the retention policy: trash old versions, purge expired ones, delete orphaned files.

    Protected are champions, rollback targets, models in a running experiment, and pinned versions. On a terminal the
    command shows the plan and asks for confirmation, unless you give --yes. `config show` prints the policy.
    """
    with session.open() as registry:
        if model_name is not None:
            check_name(registry, model_name)
        plan = registry.plan_cleanup(model_name)
        if only_plan:
            session.answer({**dataclasses.asdict(plan), **_sums(plan)}, _whole_plan(plan))
            return
        wanted = [item.model_id for item in plan.items if item.action != "keep"]
        wanted += [each.key for each in plan.unclaimed]
        unknown = [item for item in kept if item not in wanted]
        if unknown:
            raise InvalidInput(f"{unknown[0]!r:.200} is not in the plan. `cleanup --plan` shows the plan")
        wanted = [each for each in wanted if each not in kept]
        if wanted and session.asks(yes):
            ask(_changes(plan, wanted))
        with shown(session) as progress:
            result = registry.cleanup(plan, only=wanted, actor=actor, reason=reason, progress=progress)
    session.answer(dataclasses.asdict(result), _done(result))


def _sums(plan: CleanupPlan) -> dict[str, int]:
    return {"bytes_to_trash": plan.bytes_to_trash, "bytes_to_free": plan.bytes_to_free}


_HEADINGS = ("model_id", "version", "score", "registered (UTC)", "size", "action", "reason")
_RIGHT = ("version", "score", "size")


def _rows(plan: CleanupPlan, wanted: Sequence[str]) -> list[list[str]]:
    chosen = set(wanted)
    rows = [
        [
            item.model_id, item.version, number(item.composite_score), when(item.registered_at), size(item.bytes),
            item.action, item.reason,
        ]
        for item in plan.items if item.model_id in chosen
    ]  # fmt: skip
    return rows + [
        [file.key, "", "", when(file.modified_at), size(file.bytes), "delete", "orphaned file"]
        for file in plan.unclaimed
        if file.key in chosen
    ]


def _whole_plan(plan: CleanupPlan) -> list[str]:
    names = [item.model_id for item in plan.items] + [each.key for each in plan.unclaimed]
    if not names:
        return ["No models."]
    counts = Counter(item.action for item in plan.items)
    return [
        *table(_HEADINGS, _rows(plan, names), right=_RIGHT),
        "",
        f"{counts['keep']:,} to keep, {counts['trash']:,} to trash ({size(plan.bytes_to_trash)}), "
        f"{counts['purge']:,} to purge and {count(len(plan.unclaimed), 'orphaned file')} to delete "
        f"({size(plan.bytes_to_free)})",
    ]


def _changes(plan: CleanupPlan, wanted: Sequence[str]) -> list[str]:
    protected = sum(item.untouchable for item in plan.items)
    touched = len({*wanted} & {item.model_id for item in plan.items})
    return [
        *table(_HEADINGS, _rows(plan, wanted), right=_RIGHT),
        "",
        f"{len(plan.items) - touched:,} of {count(len(plan.items), 'version')} are kept, {protected:,} of them "
        "protected. Versions in the trash can be restored until they are purged.",
    ]


def _done(result: CleanupResult) -> list[str]:
    if not (result.trashed or result.purged or result.swept or result.skipped):
        return ["Nothing to clean up."]
    lines = [
        f"{count(len(result.trashed), 'version')} moved to the trash ({size(result.bytes_trashed)}), "
        f"{len(result.purged):,} purged, {count(len(result.swept), 'orphaned file')} deleted "
        f"({size(result.bytes_freed)} freed)"
    ]
    return lines + [f"skipped: {visible(item)}: {visible(reason)}" for item, reason in result.skipped.items()]


@main.command()
@options_of(Registry.trash)
@shared
def trash(session: Session, model_name: str | None) -> None:
    """List the trash by purge date. `restore` restores a version."""
    with session.open() as registry:
        if model_name is not None:
            check_name(registry, model_name)
        trashed = registry.trash(model_name)
    rows = [
        [
            version.model_id, version.version, size(version.bytes), when(version.trashed_at), when(version.purge_at),
            version.actor, version.was, version.reason,
        ]
        for version in trashed
    ]  # fmt: skip
    headings = [
        "model_id",
        "version",
        "size",
        "trashed (UTC)",
        "purge date (UTC)",
        "actor",
        "previous status",
        "reason",
    ]
    session.answer(
        {"trash": [dataclasses.asdict(version) for version in trashed]},
        table(headings, rows, right=["version", "size"]) if rows else ["The trash is empty."],
    )


@main.command()
@click.argument("model_id")
@options_of(Registry.delete)
@shared
def delete(session: Session, model_id: str, reason: str, actor: str | None) -> None:
    """Move a version to the trash. `restore` restores it until the purge date."""
    with session.open() as registry:
        registry.delete(model_id, actor=actor, reason=reason)
        purge_at = next(each.purge_at for each in registry.trash() if each.model_id == model_id)
    session.answer(
        {"model_id": model_id, "status": "trashed", "purge_at": purge_at},
        [f"{visible(model_id)} is in the trash until {when(purge_at)} UTC"],
    )


@main.command()
@click.argument("model_id")
@options_of(Registry.purge)
@yes_option
@shared
def purge(session: Session, model_id: str, reason: str, actor: str | None, yes: bool) -> None:
    """Delete the files of a trashed version permanently. Its metadata, metrics and history are kept."""
    with session.open() as registry:
        if registry.get_metadata(model_id).status == "trashed" and session.asks(yes):
            ask([f"The files of {visible(model_id)} will be deleted permanently. This cannot be undone."])
        freed = registry.purge(model_id, actor=actor, reason=reason)
    session.answer(
        {"model_id": model_id, "status": "purged", "bytes_freed": freed},
        [f"{visible(model_id)} is purged, {size(freed)} freed"],
    )


def _add_pin_command(verb: str, text: str) -> None:
    method = getattr(Registry, verb)

    @main.command(verb, help=text)
    @click.argument("model_id")
    @options_of(method)
    @shared
    def change(session: Session, model_id: str, reason: str, actor: str | None) -> None:
        with session.open() as registry:
            method(registry, model_id, actor=actor, reason=reason)
            pinned = registry.get_metadata(model_id).pinned
        session.answer(
            {"model_id": model_id, "pinned": pinned},
            [f"{visible(model_id)} is {'pinned' if pinned else 'no longer pinned'}"],
        )


_add_pin_command("pin", "Pin a version: protect it from cleanup.")
_add_pin_command("unpin", "Unpin a version.")


@main.command()
@options_of(
    Registry.compress,
    older_than_days="Minimum age in days since registration. Default: retention.compress_after_days.",
)
@shared
def compress(
    session: Session, older_than_days: float | None, model_name: str | None, reason: str, actor: str | None
) -> None:
    """Compress the files of old versions, and store identical files once. Loading and hashes are unaffected."""
    with session.open() as registry, shown(session) as progress:
        result = registry.compress(
            older_than_days, model_name=model_name, actor=actor, reason=reason, progress=progress
        )
    saved = result.bytes_before - result.bytes_after
    session.answer(
        dataclasses.asdict(result),
        [
            f"{count(len(result.compressed), 'file')} compressed, {count(len(result.linked), 'duplicate')} linked: "
            f"{size(saved)} saved",
            *(f"skipped: {visible(reason)}" for reason in result.left.values()),
        ],
    )


@main.command()
@shared
def space(session: Session) -> None:
    """Show disk usage by model name and kind, and the savings of compression and deduplication."""
    with session.open() as registry:
        usage = registry.space()
    uses = sorted(usage.uses, key=lambda use: -use.bytes)
    rows = [[use.model_name or "-", use.kind, f"{use.files:,}", size(use.bytes)] for use in uses]
    session.answer(
        {**dataclasses.asdict(usage), "bytes": usage.bytes},
        [
            *table(["model name", "kind", "files", "size"], rows, right=["files", "size"]),
            "",
            *pairs(
                [
                    ("total", size(usage.bytes)),
                    ("saved by compression", size(usage.saved_by_compression)),
                    ("saved by deduplication", size(usage.saved_by_sharing)),
                ]
            ),
        ],
    )
