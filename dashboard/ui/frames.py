"""Records -> DataFrames: what tables and charts show. No Streamlit here."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

import numpy as np
import pandas as pd

from dashboard import formatting
from dashboard.queries import METRIC_COLUMN
from dashboard.ui.columns import Column
from registry_core import Comparison, Deployment, Event, ModelMetadata, Score, Signature

NAMED = ("accuracy", "auc", "f1_score", "precision", "recall", "data_quality_score")


def metric_of(row: Mapping[str, Any], name: str) -> float | None:
    """A metric, or the score, of one row of the leaderboard."""
    if name in NAMED or name == "composite_score":
        value: float | None = row[name]
        return value
    ours = name.startswith(formatting.MEASURED)
    further: Mapping[str, float] = row["measured" if ours else "metrics"]
    return further.get(name.removeprefix(formatting.MEASURED))


def metric_column(name: str) -> str:
    """The column of a metric: no metric, however it is called, takes the place of another column."""
    return METRIC_COLUMN + name


def numbers(values: Iterable[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A column of numbers; what is not known is NaN."""
    return np.array(list(values), dtype=np.float64)


def csv(frame: pd.DataFrame) -> bytes:
    """A CSV file no spreadsheet takes for a program: text that begins like a formula gets an apostrophe before it.

    The byte order mark is what makes a spreadsheet read it as UTF-8.
    """
    safe = frame.copy()
    for column in safe.columns:
        if safe[column].dtype.kind not in "biuf":
            safe[column] = safe[column].map(_defused, na_action="ignore")
    # Names of metrics are somebody's text as well.
    safe.columns = [_defused(column) for column in safe.columns]
    return safe.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def _defused(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _like_a_formula(value) else value


#: Letters and signs by their kind, and not to be seen.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def _like_a_formula(text: str) -> bool:
    """Whether a spreadsheet may take a text for a formula: it passes over what is not seen, and reads wide signs."""
    if text.startswith(("\t", "\r", "\n")):
        return True
    seen = (
        each
        for each in unicodedata.normalize("NFKC", text)
        if unicodedata.category(each)[0] not in "CMZ" and each not in _BLANK
    )
    return next(seen, "") in {"=", "+", "-", "\u2212", "@", "|", "%"}


def score_terms(score: Score) -> pd.DataFrame:
    """A score taken apart: a row for each weighted metric, the ensemble bonus, and the sum."""
    labels = formatting.metric_labels((term.metric for term in score.terms), taken=("Score", "Ensemble bonus"))
    table: list[dict[str, Any]] = [
        {
            "Part": labels[term.metric] + (" (lower is better)" if term.lower_is_better else ""),
            "Weight": term.weight,
            "Value": term.value,
            "Contribution": term.contribution,
        }
        for term in score.terms
    ]
    if score.ensemble_bonus:
        table.append({"Part": "Ensemble bonus", "Weight": None, "Value": None, "Contribution": score.ensemble_bonus})
    table.append({"Part": "Score", "Weight": None, "Value": None, "Contribution": score.value})
    return pd.DataFrame(table).astype({"Weight": "float64", "Value": "float64", "Contribution": "float64"})


def metric_comparison(comparison: Comparison, baseline: int | None = None) -> pd.DataFrame:
    """Metrics as rows, models as columns; with a baseline, a column with the difference of the first to it.

    ``Better`` holds the column of the best value, empty on a tie or where it would compare different sets.
    """
    labels = column_labels(comparison.models)
    table = []
    rows: list[tuple[str, bool, tuple[float | None, ...], int | None]]
    rows = [("composite_score", False, tuple(each.composite_score for each in comparison.models), None)]
    rows += [(each.metric, each.lower_is_better, each.values, each.best) for each in comparison.metrics]
    named = formatting.metric_labels((each.metric for each in comparison.metrics), taken=("Score",))
    for place, (name, lower, values, best) in enumerate(rows):
        line: dict[str, Any] = {"Metric": ("Score" if place == 0 else named[name]) + (" ↓" if lower else "")}
        line |= dict(zip(labels, values, strict=True))
        if baseline is not None:
            mine, theirs = values[0], values[baseline]
            line["Difference"] = None
            if comparison.comparable and mine is not None and theirs is not None:
                line["Difference"] = mine - theirs
        known = [value for value in values if value is not None]
        if place == 0 and known and known.count(max(known)) == 1:
            best = values.index(max(known))
        line["Better"] = labels[best] if best is not None and comparison.comparable and len(known) > 1 else ""
        table.append(line)
    frame = pd.DataFrame(table)
    numbers = [*labels, *(["Difference"] if baseline is not None else [])]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def metric_list(values: Mapping[str, float], names: Sequence[str]) -> pd.DataFrame:
    """The metrics of one model."""
    labels = formatting.metric_labels(names)
    return pd.DataFrame({"Metric": [labels[name] for name in names], "Value": [values[name] for name in names]})


def column_labels(models: Sequence[ModelMetadata]) -> list[str]:
    """A short label for each model, unlike the others': its version, with its name where several names meet."""
    several = len({each.model_name for each in models}) > 1
    labels = [f"{each.model_name} {each.version}" if several else each.version for each in models]
    return [f"{label} ★" if model.is_active else label for label, model in zip(labels, models, strict=True)]


def differences(comparison: Comparison) -> pd.DataFrame:
    """What differs besides the metrics: a row for each difference, a column for each model."""
    labels = column_labels(comparison.models)
    table = [
        {
            "What": what[:1].upper() + what[1:],
            **{
                label: formatting.NOT_SAID if value == () else formatting.value(value)
                for label, value in zip(labels, values, strict=True)
            },
        }
        for what, values in comparison.differences.items()
    ]
    return pd.DataFrame(table, columns=["What", *labels])


def features_changed(model: Signature, champion: Signature) -> tuple[list[str], list[str]]:
    """The features only one of the two has: the model, then the champion; none where one of them names nothing."""
    if "none" in (model.names, champion.names):
        return [], []
    mine, theirs = {*model.feature_names}, {*champion.feature_names}
    return (
        [name for name in model.feature_names if name not in theirs],
        [name for name in champion.feature_names if name not in mine],
    )


def features(signature: Signature) -> pd.DataFrame:
    """One line a feature: its name, kind, and the levels of a category where any has levels."""
    found = pd.DataFrame(
        {
            "Feature": [formatting.visible(each.name) for each in signature.features],
            "Kind": [each.kind for each in signature.features],
            "Levels": [formatting.visible(", ".join(map(str, each.levels))) or None for each in signature.features],
        }
    )
    return found if found["Levels"].notna().any() else found.drop(columns="Levels")


def hyperparameters(model: ModelMetadata, champion: ModelMetadata | None) -> pd.DataFrame:
    """Hyperparameters, and the champion's beside them when there is another champion.

    Where one of the two has none on record, nobody said them: that is no difference.
    """
    theirs = champion.hyperparameters if champion and champion.model_id != model.model_id else None
    names = list(dict.fromkeys([*model.hyperparameters, *(theirs or {})]))
    table = []
    for name in names:
        line = {"Hyperparameter": formatting.visible(name), "Value": _said(model.hyperparameters, name)}
        if theirs is not None:
            line["Champion's"] = _said(theirs, name)
            both = bool(model.hyperparameters and theirs)
            line["Differs"] = "≠" if both and model.hyperparameters.get(name) != theirs.get(name) else ""
        table.append(line)
    return pd.DataFrame(table)


def _said(parameters: Mapping[str, Any], name: str) -> str:
    return formatting.visible(formatting.value(parameters.get(name))) if parameters else formatting.NOT_SAID


def files(model: ModelMetadata) -> pd.DataFrame:
    """The files of a model with their sizes and hashes."""
    table = [{"File": "model", "Size": formatting.size(model.model_bytes), "sha256": model.model_sha256}]
    if model.scaler_sha256:
        table.append({"File": "scaler", "Size": formatting.size(model.scaler_bytes), "sha256": model.scaler_sha256})
    return pd.DataFrame(table)


def event_columns(
    now: datetime, where: tzinfo, versions: Mapping[str, str] | None = None, *, names: bool = True
) -> tuple[Column[Event], ...]:
    """The columns of events. ``versions`` names the version of each model id; without it, and with ``names`` off, there
    is no column for whose they are."""
    known = versions or {}
    name = Column[Event]("Model name", lambda event: event.model_name or formatting.MISSING, 120)
    version = Column[Event]("Version", lambda event: known.get(event.model_id or "", formatting.MISSING), 66)
    model_id = Column[Event]("Model id", lambda event: event.model_id or formatting.MISSING, 330)
    ids = versions is not None
    return (
        Column("When", lambda event: formatting.ago(event.at, now), 96, pinned=True),
        Column("What", lambda event: formatting.event(event.kind), 172),
        Column("Who", lambda event: formatting.visible(event.actor), 92),
        *((name,) if names else ()),
        *((version,) if ids else ()),
        Column("Reason", lambda event: formatting.visible(event.reason), 235),
        Column("Change", lambda event: formatting.visible(formatting.event_detail(event, known)), 255),
        Column("At", lambda event: formatting.exact(event.at, where), 176),
        *((model_id,) if ids else ()),
        Column("No.", lambda event: event.event_id, 60, "ordinal"),
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
            "start": formatting.parsed(each.started_at),
            "end": formatting.parsed(each.ended_at) or now,
            "current": each.ended_at is None,
            "lasted": formatting.lasted(each.started_at, each.ended_at, now),
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
            "set": row["evaluation_set"] or formatting.UNNAMED_SET,
            "at": formatting.parsed(row["registered_at"]),
            "value": metric_of(row, metric),
            "champion": bool(row["is_active"]),
        }
        for row in sorted(rows, key=lambda row: str(row["registered_at"]))
    ]
    frame = pd.DataFrame(table, columns=["model_id", "version", "type", "set", "at", "value", "champion"])
    frame = frame.astype({"value": "float64", "at": "datetime64[us, UTC]"})
    return frame.dropna(subset=["value"]).reset_index(drop=True)


