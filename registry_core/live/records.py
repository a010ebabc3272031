"""Records of live traffic: answers, outcomes, experiments, windows, alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Whom rows are about, a row each: a list, an array or a column.
Units: TypeAlias = "Sequence[Any] | NDArray[Any]"
Role = Literal["champion", "split", "shadow"]
Mode = Literal["shadow", "split"]


@dataclass(frozen=True)
class Answer:
    """What a predictor answered: one entry a row, in the rows' order.

    ``values`` is (rows, classes) from ``predict_proba`` and (rows,) from ``predict``. ``model_ids`` (rows,) names the
    model that answered; ``prediction_ids`` (rows,) int64 is what an outcome is recorded by. ``ignored`` are the columns
    that came along and that the champion does not take.
    """

    values: NDArray[Any]
    model_ids: NDArray[np.object_]
    prediction_ids: NDArray[np.int64]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordedOutcomes:
    """What came of handing in outcomes; nothing is ever counted twice.

    ``recorded``: how many were new. ``repeated``: known with the same truth. ``contradictory``: known with another
    truth, which stays as it was first told. ``unknown``: no prediction has that id, or its raw row has been archived.
    ``acted``: what the registry did because of them, in sentences (an alert, a rollback, a stage reached).
    """

    recorded: int
    repeated: int = 0
    contradictory: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    acted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arm:
    """One challenger of an experiment. ``share`` is what it answers of the traffic now; 0 in shadow."""

    challenger_id: str
    share: float
    status: Literal["running", "refused", "withdrawn", "promoted"] = "running"
    because: str = ""


@dataclass(frozen=True)
class Experiment:
    """Champion and challengers on live traffic.

    ``mode`` is how challengers take part now: ``shadow`` (they score, do not answer) or ``split`` (they answer their
    share). ``stages`` is the planned way, ``"shadow"`` and shares in order, and ``stage`` the index of the present one;
    without a plan it is empty. ``salt`` belongs to the experiment, never to the stage, so whoever is in stays in.
    """

    experiment_id: int
    model_name: str
    champion_id: str
    arms: tuple[Arm, ...]
    mode: Mode
    status: Literal["running", "paused", "stopped", "promoted", "refused"]
    salt: str
    metric: str
    alpha: float
    stages: tuple[str | float, ...]
    stage: int
    stage_since: str
    started_at: str
    started_by: str
    reason: str
    ended_at: str | None = None
    ended_by: str | None = None
    verdict: str = ""

    @property
    def running(self) -> tuple[Arm, ...]:
        """The challengers that still take part."""
        return tuple(arm for arm in self.arms if arm.status == "running")


@dataclass(frozen=True)
class Window:
    """What one model did in one role during one stretch of time, by the time of PREDICTION.

    ``metrics`` holds what the labelled predictions allow: accuracy, precision, recall, f1_score, auc, brier_score,
    mae or rmse; ``intervals`` their 95% intervals for one look, where the window tells one. ``failures`` are calls the
    model did not answer. The metrics of several windows have no mean: ``Registry.live_performance`` pools them.
    """

    model_name: str
    model_id: str
    role: Role
    experiment_id: int | None
    start: str
    minutes: int
    predictions: int
    failures: int
    labelled: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class LivePerformance:
    """What all labels of one stretch of production say of a champion: the figures of all their rows, computed once.

    Attributes:
        model_name: whose champion; ``model_id`` is its id.
        since: where the stretch begins, in UTC: with the first whole window that was counted, or the deployment.
        until: where it ends; the present moment, unless an earlier end was asked for.
        predictions: answered in it; ``failures`` are calls it did not answer.
        labelled: of these predictions those whose outcome is known. All metrics are of these rows.
        metrics: accuracy, precision, recall, f1_score, auc, brier_score; of a regression mae and rmse, as far as the
            setting ``monitoring.loss`` keeps them.
        intervals: 95% intervals, each for one look: Wilson's for shares, DeLong's for AUC, the normal one for means.
        auc_bracket: the AUC of the scores themselves lies between these two; live scores are kept in narrow bins.
    """

    model_name: str
    model_id: str
    since: str
    until: str
    predictions: int = 0
    failures: int = 0
    labelled: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    auc_bracket: tuple[float, float] | None = None


#: Seconds after the first, second ... attempt to send a notification that failed; there are as many attempts.
PAUSES = (10, 30, 120, 600, 1800, 7200, 21_600, 43_200)


@dataclass(frozen=True)
class Notification:
    """One alert on its way to one address. ``address`` is shown without what may be secret in it.

    ``failure`` says why the last attempt failed, and whether there will be another; empty before the first and when it
    was sent.
    """

    address: str
    attempts: int
    next_at: str
    sent_at: str | None
    failure: str

    @property
    def given_up(self) -> bool:
        """Whether every attempt failed, so that there will be no other."""
        return self.sent_at is None and self.attempts >= len(PAUSES)


@dataclass(frozen=True)
class Alert:
    """Something a person should know of. ``text`` says it with its numbers; ``key`` is what it is about, so that one
    trouble opens one alert, however often it is noticed."""

    alert_id: int
    model_name: str
    model_id: str | None
    kind: str
    severity: Literal["warning", "critical"]
    key: str
    text: str
    status: Literal["open", "acknowledged", "resolved"]
    opened_at: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    acknowledged_at: str | None = None
    acknowledged_by: str | None = None
    resolved_at: str | None = None
    resolution: str = ""
    notifications: tuple[Notification, ...] = ()

    @property
    def began(self) -> str:
        """When its trouble began, where the evidence dates that; else when it was opened."""
        since = str(self.evidence.get("since") or "")
        return f"{since.replace(' ', 'T')}:00+00:00" if since else self.opened_at

    @property
    def about_champion(self) -> bool:
        """Whether its trouble is the champion itself, so that another champion would end it."""
        return self.kind in (
            "answers", "champion_failing", "degradation", "every_version_worse", "not_rolled_back",
            "rollback_suggested",
        )  # fmt: skip

    @property
    def handled(self) -> bool:
        """Whether the registry had acted before it opened this alert: acknowledging closes such an alert."""
        return self.kind in ("rolled_back", "challenger_stopped")
