"""Accuracy without labels: near the truth while scores mean what they meant, and always called an estimate."""

from __future__ import annotations

import numpy as np
import pytest

from registry_core.errors import InvalidInput
from registry_core.rules.live.estimated import calibrate, estimate
from registry_core.rules.live.histogram import EMPTY, Histogram, histogram_of


def drawn(rows: int, seed: int, shape: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a model that is too sure of itself, and the truth."""
    chance = np.random.default_rng(seed)
    true_rate = chance.beta(*shape, rows)
    odds = (true_rate / (1 - true_rate)) ** 1.6
    return odds / (1 + odds), chance.random(rows) < true_rate


def split(scores: np.ndarray, truth: np.ndarray) -> tuple[Histogram, Histogram]:
    return histogram_of(scores[~truth]), histogram_of(scores[truth])


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_it_is_near_the_truth_when_only_the_inputs_move(threshold: float) -> None:
    found = calibrate(*split(*drawn(8_000, 1, (1.0, 1.0))), threshold)
    assert found is not None
    assert list(found.rates) == sorted(found.rates)
    assert sum(found.labels) == 8_000
    scores, truth = drawn(20_000, 2, (2.0, 5.0))
    right = ((scores >= threshold) == truth).mean()
    guess = estimate(found, histogram_of(scores))
    assert guess.accuracy == pytest.approx(right, abs=0.015)
    assert guess.low is not None
    assert guess.high is not None
    assert guess.low < right < guess.high
    assert (guess.is_estimate, guess.enough, guess.predictions, guess.calibrated_on) == (True, True, 20_000, 8_000)
    assert guess.sentence.startswith("Estimated accuracy ")
    assert guess.sentence.endswith("valid only while the scores are as well calibrated as on earlier labels")


def test_it_cannot_see_that_the_truth_has_changed() -> None:
    found = calibrate(*split(*drawn(8_000, 1, (1.0, 1.0))))
    scores, truth = drawn(5_000, 3, (1.0, 1.0))
    guess = estimate(found, histogram_of(scores))
    assert ((scores > 0.5) == ~truth).mean() < 0.3
    assert guess.accuracy is not None
    assert guess.accuracy > 0.7


def test_too_little_is_an_answer_of_its_own() -> None:
    scores, truth = drawn(499, 1, (1.0, 1.0))
    assert calibrate(*split(scores, truth)) is None
    none = estimate(None, histogram_of(scores))
    assert (none.enough, none.accuracy, none.is_estimate) == (False, None, True)
    assert none.sentence == "No estimate of accuracy yet: fewer than 500 labelled predictions have a score"
    few = estimate(calibrate(*split(*drawn(800, 1, (1.0, 1.0)))), histogram_of(scores[:99]))
    assert few.sentence == "No estimate of accuracy yet: 99 of 100 predictions have a score"


def test_scores_all_alike() -> None:
    found = calibrate(histogram_of([0.3] * 700), histogram_of([0.3] * 300))
    guess = estimate(found, histogram_of([0.3] * 1_000))
    assert guess.accuracy == pytest.approx(0.7, abs=0.002)
    assert calibrate(EMPTY, EMPTY) is None
    with pytest.raises(InvalidInput, match="the threshold is 1"):
        calibrate(EMPTY, EMPTY, 1.0)
