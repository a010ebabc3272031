"""The commands that change the champion or the state of a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import click

from registry_core import Deployment, NoModelAvailable, Registry

from .console import Session, ask, check_name, main, shared, yes_option
from .evidence import gate_lines
from .options import options_of
from .output import number, pairs, visible, when


@main.command()
@click.argument("model_id")
@options_of(
    Registry.promote,
    required=("reason",),
    override="Promote although gates fail. The reason is recorded permanently with the model.",
)
@yes_option
@shared
def promote(
    session: Session,
    model_id: str,
    expected_champion: str | None,
    override: bool,
    reason: str,
    actor: str | None,
    yes: bool,
) -> None:
    """Promote a model to champion if all promotion gates pass.

    If a gate fails, the gates are listed and the exit code is 8. On a terminal the command shows the change and asks
    for confirmation, unless you give --yes; the champion shown is then the expected one.
    """
    with session.open() as registry:
        target = registry.get_metadata(model_id)
        current = registry.get_active_model_id(target.model_name)
        expected = _expected(expected_champion, current)
        if session.asks(yes):
            report = registry.check_gates(model_id)
            # What will be refused is not worth a question.
            if report.passed or override:
                failed = ["", "These gates fail:", *gate_lines(report.failures)] if report.failures else []
                ask([*_change(registry, target.model_name, current, model_id), *failed])
            expected = _expected(expected_champion, current, shown=True)
        deployment = registry.promote(model_id, actor=actor, reason=reason, override=override, **expected)
    _report(session, deployment, current)


@main.command()
@click.argument("model_name")
@options_of(
    Registry.rollback, required=("reason",), to="Id of an earlier champion. Default: the latest that is eligible."
)
@yes_option
@shared
def rollback(
    session: Session,
    model_name: str,
    to: str | None,
    expected_champion: str | None,
    reason: str,
    actor: str | None,
    yes: bool,
) -> None:
    """Replace the champion by an earlier champion.

    The replaced model is disqualified: it is not chosen again until it is reinstated.
    """
    with session.open() as registry:
        check_name(registry, model_name)
        current = registry.get_active_model_id(model_name)
        expected = _expected(expected_champion, current)
        if session.asks(yes):
            target = to or registry.rollback_target(model_name)
            if target is None:
                raise NoModelAvailable(
                    f"{model_name} has no earlier champion that is eligible. Nothing was changed. Promote or reinstate "
                    "a model"
                )
            ask([*_change(registry, model_name, current, target), "The replaced model will be disqualified."])
            to, expected = target, _expected(expected_champion, current, shown=True)
        deployment = registry.rollback(model_name, to, actor=actor, reason=reason, **expected)
    replaced = [] if current in (None, deployment.model_id) else [
        f"{visible(current or '')} is disqualified: it is not chosen again until it is reinstated. To revert: "
        f"model-registry undo-rollback {visible(model_name)}"
    ]  # fmt: skip
    _report(session, deployment, current, replaced)


@main.command("undo-promotion")
@click.argument("model_name")
@options_of(Registry.undo_promotion, required=("reason",))
@yes_option
@shared
def undo_promotion(
    session: Session, model_name: str, expected_champion: str | None, reason: str, actor: str | None, yes: bool
) -> None:
    """Undo the last promotion: the previous champion serves again.

    Unlike after a rollback, the replaced model stays eligible.
    """
    _undo(session, model_name, Registry.undo_promotion, expected_champion, reason, actor, yes)


@main.command("undo-rollback")
@click.argument("model_name")
@options_of(Registry.undo_rollback, required=("reason",))
@yes_option
@shared
def undo_rollback(
    session: Session, model_name: str, expected_champion: str | None, reason: str, actor: str | None, yes: bool
) -> None:
    """Undo the last rollback: the model that was rolled back is reinstated and champion again."""
    _undo(session, model_name, Registry.undo_rollback, expected_champion, reason, actor, yes)


def _undo(
    session: Session,
    model_name: str,
    undo: Callable[..., Deployment],
    expected_champion: str | None,
    reason: str,
    actor: str | None,
    yes: bool,
) -> None:
    with session.open() as registry:
        check_name(registry, model_name)
        current = registry.get_active_model_id(model_name)
        expected = _expected(expected_champion, current)
        earlier = registry.deployments(model_name)[1:2]
        if earlier and session.asks(yes):
            ask(_change(registry, model_name, current, earlier[0].model_id))
            expected = _expected(expected_champion, current, shown=True)
        deployment = undo(registry, model_name, actor=actor, reason=reason, **expected)
    _report(session, deployment, current)


def _expected(stated: str | None, current: str | None, *, shown: bool = False) -> dict[str, Any]:
    """The argument ``expected_champion``; empty when the caller neither stated a champion nor was shown one."""
    if stated is not None:
        return {"expected_champion": None if stated == "none" else stated}
    return {"expected_champion": current} if shown else {}


def _change(registry: Registry, model_name: str, current: str | None, target: str) -> list[str]:
    before = None if current is None else registry.get_metadata(current)
    after = registry.get_metadata(target)
    rows = [
        (
            label,
            "none"
            if version is None
            else f"{version.model_id} (version {version.version}, score {number(version.composite_score)})",
        )
        for label, version in (("  from", before), ("  to", after))
    ]
    lines = [f"The champion of {visible(model_name)} changes:", *pairs(rows)]
    if before is not None and before.ranked_on != after.ranked_on:
        lines.append("The two are ranked on different evaluation sets: their scores are not comparable.")
    if before is not None:
        lines.append(visible(registry.input_change(before.model_id, after.model_id).sentence))
    return lines


def _report(session: Session, deployment: Deployment, before: str | None, further: Sequence[str] = ()) -> None:
    """``before`` is the champion until now: the same one where nothing changed."""
    if before == deployment.model_id:
        previous = "; nothing changed"
    else:
        previous = f"; previous champion: {visible(before)}" if before else ""
    session.answer(
        {**dataclasses.asdict(deployment), "previous_champion": before},
        [
            f"{visible(deployment.model_name)}: {visible(deployment.model_id)} is champion since "
            f"{when(deployment.started_at)} UTC{previous}",
            *further,
        ],
    )


def _add_status_command(verb: str, text: str, *required: str) -> None:
    method = getattr(Registry, verb)

    @main.command(verb, help=text)
    @click.argument("model_id")
    @options_of(method, required=required)
    @shared
    def change(session: Session, model_id: str, reason: str, actor: str | None) -> None:
        with session.open() as registry:
            method(registry, model_id, actor=actor, reason=reason)
            metadata = registry.get_metadata(model_id)
        session.answer(
            {"model_id": model_id, "status": metadata.status}, [f"{visible(model_id)} is {metadata.status} now"]
        )


_add_status_command("reject", "Reject a model: it stays readable and is not eligible.", "reason")
_add_status_command("archive", "Archive a model: it is not eligible and hidden by default.")
_add_status_command("restore", "Restore a rejected, archived or trashed model.")
_add_status_command(
    "disqualify", "Disqualify a model that failed in production. Use rollback for a champion.", "reason"
)
_add_status_command("reinstate", "Make a disqualified model eligible again.")
