"""What a champion is held against until it has labels of its own: what the registry measured of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from ..catalog import baselines, evidence
from ..catalog.database import Queries
from ..live import FrozenBaseline
from ..policies import MonitoringPolicy, Policy
from ..records import Deployment, ModelMetadata
from . import benchmarks
from .context import Context
from .model_records import record, require

if TYPE_CHECKING:
    from ..rules.live.baseline import Baseline


def freeze(context: Context, transaction: Any, deployment: Deployment) -> None:
    """Note, in the promotion's transaction, what the registry measured of the new champion; nothing where it did not.

    It is held against that only until it has labels of its own, see ``rules.live.watching``.
    """
    metadata = record(context, require(transaction, deployment.model_id))
    policy = context.configuration(transaction).policy(deployment.model_name)
    found = _measured(transaction, metadata, policy)
    if found is not None:
        baselines.insert(transaction, deployment.deployment_id, deployment.model_name, found)


def watched(task: str | None, policy: MonitoringPolicy) -> str:
    """What is watched of a model: accuracy, or a regression's loss."""
    return policy.loss if task == "regression" else "accuracy"


def kind(metric: str) -> Literal["accuracy", "brier", "loss"]:
    """A metric as the rules call it."""
    if metric == "accuracy":
        return "accuracy"
    return "brier" if metric == "brier_score" else "loss"


def rule(frozen: FrozenBaseline) -> Baseline:
    """The baseline as the rules take it."""
    from ..rules.live.baseline import Baseline

    return Baseline(kind(frozen.metric), frozen.rows, frozen.mean, frozen.variance)


def _measured(queries: Queries, metadata: ModelMetadata, policy: Policy) -> FrozenBaseline | None:
    benchmark = benchmarks.counting(queries, metadata.model_name, policy)
    if benchmark is None:
        return None
    found = [
        each
        for each in evidence.evaluations(queries, metadata.model_id, benchmark.fingerprint)
        if each.status == "measured"
    ]
    if not found:
        return None
    metrics, rows = found[0].metrics, found[0].rows
    source = f"evaluated on {rows:,} rows of {benchmark.name}"
    if benchmark.task == "classification":
        if "accuracy" not in metrics:
            return None
        wrong = 1 - metrics["accuracy"].value
        return FrozenBaseline("accuracy", rows, wrong, wrong * (1 - wrong), source)
    # The spread of squared errors is not measured there.
    if policy.monitoring_policy.loss != "absolute_error" or not {"mae", "rmse"} <= metrics.keys():
        return None
    mean = metrics["mae"].value
    return FrozenBaseline("absolute_error", rows, mean, max(metrics["rmse"].value ** 2 - mean**2, 0.0), source)
