"""Proofs of answers: a model answers example rows where it is registered, and again wherever it is to be used."""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..artifacts import describe, formats
from ..catalog import deployments, events, models
from ..catalog import proofs as stored
from ..catalog.database import Queries
from ..errors import AnswersDiffer, ArtifactError, ArtifactUnloadable, InvalidInput, SandboxFailure, SandboxIncomplete
from ..records import ModelMetadata, Row, Submission
from ..rules import environments
from ..signature import AnswersCheck, ExampleAnswers, Proof, RowsFrom
from . import verdicts
from .files import artifact_keys
from .rooms import Rooms
from .rows import record

if TYPE_CHECKING:
    from ..artifacts import sandbox
    from ..rules.agreement import Agreement

#: What decides about answers where a file does not say what it was written with.
_USUAL = ("numpy", "scipy", "scikit-learn")


@dataclass(frozen=True, eq=False)
class Asked:
    """A proof that is being made: its rows and answers as objects, beside their documents."""

    proof: Proof
    rows: Any
    answers: ExampleAnswers | None


def of_object(
    model: Any,
    scaler: Any,
    given: Any,
    source: RowsFrom,
    names: Sequence[str],
    classes: Sequence[Any],
    *,
    keep: bool,
) -> Asked:
    """Ask a model that was handed in, in the process that registers it.

    Args:
        given: example rows; None makes them from the fitted object.
        source: what the given rows were handed in as.
        keep: whether the rows may be kept with the version.

    Raises:
        InvalidInput: it is not fitted, has several outputs, or cannot answer the rows that were given.
    """
    from ..artifacts import asking, examples

    def ask(rows: Any) -> ExampleAnswers:
        with warnings.catch_warnings():
            # What the model has to say of rows nobody sent is of no use to whoever registers it.
            warnings.simplefilter("ignore")
            return asking.answers_of(model, scaler, rows)

    try:
        rows, found, answers, because = asking.example_rows(model, scaler, given, names, ask)
        signature = asking.signature_of(model, scaler, rows, answers, names, classes)
    except asking.CannotAnswer as error:
        raise InvalidInput(f"model_obj cannot answer: {error}") from error
    except InvalidInput:
        raise
    # Any library may raise anything at rows it does not know.
    except Exception as error:
        raise InvalidInput(
            f"the model cannot answer the rows of {source} ({type(error).__name__}: {str(error)[:300]}); give rows as "
            "they will arrive in production, before scaling"
        ) from error
    if rows is None or answers is None:
        return Asked(Proof(signature, "none", because=because), None, None)
    fitted = examples.fitting(rows)
    if not keep or fitted is None:
        said = "the setting keep_example_rows is off" if not keep else "a single row is too large to be kept"
        return Asked(Proof(signature, "none", because=said), rows, answers)
    kept, document = fitted
    if kept is not rows:
        rows, answers = kept, ask(kept)
    proof = Proof(
        signature, source if found == "input_example" else found, len(rows), document, examples.pack_answers(answers)
    )
    return Asked(proof, rows, answers)


def read_back(
    asked: Asked,
    original: tuple[Any, Any],
    files: Sequence[tuple[bytes, str]],
    also: Collection[str],
    here: Mapping[str, str],
) -> AnswersCheck:
    """Load the bytes that are stored, and hold their answers against those of the object they were made of.

    Raises:
        InvalidInput: they do not load, or the model does not answer as it did: it would be another one.
    """
    from ..artifacts import asking
    from ..rules import agreement

    try:
        loaded = [formats.load(data, "the saved file", also=also) for data, _ in files]
    except ArtifactError as error:
        raise InvalidInput(
            f"the model was saved but cannot be loaded again: {error.__cause__ or error}; define its classes in a "
            "module that can be imported"
        ) from error
    model, scaler = loaded[0], loaded[1] if len(loaded) > 1 else None
    before = asked.answers
    if before is None:
        return AnswersCheck("unchecked", asked.proof.because, here, "registration")

    def ask(model: Any, scaler: Any) -> Agreement:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return agreement.compare(before, asking.answers_of(model, scaler, asked.rows))

    try:
        found = ask(model, scaler)
    except Exception as error:
        raise InvalidInput(
            f"the model answers, and no longer does once it was saved and loaded ({type(error).__name__}: {error}); "
            "something in it is lost when it is pickled: look at its __getstate__ and __reduce__"
        ) from error
    if found.agrees:
        return AnswersCheck("agrees", found.sentence, here, "registration", found.rows)
    again = ask(*original)
    if not again.agrees:
        raise InvalidInput(
            f"the model answers the same rows differently each time it is asked ({again.sentence}), so nothing can be "
            "proved of it; fix its random_state"
        )
    raise InvalidInput(
        f"the model answers otherwise once it was saved and loaded: {found.sentence}; something in it is lost when it "
        "is pickled: look at its __getstate__ and __reduce__"
    )


