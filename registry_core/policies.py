"""How models are scored, chosen, gated, watched and kept: the policies that the settings are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .settings import documented, setting

SEED_WEIGHTS = {"accuracy": 0.4, "auc": 0.3, "f1_score": 0.2, "data_quality": 0.1}
_MOST = 10_000_000


@documented
@dataclass(frozen=True)
class GatePolicy:
    """What a version must pass before it is promoted. The defaults require a trusted file and the same features.

    ``lower_is_better`` names the metrics, beyond the well-known ones, of which a lower value is better.
    """

    minimum_metrics: Mapping[str, float] = setting(
        {},
        "Minimum metrics (maximum if minimized)",
        "Metric -> its lowest allowed value, or the highest for a metric where lower is better. The value measured by "
        "the registry counts; a metric it did not measure counts as reported.",
        "bounds", empty="none",
    )  # fmt: skip
    primary_metric: str | None = setting(
        None,
        "Primary metric",
        "The metric in which a version is compared with the champion. Left empty, it is the first metric that was "
        "compared.",
        "name", optional=True, empty="the first compared",
    )  # fmt: skip
    not_worse_than_champion: float | None = setting(
        None,
        "Non-inferiority margin",
        "By how much the primary metric may be worse than the champion's, in units of the metric, at the bad end of "
        "the 95% interval of the paired difference. 0 requires proof that it is no worse. Left empty, it is not "
        "checked.",
        "number", unit="of the metric", step=0.005, optional=True, empty="not checked",
    )  # fmt: skip
    slice_floors: Mapping[str, float] = setting(
        {},
        "Minimum metrics in every slice",
        "Metric -> its lowest allowed value (highest, where lower is better) in every slice with at least "
        "``slice_rows`` rows.",
        "bounds", empty="none",
    )  # fmt: skip
    slice_rows: int = setting(
        30,
        "Minimum slice size",
        "Slices with fewer rows are not judged: their metrics are mostly chance.",
        "whole", unit="rows", low=1, high=_MOST,
    )  # fmt: skip
    fairness_gaps: Mapping[str, float] = setting(
        {},
        "Maximum fairness gaps",
        "Rate -> by how much it may differ at most between two groups of a protected column of the active benchmark. "
        "Rates of fewer than ``slice_rows`` rows are not counted.",
        "bounds", empty="none", example='{"selection_rate": 0.1}',
        choices={
            "selection_rate": "Selection rate", "true_positive_rate": "True positive rate",
            "false_positive_rate": "False positive rate", "accuracy": "Accuracy",
        },
    )  # fmt: skip
    outcome_value_margin: float | None = setting(
        None,
        "Outcome value margin",
        "By how much the value per 1,000 rows may be below the champion's, each at its best threshold, at the bad end "
        "of the 95% interval. The values are those of ``outcome_values``. Left empty, it is not checked.",
        "number", unit="per 1,000 rows", high=1e12, step=10.0, optional=True, empty="not checked",
    )  # fmt: skip
    same_inputs: bool = setting(
        True,
        "Same features and classes as the champion",
        "Require the champion's features by name, order and kind, its task and its classes: whoever sends rows to the "
        "champion sends them to its successor. Features that are not recorded cannot be compared, and fail.",
        "switch",
    )  # fmt: skip
    row_microseconds: float | None = setting(
        None,
        "Maximum latency",
        "The longest a prediction may take, per row.",
        "number", unit="µs per row", high=1e12, step=10.0, optional=True, empty="not checked",
    )  # fmt: skip
    minimum_data_quality: float | None = setting(
        None,
        "Minimum data quality",
        "The lowest reported ``data_quality_score``.",
        "number", unit="0 to 1", high=1, step=0.01, optional=True, empty="not checked",
    )  # fmt: skip
    required_metadata: tuple[str, ...] = setting(
        (),
        "Required fields",
        "Fields of the version that must not be empty; other names are looked up in ``training_info``.",
        "names", empty="none", example="description",
    )  # fmt: skip
    required_card: tuple[str, ...] = setting(
        (),
        "Required model card fields",
        "Fields of the model card that people must have written for the version or its model name.",
        "names", empty="none",
        choices={"purpose": "purpose", "limits": "limits", "owner": "owner", "risk_tier": "risk tier"},
    )  # fmt: skip
    approval: bool = setting(
        False,
        "Independent approval",
        "Require an approval by a person other than the registrar, and no open rejection.",
        "switch",
    )  # fmt: skip
    benchmark_required: bool = setting(
        False,
        "Evaluation required",
        "Require that the registry evaluated the version on its benchmark.",
        "switch",
    )  # fmt: skip
    unchecked_answers: bool = setting(
        False,
        "Allow models without example rows",
        "Allow versions without example rows, whose predictions cannot be compared with those at registration.",
        "switch",
    )  # fmt: skip
    library_versions: Literal["warn", "block"] = setting(
        "warn",
        "Different library versions",
        "``warn`` shows which library versions differ from those a version was registered with; ``block`` also "
        "refuses the promotion when their major or minor numbers differ.",
        "choice", choices={"warn": "warn", "block": "block"},
    )  # fmt: skip
    lower_is_better: tuple[str, ...] = ()


@documented
@dataclass(frozen=True)
class MonitoringPolicy:
    """How live traffic is watched, and what the registry does about it automatically."""

    on_degradation: Literal["off", "suggest", "act"] = setting(
        "act",
        "On degradation",
        "What to do when the champion fails in production: ``off`` does not watch it, ``suggest`` opens an alert, "
        "``act`` also rolls back to the last healthy champion.",
        "choice", choices={"off": "off", "suggest": "alert", "act": "alert and roll back"},
    )  # fmt: skip
    on_rollout: Literal["suggest", "act"] = setting(
        "act",
        "On passed stage gates",
        "``suggest`` opens an alert when the gates of a stage pass; ``act`` also takes the stage, the promotion at the "
        "end included, and stops a challenger that does harm.",
        "choice", choices={"suggest": "alert", "act": "advance"},
    )  # fmt: skip
    loss: Literal["absolute_error", "squared_error"] = setting(
        "absolute_error",
        "Regression loss",
        "What one prediction of a regression costs.",
        "choice", choices={"absolute_error": "absolute error", "squared_error": "squared error"},
    )  # fmt: skip
    tolerance: float = setting(
        0.01,
        "Degradation tolerance",
        "By how much the error rate may exceed the baseline's before it counts as worse: 0.01 is one percentage point; "
        "for a loss it is a fraction of the baseline's.",
        "number", unit="0 to 1", high=1, step=0.005,
    )  # fmt: skip
    minimum_labels: int = setting(
        200,
        "Minimum labels",
        "Labelled predictions of the champion before anything is done.",
        "whole", unit="labels", low=1, high=_MOST, step=50,
    )  # fmt: skip
    baseline_labels: int = setting(
        1000,
        "Baseline labels",
        "Labelled predictions that make the baseline of a champion the registry never evaluated.",
        "whole", unit="labels", low=1, high=_MOST, step=50,
    )  # fmt: skip
    cooldown_hours: float = setting(
        24.0,
        "Rollback cooldown",
        "After an automatic rollback there is no other one for so long.",
        "number", unit="hours", high=100_000,
    )  # fmt: skip
    act_without_comparison: bool = setting(
        False,
        "Roll back without comparison",
        "Roll back as soon as the champion is worse than its baseline, without knowing that the previous one is better "
        "now. When the data became harder for every version, that promotes a worse one.",
        "switch",
    )  # fmt: skip
    standby_sample: float = setting(
        0.05,
        "Rows the previous champion scores too",
        "The fraction of rows that the previous champion scores beside the present one while all is well. It scores "
        "all of them while there is trouble.",
        "number", unit="0 to 1", high=1, step=0.01,
    )  # fmt: skip
    overdispersion_icc: float | None = setting(
        None,
        "Intra-day correlation of outcomes",
        "Intraclass correlation of the labels of one day. Left empty, it is learnt from past days.",
        "number", unit="0 to 1", high=1, step=0.01, optional=True, empty="learned",
    )  # fmt: skip
    thresholds: Mapping[str, float] = setting(
        {},
        "Alert below (above if minimized)",
        "Metric -> its lowest allowed value over the last ``threshold_labels`` labels (highest, where lower is "
        "better). A narrow margin raises false alerts: thresholds alert, they never roll back.",
        "bounds", empty="none",
    )  # fmt: skip
    threshold_labels: int = setting(
        500,
        "Threshold window",
        "How many of the last labels a threshold looks at.",
        "whole", unit="labels", low=1, high=_MOST, step=50,
    )  # fmt: skip
    slices: tuple[str, ...] = setting(
        (),
        "Slice columns",
        "Columns of the predictions each value of which is watched by itself, such as ``region``. A slice that became "
        "worse opens an alert and never rolls back. A challenger that is worse in a slice does not advance.",
        "columns", empty="none", example="region",
    )  # fmt: skip
    failures_in_a_row: int = setting(
        5,
        "Consecutive failed requests",
        "Requests in a row that the champion may fail to answer before it counts as failing.",
        "whole", unit="requests", low=1, high=_MOST,
    )  # fmt: skip
    slow_call_ms: float | None = setting(
        None,
        "Slow request",
        "A request answered in more milliseconds is slow. In a split, a challenger that is slow more often than the "
        "champion opens an alert and does not advance. Left empty, it is not watched.",
        "number", unit="milliseconds", high=3_600_000, optional=True, empty="not watched",
    )  # fmt: skip
    drift: bool = setting(
        True, "Detect feature drift", "Compare features and scores with the training reference.", "switch"
    )
    maturity_hours: float | None = setting(
        None,
        "Label delay",
        "Predictions younger than this do not count yet, unless every prediction of their window has its label: early "
        "labels are a biased sample. Left empty, it is learnt from how late labels came before.",
        "number", unit="hours", high=100_000, optional=True, empty="learned",
    )  # fmt: skip
    window_minutes: int = setting(
        60,
        "Window length",
        "The length of a window of statistics, by the time of prediction.",
        "whole", unit="minutes", low=1, high=_MOST, step=5,
    )  # fmt: skip
    keep_predictions_days: int = setting(
        90,
        "Keep raw predictions",
        "Raw predictions older than this move to ``archive/``; their windows of statistics stay.",
        "whole", unit="days", low=1, high=_MOST,
    )  # fmt: skip
    notify: tuple[str, ...] = setting(
        (),
        "Notify",
        "Where alerts are sent: ``https://...`` (JSON by POST), a service of apprise (``slack://...``, "
        "``mailto://...``), or ``env:NAME`` for an address kept in an environment variable. Public addresses only.",
        "names", empty="nobody", example="https://hooks.example.org/models",
    )  # fmt: skip


@documented
@dataclass(frozen=True)
class RetentionPolicy:
    """Which versions are kept. Champions, rollback targets, challengers and pinned versions always are.

    ``max_models_to_keep`` versions of a model name are kept, those that are always kept included; the oldest go first.
    """

    max_models_to_keep: int = 50
    max_age_days: float | None = setting(
        None,
        "Maximum age",
        "Versions registered longer ago go, however few there are. Left empty, age alone is no reason.",
        "number", unit="days", high=100_000, optional=True, empty="never",
    )  # fmt: skip
    keep_best: int = setting(
        5,
        "Always keep the best",
        "So many of the highest scores are kept, whatever their number or age.",
        "whole", unit="versions", high=_MOST,
    )  # fmt: skip
    keep_newest: int = setting(
        3,
        "Always keep the newest",
        "So many of the newest are kept, even beyond the maximum number: they are too new to be judged.",
        "whole", unit="versions", high=_MOST,
    )  # fmt: skip
    keep_champions: bool = setting(
        True, "Keep former champions", "Every version that ever was champion is kept.", "switch"
    )
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
        "called without a time. Left empty, they are not compressed.",
        "number", unit="days", high=100_000, optional=True, empty="never",
    )  # fmt: skip
    sweep_after_days: float = setting(
        1.0,
        "Delete orphaned files older than",
        "Files that nothing in the catalog claims are removed when they are that old.",
        "number", unit="days", high=100_000,
    )  # fmt: skip


@documented
@dataclass(frozen=True)
class Policy:
    """How the models of one model name are scored and chosen.

    ``own_weights`` says whether the weights were set for this very model name.
    """

    auto_select_best: bool = setting(
        True, "Promote automatically", "Promote a newly registered version that beats the champion.", "switch"
    )
    max_models_to_keep: int = setting(
        50,
        "Versions kept",
        "How many versions of a model name retention keeps.",
        "whole", unit="versions", low=1, high=_MOST,
    )  # fmt: skip
    performance_weight: Mapping[str, float] = setting(
        SEED_WEIGHTS, "Weights", "Metric -> its weight in the composite score.", "weights"
    )
    regression_weight: Mapping[str, float] = setting(
        {"r2": 1.0},
        "Regression weights",
        "The same, for regression models of a model name without weights of its own.",
        "weights",
    )
    ensemble_bonus: float = setting(
        0.05,
        "Ensemble bonus",
        "The fraction of the score's size that an ensemble gains; the usual one is 0.05.",
        "number", unit="0 to 1", high=1, step=0.01,
    )  # fmt: skip
    selection_margin: float = setting(
        0.0,
        "Promotion margin",
        "By how much a score must beat the champion's before the version is promoted automatically.",
        "number", unit="score", step=0.005,
    )  # fmt: skip
    lower_is_better: tuple[str, ...] = setting(
        (),
        "Minimized metrics",
        "Metrics, beyond the well-known ones, of which a lower value is better.",
        "names", empty="standard losses only", example="wape",
    )  # fmt: skip
    rank_by: Literal["reported", "measured"] = setting(
        "reported",
        "Rank by",
        "Rank by the metrics that were ``reported``, or by those the registry ``measured`` on its benchmark. The "
        "weights of metrics that no evaluation gives are then left out, and the others rescaled.",
        "choice", choices={"reported": "self-reported metrics", "measured": "evaluated metrics"},
    )  # fmt: skip
    benchmark: str | None = setting(
        None,
        "Active benchmark",
        "The benchmark that counts for ranking and gates. Left empty, it is the newest of the model name.",
        "name", optional=True, empty="the newest",
    )  # fmt: skip
    outcome_values: Mapping[str, float] = setting(
        {},
        "Outcome values",
        "What one row is worth in a binary classification, by its outcome; negative where it costs. Outcomes without a "
        "value are worth 0.",
        "bounds", empty="none", example='{"miss": -50, "false_alarm": -5}',
        choices={
            "hit": "Hit", "miss": "Miss", "false_alarm": "False alarm", "correct_rejection": "Correct rejection",
        },
    )  # fmt: skip
    auto_evaluate: bool = setting(
        True,
        "Evaluate automatically",
        "Evaluate a newly registered version on the active benchmark before it may become champion.",
        "switch",
    )
    gates: Mapping[str, Any] = setting(
        {},
        "Promotion gates",
        "What a version must pass before it is promoted, by the names of ``GatePolicy``.",
        "group", example='gates with what they ask, such as {"minimum_metrics": {"accuracy": 0.9}}',
    )  # fmt: skip
    monitoring: Mapping[str, Any] = setting(
        {},
        "Monitoring",
        "How live traffic is watched, by the names of ``MonitoringPolicy``.",
        "group", example='what is watched and done, such as {"on_degradation": "suggest"}',
    )  # fmt: skip
    retention: Mapping[str, Any] = setting(
        {},
        "Retention",
        "Which versions are kept, by the other names of ``RetentionPolicy``.",
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
        "Exact names (``package.module.name``) that files may hold besides those the registry knows.",
        "names", empty="none", example="my_package.models.Calibrated",
    )  # fmt: skip
    own_weights: bool = False

    @property
    def gate_policy(self) -> GatePolicy:
        """What is asked before a promotion."""
        return GatePolicy(**self.gates, lower_is_better=self.lower_is_better)

    @property
    def monitoring_policy(self) -> MonitoringPolicy:
        """How live traffic is watched."""
        return MonitoringPolicy(**self.monitoring)

    @property
    def retention_policy(self) -> RetentionPolicy:
        """Which versions are kept."""
        return RetentionPolicy(**self.retention, max_models_to_keep=self.max_models_to_keep)

    def weights(self, task: Literal["classification", "regression"] | None) -> Mapping[str, float]:
        """The weights for a model of this task: those set for the name win over those for regression."""
        if task == "regression" and not self.own_weights:
            return self.regression_weight
        return self.performance_weight
