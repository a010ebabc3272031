"""The verbs that change something: promote, roll back, the other states, settings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import click

from registry_core import Configuration, Deployment, InvalidInput, NoModelAvailable, Registry

from .arguments import as_value, assignments
from .console import (
    Session,
    actor_option,
    ask,
    check_name,
    main,
    reason_option,
    shared,
    yes_option,
)
from .evidence import gate_lines
from .output import number, pairs, visible, when


@main.command()
@click.argument("model_id")
@click.option(
    "--expected-champion",
    metavar="MODEL_ID|none",
    help="The champion you saw. If it is another one by now, nothing changes and the exit code is 4.",
)
@click.option("--override", is_flag=True, help="Promote although gates fail. The reason stays with the model.")
@reason_option(required=True)
@actor_option
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
    """Put a model into production, if every gate holds; else the gates are listed and the exit code is 8.

    On a terminal it shows what changes and asks first, unless you say --yes; the champion shown is the expected one.
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
@click.argument("name")
@click.option("--to", metavar="MODEL_ID", help="An earlier champion; the latest that is still eligible by default.")
@click.option("--expected-champion", metavar="MODEL_ID", help="The champion you saw; see promote.")
@reason_option(required=True)
@actor_option
@yes_option
@shared
def rollback(
    session: Session,
    name: str,
    to: str | None,
    expected_champion: str | None,
    reason: str,
    actor: str | None,
    yes: bool,
) -> None:
    """Take the champion out and put an earlier one back.

    The model taken out is disqualified: it is not chosen again until somebody reinstates it.
    """
    with session.open() as registry:
        check_name(registry, name)
        current = registry.get_active_model_id(name)
        expected = _expected(expected_champion, current)
        if session.asks(yes):
            target = to or registry.rollback_target(name)
            if target is None:
                raise NoModelAvailable(f"{name} has no earlier champion that is still eligible; nothing was changed")
            ask([*_change(registry, name, current, target), "The model taken out will be disqualified."])
            to, expected = target, _expected(expected_champion, current, shown=True)
        deployment = registry.rollback(name, to, actor=actor, reason=reason, **expected)
    _report(session, deployment, current)


@main.command("undo-promotion")
@click.argument("name")
@click.option("--expected-champion", metavar="MODEL_ID", help="The champion you saw; see promote.")
@reason_option(required=True)
@actor_option
@yes_option
@shared
def undo_promotion(
    session: Session, name: str, expected_champion: str | None, reason: str, actor: str | None, yes: bool
) -> None:
    """Take the last promotion back: the champion before it serves again.

    Unlike after rollback, the model taken out stays eligible.
    """
    _undo(session, name, Registry.undo_promotion, expected_champion, reason, actor, yes)


@main.command("undo-rollback")
@click.argument("name")
@click.option("--expected-champion", metavar="MODEL_ID", help="The champion you saw; see promote.")
@reason_option(required=True)
@actor_option
@yes_option
@shared
def undo_rollback(
    session: Session, name: str, expected_champion: str | None, reason: str, actor: str | None, yes: bool
) -> None:
    """Take the last rollback back: the model it took out is reinstated and champion again."""
    _undo(session, name, Registry.undo_rollback, expected_champion, reason, actor, yes)


def _undo(
    session: Session,
    name: str,
    undo: Callable[..., Deployment],
    expected_champion: str | None,
    reason: str,
    actor: str | None,
    yes: bool,
) -> None:
    with session.open() as registry:
        check_name(registry, name)
        current = registry.get_active_model_id(name)
        expected = _expected(expected_champion, current)
        earlier = registry.deployments(name)[1:2]
        if earlier and session.asks(yes):
            ask(_change(registry, name, current, earlier[0].model_id))
            expected = _expected(expected_champion, current, shown=True)
        deployment = undo(registry, name, actor=actor, reason=reason, **expected)
    _report(session, deployment, current)


def _expected(said: str | None, current: str | None, *, shown: bool = False) -> dict[str, Any]:
    """What to hand on as ``expected_champion``; nothing when the caller neither said it nor was shown one."""
    if said is not None:
        return {"expected_champion": None if said == "none" else said}
    return {"expected_champion": current} if shown else {}


