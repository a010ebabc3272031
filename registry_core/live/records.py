"""The records of live traffic: predictions, outcomes, experiments, windows, alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The unit of each row (customer, device, ...): a list, an array or a column.
Units: TypeAlias = "Sequence[Any] | NDArray[Any]"
Role = Literal["champion", "split", "shadow"]
Mode = Literal["shadow", "split"]


@dataclass(frozen=True)
class Answer:
    """The predictions of a request, in the order of its rows.

    ``values`` is (rows, classes) from ``predict_proba`` and (rows,) from ``predict``. ``model_ids`` (rows,) is the
    version that served each row; ``prediction_ids`` (rows,) int64 identifies each prediction for its outcome.
    ``ignored`` lists columns of the request that are not features of the champion.
    """

    values: NDArray[Any]
    model_ids: NDArray[np.object_]
    prediction_ids: NDArray[np.int64]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordedOutcomes:
    """The result of recording outcomes; no outcome is counted twice.

    ``recorded``: number of new outcomes. ``repeated``: number recorded before with the same label. ``contradictory``:
    ids recorded before with another label; the first label stays. ``unknown``: ids without a prediction, or whose raw
    prediction is archived. ``acted``: the actions the registry took, as sentences (an alert, a rollback, a stage).
    """

    recorded: int
    repeated: int = 0
    contradictory: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    acted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arm:
    """One challenger of an experiment. ``share`` is the fraction of the traffic that it serves now; 0 in shadow."""

    challenger_id: str
    share: float
    status: Literal["running", "refused", "withdrawn", "promoted"] = "running"
    because: str = ""


@dataclass(frozen=True)
class Experiment:
    """A champion and its challengers on live traffic.

    ``mode``: ``shadow`` (challengers score the rows, their predictions are not served) or ``split`` (each serves its
    share). ``stages`` are the rollout stages, ``"shadow"`` and shares in order, empty without a rollout; ``stage`` is
    the index of the present one. ``salt`` is the same in all stages, so that a unit keeps its model as the share grows.
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
        """The challengers that are still running."""
        return tuple(arm for arm in self.arms if arm.status == "running")


@dataclass(frozen=True)
class Window:
    """The performance of one version in one role during one window of prediction time.

    ``metrics`` are those of the labelled predictions: accuracy, precision, recall, f1_score, auc, brier_score, mae or
    rmse; ``intervals`` are their 95% intervals for a single look. ``failures`` counts the failed requests. Metrics of
    several windows cannot be averaged: ``Registry.live_performance`` merges the windows.
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
    """The performance of a champion over a period of production, computed once from all its labels.

    Attributes:
        model_name: the model name; ``model_id`` is the version.
        since: start of the period, in UTC: the first whole window, or the start of the deployment.
        until: end of the period, in UTC: now, or the requested end.
        predictions: predictions served in the period; ``failures`` counts the failed requests.
        labelled: predictions whose outcome is known. All metrics are computed from these.
        metrics: accuracy, precision, recall, f1_score, auc, brier_score; for a regression mae or rmse, by the setting
            ``monitoring.loss``.
        intervals: 95% intervals for a single look: Wilson for proportions, DeLong for AUC, normal for means.
        auc_bracket: the exact AUC lies between these two values, since live scores are stored in narrow bins.
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


#: Seconds to wait after each failed attempt to send a notification; their number is the number of attempts.
PAUSES = (10, 30, 120, 600, 1800, 7200, 21_600, 43_200)


@dataclass(frozen=True)
class Notification:
    """The delivery of one alert to one address. Secrets in ``address`` are masked.

    ``failure`` is the reason why the last attempt failed; empty before the first attempt and after a delivery.
    """

    address: str
    attempts: int
    next_at: str
    sent_at: str | None
    failure: str

    @property
    def given_up(self) -> bool:
        """Whether all attempts failed. No further attempt is made."""
        return self.sent_at is None and self.attempts >= len(PAUSES)


@dataclass(frozen=True)
class Alert:
    """A problem that a person should know about. ``text`` describes it with its numbers; ``key`` identifies it,
    so that one problem opens one alert, however often it is detected."""

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
        """When the problem began, if the evidence dates it; else when the alert was opened."""
        since = str(self.evidence.get("since") or "")
        return f"{since.replace(' ', 'T')}:00+00:00" if since else self.opened_at

    @property
    def about_champion(self) -> bool:
        """Whether the problem is the champion itself, so that another champion ends it."""
        return self.kind in (
            "answers", "champion_failing", "degradation", "every_version_worse", "not_rolled_back",
            "rollback_suggested",
        )  # fmt: skip

    @property
    def handled(self) -> bool:
        """Whether the registry has acted already. Acknowledging such an alert resolves it."""
        return self.kind in ("rolled_back", "challenger_stopped")
