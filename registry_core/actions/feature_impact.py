"""Feature impact: the sandbox exchanges a feature's values and predicts; the labels stay here, where it is scored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..artifacts import sandbox
from ..artifacts.sandbox.places import PLACES
from ..catalog import events, feature_impacts, models
from ..errors import InvalidInput, ModelNotFound, SandboxFailure
from ..events import EventKind
from ..evidence import Benchmark, Evaluation, Measured
from ..insights import FeatureImpact, ImpactComparison
from ..maintenance import Progress
from ..records import Row
from . import benchmarks, evaluate, insights, signatures
from .answers import further_answers, pack
from .context import Context, check_reason
from .files import artifact_keys
from .model_records import record, require
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
_TOLD_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class _Question:
    """What every version is asked alike: the same rows with the same permutations."""

    benchmark: Benchmark
    metric: str
    frame: pd.DataFrame
    orders: NDArray[Any]
    of_rows: int
    seed: int


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
    question = _question(context, chosen, _metric(context, chosen, evaluation), repeats, seed)
    row = require(context.database, model_id)
    rows = [row, *_champion_to_ask(context, model_id, question)]
    found = _every(context, rows, question, progress)
    for each in found:
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


def _question(context: Context, benchmark: Benchmark, metric: str, repeats: int, seed: int) -> _Question:
    import numpy as np

    frame = benchmarks.read(context, benchmark)
    most = max(LEAST_ROWS, MOST_PREDICTED // (repeats * len(benchmark.features)))
    if len(frame) > most:
        frame = frame.iloc[np.sort(np.random.default_rng(seed).choice(len(frame), most, replace=False))]
    return _Question(benchmark, metric, frame, permutations(len(frame), repeats, seed), benchmark.rows, seed)


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
    same = (question.metric, len(question.frame), len(question.orders), question.seed)
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
    done = _Done()
    total = len(rows) * len(question.benchmark.features)
    with PLACES.taken(), ThreadPoolExecutor(len(rows)) as threads:
        asked = [threads.submit(_impact_of, context, each, question, done) for each in rows]
        try:
            waiting = {*asked}
            while waiting:
                _, waiting = wait(waiting, timeout=_TOLD_SECONDS)
                if progress is not None:
                    # Told from the caller's own thread: a page or a terminal may belong to it.
                    progress("permuting features", min(done.features, total), total)
        except BaseException:
            done.stopped = True
            raise
    found = [asked[0].result()]
    for future in asked[1:]:
        # That the champion cannot be asked says nothing of the version.
        with suppress(SandboxFailure, InvalidInput):
            found.append(future.result())
    return found


@dataclass
class _Done:
    """How many features several threads have asked about, and whether they should stop."""

    features: int = 0
    stopped: bool = False
    _lock: Any = field(default_factory=threading.Lock)

    def more(self, features: int) -> None:
        """Count some further features.

        Raises:
            InterruptedError: the caller has given up.
        """
        with self._lock:
            self.features += features
        if self.stopped:
            raise InterruptedError("the computation was stopped")


def _impact_of(context: Context, row: Row, question: _Question, done: _Done) -> FeatureImpact:
    from ..rules import feature_impact as rule
    from ..rules.influence import influence

    model, benchmark = record(context, row), question.benchmark
    with evaluate.worker_for(context, row, None, False) as worker:
        worker.start()
        keys = artifact_keys(row, model.model_sha256, model.scaler_sha256)
        files = [context.store.cached(key, digest) for key, digest in keys]
        features, form = evaluate.inputs_for(signatures.signature(context.database, model), benchmark, question.frame)
        ask = _Ask(worker, files, evaluate.feather(features), form, model.classes, question)
        target = question.frame[benchmark.target]
        answer = worker.predict(ask.files[0], ask.scaler, ask.features, classes=model.classes, form=form, timed=False)
        base = pack(benchmark.task, target, answer)
        baseline, _ = influence(question.metric, base.task, base.truth, base.answers, base.classes)
        impacts: dict[str, Measured] = {}

        def score(place: int, permuted: list[sandbox.Answer]) -> None:
            # Only what is asked for comes back; the predicted classes are no part of a metric of probabilities.
            if ask.shares and any(each.probabilities is None for each in permuted):
                raise InvalidInput(
                    f"{row['model_id']} gives no probabilities when the values of a feature are exchanged"
                )
            full = [replace(each, predicted=answer.predicted) if ask.shares else each for each in permuted]
            answers = [further_answers(base, each) for each in full]
            name: Any = features.columns[place]
            # A model that knows no names takes the benchmark's columns by their places.
            label = benchmark.features[name] if isinstance(name, int) else str(name)
            impacts[label] = rule.impact(
                question.metric, base.task, base.truth, base.answers, answers, [*question.orders], base.classes
            )

        ask.every(features.shape[1], score, done)
    ordered = dict(sorted(impacts.items(), key=lambda each: -each[1].value))
    return FeatureImpact(
        row["model_id"], benchmark.name, benchmark.fingerprint, "", "", question.metric, baseline,
        len(question.frame), question.of_rows, len(question.orders), question.seed, ordered,
    )  # fmt: skip


class _Ask:
    """Asks one worker about feature after feature, several in a message as far as time and bytes allow."""

    def __init__(
        self,
        worker: sandbox.Worker,
        files: list[bytes],
        features: bytes,
        form: sandbox.Form,
        classes: Any,
        question: _Question,
    ) -> None:
        from ..rules.influence import OF_PROBABILITIES

        self._worker, self._form, self._classes, self._orders = worker, form, classes, question.orders
        self.files, self.features = files, features
        self.scaler = files[1] if len(files) > 1 else None
        #: Whether the metric is one of probabilities.
        self.shares = question.metric in OF_PROBABILITIES

    def every(self, places: int, score: Callable[[int, list[sandbox.Answer]], None], done: _Done) -> None:
        """Score the answers about each feature, as they come."""
        at, several = 0, 1
        while at < places:
            batch = range(at, min(at + several, places))
            begun = time.monotonic()
            answers = self._worker.permute(
                self.files[0], self.scaler, self.features, self._orders, batch,
                wanted="probabilities" if self.shares else "predictions", classes=self._classes, form=self._form,
            )  # fmt: skip
            took = (time.monotonic() - begun) / len(batch)
            for place, permuted in zip(batch, answers, strict=True):
                score(place, permuted)
            done.more(len(batch))
            at = batch.stop
            size = sum(each.predicted.nbytes + _bytes(each.probabilities) for each in answers[0])
            several = max(1, min(int(_SECONDS / took), _ANSWERS // len(self._orders), _BYTES // max(size, 1)))


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
