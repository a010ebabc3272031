"""Feature impact: the sandbox exchanges a feature's values and predicts; the labels stay here, where it is scored."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..artifacts import sandbox
from ..artifacts.sandbox.places import PLACES
from ..catalog import events, feature_impacts, models
from ..errors import ArtifactAltered, ArtifactMissing, InvalidInput, ModelNotFound, RegistryError, SandboxFailure
from ..events import EventKind
from ..evidence import Benchmark, Evaluation, Measured
from ..insights import FeatureImpact, ImpactComparison
from ..maintenance import Progress
from ..records import Row
from . import benchmarks, evaluate, insights, workers
from .answers import further_answers, pack
from .context import Context, check_reason
from .model_records import require
from .pairs import measured_both

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

#: With as many features as a benchmark has, so many rows are predicted at most, and so few
#: rows are used at least.
MOST_PREDICTED, LEAST_ROWS = 750_000, 500
MOST_REPEATS = 100
#: One message from the sandbox holds about so many seconds of work, and so many answers and bytes at most.
_SECONDS, _ANSWERS, _BYTES = 4.0, 400, 64 << 20
#: A version is asked in so many parts at most: each opens its files again, and progress is told after each.
_PARTS = 8
_STOPPED = "nothing was stored; compute it again when there are workers"


@dataclass(frozen=True)
class _Question:
    """What every version is asked alike: the same rows with the same permutations, wherever it is asked."""

    benchmark: Benchmark
    metric: str
    repeats: int
    seed: int
    #: So many rows of the benchmark at most.
    most: int

    @property
    def probabilities(self) -> bool:
        """Whether the metric is one of probabilities."""
        from ..rules.influence import OF_PROBABILITIES

        return self.metric in OF_PROBABILITIES

    def rows_of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows that are used."""
        import numpy as np

        if len(frame) <= self.most:
            return frame
        return frame.iloc[np.sort(np.random.default_rng(self.seed).choice(len(frame), self.most, replace=False))]

    def orders(self, rows: int) -> NDArray[Any]:
        """The permutations of so many rows, (repeats, rows)."""
        return permutations(rows, self.repeats, self.seed)


@dataclass(frozen=True)
class _Part:
    """Some features of a version, by their places; none asks for the rows as they are."""

    question: _Question
    asked: evaluate.Asked
    places: range


#: What a version answered about each of these features, or why it did not.
_Answers = list[list[sandbox.Answer]] | RegistryError


def measure(
    context: Context,
    model_id: str,
    benchmark: str | None,
    *,
    repeats: int,
    seed: int,
    progress: Progress | None,
    actor: str | None,
    reason: str,
) -> ImpactComparison:
    """See ``Registry.measure_feature_impact``."""
    who, why = context.who(actor), check_reason(reason)
    if isinstance(repeats, bool) or not isinstance(repeats, int) or not 1 <= repeats <= MOST_REPEATS:
        raise InvalidInput(f"repeats is {repeats!r:.80}; a whole number from 1 to {MOST_REPEATS} is needed")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 32:
        raise InvalidInput(f"seed is {seed!r:.80}; a whole number from 0 to {(1 << 32) - 1:,} is needed")
    chosen, (evaluation,) = measured_both(context, (model_id,), benchmark)
    most = max(LEAST_ROWS, MOST_PREDICTED // (repeats * len(chosen.features)))
    question = _Question(chosen, _metric(context, chosen, evaluation), repeats, seed, most)
    row = require(context.database, model_id)
    rows = [row, *_champion_to_ask(context, model_id, question)]
    for each in _every(context, rows, question, progress):
        _keep(context, each, who, why)
    result = read(context, model_id, chosen.name)
    assert result is not None
    return result


def _metric(context: Context, benchmark: Benchmark, evaluation: Evaluation) -> str:
    """The primary metric, where the evaluation has it, else its first one."""
    from ..rules.metrics import canonical

    wanted = context.configuration().policy(benchmark.model_name).gate_policy.primary_metric
    if wanted is not None and canonical(wanted) in evaluation.metrics:
        return canonical(wanted)
    return next(iter(evaluation.metrics))


def permutations(rows: int, repeats: int, seed: int) -> NDArray[Any]:
    """The orders that scikit-learn's ``permutation_importance`` takes for a ``random_state``, (repeats, rows).

    Each exchanges what the one before has exchanged already, and every feature has the same ones.
    """
    import numpy as np

    state = np.random.RandomState(np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1))
    shuffled, order, found = np.arange(rows), np.arange(rows), []
    for _ in range(repeats):
        state.shuffle(shuffled)
        order = order[shuffled]
        found.append(order)
    return np.stack(found)


