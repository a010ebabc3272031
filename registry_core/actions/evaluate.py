"""Measuring: a model answers a benchmark in the sandbox, and the registry computes what that is worth."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..artifacts import sandbox
from ..artifacts.sandbox.places import PLACES
from ..artifacts.store import Store
from ..catalog import events, evidence, models
from ..errors import (
    ArtifactAltered,
    ArtifactMissing,
    InvalidInput,
    ModelNotFound,
    RegistryError,
    SandboxFailure,
    StorageError,
)
from ..events import EventKind
from ..evidence import Benchmark, Evaluation
from ..file_keys import benchmark_file
from ..records import Row
from ..rules.matching import Matcher
from ..signature import Signature
from . import benchmarks, signatures, training_rows, workers
from .answers import Kept, pack
from .context import Context, check_reason
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


@dataclass(frozen=True)
class Asked:
    """A version and the benchmark it is to predict: where their bytes lie, and how it takes its features.

    Files are a key and a SHA-256 each; ``alone`` is a file that nobody trusts.
    """

    model_id: str
    files: tuple[tuple[str, str], ...]
    classes: tuple[Any, ...]
    signature: Signature
    benchmark: Benchmark
    rows: tuple[str, str]
    trusted: tuple[str, ...]
    alone: bool = False

    def table(self, bench: workers.Bench) -> pd.DataFrame:
        """The features of the benchmark, without its labels."""
        return bench.table(*self.rows, self.benchmark.features)


#: What a version answered, or why it did not.
Outcome = sandbox.Answer | RegistryError


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
    asked = asked_of(context, row, benchmark)
    with PLACES.taken():
        worker = sandbox.Worker(
            extra_trusted=asked.trusted, limits=limits, require_all=asked.alone and not allow_incomplete
        )
        with worker:
            worker.start()
            outcome: Outcome
            try:
                outcome = ask(context.store, worker, asked, frame)
            except (SandboxFailure, InvalidInput) as failure:
                outcome = failure
    return _keep(context, row, _worth(context, row, asked, frame, outcome), actor, reason)


def evaluate_all(
    context: Context,
    model_name: str,
    benchmark: str | None,
    *,
    again: bool,
    jobs: int | None,
    progress: Progress | None,
    actor: str | None,
    reason: str,
) -> list[Evaluation]:
    """See ``Registry.evaluate_all``. Each result is kept as soon as it is there: a second call does only the rest."""
    who, why = context.who(actor), check_reason(reason)
    workers.check_jobs(jobs)
    chosen = _benchmark(context, model_name, benchmark)
    frame = benchmarks.read(context, chosen)
    waiting = evidence.to_measure(context.database, model_name, None if again else chosen.fingerprint)
    if not waiting:
        return []
    done: list[Evaluation] = []
    tasks = (asked_of(context, require(context.database, model_id), chosen) for model_id in waiting)

    def stopped() -> str:
        return f"{len(done)} of {len(waiting)} versions were evaluated and stored, the same call evaluates the others"

    bench = workers.Bench(context.store.root, context.store)
    with closing(workers.carried_out(bench, predicted, tasks, jobs=jobs, stopped=stopped)) as outcomes:
        for asked, outcome, place in outcomes:
            check_here(context, asked, outcome, place)
            row = require(context.database, asked.model_id)
            done.append(_keep(context, row, _worth(context, row, asked, frame, outcome), who, why))
            if progress is not None:
                progress(len(done), len(waiting), done[-1])
    return done


def check_here(context: Context, asked: Asked, outcome: object, place: str) -> None:
    """Read here what a worker could not read: a worker that has other files says nothing of the version.

    Raises:
        StorageError: the files are whole here.
    """
    if not isinstance(outcome, ArtifactAltered | ArtifactMissing):
        return
    with suppress(ArtifactAltered, ArtifactMissing):
        for key, digest in asked.files:
            context.store.content(key, digest)
        raise StorageError(
            errno.ENXIO,
            f"the worker {place} does not read what is stored here: {outcome}. Every worker needs the same folder "
            "under the same path, or the same bucket",
        ) from outcome


def _benchmark(context: Context, model_name: str, name: str | None) -> Benchmark:
    wanted = name or context.configuration().policy(model_name).benchmark
    found = benchmarks.chosen(context.database, model_name, wanted)
    if found is None:
        raise InvalidInput(f"{model_name} has no benchmark; add one from labelled rows with add_benchmark()")
    return found


def asked_of(context: Context, row: Row, benchmark: Benchmark) -> Asked:
    """What a version has to be asked, as the catalog has it now."""
    model = record(context, row)
    trusted = context.configuration().policy(row["model_name"]).trusted_globals
    alone = row["artifact"] == "quarantined"
    unknown = model.inspection.get("unknown", ()) if alone else ()
    return Asked(
        row["model_id"],
        tuple(artifact_keys(row, model.model_sha256, model.scaler_sha256)),
        tuple(model.classes),
        signatures.signature(context.database, model),
        benchmark,
        (benchmark_file(benchmark.fingerprint), evidence.file_digest(context.database, benchmark.fingerprint)),
        (*trusted, *unknown),
        alone,
    )


def predicted(bench: workers.Bench, asked: Asked) -> Outcome:
    """Let a version predict, wherever this is carried out.

    Raises:
        SandboxIncomplete, SandboxFailure: the sandbox does not start there, which says nothing of the model.
        ArtifactMissing, ArtifactAltered: the benchmark is not there, or not the one that was registered.
    """
    frame = asked.table(bench)
    outcome: Outcome
    with bench.lend(asked.trusted, alone=asked.alone) as worker:
        worker.start()
        try:
            outcome = ask(bench.store, worker, asked, frame)
        except (SandboxFailure, InvalidInput, ArtifactAltered, ArtifactMissing) as failure:
            outcome = failure
    bench.check()
    return outcome


def ask(store: Store, worker: sandbox.Worker, asked: Asked, frame: pd.DataFrame) -> sandbox.Answer:
    """The answer of a version to the rows of a benchmark.

    Raises:
        SandboxFailure, InvalidInput: it gave none that can be used, or its features are missing.
        ArtifactMissing, ArtifactAltered: its bytes are not those that were registered.
    """
    model, scaler = files_of(store, asked)
    features, form = inputs_for(asked.signature, asked.benchmark, frame)
    return worker.predict(model, scaler, feather(features), classes=asked.classes, form=form)


def files_of(store: Store, asked: Asked) -> tuple[bytes, bytes | None]:
    """The bytes of a version's model and scaler."""
    model, *scaler = (store.cached(key, digest) for key, digest in asked.files)
    return model, scaler[0] if scaler else None


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


def _worth(context: Context, row: Row, asked: Asked, frame: pd.DataFrame, outcome: Outcome) -> _Measured:
    """Metrics, slices and the answers themselves; whatever the model does wrong is the result."""
    benchmark = asked.benchmark
    blank = Evaluation(0, row["model_id"], benchmark.name, benchmark.fingerprint, "", "", "failed", "")
    if isinstance(outcome, RegistryError):
        return _Measured(replace(blank, because=str(outcome)), None)
    try:
        found = _scored(blank, benchmark, frame, outcome)
        overlap = training_rows.overlap(context, row["seq"], asked.signature, benchmark, frame)
        return replace(found, evaluation=replace(found.evaluation, in_training=overlap))
    except InvalidInput as error:
        return _Measured(replace(blank, because=str(error)), None)
    except Exception as error:
        # Answers may be anything, so anything may come of them; it must not stop the registry.
        because = f"its predictions could not be evaluated ({type(error).__name__}: {str(error)[:200]})"
        return _Measured(replace(blank, because=because), None)


def _scored(blank: Evaluation, benchmark: Benchmark, frame: pd.DataFrame, answer: sandbox.Answer) -> _Measured:
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
