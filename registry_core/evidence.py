"""The records of evidence: what an inspection found, what the registry measured itself, which gates hold, who approved.

Metrics are in their own units (accuracy 0.91 is a share, rmse has the target's unit); intervals are two-sided 95%
unless said otherwise; times are UTC text as in ``records``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["trusted", "quarantined", "refused"]
Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Inspection:
    """The result of the static scan of a file; nothing in it is executed.

    ``trusted``: every import is on the list of trusted ones. ``quarantined``: well formed, but the imports ``unknown``
    (exact, ``module.name``) are not on the list; a person may trust them. ``refused``: malformed, a decompression bomb,
    disguised, or with an import that can never be trusted. ``because`` says which, in a sentence. The rest is read
    from the file and not verified.
    """

    verdict: Verdict
    format: str
    because: str
    unknown: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    estimator: str | None = None
    libraries: Mapping[str, str] = field(default_factory=dict)
    inputs: int | None = None
    feature_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """One metric the registry computed, with the interval it lies in; None where no interval can be given."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Difference:
    """How much two models differ in a metric on the same rows: the second minus the first, in the metric's units."""

    metric: str
    value: float
    low: float
    high: float
    rows: int
    lower_is_better: bool

    @property
    def verdict(self) -> Literal["better", "worse", "no clear difference"]:
        """Whether the interval leaves out zero, and on which side."""
        low, high = (-self.high, -self.low) if self.lower_is_better else (self.low, self.high)
        if low > 0:
            return "better"
        return "worse" if high < 0 else "no clear difference"


@dataclass(frozen=True)
class Benchmark:
    """A named holdout set. ``fingerprint`` is the sha256 of its content, so that two sets are never taken for one.

    ``classes`` are the labels in its target, in order; empty for a regression, and where they were not recorded yet.
    ``protected`` are the columns by whose values fairness is evaluated.
    """

    name: str
    model_name: str
    task: Task
    target: str
    features: tuple[str, ...]
    slices: tuple[str, ...]
    thresholds: Mapping[str, float]
    rows: int
    fingerprint: str
    added_at: str
    added_by: str
    classes: tuple[Any, ...] = ()
    protected: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingOverlap:
    """How many rows of a benchmark a version was trained on: rows with the same value in every feature.

    Of many training rows a random part is kept, so that only the benchmark's rows of that part can be checked.
    ``found`` are training rows among the ``checked`` ones; ``rows`` is the size of the benchmark.
    """

    found: int
    checked: int
    rows: int

    @property
    def sentence(self) -> str:
        """In words.

        >>> TrainingOverlap(412, 5000, 5000).sentence
        '412 of 5,000 benchmark rows were in its training data'
        >>> TrainingOverlap(41, 500, 5000).sentence
        'about 410 of 5,000 benchmark rows were in its training data (41 of the 500 that could be checked)'
        """
        if self.checked == self.rows:
            return f"{self.found:,} of {self.rows:,} benchmark rows were in its training data"
        about = round(self.found * self.rows / self.checked)
        checked = f"{self.found:,} of the {self.checked:,} that could be checked"
        return f"about {about:,} of {self.rows:,} benchmark rows were in its training data ({checked})"


@dataclass(frozen=True)
class Evaluation:
    """What came of measuring one model on one benchmark.

    A ``failed`` one has no metrics; ``because`` says what the model did. ``slices`` maps column -> value -> metric.
    ``row_microseconds`` is the median time of a prediction, a row. ``unenforced`` names each limit of the sandbox that
    this machine could not set, and what is therefore possible. ``in_training``: how many of the rows it was trained on;
    None where its training rows are not known.
    """

    evaluation_id: int
    model_id: str
    benchmark: str
    fingerprint: str
    at: str
    actor: str
    status: Literal["measured", "failed"]
    because: str
    rows: int = 0
    metrics: Mapping[str, Measured] = field(default_factory=dict)
    slices: Mapping[str, Mapping[str, Mapping[str, Measured]]] = field(default_factory=dict)
    row_microseconds: float | None = None
    unenforced: tuple[str, ...] = ()
    in_training: TrainingOverlap | None = None


@dataclass(frozen=True)
class Gate:
    """One check before promotion: ``because`` says on which numbers, ``remedy`` what to do when it failed.

    ``overridable``: a person may override it with a reason; a model that returns no predictions cannot be overridden.
    ``fix``: what would mend a failed one, where the registry itself can do it: an evaluation (``evaluate``), one on
    more rows (``more rows``), a review (``review``), trust in the file's imports (``trust``); empty for anything else.
    """

    name: str
    passed: bool
    because: str
    remedy: str = ""
    overridable: bool = True
    fix: Literal["", "evaluate", "more rows", "review", "trust"] = ""


