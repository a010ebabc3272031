"""Looking: everything the watch does about one model name, after outcomes came or when somebody asks."""

from __future__ import annotations

from ...catalog import deployments
from .. import notify
from ..rooms import Rooms
from . import answering, champion, drifting, limits, observe, slices, trials


def look(rooms: Rooms, model_name: str, *, thorough: bool = False) -> tuple[str, ...]:
    """Act on what is known by now, and say in sentences what was done; nothing done is no sentence.

    It may be called as often as one likes, by several processes at once, and after one of them died in between: what
    is to be done follows from what is stored, and is done in one transaction that looks at it again.

    Args:
        thorough: also look at what is otherwise looked at only from time to time.
    """
    policy = rooms.configuration().policy(model_name)
    asked, said = policy.monitoring_policy, list[str]()
    current = deployments.current(rooms.database, model_name)
    if current is None:
        return ()
    if asked.on_degradation != "off":
        seen = observe.observe(rooms, current, asked, keep=True)
        said += champion.look(rooms, current, asked, seen)
        before = current
        current = deployments.current(rooms.database, model_name) if said else current
        assert current is not None
        if current.deployment_id == before.deployment_id:
            said += slices.look(rooms, current, seen)
        said += limits.look(rooms, current, policy, thorough=thorough)
    said += answering.look(rooms, current, thorough=thorough)
    if asked.drift:
        said += drifting.look(rooms, current, thorough=thorough)
    said += trials.look(rooms, model_name, asked, thorough=thorough)
    if asked.notify:
        notify.wake(rooms)
    return tuple(said)
