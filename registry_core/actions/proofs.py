"""Proofs of answers: a model answers example rows where it is registered, and again wherever it is to be used."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..artifacts import describe, formats
from ..errors import ArtifactError, InvalidInput, SandboxFailure, SandboxIncomplete
from ..records import ModelMetadata, Submission
from ..rules import environments
from ..signature import AnswersCheck, ExampleAnswers, Proof, RowsFrom
from .context import Context

if TYPE_CHECKING:
    import pandas as pd

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
        raise InvalidInput(f"model_obj cannot predict: {error}") from error
    except InvalidInput:
        raise
    # Any library may raise anything at rows it does not know.
    except Exception as error:
        raise InvalidInput(
            f"the model cannot predict the rows of {source} ({type(error).__name__}: {str(error)[:300]}); give rows "
            "as they arrive in production, before scaling"
        ) from error
    if rows is None or answers is None:
        return Asked(Proof(signature, "none", because=because), None, None)
    fitted = examples.fitting(rows)
    if not keep or fitted is None:
        said = "the setting keep_example_rows is off" if not keep else "a single row is too large to be stored"
        return Asked(Proof(signature, "none", because=said), rows, answers)
    kept, document = fitted
    if kept is not rows:
        rows, answers = kept, ask(kept)
    proof = Proof(
        signature,
        source if found == "input_example" else found,
        int(rows.shape[0]),
        document,
        examples.pack_answers(answers),
    )
    return Asked(proof, rows, answers)


def read_back(
    asked: Asked,
    original: tuple[Any, Any],
    files: Sequence[tuple[bytes, str]],
    extra_trusted: Collection[str],
    here: Mapping[str, str],
) -> AnswersCheck:
    """Load the bytes that are stored, and hold their answers against those of the object they were made of.

    Raises:
        InvalidInput: they do not load, or the model does not answer as it did: it would be another one.
    """
    from ..artifacts import asking
    from ..rules import agreement

    try:
        loaded = [formats.load(data, "the saved file", extra_trusted=extra_trusted) for data, _ in files]
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
            f"the model does not predict after it was saved and loaded ({type(error).__name__}: {error}); pickling "
            "loses a part of the model: check its __getstate__ and __reduce__"
        ) from error
    if found.agrees:
        return AnswersCheck("agrees", found.sentence, here, "registration", found.rows)
    again = ask(*original)
    if not again.agrees:
        raise InvalidInput(
            f"the model returns different predictions for the same rows ({again.sentence}), so they "
            "cannot be checked later; fix its random_state"
        )
    raise InvalidInput(
        f"the model's predictions change after it was saved and loaded: {found.sentence}; pickling loses a part of it: "
        "check its __getstate__ and __reduce__"
    )


def of_files(
    context: Context,
    given: Submission,
    files: Sequence[tuple[bytes, str]],
    rows: Mapping[str, Any] | None,
    labelled: pd.DataFrame | None = None,
) -> tuple[Proof | None, AnswersCheck | None]:
    """Load files from outside for the first time, in the sandbox; None where it does not start here.

    ``rows`` is the document of example rows that came with them, ``labelled`` the features of labelled rows that did.
    """
    from ..artifacts import sandbox

    policy = context.configuration().policy(given.model_name)
    here = environment_of(given.libraries)
    or_made = rows is None
    if rows is None:
        rows = (
            of_benchmark(context, given.model_name, given.feature_names)
            if labelled is None
            else _of_table(labelled, given.feature_names or tuple(labelled.columns))
        )
    try:
        with sandbox.Worker(extra_trusted=policy.trusted_globals, require_all=False) as worker:
            worker.start()
            proof, found = in_sandbox(
                worker, [data for data, _ in files], None, rows=rows, or_made=or_made, names=given.feature_names,
                classes=given.classes, registered=given.libraries, here=here, keep=policy.keep_example_rows,
            )  # fmt: skip
    except (SandboxFailure, SandboxIncomplete):
        # It is asked again before it may go live, and the gate says then what is missing here.
        return None, None
    return named_after(proof, rows, or_made), found


def named_after(proof: Proof | None, rows: Mapping[str, Any] | None, from_benchmark: bool) -> Proof | None:
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
        because = f"its predictions for the same rows differ after each load: {steady.sentence}"
        return None, AnswersCheck("fails", because, here, "sandbox", count, steady.differing)
    if earlier is not None and earlier.answers is not None:
        return None, _held(examples.unpack_answers(earlier.answers), found.answers, registered, here)
    if earlier is not None and environments.differing(earlier.environment, here):
        words = environments.in_words(earlier.environment, here)
        because = f"it predicts; no example rows of its registration are stored to compare with ({words})"
        return None, AnswersCheck("unchecked", because, here, "sandbox", count)
    source: RowsFrom = found.rows_from
    proof = Proof(found.signature, "none", because="the setting keep_example_rows is off", environment=here)
    if keep:
        proof = Proof(found.signature, source, count, found.rows, examples.pack_answers(found.answers), here)
    because = f"{count} example rows give the same predictions after each load"
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
    return environment_of(known.libraries)


def environment_of(libraries: Mapping[str, str]) -> dict[str, str]:
    # A producer that a file names, such as "onnx producer", is no library.
    recorded = [name for name in libraries if name != "python" and " " not in name]
    return describe.versions([*recorded, *(name for name in _USUAL if name not in recorded)])


def parse_rows(rows: Any) -> dict[str, Any]:
    """The document of example rows that were handed in for a file from outside: rows, or the path of a table.

    Raises:
        InvalidInput: they are no rows, or a single one is too large.
    """
    from ..artifacts import examples

    if isinstance(rows, (str, os.PathLike)):
        from ..artifacts import tables

        rows = tables.read(rows)[0]
    fitted = examples.fitting(examples.sample(examples.table(rows)))
    if fitted is None:
        raise InvalidInput(f"a row of input_example has more than {examples.MOST_FOR_ONE:,} characters; remove it")
    return json.loads(json.dumps(fitted[1]))  # pyrefly: ignore[no-any-return-explicit]


def of_benchmark(context: Context, model_name: str, feature_names: Sequence[str]) -> dict[str, Any] | None:
    """Rows of the benchmark that counts for a model name, where it has all that the version takes."""
    from . import benchmarks

    policy = context.configuration().policy(model_name)
    chosen = benchmarks.counting(context.database, model_name, policy)
    if chosen is None:
        return None
    names = feature_names or chosen.features
    if not {*names} <= {*chosen.features}:
        return None
    try:
        return _of_table(benchmarks.read(context, chosen), names)
    # A benchmark that cannot be read is a finding of verify; rows can be made without it.
    except (ArtifactError, ImportError):
        return None


def _of_table(table: pd.DataFrame, names: Sequence[str]) -> dict[str, Any] | None:
    """Example rows of a table, where it has the columns and they can be kept."""
    from ..artifacts import examples

    if not {*names} <= {*table.columns}:
        return None
    try:
        fitted = examples.fitting(examples.sample(table[list(names)].reset_index(drop=True)))
    except InvalidInput:
        return None
    return None if fitted is None else fitted[1]
