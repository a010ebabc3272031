"""When the labels of a window stop being a biased sample: estimated from the delays of past outcomes.

Frauds are reported at once and honest customers never complain: labels that come early are not a sample of all. So a
window counts when all its predictions have their outcome, or when it is so old that nine of ten outcomes of every class
have come by that age.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from ...catalog.telemetry import predictions, streams
from ...policies import MonitoringPolicy
from ...rules.live import delays
from ..context import Context
from ..timestamps import DAY, MINUTE, microseconds

#: Delays are learnt from this much of the past, in so many stretches, from so many predictions of each.
PAST_DAYS, STRETCHES, EACH = 60, 20, 200
#: What was learnt holds for so long, of the registry's own time.
HOLDS = 60 * MINUTE


@dataclass(frozen=True)
class Maturity:
    """How old a window has to be, in microseconds; None where that is not known yet. ``sentence`` says why.

    ``warning`` is about labels that differ with their delay; empty where they do not.
    """

    age: int | None
    sentence: str
    warning: str = ""


def before(context: Context, model_name: str, policy: MonitoringPolicy) -> int | None:
    """Windows that begin before this moment count; those that begin later only when they are complete. None: all do."""
    found = learnt(context, model_name, policy)
    if found.age == 0:
        return None
    now = microseconds(context.now())
    if found.age is None:
        return 0
    return now - found.age - policy.window_minutes * MINUTE + 1


def learnt(context: Context, model_name: str, policy: MonitoringPolicy) -> Maturity:
    """How old a window of a model name has to be: as the policy says, else as its outcomes have shown."""
    if policy.maturity_hours is not None:
        hours = policy.maturity_hours
        age = int(timedelta(hours=hours).total_seconds() * 1e6)
        return Maturity(age, f"{hours:g} hours, set by monitoring.maturity_hours")
    place, now = ("maturity", model_name), microseconds(context.now())
    held = context.looked.get(place)
    if held is None or not held[0] <= now < held[0] + HOLDS:
        held = context.looked[place] = (now, _learn(context, model_name, now))
    found: Maturity = held[1]
    return found


def _learn(context: Context, model_name: str, now: int) -> Maturity:
    telemetry = context.telemetry
    among = streams.listed(telemetry, model_name)
    length = PAST_DAYS * DAY // STRETCHES
    edges = [now - (STRETCHES - stretch) * length for stretch in range(STRETCHES + 1)]
    rows = predictions.delays(telemetry, model_name, edges, EACH)
    if not rows:
        return Maturity(0, "no outcomes yet")
    made, told, truth, answer, stream = np.array(rows, np.float64).T
    classes = among[int(stream[0])].task != "regression"
    groups = truth if classes else np.zeros(len(truth))
    waited, could = np.maximum(told - made, 0.0), np.maximum(now - made, 0.0)
    found = delays.learn(waited, could, groups, _often(answer) if classes else None)
    wrong = truth != answer if classes else np.abs(truth - answer)
    return Maturity(found.age, found.sentence, delays.early_and_late(waited, wrong.astype(np.float64)))


def _often(answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Classes that are answered in one of twenty cases or more."""
    values, counts = np.unique(answers, return_counts=True)
    found: NDArray[np.float64] = values[counts >= len(answers) / 20]
    return found
