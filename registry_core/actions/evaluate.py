"""Measuring: a model answers a benchmark in the sandbox, and the registry computes what that is worth."""

from __future__ import annotations

import io
import json
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..artifacts import sandbox
from ..artifacts.sandbox.places import PLACES
from ..catalog import events, evidence, models
from ..errors import (
    ArtifactAltered,
    ArtifactMissing,
    InvalidInput,
    ModelNotFound,
    RegistryError,
    SandboxFailure,
    WorkersLost,
)
from ..events import EventKind
from ..evidence import Benchmark, Evaluation
from ..records import Row
from ..rules.matching import Matcher
from ..signature import Signature
from . import benchmarks, signatures, training_rows
from .answers import Kept, pack
from .context import Context, check_reason, opened_again
from .files import artifact_keys
from .model_records import eligible, ranking, record, require

if TYPE_CHECKING:
    import pandas as pd

#: Told after each model: how many are done, how many there are, and what came of the last one.
Progress = Callable[[int, int, Evaluation], object]


@dataclass(frozen=True)
class _Measured:
    """What was found out before the catalog is asked for its lock."""

    evaluation: Evaluation
    kept: Kept | None


def evaluate(
    context: Context,
    model_id: str,
    benchmark: str | None,
    *,
    allow_incomplete: bool,
    seconds: float | None,
    memory_bytes: int | None,
    actor: str | None,
    reason: str,
) -> Evaluation:
    """See ``Registry.evaluate``."""
    who, why = context.who(actor), check_reason(reason)
    limits = sandbox.Limits()
    if seconds is not None:
        limits = replace(limits, seconds=_bound("seconds", seconds, 86_400))
    if memory_bytes is not None:
        limits = replace(limits, memory_bytes=int(_bound("memory_bytes", memory_bytes, 1 << 50)))
    row = require(context.database, model_id)
    chosen = _benchmark(context, row["model_name"], benchmark)
    return measured(context, row, chosen, who, why, limits, allow_incomplete=allow_incomplete)


