"""The stages of a rollout: when a challenger advances, and when it is stopped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import InvalidInput
from ...live.effect import NAMES, Effect, signed_amount

Step = Literal["advance", "wait", "roll back", "promote"]

#: Labels that a clearly better challenger still has to collect at a stage, so that its failures are seen.
LEAST_SEEN = 100
#: How many times the labels of a shadow it may take to show that a challenger is better.
PATIENCE = 8


@dataclass(frozen=True)
class Stage:
    """One stage, and what must hold before the next.

    Attributes:
        name: ``shadow``, ``1%`` ...
        share: of the traffic the challenger answers; 0 in shadow.
        least_labels: of the challenger, over the whole experiment.
        least_bound: the one-sided lower bound of the difference has to be above it, in the metric's unit.
    """

    name: str
    share: float
    least_labels: int
    least_bound: float

    @property
    def shadow(self) -> bool:
        """Whether the challenger only looks on."""
        return self.share == 0


@dataclass(frozen=True)
class Check:
    """One condition of a stage, and on which numbers it does or does not hold."""

    name: str
    passed: bool
    because: str


@dataclass(frozen=True)
class Verdict:
    """What to do now, and why; ``to`` is the position of the stage that an advance leads to."""

    step: Step
    because: str
    checks: tuple[Check, ...]
    to: int | None = None


def default_stages(point: float = 0.01) -> tuple[Stage, ...]:
    """Shadow, then 1, 5, 25 and 50% of the traffic; behind the last one the challenger is promoted.

    Args:
        point: what counts as a point: 0.01 for accuracy; for a loss such as a hundredth of the champion's mean loss.
    """
    return (
        Stage("shadow", 0.0, 100, -1 * point),
        Stage("1%", 0.01, 100, -10 * point),
        Stage("5%", 0.05, 300, -5 * point),
        Stage("25%", 0.25, 1000, -3 * point),
        Stage("50%", 0.5, 2500, -2 * point),
    )


def judge(
    stages: Sequence[Stage],
    position: int,
    effect: Effect,
    *,
    here: int | None = None,
    shadow: Effect | None = None,
    failing: str = "",
) -> Verdict:
    """Whether the challenger goes on.

    A challenger that is clearly better passes early. Clearly is where the interval of the shadow or of the split leaves
    out zero: each is above it by chance in half of alpha of the experiments at most, at all looks, both together in
    alpha. It needs no lower bound, ``LEAST_SEEN`` labels at a stage, and goes to the last stage at once.

    Args:
        stages: all of them, in order.
        position: at which one the challenger is, from 0.
        effect: of the primary metric, over the whole experiment so far: of a shadow stage the paired one, else that of
            the split. Its alpha is the challenger's part of the experiment's.
        here: labels of the challenger since the stage began; None takes all.
        shadow: what the shadow had shown before a split.
        failing: what is wrong where the challenger fails more often than the champion; empty where it does not.

    Raises:
        InvalidInput: there is no such stage, or the effect is of the other kind of test.
    """
    if not 0 <= position < len(stages):
        raise InvalidInput(f"stage {position} does not exist; give one from 0 to {len(stages) - 1}")
    stage, last = stages[position], len(stages) - 1
    if (effect.kind == "shadow") != stage.shadow:
        kind = "shadow" if stage.shadow else "split"
        raise InvalidInput(f"stage {stage.name} is judged by a {kind} test; give its effect")
    better = clearly_better(effect, shadow)
    labels, least = effect.challenger_labels, stage.least_labels
    if better is not None:
        labels, least = labels if here is None else here, min(LEAST_SEEN, least)
    enough = Check("labels", labels >= least, f"{labels:,} labels, {least:,} required")
    answers = [Check("guardrails", False, failing)] if failing else []
    if effect.at_least is None or effect.log_e_worse is None:
        nothing = "no evidence of harm yet: too few labels"
        checks = (enough, Check("lower bound", False, "not known yet"), Check("not worse", True, nothing), *answers)
        return Verdict("wait", failing or effect.why_not, checks)
    bound = (
        f"at least {signed_amount(effect.metric, effect.at_least)} of {NAMES[effect.metric]} with {_percent(effect)} "
        f"confidence, above {signed_amount(effect.metric, stage.least_bound)} required"
    )
    if better is not None:
        bound = f"clearly better{' in shadow' if better.kind != effect.kind else ''}, {better.numbers}"
    harmless = harm(effect)
    passed = better is not None or effect.at_least > stage.least_bound
    checks = (enough, Check("lower bound", passed, bound), harmless, *answers)
    if not harmless.passed:
        return Verdict("roll back", f"Challenger {effect.numbers}: {harmless.because}", checks)
    missing = [check.because for check in checks if not check.passed]
    if missing:
        return Verdict("wait", f"Stays at {stage.name}: {'; '.join(missing)}", checks)
    if position == last:
        return Verdict("promote", f"Passed the last stage, {stage.name}: {enough.because}, {bound}", checks)
    if stage.shadow and better is None and promising(effect):
        soon = f"more labels may prove the challenger better ({effect.numbers}), which skips stages"
        return Verdict("wait", f"Stays in shadow: its gates passed, but {soon}", checks)
    to = position + 1 if better is None else last
    return Verdict("advance", f"From {stage.name} to {stages[to].name}: {enough.because}, {bound}", checks, to)


def clearly_better(effect: Effect, shadow: Effect | None = None) -> Effect | None:
    """What shows that a challenger is better, at all looks together; None where nothing does.

    What the shadow had shown does not count where the split so far says the contrary.
    """
    if effect.verdict == "better":
        return effect
    if shadow is None or shadow.verdict != "better" or effect.value is None or effect.value < 0:
        return None
    return shadow


def promising(effect: Effect) -> bool:
    """Whether eight times the labels would show that the challenger is better, if the difference is what it seems.

    It is worth to wait for in shadow, where labels cost nobody anything and both models answer the same rows: a split
    compares different rows, and needs far more labels for the same certainty. The more labels come without showing it,
    the less there is to wait for.
    """
    if effect.value is None or effect.low is None:
        return False
    return effect.value > 0 and effect.value - effect.low <= math.sqrt(PATIENCE) * effect.value


def harm(effect: Effect) -> Check:
    """Whether the challenger is not seen to do harm.

    The e-value that is asked is 1 / alpha: by chance, at any look of all, in alpha of the experiments at most. Of
    several challengers each has its part of alpha, so that any of them is stopped as seldom as a single one.
    """
    asked = 1 / effect.alpha
    value = math.exp(min(effect.log_e_worse or 0.0, 700.0))
    shown = f"{value:,.3g}" if value < 1e6 else "above a million"
    return Check("not worse", value < asked, f"e-value of harm {shown}, limit {asked:,.4g}")


def part_of_slice(place: int) -> float:
    """The part of an error rate that the slice has which came up at a place, from 0; all parts together are 1.

    Nobody knows beforehand how many slices there will be, and which came up first says nothing of outcomes.
    """
    return 1 / ((place + 1) * (place + 2))


def _percent(effect: Effect) -> str:
    return f"{(1 - effect.bound_alpha) * 100:.4g}%"
