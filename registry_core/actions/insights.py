"""What explains an evaluated version, from its stored predictions and the rows of the benchmark: nothing is loaded."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from ..catalog import deployments
from ..errors import InvalidInput
from ..evidence import Benchmark, Curve, Evaluation
from ..insights import OUTCOMES, Fairness, LosingSlice, LosingSlices, OutcomeValue
from ..records import ModelMetadata
from ..rules import sentences
from . import benchmarks
from .context import Context
from .model_records import record, require
from .pairs import Pair, kept_answers, measured_both, remember

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from .answers import Kept

_losing: dict[Hashable, LosingSlices] = {}
_values: dict[Hashable, OutcomeValue] = {}
_fairness: dict[Hashable, tuple[Fairness, ...]] = {}


def losing_slices(context: Context, model_id: str, benchmark: str | None) -> LosingSlices:
    """See ``Registry.losing_slices``."""
    champion = champion_of(context, model_id)
    if champion is None or champion.model_id == model_id:
        why = "it is the champion" if champion else "its model name has no champion"
        raise InvalidInput(
            f"{model_id} cannot be compared with the champion: {why}; choose a version beside a champion"
        )
    chosen, (theirs, mine) = measured_both(context, (champion.model_id, model_id), benchmark)
    pair = Pair(context, theirs, mine)
    primary = context.configuration().policy(chosen.model_name).gate_policy.primary_metric or ""

    key = (pair.digests, chosen.name, chosen.fingerprint, champion.display_name, champion.model_id, model_id, primary)
    one, two = pair.kept

    def compute() -> LosingSlices:
        from ..rules import losing_slices as rule

        both = one.answers.probabilities is not None and two.answers.probabilities is not None
        metric = rule.compared_metric(one.task, primary, both)
        columns = _columns(benchmarks.read(context, chosen).drop(columns=chosen.target))
        found = rule.losing_slices(one.task, one.truth, one.answers, two.answers, columns, one.classes, metric=metric)
        slices = tuple(LosingSlice(each.condition, each.difference, f"worse {_where(each)}") for each in found)
        searched, confirmed = map(len, rule.halves(len(one.truth)))
        said = f"{len(columns):,} columns searched on {searched:,} rows, confirmed on {confirmed:,} others"
        named = champion.display_name
        sentence = f"no slice is clearly worse than in the champion {named}: {said}"
        if slices:
            count = "1 slice" if len(slices) == 1 else f"{len(slices)} slices"
            sentence = f"worse than the champion {named} in {count}, most clearly {_where(slices[0])}"
        return LosingSlices(
            model_id, champion.model_id, chosen.name, metric, searched, confirmed, len(columns), slices, sentence
        )

    return remember(_losing, key, compute)


def _where(found: Any) -> str:
    return f"where {found.condition}: {found.difference.rows:,} rows, {sentences.change(found.difference)}"


def champion_of(context: Context, model_id: str) -> ModelMetadata | None:
    """The champion of a version's model name; None without one."""
    current = deployments.current(context.database, require(context.database, model_id)["model_name"])
    return None if current is None else record(context, require(context.database, current.model_id))


