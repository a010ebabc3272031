"""The records between a server and the services that predict elsewhere: what to serve, and what was predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..policies import MonitoringPolicy
from ..records import Deployment
from .records import Experiment, Role


@dataclass(frozen=True)
class ServingPlan:
    """What a predictor of a model name follows, until something changes in the catalog.

    Attributes:
        model_name: the model name; ``champion`` is its present deployment.
        policy: how its live traffic is monitored.
        experiments: the current experiments of the model name.
        predecessors: earlier champions that are still eligible, latest first: the fallbacks.
        standby: the version that scores rows beside the champion; None without one.
        standby_share: the fraction of the champion's rows that it scores.
    """

    model_name: str
    champion: Deployment
    policy: MonitoringPolicy
    experiments: tuple[Experiment, ...] = ()
    predecessors: tuple[str, ...] = ()
    standby: str | None = None
    standby_share: float = 0.0


@dataclass(frozen=True)
class PredictionBatch:
    """The predictions of one version in one request, in the order of their ids.

    Attributes:
        number: of the request, rising for each client: one that was received before is not stored again.
        model_id: the version; ``role`` is its role in the request.
        at: time of the request in microseconds since 1970, UTC.
        deployment_id: of the champion; 0 for a fallback. ``experiment_id`` is 0 outside of an experiment.
        shares: the shares of the experiment, as the plan has them.
        task: ``classification`` or ``regression``.
        loss: the loss of a regression, as the policy has it; ``minutes`` is its window.
        classes: the class labels in the order of the scores.
        ids: (rows,) prediction ids, from ``reserve_predictions``.
        answers: (rows,) labels or values; places in ``classes`` where ``coded``.
        scores: (rows,) probability of the positive class, or with more than two classes of the predicted class.
        units: (rows,) units as text.
        failed_rows: number of rows of a request that failed; it has no ids.
        slow: the request took longer than the policy allows.
        beside: the rows were scored beside the champion, and not served.
        inputs: a sample of the rows, as a document, for drift.
        slices: (rows,) values of each column whose values are watched apart.
    """

    number: int
    model_id: str
    role: Role
    at: int
    deployment_id: int = 0
    experiment_id: int = 0
    shares: str = ""
    task: str = "classification"
    loss: str = ""
    minutes: int = 60
    classes: tuple[Any, ...] = ()
    ids: Sequence[int] = ()
    answers: Sequence[Any] = ()
    scores: Sequence[float | None] | None = None
    units: Sequence[str] | None = None
    coded: bool = False
    failed_rows: int = 0
    slow: bool = False
    beside: bool = False
    inputs: Mapping[str, Any] | None = None
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class FailedCalls:
    """A champion that fails: the version, its fallback (None: it failed too), the requests in a row, and the error."""

    model_id: str
    fallback: str | None
    calls: int
    error: str
