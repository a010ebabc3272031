"""How models are scored, chosen, gated, watched and kept: the policies that the settings are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .gate_policy import GatePolicy
from .settings import documented, setting

SEED_WEIGHTS = {"accuracy": 0.4, "auc": 0.3, "f1_score": 0.2, "data_quality": 0.1}
_MOST = 10_000_000


@documented
@dataclass(frozen=True)
class MonitoringPolicy:
    """How live traffic is monitored, and which actions are automatic."""

    on_degradation: Literal["off", "suggest", "act"] = setting(
        "act",
        "On degradation",
        "Action when the champion degrades in production: ``off`` does not monitor it, ``suggest`` opens an alert, "
        "``act`` also rolls back to the last healthy champion.",
        "choice", choices={"off": "off", "suggest": "alert", "act": "alert and roll back"},
    )  # fmt: skip
    on_rollout: Literal["suggest", "act"] = setting(
        "act",
        "On passed stage gates",
        "``suggest`` opens an alert when the gates of a stage pass; ``act`` also advances to the next stage, up to "
        "the promotion, and stops a challenger that is worse.",
        "choice", choices={"suggest": "alert", "act": "advance"},
    )  # fmt: skip
    loss: Literal["absolute_error", "squared_error"] = setting(
        "absolute_error",
        "Regression loss",
        "The loss by which regressions are monitored.",
        "choice", choices={"absolute_error": "absolute error", "squared_error": "squared error"},
    )  # fmt: skip
    tolerance: float = setting(
        0.01,
        "Degradation tolerance",
        "How far the error rate may rise above the baseline: 0.01 is one percentage point. For a regression loss, a "
        "fraction of the baseline.",
        "number", unit="0 to 1", high=1, step=0.005,
    )  # fmt: skip
    minimum_labels: int = setting(
        200,
        "Minimum labels",
        "Labelled predictions of the champion required before any action.",
        "whole", unit="labels", low=1, high=_MOST, step=50,
    )  # fmt: skip
    baseline_labels: int = setting(
        1000,
        "Baseline labels",
        "Labelled predictions that form the baseline of a champion without an evaluation.",
        "whole", unit="labels", low=1, high=_MOST, step=50,
    )  # fmt: skip
    cooldown_hours: float = setting(
        24.0,
        "Rollback cooldown",
        "Minimum time between two automatic rollbacks.",
        "number", unit="hours", high=100_000,
    )  # fmt: skip
    act_without_comparison: bool = setting(
        False,
        "Roll back without comparison",
        "Roll back as soon as the champion is worse than its baseline, without evidence that the previous champion is "
        "better now. If the data became harder for all versions, this may restore a worse one.",
        "switch",
    )  # fmt: skip
    standby_sample: float = setting(
        0.05,
        "Shadow rate of previous champion",
        "The fraction of rows that the previous champion also scores while the champion is healthy. During a "
        "degradation it scores all rows.",
        "number", unit="0 to 1", high=1, step=0.01,
    )  # fmt: skip
    overdispersion_icc: float | None = setting(
        None,
        "Intra-day correlation of outcomes",
        "Intraclass correlation of the labels of one day. If empty, estimated from past days.",
        "number", unit="0 to 1", high=1, step=0.01, optional=True, empty="learned",
    )  # fmt: skip
    thresholds: Mapping[str, float] = setting(
        {},
        "Alert below (above if minimized)",
        "Metric -> its lowest allowed value over the last ``threshold_labels`` labels (highest, where lower is "
        "better). A narrow margin causes false alerts. Thresholds open alerts, they never roll back.",
        "bounds", empty="none",
    )  # fmt: skip
    threshold_labels: int = setting(
        500,
        "Threshold window",
        "The number of most recent labels a threshold applies to.",
        "whole", unit="labels", low=1, high=_MOST, step=50,
    )  # fmt: skip
    slices: tuple[str, ...] = setting(
        (),
        "Slice columns",
        "Columns whose values are monitored separately, such as ``region``. A degraded slice opens an alert and never "
        "causes a rollback. A challenger that is worse in a slice does not advance.",
        "columns", empty="none", example="region",
    )  # fmt: skip
    failures_in_a_row: int = setting(
        5,
        "Consecutive failed requests",
        "Failed requests in a row after which the champion counts as failing.",
        "whole", unit="requests", low=1, high=_MOST,
    )  # fmt: skip
    slow_call_ms: float | None = setting(
        None,
        "Slow request",
        "A request is slow above this latency. In a split, a challenger that is slow more often than the champion "
        "opens an alert and does not advance. If empty, not monitored.",
        "number", unit="milliseconds", high=3_600_000, optional=True, empty="not monitored",
    )  # fmt: skip
    drift: bool = setting(
        True, "Detect feature drift", "Compare features and scores with the training reference.", "switch"
    )
    maturity_hours: float | None = setting(
        None,
        "Label delay",
        "Predictions count after this time, or once every prediction of their window has its label: early labels are "
        "a biased sample. If empty, estimated from past label delays.",
        "number", unit="hours", high=100_000, optional=True, empty="learned",
    )  # fmt: skip
    window_minutes: int = setting(
        60,
        "Window length",
        "Length of an aggregation window, by time of prediction.",
        "whole", unit="minutes", low=1, high=_MOST, step=5,
    )  # fmt: skip
    keep_predictions_days: int = setting(
        90,
        "Keep raw predictions",
        "Raw predictions older than this move to ``archive/``; their aggregated statistics stay.",
        "whole", unit="days", low=1, high=_MOST,
    )  # fmt: skip
    notify: tuple[str, ...] = setting(
        (),
        "Notify",
        "Where alerts are sent: ``https://...`` (JSON by POST), a service of apprise (``slack://...``, "
        "``mailto://...``), or ``env:NAME`` for an address in an environment variable. Public addresses only.",
        "names", empty="nobody", example="https://hooks.example.org/models",
    )  # fmt: skip


@documented
@dataclass(frozen=True)
class RetentionPolicy:
    """Which versions are kept. Champions, rollback targets, challengers and pinned versions are always kept.

    ``max_models_to_keep`` versions of a model name are kept, including those that are always kept. The oldest are
    removed first.
    """

    max_models_to_keep: int = 50
    max_age_days: float | None = setting(
        None,
        "Maximum age",
        "Versions registered longer ago are removed, whatever their number. If empty, versions are not removed by age.",
        "number", unit="days", high=100_000, optional=True, empty="never",
    )  # fmt: skip
    keep_best: int = setting(
        5,
        "Always keep the best",
        "The number of highest scores that are always kept.",
        "whole", unit="versions", high=_MOST,
    )  # fmt: skip
    keep_newest: int = setting(
        3,
        "Always keep the newest",
        "The number of newest versions that are always kept, even above the maximum number: they had no chance to be "
        "promoted yet.",
        "whole", unit="versions", high=_MOST,
    )  # fmt: skip
    keep_champions: bool = setting(True, "Keep former champions", "Keep every version that was champion.", "switch")
    trash_days: float = setting(
        30.0,
        "Trash retention",
        "How long a version stays in the trash before its files are purged.",
        "number", unit="days", high=100_000,
    )  # fmt: skip
    automatic: bool = setting(
        False, "Clean up after every registration", "Clean up after every registration of the model name.", "switch"
    )
    compress_after_days: float | None = setting(
        None,
        "Compress files older than",
        "Compress the files of versions registered longer ago, during an automatic cleanup or when ``compress`` is "
        "called without an age. If empty, files are not compressed.",
        "number", unit="days", high=100_000, optional=True, empty="never",
    )  # fmt: skip
    sweep_after_days: float = setting(
        1.0,
        "Delete orphaned files older than",
        "Orphaned files (no catalog entry refers to them) are deleted at this age.",
        "number", unit="days", high=100_000,
    )  # fmt: skip


@documented
@dataclass(frozen=True)
class Policy:
    """How the versions of one model name are scored and promoted automatically.

    ``own_weights``: whether the weights were set for this model name.
    """

    auto_select_best: bool = setting(
        True, "Promote automatically", "Promote a newly registered version that beats the champion.", "switch"
    )
    max_models_to_keep: int = setting(
        50,
        "Versions kept",
        "The number of versions kept for each model name.",
        "whole", unit="versions", low=1, high=_MOST,
    )  # fmt: skip
    performance_weight: Mapping[str, float] = setting(
        SEED_WEIGHTS, "Weights", "Metric -> its weight in the composite score.", "weights"
    )
    regression_weight: Mapping[str, float] = setting(
        {"r2": 1.0},
        "Regression weights",
        "Metric -> its weight, for regression models of a model name without weights of its own.",
        "weights",
    )
    ensemble_bonus: float = setting(
        0.05,
        "Ensemble bonus",
        "The fraction by which the score of an ensemble is raised; 0.05 by default.",
        "number", unit="0 to 1", high=1, step=0.01,
    )  # fmt: skip
    selection_margin: float = setting(
        0.0,
        "Promotion margin",
        "The minimum lead over the champion's score for an automatic promotion.",
        "number", unit="score", step=0.005,
    )  # fmt: skip
    lower_is_better: tuple[str, ...] = setting(
        (),
        "Minimized metrics",
        "Further metrics for which lower is better.",
        "names", empty="standard losses only", example="wape",
    )  # fmt: skip
    rank_by: Literal["reported", "measured"] = setting(
        "reported",
        "Rank by",
        "Rank by self-reported metrics (``reported``), or by metrics evaluated on the benchmark (``measured``). "
        "Weights of metrics that evaluations do not yield are then omitted, and the others rescaled.",
        "choice", choices={"reported": "self-reported metrics", "measured": "evaluated metrics"},
    )  # fmt: skip
    benchmark: str | None = setting(
        None,
        "Active benchmark",
        "The benchmark for ranking and gates. If empty, the newest of the model name.",
        "name", optional=True, empty="the newest",
    )  # fmt: skip
    outcome_values: Mapping[str, float] = setting(
        {},
        "Outcome values",
        "The value of one row of a binary classification by its outcome; a cost is negative. The default is 0.",
        "bounds", empty="none", example='{"miss": -50, "false_alarm": -5}',
        choices={
            "hit": "Hit", "miss": "Miss", "false_alarm": "False alarm", "correct_rejection": "Correct rejection",
        },
    )  # fmt: skip
    auto_evaluate: bool = setting(
        True,
        "Evaluate automatically",
        "Evaluate every new version on the active benchmark before it can become champion.",
        "switch",
    )
    gates: Mapping[str, Any] = setting(
        {},
        "Promotion gates",
        "The checks a version must pass before its promotion: the settings of ``GatePolicy``.",
        "group", example='gates with what they ask, such as {"minimum_metrics": {"accuracy": 0.9}}',
    )  # fmt: skip
    monitoring: Mapping[str, Any] = setting(
        {},
        "Monitoring",
        "How live traffic is monitored: the settings of ``MonitoringPolicy``.",
        "group", example='what is watched and done, such as {"on_degradation": "suggest"}',
    )  # fmt: skip
    retention: Mapping[str, Any] = setting(
        {},
        "Retention",
        "Which versions are kept: the other settings of ``RetentionPolicy``.",
        "group", example='what is kept, such as {"keep_best": 10, "max_age_days": 365}',
    )  # fmt: skip
    keep_example_rows: bool = setting(
        True,
        "Keep example rows with each version",
        "Keep up to 32 example rows with each version, and its predictions for them.",
        "switch",
    )
    trusted_globals: tuple[str, ...] = setting(
        (),
        "Allowed imports",
        "Exact names (``package.module.name``) that files may import besides the built-in allowlist.",
        "names", empty="none", example="my_package.models.Calibrated",
    )  # fmt: skip
    own_weights: bool = False

    @property
    def gate_policy(self) -> GatePolicy:
        """The settings of the promotion gates."""
        return GatePolicy(**self.gates, lower_is_better=self.lower_is_better)

    @property
    def monitoring_policy(self) -> MonitoringPolicy:
        """The monitoring settings."""
        return MonitoringPolicy(**self.monitoring)

    @property
    def retention_policy(self) -> RetentionPolicy:
        """The retention settings."""
        return RetentionPolicy(**self.retention, max_models_to_keep=self.max_models_to_keep)

    def weights(self, task: Literal["classification", "regression"] | None) -> Mapping[str, float]:
        """The weights for a model of this task: weights of the model name take precedence over regression weights."""
        if task == "regression" and not self.own_weights:
            return self.regression_weight
        return self.performance_weight
