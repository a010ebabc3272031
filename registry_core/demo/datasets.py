"""The data the demo trains on: weather by years, and scikit-learn's own sets split once."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Table = NDArray[np.float64]
Labels = NDArray[np.int64]

MEASURED = (
    "temperature",
    "dew_point",
    "sea_level_pressure",
    "visibility",
    "mean_wind_speed",
    "max_wind_speed",
    "max_temperature",
    "min_temperature",
)
#: Computed from the measurements of the day, and of the day before.
DERIVED = ("dew_point_depression", "temperature_range", "pressure_change")

FIRST_YEAR = 1949
ROWS_A_YEAR = 365.25


@dataclass(frozen=True)
class Rows:
    """Some rows of a data set, good ones only; ``quality`` is the share that was good."""

    inputs: Table
    target: NDArray[Any]
    names: tuple[str, ...]
    quality: float
    label: str

    def __len__(self) -> int:
        return len(self.target)

    def joined(self, other: Rows) -> Rows:
        """These rows, then those."""
        if not len(self) or not len(other):
            return self if len(self) else other
        good = (self.quality * len(self) + other.quality * len(other)) / (len(self) + len(other))
        return Rows(
            np.vstack([self.inputs, other.inputs]),
            np.concatenate([self.target, other.target]),
            self.names,
            good,
            f"{self.label} and {other.label}",
        )

    def frame(self, target: str | None = None) -> pd.DataFrame:
        """The inputs as a DataFrame, with the truth in a further column when it is named."""
        import pandas as pd

        frame = pd.DataFrame(self.inputs, columns=list(self.names))
        if target is not None:
            frame[target] = self.target
        return frame


@dataclass(frozen=True)
class Weather:
    """The whole record of Offutt Air Force Base; ``SOURCE.md`` says where it comes from."""

    measured: Table
    derived: Table
    rain: Labels
    plausible: NDArray[np.bool_]

    @classmethod
    def read(cls) -> Weather:
        """Read the file that comes with the package."""
        with (
            (files("registry_core.demo") / "noaa_weather.csv.gz").open("rb") as packed,
            gzip.open(packed, "rt") as text,
        ):
            table = np.loadtxt(text, delimiter=",", skiprows=1)
        temperature, dew, pressure, visibility, wind, gust, warmest, coldest = (table[:, n] for n in range(8))
        # Physics, and for pressure and visibility the span of all but 33 of the 18,159 days.
        plausible = (
            np.isfinite(table).all(axis=1)
            & (dew <= temperature)
            & (coldest <= temperature)
            & (temperature <= warmest)
            & (wind <= gust)
            & (pressure > 950)
            & (pressure < 1065)
            & (visibility <= 20)
        )
        # A mistyped pressure would spoil the next day's change as well: it counts as no change.
        steady = np.where((pressure > 950) & (pressure < 1065), pressure, np.nan)
        change = np.nan_to_num(np.diff(steady, prepend=steady[0]))
        derived = np.column_stack([temperature - dew, warmest - coldest, change])
        return cls(table[:, :8], derived, table[:, 8].astype(np.int64), plausible)

    def shuffled(self) -> Weather:
        """The same days in an order of chance, always the same one: a series in which nothing changes."""
        order = np.random.default_rng(0).permutation(len(self.rain))
        return Weather(self.measured[order], self.derived[order], self.rain[order], self.plausible[order])

    def years(self, first: int, last: int, *, derived: bool = False) -> Rows:
        """The plausible days of some years, the last included."""
        start, end = (min(round((year - FIRST_YEAR) * ROWS_A_YEAR), len(self.rain)) for year in (first, last + 1))
        good = self.plausible[start:end]
        inputs = np.hstack([self.measured, self.derived]) if derived else self.measured
        return Rows(
            inputs[start:end][good],
            self.rain[start:end][good],
            MEASURED + DERIVED if derived else MEASURED,
            float(good.mean()),
            f"{first}-{last}",
        )


def split(which: str) -> tuple[Rows, Rows]:
    """Three quarters and one quarter of one of scikit-learn's sets; the target 1 is what is looked for."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    data = getattr(datasets, f"load_{which}")()
    table = np.asarray(data.data, dtype=np.float64)
    if which == "breast_cancer":
        # In the file 0 is malignant.
        target, groups = 1 - data.target, data.target
    elif which == "digits":
        target = groups = 1 - data.target % 2
    else:
        target, groups = data.target, None
    # Good is a row that is complete and not an exact repetition of an earlier one.
    _, first = np.unique(np.column_stack([table, target]), axis=0, return_index=True)
    good = np.isin(np.arange(len(target)), first) & np.isfinite(table).all(axis=1)
    names = tuple(str(name).replace(" ", "_") for name in data.feature_names)
    parts = train_test_split(np.arange(len(target)), test_size=0.25, stratify=groups, random_state=0)
    train, holdout = (
        Rows(table[part][good[part]], target[part][good[part]], names, float(good[part].mean()), which)
        for part in parts
    )
    return train, holdout
