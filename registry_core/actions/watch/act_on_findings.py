"""Monitoring of one model name: detect, decide and act, after outcomes arrived or on request."""

from __future__ import annotations

from ...catalog import deployments
from .. import notify
from ..context import Context
from . import answer_drift, champion, detector_state, drifting, experiments, slices, thresholds


def look(context: Context, model_name: str, *, thorough: bool = False) -> tuple[str, ...]:
    """Act on what is known by now, and say in sentences what was done; nothing done is no sentence.

    It may be called as often as one likes, by several processes at once, and after one of them died in between: what
    is to be done follows from what is stored, and is done in one transaction that looks at it again.

    Args:
        thorough: also look at what is otherwise looked at only from time to time.
    """
    policy = context.configuration().policy(model_name)
    asked, said = policy.monitoring_policy, list[str]()
    current = deployments.current(context.database, model_name)
    if current is None:
        return ()
    if asked.on_degradation != "off":
        seen = detector_state.observe(context, current, asked, keep=True)
        said += champion.look(context, current, asked, seen)
        before = current
        current = deployments.current(context.database, model_name) if said else current
        assert current is not None
        if current.deployment_id == before.deployment_id:
            said += slices.look(context, current, seen)
        said += thresholds.look(context, current, policy, thorough=thorough)
    said += answer_drift.look(context, current, thorough=thorough)
    if asked.drift:
        said += drifting.look(context, current, thorough=thorough)
    said += experiments.look(context, model_name, asked, thorough=thorough)
    if asked.notify:
        notify.wake(context)
    return tuple(said)
