"""What happens to champions and challengers in made up worlds, and what of it the registry does by itself.

Each story plays once through the public API and says of each thing that may happen after how many labels, calls or
requests it did; None where it did not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.worlds import NAME, Rates, Traffic, World, world
from registry_core.catalog.telemetry import detectors

Chance = np.random.Generator
Happened = Mapping[str, float | None]
Story = Callable[[Chance], Happened]

#: Days that all is well before something happens.
WELL = 30
#: How long the predecessor served before.
EARLIER = 10
#: The usual share of wrong answers; labels over which one that rises gradually does so; labels it is looked for.
USUAL, GRADUAL_LABELS, LOOKED_FOR = 0.10, 10_000, 20_000


def broken(champion: float, predecessor: float, *, traffic: Traffic, days: int = 100) -> Story:
    """After thirty good days both versions err so much more.

    Args:
        champion: by how much the champion's share of wrong answers rises from 10%.
        predecessor: likewise; its share was the same.
        days: as long it is looked on.
    """

    def story(chance: Chance) -> Happened:
        usual = (USUAL, USUAL)
        with world(chance, traffic, 2) as made:
            made.serve(rates=usual, days=EARLIER)
            second = made.serve(rates=usual, days=WELL)
            begin, seen = made.day, dict[str, float | None](early=None, rolled=None, retrain=None)
            if made.champion != second:
                return {**seen, "early": made.told_since(EARLIER)}
            for _ in range(days):
                made.live((USUAL + predecessor, USUAL + champion))
                labels = made.told_since(begin)
                if made.champion != second:
                    return {**seen, "rolled": labels}
                if seen["retrain"] is None and _alerts(made, "retrain"):
                    seen["retrain"] = labels
            return seen

    return story


def well(traffic: Traffic, days: int, rates: Callable[[Chance], Callable[[int, float], float]] | None = None) -> Story:
    """Nothing happens: both versions err alike, all the time or in cycles.

    Args:
        rates: from chance, what gives the share of wrong answers of a day and an hour; 15% when left out.
    """

    def story(chance: Chance) -> Happened:
        rate = rates(chance) if rates is not None else lambda day, hour: 0.15
        with world(chance, traffic, 2) as made:
            made.serve()
            second = made.serve()
            while made.day < days:
                made.live(lambda hour: (rate(made.day, hour),) * 2)
                if made.champion != second:
                    return {"rolled": made.told_since(0), "alerted": 0.0}
            return {"rolled": None, "alerted": 0.0 if _alarmed(made) else None}

    return story


def cycles(chance: Chance) -> Callable[[int, float], float]:
    """A share of wrong answers that goes from 8% to 20% with the hour and the day of the week, begun anywhere."""
    first, second = chance.random(2)

    def rate(day: int, hour: float) -> float:
        daily = math.sin(2 * math.pi * (hour / 24 + first))
        weekly = math.sin(2 * math.pi * ((day + hour / 24) / 7 + second))
        return 0.14 + 0.03 * daily + 0.03 * weekly

    return rate


def winner(traffic: Traffic) -> Story:
    """A challenger wins its experiment, and a month goes by in which nothing changes.

    A benchmark from easier times says 6% of wrong answers of both; the champion errs in 16% by now, the winner in 12%.
    """
    rates = (0.16, 0.12)

    def story(chance: Chance) -> Happened:
        import pandas as pd

        with world(chance, traffic, 2) as made:
            truth = chance.integers(0, 2, 2_000)
            held = [np.where(chance.random(len(truth)) < 0.06, 1 - truth, truth) for _ in range(2)]
            inputs = pd.DataFrame({"version_0": held[0], "version_1": held[1], "segment": 0, "strange": 0})
            rows = inputs.astype(float).assign(truth=truth)
            made.registry.add_benchmark("easier-times", NAME, rows, "truth")
            made.serve(rates=rates, days=EARLIER)
            challenger = made.version()
            made.registry.start_experiment(NAME, challenger, stages=["shadow", 0.25, 0.5, 1.0], reason="retrained")
            while made.champion != challenger and made.day < 120:
                made.live(rates)
            if made.champion != challenger:
                return {"promoted": None}
            promoted = made.day
            for _ in range(30):
                made.live(rates)
                if made.champion != challenger:
                    return {"promoted": promoted - EARLIER, "rolled": made.told_since(promoted)}
            return {"promoted": promoted - EARLIER, "rolled": None}

    return story


def early_positives(chance: Chance, truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """As with fraud: what is wrong is told within days, that nothing was wrong after two to three weeks."""
    size = len(truth)
    days = np.where(truth == 1, 1 + chance.exponential(2.0, size), chance.uniform(14.0, 21.0, size))
    return days.astype(np.int64)


EARLY = Traffic(300, positives=0.2, delay=early_positives)
#: Wrong answers where the truth is 0, and where it is 1: positives are harder, or easier. Together 13.2%.
HARDER, EASIER = (0.09, 0.30), (0.155, 0.04)


def early_collapse(usual: tuple[float, float]) -> Story:
    """Positives are told early; after ninety days the champion errs by 20 points more in both classes.

    Args:
        usual: the share of wrong answers where the truth is 0, and where it is 1.
    """

    def story(chance: Chance) -> Happened:
        collapsed = (usual, (usual[0] + 0.20, usual[1] + 0.20))
        with world(chance, EARLY, 2) as made:
            made.serve()
            second = made.serve()
            while made.day < 90:
                made.live((usual, usual))
                if made.champion != second:
                    return {"rolled": made.told_since(0)}
            for _ in range(60):
                made.live(collapsed)
                if made.champion != second or _alarmed(made):
                    return {"rolled": None, "healthy": 0.0, "found": made.told_since(90)}
            return {"rolled": None, "healthy": 0.0, "found": None}

    return story


def early_challenger(of_classes: tuple[float, float]) -> Story:
    """Positives are told early, and a challenger errs otherwise than the champion: in more positives."""

    def story(chance: Chance) -> Happened:
        with world(chance, EARLY, 2) as made:
            made.serve(rates=(HARDER, of_classes), days=WELL)
            challenger = made.version()
            made.registry.start_experiment(NAME, challenger, stages="default", reason="retrained")
            return _until_ended(made, (HARDER, of_classes), challenger, 90)

    return story


def equal(traffic: Traffic, challengers: int, days: int, **how: Any) -> Story:
    """Challengers that are as good as the champion.

    Args:
        how: the experiment's mode, shares or stages.
    """
    rates = (0.15,) * (challengers + 1)

    def story(chance: Chance) -> Happened:
        with world(chance, traffic, challengers + 1) as made:
            made.serve(rates=rates, days=EARLIER)
            ids = [made.version() for _ in range(challengers)]
            made.registry.start_experiment(NAME, ids, reason="retrained", **how)
            for _ in range(days):
                made.live(rates)
                if any(arm.status == "refused" for arm in made.registry.experiments(NAME)[0].arms):
                    return {"stopped": made.told_since(EARLIER)}
            return {"stopped": None}

    return story


def better(traffic: Traffic, days: int) -> Story:
    """A challenger that is better by ten points, on the default way to production."""

    def story(chance: Chance) -> Happened:
        with world(chance, traffic, 2) as made:
            made.serve(rates=(0.20, 0.10), days=EARLIER)
            challenger = made.version()
            made.registry.start_experiment(NAME, challenger, stages="default", reason="retrained")
            return _until_ended(made, (0.20, 0.10), challenger, days)

    return story


def seldom(chance: Chance) -> Happened:
    """One row an hour, and a challenger that is worse by twenty points answers half of them."""
    with world(chance, Traffic(24, 24), 2) as made:
        made.serve(rates=(0.10, 0.30), days=EARLIER)
        challenger = made.version()
        made.registry.start_experiment(NAME, challenger, mode="split", share=0.5, reason="retrained")
        return _until_ended(made, (0.10, 0.30), challenger, 100)


def _until_ended(made: World, rates: Rates, challenger: str, days: int) -> Happened:
    for _ in range(days):
        made.live(rates)
        (experiment, *_) = made.registry.experiments(NAME)
        if made.champion == challenger:
            return {"promoted": float(made.own[challenger]), "stopped": None}
        if any(arm.status == "refused" for arm in experiment.arms):
            return {"promoted": None, "stopped": float(made.own[challenger])}
    return {"promoted": None, "stopped": None}


def failing(*, share: float, often: float, most: int, every: int) -> Story:
    """A challenger that raises, in shadow or in a split; a row comes every minute.

    Args:
        share: what it answers; 0 in shadow.
        often: the share of its requests in which it raises.
        most: requests after which nobody looks on any longer, those of the challenger alone.
        every: after as many requests somebody looks how the champion stands, as ``model-registry watch`` does.
    """

    def story(chance: Chance) -> Happened:
        with world(chance, Traffic(0), 2) as made:
            made.serve()
            challenger = made.version(fragile=True)
            how: dict[str, Any] = {"mode": "split", "share": share} if share else {"mode": "shadow"}
            started = made.registry.start_experiment(NAME, challenger, reason="retrained", **how)
            asked = 0
            while True:
                made.minute((0.10, 0.10), strange=bool(chance.random() < often))
                asked += 1
                if asked % every:
                    continue
                made.registry.check_health(NAME)
                (report,) = made.registry.experiment_report(started.experiment_id).challengers
                requests = report.challenger.predictions + report.challenger.failures
                if any(each.model_id == challenger for each in made.registry.alerts(NAME, resolved=True)):
                    return {"alert": float(requests)}
                if max(requests, asked if not share else 0) >= most:
                    return {"alert": None}

    return story


def sudden(points: float, traffic: Traffic, *, icc: float = 0.0, gradual: bool = False) -> Story:
    """A champion without a predecessor becomes worse after thirty days, at once or over 10,000 labels.

    Args:
        points: by how much the share of wrong answers rises from 10%.
        icc: how far rows of one day hang together; gives the traffic's ``day_sd``.
        gradual: rise evenly over 10,000 labels.
    """

    def story(chance: Chance) -> Happened:
        with world(chance, hanging(traffic, icc), 1) as made:
            made.serve(rates=(USUAL,), days=WELL)
            if _alarmed(made):
                return {"early": made.told_since(0), "found": None}
            while made.told_since(WELL) < (2 if gradual else 1) * LOOKED_FOR:
                part = min((made.day - WELL) * traffic.rows / GRADUAL_LABELS, 1.0) if gradual else 1.0
                made.live((USUAL + points * part,))
                if _alarmed(made):
                    return {"early": None, "well": 0.0, "found": made.told_since(WELL)}
            return {"early": None, "well": 0.0, "found": None}

    return story


def hanging(traffic: Traffic, icc: float) -> Traffic:
    """The traffic with days that vary as the intraclass correlation says, at the usual share of wrong answers."""
    return replace(traffic, day_sd=math.sqrt(icc * USUAL * (1 - USUAL)))


def segment(traffic: Traffic) -> Story:
    """A declared slice of 5% of the rows goes from 10% to 60% of wrong answers, the rest stays."""

    def story(chance: Chance) -> Happened:
        with world(chance, traffic, 1, slices=["segment"]) as made:
            made.serve(rates=(USUAL,), days=WELL)
            while made.told_since(WELL) < LOOKED_FOR:
                made.live((USUAL,), segment=(0.60,))
                if _alerts(made, "segment"):
                    return {"found": made.told_since(WELL)}
            return {"found": None}

    return story


#: How the same labels are told: of the labels of all days, the places of each call in turn.
CALLS: Mapping[str, Callable[[Sequence[int], Chance], list[NDArray[np.int64]]]] = {
    "a day": lambda days, _: np.split(np.arange(sum(days)), np.cumsum(days)[:-1]),
    "3 days": lambda days, _: np.split(np.arange(sum(days)), np.cumsum(days)[2:-1:3]),
    "1 label": lambda days, _: _in_calls_of(np.arange(sum(days)), 1),
    "50 labels": lambda days, _: _in_calls_of(np.arange(sum(days)), 50),
    "500 labels": lambda days, _: _in_calls_of(np.arange(sum(days)), 500),
    "50 labels, shuffled": lambda days, chance: _in_calls_of(chance.permutation(sum(days)), 50),
}


def _in_calls_of(places: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return np.split(places, range(size, len(places), size))


def batches(traffic: Traffic, days: int, rises: int) -> Story:
    """The same labels, told in calls of any size and order: whether the state is the same as by one call a day.

    Nothing is done about an alarm meanwhile, and all is told at one moment: what was done earlier stays, and when it
    was done is no part of the state that is compared.

    Args:
        rises: the day from which the champion errs twice as often, so that there is an alarm to compare as well.
    """

    def story(chance: Chance) -> Happened:
        seed = int(chance.integers(1 << 32))
        states = {name: _state(seed, traffic, days, rises, calls) for name, calls in CALLS.items()}
        first = states.pop("a day")
        return {name: 0.0 if state == first else None for name, state in states.items()}

    return story


def _state(
    seed: int,
    traffic: Traffic,
    days: int,
    rises: int,
    calls: Callable[[Sequence[int], Chance], list[NDArray[np.int64]]],
) -> tuple[Any, ...]:
    never = replace(traffic, delay=lambda _, truth: np.full(len(truth), days))
    with world(np.random.default_rng(seed), never, 1, on_degradation="suggest") as made:
        made.serve()
        while made.day < days:
            made.live((USUAL if made.day < rises else 2 * USUAL,))
        ids, truth = made.untold()
        for places in calls([traffic.rows] * days, np.random.default_rng(seed)):
            made.registry.record_outcomes(prediction_ids=ids[places], labels=truth[places])
        health = made.registry.check_health(NAME, act=False)
        return health.detector, health.baseline, detectors.of_name(made.registry._context.telemetry, NAME)


def _alarmed(made: World) -> bool:
    found = made.registry.alerts(NAME, resolved=True)
    return any(each.severity == "critical" or each.kind == "degradation" for each in found)


def _alerts(made: World, word: str) -> bool:
    return any(word in each.text.lower() for each in made.registry.alerts(NAME, resolved=True))