def of_files(
    rooms: Rooms, given: Submission, files: Sequence[tuple[bytes, str]], rows: Mapping[str, Any] | None
) -> tuple[Proof | None, AnswersCheck | None]:
    """Load files from outside for the first time, in the sandbox; None where it does not start here.

    ``rows`` is the document of example rows that came with them.
    """
    from ..artifacts import sandbox

    policy = rooms.configuration().policy(given.model_name)
    here = _environment(given.libraries)
    or_made = rows is None
    if rows is None:
        rows = _of_benchmark(rooms, given.model_name, given.feature_names)
    try:
        with sandbox.Worker(also=policy.trusted_globals, require_all=False) as worker:
            worker.start()
            proof, found = in_sandbox(
                worker, [data for data, _ in files], None, rows=rows, or_made=or_made, names=given.feature_names,
                classes=given.classes, registered=given.libraries, here=here, keep=policy.keep_example_rows,
            )  # fmt: skip
    except (SandboxFailure, SandboxIncomplete):
        # It is asked again before it may go live, and the gate says then what is missing here.
        return None, None
    return _named_after(proof, rows, or_made), found


def _named_after(proof: Proof | None, rows: Mapping[str, Any] | None, from_benchmark: bool) -> Proof | None:
    """Rows that were handed over are called by where they come from."""
    if proof is not None and rows is not None and from_benchmark and proof.rows_from == "input_example":
        return replace(proof, rows_from="benchmark")
    return proof


def in_sandbox(
    worker: sandbox.Worker,
    files: Sequence[bytes],
    earlier: Proof | None,
    *,
    rows: Mapping[str, Any] | None,
    or_made: bool,
    names: Sequence[str],
    classes: Sequence[Any],
    registered: Mapping[str, str],
    here: Mapping[str, str],
    keep: bool,
) -> tuple[Proof | None, AnswersCheck]:
    """Let files answer in a process of their own: for the first time, or again what an ``earlier`` proof holds."""
    from ..artifacts import examples
    from ..rules import agreement

    asked = earlier.rows if earlier is not None and earlier.rows is not None else rows
    try:
        found = worker.prove(
            files[0], files[1] if len(files) > 1 else None, rows=asked, or_made=or_made, names=names, classes=classes
        )
    except (SandboxFailure, InvalidInput) as error:
        said = error.reason if isinstance(error, SandboxFailure) else str(error)
        words = environments.in_words(registered, here)
        return None, AnswersCheck("fails", f"it {said}" + (f" ({words})" if words else ""), here, "sandbox")
    count = 0 if found.answers is None else len(found.answers.predicted)
    if found.answers is None or found.again is None:
        return Proof(found.signature, "none", because=found.because, environment=here), AnswersCheck(
            "unchecked", found.because, here, "sandbox"
        )
    steady = agreement.compare(found.answers, found.again)
    if not steady.agrees:
        because = f"it answers the same rows differently each time it is loaded: {steady.sentence}"
        return None, AnswersCheck("fails", because, here, "sandbox", count, steady.differing)
    if earlier is not None and earlier.answers is not None:
        return None, _held(examples.unpack_answers(earlier.answers), found.answers, registered, here)
    source: RowsFrom = found.rows_from
    proof = Proof(found.signature, "none", because="the setting keep_example_rows is off", environment=here)
    if keep:
        proof = Proof(found.signature, source, count, found.rows, examples.pack_answers(found.answers), here)
    because = f"{count} example rows answered alike each time it is loaded"
    return proof, AnswersCheck("agrees", because, here, "sandbox", count)


