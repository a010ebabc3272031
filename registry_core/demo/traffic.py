"""Live traffic for a demo registry: real flights, one after the other, as fast as one likes to watch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np

from registry_core import InvalidInput, Registry

from .airport import NAME
from .flights import FIRST_DAY, Flights
from .service import Service

#: Where the demo's own history ends, in days of 2013.
FIRST = 245
#: Rows of one call arrive together: so many seconds of traffic.
_BEAT = 0.5


def play(
    folder: str | os.PathLike[str],
    say: Callable[[str], None],
    *,
    rate: float = 60.0,
    delay: float = 10.0,
    first: int = FIRST,
    last: int = 365,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Ask the champion of LateArrival about the flights of some days, and tell the truth a little later.

    Args:
        folder: a registry that the demo filled.
        say: called with a line for each thing the registry did because of the outcomes.
        rate: flights a second, or as many as the machine can answer.
        delay: seconds until the truth about a flight is known; it is told for a whole day of flights at once, since
            those of one hour are late together.
        first: the day of 2013 to begin with, counted from 0.
        last: the day to end before.
        stopped: asked twice a second whether to stop.

    Returns:
        how many flights were answered.

    Raises:
        InvalidInput: the registry has no LateArrival, or there are no flights on those days.
        StorageError: the flights are not installed.
    """
    data = Flights.read()
    rows, planes = data.days(first, last), data.planes(first, last)
    if not len(rows):
        raise InvalidInput(
            f"there are no flights from day {first} to day {last} of {FIRST_DAY:%Y}; days go from 0 to 364"
        )
    with Registry(folder, actor="flight-desk") as registry:
        if NAME not in registry.model_names() or registry.get_active_model_id(NAME) is None:
            raise InvalidInput(f"{registry.location} has no champion of {NAME}; create a demo: model-registry demo")
        service = Service(registry, NAME, say, log="batch")
        days = data.day[slice(*np.searchsorted(data.day, (first, last)))]
        # Behind the last flight of each flight's day.
        ends = np.searchsorted(days, days, side="right")
        asked = beat = 0
        # The time of the flights counts beats, not seconds: a machine that cannot keep up plays the same, only slower.
        while asked < len(rows) and not stopped():
            began = time.monotonic()
            until = min(len(rows), round(rate * (beat + 1) * _BEAT))
            while asked < until:
                batch = slice(asked, min(until, int(ends[asked])))
                told = float(ends[asked]) / rate + delay
                service.answer(told, rows.inputs[batch], rows.target[batch], planes[batch])
                asked = batch.stop
            service.settle(beat * _BEAT)
            beat += 1
            time.sleep(max(0.0, _BEAT - (time.monotonic() - began)))
        # Whoever stops early leaves the last flights without their truth, as it happens.
        if not stopped():
            time.sleep(delay)
            service.settle(float("inf"))
        service.close()
    return asked