def _columns(frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Numbers as floats, everything else as text; times are left out, since no text of theirs repeats."""
    import numpy as np

    found: dict[str, NDArray[Any]] = {}
    for name in frame.columns:
        values = frame[name]
        kind = getattr(values.dtype, "kind", "O")
        if kind in "mM":
            continue
        if kind in "iuf" and values.nunique() > 2:
            found[str(name)] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            found[str(name)] = values.astype(str).to_numpy(dtype=str)
    return found


def fairness(context: Context, model_id: str, benchmark: str | None) -> dict[str, Fairness]:
    """See ``Registry.fairness``."""
    chosen, (evaluation,) = measured_both(context, (model_id,), benchmark)
    least = context.configuration().policy(chosen.model_name).gate_policy.slice_rows
    return {each.column: each for each in fairness_of(context, evaluation, chosen, least)}


def fairness_of(context: Context, evaluation: Evaluation, benchmark: Benchmark, least: int) -> tuple[Fairness, ...]:
    """The rates by group of each protected column; none of a regression.

    Raises:
        ArtifactError: the predictions or the rows are gone or altered.
    """
    if not benchmark.protected or benchmark.task == "regression":
        return ()
    kept = kept_answers(context, evaluation)
    key = (evaluation.evaluation_id, context.location, benchmark.fingerprint, benchmark.protected, least)

    def compute() -> tuple[Fairness, ...]:
        frame = benchmarks.read(context, benchmark)
        columns = {name: frame[name].astype(str).to_numpy(dtype=str) for name in benchmark.protected}
        return tuple(_by_column(evaluation, benchmark, kept, name, values, least) for name, values in columns.items())

    return remember(_fairness, key, compute)


def _by_column(
    evaluation: Evaluation, benchmark: Benchmark, kept: Kept, column: str, values: NDArray[Any], least: int
) -> Fairness:
    from ..rules import fairness as rule

    groups = rule.groups(values, kept.truth, kept.answers.predicted, len(kept.classes))
    gaps = rule.gaps(groups, least)
    return Fairness(
        evaluation.model_id, benchmark.name, column, str(kept.classes[1]) if len(kept.classes) == 2 else None, least,
        groups, gaps, rule.small_groups(groups, least), rule.sentence(column, groups, gaps, least),
    )  # fmt: skip


def outcome_value(
    context: Context, model_id: str, benchmark: str | None, values: Mapping[str, float] | None
) -> OutcomeValue:
    """See ``Registry.outcome_value``."""
    champion = champion_of(context, model_id)
    chosen, (evaluation,) = measured_both(context, (model_id,), benchmark)
    worth = context.configuration().policy(chosen.model_name).outcome_values if values is None else values
    theirs = None
    if champion is not None and champion.model_id != model_id:
        theirs = _or_none(context, champion.model_id, chosen.name)
    return value_of(context, evaluation, theirs, chosen, checked_values(chosen.model_name, worth))


def _or_none(context: Context, model_id: str, benchmark: str) -> Evaluation | None:
    try:
        return measured_both(context, (model_id,), benchmark)[1][0]
    except InvalidInput:
        return None


def checked_values(model_name: str, values: Mapping[str, float]) -> dict[str, float]:
    """Outcome values, checked.

    Raises:
        InvalidInput: none is given, one has another name, or is not a finite number.
    """
    if not isinstance(values, Mapping) or not any(values.values()):
        raise InvalidInput(
            f"{model_name} has no outcome values; set them with configure({model_name!r}, outcome_values="
            '{"miss": -50, "false_alarm": -5}), or give values='
        )
    for name, amount in values.items():
        if name not in OUTCOMES:
            raise InvalidInput(f"values names {name!r:.80}; allowed are {', '.join(OUTCOMES)}")
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount):
            raise InvalidInput(f"the value of {name} is {amount!r:.80}; give a finite number")
    return {name: float(values[name]) for name in OUTCOMES if name in values}


def value_of(
    context: Context,
    evaluation: Evaluation,
    champion: Evaluation | None,
    benchmark: Benchmark,
    values: Mapping[str, float],
) -> OutcomeValue:
    """The value of an evaluated version, beside the champion's where it was evaluated, too.

    Raises:
        InvalidInput: it is no binary classifier with probabilities.
        ArtifactError: predictions are gone or altered.
    """
    pair = Pair(context, champion or evaluation, evaluation)
    named = record(context, require(context.database, champion.model_id)).display_name if champion else ""
    key = (pair.digests, benchmark.name, evaluation.model_id, named, tuple(values.items()))

    one, two = pair.kept

    def compute() -> OutcomeValue:
        from ..rules import outcome_value as rule

        compared = champion if champion is not None and one.answers.probabilities is not None else None
        score = _positive_score(two, evaluation)
        other = _positive_score(one, evaluation) if compared is not None else score
        positive, grid = two.truth == 1, rule.thresholds(other, score)
        mine = rule.curve(evaluation.model_id, positive, score, two.answers.predicted == 1, grid, values)
        theirs = difference = None
        if compared is not None:
            theirs = rule.curve(compared.model_id, positive, other, one.answers.predicted == 1, grid, values)
            difference = rule.difference(positive, other, score, grid, values)
        return OutcomeValue(
            evaluation.model_id, compared.model_id if compared else None, benchmark.name, values,
            str(two.classes[1]), len(positive), mine, theirs, difference,
            rule.sentence(mine, theirs, f"the champion {named}", difference),
        )  # fmt: skip

    return remember(_values, key, compute)


def _positive_score(kept: Kept, evaluation: Evaluation) -> Any:
    if kept.task == "regression" or len(kept.classes) != 2:
        what = "a regression" if kept.task == "regression" else f"a classification with {len(kept.classes)} classes"
        raise InvalidInput(f"{evaluation.benchmark} is {what}; outcome values need two classes")
    if kept.answers.probabilities is None:
        raise InvalidInput(
            f"{evaluation.model_id} predicts no probabilities, so it has no threshold; register a model with "
            "predict_proba"
        )
    return kept.answers.probabilities[:, 1]


def residuals(context: Context, model_id: str, benchmark: str | None) -> tuple[Curve, ...]:
    """See ``Registry.residuals``."""
    from ..rules import curves

    chosen, (evaluation,) = measured_both(context, (model_id,), benchmark)
    kept = kept_answers(context, evaluation)
    if kept.task != "regression":
        return ()
    frame = benchmarks.read(context, chosen) if chosen.slices else None
    found = [curves.residuals(kept.truth, kept.answers.predicted)]
    for column in chosen.slices:
        assert frame is not None
        values = frame[column].astype(str).to_numpy(dtype=str)
        found.append(curves.slice_residuals(kept.truth, kept.answers.predicted, column, values))
    return tuple(found)
