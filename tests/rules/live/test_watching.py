"""The watch over a champion: a pure function of days, what it decides between, and what it says."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_core.rules.live import watching
from registry_core.rules.live.baseline import Baseline
from registry_core.rules.live.watching import Day, Pairs, Rules, Watch, Window, begin

RULES = Rules("accuracy", 0.01, 500)
DAY, HOUR = 86_400_000_000, 3_600_000_000
A_DAY = 240


def days(
    random: np.random.Generator, number: int, wrong: float, standby: float, first: int = 0, sampled: float = 1.0
) -> Iterator[Day]:
    """Days of four windows; rows that are hard for one are hard for both."""
    for day in range(first, first + number):
        windows, pairs = [], []
        for part in range(4):
            start, rows = day * DAY + part * 6 * HOUR, A_DAY // 4
            hardness = random.random(rows)
            ours = random.random(rows) < np.where(hardness < 0.5, 1.8 * wrong, 0.2 * wrong)
            theirs = random.random(rows) < np.where(hardness < 0.5, 1.8 * standby, 0.2 * standby)
            windows.append(Window(start, rows, float(ours.sum()), float(ours.sum())))
            seen = random.random(rows) < sampled
            better, worse = int((ours & ~theirs)[seen].sum()), int((~ours & theirs)[seen].sum())
            pairs.append(Pairs(start, int(seen.sum()), better - worse, better + worse, better, worse))
        yield Day(day * DAY, tuple(windows), tuple(pairs))


def play(watch: Watch, *parts: Iterator[Day]) -> Watch:
    for part in parts:
        for day in part:
            watch = watch.after(day)
    return watch


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def test_a_champion_that_breaks_alone_is_worse_and_its_standby_better(random: np.random.Generator) -> None:
    well = play(begin(RULES), days(random, 30, 0.10, 0.10, sampled=0.05))
    assert (well.standing, well.standby, well.days.days) == ("well", "not known", 28)
    assert well.baseline is not None
    assert well.baseline.mean == pytest.approx(0.10, abs=0.015)
    assert well.bound is not None
    assert "of 28 days" in well.bound.because
    assert well.notices.startswith("detects an error rate of 14.5% after about ")
    worse = play(well, days(random, 8, 0.20, 0.10, first=30))
    assert (worse.standing, worse.standby) == ("worse", "better")
    assert worse.detector.alarms == 1
    assert " pp more accurate than the champion (e-value " in worse.compared_with("1.0.0")
    # its baseline does not follow it
    assert worse.days == well.days


def test_when_everybody_gets_worse_the_standby_is_no_better(random: np.random.Generator) -> None:
    worse = play(begin(RULES), days(random, 30, 0.10, 0.10), days(random, 20, 0.20, 0.20, first=30))
    assert (worse.standing, worse.standby) == ("worse", "no better")


def test_labels_that_speak_against_an_alarm_end_it(random: np.random.Generator) -> None:
    worse = play(begin(RULES), days(random, 30, 0.10, 0.10), days(random, 8, 0.20, 0.10, first=30))
    again = play(worse, days(random, 10, 0.10, 0.10, first=38))
    assert (again.standing, again.standby, again.comparison) == ("well", "not known", None)
    assert again.detector.alarms == 1


def test_what_was_known_holds_until_there_are_whole_weeks_of_labels(random: np.random.Generator) -> None:
    known = Baseline("accuracy", 20_000, 0.05, 0.05 * 0.95)
    watch = begin(RULES, known)
    assert watch.baseline == known
    watch = play(watch, days(random, 6, 0.12, 0.12))
    assert watch.baseline == known
    assert watch.standing == "worse"
    # judged by its own labels it is as it always was
    watch = play(watch, days(random, 14, 0.12, 0.12, first=6))
    assert watch.baseline is not None
    assert watch.baseline.mean == pytest.approx(0.12, abs=0.02)
    assert watch.standing == "well"


def test_a_baseline_may_come_from_before_the_promotion(random: np.random.Generator) -> None:
    earlier = [
        (day.windows[0].rows, day.windows[0].total, day.windows[0].squares) for day in days(random, 20, 0.1, 0.1)
    ]
    watch = begin(RULES, Baseline("accuracy", 20_000, 0.05, 0.05 * 0.95), earlier)
    assert watch.baseline is not None
    assert (watch.baseline.rows, watch.baseline.days) == (1_200, 20)


def test_on_its_first_day_it_is_held_against_earlier_that_day() -> None:
    rules = Rules("accuracy", 0.01, 300, icc=0.0)
    good = [Window(part * HOUR, 100, 10.0, 10.0) for part in range(4)]
    bad = [Window((4 + part) * HOUR, 100, 50.0, 50.0) for part in range(4)]
    assert begin(rules).after(Day(0, tuple(good))).standing == "well"
    assert begin(rules).after(Day(0, tuple(good + bad))).standing == "worse"
    # With what is feared of days, one bad morning is one bad day.
    assert begin(Rules("accuracy", 0.01, 300)).after(Day(0, tuple(good + bad))).standing != "worse"


def test_days_that_differ_by_nature_raise_no_alarm(random: np.random.Generator) -> None:
    watch = begin(RULES)
    for number in range(120):
        rate = float(np.clip(0.10 + 0.04 * random.standard_normal(), 0.005, 1))
        watch = play(watch, days(random, 1, rate, rate, first=number))
    assert watch.icc > 0.01
    assert watch.detector.alarms == 0


def test_losses(random: np.random.Generator) -> None:
    watch = begin(Rules("loss", 0.05, 500))
    for day in range(40):
        scale = 1.0 if day < 30 else 1.5
        ours, theirs = scale * random.exponential(2.0, A_DAY), random.exponential(2.0, A_DAY)
        gained = ours - theirs
        pairs = Pairs(day * DAY, A_DAY, float(gained.sum()), float(np.square(gained).sum()))
        window = Window(day * DAY, A_DAY, float(ours.sum()), float(np.square(ours).sum()))
        watch = watch.after(Day(day * DAY, (window,), (pairs,)))
    assert (watch.standing, watch.standby) == ("worse", "better")
    assert watch.notices == ""


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 900), st.floats(0, 1), st.integers(0, 20)), min_size=1, max_size=12))
def test_the_state_survives_json(parts: list[tuple[int, float, int]]) -> None:
    first = watch = begin(RULES)
    for number, (rows, rate, pairs) in enumerate(parts):
        wrong = float(round(rows * rate))
        window = Window(number * DAY, rows, wrong, wrong)
        watch = watch.after(Day(number * DAY, (window,), (Pairs(number * DAY, pairs, pairs, pairs, pairs, 0),)))
    again = first.restore(json.loads(json.dumps(watch.to_dict(), allow_nan=False)))
    assert again == watch
    assert again.to_dict() == watch.to_dict()


def test_an_alarm_needs_as_many_labels_as_is_said() -> None:
    # ln(1e6 g) / g where g = .2 ln(.2/.1) + .8 ln(.8/.9)
    gain = 0.2 * math.log(2) + 0.8 * math.log(0.8 / 0.9)
    assert watching.labels_needed(0.2, 0.1, 1e6) == pytest.approx(math.log(1e6 * gain) / gain)
    assert watching.labels_needed(0.1, 0.1, 1e6) == math.inf


def test_what_comes_seldom_is_held_against_four_weeks() -> None:
    def seldom(number: int, first: int, wrong: int) -> Iterator[Day]:
        for day in range(first, first + number):
            yield Day(day * DAY, (Window(day * DAY, 10, wrong, wrong),))

    new = play(begin(RULES), seldom(27, 0, 1))
    assert (new.baseline, new.bound) == (None, None)
    well = play(new, seldom(1, 27, 1))
    assert well.baseline is not None
    assert (well.baseline.rows, well.baseline.days) == (280, 28)
    assert well.bound is not None
    assert well.bound.value > 0.145  # so few allow the more
    assert play(well, seldom(20, 28, 6)).standing == "worse"
    assert play(well, seldom(200, 28, 1)).standing == "well"
    # Where something else is known, that counts.
    known = Baseline("accuracy", 2_000, 0.1, 0.09)
    assert play(begin(RULES, known), seldom(28, 0, 1)).baseline == known


def test_the_guarantee_is_shared_by_all_detectors() -> None:
    alone, of_five = begin(RULES), begin(replace(RULES, detectors=5))
    assert of_five.detector.threshold == 5 * alone.detector.threshold == 5e6
