"""The verbs of experiments: champion and challengers on live traffic."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import click

from registry_core import ArmTraffic, ChallengerReport, Effect, Experiment, ExperimentReport, Registry

from .arguments import as_number, assignments, names
from .console import Session, actor_option, ask, check_name, main, reason_option, shared, yes_option
from .evidence import gate_lines
from .output import number, pairs, table, visible, when


@main.group()
def experiment() -> None:
    """Try challengers on live traffic: beside the champion (shadow), or with a share of its own (split)."""


def experiment_document(found: Experiment) -> dict[str, Any]:
    """An experiment as JSON knows it."""
    return dataclasses.asdict(found)


def experiment_lines(found: Experiment) -> list[str]:
    """An experiment and its arms."""
    plan = " > ".join(_stage(each) for each in found.stages) or "none"
    rows: list[tuple[str, Any]] = [
        ("experiment", f"{found.experiment_id} of {found.model_name}"),
        ("status", f"{found.status}, {found.mode}" + (f": {found.verdict}" if found.verdict else "")),
        ("champion", found.champion_id),
        ("stages", f"{plan}; at {_stage(found.stages[found.stage])}" if found.stages else plan),
        ("judged by", found.metric),
        ("started (UTC)", f"{when(found.started_at)} by {found.started_by}"),
    ]
    arms = [[arm.challenger_id, f"{arm.share:.3g}", arm.status, arm.because or "-"] for arm in found.arms]
    return [*pairs(rows), "", *table(["challenger", "share", "", "because"], arms, right=["share"])]


def _stage(stage: str | float) -> str:
    return stage if isinstance(stage, str) else "promotion" if stage == 1.0 else f"{stage * 100:g}%"


def _changed(session: Session, found: Experiment) -> None:
    session.answer(experiment_document(found), experiment_lines(found))


@experiment.command("start")
@click.argument("name")
@click.argument("challengers", nargs=-1, required=True, metavar="CHALLENGER_ID...")
@click.option(
    "--mode", type=click.Choice(["shadow", "split"]), help="They only score (the default), or answer a share."
)
@click.option(
    "--share",
    help="With --mode split: what they answer together (0.05 is 5%), or for each: ID=0.1,OTHER_ID=0.2.",
)
@click.option("--stages", help="The way to production: default, or such as shadow,0.01,0.1,0.5,1.0 (1.0 promotes).")
@click.option("--metric", help="What decides; accuracy, or a regression's loss, by default.")
@click.option("--expected-champion", metavar="MODEL_ID", help="The champion you saw; see promote.")
@reason_option(required=False)
@actor_option
@shared
def experiment_start(
    session: Session,
    name: str,
    challengers: tuple[str, ...],
    mode: str | None,
    share: str | None,
    stages: str | None,
    metric: str | None,
    expected_champion: str | None,
    reason: str,
    actor: str | None,
) -> None:
    """Let challengers take part in the live traffic of NAME."""
    expected = {} if expected_champion is None else {"expected_champion": expected_champion}
    with session.open() as registry:
        found = registry.start_experiment(
            name, challengers, mode, None if share is None else _shares(share), _stages(stages), metric=metric,
            actor=actor, reason=reason, **expected,
        )  # fmt: skip
    _changed(session, found)


def _shares(text: str) -> float | dict[str, float]:
    return assignments(text.split(","), as_number) if "=" in text else as_number("--share", text)


def _stages(text: str | None) -> str | list[str | float] | None:
    if text is None or text == "default":
        return text
    return [each if each == "shadow" else as_number("--stages", each) for each in names(text) or []]


_id = click.argument("experiment_id", type=int)


@experiment.command("share")
@_id
@click.argument("share")
@reason_option(required=False)
@actor_option
@shared
def experiment_share(session: Session, experiment_id: int, share: str, reason: str, actor: str | None) -> None:
    """Give challengers another share (0.1, or ID=0.1,OTHER_ID=0.2); out of shadow this begins the split."""
    with session.open() as registry:
        found = registry.set_share(experiment_id, _shares(share), actor=actor, reason=reason)
    _changed(session, found)


def _add_verb(verb: str, text: str, reason_required: bool, act: Callable[..., Experiment]) -> None:
    @experiment.command(verb, help=text)
    @_id
    @reason_option(reason_required)
    @actor_option
    @shared
    def change(session: Session, experiment_id: int, reason: str, actor: str | None) -> None:
        with session.open() as registry:
            found = act(registry, experiment_id, actor=actor, reason=reason)
        _changed(session, found)


_add_verb("pause", "Let the champion answer everybody, until it is resumed.", False, Registry.pause_experiment)
_add_verb("resume", "Go on with a paused experiment where it stood.", False, Registry.resume_experiment)
_add_verb("stop", "End it without a winner; what was counted stays.", True, Registry.stop_experiment)


@experiment.command("advance")
@_id
@click.option("--override", is_flag=True, help="Go on although gates do not hold. The reason stays with the event.")
@reason_option(required=False)
@actor_option
@shared
def experiment_advance(session: Session, experiment_id: int, override: bool, reason: str, actor: str | None) -> None:
    """Take the next stage, if the present one's gates hold; else they are listed and the exit code is 8."""
    with session.open() as registry:
        found = registry.advance_experiment(experiment_id, actor=actor, reason=reason, override=override)
    _changed(session, found)