def champion_line(
    points: pd.DataFrame,
    deployments: Sequence[Deployment],
    rolled_back: Sequence[str],
    now: datetime,
    versions: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """The champion's value from deployment to deployment, as the corners of steps, oldest first.

    ``how`` says how each began: ``promoted`` or ``rolled back``; it is empty where a step only ends. Where a champion
    lacks the metric, or there was none, the value is missing and the line is broken. ``place`` is the row in ``points``
    of the newest version registered by then, which is where the step stands when the axis counts versions.
    """
    known = points.set_index("model_id")
    columns = ["at", "value", "version", "set", "how", "actor", "reason"]
    table: list[dict[str, Any]] = []
    until: str | None = None
    for each in reversed(deployments):
        if until is not None and until < each.started_at:
            _end(table, until)
        has = each.model_id in known.index
        if table and not has:
            _end(table, each.started_at)
        table.append(
            {
                "at": formatting.parsed(each.started_at),
                "value": known.loc[each.model_id, "value"] if has else None,
                "version": known.loc[each.model_id, "version"] if has else (versions or {}).get(each.model_id, "?"),
                "set": known.loc[each.model_id, "set"] if has else None,
                "how": "rolled back" if each.started_at in rolled_back else "promoted",
                "actor": each.actor,
                "reason": each.reason,
            }
        )
        until = each.ended_at
    if until is not None:
        _end(table, until)
    elif table:
        table.append({**table[-1], "at": now, "how": ""})
    if all(corner["value"] is None for corner in table):
        table = []
    frame = pd.DataFrame(table, columns=columns).astype({"at": "datetime64[us, UTC]", "value": "float64"})
    frame["place"] = [max(0, int(points["at"].searchsorted(at, side="right")) - 1) for at in frame["at"]]
    return frame


def _end(table: list[dict[str, Any]], at: str) -> None:
    """Carry the last step to a moment and break the line there."""
    last = {**table[-1], "at": formatting.parsed(at), "how": ""}
    table += [last, {**last, "value": None, "set": None}]


def trend_sentence(points: pd.DataFrame, line: pd.DataFrame, label: str, *, lower_is_better: bool) -> str:
    """The message of the trend in a sentence: where the champion stands, and whether anything beat it.

    Only versions of one evaluation set are held against each other: the champion's, else the newest version's.
    """
    serving = len(line) > 0 and pd.notna(line["value"].iloc[-1])
    measured = line["set"].iloc[-1] if serving else points["set"].iloc[-1]
    on = f" on {measured}" if points["set"].nunique() > 1 else ""
    alike = points[points["set"] == measured]
    best = alike["value"].min() if lower_is_better else alike["value"].max()
    top = alike[alike["value"] == best].iloc[0]
    if not serving:
        return f"Best {label}{on} so far: {formatting.number(best)} by {top['version']}"
    steps = line[line["set"] == measured]
    first, last = steps.iloc[0], steps.iloc[-1]
    label = label if label[1:2].isupper() or label[1:2].isdigit() or "_" in label else label.lower()
    gain = (last["value"] - first["value"]) * (-1 if lower_is_better else 1)
    word = "improved" if gain > 0 else "declined" if gain < 0 else "stayed"
    moved = (
        f"from {formatting.number(first['value'])} to {formatting.number(last['value'])}"
        if gain
        else f"at {formatting.number(last['value'])}"
    )
    return f"The champion's {label}{on} {word} {moved}" + (
        ""
        if top["version"] == last["version"] or last["value"] == best
        else f"; best is {top['version']} with {formatting.number(best)}"
    )
