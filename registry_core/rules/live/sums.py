"""Sufficient statistics of live predictions: one ``Sums`` for a model, a role and a bucket of prediction time.

Sums add up in any order and grouping to the very same sums, so they may be made anywhere, merged, and kept when the
rows are gone. What goes with the rows: other thresholds, new slices, labels corrected later.
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InvalidInput
from ...evidence import Task
from . import histogram
from .detail import CLUSTERS, NO_DETAIL, Detail, check_version, total_detail
from .exact import exact_sum, exact_sums, from_whole, pack, to_float, unpack
from .histogram import EMPTY, Histogram, histogram_of

Loss = Literal["absolute_error", "squared_error"]

#: Losses beyond this would overflow when squared.
LARGEST = 1e70

#: The heads of stored sums by their version: the second one counts calls, and the rows they asked for in vain, the
#: third one slow calls.
_COUNTS = {1: struct.Struct("<B10q"), 2: struct.Struct("<B11q"), 3: struct.Struct("<B12q")}
_NEWEST = max(_COUNTS)


@dataclass(frozen=True, slots=True)
class Sums:
    """What is known of one stream of predictions.

    ``predictions`` are rows that were answered. ``calls`` asked for them; ``failures`` of these were not answered, so
    that ``lost`` rows have no prediction; ``slow`` ones were answered later than allowed. Windows from before these
    were counted have 0 of each. ``labelled`` of them have their truth; ``wrong``, and for two classes ``tp`` ...
    ``fn``, count among these.
    ``loss``, ``loss_squares``, ``brier`` and ``brier_squares`` are exact sums in units of 2^-1074, see ``exact``;
    ``scored`` is how many labelled ones had a probability, and so a Brier score. ``detail`` is None when only the core
    was read; a sum with it has none either.
    """

    predictions: int = 0
    failures: int = 0
    calls: int = 0
    labelled: int = 0
    wrong: int = 0
    tp: int = 0
    fp: int = 0
    tn: int = 0
    fn: int = 0
    scored: int = 0
    loss: int = 0
    loss_squares: int = 0
    brier: int = 0
    brier_squares: int = 0
    lost: int = 0
    slow: int = 0
    detail: Detail | None = NO_DETAIL

    def __add__(self, other: Sums) -> Sums:
        return total([self, other])

    @property
    def accuracy(self) -> float | None:
        """The share of labelled predictions that were right; None without labels."""
        return 1 - self.wrong / self.labelled if self.labelled else None

    @property
    def mean_loss(self) -> float | None:
        """The mean loss of labelled predictions, in the loss's unit; None without labels."""
        return to_float(self.loss) / self.labelled if self.labelled else None

    @property
    def mean_brier(self) -> float | None:
        """The mean Brier score, (probability - truth)^2; None where no labelled prediction had a probability."""
        return to_float(self.brier) / self.scored if self.scored else None

    @property
    def coverage(self) -> float | None:
        """The share of predictions whose truth is known; None without predictions."""
        return self.labelled / self.predictions if self.predictions else None

    @property
    def requests(self) -> int:
        """Calls; where they were not counted yet, as if every call had asked for one row."""
        return self.calls or self.predictions + self.failures

    def to_bytes(self) -> tuple[bytes, bytes]:
        """The core, about 120 bytes, and the detail; a chart over many buckets reads the core only.

        Raises:
            InvalidInput: only the core was read, so there is no detail to write.
        """
        if self.detail is None:
            raise InvalidInput("these sums were read without their detail; read both parts before you write them")
        counts = (self.predictions, self.failures, self.calls, self.labelled, self.wrong)
        shares = (self.tp, self.fp, self.tn, self.fn, self.scored)
        head = _COUNTS[_NEWEST].pack(_NEWEST, *counts, *shares, self.lost, self.slow)
        totals = (self.loss, self.loss_squares, self.brier, self.brier_squares)
        return head + b"".join(map(pack, totals)), self.detail.to_bytes()

    @staticmethod
    def from_bytes(core: bytes, detail: bytes | None = None) -> Sums:
        """What ``to_bytes`` wrote; without ``detail`` the sums have none.

        Raises:
            InvalidInput: written by a newer version.
        """
        check_version(core, _NEWEST)
        head = _COUNTS[core[0]]
        _, predictions, failures, calls, labelled, wrong, tp, fp, tn, fn, scored, *later = head.unpack_from(core)
        lost, slow = (*later, 0, 0)[:2]
        loss, at = unpack(core, head.size)
        loss_squares, at = unpack(core, at)
        brier, at = unpack(core, at)
        brier_squares, at = unpack(core, at)
        known = None if detail is None else Detail.from_bytes(detail)
        return Sums(
            predictions,
            failures,
            calls,
            labelled,
            wrong,
            tp,
            fp,
            tn,
            fn,
            scored,
            loss,
            loss_squares,
            brier,
            brier_squares,
            lost,
            slow,
            known,
        )


