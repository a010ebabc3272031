"""The records of evidence on a version: static scans, evaluations, comparisons, reviews, trust decisions.

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
    """An evaluated metric with its 95% interval; ``low`` and ``high`` are None where there is no interval."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Difference:
    """The difference of two models in a metric on the same rows: the second minus the first, in the metric's units."""

    metric: str
    value: float
    low: float
    high: float
    rows: int
    lower_is_better: bool

    @property
    def verdict(self) -> Literal["better", "worse", "no clear difference"]:
        """``better``, ``worse`` or ``no clear difference``: whether the interval excludes zero, and on which side."""
        low, high = (-self.high, -self.low) if self.lower_is_better else (self.low, self.high)
        if low > 0:
            return "better"
        return "worse" if high < 0 else "no clear difference"


@dataclass(frozen=True)
class Benchmark:
    """A labelled holdout set of a model name. ``fingerprint`` is the SHA-256 of its content.

    ``classes`` are the labels of the target in order; empty for a regression, and if they are not recorded.
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
    """The evaluation of a model on a benchmark.

    A ``failed`` evaluation has no metrics; ``because`` gives the reason. ``slices`` maps column -> value -> metric.
    ``row_microseconds`` is the median prediction time per row. ``unenforced`` lists the limits of the sandbox that
    this machine could not enforce, and what is therefore possible. ``in_training``: how many of the rows it was trained
    on; None where its training rows are not known.
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
class Review:
    """A review of a version, kept with the version.

    ``lapsed`` says why an approval counts no more, since what it approved has changed; it is empty while it counts.
    """

    review_id: int
    model_id: str
    at: str
    actor: str
    verdict: Literal["approved", "rejected", "comment"]
    text: str
    lapsed: str = ""


@dataclass(frozen=True)
class Curve:
    """The points of a curve: ROC, precision-recall or calibration."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Confusion:
    """The number of rows by actual class (first index) and predicted class (second index), in the order of classes."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Disagreements:
    """The rows in which two models predict differently, by row number.

    ``changed``: the rows with another class (another number in a regression), in their order. ``only_first_right`` and
    ``only_second_right`` count the rows that only one got right (McNemar's b and c); in a regression, the rows where
    it is closer. ``largest``: the rows with the largest change and its size, largest first: the largest
    change of any class's probability, or of the predicted number; empty without probabilities.
    """

    changed: tuple[int, ...]
    only_first_right: int
    only_second_right: int
    largest: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Paired:
    """The comparison of two models on the same rows of a benchmark: the second with the first.

    ``sentence`` is the verdict in the ``primary`` metric; ``slices`` are the differences in each slice with 30 rows or
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
    """The class or operator behind an import.

    Attributes:
        name: ``module.Class``.
        file: the source file; empty without one.
        line: the line of the class in it, from 1; 0 if unknown.
        bases: the base classes, as written in the source.
        at_load: methods of the class that run while a file is loaded.
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
        """A sentence for the reviewer of the code."""
        if self.kind == "operator":
            return f"{self.name} is an operator of ONNX Runtime, outside the ONNX standard; no code comes with the file"
        where = f"{self.file}:{self.line}" if self.line else self.file or "compiled code"
        of = f" of {', '.join(self.bases)}" if self.bases else ""
        runs = f"; {', '.join(self.at_load)} may run while a file is loaded" if self.at_load else ""
        return f"{self.name} is a class{of}, defined in {where}{runs}"


@dataclass(frozen=True)
class ForeignDecisions:
    """Trust decisions of another installation that are not accepted here.

    Attributes:
        trusted_names: model name (empty: all) -> imports. They are not trusted here.
        never: imports that cannot be accepted -> reason.
        classes: the classes behind the imports that can be accepted.
        addresses: model name (empty: all) -> notification addresses. Nothing is sent to them.
        gates: model name (empty: all) -> gate settings.
        approvals: model id -> approving persons.
        overrides: model id -> note of the override.
        champions: model name -> champion. It is loaded only if every import of its files is on the built-in allowlist.
        grants: who holds roles -> the roles with their model names. They allow nothing.
        lines: the exact decisions, for ``accept_foreign``.
    """

    trusted_names: Mapping[str, tuple[str, ...]]
    addresses: Mapping[str, tuple[str, ...]]
    never: Mapping[str, str]
    classes: tuple[KnownClass, ...]
    gates: Mapping[str, Mapping[str, Any]]
    approvals: Mapping[str, tuple[str, ...]]
    overrides: Mapping[str, str]
    champions: Mapping[str, str]
    grants: Mapping[str, tuple[str, ...]]
    lines: frozenset[tuple[str, ...]]

    def __bool__(self) -> bool:
        return bool(self.lines)
