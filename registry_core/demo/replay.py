"""Real series played through the public API, week by week, the truth arriving late: what happens happens by itself.

Nobody in here promotes after the first day, refuses, alerts or rolls back: that is the registry's own doing, on the
evidence of the outcomes. The clock is the series' own, so a second run gives the same events.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from registry_core import Registry

from .datasets import FIRST_YEAR, ROWS_A_YEAR, Rows, Weather
from .flights import FIRST_DAY, Flights
from .service import Service
from .story_actions import PIPELINE, title
from .training import measure, train

Say = Callable[[str], None]
#: Days until the truth about a prediction is known.
LATE_DAYS = 7
#: Kept apart from all training: the flights the registry measures on.
HOLDOUT = (49, 56)
_BOOSTING, _SPLINES = {"max_iter": 60, "max_leaf_nodes": 15}, {"knots": 6}
STAGES = (0.05, 0.25, 0.5, 1.0)
#: When somebody comes, by day of 2013: trained from which day on, as what, its first share of the traffic, and why.
AUGUST, NOVEMBER = 210, 304
ARRIVALS = {
    112: (0, "HistGradientBoosting", 0.05, "Trained on all of the year so far"),
    AUGUST: (150, "Splines", 1.0, "Smooth curves, trained on this summer"),
    217: (214, "HistGradientBoosting", 0.05, "Trained on three days"),
}


class Calendar:
    """The clock of a replay: a day of the series, and an hour of it."""

    def __init__(self, first: datetime, day: int) -> None:
        self._first = first
        self.set(day)

    def __call__(self) -> datetime:
        return self.now

    def set(self, day: int, hour: int = 0) -> None:
        self.now = self._first + timedelta(days=day, hours=hour)


def flights(
    folder: str | os.PathLike[str],
    say: Say = print,
    *,
    every: int = 1,
    last: int = 365,
    shuffled: bool = False,
    broken_feed: bool = False,
) -> None:
    """March to December 2013: will a flight that has just left New York arrive late? About 900 a day.

    In April a challenger comes that knows all of the year so far, in August one made of curves that has seen nothing
    but summer, and one that knows three days. November brings frost.

    Args:
        folder: a folder for a new registry.
        say: called with a line for each thing that happens.
        every: take every so manieth flight only.
        last: the day of the year to end with.
        shuffled: deal the same flights to the days by chance, and let no challenger come: a real series in which
            nothing changes, so nothing should happen.
        broken_feed: from November on the delay at departure is missing, which every model needs; nobody comes in
            August. Every version gets worse, so nobody should be put back.
    """
    # Before the limit below: it reaches only libraries that are loaded.
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits

    data = Flights.read().thinned(every)
    if shuffled:
        data = data.shuffled()
    if broken_feed:
        data = data.without("departure_delay", NOVEMBER)
    calendar = Calendar(FIRST_DAY, HOLDOUT[1])
    with threadpool_limits(limits=1), Registry(folder, clock=calendar, actor=PIPELINE) as registry:
        registry.configure(
            "LateArrival",
            reason="Storms change accuracy by a few points: only more than that counts as a degradation. A better "
            "score on a holdout alone promotes nothing",
            auto_select_best=False,
            monitoring={"window_minutes": 1440, "tolerance": 0.02},
        )
        kept = data.days(*HOLDOUT)
        registry.add_benchmark("late-february", "LateArrival", kept.frame("late"), "late")
        registry.promote(_flights_model(registry, say, data, 0, HOLDOUT[0]), reason="The first version")
        service = Service(registry, "LateArrival", _dated(say, calendar))
        arrivals = {} if shuffled else dict(ARRIVALS)
        if broken_feed:
            del arrivals[AUGUST]
        for day in range(HOLDOUT[1], last):
            calendar.set(day)
            if day % 7 == 0:
                service.settle(day)
            if day in arrivals:
                start, model_type, share, reason = arrivals[day]
                challenger = _flights_model(registry, say, data, start, day, model_type)
                registry.start_experiment(
                    "LateArrival",
                    challenger,
                    stages=["shadow", *(each for each in STAGES if each >= share)],
                    reason=reason,
                )
            calendar.set(day, 23)
            rows = data.days(day, day + 1)
            service.answer(day + LATE_DAYS, rows.inputs, rows.target, data.planes(day, day + 1))
        calendar.set(last + LATE_DAYS)
        service.settle(last + LATE_DAYS)
        service.close()


def _flights_model(
    registry: Registry, say: Say, data: Flights, first: int, end: int, model_type: str = "HistGradientBoosting"
) -> str:
    before, after = data.days(first, min(end, HOLDOUT[0])), data.days(max(first, HOLDOUT[1]), end)
    rows = after if first > HOLDOUT[0] else before.joined(after) if end > HOLDOUT[1] else before
    parameters = _SPLINES if model_type == "Splines" else _BOOSTING
    return register(registry, say, "LateArrival", model_type, parameters, rows, data.days(*HOLDOUT))


def weather(folder: str | os.PathLike[str], say: Say = print, *, last: int = 1998, shuffled: bool = False) -> None:
    """1954 to 1998 at Offutt Air Force Base: did it rain that day? Seven days a week, for 45 years.

    In 1964 and in 1976 a challenger comes that knows the ten years before.

    Args:
        folder: a folder for a new registry.
        say: called with a line for each thing that happens.
        last: the year to end with.
        shuffled: as in ``flights``.
    """
    import sklearn.ensemble  # noqa: F401
    from threadpoolctl import threadpool_limits

    data = Weather.read()
    if shuffled:
        data = data.shuffled()
    start, end = (_first_day(year) for year in (1954, last + 1))
    calendar = Calendar(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), start)
    with threadpool_limits(limits=1), Registry(folder, clock=calendar, actor=PIPELINE) as registry:
        registry.configure(
            "OffuttRain",
            reason="One row per day: what takes other services hours takes years here",
            auto_select_best=False,
            monitoring={"window_minutes": 7 * 1440, "cooldown_hours": 24 * 365},
        )
        kept = data.years(1953, 1953)
        registry.add_benchmark("offutt-1953", "OffuttRain", kept.frame("rain"), "rain")
        registry.promote(
            register(registry, say, "OffuttRain", "LogisticRegression", {}, data.years(1949, 1952), kept),
            reason="The first version",
        )
        service = Service(registry, "OffuttRain", _dated(say, calendar))
        arrivals = {} if shuffled else {_first_day(year): year for year in (1964, 1976)}
        for day in range(start, end, 7):
            calendar.set(day)
            service.settle(day)
            if day in arrivals:
                year = arrivals[day]
                rows = data.years(year - 10, year - 1)
                challenger = register(registry, say, "OffuttRain", "HistGradientBoosting", _BOOSTING, rows, kept)
                registry.start_experiment(
                    "OffuttRain", challenger, stages=["shadow", 0.5, 1.0], reason=f"Trained on {rows.label}"
                )
            calendar.set(day, 23)
            week = slice(day, day + 7)
            service.answer(day + LATE_DAYS, data.measured[week], data.rain[week])
        service.close()


def _first_day(year: int) -> int:
    return round((year - FIRST_YEAR) * ROWS_A_YEAR) // 7 * 7


def _dated(say: Say, calendar: Calendar) -> Say:
    return lambda sentence: say(f"{calendar.now:%Y-%m-%d} {sentence}")


def register(
    registry: Registry,
    say: Say,
    model_name: str,
    model_type: str,
    parameters: Mapping[str, Any],
    rows: Rows,
    holdout: Rows,
) -> str:
    """Train and register a model with the reference of what it was trained on; its id."""
    fitted = train(model_type, parameters, rows)
    model_id = registry.register_model(
        *fitted,
        model_name=model_name,
        model_type=model_type,
        performance_metrics=measure(fitted, holdout),
        training_info={"training_samples": len(rows), "trained_on": rows.label, "data_quality_score": rows.quality},
        feature_names=list(rows.names),
        hyperparameters=dict(parameters),
        evaluation_set=holdout.label,
        reference=rows.inputs,
    )
    known = registry.get_metadata(model_id)
    say(f"{known.registered_at[:10]} {title(known)}, trained on {rows.label}: accuracy {known.accuracy:.3f}")
    return model_id