ZERO = Sums()
_NUMBERS = operator.attrgetter(*(each.name for each in fields(Sums) if each.name != "detail"))


def of_predictions(
    predictions: int,
    scores: ArrayLike | None = None,
    *,
    failures: int = 0,
    calls: int = 0,
    lost: int = 0,
    slow: int = 0,
    clusters: ArrayLike | None = None,
) -> Sums:
    """Of predictions as they are answered, before their truth is known.

    Args:
        predictions: how many were answered.
        scores: (predictions,) probabilities of the positive class; NaN where there is none.
        failures: how many calls the model did not answer.
        calls: how many calls there were, those included.
        lost: how many rows the failed ones asked for.
        slow: how many of those answered were slow.
        clusters: (predictions,) codes from 0 to 63, see ``routing.clusters``; they tell whether traffic is dealt out as
            planned although a unit may come often.

    Raises:
        InvalidInput: a score that is no probability, a negative count, or clusters outside of 0 to 63.
    """
    if min(predictions, failures, calls, lost, slow) < 0:
        raise InvalidInput(
            f"{predictions} predictions, {failures} failures, {calls} calls, {lost} lost rows, {slow} slow calls: give "
            "counts of 0 or more"
        )
    groups = None if clusters is None else cluster_codes(clusters, predictions)
    detail = Detail(
        () if groups is None else _counts(groups), scores=EMPTY if scores is None else histogram_of(scores)
    ).canonical()
    return Sums(int(predictions), int(failures), int(calls), lost=int(lost), slow=int(slow), detail=detail)


def of_outcomes(
    truth: ArrayLike,
    answered: ArrayLike,
    *,
    task: Task = "classification",
    positive: Any = None,
    scores: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    loss: Loss = "absolute_error",
) -> Sums:
    """Of predictions whose truth has come, in the bucket in which they were made.

    Args:
        truth: (rows,) labels, or numbers for a regression.
        answered: (rows,) what the model answered.
        task: ``classification`` counts what is wrong, ``regression`` takes ``loss``.
        positive: of two classes the positive one; None for more classes: then nothing is known by class.
        scores: (rows,) probabilities of ``positive``; NaN where there is none. Left out of account without it.
        clusters: (rows,) codes from 0 to 63, see ``routing.clusters``.
        loss: of a regression.

    Raises:
        InvalidInput: lengths differ, numbers are not finite or too large, scores are no probabilities, clusters lie
            outside of 0 to 63, or labels are of another kind than the answers or the positive class.
    """
    groups = None if clusters is None else cluster_codes(clusters, np.size(np.asarray(truth)))
    if task == "regression":
        lost = losses(truth, answered, loss)
        detail = NO_DETAIL
        if groups is not None:
            detail = Detail(cluster_labelled=_counts(groups), cluster_loss=exact_sums(lost, groups, CLUSTERS))
        return Sums(
            labelled=len(lost), loss=exact_sum(lost), loss_squares=exact_sum(np.square(lost)), detail=detail.canonical()
        )
    true, said = labels(truth, answered)
    mistaken = true != said
    wrong = int(mistaken.sum())
    tp = fp = tn = fn = scored = brier = brier_squares = 0
    by_brier: tuple[int, ...] = ()
    of_0 = of_1 = EMPTY
    if positive is not None:
        _check_positive(true, positive)
        is_1, said_1 = true == positive, said == positive
        tp, fp, fn = int((is_1 & said_1).sum()), int((~is_1 & said_1).sum()), int((is_1 & ~said_1).sum())
        tn = len(true) - tp - fp - fn
        if scores is not None:
            known, of_0, of_1, squares = _scored(scores, is_1)
            scored, brier, brier_squares = len(squares), exact_sum(squares), exact_sum(np.square(squares))
            if groups is not None:
                by_brier = exact_sums(squares, groups[known], CLUSTERS)
    detail = Detail(
        cluster_labelled=() if groups is None else _counts(groups),
        cluster_wrong=() if groups is None else _counts(groups[mistaken]),
        cluster_brier=by_brier,
        scores_of_0=of_0,
        scores_of_1=of_1,
    )
    whole = from_whole(wrong)
    return Sums(
        labelled=len(true),
        wrong=wrong,
        tp=tp,
        fp=fp,
        tn=tn,
        fn=fn,
        scored=scored,
        loss=whole,
        loss_squares=whole,
        brier=brier,
        brier_squares=brier_squares,
        detail=detail.canonical(),
    )


