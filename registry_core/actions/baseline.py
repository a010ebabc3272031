"""What a champion is held against in production: frozen at its promotion, or made of its first labels there."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from ..catalog import baselines, deployments, evidence, experiments
from ..catalog.database import Queries
from ..catalog.telemetry import streams, windows
from ..live import FrozenBaseline
from ..policies import MonitoringPolicy, Policy
from ..records import Deployment, ModelMetadata
from . import benchmarks
from .rooms import Rooms
from .rows import record, require

if TYPE_CHECKING:
    from ..rules.live.baseline import Baseline

#: Fewer labels than these say nothing of a model.
LEAST_LABELS = 200


def freeze(rooms: Rooms, transaction: Any, deployment: Deployment) -> None:
    """Note, in the promotion's transaction, what the new champion has shown so far; nothing where that is nothing.

    What the registry measured on the counting benchmark comes first, then what an earlier deployment of the model was
    held against, then its labels as a challenger.
    """
    metadata = record(rooms, require(transaction, deployment.model_id))
    policy = rooms.configuration(transaction).policy(deployment.model_name)
    found = (
        _measured(transaction, metadata, policy)
        or _earlier(transaction, deployment, watched(metadata.task, policy.monitoring_policy))
        or _as_challenger(rooms, transaction, metadata, policy.monitoring_policy)
    )
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
    source = f"measured on {rows:,} rows of {benchmark.name}"
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


def _earlier(queries: Queries, deployment: Deployment, metric: str) -> FrozenBaseline | None:
    for each in deployments.listed(queries, deployment.model_name):
        if each.model_id == deployment.model_id and each.deployment_id != deployment.deployment_id:
            found = baselines.find(queries, each.deployment_id)
            if found is not None and found.metric == metric:
                return found
    return None


def _as_challenger(
    rooms: Rooms, queries: Queries, metadata: ModelMetadata, policy: MonitoringPolicy
) -> FrozenBaseline | None:
    took_part = {
        each.experiment_id
        for each in experiments.listed(queries, metadata.model_name)
        if any(arm.challenger_id == metadata.model_id for arm in each.arms)
    }
    if not took_part:
        return None
    from ..rules.live import baseline
    from ..rules.live.sums import Sums, total

    telemetry, metric = rooms.telemetry, watched(metadata.task, policy)
    there = {
        seq: stream
        for seq, stream in streams.listed(telemetry, metadata.model_name, metadata.model_id).items()
        if stream.experiment_id in took_part and stream.loss in ("", policy.loss)
    }
    # What it answered itself; what it would have answered only where that is all there is.
    for role in ("split", "shadow"):
        chosen = [seq for seq, stream in there.items() if stream.role == role]
        sums = total([Sums.from_bytes(bytes(row[6])) for row in windows.read(telemetry, "windows", chosen)])
        if sums.labelled >= LEAST_LABELS:
            found = baseline.of_sums(sums, kind(metric))
            how = "answered as a challenger" if role == "split" else "scored in shadow"
            source = f"the {found.rows:,} labelled predictions it {how}"
            return FrozenBaseline(metric, found.rows, found.mean, found.variance, source)
    return None


def document(frozen: FrozenBaseline) -> dict[str, Any]:
    """As JSON knows it."""
    return asdict(frozen)
