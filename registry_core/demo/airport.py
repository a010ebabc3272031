"""LateArrival: a model that is asked every day, with the truth a week later, and a challenger beside it in shadow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from registry_core import Registry

from .datasets import Rows
from .evidence import explain
from .flights import AIRPORTS, Flights
from .service import Service
from .story_actions import ANNA, JONAS, PIPELINE, Story, title
from .training import measure, train

NAME = "LateArrival"
#: Every so manieth flight: about 300 a day.
EVERY = 3
#: The days of 2013 that models are compared on, and the first one that is served: the demo ends early in September.
HOLDOUT, FIRST = (177, 184), 184
#: Days until the truth is known.
LATE = 7
#: From the first served day on; the challenger knows this summer.
CHALLENGER_AFTER, SUMMER = 40, 150
BENCHMARK = "late-june-2013"
_BOOSTING, _SPLINES = {"max_iter": 60, "max_leaf_nodes": 15}, {"knots": 6}


class Airport:
    """Plays a day of flights for each day of the demo's story that passes."""

    def __init__(self, story: Story, flights: Flights) -> None:
        self._story, self._flights = story, flights
        self._day = FIRST
        self._registry: Registry = story.registry
        self._service = Service(story.registry, NAME, lambda sentence: None)

    @classmethod
    def open(cls, story: Story) -> Airport:
        """Register the first model, put it into production, and serve from the next midnight on."""
        story.registry.configure(
            NAME,
            actor=ANNA,
            reason="Live evidence decides here, not a holdout. Storms change accuracy by ten points for a day: "
            "only more than that counts as a degradation. Traffic is replayed fast, a day of flights in minutes, so "
            "one day here has the flights of many. Costs are an assumption: a gate kept free costs 1, a late arrival "
            "without one 4",
            auto_select_best=False,
            outcome_values={"hit": -1, "false_alarm": -1, "miss": -4},
            monitoring={"tolerance": 0.1, "window_minutes": 1, "overdispersion_icc": 0.0},
        )
        flights = Flights.read().thinned(EVERY)
        model_id = _register(story, flights, flights.days(0, HOLDOUT[0]), "HistGradientBoosting", _BOOSTING)
        story.registry.promote(model_id, actor=ANNA, reason="The first version")
        airport = cls(story, flights)
        story.clock.each_day = airport.serve
        return airport

    def serve(self, days_ago: int) -> None:
        """A day passes: it is served, what is known by now is told, and one day a challenger comes."""
        rows = self._flights.days(self._day, self._day + 1)
        self._service.answer(self._day + LATE, rows.inputs, rows.target, self._flights.planes(self._day, self._day + 1))
        self._service.settle(self._day)
        self._day += 1
        if self._day == FIRST + CHALLENGER_AFTER:
            # Measured from here on, so that whoever is promoted is held against days that are the same for all.
            kept = self._flights.days(*HOLDOUT)
            frame = kept.frame("late")
            frame["airport"] = [AIRPORTS[int(code)] for code in frame["origin"]]
            self._registry.add_benchmark(
                BENCHMARK,
                NAME,
                frame,
                "late",
                features=list(kept.names),
                protected=["airport"],
                actor=ANNA,
                reason="Passengers of each airport rely on it alike",
            )
            self._registry.evaluate(str(self._registry.get_active_model_id(NAME)), actor=ANNA)
            summer = self._flights.days(SUMMER, HOLDOUT[0]).joined(self._flights.days(HOLDOUT[1], self._day))
            challenger = _register(self._story, self._flights, summer, "Splines", _SPLINES)
            explain(self._story, NAME)
            self._registry.start_experiment(
                NAME, challenger, mode="shadow", actor=JONAS, reason="Smooth curves, trained on this summer: better?"
            )
            self._story.say(f"{title(self._registry.get_metadata(challenger))} runs in shadow (jonas.okafor)")

    def close(self) -> None:
        """No further day is served."""
        self._story.clock.each_day = None
        self._service.close()
        self._story.say(f"{NAME}: {self._day - FIRST} days of flights predicted, their labels a week later")


def _register(story: Story, flights: Flights, rows: Rows, model_type: str, parameters: Mapping[str, Any]) -> str:
    """A model of some days, measured on those of the holdout."""
    kept = flights.days(*HOLDOUT)
    fitted = train(model_type, parameters, rows)
    model_id = story.registry.register_model(
        *fitted,
        model_name=NAME,
        model_type=model_type,
        performance_metrics=measure(fitted, kept),
        training_info={"training_samples": len(rows), "trained_on": rows.label, "data_quality_score": rows.quality},
        feature_names=list(rows.names),
        hyperparameters=dict(parameters),
        evaluation_set=BENCHMARK,
        description="Will a flight that has just left New York arrive more than 15 minutes late?",
        reference=rows.inputs,
        training_data=rows.inputs,
        actor=PIPELINE,
    )
    story.say(f"{title(story.registry.get_metadata(model_id))}, trained on {rows.label}")
    return model_id