def _held(
    before: ExampleAnswers, after: ExampleAnswers, registered: Mapping[str, str], here: Mapping[str, str]
) -> AnswersCheck:
    from ..rules import agreement

    found = agreement.compare(before, after)
    words = environments.in_words(registered, here)
    if found.agrees:
        because = f"{found.sentence} with those at its registration" + (f" ({words})" if words else "")
        return AnswersCheck("agrees", because, here, "sandbox", found.rows)
    because = f"{words}: {found.sentence}" if words else f"{found.sentence} from those at its registration"
    return AnswersCheck("differs", because, here, "sandbox", found.rows, found.differing)


def environment(known: ModelMetadata) -> dict[str, str]:
    """The versions here of the libraries that decide about a model's answers."""
    return _environment(known.libraries)


def _environment(libraries: Mapping[str, str]) -> dict[str, str]:
    # A producer that a file names, such as "onnx producer", is no library.
    recorded = [name for name in libraries if name != "python" and " " not in name]
    return describe.versions([*recorded, *(name for name in _USUAL if name not in recorded)])


def files_of(known: ModelMetadata) -> str:
    """What stands for a version's files where a check of them is remembered."""
    return f"{known.model_sha256}:{known.scaler_sha256 or ''}"


def known_check(queries: Queries, row: Row, known: ModelMetadata) -> AnswersCheck | None:
    """What came of checking a version with the libraries that are installed here; None where nobody did."""
    return stored.find_check(queries, row["seq"], files_of(known), environment(known))


def complete_champion(rooms: Rooms, model_name: str) -> None:
    """Find out what the champion takes and gives, where it was registered before that was recorded."""
    current = deployments.current(rooms.database, model_name)
    if current is not None:
        complete(rooms, current.model_id)


def complete(rooms: Rooms, model_id: str) -> None:
    """Find out what a version takes and gives, where it was registered before that was recorded."""
    row = models.find(rooms.database, model_id)
    if row is None or row["status"] == "purged":
        return
    known = record(rooms, row)
    if not known.signature and stored.signature(rooms.database, model_id) is None:
        # Without its bytes it stays unknown, and is compared with nothing.
        with suppress(ArtifactError):
            ensure(rooms, row)


def ensure(rooms: Rooms, row: Row, actor: str | None = None, *, again: bool = False) -> AnswersCheck:
    """What came of checking a version here; where nobody did, it is done now, in the sandbox, and remembered.

    Raises:
        ArtifactError: its bytes are missing, altered, purged or not trusted.
    """
    known = record(rooms, row)
    if not again:
        found = known_check(rooms.database, row, known)
        if found is not None:
            return found
    from ..artifacts import sandbox

    also = rooms.configuration().policy(row["model_name"]).trusted_globals
    try:
        with sandbox.Worker(also=also, require_all=False) as worker:
            return check(rooms, row, worker, rooms.who(actor))
    except (SandboxFailure, SandboxIncomplete) as error:
        return AnswersCheck("unchecked", f"it could not be asked: {error}", environment(known), "sandbox")


def check(rooms: Rooms, row: Row, worker: sandbox.Worker, actor: str) -> AnswersCheck:
    """Ask a version in a process of its own, and keep what came of it.

    Raises:
        ArtifactError: its bytes are missing, altered, purged or not trusted.
        SandboxFailure, SandboxIncomplete: the sandbox does not start here, which says nothing of the model.
    """
    known = record(rooms, row)
    policy = rooms.configuration().policy(row["model_name"])
    files = verified_files(rooms, row, known)
    worker.start()
    earlier = stored.find(rooms.database, row["seq"])
    here = environment(known)
    rows = None
    if earlier is None:
        rows = _of_benchmark(rooms, known.model_name, known.feature_names)
    proof, found = in_sandbox(
        worker, files, earlier, rows=rows, or_made=True, names=known.feature_names, classes=known.classes,
        registered=known.libraries, here=here, keep=policy.keep_example_rows,
    )  # fmt: skip
    proof = _named_after(proof, rows, True)
    return _keep(rooms, row, known, proof if earlier is None else None, found, actor)


def verified_files(rooms: Rooms, row: Row, known: ModelMetadata) -> list[bytes]:
    """The bytes of a version, as they were registered and as the inspection passed them.

    Raises:
        ArtifactError: they are missing, altered, purged or not trusted.
    """
    also = rooms.configuration().policy(row["model_name"]).trusted_globals
    files = []
    for key, digest in artifact_keys(row, known.model_sha256, known.scaler_sha256):
        data = rooms.store.content(key, digest)
        verdicts.check(data, digest, rooms.store.address(key), also)
        files.append(data)
    return files