def losses(truth: ArrayLike, answered: ArrayLike, loss: Loss) -> NDArray[np.float64]:
    """What each answer of a regression lost, (rows,): |truth - answered| or its square. Errors as ``of_outcomes``."""
    true, said = (np.asarray(each, np.float64).reshape(-1) for each in (truth, answered))
    _check_lengths(true, said)
    if loss not in ("absolute_error", "squared_error"):
        raise InvalidInput(f"loss is {loss!r}; give absolute_error or squared_error")
    lost = np.abs(true - said)
    if loss == "squared_error":
        with np.errstate(over="ignore"):
            lost = np.square(lost)
    if len(lost) and not lost.max() <= LARGEST:
        row = int(np.flatnonzero(~(lost <= LARGEST))[0])
        raise InvalidInput(
            f"row {row}: the {loss.replace('_', ' ')} of label {true[row]:g} and prediction {said[row]:g} is above "
            f"{LARGEST:g} or not finite; omit rows without a label or a prediction"
        )
    return lost


def total(parts: Sequence[Sums]) -> Sums:
    """All of them added up, much faster than one by one; ``ZERO`` of none."""
    if not parts:
        return ZERO
    details = [each.detail for each in parts if each.detail is not None]
    detail = total_detail(details) if len(details) == len(parts) else None
    found: tuple[Any, ...] = (*map(sum, zip(*map(_NUMBERS, parts), strict=True)), detail)
    return Sums(*found)


def labels(truth: ArrayLike, answered: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Truth and answers of a classifier, checked, (rows,) each. Errors as ``of_outcomes``."""
    true, said = (np.asarray(each).reshape(-1) for each in (truth, answered))
    _check_lengths(true, said)
    text = [each.dtype.kind in "US" for each in (true, said)]
    if text[0] != text[1] and "O" not in (true.dtype.kind, said.dtype.kind) and len(true):
        raise InvalidInput(
            f"the labels are {'text' if text[0] else 'numbers'}, such as {true[0].item()!r}, but the predictions are "
            f"{'text' if text[1] else 'numbers'}, such as {said[0].item()!r}; give labels as the model predicts them"
        )
    return true, said


def _scored(
    scores: ArrayLike, is_1: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], Histogram, Histogram, NDArray[np.float64]]:
    values = probabilities(scores, len(is_1))
    known = ~np.isnan(values)
    values, labels = values[known], is_1[known]
    bins = histogram.bins_of(values)
    return known, histogram.counted(bins[~labels]), histogram.counted(bins[labels]), np.square(values - labels)


def probabilities(scores: ArrayLike, rows: int) -> NDArray[np.float64]:
    """The scores of so many rows, checked, (rows,); NaN where there is none. Errors as ``of_outcomes``."""
    values = np.asarray(scores, np.float64).reshape(-1)
    if len(values) != rows:
        raise InvalidInput(f"{len(values):,} scores for {rows:,} labels; give one for each row, NaN for none")
    histogram.bins_of(values)
    return values


def cluster_codes(clusters: ArrayLike, rows: int) -> NDArray[np.intp]:
    """The clusters of so many rows, checked, (rows,). Errors as ``of_outcomes``."""
    groups = np.asarray(clusters).reshape(-1).astype(np.intp)
    if len(groups) != rows:
        raise InvalidInput(f"{len(groups):,} clusters for {rows:,} rows; give each row its cluster")
    if rows and not (groups.min() >= 0 and groups.max() < CLUSTERS):
        raise InvalidInput(f"clusters lie from {groups.min()} to {groups.max()}; give codes from 0 to {CLUSTERS - 1}")
    return groups


def _counts(groups: NDArray[np.intp]) -> tuple[int, ...]:
    return tuple(np.bincount(groups, minlength=CLUSTERS).tolist())


def _check_positive(true: NDArray[Any], positive: Any) -> None:
    text = isinstance(positive, str)
    if len(true) and true.dtype.kind != "O" and text != (true.dtype.kind in "US"):
        raise InvalidInput(
            f"the positive class is {positive!r}, but the labels are {'numbers' if text else 'text'}, such as "
            f"{true[0].item()!r}; name the class as the model predicts it"
        )


def _check_lengths(true: NDArray[Any], other: NDArray[Any]) -> None:
    if len(true) != len(other):
        raise InvalidInput(f"{len(true):,} labels for {len(other):,} predictions; give one label for each prediction")
