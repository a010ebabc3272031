"""What versions answered on a benchmark, alone and on the same rows: read from the store, compared once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from ..catalog import evidence
from ..catalog.database import Queries
from ..errors import InvalidInput
from ..evidence import Benchmark, Difference, Evaluation
from . import benchmarks
from .context import Context
from .model_records import require

if TYPE_CHECKING:
    from .answers import Kept


def latest(queries: Queries, model_id: str, benchmark: Benchmark | None) -> Evaluation | None:
    """The newest evaluation of a version on the present content of a benchmark; None without either."""
    if benchmark is None:
        return None
    found = evidence.evaluations(queries, model_id, benchmark.fingerprint, 1)
    return found[0] if found else None


class Pair:
    """What two models answered on the same rows; their differences are computed once for the same answers.

    The answers are read each time all the same: those that are gone or altered compare with nothing.
    """

    def __init__(self, context: Context, first: Evaluation, second: Evaluation) -> None:
        self._context, self._evaluations = context, (first, second)
        kept = [evidence.answers_of(context.database, each.evaluation_id) for each in (first, second)]
        #: The sha256 of both files of answers, which hold the truth as well.
        self.digests = tuple("" if each is None else each[1] for each in kept)

    @cached_property
    def kept(self) -> tuple[Kept, Kept]:
        """Both models' answers with one list of classes.

        Raises:
            ArtifactError: those of one are gone or altered.
        """
        from .answers import together

        first, second = self._evaluations
        return together(kept_answers(self._context, first), kept_answers(self._context, second))

    def differences(self) -> Mapping[str, Difference]:
        """Metric -> the second minus the first; errors as ``kept``."""
        from ..rules.pairing import paired_differences

        one, two = self.kept

        def compute() -> Mapping[str, Difference]:
            return paired_differences(one.task, one.truth, one.answers, two.answers, one.classes)

        return remember(_differences, self.digests, compute)

    def slices(self, benchmark: Benchmark) -> Mapping[str, Mapping[str, Difference]]:
        """Slice -> the same on its rows, for the slices of the benchmark with 30 rows or more; errors as ``kept``."""
        from ..rules.pairing import slice_differences

        one, two = self.kept

        def compute() -> Mapping[str, Mapping[str, Difference]]:
            frame = benchmarks.read(self._context, benchmark)
            columns = {name: frame[name].astype(str).to_numpy() for name in benchmark.slices}
            return slice_differences(one.task, one.truth, one.answers, two.answers, columns, one.classes)

        return remember(_slice_differences, self.digests, compute) if benchmark.slices else {}


V = TypeVar("V")
_MOST_KNOWN = 256
_differences: dict[Hashable, Mapping[str, Difference]] = {}
_slice_differences: dict[Hashable, Mapping[str, Mapping[str, Difference]]] = {}


def remember(known: dict[Hashable, V], key: Hashable, compute: Callable[[], V]) -> V:
    """What was computed for a key before, else what ``compute`` gives; the oldest of 256 is forgotten."""
    found = known.get(key)
    if found is None:
        found = compute()
        while len(known) >= _MOST_KNOWN:
            known.pop(next(iter(known)), None)
        known[key] = found
    return found


def kept_answers(context: Context, evaluation: Evaluation) -> Kept:
    """What a version answered in an evaluation.

    Raises:
        InvalidInput: the evaluation failed.
        ArtifactError: the file is missing or altered.
    """
    from . import answers

    kept = answers.read(context, evaluation)
    if kept is None:
        raise InvalidInput(
            f"{evaluation.model_id} has no predictions on {evaluation.benchmark}: {evaluation.because}"
            "; evaluate it again"
        )
    return kept


def measured_both(
    context: Context, model_ids: tuple[str, ...], benchmark: str | None
) -> tuple[Benchmark, tuple[Evaluation, ...]]:
    """A benchmark, and the newest evaluation of each version on it.

    Raises:
        InvalidInput: versions of several names, no benchmark, or one of them is not evaluated on it.
    """
    rows = [require(context.database, each) for each in model_ids]
    names = {row["model_name"] for row in rows}
    if len(names) > 1:
        raise InvalidInput(f"{' and '.join(sorted(names))} do different tasks; compare models of one model name")
    policy = context.configuration().policy(rows[0]["model_name"])
    chosen = benchmarks.chosen(context.database, rows[0]["model_name"], benchmark or policy.benchmark)
    if chosen is None:
        raise InvalidInput(f"{rows[0]['model_name']} has no benchmark; add one with add_benchmark()")
    found = []
    for model_id in model_ids:
        each = latest(context.database, model_id, chosen)
        if each is None or each.status == "failed":
            why = f": {each.because}" if each else ""
            raise InvalidInput(f"{model_id} is not evaluated on {chosen.name}{why}; evaluate it first")
        found.append(each)
    return chosen, tuple(found)
