"""The commands of experiments: champion and challengers on live traffic."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import click

from registry_core import ArmTraffic, ChallengerReport, Effect, Experiment, ExperimentReport, Registry

from .arguments import as_number, assignments, names
from .console import Session, ask, check_name, main, shared, yes_option
from .evidence import gate_lines
from .options import options_of
from .output import number, pairs, table, visible, when


@main.group()
def experiment() -> None:
    """Run challengers on live traffic: in shadow, or with a share of the traffic (split)."""


def experiment_document(experiment: Experiment) -> dict[str, Any]:
    """An experiment as JSON."""
    return dataclasses.asdict(experiment)


def experiment_lines(experiment: Experiment) -> list[str]:
    """An experiment and its arms."""
    plan = " > ".join(_stage(stage) for stage in experiment.stages) or "none"
    rows: list[tuple[str, Any]] = [
        ("experiment", f"{experiment.experiment_id} of {experiment.model_name}"),
        ("status", f"{experiment.status}, {experiment.mode}{f': {experiment.verdict}' if experiment.verdict else ''}"),
        ("champion", experiment.champion_id),
        ("stages", f"{plan}; at {_stage(experiment.stages[experiment.stage])}" if experiment.stages else plan),
        ("metric", experiment.metric),
        ("started (UTC)", f"{when(experiment.started_at)} by {experiment.started_by}"),
    ]
    arms = [[arm.challenger_id, f"{arm.share:.3g}", arm.status, arm.because or "-"] for arm in experiment.arms]
    return [*pairs(rows), "", *table(["challenger", "share", "status", "reason"], arms, right=["share"])]


def _stage(stage: str | float) -> str:
    return stage if isinstance(stage, str) else "promotion" if stage == 1.0 else f"{stage * 100:g}%"


def _changed(session: Session, experiment: Experiment) -> None:
    session.answer(experiment_document(experiment), experiment_lines(experiment))


@experiment.command("start")
@click.argument("model_name")
@click.argument("challengers", nargs=-1, required=True, metavar="CHALLENGER_ID...")
@click.option(
    "--share",
    help="With --mode split: traffic share of all challengers (0.05 is 5%), or of each: ID=0.1,OTHER_ID=0.2.",
)
@click.option("--stages", help="Rollout stages: default, or a list such as shadow,0.01,0.1,0.5,1.0 (1.0 promotes).")
@options_of(
    Registry.start_experiment,
    types={"mode": click.Choice(["shadow", "split"])},
    mode="shadow: score the same rows without serving (default). split: serve a share of the traffic.",
    metric="Decision metric. Default: accuracy, or the loss of a regression.",
)
@shared
def experiment_start(
    session: Session,
    model_name: str,
    challengers: tuple[str, ...],
    mode: str | None,
    share: str | None,
    stages: str | None,
    metric: str | None,
    expected_champion: str | None,
    reason: str,
    actor: str | None,
) -> None:
    """Start an experiment with challengers on the live traffic of MODEL_NAME."""
    expected = {} if expected_champion is None else {"expected_champion": expected_champion}
    with session.open() as registry:
        experiment = registry.start_experiment(
            model_name, challengers, mode, None if share is None else _shares(share), _stages(stages), metric=metric,
            actor=actor, reason=reason, **expected,
        )  # fmt: skip
    _changed(session, experiment)


def _shares(text: str) -> float | dict[str, float]:
    return assignments(text.split(","), as_number) if "=" in text else as_number("--share", text)


def _stages(text: str | None) -> str | list[str | float] | None:
    if text is None or text == "default":
        return text
    return [stage if stage == "shadow" else as_number("--stages", stage) for stage in names(text) or []]


_id = click.argument("experiment_id", type=int)


@experiment.command("share")
@_id
@click.argument("share")
@options_of(Registry.set_share)
@shared
def experiment_share(session: Session, experiment_id: int, share: str, reason: str, actor: str | None) -> None:
    """Change the traffic share (0.1, or ID=0.1,OTHER_ID=0.2). A share for a shadow experiment starts the split."""
    with session.open() as registry:
        experiment = registry.set_share(experiment_id, _shares(share), actor=actor, reason=reason)
    _changed(session, experiment)


def _add_command(verb: str, text: str, act: Callable[..., Experiment], *required: str) -> None:
    @experiment.command(verb, help=text)
    @_id
    @options_of(act, required=required)
    @shared
    def change(session: Session, experiment_id: int, reason: str, actor: str | None) -> None:
        with session.open() as registry:
            experiment = act(registry, experiment_id, actor=actor, reason=reason)
        _changed(session, experiment)


_add_command("pause", "Pause an experiment: the champion serves all traffic.", Registry.pause_experiment)
_add_command("resume", "Resume a paused experiment.", Registry.resume_experiment)
_add_command("stop", "Stop an experiment without a winner; statistics are kept.", Registry.stop_experiment, "reason")


@experiment.command("advance")
@_id
@options_of(Registry.advance_experiment, override="Advance although gates fail. The reason is recorded permanently.")
@shared
def experiment_advance(session: Session, experiment_id: int, override: bool, reason: str, actor: str | None) -> None:
    """Advance to the next stage if all rollout gates pass; otherwise they are listed and the exit code is 8."""
    with session.open() as registry:
        experiment = registry.advance_experiment(experiment_id, actor=actor, reason=reason, override=override)
    _changed(session, experiment)


@experiment.command("promote")
@_id
@click.argument("challenger_id", required=False)
@options_of(
    Registry.promote_challenger,
    required=("reason",),
    override="Promote although gates fail. The reason is recorded permanently with the model.",
)
@yes_option
@shared
def experiment_promote(
    session: Session,
    experiment_id: int,
    challenger_id: str | None,
    expected_champion: str | None,
    override: bool,
    reason: str,
    actor: str | None,
    yes: bool,
) -> None:
    """Promote a challenger to champion and end the experiment."""
    expected = {} if expected_champion is None else {"expected_champion": expected_champion}
    with session.open() as registry:
        seen = registry.experiment(experiment_id)
        if session.asks(yes):
            winner = challenger_id or ", ".join(arm.challenger_id for arm in seen.running)
            lines = [f"{visible(winner)} replaces {visible(seen.champion_id)} as champion."]
            ask([*lines, f"Experiment {experiment_id} ends."])
        deployment = registry.promote_challenger(
            experiment_id, challenger_id, actor=actor, reason=reason, override=override, expected=seen, **expected
        )
    session.answer(
        {**dataclasses.asdict(deployment), "previous_champion": seen.champion_id},
        [
            f"{visible(deployment.model_name)}: {visible(deployment.model_id)} is champion since "
            f"{when(deployment.started_at)} UTC; previous champion: {visible(seen.champion_id)}"
        ],
    )


@experiment.command("list")
@options_of(Registry.experiments)
@click.option("--all", "every", is_flag=True, help="Include ended experiments.")
@shared
def experiment_list(session: Session, model_name: str | None, every: bool) -> None:
    """List experiments, newest first."""
    with session.open() as registry:
        if model_name is not None:
            check_name(registry, model_name)
        experiments = [
            experiment for experiment in registry.experiments(model_name) if every or experiment.ended_at is None
        ]
    rows = [
        [
            experiment.experiment_id,
            experiment.model_name,
            experiment.status,
            experiment.mode,
            ", ".join(f"{arm.challenger_id} {arm.share:.3g}" for arm in experiment.running) or "-",
            when(experiment.started_at),
            experiment.verdict or "-",
        ]
        for experiment in experiments
    ]
    headings = ["id", "model name", "status", "mode", "challengers", "started (UTC)", "verdict"]
    none = "No experiments yet." if every else "No running experiments. --all includes ended experiments."
    lines = table(headings, rows, right=["id"]) if rows else [none]
    session.answer({"experiments": [experiment_document(experiment) for experiment in experiments]}, lines)


@experiment.command("report")
@_id
@shared
def experiment_report(session: Session, experiment_id: int) -> None:
    """Show the results of an experiment so far. The intervals stay valid at every look."""
    with session.open() as registry:
        report = registry.experiment_report(experiment_id)
    session.answer(report_document(report), report_lines(report))


def report_document(report: ExperimentReport) -> dict[str, Any]:
    """A report as JSON, with the verdict of each effect."""
    document = dataclasses.asdict(report)
    for fields, challenger in zip(document["challengers"], report.challengers, strict=True):
        fields["effect"] |= _verdicts(challenger.effect)
        if challenger.shadow_effect is not None:
            fields["shadow_effect"] |= _verdicts(challenger.shadow_effect)
    return document


def _verdicts(effect: Effect) -> dict[str, Any]:
    return {"verdict": effect.verdict, "sentence": effect.sentence, "p": effect.p, "e_worse": effect.e_worse}


def report_lines(report: ExperimentReport) -> list[str]:
    """A report as text."""
    lines = [*experiment_lines(report.experiment), "", visible(report.verdict)]
    for challenger in report.challengers:
        lines += ["", *_challenger_lines(challenger)]
    for check in report.checks:
        lines += ["", visible(check.sentence)]
    if report.warnings:
        lines += ["", "Warnings:", *(f"  {visible(warning)}" for warning in report.warnings)]
    return lines


def _challenger_lines(report: ChallengerReport) -> list[str]:
    headings = ["model", "role", "predictions", "failures", "labels", "coverage", "value"]
    lines = table(headings, map(_traffic_row, (report.champion, report.challenger)), right=headings[2:])
    lines += ["", visible(report.effect.sentence)]
    if report.shadow_effect is not None:
        lines.append(f"In shadow: {visible(report.shadow_effect.sentence)}")
    return [*lines, "", *gate_lines(report.gates)] if report.gates else lines


def _traffic_row(arm: ArmTraffic) -> list[Any]:
    covered = "-" if arm.coverage is None else f"{arm.coverage:.1%}"
    counts = [f"{arm.predictions:,}", arm.failures, f"{arm.labelled:,}"]
    return [arm.model_id, arm.role, *counts, covered, number(arm.value)]
