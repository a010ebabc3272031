"""Whether versions answer here as they did where they were registered: asked once, and remembered."""

from __future__ import annotations

import warnings
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ..catalog import deployments, events, models
from ..catalog import proofs as stored
from ..catalog.database import Queries, Transaction
from ..errors import AnswersDiffer, ArtifactError, ArtifactUnloadable, SandboxFailure, SandboxIncomplete
from ..events import EventKind
from ..records import ModelMetadata, ModelQuery, Row
from ..rules import environments
from ..signature import AnswersCheck, Proof
from . import artifact_trust, seals
from .context import Context
from .files import artifact_keys
from .model_records import record, require
from .proofs import environment, in_sandbox, named_after, of_benchmark

if TYPE_CHECKING:
    from typing import Any

    from ..artifacts import sandbox
    from ..maintenance import Progress


def files_of(known: ModelMetadata) -> str:
    """What stands for a version's files where a check of them is remembered."""
    return f"{known.model_sha256}:{known.scaler_sha256 or ''}"


def known_check(queries: Queries, row: Row, known: ModelMetadata) -> AnswersCheck | None:
    """What came of checking a version with the libraries that are installed here; None where nobody did."""
    return stored.find_check(queries, row["seq"], files_of(known), environment(known))


def checked_here(context: Context, queries: Queries, row: Row, known: ModelMetadata) -> AnswersCheck | None:
    """The same if it was checked here: what a folder, a backup or a database from elsewhere states is no check."""
    found = known_check(queries, row, known)
    return found if found is not None and context.seals.noted(queries, _line(known, found)) else None


def keep(context: Context, transaction: Transaction, seq: int, known: ModelMetadata, found: AnswersCheck) -> None:
    """Remember what came of a check that was made here."""
    stored.insert_check(transaction, seq, files_of(known), found)
    context.seals.note(transaction, _line(known, found))


def _line(known: ModelMetadata, found: AnswersCheck) -> seals.Line:
    return seals.check_of(files_of(known), stored.key(found.environment), found.status)


def complete_champion(context: Context, model_name: str) -> None:
    """Find out what the champion takes and gives, where it was registered before that was recorded."""
    current = deployments.current(context.database, model_name)
    if current is not None:
        complete(context, current.model_id)


def complete(context: Context, model_id: str) -> None:
    """Find out what a version takes and gives, where it was registered before that was recorded."""
    row = models.find(context.database, model_id)
    if row is None or row["status"] == "purged":
        return
    known = record(context, row)
    if not known.signature and stored.signature(context.database, model_id) is None:
        # Without its bytes it stays unknown, and is compared with nothing.
        with suppress(ArtifactError):
            ensure(context, row)


def ensure(context: Context, row: Row, actor: str | None = None, *, again: bool = False) -> AnswersCheck:
    """What came of checking a version here; where nobody here did, it is done now, in the sandbox, and remembered.

    Raises:
        ArtifactError: its bytes are missing, altered, purged or not trusted.
    """
    known = record(context, row)
    if not again:
        found = checked_here(context, context.database, row, known)
        if found is not None:
            return found
    from ..artifacts import sandbox
    from ..artifacts.sandbox.places import PLACES

    extra_trusted = context.configuration().policy(row["model_name"]).trusted_globals
    try:
        with PLACES.taken(), sandbox.Worker(extra_trusted=extra_trusted, require_all=False) as worker:
            return check(context, row, worker, context.who(actor))
    except (SandboxFailure, SandboxIncomplete) as error:
        return AnswersCheck("unchecked", f"the check could not run: {error}", environment(known), "sandbox")


def check(context: Context, row: Row, worker: sandbox.Worker, actor: str) -> AnswersCheck:
    """Ask a version in a process of its own, and keep what came of it.

    Raises:
        ArtifactError: its bytes are missing, altered, purged or not trusted.
        SandboxFailure, SandboxIncomplete: the sandbox does not start here, which says nothing of the model.
    """
    known = record(context, row)
    policy = context.configuration().policy(row["model_name"])
    files = verified_files(context, row, known)
    from ..artifacts import sandbox

    worker.start(sandbox.libraries_of(files[0]))
    earlier = stored.find(context.database, row["seq"])
    here = environment(known)
    rows = None
    if earlier is None:
        rows = of_benchmark(context, known.model_name, known.feature_names)
    proof, found = in_sandbox(
        worker,
        files,
        earlier,
        rows=rows,
        or_made=earlier is None or earlier.rows is None,
        names=known.feature_names,
        classes=known.classes,
        registered=known.libraries,
        here=here,
        keep=policy.keep_example_rows,
    )
    proof = named_after(proof, rows, True)
    return _keep(context, row, known, proof if earlier is None else None, found, actor)


def verified_files(context: Context, row: Row, known: ModelMetadata, *, in_store: bool = False) -> list[bytes]:
    """The bytes of a version, as they were registered and as the inspection passed them.

    Args:
        in_store: what this machine keeps of a bucket does not count: other machines read the bucket.

    Raises:
        ArtifactError: they are missing, altered, purged or not trusted.
    """
    files = []
    for key, digest in artifact_keys(row, known.model_sha256, known.scaler_sha256):
        files.append((context.store.content if in_store else context.store.cached)(key, digest))
        artifact_trust.require(context, known.model_name, files[-1], digest, context.store.address(key))
    return files


