"""How late outcomes come, learnt from those that have come."""

import numpy as np
import pytest

from registry_core.rules.live import delays

HOUR = 3.6e9


def seen(random: np.random.Generator, days: float, mean_hours: float, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of the last days, of whose outcomes only those are seen that have come."""
    could = random.random(rows) * days * 24 * HOUR
    waited = random.gamma(4.0, mean_hours / 4 * HOUR, rows)
    there = waited <= could
    return waited[there], could[there]


def test_by_hand() -> None:
    waited, could = np.array([1.0, 2.0, 3.0, 4.0]), np.array([9.0, 9.0, 9.0, 9.0])
    assert delays.quantile(waited, could, 0.5) == 2
    assert delays.quantile(waited, could, 1.0) == 4
    # A prediction that is 2 old could not have shown the delay of 4, so that delay is rarer than it is likely:
    # F(2) = (1 - 1/2) of F(4), where 2 of the 4 could have taken 4.
    waited, could = np.array([1.0, 1.0, 2.0, 4.0]), np.array([2.0, 2.0, 9.0, 9.0])
    assert delays.quantile(waited, could, 0.5) == 2
    assert delays.quantile(waited, could, 0.51) == 4


@pytest.mark.parametrize("days", [4.0, 30.0])
def test_recent_predictions_do_not_make_delays_look_short(days: float) -> None:
    random = np.random.default_rng(0)
    waited, could = seen(random, days, 24.0, 20_000)
    true = float(np.quantile(np.random.default_rng(1).gamma(4.0, 6.0, 200_000), 0.9))
    assert delays.quantile(waited, could) / HOUR == pytest.approx(true, rel=0.06)


def test_the_slower_class_decides_and_has_to_be_seen() -> None:
    random = np.random.default_rng(2)
    quick, slow = seen(random, 60, 2, 3_000), seen(random, 60, 200, 3_000)
    waited, could = np.concatenate([quick[0], slow[0]]), np.concatenate([quick[1], slow[1]])
    classes = np.repeat([1.0, 0.0], [len(quick[0]), len(slow[0])])
    found = delays.learn(waited, could, classes, np.array([0.0, 1.0]))
    assert found.age is not None
    assert found.age / HOUR == pytest.approx(334, rel=0.1)
    unseen = delays.learn(*quick, np.ones(len(quick[0])), np.array([0.0, 1.0]))
    assert (unseen.age, unseen.sentence) == (None, "too few outcomes of 1 class yet")


def test_outcomes_that_come_at_once_count_at_once() -> None:
    nothing, long_ago = np.zeros(50), np.full(50, 9 * HOUR)
    assert delays.learn(nothing, long_ago, nothing).age == 0
    assert delays.learn(nothing[:3], long_ago[:3], nothing[:3]).age == 0
    assert delays.learn(long_ago[:3], long_ago[:3], nothing[:3]).age is None
    slow = delays.learn(np.full(50, 8 * HOUR), long_ago, nothing)
    assert (slow.age, slow.sentence) == (None, "outcomes take 8 hours, but the first predictions are only 9 hours old")


def test_labels_that_differ_by_their_delay_are_named() -> None:
    random = np.random.default_rng(3)
    waited = random.random(4_000)
    bad = (random.random(4_000) < np.where(waited < 0.5, 0.3, 0.1)).astype(float)
    assert delays.early_and_late(waited, bad).startswith("early labels differ from late labels: 3")
    alike = (random.random(4_000) < 0.2).astype(float)
    assert delays.early_and_late(waited, alike) == ""
    assert delays.early_and_late(np.zeros(4_000), bad) == ""
    assert "mean loss" in delays.early_and_late(waited, 5 * bad + 1)
