"""Verbs that keep the registry small: cleanup, trash, pins, compression, space."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import click

from registry_core import CleanupPlan, CleanupResult, InvalidInput

from .console import Session, actor_option, ask, check_name, main, reason_option, shared, shown, yes_option
from .output import number, pairs, size, table, visible, when


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


@main.command()
@click.option("--name", help="Only this model name; files that nothing claims are left alone then.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would happen to every version, and do nothing.")
@click.option("--keep", "kept", multiple=True, metavar="ID", help="Leave this version or file out; may be repeated.")
@reason_option(required=False)
@actor_option
@yes_option
@shared
def cleanup(
    session: Session,
    name: str | None,
    only_plan: bool,
    kept: tuple[str, ...],
    reason: str,
    actor: str | None,
    yes: bool,
) -> None:
    """Put versions the policy no longer keeps into the trash, purge what lay there long enough, sweep lost files.

    Never reached are a champion, who a rollback would return to, who takes part in a running experiment, and what is
    pinned. On a terminal it shows the plan and asks first, unless you say --yes. See `config show` for the policy.
    """
    with session.open() as registry:
        if name is not None:
            check_name(registry, name)
        plan = registry.plan_cleanup(name)
        if only_plan:
            session.answer({**dataclasses.asdict(plan), **_sums(plan)}, _whole_plan(plan))
            return
        wanted = [item.model_id for item in plan.items if item.action != "keep"]
        wanted += [each.key for each in plan.unclaimed]
        strange = [each for each in kept if each not in wanted]
        if strange:
            raise InvalidInput(f"the plan does nothing to {strange[0]!r:.200}; `cleanup --plan` shows what it does")
        wanted = [each for each in wanted if each not in kept]
        if wanted and session.asks(yes):
            ask(_changes(plan, wanted))
        with shown(session) as progress:
            result = registry.cleanup(plan, only=wanted, actor=actor, reason=reason, progress=progress)
    session.answer(dataclasses.asdict(result), _done(result))


def _sums(plan: CleanupPlan) -> dict[str, int]:
    return {"bytes_to_trash": plan.bytes_to_trash, "bytes_to_free": plan.bytes_to_free}


_HEADINGS = ("model_id", "version", "score", "registered (UTC)", "size", "what", "because")
_RIGHT = ("version", "score", "size")


def _rows(plan: CleanupPlan, wanted: Sequence[str]) -> list[list[str]]:
    asked = set(wanted)
    rows = [
        [
            item.model_id, item.version, number(item.composite_score), when(item.registered_at), size(item.bytes),
            item.action, item.reason,
        ]
        for item in plan.items if item.model_id in asked
    ]  # fmt: skip
    return rows + [
        [each.key, "", "", when(each.modified_at), size(each.bytes), "sweep", "nothing claims it"]
        for each in plan.unclaimed
        if each.key in asked
    ]


def _whole_plan(plan: CleanupPlan) -> list[str]:
    names = [item.model_id for item in plan.items] + [each.key for each in plan.unclaimed]
    if not names:
        return ["no models"]
    counts = Counter(item.action for item in plan.items)
    return [
        *table(_HEADINGS, _rows(plan, names), right=_RIGHT),
        "",
        f"{counts['keep']:,} stay, {counts['trash']:,} go into the trash ({size(plan.bytes_to_trash)}), "
        f"{counts['purge']:,} are purged and {_count(len(plan.unclaimed), 'file')} swept ({size(plan.bytes_to_free)})",
    ]


def _changes(plan: CleanupPlan, wanted: Sequence[str]) -> list[str]:
    untouchable = sum(item.untouchable for item in plan.items)
    touched = len({*wanted} & {item.model_id for item in plan.items})
    return [
        *table(_HEADINGS, _rows(plan, wanted), right=_RIGHT),
        "",
        f"{len(plan.items) - touched:,} of {_count(len(plan.items), 'version')} stay, {untouchable:,} of them "
        "untouchable. What goes into the trash can be restored until it is purged.",
    ]


def _done(result: CleanupResult) -> list[str]:
    if not (result.trashed or result.purged or result.swept or result.skipped):
        return ["nothing to clean up"]
    lines = [
        f"{_count(len(result.trashed), 'version')} put into the trash ({size(result.bytes_trashed)}), "
        f"{len(result.purged):,} purged, {_count(len(result.swept), 'file')} swept ({size(result.bytes_freed)} freed)"
    ]
    return lines + [f"left alone: {visible(each)}: {visible(why)}" for each, why in result.skipped.items()]


@main.command()
@click.option("--name", help="Only this model name.")
@shared
def trash(session: Session, name: str | None) -> None:
    """Show what is in the trash, the next to be purged first. `restore` takes a version out of it."""
    with session.open() as registry:
        if name is not None:
            check_name(registry, name)
        found = registry.trash(name)
    rows = [
        [
            each.model_id, each.version, size(each.bytes), when(each.trashed_at), when(each.purge_at), each.actor,
            each.was, each.reason,
        ]
        for each in found
    ]  # fmt: skip
    headings = ["model_id", "version", "size", "since (UTC)", "purged (UTC)", "actor", "was", "reason"]
    session.answer(
        {"trash": [dataclasses.asdict(each) for each in found]},
        table(headings, rows, right=["version", "size"]) if rows else ["the trash is empty"],
    )


@main.command()
@click.argument("model_id")
@reason_option(required=False)
@actor_option
@shared
def delete(session: Session, model_id: str, reason: str, actor: str | None) -> None:
    """Put a version into the trash. Its files stay until the purge date; `restore` takes it back."""
    with session.open() as registry:
        registry.delete(model_id, actor=actor, reason=reason)
        purge_at = next(each.purge_at for each in registry.trash() if each.model_id == model_id)
    session.answer(
        {"model_id": model_id, "status": "trashed", "purge_at": purge_at},
        [f"{visible(model_id)} is in the trash until {when(purge_at)} UTC"],
    )


@main.command()
@click.argument("model_id")
@reason_option(required=False)
@actor_option
@yes_option
@shared
def purge(session: Session, model_id: str, reason: str, actor: str | None, yes: bool) -> None:
    """Delete the files of a version in the trash now, for good. Its metadata, metrics and history stay."""
    with session.open() as registry:
        if registry.get_metadata(model_id).status == "trashed" and session.asks(yes):
            ask([f"The files of {visible(model_id)} will be gone for good; nothing brings them back."])
        freed = registry.purge(model_id, actor=actor, reason=reason)
    session.answer(
        {"model_id": model_id, "status": "purged", "bytes_freed": freed},
        [f"{visible(model_id)} is purged, {size(freed)} freed"],
    )


def _add_pin_verb(verb: str, text: str) -> None:
    @main.command(verb, help=text)
    @click.argument("model_id")
    @reason_option(required=False)
    @actor_option
    @shared
    def change(session: Session, model_id: str, reason: str, actor: str | None) -> None:
        with session.open() as registry:
            getattr(registry, verb)(model_id, actor=actor, reason=reason)
            pinned = registry.get_metadata(model_id).pinned
        session.answer(
            {"model_id": model_id, "pinned": pinned},
            [f"{visible(model_id)} is {'pinned' if pinned else 'no longer pinned'}"],
        )


_add_pin_verb("pin", "Keep a version out of every cleanup.")
_add_pin_verb("unpin", "Let cleanups reach a version again.")


@main.command()
@click.option(
    "--older-than-days",
    type=float,
    metavar="DAYS",
    help="Since registration; what the configuration says under retention.compress_after_days by default.",
)
@click.option("--name", help="Only this model name.")
@reason_option(required=False)
@actor_option
@shared
def compress(session: Session, older_than_days: float | None, name: str | None, reason: str, actor: str | None) -> None:
    """Compress the files of old versions, and store identical files once. Loads and hashes stay as they were."""
    with session.open() as registry, shown(session) as progress:
        result = registry.compress(older_than_days, model_name=name, actor=actor, reason=reason, progress=progress)
    saved = result.bytes_before - result.bytes_after
    session.answer(
        dataclasses.asdict(result),
        [
            f"{_count(len(result.compressed), 'file')} compressed, {len(result.linked):,} share the bytes of an "
            f"identical one: {size(saved)} saved",
            *(f"left alone: {visible(why)}" for why in result.left.values()),
        ],
    )


@main.command()
@shared
def space(session: Session) -> None:
    """Show what takes the space, by model name and kind, and what compression and sharing save."""
    with session.open() as registry:
        found = registry.space()
    uses = sorted(found.uses, key=lambda use: -use.bytes)
    rows = [[use.model_name or "-", use.kind, f"{use.files:,}", size(use.bytes)] for use in uses]
    session.answer(
        {**dataclasses.asdict(found), "bytes": found.bytes},
        [
            *table(["model name", "what", "files", "size"], rows, right=["files", "size"]),
            "",
            *pairs(
                [
                    ("in all", size(found.bytes)),
                    ("saved by compression", size(found.saved_by_compression)),
                    ("saved by sharing", size(found.saved_by_sharing)),
                ]
            ),
        ],
    )
