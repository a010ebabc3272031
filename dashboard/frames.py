"""Records -> DataFrames: what tables and charts show. No Streamlit here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from dashboard import wording
from registry_core import Comparison, Deployment, Event, ModelMetadata, Score

NAMED = ("accuracy", "auc", "f1_score", "precision", "recall", "data_quality_score")


def metric_of(row: Mapping[str, Any], name: str) -> float | None:
    """A metric, or the score, of one row of the leaderboard."""
    if name in NAMED or name == "composite_score":
        value: float | None = row[name]
        return value
    further: Mapping[str, float] = row["metrics"]
    return further.get(name)


def leaderboard(
    rows: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
    champion: ModelMetadata | None,
    now: datetime,
    first_rank: int = 1,
) -> pd.DataFrame:
    """One page of the leaderboard, in the order of its rows.

    The difference to the champion is left empty where the two were measured on different sets: it would say nothing.
    """
    best = champion.composite_score if champion else None
    table = []
    for rank, row in enumerate(rows, start=first_rank):
        score = row["composite_score"]
        comparable = row["comparable"] and not row["is_active"]
        gap = score - best if comparable and score is not None and best is not None else None
        table.append(
            {
                "#": rank,
                "Version": row["version"],
                "Status": wording.status(row),
                "Type": row["model_type"],
                "Score": score,
                "Difference": gap,
                **{wording.metric(name): metric_of(row, name) for name in metrics},
                "Evaluation set": row["evaluation_set"] or wording.UNNAMED_SET,
                "Comparable": _comparable(row, champion),
                "Registered": wording.ago(row["registered_at"], now),
                "By": row["registered_by"],
                "Note": row["score_note"] or "",
                "Model id": row["model_id"],
            }
        )
    frame = pd.DataFrame(table)
    numbers = ["Score", "Difference", *(wording.metric(name) for name in metrics)]
    return frame.astype(dict.fromkeys(numbers, "float64")) if table else frame


def _comparable(row: Mapping[str, Any], champion: ModelMetadata | None) -> str:
    if champion is None:
        return wording.MISSING
    return "= champion's" if row["comparable"] else "≠ champion's"


def export(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> pd.DataFrame:
    """Every model of a filter for a spreadsheet: plain values, nothing rounded."""
    named = ["accuracy", "auc", "f1_score", "precision", "recall", "data_quality_score"]
    columns = [
        *("model_id", "model_name", "version", "model_type", "composite_score", "score_note"),
        *named,
        *(name for name in metrics if name not in named),
        *("evaluation_set", "comparable", "status", "artifact", "eligible", "is_active", "is_best", "is_ensemble"),
        *("training_samples", "training_date", "registered_at", "registered_by", "description", "tags"),
    ]
    table = [{**row["metrics"], **row, "tags": " ".join(row["tags"])} for row in rows]
    return pd.DataFrame(table).reindex(columns=columns)


def csv(frame: pd.DataFrame) -> bytes:
    """A CSV file no spreadsheet takes for a program: text that begins like a formula gets an apostrophe before it.

    The byte order mark is what makes a spreadsheet read it as UTF-8.
    """
    safe = frame.copy()
    for column in safe.columns:
        if safe[column].dtype.kind not in "biuf":
            safe[column] = safe[column].map(_defused, na_action="ignore")
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def _defused(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")):
        return f"'{value}"
    return value


def score_terms(score: Score) -> pd.DataFrame:
    """A score taken apart: a row for each weighted metric, the ensemble bonus, and the sum."""
    table: list[dict[str, Any]] = [
        {
            "Part": wording.metric(term.metric) + (" (lower is better)" if term.lower_is_better else ""),
            "Weight": term.weight,
            "Value": term.value,
            "Adds": term.contribution,
        }
        for term in score.terms
    ]
    if score.ensemble_bonus:
        table.append({"Part": "Ensemble bonus", "Weight": None, "Value": None, "Adds": score.ensemble_bonus})
    table.append({"Part": "Score", "Weight": None, "Value": None, "Adds": score.value})
    return pd.DataFrame(table).astype({"Weight": "float64", "Value": "float64", "Adds": "float64"})


def metric_comparison(comparison: Comparison, baseline: int | None = None) -> pd.DataFrame:
    """Metrics as rows, models as columns; with a baseline, a column with the difference of the first to it.

    ``Better`` holds the column of the best value, empty on a tie or where it would compare different sets.
    """
    labels = column_labels(comparison.models)
    table = []
    rows: list[tuple[str, bool, tuple[float | None, ...], int | None]]
    rows = [("composite_score", False, tuple(each.composite_score for each in comparison.models), None)]
    rows += [(each.metric, each.lower_is_better, each.values, each.best) for each in comparison.metrics]
    for name, lower, values, best in rows:
        line: dict[str, Any] = {"Metric": wording.metric(name) + (" ↓" if lower else "")}
        line |= dict(zip(labels, values, strict=True))
        if baseline is not None:
            mine, theirs = values[0], values[baseline]
            line["Difference"] = None if mine is None or theirs is None else mine - theirs
        known = [value for value in values if value is not None]
        if name == "composite_score" and known and known.count(max(known)) == 1:
            best = values.index(max(known))
        line["Better"] = labels[best] if best is not None and comparison.comparable and len(known) > 1 else ""
        table.append(line)
    frame = pd.DataFrame(table)
    numbers = [*labels, *(["Difference"] if baseline is not None else [])]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def metric_list(values: Mapping[str, float], names: Sequence[str]) -> pd.DataFrame:
    """The metrics of one model."""
    return pd.DataFrame({"Metric": [wording.metric(name) for name in names], "Value": [values[name] for name in names]})


def column_labels(models: Sequence[ModelMetadata]) -> list[str]:
    """A short label for each model, unlike the others': its version, with its name where several names meet."""
    several = len({each.model_name for each in models}) > 1
    labels = [f"{each.model_name} {each.version}" if several else each.version for each in models]
    return [f"{label} ★" if model.is_active else label for label, model in zip(labels, models, strict=True)]