def _of_benchmark(rooms: Rooms, model_name: str, feature_names: Sequence[str]) -> dict[str, Any] | None:
    """Rows of the benchmark that counts for a model name, where it has all that the version takes."""
    from ..artifacts import examples
    from . import benchmarks

    policy = rooms.configuration().policy(model_name)
    chosen = benchmarks.counting(rooms.database, model_name, policy)
    if chosen is None:
        return None
    names = list(feature_names or chosen.features)
    if not {*names} <= {*chosen.features}:
        return None
    try:
        fitted = examples.fitting(examples.sample(benchmarks.read(rooms, chosen)[names].reset_index(drop=True)))
    # A benchmark that cannot be read is a finding of verify; rows can be made without it.
    except (ArtifactError, InvalidInput, ImportError):
        return None
    return None if fitted is None else fitted[1]


def _keep(
    rooms: Rooms, row: Row, known: ModelMetadata, proof: Proof | None, found: AnswersCheck, actor: str
) -> AnswersCheck:
    with rooms.database.transaction() as transaction:
        present = models.find(transaction, row["model_id"])
        if present is None or present["status"] == "purged":
            return found
        after = {"status": found.status, "because": found.because[:500], "rows": found.rows}
        _, at = events.append(
            transaction,
            now=rooms.now(),
            kind="answers_checked",
            actor=actor,
            reason="",
            model_name=row["model_name"],
            model_id=row["model_id"],
            after={**after, "environment": dict(found.environment)},
        )
        found = replace(found, at=at)
        if proof is not None and stored.find(transaction, row["seq"]) is None:
            stored.insert(transaction, row["seq"], proof)
        stored.insert_check(transaction, row["seq"], files_of(known), found)
    return found


def require_answers(rooms: Rooms, row: Row) -> AnswersCheck:
    """Whether a version may answer anybody: its bytes are whole, and they answer here as they did when registered.

    Raises:
        ArtifactError: the bytes are missing, altered or not trusted, do not load here, or answer otherwise.
    """
    known = record(rooms, row)
    verified_files(rooms, row, known)
    found = ensure(rooms, row)
    if found.status == "fails":
        raise ArtifactUnloadable(f"{row['model_id']} does not answer here: {found.because}; register it anew here")
    if found.status == "differs":
        raise AnswersDiffer(row["model_id"], found.because)
    return found


def check_loaded(rooms: Rooms, known: ModelMetadata, model: Any, scaler: Any) -> None:
    """Ask a model that was loaded in this process its example rows, where there are any.

    Raises:
        AnswersDiffer: it does not answer as it did where it was registered.
        ArtifactUnloadable: it does not answer at all.
    """
    row = models.find(rooms.database, known.model_id)
    proof = None if row is None else stored.find(rooms.database, row["seq"])
    if proof is None or proof.rows is None or proof.answers is None:
        return
    from ..artifacts import asking, examples
    from ..rules import agreement

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = asking.answers_of(model, scaler, examples.unpack(proof.rows))
    except Exception as error:
        words = environments.in_words(known.libraries, environment(known))
        raise ArtifactUnloadable(
            f"{known.model_id} loads and does not answer its example rows here ({type(error).__name__}: {error})"
            + (f"; {words}" if words else "")
            + "; serve it with the libraries it was registered with, or register it anew here"
        ) from error
    found = agreement.compare(examples.unpack_answers(proof.answers), again)
    if not found.agrees:
        words = environments.in_words(known.libraries, environment(known))
        raise AnswersDiffer(known.model_id, f"{words}: {found.sentence}" if words else found.sentence)


def parse_rows(rows: Any) -> dict[str, Any]:
    """The document of example rows that were handed in for a file from outside.

    Raises:
        InvalidInput: they are no rows, or a single one is too large.
    """
    from ..artifacts import examples

    fitted = examples.fitting(examples.sample(examples.table(rows)))
    if fitted is None:
        raise InvalidInput(f"a row of input_example takes more than {examples.MOST_FOR_ONE:,} characters; leave it out")
    return json.loads(json.dumps(fitted[1]))  # type: ignore[no-any-return]
