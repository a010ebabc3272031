"""From shadow to champion in stages: when a challenger may have more traffic, and when it has to go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import InvalidInput
from ...live.effect import NAMES, Effect, signed_amount

Step = Literal["advance", "wait", "roll back", "promote"]

#: An e-value of this against "not worse": by chance in 1 of 20 experiments at most, at any look of all.
EVIDENCE_TO_ROLL_BACK = 20.0


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
    """What to do now, and why."""

    step: Step
    because: str
    checks: tuple[Check, ...]


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
    stages: Sequence[Stage], position: int, effect: Effect, *, evidence: float = EVIDENCE_TO_ROLL_BACK
) -> Verdict:
    """Whether the challenger goes on.

    Args:
        stages: all of them, in order.
        position: at which one the challenger is, from 0.
        effect: of the primary metric, over the whole experiment so far: of a shadow stage the paired one, else that of
            the split.
        evidence: the e-value against "not worse" at which it is rolled back; with m challengers at once m times 20.

    Raises:
        InvalidInput: there is no such stage, or the effect is of the other kind of test.
    """
    if not 0 <= position < len(stages):
        raise InvalidInput(f"there is no stage {position}; the rollout has {len(stages)}, counted from 0")
    stage = stages[position]
    if (effect.kind == "shadow") != stage.shadow:
        raise InvalidInput(f"stage {stage.name} is judged by a {'shadow' if stage.shadow else 'split'} test")
    labels = effect.challenger_labels
    enough = Check("labels", labels >= stage.least_labels, f"{labels:,} labels, {stage.least_labels:,} asked")
    if effect.at_least is None or effect.log_e_worse is None:
        nothing = "no evidence of harm: there are too few labels for any"
        checks = (enough, Check("lower bound", False, "not known yet"), Check("not worse", True, nothing))
        return Verdict("wait", effect.why_not, checks)
    bound = (
        f"at least {signed_amount(effect.metric, effect.at_least)} of {NAMES[effect.metric]} with {_percent(effect)} "
        f"certainty, above {signed_amount(effect.metric, stage.least_bound)} asked"
    )
    value = math.exp(min(effect.log_e_worse, 700.0))
    shown = f"{value:,.3g}" if value < 1e6 else "above a million"
    checks = (
        enough,
        Check("lower bound", effect.at_least > stage.least_bound, bound),
        Check("not worse", value < evidence, f"evidence that it is worse {shown}, {evidence:g} rolls back"),
    )
    if not checks[2].passed:
        return Verdict("roll back", f"Challenger {effect.numbers}: {checks[2].because}", checks)
    missing = [check.because for check in checks if not check.passed]
    if missing:
        return Verdict("wait", f"Stays at {stage.name}: {'; '.join(missing)}", checks)
    if position + 1 == len(stages):
        return Verdict("promote", f"Passed the last stage, {stage.name}: {enough.because}, {bound}", checks)
    following = stages[position + 1].name
    return Verdict("advance", f"From {stage.name} to {following}: {enough.because}, {bound}", checks)


def _percent(effect: Effect) -> str:
    return f"{(1 - effect.bound_alpha) * 100:.4g}%"