def _bound(what: str, value: float, most: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        raise InvalidInput(f"{what} is {value!r:.80}; give a number above 0, at most {most:,}")
    return value


def measured(
    context: Context,
    row: Row,
    benchmark: Benchmark,
    actor: str,
    reason: str,
    limits: sandbox.Limits | None = None,
    *,
    allow_incomplete: bool = False,
) -> Evaluation:
    """Measure one model in a process of its own, and keep what came of it."""
    frame = benchmarks.read(context, benchmark)
    with PLACES.taken(), worker_for(context, row, limits, allow_incomplete) as worker:
        found = _measure(context, row, benchmark, frame, worker)
    return _keep(context, row, found, actor, reason)


def evaluate_all(
    context: Context,
    model_name: str,
    benchmark: str | None,
    *,
    again: bool,
    jobs: int,
    progress: Progress | None,
    actor: str | None,
    reason: str,
) -> list[Evaluation]:
    """See ``Registry.evaluate_all``. Each result is kept as soon as it is there: a second call does only the rest."""
    who, why = context.who(actor), check_reason(reason)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= 64:
        raise InvalidInput(f"jobs is {jobs!r:.80}; give a whole number from 1 to 64")
    chosen = _benchmark(context, model_name, benchmark)
    waiting = evidence.to_measure(context.database, model_name, None if again else chosen.fingerprint)
    if not waiting:
        return []
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    crews = _Crews(context)
    here = getattr(get_active_backend(prefer="threads")[0], "supports_sharedmem", False)
    if here:
        parallel = Parallel(min(jobs, len(waiting)), prefer="threads", return_as="generator_unordered")
        asked = parallel(delayed(_of_many)(context, model_id, chosen, crews) for model_id in waiting)
    else:
        # Whoever chose the backend, by joblib.parallel_config, chose how many.
        parallel = Parallel(return_as="generator_unordered")
        reopened = (context.own or context).reopened()
        asked = parallel(delayed(_in_a_worker)(reopened, model_id, chosen) for model_id in waiting)
    done: list[Evaluation] = []
    try:
        for model_id, found in asked:
            each = _keep(context, require(context.database, model_id), found, who, why)
            done.append(each)
            if progress is not None:
                progress(len(done), len(waiting), each)
    except (RegistryError, InterruptedError):
        raise
    except Exception as error:
        if here:
            raise
        # Backends have errors of their own for workers that ended.
        raise WorkersLost(
            f"{len(done)} of {len(waiting)} versions were evaluated and stored, then joblib's workers failed "
            f"({type(error).__name__}: {str(error)[:200]}); evaluate_all again evaluates the others"
        ) from error
    finally:
        crews.dismiss()
        # Those under way ended with an interruption; joblib would warn that they were for nothing.
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            asked.close()
    return done


def _in_a_worker(reopened: tuple[Any, ...], model_id: str, benchmark: Benchmark) -> tuple[str, _Measured]:
    """Measure one of many in a process of joblib's, which opens the registry itself."""
    context = opened_again(*reopened)
    return _of_many(context, model_id, benchmark, context.part(_Crews))


def _of_many(context: Context, model_id: str, benchmark: Benchmark, crews: _Crews) -> tuple[str, _Measured]:
    row = require(context.database, model_id)
    with crews.worker(context.configuration().policy(row["model_name"]).trusted_globals) as (crew, worker):
        try:
            found = _measure(context, row, benchmark, crews.frame(benchmark), worker)
        except (ArtifactAltered, ArtifactMissing) as error:
            # One broken file is no reason to leave the others unmeasured.
            found = _Measured(replace(_blank(row, benchmark), because=str(error)), None)
        crew.check()
    return model_id, found


class _Crews:
    """What evaluating many versions holds in a process: warm sandboxes, and the rows that were asked for last."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._crews: dict[tuple[str, ...], _Crew] = {}
        self._frame: tuple[str, pd.DataFrame] | None = None
        self._dismissed = False

    @contextmanager
    def worker(self, extra_trusted: Sequence[str]) -> Iterator[tuple[_Crew, sandbox.Worker]]:
        """A sandbox in which these imports are trusted too."""
        trusted = tuple(extra_trusted)
        with self._lock:
            if self._dismissed:
                raise InterruptedError("the evaluation was stopped")
            crew = self._crews.get(trusted)
            if crew is None:
                crew = self._crews[trusted] = _Crew(lambda: sandbox.Worker(extra_trusted=trusted, require_all=False))
        with crew.worker() as worker:
            yield crew, worker

    def frame(self, benchmark: Benchmark) -> pd.DataFrame:
        """The rows of a benchmark."""
        with self._lock:
            if self._frame is None or self._frame[0] != benchmark.fingerprint:
                self._frame = (benchmark.fingerprint, benchmarks.read(self._context, benchmark))
            return self._frame[1]

    def dismiss(self) -> None:
        """End the sandboxes, and forget the rows."""
        with self._lock:
            crews, self._crews, self._frame, self._dismissed = self._crews, {}, None, True
        for crew in crews.values():
            crew.dismiss()

    close = dismiss


class _Crew:
    """Warm processes lent to threads."""

    def __init__(self, hire: Callable[[], sandbox.Worker]) -> None:
        self._hire = hire
        self._changed = threading.Condition()
        self._busy: list[sandbox.Worker] = []
        self._idle: list[sandbox.Worker] = []
        self._dismissed = False

    def check(self) -> None:
        """Stop a thread whose process may have been ended under it: what came of that says nothing of the model."""
        if self._dismissed:
            raise InterruptedError("the evaluation was stopped")

    @contextmanager
    def worker(self) -> Iterator[sandbox.Worker]:
        """One that is idle, or a new one."""
        with self._changed:
            self.check()
            worker = self._idle.pop() if self._idle else self._hire()
            self._busy.append(worker)
        try:
            yield worker
        finally:
            with self._changed:
                self._busy.remove(worker)
                self._idle.append(worker)
                self._changed.notify_all()

    def dismiss(self) -> None:
        """End what is under way, wait until every thread has let go of its process, and close them all."""
        with self._changed:
            self._dismissed = True
            while self._busy:
                for worker in self._busy:
                    worker.interrupt()
                self._changed.wait(0.2)
            for worker in self._idle:
                worker.close()


def _benchmark(context: Context, model_name: str, name: str | None) -> Benchmark:
    wanted = name or context.configuration().policy(model_name).benchmark
    found = benchmarks.chosen(context.database, model_name, wanted)
    if found is None:
        raise InvalidInput(f"{model_name} has no benchmark; add one from labelled rows with add_benchmark()")
    return found


@contextmanager
def worker_for(
    context: Context, row: Row, limits: sandbox.Limits | None, allow_incomplete: bool
) -> Iterator[sandbox.Worker]:
    """A fresh process for one model. A file nobody trusts runs only where every limit of the sandbox holds."""
    trusted = context.configuration().policy(row["model_name"]).trusted_globals
    unknown = record(context, row).inspection.get("unknown", ()) if row["artifact"] == "quarantined" else ()
    complete = row["artifact"] == "quarantined" and not allow_incomplete
    worker = sandbox.Worker(extra_trusted=(*trusted, *unknown), limits=limits, require_all=complete)
    try:
        yield worker
    finally:
        worker.close()


def _measure(
    context: Context, row: Row, benchmark: Benchmark, frame: pd.DataFrame, worker: sandbox.Worker
) -> _Measured:
    """Let the model answer and measure what it said; whatever the model does wrong is the result.

    Raises:
        SandboxIncomplete, SandboxFailure: the sandbox does not start here, which says nothing of the model.
        ArtifactMissing, ArtifactAltered: its bytes are not those that were registered.
    """
    model, blank = record(context, row), _blank(row, benchmark)
    worker.start()
    files = []
    for key, digest in artifact_keys(row, model.model_sha256, model.scaler_sha256):
        files.append(context.store.cached(key, digest))
    try:
        signature = signatures.signature(context.database, model)
        features, form = inputs_for(signature, benchmark, frame)
        answer = worker.predict(
            files[0], files[1] if len(files) > 1 else None, feather(features), classes=model.classes, form=form
        )
    except (SandboxFailure, InvalidInput) as error:
        return _Measured(replace(blank, because=str(error)), None)
    try:
        found = _worth(blank, benchmark, frame, answer)
        overlap = training_rows.overlap(context, row["seq"], signature, benchmark, frame)
        return replace(found, evaluation=replace(found.evaluation, in_training=overlap))
    except InvalidInput as error:
        return _Measured(replace(blank, because=str(error)), None)
    except Exception as error:
        # Answers may be anything, so anything may come of them; it must not stop the registry.
        because = f"its predictions could not be evaluated ({type(error).__name__}: {str(error)[:200]})"
        return _Measured(replace(blank, because=because), None)


def _blank(row: Row, benchmark: Benchmark) -> Evaluation:
    return Evaluation(0, row["model_id"], benchmark.name, benchmark.fingerprint, "", "", "failed", "")


def inputs_for(signature: Signature, benchmark: Benchmark, frame: pd.DataFrame) -> tuple[pd.DataFrame, sandbox.Form]:
    """The columns a model is shown, and how: those of its signature, else all the benchmark has for models.

    Raises:
        InvalidInput: the benchmark has not what the model takes; the message names the columns.
    """
    columns = frame[list(benchmark.features)]
    remedy = "; measure it on a benchmark with the features it was trained on"
    if signature.takes == "text":
        if len(benchmark.features) != 1:
            raise InvalidInput(
                f"the model takes one text per row, {benchmark.name} has {len(benchmark.features)} feature columns; "
                "add a benchmark whose features= names the text column alone"
            )
        Matcher(signature)(columns)
        return columns, "text"
    if not signature.features:
        return columns, "named"
    if signature.names == "none":
        # The columns of a benchmark have names; a model that knows none takes them by their places.
        columns = columns.set_axis(range(columns.shape[1]), axis=1)
    try:
        return Matcher(signature, framed=True)(columns).rows, "named" if signature.names == "model" else "plain"
    except InvalidInput as error:
        raise InvalidInput(f"{benchmark.name}: {error}{remedy}") from error


def feather(features: pd.DataFrame) -> bytes:
    """The rows as a Feather file."""
    buffer = io.BytesIO()
    features.reset_index(drop=True).to_feather(buffer)
    return buffer.getvalue()


def _worth(blank: Evaluation, benchmark: Benchmark, frame: pd.DataFrame, answer: sandbox.Answer) -> _Measured:
    """Metrics, slices and the answers themselves."""
    from ..rules import evaluation_metrics

    kept = pack(benchmark.task, frame[benchmark.target], answer)
    columns = {name: frame[name].astype(str).to_numpy() for name in benchmark.slices}
    slices = evaluation_metrics.slice_metrics(columns, kept.measure) if columns else {}
    because = f"measured on {len(frame):,} rows"
    found = replace(
        blank, status="measured", because=because, rows=len(frame), metrics=kept.measure(), slices=slices,
        row_microseconds=answer.row_microseconds, unenforced=answer.unenforced,
    )  # fmt: skip
    return _Measured(found, kept)


def _keep(context: Context, row: Row, found: _Measured, actor: str, reason: str) -> Evaluation:
    """The answers as a file, then the row, its event, and the score where measured metrics count."""
    key = digest = None
    data = b""
    if found.kept is not None:
        data = found.kept.to_bytes()
        staged = context.store.stage(lambda sink: sink.write(data))
        # Before the lock is taken: in a bucket everybody would wait for it.
        key, digest = f"evaluations/{staged.sha256}.npz", staged.sha256
        context.store.publish({key: staged})
    with context.database.transaction() as transaction:
        present = models.find(transaction, row["model_id"])
        if present is None:
            raise ModelNotFound(f"{row['model_id']} was deleted during its evaluation; no result was stored")
        values = {name: each.value for name, each in found.evaluation.metrics.items()}
        overlap = found.evaluation.in_training
        seq, at = events.append(
            transaction,
            now=context.now(),
            kind=EventKind.EVALUATED,
            actor=actor,
            reason=reason,
            model_name=row["model_name"],
            model_id=row["model_id"],
            after={
                "benchmark": found.evaluation.benchmark,
                "fingerprint": found.evaluation.fingerprint,
                "status": found.evaluation.status,
                "because": found.evaluation.because[:500],
                "metrics": values,
                **({"in_training": overlap.sentence} if overlap is not None and overlap.found else {}),
            },
        )
        evaluation = replace(found.evaluation, evaluation_id=seq, at=at, actor=actor)
        evidence.insert_evaluation(transaction, evaluation, key, digest)
        policy = context.configuration(transaction).policy(row["model_name"])
        counts = benchmarks.counting(transaction, row["model_name"], policy)
        if evaluation.status == "measured" and counts is not None and counts.fingerprint == evaluation.fingerprint:
            known = record(context, present).having(measured=values, measured_on=counts.name)
            score, on = ranking(policy, known)
            models.update(
                transaction,
                row["model_id"],
                measured=json.dumps(values),
                measured_on=counts.name,
                score=score.value,
                score_note=score.note,
                ranked_on=on,
                eligible=eligible(present, ranked_on=on),
            )
            models.set_measured_metrics(transaction, present, values)
    if key is not None and not context.store.exists(key):
        # A cleanup took the same file, left by an earlier evaluation, for an old one that nothing claims.
        context.store.write(key, data)
    return evaluation


def listed(context: Context, model_id: str, benchmark: str | None) -> list[Evaluation]:
    """See ``Registry.evaluations``."""
    row = require(context.database, model_id)
    fingerprint = None
    if benchmark is not None:
        fingerprint = _benchmark(context, row["model_name"], benchmark).fingerprint
    return evidence.evaluations(context.database, model_id, fingerprint)
