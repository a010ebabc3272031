"""How models are scored, chosen, gated, watched and kept: the policies that the settings are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SEED_WEIGHTS = {"accuracy": 0.4, "auc": 0.3, "f1_score": 0.2, "data_quality": 0.1}


@dataclass(frozen=True)
class GatePolicy:
    """What is asked before a promotion. The defaults ask only for what every registry has: a trusted file, same inputs.

    Attributes:
        minimum_metrics: metric -> the least it may be; the most, for a metric of which less is better. What the
            registry measured counts; a metric it did not measure counts as reported.
        primary_metric: the metric to compare with the champion in; None takes the first that was compared.
        not_worse_than_champion: by how much the primary metric may be worse, in its units, at the bad end of the 95%
            interval of the paired difference. 0 asks for proof that it is no worse at all. None does not ask.
        slice_floors: metric -> the least (the most) it may be in every slice with at least ``slice_rows`` rows.
        slice_rows: slices with fewer rows are not judged: their metrics are mostly chance.
        same_inputs: ask for the champion's features, by name, order and kind, its task and its classes. On, since
            whoever sends rows to the champion sends them to its successor; what is not recorded cannot be compared,
            and fails.
        row_microseconds: the most a prediction may take, a row.
        minimum_data_quality: the least reported ``data_quality_score``.
        required_metadata: fields of the model that must not be empty; other names are looked up in ``training_info``.
        approval: ask that somebody other than the registrar approves, and nobody's last word is a rejection.
        benchmark_required: ask that the model was measured by the registry.
        unchecked_answers: let models go live of which no example rows are kept, so that it cannot be checked whether
            they answer as they did where they were registered.
        library_versions: ``warn`` shows which library versions differ from those a model was registered with;
            ``block`` keeps it out of production where their major or minor numbers do.
        lower_is_better: metrics, beyond the well-known ones, of which less is better.
    """

    minimum_metrics: Mapping[str, float] = field(default_factory=dict)
    primary_metric: str | None = None
    not_worse_than_champion: float | None = None
    slice_floors: Mapping[str, float] = field(default_factory=dict)
    slice_rows: int = 30
    same_inputs: bool = True
    row_microseconds: float | None = None
    minimum_data_quality: float | None = None
    required_metadata: tuple[str, ...] = ()
    approval: bool = False
    benchmark_required: bool = False
    unchecked_answers: bool = False
    library_versions: Literal["warn", "block"] = "warn"
    lower_is_better: tuple[str, ...] = ()


@dataclass(frozen=True)
class MonitoringPolicy:
    """How live traffic is watched, and what may be done about it without anyone awake.

    Attributes:
        on_degradation: what to do when a champion fails in production: ``off`` does not look, ``suggest`` opens an
            alert, ``act`` also puts the last healthy champion back.
        on_rollout: ``suggest`` says when a stage's gates hold, ``act`` also takes the step, the promotion at the end
            included, and stops a challenger that does harm.
        loss: what one prediction of a regression costs.
        tolerance: by how much the error rate may exceed the baseline's before it counts as worse (0.01 is one point;
            for a loss, a share of the baseline's).
        minimum_labels: labelled predictions of the champion before anything is done.
        baseline_labels: labelled predictions that make the baseline of a champion the registry never measured.
        cooldown_hours: after an automatic rollback, how long there is no other one.
        act_without_comparison: put the last champion back as soon as the present one is worse than its baseline,
            without knowing that the last one is better now. When the world became harder for every model, that puts
            a worse one into production.
        standby_sample: the share of rows that the last champion scores beside the present one while all is well, from 0
            to 1. It scores all of them while there is trouble.
        overdispersion_icc: correlation of outcomes of one day, 0 to 1; None learns it from past days.
        thresholds: metric -> the least it may be over the last ``threshold_labels`` labels (the most, where less is
            better). Simple and well known, but with a narrow margin they cry wolf: they alert, they never roll back.
        threshold_labels: how many labels a threshold looks at.
        slices: columns of the predictions each value of which is watched by itself, such as ``("region",)``: a slice
            that became worse opens an alert and never rolls back.
        failures_in_a_row: calls in a row a champion may fail to answer before it counts as failing.
        slow_call_ms: a call a model answers in more milliseconds is slow: in a split, a challenger that is slow more
            often than the champion opens an alert and goes no further. None: nobody looks.
        drift: compare inputs and scores with the training reference.
        maturity_hours: predictions younger than this do not count yet, unless all of their window have their outcome:
            what comes early is no sample of all. None learns it from how late outcomes came before.
        window_minutes: the length of a window of statistics, by the time of prediction.
        keep_predictions_days: raw predictions older than this leave for ``archive/``; their windows stay.
        notify: where alerts are sent: ``https://...`` (JSON by POST), a service by apprise (``slack://...``,
            ``mailto://...``), or ``env:NAME`` for one that is kept in an environment variable. Public addresses only.
    """

    on_degradation: Literal["off", "suggest", "act"] = "act"
    on_rollout: Literal["suggest", "act"] = "act"
    loss: Literal["absolute_error", "squared_error"] = "absolute_error"
    tolerance: float = 0.01
    minimum_labels: int = 200
    baseline_labels: int = 1000
    cooldown_hours: float = 24.0
    act_without_comparison: bool = False
    standby_sample: float = 0.05
    overdispersion_icc: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    threshold_labels: int = 500
    slices: tuple[str, ...] = ()
    failures_in_a_row: int = 5
    slow_call_ms: float | None = None
    drift: bool = True
    maturity_hours: float | None = None
    window_minutes: int = 60
    keep_predictions_days: int = 90
    notify: tuple[str, ...] = ()


@dataclass(frozen=True)
class RetentionPolicy:
    """Which versions are kept. Champions, who a rollback would return to, challengers and pinned ones always are.

    Attributes:
        max_models_to_keep: how many versions of a model name are kept, those that always are included; beyond that the
            oldest go first.
        max_age_days: versions registered longer ago go, however few there are; None: age alone is no reason.
        keep_best: so many of the highest scores are kept, whatever their number or age.
        keep_newest: so many of the newest are kept, even where those that always are leave no place for them: they are
            too new to be judged.
        keep_champions: who ever was champion is kept.
        trash_days: how long a version stays in the trash before its files go for good.
        automatic: clean up after every registration of the model name.
        compress_after_days: compress the files of versions registered longer ago, when it is cleaned up automatically
            or ``compress`` is asked without a time; None: not.
        sweep_after_days: files that nothing in the catalog claims are swept when they are that old.
    """

    max_models_to_keep: int = 50
    max_age_days: float | None = None
    keep_best: int = 5
    keep_newest: int = 3
    keep_champions: bool = True
    trash_days: float = 30.0
    automatic: bool = False
    compress_after_days: float | None = None
    sweep_after_days: float = 1.0


@dataclass(frozen=True)
class Policy:
    """How the models of one model name are scored and chosen.

    Attributes:
        auto_select_best: promote a newly registered model that beats the champion.
        max_models_to_keep: how many versions retention keeps, per model name; see ``RetentionPolicy``.
        performance_weight: metric name -> weight in the composite score.
        regression_weight: the same, for regression models of a name without weights of its own.
        ensemble_bonus: share of the score's size that an ensemble gains; the seed's is 0.05.
        selection_margin: by how much a score must beat the champion's.
        lower_is_better: metrics, beyond the well-known ones, of which less is better.
        rank_by: rank by the metrics that were ``reported``, or by those the registry ``measured`` on its benchmark.
        benchmark: the benchmark that counts for ranking and gates; None takes the newest of the model name.
        auto_evaluate: measure a newly registered model on that benchmark before it may become champion.
        gates: what is asked before a promotion, by the names of ``GatePolicy``.
        monitoring: how live traffic is watched, by the names of ``MonitoringPolicy``.
        retention: which versions are kept, by the other names of ``RetentionPolicy``.
        keep_example_rows: keep up to 32 example rows with each version, and what it answered to them.
        trusted_globals: exact names (``package.module.name``) that files may hold besides those the registry knows.
        own_weights: whether the weights were set for this very model name.
    """

    auto_select_best: bool = True
    max_models_to_keep: int = 50
    performance_weight: Mapping[str, float] = field(default_factory=lambda: dict(SEED_WEIGHTS))
    regression_weight: Mapping[str, float] = field(default_factory=lambda: {"r2": 1.0})
    ensemble_bonus: float = 0.05
    selection_margin: float = 0.0
    lower_is_better: tuple[str, ...] = ()
    rank_by: Literal["reported", "measured"] = "reported"
    benchmark: str | None = None
    auto_evaluate: bool = True
    gates: Mapping[str, Any] = field(default_factory=dict)
    monitoring: Mapping[str, Any] = field(default_factory=dict)
    retention: Mapping[str, Any] = field(default_factory=dict)
    keep_example_rows: bool = True
    trusted_globals: tuple[str, ...] = ()
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
