"""Guardrails of an experiment: failed requests, slow requests and declared slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ...catalog import deployments
from ...live import Experiment, Guardrail, SliceComparison
from ...policies import MonitoringPolicy
from ...rules.live import ratio, rollout, shadow, split
from ...rules.live.sums import Sums
from .. import baseline
from ..context import Context
from ..timestamps import DAY
from . import compared, slices, traffic


def of_calls(
    names: Sequence[str], found: Experiment, asked: Sequence[Sequence[Sums]], policy: MonitoringPolicy
) -> tuple[Guardrail, ...]:
    """Failures, and in a split slow calls where they are looked for."""
    alpha = _alpha(found, policy)
    failures = ratio.failures(asked, names, alpha=alpha)
    if not _looks_at_time(found, policy):
        return (failures,)
    return failures, ratio.slow_calls(asked, names, allowed=policy.slow_call_ms or 0.0, alpha=alpha)


def _looks_at_time(found: Experiment, policy: MonitoringPolicy) -> bool:
    # A shadow answers nobody, beside what else its process does then.
    return policy.slow_call_ms is not None and found.mode == "split"


def _alpha(found: Experiment, policy: MonitoringPolicy) -> float:
    """Failures, slow calls and slices share the error rate of the experiment, as far as they are looked at."""
    return found.alpha / (1 + _looks_at_time(found, policy) + bool(policy.slices))


def of_slices(context: Context, seen: compared.Evidence, policy: MonitoringPolicy) -> Iterator[SliceComparison]:
    """Each challenger in each declared slice."""
    found = seen.experiment
    deployment = deployments.at(context.database, found.model_name, found.started_at)
    metric = baseline.kind(found.metric)
    if not policy.slices or deployment is None or (metric != "accuracy" and seen.variance is None):
        return
    # The champion's slices do not know shares: no window in which these changed, nor the one in which the split began.
    shares = Counter(each.start for each in seen.buckets)
    starts = {start for start, count in shares.items() if count == 1 and start >= seen.begins} - {
        min(shares, default=0)
    }
    alpha = _alpha(found, policy) / len(found.arms)
    names = compared.names_of(context, found) or ("champion", "challenger")
    for who, arm in zip(names[1:], found.arms, strict=True):
        listed = traffic.slices(context, found, deployment, arm.challenger_id, policy.slices, starts)
        for place, part in enumerate(listed):
            yield _slice(seen, who, arm.challenger_id, part, alpha * rollout.part_of_slice(place))


def _slice(
    seen: compared.Evidence, who: str, challenger_id: str, part: traffic.SliceTraffic, alpha: float
) -> SliceComparison:
    metric = baseline.kind(seen.experiment.metric)
    if seen.experiment.mode == "split":
        days = [
            (start // DAY, of_champion, own)
            for start, of_champion, own in part.split
            if seen.counts(start, of_champion, own)
        ]
        effect = split.compare(days, metric, alpha=alpha, baseline_variance=seen.variance)
    else:
        pairs = [(start // DAY, sums) for start, sums in part.pairs if seen.mature is None or start < seen.mature]
        effect = shadow.compare(pairs, metric, alpha=alpha, baseline_variance=seen.variance)
    harmless, name = rollout.harm(effect), slices.shown(part.name)
    said = f"{who} {effect.numbers}: {harmless.because}" if effect.enough else effect.why_not
    return SliceComparison(name, challenger_id, effect, not harmless.passed, f"{name}: {said}")
