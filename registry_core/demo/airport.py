"""LateArrival: a model that is asked every day, with the truth a week later, and a challenger beside it in shadow."""

from __future__ import annotations

from registry_core import Registry

from .flights import Flights
from .service import Service
from .teller import ANNA, JONAS, PIPELINE, Story, title
from .training import measure, train

NAME = "LateArrival"
#: Every so manieth flight: about 300 a day.
EVERY = 3
#: The days of 2013 that models are compared on, and the first one that is served.
HOLDOUT, FIRST = (49, 56), 56
#: Days until the truth is known.
LATE = 7
#: From the first served day on.
CHALLENGER_AFTER = 40
_BOOSTING = {"max_iter": 60, "max_leaf_nodes": 15}


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
            reason="Live evidence decides here, not a holdout. Storms come and go, and accuracy follows them by ten "
            "points for a day: only more than that is a fault",
            auto_select_best=False,
            monitoring={"tolerance": 0.1, "window_minutes": 10},
        )
        flights = Flights.read().thinned(EVERY)
        model_id = _register(story, flights, HOLDOUT[0])
        story.registry.promote(model_id, actor=ANNA, reason="The first of its kind")
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
            self._registry.add_benchmark("late-february-2013", NAME, kept.frame("late"), "late", actor=ANNA)
            challenger = _register(self._story, self._flights, self._day)
            self._registry.start_experiment(
                NAME, challenger, mode="shadow", actor=JONAS, reason="It knows six weeks more; does that help?"
            )
            self._story.say(f"{title(self._registry.get_metadata(challenger))} runs in shadow (jonas.okafor)")

    def close(self) -> None:
        """No further day is served."""
        self._story.clock.each_day = None
        self._service.close()
        self._story.say(f"{NAME}: {self._day - FIRST} days of flights answered, the truth a week later")


def _register(story: Story, flights: Flights, end: int) -> str:
    """A model of all days before ``end`` but those of the holdout."""
    rows, kept = flights.days(0, min(end, HOLDOUT[0])).joined(flights.days(HOLDOUT[1], end)), flights.days(*HOLDOUT)
    fitted = train("HistGradientBoosting", _BOOSTING, rows)
    model_id = story.registry.register_model(
        *fitted,
        model_name=NAME,
        model_type="HistGradientBoosting",
        performance_metrics=measure(fitted, kept),
        training_info={"training_samples": len(rows), "trained_on": rows.label, "data_quality_score": rows.quality},
        feature_names=list(rows.names),
        hyperparameters=dict(_BOOSTING),
        evaluation_set="late-february-2013",
        description="Will a flight that has just left New York arrive more than 15 minutes late?",
        reference=rows.inputs,
        actor=PIPELINE,
    )
    story.say(f"{title(story.registry.get_metadata(model_id))}, trained on {rows.label}")
    return model_id
