"""Settings in words: each one's label, unit and range, how a value is said, and what differs between two states."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dashboard import formatting
from registry_core import GatePolicy, MonitoringPolicy, Policy, RetentionPolicy

Kind = Literal["switch", "number", "whole", "choice", "name", "names", "bounds", "weights"]
INHERITED = "from the registry-wide settings"
#: Those that are kept together: a model name has all of such a group of its own, or none.
GROUPS: Mapping[str, type] = {"gates": GatePolicy, "retention": RetentionPolicy, "monitoring": MonitoringPolicy}


@dataclass(frozen=True)
class Setting:
    """One setting. ``path`` is its key, after a point that within its group; an ``optional`` one may be empty."""

    path: str
    label: str
    kind: Kind
    unit: str = ""
    high: float = 1_000_000
    step: float = 1.0
    optional: bool = False
    empty: str = "off"
    choices: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The key of ``configure`` it stands under."""
        return self.path.partition(".")[0]

    @property
    def name(self) -> str:
        """Its name within its group; empty where it stands alone."""
        return self.path.partition(".")[2]

    @property
    def labelled(self) -> str:
        """The label with its unit, where the label does not say it."""
        return f"{self.label} ({self.unit})" if self.unit and self.unit not in self.label.lower() else self.label

    @property
    def default(self) -> Any:
        """What holds when nothing is set."""
        holder = GROUPS[self.key]() if self.name else Policy()
        return getattr(holder, self.name or self.key)

    @property
    def help(self) -> str:
        """What it means, as the policy describes it, and its default."""
        about = _DESCRIBED[self.key if self.name else ""].get(self.name or self.key, "")
        return f"{formatting.sentence(about)} Default: {said(self, self.default)}.".strip()


def _described(policy: type) -> dict[str, str]:
    """The attributes of a policy with what its docstring says of them, in Markdown."""
    _, _, listed = (inspect.getdoc(policy) or "").partition("Attributes:\n")
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8,}.*)*)", listed, re.MULTILINE)
    return {name: " ".join(text.split()).replace("``", "`") for name, text in found}


_DESCRIBED = {"": _described(Policy), **{key: _described(policy) for key, policy in GROUPS.items()}}

RANKING = (
    Setting("performance_weight", "Weights", "weights"),
    Setting("regression_weight", "Regression weights", "weights"),
    Setting("ensemble_bonus", "Ensemble bonus", "number", "share", 1, 0.01),
    Setting("selection_margin", "Promotion margin", "number", "score", step=0.005),
    Setting("lower_is_better", "Minimized metrics", "names", empty="standard losses only"),
    Setting(
        "rank_by",
        "Rank by",
        "choice",
        choices={"reported": "self-reported metrics", "measured": "evaluated metrics"},
    ),
    Setting("benchmark", "Active benchmark", "name", optional=True, empty="the newest"),
    Setting("auto_select_best", "Promote automatically", "switch"),
    Setting("auto_evaluate", "Evaluate automatically", "switch"),
    Setting("keep_example_rows", "Keep example rows with each version", "switch"),
)
GATES = (
    Setting("gates.minimum_metrics", "Minimum metrics (maximum if minimized)", "bounds", empty="none"),
    Setting("gates.primary_metric", "Primary metric", "name", optional=True, empty="the first"),
    Setting(
        "gates.not_worse_than_champion",
        "Non-inferiority margin",
        "number",
        "of the metric",
        step=0.005,
        optional=True,
    ),
    Setting("gates.slice_floors", "Minimum metrics in every slice", "bounds", empty="none"),
    Setting("gates.slice_rows", "Minimum slice size", "whole", "rows", 10_000_000),
    Setting("gates.same_inputs", "Same features and classes as the champion", "switch"),
    Setting("gates.row_microseconds", "Maximum latency", "number", "µs a row", 1e12, 10.0, optional=True),
    Setting("gates.minimum_data_quality", "Minimum data quality", "number", "0 to 1", 1, 0.01, optional=True),
    Setting("gates.required_metadata", "Required fields", "names", empty="none"),
    Setting("gates.approval", "Independent approval", "switch"),
    Setting("gates.benchmark_required", "Evaluation required", "switch"),
    Setting("gates.unchecked_answers", "Allow models without example rows", "switch"),
    Setting(
        "gates.library_versions",
        "Different library versions",
        "choice",
        choices={"warn": "warn", "block": "block"},
    ),
)
RETENTION = (
    Setting("max_models_to_keep", "Versions kept", "whole", "versions", 10_000_000),
    Setting("retention.max_age_days", "Maximum age", "number", "days", 100_000, optional=True, empty="never"),
    Setting("retention.keep_best", "Always keep the best", "whole", "versions", 10_000_000),
    Setting("retention.keep_newest", "Always keep the newest", "whole", "versions", 10_000_000),
    Setting("retention.keep_champions", "Keep former champions", "switch"),
    Setting("retention.trash_days", "Trash retention", "number", "days", 100_000),
    Setting("retention.automatic", "Clean up after every registration", "switch"),
    Setting(
        "retention.compress_after_days", "Compress files older than", "number", "days", 100_000, optional=True,
        empty="never",
    ),
    Setting("retention.sweep_after_days", "Delete orphaned files older than", "number", "days", 100_000),
)  # fmt: skip
MONITORING = (
    Setting(
        "monitoring.on_degradation",
        "On degradation",
        "choice",
        choices={"off": "off", "suggest": "alert", "act": "alert and roll back"},
    ),
    Setting(
        "monitoring.on_rollout",
        "On passed stage gates",
        "choice",
        choices={"suggest": "alert", "act": "advance"},
    ),
    Setting(
        "monitoring.loss",
        "Regression loss",
        "choice",
        choices={"absolute_error": "absolute error", "squared_error": "squared error"},
    ),
    Setting("monitoring.tolerance", "Degradation tolerance", "number", "", 1, 0.005),
    Setting("monitoring.minimum_labels", "Minimum labels", "whole", "labels", 10_000_000, 50),
    Setting("monitoring.baseline_labels", "Baseline labels", "whole", "labels", 10_000_000, 50),
    Setting("monitoring.cooldown_hours", "Rollback cooldown", "number", "hours", 100_000),
    Setting("monitoring.act_without_comparison", "Roll back without comparison", "switch"),
    Setting("monitoring.standby_sample", "Rows the previous champion scores too", "number", "share, 0 to 1", 1, 0.01),
    Setting(
        "monitoring.overdispersion_icc",
        "Intra-day correlation of outcomes",
        "number",
        "0 to 1",
        1,
        0.01,
        optional=True,
        empty="learned",
    ),
    Setting("monitoring.thresholds", "Alert below (above if minimized)", "bounds", empty="none"),
    Setting("monitoring.threshold_labels", "Threshold window", "whole", "labels", 10_000_000, 50),
    Setting("monitoring.slices", "Slice columns", "names", empty="none"),
    Setting("monitoring.failures_in_a_row", "Consecutive failed requests", "whole", "calls", 10_000_000),
    Setting(
        "monitoring.slow_call_ms",
        "Slow request",
        "number",
        "milliseconds",
        3_600_000,
        optional=True,
        empty="off",
    ),
    Setting("monitoring.drift", "Detect feature drift", "switch"),
    Setting(
        "monitoring.maturity_hours",
        "Label delay",
        "number",
        "hours",
        100_000,
        optional=True,
        empty="learned",
    ),
    Setting("monitoring.window_minutes", "Window length", "whole", "minutes", 10_000_000, 5),
    Setting("monitoring.keep_predictions_days", "Keep raw predictions", "whole", "days", 10_000_000),
    Setting("monitoring.notify", "Notify", "names", empty="nobody"),
)
#: Trusted names are settings as well; they are given on a model's page, where one sees what the file holds.
ELSEWHERE = (Setting("trusted_globals", "Allowed imports", "names", empty="none"),)
ALL = (*RANKING, *GATES, *RETENTION, *MONITORING, *ELSEWHERE)
BY_PATH = {each.path: each for each in ALL}