def differences(comparison: Comparison) -> pd.DataFrame:
    """What differs besides the metrics: a row for each difference, a column for each model."""
    labels = column_labels(comparison.models)
    table = [
        {"What": what[:1].upper() + what[1:], **dict(zip(labels, map(wording.value, values), strict=True))}
        for what, values in comparison.differences.items()
    ]
    return pd.DataFrame(table, columns=["What", *labels])


def inputs_changed(model: ModelMetadata, champion: ModelMetadata) -> tuple[list[str], list[str]]:
    """The inputs a model has and the champion has not, and the other way round."""
    mine, theirs = set(model.feature_names), set(champion.feature_names)
    return (
        [name for name in model.feature_names if name not in theirs],
        [name for name in champion.feature_names if name not in mine],
    )


def hyperparameters(model: ModelMetadata, champion: ModelMetadata | None) -> pd.DataFrame:
    """Hyperparameters, and the champion's beside them when there is another champion."""
    theirs = champion.hyperparameters if champion and champion.model_id != model.model_id else None
    names = list(dict.fromkeys([*model.hyperparameters, *(theirs or {})]))
    table = []
    for name in names:
        line = {"Hyperparameter": name, "Value": wording.value(model.hyperparameters.get(name))}
        if theirs is not None:
            line["Champion's"] = wording.value(theirs.get(name))
            line["Differs"] = "≠" if model.hyperparameters.get(name) != theirs.get(name) else ""
        table.append(line)
    return pd.DataFrame(table)


def files(model: ModelMetadata) -> pd.DataFrame:
    """The files of a model with their sizes and hashes."""
    table = [{"File": "model", "Size": wording.size(model.model_bytes), "sha256": model.model_sha256}]
    if model.scaler_sha256:
        table.append({"File": "scaler", "Size": wording.size(model.scaler_bytes), "sha256": model.scaler_sha256})
    return pd.DataFrame(table)


def events(found: Sequence[Event], now: datetime, where: tzinfo) -> pd.DataFrame:
    """Events for a table, newest first as they came."""
    return pd.DataFrame(
        [
            {
                "When": wording.ago(each.at, now),
                "What": wording.event(each.kind),
                "Who": each.actor,
                "Model name": each.model_name or wording.MISSING,
                "Model id": each.model_id or wording.MISSING,
                "Reason": each.reason,
                "Change": wording.event_detail(each),
                "At": wording.exact(each.at, where),
                "No.": each.event_id,
            }
            for each in found
        ]
    )


