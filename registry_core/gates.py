"""The records of a decision on a promotion: gates, and the verdict on a version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .evidence import Difference, Measured

#: Labels of gates by their stored names; the label of any other gate is its name.
_LABELS = {
    "answers": "Prediction check",
    "approval": "Independent approval",
    "artifact": "File scan",
    "benchmark": "Evaluation",
    "benchmark setting": "Active benchmark",
    "metadata": "Required fields",
    "same inputs": "Same features as the champion",
}


@dataclass(frozen=True)
class Gate:
    """One check before a promotion or before the next rollout stage.

    Attributes:
        name: what the gate checks, such as ``answers``. It is stored in events and printed by ``--json``.
        passed: whether the model passes.
        because: the result with its numbers.
        remedy: what to do about a failed gate; empty for a passed one.
        overridable: whether a person may override the gate with a reason. A model that returns no predictions cannot
            be promoted at all.
        fix: the action of the registry that can make a failed gate pass: ``evaluate``, ``more rows`` (evaluate on more
            rows), ``review``, ``trust`` (trust the imports of the file); empty where there is none.

    >>> Gate("answers", True, "32 of 32 predictions agree").label
    'Prediction check'
    >>> Gate("slices recall", True, "recall 0.8000 in the worst of 3 slices").label
    'Minimum recall in every slice'
    """

    name: str
    passed: bool
    because: str
    remedy: str = ""
    overridable: bool = True
    fix: Literal["", "evaluate", "more rows", "review", "trust"] = ""

    @property
    def label(self) -> str:
        """The name of the gate as pages, messages and listings show it."""
        kind, _, rest = self.name.partition(" ")
        if kind == "slices":
            return f"Minimum {rest} in every slice"
        if kind == "fairness":
            return f"Fairness gap in {rest.replace('_', ' ')}"
        return _LABELS.get(self.name) or self.name[:1].upper() + self.name[1:]


@dataclass(frozen=True)
class GateReport:
    """All gates of a model, passed or failed, compared with the champion of its model name where a gate needs it."""

    model_id: str
    champion_id: str | None
    gates: tuple[Gate, ...]

    @property
    def failures(self) -> tuple[Gate, ...]:
        """The gates that failed, all of them."""
        return tuple(gate for gate in self.gates if not gate.passed)

    @property
    def passed(self) -> bool:
        """Whether all gates passed."""
        return not self.failures


@dataclass(frozen=True)
class SelfReported:
    """A self-reported metric outside the 95% interval of the evaluated one."""

    metric: str
    reported: float
    evaluated: Measured

    @property
    def sentence(self) -> str:
        """Both metrics, as a sentence.

        >>> SelfReported("accuracy", 0.97, Measured(0.91, 0.9, 0.92)).sentence
        'self-reported accuracy 0.9700 is outside the evaluated 95% interval, 0.9000 to 0.9200'
        """
        low, high = self.evaluated.low, self.evaluated.high
        interval = f"{low:.4f} to {high:.4f}" if low is not None and high is not None else f"{self.evaluated.value:.4f}"
        return f"self-reported {self.metric} {self.reported:.4f} is outside the evaluated 95% interval, {interval}"


VerdictWord = Literal["champion", "blocked", "not evaluated", "worse", "inconclusive", "better", "no champion"]
Action = Literal["", "evaluate", "review", "trust", "restore", "promote", "override", "experiment"]


@dataclass(frozen=True)
class PromotionVerdict:
    """Whether a version should take the champion's place. The same for every page, command and event that asks.

    ``word``: ``champion``, it serves already; ``blocked``, its state or a gate prevents a promotion, whatever the
    comparison; ``not evaluated``, there is no evaluation to compare; ``worse``, ``inconclusive`` or ``better``, by the
    95% interval of the primary metric's difference to the champion on the same rows; ``no champion``, it passes, and
    there is none to compare with. Only evaluations by the registry count, never self-reported metrics.

    Attributes:
        sentence: the verdict with its numbers and reasons.
        next_step: what to do now.
        action: the next step as an action, for the main button of a page; empty without one.
        evaluate: the version to evaluate, this one or the champion; None for any other action.
        benchmark: the benchmark of the evaluation; None without one.
        metric: the primary metric.
        evaluated: the primary metric of this version; None without an evaluation.
        difference: this version minus the champion in the primary metric; None if they were not compared.
        change: the difference in words, ``+1.8 pp accuracy, 95% interval +0.9 to +2.7``.
        margin: the non-inferiority margin of the policy, in units of the metric; None if it is not set.
        gates: every gate.
        worse_slices: slices in which the version is significantly worse than the champion, such as ``region=N``.
        self_reported: self-reported metrics outside the evaluated intervals.
    """

    model_id: str
    champion_id: str | None
    word: VerdictWord
    sentence: str
    next_step: str
    action: Action
    evaluate: str | None = None
    benchmark: str | None = None
    metric: str = ""
    evaluated: Measured | None = None
    difference: Difference | None = None
    change: str = ""
    margin: float | None = None
    gates: tuple[Gate, ...] = ()
    worse_slices: tuple[str, ...] = ()
    self_reported: tuple[SelfReported, ...] = ()

    @property
    def failures(self) -> tuple[Gate, ...]:
        """The gates that failed."""
        return tuple(gate for gate in self.gates if not gate.passed)