def _champion_to_ask(context: Context, model_id: str, question: _Question) -> list[Row]:
    """The champion, where it was evaluated on the benchmark and not asked the same yet."""
    champion = insights.champion_of(context, model_id)
    if champion is None or champion.model_id == model_id:
        return []
    known = feature_impacts.latest(context.database, champion.model_id, question.benchmark.fingerprint)
    rows = min(question.benchmark.rows, question.most)
    same = (question.metric, rows, question.repeats, question.seed)
    if known is not None and (known.metric, known.rows, known.repeats, known.seed) == same:
        return []
    try:
        _, (evaluation,) = measured_both(context, (champion.model_id,), question.benchmark.name)
    except InvalidInput:
        return []
    # One without probabilities has no metric that needs them.
    return [require(context.database, champion.model_id)] if question.metric in evaluation.metrics else []


def _every(
    context: Context, rows: Sequence[Row], question: _Question, progress: Progress | None
) -> list[FeatureImpact]:
    """The impacts in every version, at the same time; the first one's failure is the caller's."""
    features = len(question.benchmark.features)
    step = -(-features // _PARTS)
    places = [range(0), *(range(at, min(at + step, features)) for at in range(0, features, step))]
    versions = [evaluate.asked_of(context, row, question.benchmark) for row in rows]
    tasks = (_Part(question, asked, some) for some in places for asked in versions)
    answers: dict[str, list[tuple[_Part, _Answers]]] = {asked.model_id: [] for asked in versions}
    bench, done = workers.Bench(context.store.root, context.store), 0
    with PLACES.taken(), closing(workers.carried_out(bench, _answered, tasks, stopped=lambda: _STOPPED)) as parts:
        for part, found, place in parts:
            evaluate.check_here(context, part.asked, found, place)
            answers[part.asked.model_id].append((part, found))
            done += len(part.places)
            if progress is not None:
                # Told in the caller's own thread: a page or a terminal may belong to it.
                progress("permuting features", done, features * len(versions))
    frame = question.rows_of(benchmarks.read(context, question.benchmark))
    impacts = [_impact_of(versions[0], answers[versions[0].model_id], question, frame)]
    for asked in versions[1:]:
        # That the champion cannot be asked says nothing of the version.
        with suppress(SandboxFailure, InvalidInput):
            impacts.append(_impact_of(asked, answers[asked.model_id], question, frame))
    return impacts


def _answered(bench: workers.Bench, part: _Part) -> _Answers:
    """Let a version predict, wherever this is carried out; see ``evaluate.predicted``."""
    question, asked = part.question, part.asked
    frame = question.rows_of(asked.table(bench))
    answers: _Answers
    with bench.lend(asked.trusted, alone=asked.alone) as worker:
        worker.start()
        try:
            model, scaler = evaluate.files_of(bench.store, asked)
            features, form = evaluate.inputs_for(asked.signature, asked.benchmark, frame)
            content = evaluate.feather(features)
            if not part.places:
                answer = worker.predict(model, scaler, content, classes=asked.classes, form=form, timed=False)
                answers = [[answer]]
            else:
                # A model may take fewer columns than the benchmark has.
                places = range(part.places.start, min(part.places.stop, features.shape[1]))
                answers = _permuted(worker, part, places, (model, scaler, content), form, len(frame))
        except (SandboxFailure, InvalidInput, ArtifactAltered, ArtifactMissing) as failure:
            answers = failure
    bench.check()
    return answers


def _permuted(
    worker: sandbox.Worker,
    part: _Part,
    places: range,
    files: tuple[bytes, bytes | None, bytes],
    form: sandbox.Form,
    rows: int,
) -> list[list[sandbox.Answer]]:
    """Ask about feature after feature, several in a message as far as time and bytes allow."""
    orders = part.question.orders(rows)
    found: list[list[sandbox.Answer]] = []
    several = 1
    while len(found) < len(places):
        batch = places[len(found) : len(found) + several]
        begun = time.monotonic()
        answers = worker.permute(
            *files, orders, batch, wanted="probabilities" if part.question.probabilities else "predictions",
            classes=part.asked.classes, form=form,
        )  # fmt: skip
        took = (time.monotonic() - begun) / len(batch)
        found += answers
        size = sum(each.predicted.nbytes + _bytes(each.probabilities) for each in answers[0])
        several = max(1, min(int(_SECONDS / took), _ANSWERS // len(orders), _BYTES // max(size, 1)))
    return found


def _impact_of(
    asked: evaluate.Asked, found: Sequence[tuple[_Part, _Answers]], question: _Question, frame: pd.DataFrame
) -> FeatureImpact:
    """What the answers of a version to permuted features are worth.

    Raises:
        SandboxFailure, InvalidInput, ArtifactMissing, ArtifactAltered: it gave none, or none that can be used.
    """
    from ..rules import feature_impact as rule
    from ..rules.influence import influence

    in_order: list[tuple[range, list[list[sandbox.Answer]]]] = []
    for part, answers in sorted(found, key=lambda each: (each[0].places.start, each[0].places.stop)):
        if isinstance(answers, RegistryError):
            raise answers
        in_order.append((part.places, answers))
    benchmark = question.benchmark
    # First what the version answers to the rows as they are.
    (_, ((answer,),)), *permuted_parts = in_order
    base = pack(benchmark.task, frame[benchmark.target], answer)
    baseline, _ = influence(question.metric, base.task, base.truth, base.answers, base.classes)
    features, _ = evaluate.inputs_for(asked.signature, benchmark, frame)
    orders = [*question.orders(len(frame))]
    impacts: dict[str, Measured] = {}
    for places, answers in permuted_parts:
        for place, permuted in zip(places, answers, strict=False):
            # Only what is asked for comes back; the predicted classes are no part of a metric of probabilities.
            if question.probabilities and any(one.probabilities is None for one in permuted):
                raise InvalidInput(
                    f"{asked.model_id} gives no probabilities when the values of a feature are exchanged"
                )
            full = [replace(one, predicted=answer.predicted) if question.probabilities else one for one in permuted]
            further = [further_answers(base, one) for one in full]
            name: Any = features.columns[place]
            # A model that knows no names takes the benchmark's columns by their places.
            label = benchmark.features[name] if isinstance(name, int) else str(name)
            impacts[label] = rule.impact(
                question.metric, base.task, base.truth, base.answers, further, orders, base.classes
            )
    ordered = dict(sorted(impacts.items(), key=lambda each: -each[1].value))
    return FeatureImpact(
        asked.model_id, benchmark.name, benchmark.fingerprint, "", "", question.metric, baseline,
        len(frame), benchmark.rows, question.repeats, question.seed, ordered,
    )  # fmt: skip


def _bytes(values: Any) -> int:
    return 0 if values is None else int(values.nbytes)


def _keep(context: Context, impact: FeatureImpact, actor: str, reason: str) -> None:
    with context.database.transaction() as transaction:
        row = models.find(transaction, impact.model_id)
        if row is None:
            raise ModelNotFound(f"{impact.model_id} was deleted while its feature impact was computed")
        largest = {name: each.value for name, each in list(impact.impacts.items())[:3]}
        seq, at = events.append(
            transaction,
            now=context.now(),
            kind=EventKind.FEATURE_IMPACT,
            actor=actor,
            reason=reason,
            model_name=row["model_name"],
            model_id=impact.model_id,
            after={
                "benchmark": impact.benchmark, "fingerprint": impact.fingerprint, "metric": impact.metric,
                "rows": impact.rows, "largest": largest,
            },
        )  # fmt: skip
        feature_impacts.insert(transaction, seq, replace(impact, at=at, actor=actor))


def read(context: Context, model_id: str, benchmark: str | None) -> ImpactComparison | None:
    """See ``Registry.feature_impact``."""
    row = require(context.database, model_id)
    policy = context.configuration().policy(row["model_name"])
    chosen = benchmarks.chosen(context.database, row["model_name"], benchmark or policy.benchmark)
    mine = feature_impacts.latest(context.database, model_id, chosen.fingerprint) if chosen else None
    if mine is None or chosen is None:
        return None
    from ..rules import feature_impact as rule

    champion = insights.champion_of(context, model_id)
    theirs = None
    if champion is not None and champion.model_id != model_id:
        known = feature_impacts.latest(context.database, champion.model_id, chosen.fingerprint)
        theirs = known if known is not None and known.metric == mine.metric else None
    differences = rule.differences(mine, theirs) if theirs else {}
    gained, lost = rule.moved(differences)
    named = f"the champion {champion.display_name}" if champion else ""
    return ImpactComparison(mine, theirs, differences, gained, lost, rule.sentence(mine, theirs, named, differences))
