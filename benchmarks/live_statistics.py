"""Whether the statistics of live traffic keep what they promise: ``python -m benchmarks.live_statistics``.

Seeded simulations with the shipped formulas, a few minutes on one core; the table is the same on every machine. Levels
are met when they are kept within 1.96 standard errors of the simulation itself, which are printed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry_core.live.effect import Effect
from registry_core.rules.live import baseline, degradation, mixture, rollout, scores, shadow, split
from registry_core.rules.live.detail import CLUSTERS
from registry_core.rules.live.histogram import histogram_of
from registry_core.rules.roc_auc import area_under_roc

Numbers = NDArray[np.float64]
Chance = np.random.Generator

ALPHA, LOOKS = 0.05, 200
#: Shares of a rollout, by look.
RAMP = ((0, 0.01), (40, 0.05), (80, 0.25), (120, 0.5))


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    target: str
    measured: str
    met: bool

    def __str__(self) -> str:
        return f"| {self.what} | {self.target} | {self.measured} | {'met' if self.met else 'MISSED'} |"


def within(rate: float, limit: float, runs: int) -> tuple[str, bool]:
    """A rate with its simulation error, and whether it is at most the limit but for that error."""
    error = 1.96 * math.sqrt(limit * (1 - limit) / runs)
    return f"{rate:.2%} (simulation error {error:.2%})", rate <= limit + error


def dealt(chance: Chance, runs: int, per: int, share: float, accuracies: tuple[float, float]) -> Numbers:
    """``increments`` of units that come once, (10, runs, looks)."""
    n1 = chance.binomial(per, share, (runs, LOOKS))
    n0 = per - n1
    x0, x1 = (chance.binomial(n, 1 - accuracy).astype(float) for n, accuracy in zip((n0, n1), accuracies, strict=True))
    return split.increments(n0.astype(float), x0, x0, n1.astype(float), x1, x1)


def evidence(sums: Numbers, prior: float, extra: Numbers | None = None) -> tuple[Numbers, Numbers]:
    """ln e of "no difference" and of "not worse" at every look, (runs, looks); -inf before the burn-in is over."""
    found = split.contrast(sums, binary=True, prior=prior)
    v = found.v if extra is None else np.maximum(found.v, extra)
    ready = split.enough_rows(sums[4], sums[5], sums[7], sums[8], binary=True)
    two, one = (mixture.rho_squared(alpha, prior * split.INFORMATION) for alpha in (ALPHA, 2 * ALPHA))
    return (
        np.where(ready, mixture.log_e(found.s, v, two), -np.inf),
        np.where(ready, mixture.log_e_below(-found.s, v, one), -np.inf),
    )


def false_rejections(runs: int) -> Iterator[Row]:
    """Tests of models that do not differ, looked at 200 times."""
    cases = (
        ("50/50, accuracy .85", 50, 0.5, 0.85),
        ("95/5, accuracy .85", 200, 0.05, 0.85),
        ("99/1, accuracy .99", 2_000, 0.01, 0.99),
        ("99/1, accuracy .85", 1_000, 0.01, 0.85),
    )
    for number, (name, per, share, accuracy) in enumerate(cases):
        sums = np.cumsum(dealt(np.random.default_rng([1, number]), runs, per, share, (accuracy, accuracy)), axis=-1)
        found = evidence(sums, accuracy * (1 - accuracy))
        yield from rejected(f"{name}, {per:,} rows a look", runs, found)
    for number, (per, units) in enumerate(((50, 1_000), (200, 1_000), (200, 300))):
        chance = np.random.default_rng([2, number])
        looks = [np.stack(each) for each in zip(*(clustered(chance, per, units) for _ in range(runs)), strict=True)]
        name = f"clustered ramp 1 to 50%, ICC .3, {units:,} units, {per:,} rows a look"
        yield from rejected(name, runs, (looks[0], looks[1]))


def losses(chance: Chance, per: int, share: float, kind: str) -> Numbers:
    """``increments`` of losses after each look, (10, looks)."""
    lost = chance.exponential(1.0, (LOOKS, per))
    if kind == "rare":
        lost *= chance.random((LOOKS, per)) < 0.02
    second = chance.random((LOOKS, per)) < share
    arms = [(lost * chosen, chosen) for chosen in (~second, second)]
    each = [np.sum(table, axis=1, dtype=float) for one, chosen in arms for table in (chosen, one, np.square(one))]
    return np.cumsum(split.increments(*each), axis=-1)


def false_rejections_of_losses(runs: int) -> Iterator[Row]:
    """Mean losses that do not differ: skewed ones, and such that are 0 in 98 of 100 rows."""
    for number, (kind, prior) in enumerate((("exponential", 1.0), ("rare", 0.0396))):
        for per, share in ((50, 0.5), (200, 0.05)):
            chance = np.random.default_rng([10, number, per])
            two, one = [], []
            for _ in range(runs):
                sums = losses(chance, per, share, kind)
                found = split.contrast(sums, binary=False, prior=prior)
                ready = split.enough_rows(sums[4], sums[5], sums[7], sums[8], binary=False)
                tuned = [mixture.rho_squared(alpha, prior * split.INFORMATION) for alpha in (ALPHA, 2 * ALPHA)]
                two.append(np.where(ready, mixture.log_e(found.s, found.v, tuned[0]), -np.inf))
                one.append(np.where(ready, mixture.log_e_below(-found.s, found.v, tuned[1]), -np.inf))
            name = f"{kind} losses, {share:.0%} to the challenger"
            yield from rejected(name, runs, (np.array(two), np.array(one)))


def rejected(name: str, runs: int, found: tuple[Numbers, Numbers]) -> Iterator[Row]:
    for side, each in zip(("two-sided", "worse"), found, strict=True):
        rate = float((each >= math.log(1 / ALPHA)).any(axis=-1).mean())
        yield Row(f"false rejections, {name}, {side}", "<= 5%", *within(rate, ALPHA, runs))


def clustered(
    chance: Chance, per: int, units: int, icc: float = 0.3, accuracy: float = 0.85
) -> tuple[Numbers, Numbers]:
    """ln e at every look of one ramp, whose units come again and again, each with an error rate of its own."""
    rates = chance.beta((1 - accuracy) * (1 / icc - 1), accuracy * (1 / icc - 1), units)
    position, cluster = chance.random(units), chance.integers(0, CLUSTERS, units)
    who = chance.integers(0, units, (LOOKS, per))
    shares = np.array([[share for start, share in RAMP if start <= look][-1:] for look in range(LOOKS)])
    second, wrong = position[who] < shares, chance.random((LOOKS, per)) < rates[who]
    cell = np.arange(LOOKS)[:, None] * CLUSTERS + cluster[who]

    def counted(chosen: NDArray[np.bool_]) -> Numbers:
        return np.bincount(cell[chosen], minlength=LOOKS * CLUSTERS).reshape(LOOKS, CLUSTERS).astype(np.float64)

    n0, x0, n1, x1 = counted(~second), counted(~second & wrong), counted(second), counted(second & wrong)
    each = [table.sum(axis=1) for table in (n0, x0, x0, n1, x1, x1)]
    variance = split.cluster_variance(np.cumsum(split.cluster_contributions(n0, x0, n1, x1), axis=0))
    found = evidence(np.cumsum(split.increments(*each), axis=-1), accuracy * (1 - accuracy), variance)
    even = np.minimum(*(split.effective_clusters(np.cumsum(n, axis=0)) for n in (n0, n1))) >= split.LEAST_CLUSTERS
    return np.where(even, found[0], -np.inf), np.where(even, found[1], -np.inf)


def against_gbstats(runs: int) -> Iterator[Row]:
    """SequentialTwoSidedTTest of gbstats 0.8.0, alpha .05, tuning 5,000: p and interval for one stratum."""
    oracle = (
        ((150, 1000, 195, 1000), 0.1364106800955705, (-0.007686866096489026, 0.09768686609648905)),
        ((300, 2000, 21, 100), 0.9318678630195828, (-0.06923776909228094, 0.18923776909228093)),
        ((4500, 30000, 4300, 30000), 0.7029146242927071, (-0.016101284233804858, 0.0027679509004715497)),
    )
    furthest = 0.0
    for (k0, n0, k1, n1), p, interval in oracle:
        difference, variance = k1 / n1 - k0 / n0, sum(k / n * (1 - k / n) / n for k, n in ((k0, n0), (k1, n1)))
        h = n0 * n1 / (n0 + n1)
        # It measures information in rows: rho^2 V of ours is its rho^2 N.
        v = h**2 * variance
        rho2 = mixture.rho_squared(ALPHA, 5_000) * (n0 + n1) / v
        half = float(mixture.half_width(v, rho2, ALPHA)) / h
        effect = Effect("accuracy", "split", n0, n1, True, log_e=float(mixture.log_e(h * difference, v, rho2)))
        found = effect.p or 0.0, difference - half, difference + half
        furthest = max(furthest, *(abs(one - two) for one, two in zip(found, (p, *interval), strict=True)))
    yield Row("p and interval against gbstats 0.8.0", "<= 1e-9", f"{furthest:.1e} apart", furthest <= 1e-9)


def first_time(found: NDArray[np.bool_], rows: Numbers) -> Numbers:
    """The rows at the first true look of each run, (runs,); inf where there is none."""
    return np.where(found.any(axis=-1), np.take_along_axis(rows, found.argmax(axis=-1)[:, None], -1)[:, 0], np.inf)


def power(runs: int) -> Iterator[Row]:
    """How many rows a split test takes."""
    for drop, limit in ((0.05, 2_000), (0.10, 750)):
        sums = np.cumsum(dealt(np.random.default_rng([3, limit]), runs, 20, 0.5, (0.85, 0.85 - drop)), axis=-1)
        _, worse = evidence(sums, split.USUAL_VARIANCE)
        median = float(np.median(first_time(worse >= math.log(1 / ALPHA), sums[4] + sums[7])))
        what = f"split 50/50, {drop * 100:g} points worse than .85, median rows in all"
        yield Row(what, f"<= {limit:,}", f"{median:,.0f}", median <= limit)


def saving(runs: int) -> Iterator[Row]:
    """How many fewer rows a shadow test takes, where the models differ on 8% of them."""
    for number, drop in enumerate((0.02, 0.03)):
        chance = np.random.default_rng([4, number])
        per = 20
        wins = chance.multinomial(per, [0.04 - drop / 2, 0.04 + drop / 2, 0.92], (runs, LOOKS)).cumsum(axis=1)
        worse = shadow.log_e_worse(wins[..., 0], wins[..., 1]) >= math.log(1 / ALPHA)
        rows = np.broadcast_to(np.arange(1, LOOKS + 1, dtype=np.float64) * per, worse.shape)
        paired = float(np.median(first_time(worse & (rows >= split.LEAST_ROWS), rows)))
        sums = np.cumsum(dealt(chance, runs, 150, 0.5, (0.85, 0.85 - drop)), axis=-1)
        _, found = evidence(sums, split.USUAL_VARIANCE)
        dealt_rows = float(np.median(first_time(found >= math.log(1 / ALPHA), sums[4] + sums[7])))
        what = f"rows of a split test for one of a shadow test, {drop * 100:g} points worse, 8% discordant"
        ratio = dealt_rows / paired
        yield Row(what, ">= 5", f"{ratio:.1f} ({dealt_rows:,.0f} and {paired:,.0f})", ratio >= 5)


def shadow_errors(runs: int) -> Iterator[Row]:
    """Shadow tests of models that do not differ, and bounds that exclude the true difference."""
    wins = np.random.default_rng(5).multinomial(50, [0.04, 0.04, 0.92], (runs, LOOKS)).cumsum(axis=1)
    c, b = wins[..., 0], wins[..., 1]
    rows = np.broadcast_to(np.arange(1, LOOKS + 1) * 50.0, c.shape)
    yield from rejected("shadow, 8% discordant, 50 rows a look", runs, (shadow.log_e(c, b), shadow.log_e_worse(c, b)))
    above = shadow.log_e_above(c, b, rows, np.zeros(c.shape)) >= math.log(1 / ALPHA)
    yield Row(
        "shadow, lower bound above the true difference", "<= 5%", *within(float(above.any(axis=1).mean()), ALPHA, runs)
    )


def clustered_shadow_errors(runs: int) -> Iterator[Row]:
    """Shadow tests of models that do not differ, where each of 1,000 units has its own way, again and again."""
    chance, looks, per, units = np.random.default_rng(11), 100, 200, 1_000
    found: list[tuple[Numbers, Numbers]] = []
    for _ in range(runs):
        discordant, up = chance.beta(0.187, 2.147, units), chance.beta(1.167, 1.167, units)
        who, cluster = chance.integers(0, units, (looks, per)), chance.integers(0, CLUSTERS, units)
        differ = chance.random((looks, per)) < discordant[who]
        gain = np.where(differ, np.where(chance.random((looks, per)) < up[who], 1.0, -1.0), 0.0)
        cell = (np.arange(looks)[:, None] * CLUSTERS + cluster[who]).ravel()
        by = np.bincount(cell, gain.ravel(), looks * CLUSTERS).reshape(looks, CLUSTERS).cumsum(axis=0)
        sizes = np.bincount(cell, minlength=looks * CLUSTERS).reshape(looks, CLUSTERS).cumsum(axis=0)
        c, b = ((gain == side).sum(axis=1).cumsum() for side in (1, -1))
        inflation = shadow.inflation_of(by, sizes.astype(float), c - b, (c + b).astype(float))
        found.append((shadow.log_e(c, b) / inflation, shadow.log_e_worse(c, b) / inflation))
    both = np.array([one for one, _ in found]), np.array([two for _, two in found])
    yield from rejected("shadow, ICC .3, 1,000 units, 200 rows a look, 100 looks", runs, both)


def alarms(runs: int) -> Iterator[Row]:
    """The watch over a champion whose error rate was 10%, known exactly."""
    for batch in (500, 50):
        chance = np.random.default_rng([6, batch])
        updates, found = 200_000 // batch, 0
        log_r = np.full((runs, len(degradation.DROPS)), -np.inf)
        for _ in range(updates):
            k = chance.binomial(batch, 0.10, runs)
            likelihood = degradation.log_likelihood_of_wrong(batch, k, 0.10)
            log_r = degradation.advance(log_r, np.full(runs, batch), likelihood)
            alarm = degradation.log_mean(log_r) > math.log(degradation.THRESHOLD)
            found += int(alarm.sum())
            log_r[alarm] = -np.inf
        million = runs * updates * batch / 1e6
        rate = found / million
        what = f"degradation, false alarms per million labels, updates of {batch}"
        yield Row(what, "<= 1", f"{rate:.3f} ({found} in {million:,.0f} million)", rate <= 1)
    for drop, limit in ((0.02, 3_500), (0.05, 1_000), (0.10, 500)):
        for batch in (100, 500):
            median = float(np.median(delays(np.random.default_rng([7, limit, batch]), runs, batch, drop)))
            what = f"degradation, median delay in labels, {drop * 100:g} points worse, updates of {batch}"
            yield Row(what, f"<= {limit:,}", f"{median:,.0f}", median <= limit)


def alarms_of_estimates(runs: int) -> Iterator[Row]:
    """The same watch, where the 10% were seen on a baseline of few rows, with the usual bound and tolerance."""
    for rows_known in (500, 2_000, 20_000):
        chance, batch = np.random.default_rng([12, rows_known]), 500
        seen = chance.binomial(rows_known, 0.10, runs)
        shares = seen / rows_known
        known = [baseline.Baseline("accuracy", rows_known, share, share * (1 - share)) for share in shares.tolist()]
        bounds = np.array([each.bound().value for each in known])
        log_r, found = np.full((runs, len(degradation.DROPS)), -np.inf), np.zeros(runs, bool)
        for _ in range(200_000 // batch):
            likelihood = degradation.log_likelihood_of_wrong(batch, chance.binomial(batch, 0.10, runs), bounds)
            log_r = degradation.advance(log_r, np.full(runs, batch), likelihood)
            found |= degradation.log_mean(log_r) > math.log(degradation.THRESHOLD)
        what = f"degradation, false alarm within 200,000 labels, baseline of {rows_known:,} rows"
        yield Row(what, "<= 1%", f"{found.mean():.1%} of {runs:,}", float(found.mean()) <= 0.01)


def delays(chance: Chance, runs: int, batch: int, drop: float) -> Numbers:
    """Labels from a drop, after 10,000 good ones, to the alarm, (runs,)."""
    log_r, found = np.full((runs, len(degradation.DROPS)), -np.inf), np.full(runs, np.inf)
    before = 10_000 // batch
    for update in range(before + 40_000 // batch):
        k = chance.binomial(batch, 0.10 + (drop if update >= before else 0.0), runs)
        log_r = degradation.advance(log_r, np.full(runs, batch), degradation.log_likelihood_of_wrong(batch, k, 0.10))
        alarm = (degradation.log_mean(log_r) > math.log(degradation.THRESHOLD)) & (update >= before)
        found = np.where(alarm & np.isinf(found), (update - before + 1) * batch, found)
    return found


def areas(runs: int) -> Iterator[Row]:
    """The area under the curve from bins, against the exact one of the same scores."""
    chance, furthest, outside = np.random.default_rng(8), 0.0, 0
    middles, widths = (-12, -9, -5, 0, 5, 9), (0.02, 0.2, 1.0, 3.0, 6.0)
    shapes = [(middle, wide, rare) for middle in middles for wide in widths for rare in (0.5, 0.02)]
    for middle, wide, rare in shapes:
        truth = chance.random(50_000) < rare
        logit = middle + wide * (chance.normal(size=len(truth)) + 1.2 * truth)
        score = 1 / (1 + np.exp(-logit))
        exact, found = (
            area_under_roc(truth, score),
            scores.area(histogram_of(score[~truth]), histogram_of(score[truth])),
        )
        assert exact is not None
        assert found is not None
        furthest = max(furthest, abs(found.value - exact.value))
        outside += not found.lowest - 1e-12 <= exact.value <= found.highest + 1e-12
    yield Row(
        f"area from bins against exact, {len(shapes)} shapes", "<= 5e-4", f"{furthest:.1e} apart", furthest <= 5e-4
    )
    yield Row("exact area outside of its bracket", "0", str(outside), outside == 0)


def rollouts(runs: int) -> Iterator[Row]:
    """The stages behind the shadow, 250 rows a look, until the challenger is promoted or rolled back."""
    for name, drop in (("null", 0.0), ("2 points worse", 0.02), ("5 points worse", 0.05), ("3 points better", -0.03)):
        ended, served = rolled(np.random.default_rng([9, round((drop + 1) * 100)]), runs, drop)
        back, promoted = float((ended == -1).mean()), float((ended == 1).mean())
        shown = f"promoted {promoted:.1%}, rolled back {back:.1%}, median challenger rows {np.median(served):,.0f}"
        if drop == 0:
            yield Row(f"rollout, {name}: rolled back", "<= 5%", f"{back:.2%}; {shown}", back <= 0.05)
        elif drop == 0.02:
            yield Row(f"rollout, {name}: promoted", "<= 1%", f"{promoted:.2%}; {shown}", promoted <= 0.01)
        elif drop == 0.05:
            median = float(np.median(served))
            yield Row(f"rollout, {name}: challenger rows served", "<= 500", f"{median:,.0f}; {shown}", median <= 500)
        else:
            yield Row(f"rollout, {name}: promoted", "no target", shown, True)


def rolled(chance: Chance, runs: int, drop: float, per: int = 250, looks: int = 1_000) -> tuple[Numbers, Numbers]:
    """How each run ended, (runs,): 1 promoted, -1 rolled back, 0 neither; and how many rows the challenger answered."""
    stages = rollout.default_stages()
    two, one = (mixture.rho_squared(alpha, split.USUAL_VARIANCE * split.INFORMATION) for alpha in (ALPHA, 2 * ALPHA))
    stage, ended, sums = np.ones(runs, np.intp), np.zeros(runs), np.zeros((10, runs))
    served, here = np.zeros(runs), np.zeros(runs)
    shares = np.array([each.share for each in stages])
    for _ in range(looks):
        running = ended == 0
        if not running.any():
            break
        n1 = np.where(running, chance.binomial(per, shares[stage]), 0)
        n0 = np.where(running, per - n1, 0)
        x0, x1 = chance.binomial(n0, 0.15).astype(float), chance.binomial(n1, 0.15 + drop).astype(float)
        sums += split.increments(n0.astype(float), x0, x0, n1.astype(float), x1, x1)
        served += n1
        here += n1
        found = split.contrast(sums, binary=True, prior=split.USUAL_VARIANCE)
        ready = split.enough_rows(sums[4], sums[5], sums[7], sums[8], binary=True) & running
        for run in np.flatnonzero(ready).tolist():
            s, h, v = float(found.s[run]), float(found.h[run]), float(found.v[run])
            bound = -s / h - split.bound_width(v, h, split.USUAL_VARIANCE, ALPHA / 5)
            effect = Effect(
                "accuracy",
                "split",
                int(sums[4, run]),
                int(sums[7, run]),
                True,
                value=-s / h,
                low=-s / h - float(mixture.half_width(v, two, ALPHA)) / h,
                high=-s / h + float(mixture.half_width(v, two, ALPHA)) / h,
                at_least=bound,
                log_e_worse=float(mixture.log_e_below(-s, v, one)),
            )
            verdict = rollout.judge(stages, int(stage[run]), effect, here=int(here[run]))
            if verdict.to is not None:
                stage[run], here[run] = verdict.to, 0
            ended[run] = {"promote": 1.0, "roll back": -1.0}.get(verdict.step, 0.0)
    return ended, served


#: What is simulated, and how many times.
PARTS: tuple[tuple[Callable[[int], Iterator[Row]], int], ...] = (
    (false_rejections, 4_000),
    (false_rejections_of_losses, 2_000),
    (shadow_errors, 4_000),
    (clustered_shadow_errors, 2_000),
    (against_gbstats, 1),
    (power, 2_000),
    (saving, 2_000),
    (alarms, 1_000),
    (alarms_of_estimates, 1_000),
    (areas, 1),
    (rollouts, 1_000),
)


def rows(fewer: float = 1.0) -> Iterator[Row]:
    """Every row of the table; ``fewer`` runs in a test."""
    for part, runs in PARTS:
        yield from part(max(int(runs * fewer), 1))


def main(arguments: list[str]) -> int:
    """Print the table; 1 when a target was missed."""
    fewer = float(arguments[0]) if arguments else 1.0
    runs: dict[str, Any] = {part.__name__: max(int(count * fewer), 1) for part, count in PARTS}
    print("| what | target | measured | |\n|---|---|---|---|")
    missed = 0
    for row in rows(fewer):
        print(row, flush=True)
        missed += not row.met
    print(f"\nSeeds are fixed in the source. Runs: {', '.join(f'{name} {count:,}' for name, count in runs.items())}.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
