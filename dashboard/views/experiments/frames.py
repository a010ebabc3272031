"""Experiments -> DataFrames: what the page's tables and charts are made of. No Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import pandas as pd

from dashboard import formatting
from dashboard.views.experiments import sentences
from registry_core import ChallengerReport, Event, Experiment, ExperimentReport


def arms(report: ExperimentReport, versions: formatting.Versions) -> pd.DataFrame:
    """What each model did in the whole experiment: the champion first."""
    rows = []
    found = report.experiment
    sides = [report.challengers[0].champion, *(each.challenger for each in report.challengers)]
    by_id = {arm.challenger_id: arm for arm in found.arms}
    for each in sides:
        arm = by_id.get(each.model_id)
        if arm is None:
            part = "★ champion"
        elif arm.status != "running":
            part = {"promoted": "★ promoted", "withdrawn": "□ withdrawn", "refused": "▲ refused"}[arm.status]
        elif found.status == "paused":
            part = "Ⅱ paused"
        else:
            part = "◌ shadow" if found.mode == "shadow" else f"◐ serves {sentences.share(arm.share)}"
        rows.append(
            {
                "Version": versions[each.model_id],
                "Role": part,
                "Predictions": each.predictions,
                "Failures": each.failures,
                "Labels": each.labelled,
                "Coverage": None if each.coverage is None else 100 * each.coverage,
                "Value": each.value if each.value is None or found.metric != "accuracy" else 100 * each.value,
            }
        )
    return pd.DataFrame(rows).astype({"Coverage": "float64", "Value": "float64"})


def over_time(each: ChallengerReport, where: tzinfo) -> pd.DataFrame:
    """The effect after each window that allowed a claim, in points or the metric's unit, by the viewer's clock."""
    scale = 100 if each.effect.metric == "accuracy" else 1
    known = [point for point in each.points if point.value is not None]
    return pd.DataFrame(
        {
            "at": pd.to_datetime([point.start for point in known], utc=True, format="ISO8601").tz_convert(where),
            "value": [scale * float(point.value or 0) for point in known],
            "low": [scale * float(point.low or 0) for point in known],
            "high": [scale * float(point.high or 0) for point in known],
            "labels": [point.labels for point in known],
        }
    )


@dataclass(frozen=True)
class Stage:
    """Where a change of the traffic stands among the labels compared; ``name`` is the share from then on."""

    labels: float
    name: str


def stages(events: Sequence[Event], frame: pd.DataFrame, challenger_id: str) -> list[Stage]:
    """The changes of a challenger's share and the pauses of an experiment, placed on the frame of ``over_time``."""
    found = []
    for event in reversed(events):
        shares = event.after.get("shares") or {}
        before = (event.before.get("shares") or {}).get(challenger_id)
        if event.kind in ("experiment_paused", "experiment_resumed"):
            name = event.kind.removeprefix("experiment_")
        elif challenger_id in shares and shares[challenger_id] != before and shares[challenger_id]:
            name = sentences.share(shares[challenger_id])
        else:
            continue
        told = int(frame["at"].searchsorted(pd.Timestamp(event.at)))
        found.append(Stage(float(frame["labels"].iloc[told - 1]) if told else 0.0, name))
    return found


def now(report: ExperimentReport, versions: formatting.Versions) -> pd.DataFrame:
    """The effect of every challenger as it stands, those that have one."""
    known = [each for each in report.challengers if each.effect.value is not None]
    scale = 100 if report.experiment.metric == "accuracy" else 1
    words = {"better": "▲ better", "worse": "▼ worse", "no clear difference": "≈ no clear difference"}
    return pd.DataFrame(
        {
            "id": [each.challenger_id for each in known],
            "version": [versions[each.challenger_id] for each in known],
            "value": [scale * float(each.effect.value or 0) for each in known],
            "low": [scale * float(each.effect.low or 0) for each in known],
            "high": [scale * float(each.effect.high or 0) for each in known],
            "says": [words.get(each.effect.verdict, each.effect.verdict) for each in known],
            "written": [
                f"{sentences.points(each.effect.metric, each.effect.value or 0)} ({sentences.between(each.effect)})"
                for each in known
            ],
        }
    )


def past(found: Sequence[Experiment], versions: formatting.Versions, at: datetime) -> pd.DataFrame:
    """Experiments that have ended, newest first."""
    return pd.DataFrame(
        {
            "No.": [each.experiment_id for each in found],
            "Ended": [formatting.ago(each.ended_at, at) for each in found],
            "Result": [sentences.ENDED.get(each.status, each.status) for each in found],
            "Challengers": [
                sentences.listed([versions.get(arm.challenger_id, arm.challenger_id) for arm in each.arms])
                for each in found
            ],
            "Champion": [versions.get(each.champion_id, each.champion_id) for each in found],
            "Mode": ["staged" if each.stages else each.mode for each in found],
            "Lasted": [formatting.lasted(each.started_at, each.ended_at, at) for each in found],
            "By": [formatting.visible(each.ended_by or "") for each in found],
            "Verdict": [formatting.visible(each.verdict) for each in found],
        }
    )


def history(events: Sequence[Event], versions: formatting.Versions, at: datetime, where: tzinfo) -> pd.DataFrame:
    """What happened to an experiment, newest first."""
    return pd.DataFrame(
        {
            "No.": [each.event_id for each in events],
            "When": [formatting.ago(each.at, at) for each in events],
            "At": [formatting.exact(each.at, where) for each in events],
            "What": [formatting.event(each.kind) for each in events],
            "Who": [formatting.visible(each.actor) for each in events],
            "Reason": [formatting.visible(each.reason) for each in events],
            "Change": [formatting.visible(change(each, versions)) for each in events],
        }
    )


def change(event: Event, versions: formatting.Versions) -> str:
    """What an event did to an experiment."""
    told = []
    before, after = event.before, event.after
    if before.get("mode") != after.get("mode"):
        told.append(f"{before['mode']} → {after['mode']}" if "mode" in before else f"begins in {after['mode']}")
    old, new = (whole.get("shares") or {} for whole in (before, after))
    told += [
        f"{versions.get(model_id, model_id)}: {sentences.share(old.get(model_id, 0.0))} → {sentences.share(part)}"
        for model_id, part in new.items()
        if part != old.get(model_id, 0.0)
    ]
    if after.get("overridden"):
        told.append(f"gates overridden: {sentences.overridden(event)}")
    return "; ".join(told)
