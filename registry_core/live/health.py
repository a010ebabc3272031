"""The records of a champion's health: baseline, detector, slices, thresholds, comparison with the standby."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..signature import AnswersCheck
from .checks import Drift, Estimate
from .records import Alert, LivePerformance

#: The live metric that shows a monitored loss.
SHOWN_AS = {"absolute_error": "mae", "squared_error": "rmse"}


def in_shown_metric(watched: str, error: float) -> float:
    """A share of wrong predictions, or a mean loss, as the live metric: accuracy, MAE or RMSE.

    >>> in_shown_metric("accuracy", 0.25), in_shown_metric("squared_error", 9.0)
    (0.75, 3.0)
    """
    if watched == "accuracy":
        return 1 - error
    return error**0.5 if watched == "squared_error" else error


@dataclass(frozen=True)
class FrozenBaseline:
    """The baseline of a champion: its performance before its deployment, or in the first labels after it.

    ``mean`` is the share of wrong predictions, or the mean loss, of ``rows`` labelled predictions; ``variance`` is that
    of a single prediction. ``source`` describes where the labels come from.
    """

    metric: str
    rows: int
    mean: float
    variance: float
    source: str

    @property
    def value(self) -> float:
        """The baseline as the live metric: accuracy, MAE or RMSE."""
        return in_shown_metric(self.metric, self.mean)


@dataclass(frozen=True)
class DetectorState:
    """The state of a champion's degradation detector.

    Attributes:
        log10_value: decimal log of the evidence of degradation; None before the first label.
        log10_alarm: decimal log of the evidence at which an alarm is raised: at most one false alarm per 10 to this
            power of labels.
        bound: the highest tolerated share of wrong predictions, or mean loss.
        because: how the bound was derived from the baseline.
        labels: labels since the detector started, or since its last alarm ended.
        alarms: number of alarms in this deployment.
        sentence: the state with its numbers.
        alarm: whether the champion is degraded. An alarm ends when later labels contradict it.
        notices: which error rates the detector detects, and after how many labels.
    """

    log10_value: float | None
    log10_alarm: float
    bound: float
    because: str
    labels: int
    alarms: int
    sentence: str
    alarm: bool = False
    notices: str = ""


@dataclass(frozen=True)
class StandbyComparison:
    """The champion compared with the standby, the previous champion that scores the same rows.

    Attributes:
        standby: id of the standby.
        rows: labelled rows that both predicted: since the degradation began, or else of a sample of all rows.
        gained: mean gain of the standby per row: in accuracy as a fraction, or in loss; None without rows.
        difference: the gain in words, such as ``2.0 pp more accurate``; empty without rows.
        e_better: e-value against "the standby is no better" since the degradation began; 1 without a degradation.
        asked: the e-value at which the standby is restored.
        verdict: ``better``, ``no better`` or ``not known``.
        every_row: whether the standby scores every row at present, or a sample of the rows.
        sentence: the comparison with its numbers.
    """

    standby: str
    rows: int
    gained: float | None
    difference: str
    e_better: float
    asked: float
    verdict: Literal["better", "no better", "not known"]
    every_row: bool
    sentence: str


SliceStanding = Literal["well", "worse", "no baseline", "absent"]


@dataclass(frozen=True)
class SliceState:
    """The champion's performance in one slice, compared with the slice's baseline.

    Attributes:
        name: label of the slice, such as ``region = north``; the column alone if no row has it.
        labels: number of labels in the slice.
        value: accuracy, MAE or RMSE over these labels; None without any.
        sentence: the state with its numbers.
        state: ``worse`` during an alarm, ``no baseline`` with too few labels for one, ``absent`` if no row has the
            column, else ``well``.
    """

    name: str
    labels: int
    value: float | None
    sentence: str
    state: SliceStanding

    @property
    def alarm(self) -> bool:
        """Whether the slice is degraded."""
        return self.state == "worse"


@dataclass(frozen=True)
class ThresholdCheck:
    """A threshold on a live metric over the last labels. It opens an alert and never rolls back."""

    metric: str
    limit: float
    lower_is_better: bool
    state: Literal["within", "beyond", "not enough"]
    value: float | None
    labels: int
    sentence: str


@dataclass(frozen=True)
class PastRollback:
    """The last rollback of a model name."""

    at: str
    from_id: str | None
    to_id: str
    actor: str
    reason: str


@dataclass(frozen=True)
class HealthReport:
    """The health of a champion in production.

    Attributes:
        model_name: the model name.
        at: time of the report.
        state: ``critical`` with an open critical alert or an alarm of the detector, ``warning`` with any other open
            alert or a crossed threshold, ``unknown`` without a champion or with too few labels, else ``healthy``.
        sentence: the state with its numbers.
        model_id: the champion; None without one. ``deployment_id`` and ``since`` describe its deployment.
        predictions: predictions served in this deployment; ``failures`` counts the failed requests.
        labelled: labelled predictions; ``coverage`` is their share.
        metric: the monitored metric: ``accuracy``, or the loss of a regression.
        value: mean of the metric over all labels of the deployment, with its 95% interval for a single look from
            ``low`` to ``high``; None without labels. RMSE is the root of the mean squared error.
        performance: every live metric over the same labels; None without a champion.
        baseline: the baseline; None with too few labels for one.
        baseline_labels: (labels so far, labels required) for a baseline; None if there is one.
        detector: state of the degradation detector; None without a baseline.
        limits: one check for each threshold in ``monitoring.thresholds``.
        slices: state of each slice of ``monitoring.slices``, the worst first.
        drift: drift of each feature of the training reference and of the score, the worst first; empty without a
            reference.
        estimate: accuracy estimated without labels; None without scores.
        alerts: the unresolved alerts; ``text`` has the present numbers where they are known.
        last_rollback: the last rollback; None without one.
        on_degradation: the setting: ``off``, ``suggest`` or ``act``.
        predecessor: the version that an automatic rollback restores: the latest healthy, eligible earlier champion with
            the same features; None without one.
        comparison: the comparison with this version on the same rows; None without one.
        maturity: when labels count, as a sentence.
        waiting: number of labels that do not count yet, since other outcomes of their time are still to arrive.
        late_labels: how early labels differ from late labels; empty if they do not.
        cooldown_until: no automatic rollback before this time; None without a cooldown.
        acted: the actions taken by this check, as sentences.
        answers: the prediction check of the champion with the installed libraries; None before the first one.
        library_versions: library versions that differ from those of the registration; empty if none does.
    """

    model_name: str
    at: str
    state: Literal["healthy", "warning", "critical", "unknown"]
    sentence: str
    model_id: str | None = None
    deployment_id: int | None = None
    since: str | None = None
    predictions: int = 0
    failures: int = 0
    labelled: int = 0
    coverage: float | None = None
    metric: str = "accuracy"
    value: float | None = None
    low: float | None = None
    high: float | None = None
    baseline: FrozenBaseline | None = None
    baseline_labels: tuple[int, int] | None = None
    detector: DetectorState | None = None
    limits: tuple[ThresholdCheck, ...] = ()
    slices: tuple[SliceState, ...] = ()
    drift: tuple[Drift, ...] = ()
    estimate: Estimate | None = None
    alerts: tuple[Alert, ...] = ()
    last_rollback: PastRollback | None = None
    on_degradation: Literal["off", "suggest", "act"] = "act"
    predecessor: str | None = None
    comparison: StandbyComparison | None = None
    maturity: str = ""
    waiting: int = 0
    late_labels: str = ""
    cooldown_until: str | None = None
    acted: tuple[str, ...] = ()
    performance: LivePerformance | None = None
    answers: AnswersCheck | None = None
    library_versions: str = ""

    @property
    def slice_sentences(self) -> tuple[str, ...]:
        """A sentence for each degraded or absent slice, and the number of the others."""
        said = [f"{each.name}: {each.sentence}" for each in self.slices if each.state in ("worse", "absent")]
        for state, words in (("well", "no sign of degradation"), ("no baseline", "no baseline yet")):
            count = sum(each.state == state for each in self.slices)
            said += [f"{count:,} slice{'' if count == 1 else 's'}: {words}"] if count else []
        return tuple(said)

    @property
    def main_alert(self) -> Alert | None:
        """The alert that ``sentence`` describes; None if it describes none."""
        if self.answers is not None and self.answers.status in ("differs", "fails"):
            return next((alert for alert in self.alerts if alert.kind == "answers"), None)
        return worst(self.alerts)

    @property
    def shown_metric(self) -> str:
        """The name of ``metric`` among live metrics: ``accuracy``, ``mae`` or ``rmse``."""
        return SHOWN_AS.get(self.metric, self.metric)

    @property
    def allowed(self) -> float | None:
        """The detector's bound as the live metric: the worst tolerated value; None without a detector."""
        return None if self.detector is None else in_shown_metric(self.metric, self.detector.bound)


def worst(alerts: Sequence[Alert]) -> Alert | None:
    """The first critical alert, or else the first one; None without alerts."""
    return next((alert for alert in alerts if alert.severity == "critical"), alerts[0] if alerts else None)