@dataclass(frozen=True)
class GateReport:
    """Every gate of one model against the champion of its name, passed or not."""

    model_id: str
    champion_id: str | None
    gates: tuple[Gate, ...]

    @property
    def failures(self) -> tuple[Gate, ...]:
        """The gates that failed, all of them."""
        return tuple(gate for gate in self.gates if not gate.passed)

    @property
    def passed(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.failures


@dataclass(frozen=True)
class SelfReported:
    """A metric that was reported with a version and lies outside the 95% interval of what the registry evaluated."""

    metric: str
    reported: float
    evaluated: Measured

    @property
    def sentence(self) -> str:
        """Both numbers.

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

    ``word``: ``champion``, it serves already; ``blocked``, a check fails that no comparison mends; ``not evaluated``,
    nothing was evaluated that could be compared; ``worse``, ``inconclusive`` or ``better``, by the 95% interval of the
    primary metric's difference to the champion on the same rows; ``no champion``, it passes, and there is none to
    compare with. Only what the registry evaluated counts, never what was reported.

    Attributes:
        sentence: the word with its numbers and reasons.
        next_step: what to do now.
        action: the same as a verb, for the main button of a page; empty where there is nothing to do.
        evaluate: which version ``evaluate`` is about, this one or the champion; None for any other action.
        benchmark: on which it was evaluated; None without.
        metric: the primary metric.
        evaluated: that metric of this version; None without an evaluation.
        difference: this version minus the champion in that metric; None where they were not compared.
        change: the same in words, ``+1.8 pp accuracy, 95% interval +0.9 to +2.7``.
        margin: how much worse the policy allows the primary metric to be, in its unit; None where it does not say.
        gates: every gate.
        worse_slices: slices in which it is clearly worse than the champion, such as ``region=N``.
        self_reported: metrics reported better or worse than what was evaluated.
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


@dataclass(frozen=True)
class Review:
    """What a reviewer said of a version; it stays with the version."""

    review_id: int
    model_id: str
    at: str
    actor: str
    verdict: Literal["approved", "rejected", "comment"]
    text: str


@dataclass(frozen=True)
class Curve:
    """Points of a curve, ready to be drawn: ROC, precision-recall or calibration."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Confusion:
    """How many rows of a class (line, first index) the model called a class (column), both in the order of classes."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Disagreements:
    """Where two models answered differently, by row number.

    ``changed``: the rows with another class (another number in a regression), in their order. ``only_first_right`` and
    ``only_second_right`` count the rows that only one got right (McNemar's b and c); in a regression, the rows where
    it was the nearer one. ``largest``: the rows whose answers moved most with how far, furthest first: the largest
    change of any class's probability, or of the predicted number; empty without probabilities.
    """

    changed: tuple[int, ...]
    only_first_right: int
    only_second_right: int
    largest: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Paired:
    """Two models on the same rows of one benchmark: the second against the first.

    ``sentence`` is the verdict, by the ``primary`` metric; ``slices`` are the differences in each slice with 30 rows or
    more.
    """

    benchmark: str
    first: Evaluation
    second: Evaluation
    differences: Mapping[str, Difference]
    slices: Mapping[str, Mapping[str, Difference]]
    disagreements: Disagreements
    sentence: str
    primary: str


@dataclass(frozen=True)
class KnownClass:
    """What a trusted name is.

    Attributes:
        name: ``module.Class``.
        file: the source file; empty where there is none.
        line: where the class begins in it, from 1; 0 where that is not known.
        bases: what it inherits from, as its source writes it.
        at_load: those of its own methods that run while a file is loaded.
        kind: ``operator`` for an operator of ONNX Runtime outside the ONNX standard: no code comes with the file.
    """

    name: str
    file: str
    line: int
    bases: tuple[str, ...]
    at_load: tuple[str, ...]
    kind: Literal["class", "operator"] = "class"

    @property
    def sentence(self) -> str:
        """In words, for whoever has to read its code."""
        if self.kind == "operator":
            return f"{self.name} is an operator of ONNX Runtime, outside the ONNX standard; no code comes with the file"
        where = f"{self.file}:{self.line}" if self.line else self.file or "compiled code"
        of = f" of {', '.join(self.bases)}" if self.bases else ""
        runs = f"; {', '.join(self.at_load)} may run while a file is loaded" if self.at_load else ""
        return f"{self.name} is a class{of}, defined in {where}{runs}"


@dataclass(frozen=True)
class ForeignDecisions:
    """Decisions about trust that came with a registry from another installation, and are not accepted here.

    Attributes:
        trusted_names: model name (empty: all) -> names. They trust nothing here.
        never: those of the names that cannot be accepted -> why.
        classes: those that can be, and what they are.
        addresses: model name (empty: all) -> where alerts are to be sent. Nothing is sent there.
        gates: model name (empty: all) -> the gates that were set.
        approvals: model id -> who approved it.
        overrides: model id -> the note of its promotion over failed gates.
        champions: model name -> the champion. It serves only if every name in its files is on the built-in list.
        lines: the decisions exactly, for ``accept_foreign``.
    """

    trusted_names: Mapping[str, tuple[str, ...]]
    addresses: Mapping[str, tuple[str, ...]]
    never: Mapping[str, str]
    classes: tuple[KnownClass, ...]
    gates: Mapping[str, Mapping[str, Any]]
    approvals: Mapping[str, tuple[str, ...]]
    overrides: Mapping[str, str]
    champions: Mapping[str, str]
    lines: frozenset[tuple[str, ...]]

    def __bool__(self) -> bool:
        return bool(self.lines)