def _change(registry: Registry, name: str, current: str | None, target: str) -> list[str]:
    before = None if current is None else registry.get_metadata(current)
    after = registry.get_metadata(target)
    rows = [
        (
            label,
            "none"
            if each is None
            else f"{each.model_id} (version {each.version}, score {number(each.composite_score)})",
        )
        for label, each in (("  from", before), ("  to", after))
    ]
    lines = [f"The champion of {visible(name)} changes:", *pairs(rows)]
    if before is not None and before.ranked_on != after.ranked_on:
        lines.append("They are ranked on different sets: their scores do not compare.")
    if before is not None:
        lines.append(visible(registry.input_change(before.model_id, after.model_id).sentence))
    return lines


def _report(session: Session, deployment: Deployment, before: str | None) -> None:
    """``before`` is the champion until now: the same one where nothing changed."""
    if before == deployment.model_id:
        was = "; nothing changed"
    else:
        was = f"; before it was {visible(before)}" if before else ""
    session.answer(
        {**dataclasses.asdict(deployment), "previous_champion": before},
        [
            f"{visible(deployment.model_name)}: {visible(deployment.model_id)} is champion since "
            f"{when(deployment.started_at)} UTC{was}"
        ],
    )


def _add_status_verb(verb: str, text: str, reason_required: bool) -> None:
    @main.command(verb, help=text)
    @click.argument("model_id")
    @reason_option(reason_required)
    @actor_option
    @shared
    def change(session: Session, model_id: str, reason: str, actor: str | None) -> None:
        with session.open() as registry:
            getattr(registry, verb)(model_id, actor=actor, reason=reason)
            metadata = registry.get_metadata(model_id)
        session.answer(
            {"model_id": model_id, "status": metadata.status}, [f"{visible(model_id)} is {metadata.status} now"]
        )


_add_status_verb("reject", "Say no to a model: it stays readable and is not eligible.", True)
_add_status_verb("archive", "Put a model aside: not eligible, out of the way.", False)
_add_status_verb("restore", "Take back a rejection or an archiving, or take a version out of the trash.", False)
_add_status_verb("disqualify", "Mark a model as failed; a champion is taken out with rollback instead.", True)
_add_status_verb("reinstate", "Make a disqualified model eligible again.", False)


@main.group()
def config() -> None:
    """Show or change how models are scored and chosen."""


@config.command("show")
@click.option("--name", help="What holds for this model name.")
@shared
def config_show(session: Session, name: str | None) -> None:
    """Show the settings."""
    with session.open() as registry:
        settings = registry.configuration()
        policy = None if name is None else registry.policy(name)
    if policy is None:
        session.answer(settings.to_dict(), _settings(settings))
    else:
        document = dataclasses.asdict(policy)
        session.answer(document, pairs((key, json.dumps(value)) for key, value in document.items()))


def _settings(settings: Configuration) -> list[str]:
    document = settings.to_dict()
    names = document.pop("model_names")
    lines = pairs((key, json.dumps(value)) for key, value in document.items())
    for name, own in names.items():
        lines += ["", f"{visible(name)}:", *(f"  {line}" for line in pairs((k, json.dumps(v)) for k, v in own.items()))]
    return lines


@config.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE [...]")
@click.option("--name", help="For this model name only.")
@reason_option(required=False)
@actor_option
@shared
def config_set(session: Session, settings: tuple[str, ...], name: str | None, reason: str, actor: str | None) -> None:
    """Change settings; the scores follow at once.

    Values are JSON: auto_select_best=false, performance_weight='{"accuracy": 0.6, "auc": 0.4}'; null takes a key back
    to its default.
    """
    changes = assignments(settings, as_value)
    for taken in ("model_name", "actor", "reason"):
        if taken in changes:
            raise InvalidInput(f"{taken} is no setting; see `model-registry config show`")
    with session.open(create=True) as registry:
        changed = registry.configure(name, actor=actor, reason=reason, **changes)
    session.answer(changed.to_dict(), _settings(changed))