def _keep(
    context: Context, row: Row, known: ModelMetadata, proof: Proof | None, found: AnswersCheck, actor: str
) -> AnswersCheck:
    with context.database.transaction() as transaction:
        present = models.find(transaction, row["model_id"])
        if present is None or present["status"] == "purged":
            return found
        after = {"status": found.status, "because": found.because[:500], "rows": found.rows}
        _, at = events.append(
            transaction,
            now=context.now(),
            kind=EventKind.ANSWERS_CHECKED,
            actor=actor,
            reason="",
            model_name=row["model_name"],
            model_id=row["model_id"],
            after={**after, "environment": dict(found.environment)},
        )
        found = replace(found, at=at)
        if proof is not None and stored.find(transaction, row["seq"]) is None:
            stored.insert(transaction, row["seq"], proof)
        keep(context, transaction, row["seq"], known, found)
    return found


def require_answers(context: Context, row: Row, *, in_store: bool = True) -> AnswersCheck:
    """Whether a version may answer anybody: its bytes are whole, and they answer here as they did when registered.

    Args:
        in_store: its bytes are whole in the store; else what this machine keeps of a bucket counts.

    Raises:
        ArtifactError: the bytes are missing, altered or not trusted, do not load here, or answer otherwise.
    """
    known = record(context, row)
    verified_files(context, row, known, in_store=in_store)
    found = ensure(context, row)
    require_passed(known.model_id, found)
    return found


def require_passed(model_id: str, found: AnswersCheck) -> None:
    """Whether a check allows a version to answer anybody.

    Raises:
        ArtifactUnloadable, AnswersDiffer: it does not.
    """
    if found.status == "fails":
        raise ArtifactUnloadable(
            f"{model_id} cannot predict with the installed libraries: {found.because}; register the model "
            "again on this installation"
        )
    if found.status == "differs":
        raise AnswersDiffer(model_id, found.because)


def verify(context: Context, model_id: str, actor: str | None) -> AnswersCheck:
    """See ``Registry.verify_answers``."""
    context.who(actor)
    return ensure(context, require(context.database, model_id), actor, again=True)


def verify_all(
    context: Context, model_name: str | None, *, missing: bool, progress: Progress | None, actor: str | None
) -> dict[str, AnswersCheck]:
    """See ``Registry.verify_all_answers``."""
    from ..artifacts import sandbox

    who = context.who(actor)
    query = ModelQuery(model_name=model_name, order_by="registered_at", descending=False, where={"artifact": "trusted"})
    rows = [row for row in models.page(context.database, query) if row["status"] != "purged"]
    if missing:
        rows = [row for row in rows if known_check(context.database, row, record(context, row)) is None]
    found: dict[str, AnswersCheck] = {}
    workers: dict[tuple[str, ...], sandbox.Worker] = {}
    with ExitStack() as stack:
        for done, row in enumerate(rows, start=1):
            extra_trusted = context.configuration().policy(row["model_name"]).trusted_globals
            if extra_trusted not in workers:
                workers[extra_trusted] = stack.enter_context(
                    sandbox.Worker(extra_trusted=extra_trusted, require_all=False)
                )
            try:
                found[row["model_id"]] = check(context, row, workers[extra_trusted], who)
            except ArtifactError as error:
                # One broken file is no reason to leave the others unasked.
                here = environment(record(context, row))
                found[row["model_id"]] = AnswersCheck("fails", str(error), here, "sandbox")
            if progress is not None:
                progress("checking predictions", done, len(rows))
    return found


def of_version(context: Context, model_id: str) -> Proof | None:
    """See ``Registry.proof``."""
    return stored.find(context.database, require(context.database, model_id)["seq"])


def check_loaded(context: Context, known: ModelMetadata, model: Any, scaler: Any) -> None:
    """Ask a model that was loaded in this process its example rows, see ``require_agreement``."""
    row = models.find(context.database, known.model_id)
    require_agreement(known, None if row is None else stored.find(context.database, row["seq"]), model, scaler)


def require_agreement(known: ModelMetadata, proof: Proof | None, model: Any, scaler: Any) -> None:
    """Ask a loaded model the example rows of a proof, where there are any.

    Raises:
        AnswersDiffer: it does not answer as it did where it was registered.
        ArtifactUnloadable: it does not answer at all.
    """
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
            f"{known.model_id} loads, but cannot predict its example rows with the installed libraries "
            f"({type(error).__name__}: {error})"
            + (f"; {words}" if words else "")
            + "; install the libraries it was registered with, or register the model again on this installation"
        ) from error
    found = agreement.compare(examples.unpack_answers(proof.answers), again)
    if not found.agrees:
        words = environments.in_words(known.libraries, environment(known))
        raise AnswersDiffer(known.model_id, f"{words}: {found.sentence}" if words else found.sentence)