def events_export(found: Sequence[Event]) -> pd.DataFrame:
    """Events for a spreadsheet: every field, before and after as JSON."""
    columns = ["event_id", "at", "kind", "model_name", "model_id", "actor", "reason", "before", "after", "hash"]
    table = [{**each.__dict__, "before": json.dumps(each.before), "after": json.dumps(each.after)} for each in found]
    return pd.DataFrame(table, columns=columns)


def reigns(deployments: Sequence[Deployment], versions: Mapping[str, str], now: datetime) -> pd.DataFrame:
    """Who was champion from when to when, oldest first; the present one ends now."""
    table = [
        {
            "model_id": each.model_id,
            "version": versions.get(each.model_id, each.model_id),
            "start": wording.parsed(each.started_at),
            "end": wording.parsed(each.ended_at) or now,
            "current": each.ended_at is None,
            "lasted": wording.lasted(each.started_at, each.ended_at, now),
            "actor": each.actor,
            "reason": each.reason,
        }
        for each in reversed(deployments)
    ]
    frame = pd.DataFrame(table, columns=["model_id", "version", "start", "end", "current", "lasted", "actor", "reason"])
    return frame.astype({"start": "datetime64[us, UTC]", "end": "datetime64[us, UTC]"})


def trend(rows: Sequence[Mapping[str, Any]], metric: str) -> pd.DataFrame:
    """A metric of every version in the order of registration; versions without it are left out."""
    table = [
        {
            "model_id": row["model_id"],
            "version": row["version"],
            "type": row["model_type"],
            "set": row["evaluation_set"] or wording.UNNAMED_SET,
            "at": wording.parsed(row["registered_at"]),
            "value": metric_of(row, metric),
            "champion": bool(row["is_active"]),
        }
        for row in rows
    ]
    frame = pd.DataFrame(table, columns=["model_id", "version", "type", "set", "at", "value", "champion"])
    frame = frame.astype({"value": "float64", "at": "datetime64[us, UTC]"})
    return frame.dropna(subset=["value"]).reset_index(drop=True)


def champion_line(
    points: pd.DataFrame, deployments: Sequence[Deployment], rolled_back: Sequence[str], now: datetime
) -> pd.DataFrame:
    """The champion's value from deployment to deployment, as the corners of steps, oldest first.

    ``how`` says how each began: ``promoted`` or ``rolled back``. ``version_at`` is the newest version registered by
    then, which is where the step stands when the axis counts versions. A last corner carries the line to the present.
    """
    values = dict(zip(points["model_id"], points["value"], strict=True))
    versions = dict(zip(points["model_id"], points["version"], strict=True))
    table = []
    for each in reversed(deployments):
        if each.model_id in values:
            table.append(
                {
                    "at": wording.parsed(each.started_at),
                    "value": values[each.model_id],
                    "version": versions[each.model_id],
                    "how": "rolled back" if each.started_at in rolled_back else "promoted",
                    "actor": each.actor,
                    "reason": each.reason,
                }
            )
    if table:
        table.append({**table[-1], "at": now, "how": ""})
    frame = pd.DataFrame(table, columns=["at", "value", "version", "how", "actor", "reason"])
    frame = frame.astype({"at": "datetime64[us, UTC]", "value": "float64"})
    known = points.sort_values("at")
    frame["version_at"] = [
        known["version"].iloc[max(0, int(known["at"].searchsorted(at, side="right")) - 1)] for at in frame["at"]
    ]
    return frame


def trend_sentence(points: pd.DataFrame, line: pd.DataFrame, label: str, *, lower_is_better: bool) -> str:
    """The message of the trend in a sentence: where the champion stands, and whether anything beat it."""
    best = points["value"].min() if lower_is_better else points["value"].max()
    top = points[points["value"] == best].iloc[0]
    if line.empty:
        return f"Best {label} so far: {wording.number(best)} by {top['version']}"
    first, last = line.iloc[0], line.iloc[-1]
    label = label if label[1:2].isupper() or label[1:2].isdigit() else label.lower()
    gain = (last["value"] - first["value"]) * (-1 if lower_is_better else 1)
    word = "improved" if gain > 0 else "fell back" if gain < 0 else "stayed"
    moved = (
        f"from {wording.number(first['value'])} to {wording.number(last['value'])}"
        if gain
        else f"at {wording.number(last['value'])}"
    )
    return f"The champion's {label} {word} {moved}" + (
        ""
        if top["version"] == last["version"] or last["value"] == best
        else f"; best is {top['version']} with {wording.number(best)}"
    )
