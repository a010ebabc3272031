"""The split test: numbers by hand and of another engine, buckets of their own time, and an answer for too little."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.errors import InvalidInput
from registry_core.live.effect import Effect
from registry_core.rules.live import mixture, split
from registry_core.rules.live.sums import Sums, of_outcomes, of_predictions


def counted(rows: int, wrong: int) -> Sums:
    """Sums of a classifier whose units are not known."""
    return of_outcomes([1] * rows, [0] * wrong + [1] * (rows - wrong))


def lost(losses: Any, clusters: Any = None) -> Sums:
    return of_outcomes(np.zeros(len(losses)), losses, task="regression", clusters=clusters)


# SequentialTwoSidedTTest of gbstats 0.8.0, alpha 0.05, tuning parameter 5,000, absolute difference: the champion's
# wrong and rows, the challenger's, its p and its interval.
GBSTATS = [
    ((150, 1000, 195, 1000), 0.1364106800955705, (-0.007686866096489026, 0.09768686609648905)),
    ((300, 2000, 21, 100), 0.9318678630195828, (-0.06923776909228094, 0.18923776909228093)),
    ((15, 1500, 12, 1500), 1.0, (-0.012554643415931498, 0.008554643415931498)),
    ((4500, 30000, 4300, 30000), 0.7029146242927071, (-0.016101284233804858, 0.0027679509004715497)),
]


@pytest.mark.parametrize(("counts", "p", "interval"), GBSTATS)
def test_one_stratum_is_that_of_gbstats(
    counts: tuple[int, int, int, int], p: float, interval: tuple[float, float]
) -> None:
    k0, n0, k1, n1 = counts
    variance = sum(k / n * (1 - k / n) / n for k, n in ((k0, n0), (k1, n1)))
    h = n0 * n1 / (n0 + n1)
    v, s = h**2 * variance, h * (k1 / n1 - k0 / n0)
    # There information is counted in rows: rho^2 V here is rho^2 N there.
    rho2 = mixture.rho_squared(0.05, 5_000) * (n0 + n1) / v
    half = float(mixture.half_width(v, rho2, 0.05)) / h
    effect = Effect("accuracy", "split", n0, n1, True, log_e=float(mixture.log_e(s, v, rho2)))
    assert effect.p == pytest.approx(p, abs=1e-9)
    assert (s / h - half, s / h + half) == pytest.approx(interval, abs=1e-9)


def test_one_bucket_by_hand() -> None:
    found = split.compare([("monday", counted(400, 60), counted(400, 100))])
    h, share = 200.0, (160 + 1) / (800 + 2)
    own = 400 / 399 * (0.15 * 0.85 + 0.25 * 0.75)
    # On one day: its rows are taken to hang together by 0.01, with 4 degrees of freedom.
    inflation = 1 + (h - 1) * 0.01 * 4 / 2
    v = max(share * (1 - share) * h, h * h * own / 400) * inflation
    s, rho2 = h * -0.1, (-2 * math.log(0.05) + math.log(1 - 2 * math.log(0.05))) / (0.1275 * 1250)
    half = math.sqrt((v + 1 / rho2) * math.log((1 + rho2 * v) / 0.05**2)) / h
    assert (found.champion_labels, found.challenger_labels, found.enough) == (400, 400, True)
    assert (found.value, found.low, found.high) == pytest.approx((-0.1, -0.1 - half, -0.1 + half))
    assert found.log_e == pytest.approx(rho2 * s**2 / (2 * (1 + rho2 * v)) - math.log(1 + rho2 * v) / 2)
    assert found.p == pytest.approx(math.exp(-(found.log_e or 0)))
    rho2 = (-2 * math.log(0.1) + math.log(1 - 2 * math.log(0.1))) / (0.1275 * 1250)
    normal = 0.5 * math.erfc(math.sqrt(rho2 / (1 + rho2 * v)) * s / math.sqrt(2))
    one_sided = math.log(2) + rho2 * s**2 / (2 * (1 + rho2 * v)) - math.log(1 + rho2 * v) / 2 + math.log(normal)
    assert found.log_e_worse == pytest.approx(one_sided)
    rho2 = (-2 * math.log(0.02) + math.log(1 - 2 * math.log(0.02))) / (0.1275 * 1250)
    bound = math.sqrt(2 * (v + 1 / rho2) * math.log(1 + math.sqrt(1 + rho2 * v) / 0.02)) / h
    assert found.at_least == pytest.approx(-0.1 - bound)
    assert found.bound_alpha == 0.01
    assert found.inflation == pytest.approx(inflation)


def test_an_interval_leaves_out_zero_when_p_is_below_alpha() -> None:
    for wrong in range(40, 160, 4):
        found = split.compare([(0, counted(500, 75), counted(500, wrong))])
        assert found.p is not None
        assert found.low is not None
        assert found.high is not None
        assert (found.p < 0.05) == (not found.low <= 0 <= found.high) == (found.verdict in ("better", "worse"))


def test_a_ramp_does_not_fake_an_effect() -> None:
    # Simpson: both are wrong in 10% on quiet days and in 30% on hard ones, and the challenger has most hard ones.
    buckets = [("quiet", counted(9_900, 990), counted(100, 10)), ("hard", counted(1_000, 300), counted(9_000, 2_700))]
    naive = 2_710 / 9_100 - 1_290 / 10_900
    assert naive > 0.17
    found = split.compare(buckets)
    assert found.value == pytest.approx(0.0, abs=1e-12)
    assert found.verdict == "no clear difference"
    assert found.p == 1.0
    # And none is hidden: 5 points worse on each day, while all rows together seem to say better.
    buckets = [
        window
        for day in range(20)
        for window in (
            (f"quiet {day}", counted(90, 9), counted(900, 135)),
            (f"hard {day}", counted(900, 270), counted(100, 35)),
        )
    ]
    assert 1_700 / 10_000 < 2_790 / 9_900
    hidden = split.compare(buckets)
    assert hidden.value == pytest.approx(-0.05)
    assert hidden.verdict == "worse"


def test_labels_that_come_late_are_compared_within_their_bucket() -> None:
    old = ("old", counted(1_000, 100), counted(1_000, 100))
    # Of the new bucket only the champion's labels are in, and they are bad ones: that is the time, not the model.
    late = ("new", counted(500, 250), counted(0, 0))
    assert split.compare([old, late]) == split.compare([old])
    assert split.compare([late, old, ("none", Sums(), Sums())]) == split.compare([old])
    assert not split.compare([late]).enough


@pytest.mark.parametrize(
    ("champion", "challenger", "sentence"),
    [
        ((100, 20), (85, 20), "Not enough labels yet: 85 of 100 for the challenger"),
        ((90, 20), (0, 0), "Not enough labels yet: 0 of 100 for the challenger and 0 of 100 for the champion"),
        ((500, 4), (500, 3), "Not enough wrong predictions yet: 7 of 20 for both models together"),
        ((500, 495), (500, 490), "Not enough correct predictions yet: 15 of 20 for both models together"),
    ],
)
def test_too_little_is_an_answer_of_its_own(
    champion: tuple[int, int], challenger: tuple[int, int], sentence: str
) -> None:
    found = split.compare([(0, counted(*champion), counted(*challenger))])
    assert (found.enough, found.verdict, found.sentence) == (False, "not enough", sentence)
    assert found.value is found.low is found.p is found.e_worse is found.at_least is None


def test_sentences() -> None:
    better = split.compare([(day, counted(100, 20), counted(120, 18)) for day in range(30)])
    assert better.sentence == "Challenger is better by 5.0 pp of accuracy (1.9 to 8.1), 3,600 against 3,000 labels"
    worse = split.compare([(day, counted(120, 18), counted(100, 20)) for day in range(30)])
    assert worse.sentence == "Challenger is worse by 5.0 pp of accuracy (1.9 to 8.1), 3,000 against 3,600 labels"
    open_ = split.compare([(0, counted(500, 75), counted(500, 70))])
    assert open_.sentence == (
        "No clear difference yet: challenger +1.0 pp of accuracy (-15.6 to +17.6), 500 against 500 labels; "
        "about 11,000 more labels would show 2 pp of accuracy"
    )


def test_losses() -> None:
    chance = np.random.default_rng(4)
    buckets = [
        (day, lost(chance.exponential(1.2, 500)), lost(chance.exponential(1.0 if day % 2 else 0.8, 500)))
        for day in range(10)
    ]
    found = split.compare(buckets, "loss", baseline_variance=1.4)
    assert found.verdict == "better"
    assert found.value == pytest.approx(0.3, abs=0.1)
    assert found.sentence.startswith("Challenger is better by 0.")
    assert "of loss (0." in found.sentence
    few = split.compare(buckets[:1], "brier", baseline_variance=0.1)
    assert few.sentence == "Not enough labels yet: 0 of 200 for the challenger and 0 of 200 for the champion"
    with pytest.raises(InvalidInput, match="no default variance"):
        split.compare(buckets, "loss")


def test_brier_scores() -> None:
    chance = np.random.default_rng(5)
    truth = chance.integers(0, 2, 4_000)
    sharp, dull = np.where(truth, 0.8, 0.2), np.full(4_000, 0.5)
    clusters = chance.integers(0, 64, 4_000)
    one, two = (of_outcomes(truth, each > 0.5, positive=1, scores=each, clusters=clusters) for each in (dull, sharp))
    found = split.compare([(0, one, two)], "brier", baseline_variance=0.01)
    assert found.value == pytest.approx(0.25 - 0.04)
    assert found.verdict == "better"


def test_units_that_come_often_widen_the_interval() -> None:
    chance = np.random.default_rng(6)
    units, often = 400, 25
    rate, cluster = chance.beta(0.35, 1.98, units), chance.integers(0, 64, units)
    wrong = chance.random((units, often)) < rate[:, None]

    def arm(chosen: Any, day: int) -> Sums:
        return of_outcomes(np.zeros(chosen.sum()), wrong[chosen, day], clusters=cluster[chosen])

    first = np.arange(units) < units // 2
    buckets = [(day, arm(first, day), arm(~first, day)) for day in range(often)]
    found, naive = split.compare(buckets), split.compare(buckets, clustered=False)
    # Rows of a unit with an intraclass correlation of .3, 25 times each: 1 + 24 * .3 = 8.2.
    assert 5 < found.inflation < 13
    assert naive.inflation < 1.3
    assert (found.high or 0) - (found.low or 0) > 1.7 * ((naive.high or 0) - (naive.low or 0))


def test_few_units_are_not_enough() -> None:
    champion = of_outcomes([0] * 640, [0, 0, 0, 1] * 160, clusters=np.arange(640) % 64)
    challenger = of_outcomes([0] * 300, [0, 0, 0, 1] * 75, clusters=np.arange(300) % 7)
    found = split.compare([(0, champion, challenger)])
    assert found.sentence == (
        "Not enough different units yet: the 300 labels of the challenger are spread over an effective "
        "6 of 64 groups of units, 30 are required"
    )
    assert split.compare([(0, champion, challenger)], clustered=False).enough
    core = Sums.from_bytes(challenger.to_bytes()[0])
    with pytest.raises(InvalidInput, match="without their detail"):
        split.compare([(0, champion, core)])


def test_contributions_of_clusters_add_up_to_nothing() -> None:
    chance = np.random.default_rng(7)
    n0, n1 = chance.integers(0, 4, (2, 5, 64)).astype(float)
    x0, x1 = np.floor(n0 * chance.random((5, 64))), np.floor(n1 * chance.random((5, 64)))
    found = split.cluster_contributions(n0, x0, n1, x1)
    assert found.sum() == pytest.approx(0, abs=1e-9)
    each = found.sum(axis=0)
    assert split.cluster_variance(each) == pytest.approx(64 / 63 * (each**2).sum())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0.5}, "alpha is 0.5"),
        ({"bound_alpha": 0.0}, "alpha is 0"),
        ({"baseline_variance": 0.0}, "variance is 0"),
        ({"worth": 0.0}, "worth is 0"),
    ],
)
def test_what_cannot_be_asked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        split.compare([], **arguments)


def test_buckets_are_the_looks_of_the_benchmark() -> None:
    # What simulations accumulate look by look is what compare finds over all buckets.
    chance = np.random.default_rng(8)
    n0, n1 = chance.integers(0, 40, (2, 30))
    k0, k1 = chance.binomial(n0, 0.2), chance.binomial(n1, 0.25)
    found = split.compare([(i, counted(int(n0[i]), int(k0[i])), counted(int(n1[i]), int(k1[i]))) for i in range(30)])
    columns = [each.astype(float) for each in (n0, k0, k0, n1, k1, k1)]
    looks = split.contrast(np.cumsum(split.increments(*columns), axis=1), binary=True, prior=split.USUAL_VARIANCE)
    rho2 = mixture.rho_squared(0.05, split.USUAL_VARIANCE * split.INFORMATION)
    parts = split.increments(*columns)
    days = split.of_days(range(30), parts[0], parts[1], float(looks.v[-1] / looks.h[-1]))
    assert days.learnt == 0
    assert found.inflation == pytest.approx(days.of_all)
    assert found.log_e == pytest.approx(mixture.log_e(looks.s, looks.v * days.of_all, rho2)[-1])
    assert found.value == pytest.approx(-(looks.s / np.maximum(looks.h, 1))[-1])


def test_a_stricter_level_is_wider() -> None:
    buckets = [(0, counted(900, 150), counted(900, 140))]
    usual, strict = split.compare(buckets), split.compare(buckets, alpha=0.05 / 3)
    assert (strict.low or 0) < (usual.low or 0) < (usual.high or 0) < (strict.high or 0)
    assert (strict.at_least or 0) < (usual.at_least or 0)


def test_effects_without_numbers_say_so() -> None:
    assert Effect("accuracy", "split", 1, 2, False, "Not enough").numbers == ""


def test_days_on_which_one_model_does_better_widen_the_interval() -> None:
    # Alike in the sum; on every other day the challenger is 20 points better, on the others 10 points worse.
    alike = [(day, counted(200, 40), counted(200, 30)) for day in range(20)]
    unlike = [(day, counted(200, 40), counted(200, 0 if day % 2 else 60)) for day in range(20)]
    steady, moody = split.compare(alike), split.compare(unlike)
    assert steady.value == pytest.approx(0.05)
    assert moody.value == pytest.approx(0.05)
    assert steady.inflation < 2
    assert moody.inflation > 10
    assert (steady.verdict, moody.verdict) == ("better", "no clear difference")
    # A day is one however many windows it has, in any order.
    halves = [(day, counted(100, 20), counted(100, 15)) for _ in range(2) for day in range(20)]
    assert split.compare(halves).inflation == pytest.approx(steady.inflation, rel=0.01)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_windows_are_pooled_by_counts_until_both_arms_have_labels(found: list[tuple[str, int, int]]) -> None:
    windows = [(shares, at, counted(n0, 0), counted(n1, n1)) for at, (shares, n0, n1) in enumerate(found)]
    pooled = split.pooled(windows, "accuracy")
    assert all(one.labelled and two.labelled for _, one, two in pooled)
    for shares in "ab":
        mine = [each for each in windows if each[0] == shares]
        starts = {start for _, start, _, _ in mine}
        kept = [each for each in pooled if each[0] in starts]
        # Nothing is lost but what one arm alone has at the end, and where all have labels nothing is pooled.
        lost = [
            sum(one.labelled for _, _, one, _ in mine) - sum(one.labelled for _, one, _ in kept),
            sum(two.labelled for _, _, _, two in mine) - sum(two.labelled for _, _, two in kept),
        ]
        assert min(lost) == 0 <= max(lost)
        if all(one.labelled and two.labelled for _, _, one, two in mine):
            assert [start for start, _, _ in kept] == [start for _, start, _, _ in mine]
    other = [(shares, at, one, counted(two.labelled, 0)) for shares, at, one, two in windows]
    assert [start for start, _, _ in split.pooled(other, "accuracy")] == [start for start, _, _ in pooled]


def test_a_row_an_hour_is_enough_to_stop_what_is_twenty_points_worse() -> None:
    random, needed = np.random.default_rng(5), []
    for _ in range(11):
        windows: list[tuple[Any, int, Sums, Sums]] = []
        for hour in range(1_200):
            second, wrong = random.random() < 0.5, random.random()
            arms = (counted(0, 0), counted(1, int(wrong < 0.35))) if second else (counted(1, int(wrong < 0.15)), Sums())
            windows.append(("0.5", hour, *arms))
            if hour % 72 == 71:
                days = [(start // 24, one, two) for start, one, two in split.pooled(windows, "accuracy")]
                found = split.compare(days)
                if (found.e_worse or 0) >= 20:
                    break
        needed.append(found.challenger_labels)
    assert np.median(needed) <= 400
    assert not split.compare([(start // 24, one, two) for _, start, one, two in windows]).enough


def test_a_call_that_was_not_answered_is_a_wrong_answer() -> None:
    def arm(rows: int, wrong: int, failures: int) -> Sums:
        answered = of_predictions(rows, calls=rows + failures, failures=failures, lost=failures)
        return answered + counted(rows // 2, wrong)

    def over_days(failures: int, metric: Any = "accuracy") -> Effect:
        return split.compare([(day, arm(400, 20, 0), arm(380, 19, failures)) for day in range(20)], metric)

    fine, failing = over_days(0), over_days(20)
    assert fine.value == pytest.approx(0.0)
    # Half of the labels come back, so that 20 of 400 count as 10 of 200: 5 points, of which a tenth is wrong anyway.
    assert failing.value == pytest.approx(0.1 - (19 + 10) / 200)
    assert failing.challenger_labels == fine.challenger_labels == 3_800
    assert (failing.e_worse or 0) > 20
    assert split.as_intended(arm(380, 19, 20), "loss", 0.5)[0] == 190
    assert split.share_known([]) == 0