def said(setting: Setting, value: Any) -> str:
    """A value of a setting in words, with its unit."""
    if value is None or (value in ((), [], {}) and setting.kind in ("names", "bounds", "weights")):
        return setting.empty
    if setting.kind == "switch":
        return "on" if value else "off"
    if setting.kind == "choice":
        return setting.choices.get(value, str(value))
    if setting.kind in ("bounds", "weights"):
        # The record sorts its keys; weights are told in the order they usually have.
        usual = list(Policy().performance_weight)
        value = dict(sorted(value.items(), key=lambda each: usual.index(each[0]) if each[0] in usual else len(usual)))
        return ", ".join(f"{formatting.metric(name)} {amount:g}" for name, amount in value.items())
    if setting.kind == "names":
        return ", ".join(value)
    if setting.kind in ("number", "whole"):
        return f"{value:,g} {setting.unit}".strip() if abs(value) < 1e6 else f"{value:,.0f} {setting.unit}".strip()
    return str(value)


@dataclass(frozen=True)
class Difference:
    """One setting that differs between two states; ``model_name`` is None where it holds for all."""

    model_name: str | None
    label: str
    before: str
    after: str

    def line(self) -> str:
        """As one line of Markdown."""
        where = "" if self.model_name is None else f"{formatting.escaped(self.model_name)}: "
        return f"{where}{self.label}: {formatting.escaped(self.before)} → **{formatting.escaped(self.after)}**"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What differs between two states of all settings, as ``Configuration.to_dict`` gives them."""
    found = [*_differing(None, before, after, ({}, {}))]
    old, new = before.get("model_names", {}), after.get("model_names", {})
    for name in sorted({*old, *new}):
        found += _differing(name, old.get(name, {}), new.get(name, {}), (before, after))
    return found


def _differing(
    name: str | None,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    wide: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> Iterator[Difference]:
    """``wide`` are the registry-wide settings, before and after: what a model name has where it has none of its own."""
    for setting in ALL:
        own = [setting.key in each for each in (before, after)]
        values = [_value(setting, each) for each in (before, after)]
        if name is not None and any(own) and not all(own) and setting.name:
            # A whole group came or went: what of it is other than the default is worth a line, or else the group.
            group = (before if own[0] else after)[setting.key]
            if not group and setting.path == next(each.path for each in ALL if each.key == setting.key and each.name):
                came = (INHERITED, "own, all as by default")
                yield Difference(name, setting.key.capitalize(), *(came if own[1] else came[::-1]))
            if setting.name not in group:
                continue
        elif values[0] == values[1] and (name is None or own[0] == own[1]):
            continue
        words = [
            said(setting, value) if mine or name is None else f"{said(setting, _value(setting, all_))} (registry-wide)"
            for value, mine, all_ in zip(values, own, wide, strict=True)
        ]
        yield Difference(name, setting.label, words[0], words[1])


def _value(setting: Setting, settings: Mapping[str, Any]) -> Any:
    if setting.name:
        return settings.get(setting.key, {}).get(setting.name, _plain(setting.default))
    return settings.get(setting.key, _plain(setting.default))


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
