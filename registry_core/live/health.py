"""Records of the watch over a champion: what it is held against, what it shows, and what is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..signature import AnswersCheck
from .checks import Drift, Estimate
from .records import Alert, LivePerformance

#: What is watched, by the name of the live metric that shows it.
SHOWN_AS = {"absolute_error": "mae", "squared_error": "rmse"}


def in_shown_metric(watched: str, error: float) -> float:
    """A share of wrong predictions, or a mean loss, in the live metric that shows it.

    >>> in_shown_metric("accuracy", 0.25), in_shown_metric("squared_error", 9.0)
    (0.75, 3.0)
    """
    if watched == "accuracy":
        return 1 - error
    return error**0.5 if watched == "squared_error" else error


@dataclass(frozen=True)
class FrozenBaseline:
    """What a champion had shown when its deployment began, or in its first labels after that.

    ``mean`` is the share of wrong answers, or the mean loss, of ``rows`` labelled predictions; ``variance`` that of one
    of them. ``source`` says in words where they come from.
    """

    metric: str
    rows: int
    mean: float
    variance: float
    source: str

    @property
    def value(self) -> float:
        """The baseline in the metric that shows it: accuracy, MAE or RMSE."""
        return in_shown_metric(self.metric, self.mean)


@dataclass(frozen=True)
class DetectorState:
    """How near the detector of a champion is to an alarm.

    Attributes:
        log10_value: of its evidence that the champion is worse than it may be; None before the first label.
        log10_alarm: where it raises an alarm: one false alarm in 10 to this many labels, at most.
        bound: the share of wrong answers, or the mean loss, up to which nothing is wrong.
        because: where that bound comes from, in words.
        labels: seen since it was started, or since its last alarm was over.
        alarms: how often it has raised one in this deployment.
        sentence: what it says now.
        alarm: whether the champion is worse than it may be; labels that speak against it end an alarm.
        notices: what it would notice, and how soon, in words.
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
    """The champion and the earlier one that scores the same rows beside it.

    Attributes:
        standby: the earlier champion.
        rows: labelled ones that both answered: since trouble began, before that of a sample of all.
        gained: what the standby would gain, a row: a share of right answers, or a loss that is smaller; None without
            rows.
        difference: that in words, such as ``2.0 pp more accurate``; empty without rows.
        e_better: the e-value against "it is no better", since trouble began; 1 while there is none.
        asked: the e-value from which on it is put back.
        verdict: ``better``, ``no better`` or ``not known``.
        every_row: whether it scores every row at present, and not a sample.
        sentence: all that in words.
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
    """The champion's rows of one value of a declared column, against what they were before.

    Attributes:
        name: such as ``region = north``; the column alone where no row has it.
        labels: of them.
        value: accuracy, MAE or RMSE over these; None without any.
        sentence: how it stands, in words.
        state: ``worse`` while there is an alarm; ``no baseline`` before there are labels enough to be held against;
            ``absent`` where no row has the column; else ``well``.
    """

    name: str
    labels: int
    value: float | None
    sentence: str
    state: SliceStanding

    @property
    def alarm(self) -> bool:
        """Whether it became worse than it may be."""
        return self.state == "worse"


@dataclass(frozen=True)
class ThresholdCheck:
    """A simple threshold on a metric over the last labels: it alerts and never rolls back."""

    metric: str
    limit: float
    lower_is_better: bool
    state: Literal["within", "beyond", "not enough"]
    value: float | None
    labels: int
    sentence: str


@dataclass(frozen=True)
class PastRollback:
    """The last time a champion of the name was taken out."""

    at: str
    from_id: str | None
    to_id: str
    actor: str
    reason: str


@dataclass(frozen=True)
class HealthReport:
    """How the champion of a model name does in production.

    Attributes:
        model_name: whose champion.
        at: when this was found out.
        state: ``critical`` with a critical alert open or the detector's alarm raised; ``warning`` with any other alert
            open or a limit crossed; ``unknown`` without a champion or with too few labels to say; else ``healthy``.
        sentence: the state in words, with the numbers that make it.
        model_id: the champion; None when there is none. ``deployment_id`` and ``since`` are of its deployment.
        predictions: answered in this deployment; ``failures`` are calls it did not answer.
        labelled: of these predictions those whose truth is known; ``coverage`` is their share.
        metric: what is watched: ``accuracy``, or a regression's loss.
        value: of the metric over all labels of the deployment, with its 95% interval (for one look) from ``low`` to
            ``high``; None without labels. Of squared errors it is their mean, of which RMSE is the root.
        performance: every metric over the same labels; None without a champion.
        baseline: what it is held against; None until there are labels enough to make one, see ``baseline_labels``.
        baseline_labels: how many of the labels that make a baseline are there, of how many; None where there is one.
        detector: None without a baseline.
        limits: one for each threshold of the policy.
        slices: of each value of the columns in ``slices`` of the policy, the worst first; empty where none is declared.
        drift: of each input of the training reference and of the score, the worst first; empty without a reference.
        estimate: accuracy without labels, always an estimate; None where scores cannot tell.
        alerts: those that are not over; ``text`` is what each is about as it stands now, where that is known.
        last_rollback: None when there never was one.
        on_degradation: what the policy says is done: ``off``, ``suggest`` or ``act``.
        predecessor: the latest earlier champion that is healthy, still eligible and takes the same inputs, which an
            automatic rollback would put back; None when there is none.
        comparison: with that one, on the same rows; None without one.
        maturity: from when on labels count, in words.
        waiting: labels that do not count yet, since others of their time are still to come.
        late_labels: how labels that come early differ from those that come late; empty where they do not.
        cooldown_until: until when there is no automatic rollback; None when nothing hinders one.
        acted: what was done by this very look, in sentences.
        answers: what came of asking the champion its example rows with the libraries installed here; None where nobody
            did yet.
        library_versions: which library versions differ from those it was registered with; empty where none does.
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
        """Each slice that became worse or cannot be watched, in words, and how many others there are."""
        said = [f"{each.name}: {each.sentence}" for each in self.slices if each.state in ("worse", "absent")]
        for state, words in (("well", "no sign that it became worse"), ("no baseline", "no baseline yet")):
            count = sum(each.state == state for each in self.slices)
            said += [f"{count:,} slice{'' if count == 1 else 's'}: {words}"] if count else []
        return tuple(said)

    @property
    def main_alert(self) -> Alert | None:
        """The alert that ``sentence`` is about; None where it is about none."""
        if self.answers is not None and self.answers.status in ("differs", "fails"):
            return next((alert for alert in self.alerts if alert.kind == "answers"), None)
        return worst(self.alerts)

    @property
    def shown_metric(self) -> str:
        """What ``metric`` is called among live metrics: ``accuracy``, ``mae`` or ``rmse``."""
        return SHOWN_AS.get(self.metric, self.metric)

    @property
    def allowed(self) -> float | None:
        """The detector's bound in the metric that is shown: up to there nothing is wrong; None without a detector."""
        return None if self.detector is None else in_shown_metric(self.metric, self.detector.bound)


def worst(alerts: Sequence[Alert]) -> Alert | None:
    """The first critical alert, or else the first; None of none."""
    return next((alert for alert in alerts if alert.severity == "critical"), alerts[0] if alerts else None)