@experiment.command("promote")
@_id
@click.argument("challenger_id", required=False)
@click.option("--override", is_flag=True, help="Promote although gates fail. The reason stays with the model.")
@reason_option(required=True)
@actor_option
@yes_option
@shared
def experiment_promote(
    session: Session,
    experiment_id: int,
    challenger_id: str | None,
    override: bool,
    reason: str,
    actor: str | None,
    yes: bool,
) -> None:
    """Make a challenger champion; its experiment ends."""
    with session.open() as registry:
        seen = registry.experiment(experiment_id)
        if session.asks(yes):
            winner = challenger_id or ", ".join(arm.challenger_id for arm in seen.running)
            lines = [f"{visible(winner)} takes the place of {visible(seen.champion_id)}."]
            ask([*lines, f"Experiment {experiment_id} ends."])
        deployment = registry.promote_challenger(
            experiment_id, challenger_id, actor=actor, reason=reason, override=override, expected=seen
        )
    session.answer(
        {**dataclasses.asdict(deployment), "previous_champion": seen.champion_id},
        [
            f"{visible(deployment.model_name)}: {visible(deployment.model_id)} is champion since "
            f"{when(deployment.started_at)} UTC; before it was {visible(seen.champion_id)}"
        ],
    )


@experiment.command("list")
@click.option("--name", help="Of this model name only.")
@click.option("--all", "every", is_flag=True, help="Those that have ended as well.")
@shared
def experiment_list(session: Session, name: str | None, every: bool) -> None:
    """List experiments, newest first."""
    with session.open() as registry:
        if name is not None:
            check_name(registry, name)
        found = [each for each in registry.experiments(name) if every or each.ended_at is None]
    rows = [
        [
            each.experiment_id,
            each.model_name,
            each.status,
            each.mode,
            ", ".join(f"{arm.challenger_id} {arm.share:.3g}" for arm in each.running) or "-",
            when(each.started_at),
            each.verdict or "-",
        ]
        for each in found
    ]
    headings = ["id", "model name", "status", "mode", "challengers", "started (UTC)", "verdict"]
    none = "No experiments yet." if every else "No experiment runs; --all shows those that have ended."
    lines = table(headings, rows, right=["id"]) if rows else [none]
    session.answer({"experiments": [experiment_document(each) for each in found]}, lines)


@experiment.command("report")
@_id
@shared
def experiment_report(session: Session, experiment_id: int) -> None:
    """Show what an experiment has shown so far. It may be looked at as often as you like."""
    with session.open() as registry:
        found = registry.experiment_report(experiment_id)
    session.answer(report_document(found), report_lines(found))


def report_document(report: ExperimentReport) -> dict[str, Any]:
    """A report as JSON knows it, with the verdicts that its effects have."""
    document = dataclasses.asdict(report)
    for own, each in zip(document["challengers"], report.challengers, strict=True):
        own["effect"] |= _verdicts(each.effect)
        if each.shadow_effect is not None:
            own["shadow_effect"] |= _verdicts(each.shadow_effect)
    return document


def _verdicts(effect: Effect) -> dict[str, Any]:
    return {"verdict": effect.verdict, "sentence": effect.sentence, "p": effect.p, "e_worse": effect.e_worse}


def report_lines(report: ExperimentReport) -> list[str]:
    """A report for people."""
    lines = [*experiment_lines(report.experiment), "", visible(report.verdict)]
    for each in report.challengers:
        lines += ["", *_challenger_lines(each)]
    for check in report.checks:
        lines += ["", visible(check.sentence)]
    if report.warnings:
        lines += ["", "Keep in mind:", *(f"  {visible(each)}" for each in report.warnings)]
    return lines


def _challenger_lines(each: ChallengerReport) -> list[str]:
    headings = ["", "role", "predictions", "failures", "labels", "coverage", "value"]
    lines = table(headings, map(_traffic_row, (each.champion, each.challenger)), right=headings[2:])
    lines += ["", visible(each.effect.sentence)]
    if each.shadow_effect is not None:
        lines.append(f"In shadow: {visible(each.shadow_effect.sentence)}")
    return [*lines, "", *gate_lines(each.gates)] if each.gates else lines


def _traffic_row(arm: ArmTraffic) -> list[Any]:
    covered = "-" if arm.coverage is None else f"{arm.coverage:.1%}"
    counts = [f"{arm.predictions:,}", arm.failures, f"{arm.labelled:,}"]
    return [arm.model_id, arm.role, *counts, covered, number(arm.value)]
