"""What the watch keeps of a deployment: its detector, advanced in the transaction that counts the outcomes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ...catalog import baselines
from ...catalog.database import Queries, Transaction
from ...catalog.telemetry import detectors
from ...live import FrozenBaseline
from ...policies import MonitoringPolicy
from ...records import utc_text
from ...rules.sentences import minute
from .. import baseline
from ..rooms import Rooms

if TYPE_CHECKING:
    from ...rules.live.degradation import Detector
    from ...rules.live.sums import Sums

FROM_PRODUCTION = "its first {rows:,} labelled predictions in production"


@dataclass(frozen=True)
class Observed:
    """The state of one deployment's watch; plain JSON in telemetry.

    ``baseline`` is None until there are labels enough; ``rows``, ``total`` and ``squares`` count those that will make
    it. ``alarms`` counts the detector's alarms: each starts it anew, so that what was not acted on is heard again.
    ``heard`` is its last alarm in words, ``heard_at`` when. ``recent_since`` is when the first label was recorded
    that an alarm would quote now.
    """

    metric: str
    labels: int = 0
    baseline: FrozenBaseline | None = None
    detector: Detector | None = None
    rows: int = 0
    total: float = 0.0
    squares: float = 0.0
    alarms: int = 0
    heard: str = ""
    heard_at: str = ""
    recent_since: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; ``read`` gives it back."""
        return {
            "metric": self.metric,
            "labels": self.labels,
            "baseline": None if self.baseline is None else asdict(self.baseline),
            "detector": None if self.detector is None else self.detector.to_dict(),
            "rows": self.rows,
            "total": self.total,
            "squares": self.squares,
            "alarms": self.alarms,
            "heard": self.heard,
            "heard_at": self.heard_at,
            "recent_since": self.recent_since,
        }


def read(telemetry: Queries, deployment_id: int) -> Observed | None:
    """What was observed of a deployment, or None before its first label."""
    stored = detectors.state(telemetry, deployment_id)
    if stored is None:
        return None
    from ...rules.live.degradation import Detector

    kept = stored["baseline"] and FrozenBaseline(**stored["baseline"])
    return Observed(
        **{**stored, "baseline": kept, "detector": stored["detector"] and Detector.from_dict(stored["detector"])}
    )


def observe(
    rooms: Rooms,
    transaction: Transaction,
    model_name: str,
    deployment_id: int,
    sums: Sums,
    task: str,
    loss: str,
) -> None:
    """Take in labels of a champion that arrived just now; called in the telemetry transaction that counts them.

    Args:
        sums: of the newly labelled predictions that the champion of this deployment answered, whatever their time.
        task: of its stream.
        loss: by which the stream counts a regression; sums of another one than is watched now are not observed: a
            squared error says nothing about a mean absolute one.
    """
    if not sums.labelled:
        return
    policy = rooms.configuration().policy(model_name).monitoring_policy
    metric = baseline.watched(task, policy)
    if task == "regression" and loss != metric:
        return
    before = read(transaction, deployment_id)
    if before is None or before.metric != metric:
        before = Observed(metric, baseline=baselines.find(rooms.database, deployment_id))
        if before.baseline is not None and before.baseline.metric != metric:
            before = Observed(metric)
    after = _after(before, sums, policy, utc_text(rooms.now()))
    detectors.store(transaction, deployment_id, model_name, after.to_dict())


def _after(before: Observed, sums: Sums, policy: MonitoringPolicy, now: str) -> Observed:
    from ...rules.live.split import of_metric

    seen = replace(before, labels=before.labels + sums.labelled)
    if seen.baseline is None:
        # These labels make the baseline and are not watched as well: nothing is held against itself.
        n, total, squares = of_metric(sums, baseline.kind(seen.metric))
        seen = replace(seen, rows=seen.rows + n, total=seen.total + total, squares=seen.squares + squares)
        if seen.rows < policy.baseline_labels:
            return seen
        mean = seen.total / seen.rows
        variance = max(seen.squares / seen.rows - mean**2, 0.0)
        source = FROM_PRODUCTION.format(rows=seen.rows)
        return replace(seen, baseline=FrozenBaseline(seen.metric, seen.rows, mean, variance, source))
    detector = _detector(seen, seen.baseline, policy)
    if detector is None:
        return seen
    begins = seen.recent_since if detector.climb > 0 and seen.recent_since else now
    detector = detector.watch(sums)
    if not detector.alarm:
        return replace(seen, detector=detector, recent_since=begins)
    heard = f"{detector.sentence} (recorded {minute(begins)} to {minute(now)} UTC)"
    return replace(seen, detector=detector.reset(), alarms=seen.alarms + 1, heard=heard, heard_at=now, recent_since="")


def _detector(seen: Observed, frozen: FrozenBaseline, policy: MonitoringPolicy) -> Detector | None:
    """The detector as the policy wants it now: another tolerance starts another one."""
    from ...rules.live import degradation

    bound = bound_of(frozen, policy)
    if bound is None:
        return None
    wanted = degradation.start(bound, icc=policy.overdispersion_icc)
    held = seen.detector
    same = held is not None and (held.bound, held.icc) == (wanted.bound, wanted.icc)
    return held if same else wanted


def bound_of(frozen: FrozenBaseline, policy: MonitoringPolicy) -> Any:
    """Up to where nothing is wrong; None where a regression never lost anything, of which nothing can be a part."""
    if frozen.metric != "accuracy" and frozen.mean <= 0:
        return None
    tolerance = policy.tolerance if frozen.metric == "accuracy" else policy.tolerance * frozen.mean
    return baseline.rule(frozen).bound(tolerance)
