"""Files from outside: registered, and evaluated on the labelled rows that came with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any

from ..artifacts import tables
from ..catalog import models
from ..errors import InvalidInput, StateConflict
from ..policies import Policy
from ..records import Submission
from ..rules import intake, stated
from ..rules.sentences import listed
from ..signature import Signature
from . import artifact_trust, benchmarks, configure, proofs, register
from .context import Context, check_reason
from .staging import Staging
from .trust import contents

if TYPE_CHECKING:
    import pandas as pd

    from ..tables import TableReading


@dataclass(frozen=True)
class Labelled:
    """Labelled rows that came with a model file: where they are, how they read, and which column holds the labels.

    ``target`` is None until it is clear.
    """

    data: Any
    frame: pd.DataFrame
    reading: TableReading
    target: str | None

    @property
    def features(self) -> pd.DataFrame | None:
        """The rows without their labels, as far as it is known which column that is."""
        return None if self.target is None else self.frame.drop(columns=self.target)


def register_files(
    context: Context,
    model_file: str | os.PathLike[str] | IO[bytes],
    scaler_file: str | os.PathLike[str] | IO[bytes] | None,
    metadata: Mapping[str, Any],
    *,
    input_example: Any = None,
    holdout: Any = None,
    target: str | None = None,
    lineage: Mapping[str, Any] | None = None,
    reference: Mapping[str, Any] | None = None,
    actor: str | None,
    reason: str,
) -> str:
    """See ``Registry.upload``."""
    given = intake.submission(metadata)
    comes_from = None if lineage is None else stated.lineage(lineage)
    trained_on = None if reference is None else stated.reference(reference)
    who, why = context.who(actor), check_reason(reason)
    rows = None if input_example is None else proofs.parse_rows(input_example)
    files = [contents(model_file, "model_file")]
    if scaler_file is not None:
        files.append(contents(scaler_file, "scaler_file"))
    policy = context.configuration().policy(given.model_name)
    labelled = _read(context, given, holdout, target, policy)
    from ..artifacts.sandbox.places import PLACES

    proof = check = None
    with PLACES.taken():
        judged = artifact_trust.judged(files, policy.trusted_globals, outside=True)
        given = register.as_found(given, judged.document)
        if labelled is not None:
            labelled = _targeted(labelled, given, judged.document.get("inputs"))
        if judged.artifact == "trusted":
            shown = None if labelled is None else labelled.features
            proof, check = proofs.of_files(context, given, files, rows, shown)
    if proof is not None:
        given = _as_signed(given, proof.signature)
    with Staging(context.store, [data for data, _ in files]) as staging:
        if labelled is not None:
            # What may be refused of the metadata is refused before anything is stored.
            register.plan_of(context, context.database, given, "upload", context.now(), judged.artifact, None, check)
            signature = None if proof is None else proof.signature
            _add_benchmark(context, given, signature, _targeted(labelled, given, None), policy, who, why)
        return register.register(
            context, given, staging, judged, "upload", who, why, trained_on,
            proof=proof, check=check, comes_from=comes_from,
        )  # fmt: skip


def _as_signed(given: Submission, signature: Signature) -> Submission:
    """What was not said is taken from what the model showed of itself when it was first loaded."""
    return replace(
        given,
        feature_names=given.feature_names or register.names_of(signature),
        task=given.task or signature.job,
        classes=given.classes or signature.classes,
        signature=signature.to_dict(),
    )


def _read(context: Context, given: Submission, data: Any, target: str | None, policy: Policy) -> Labelled | None:
    if data is None:
        if target is not None:
            raise InvalidInput(f"target {target!r:.80} is a column of holdout; give holdout=, or leave target out")
        return None
    active = benchmarks.counting(context.database, given.model_name, policy)
    if active is not None:
        raise StateConflict(
            f"{given.model_name} has the active benchmark {active.name}, on which every new version is evaluated: "
            "leave holdout out, or add these rows with add_benchmark()"
        )
    frame, reading = tables.read(data, None, target)
    return Labelled(data, frame, reading, target)


def _targeted(labelled: Labelled, given: Submission, inputs: int | None) -> Labelled:
    """With its target, where that is clear by now."""
    if labelled.target is not None:
        return labelled
    candidates = labelled.reading.targets(given.feature_names, inputs)
    return replace(labelled, target=candidates[0] if len(candidates) == 1 else None)


def _add_benchmark(
    context: Context,
    given: Submission,
    signature: Signature | None,
    labelled: Labelled,
    policy: Policy,
    actor: str,
    reason: str,
) -> None:
    """The rows become the benchmark of the model name; the versions of a new name are ranked by what is evaluated."""
    if labelled.target is None:
        columns = labelled.reading.targets(given.feature_names)
        what = f"one of {listed([*map(repr, columns)], 8)}" if columns else "a column that is no feature"
        raise InvalidInput(
            f"{labelled.reading.source} has no column that is clearly the labels: give target=, {what}. Nothing was "
            "stored"
        )
    if callable(getattr(labelled.data, "seek", None)):
        labelled.data.seek(0)
    new = models.highest(context.database, given.model_name) is None
    added = benchmarks.add(
        context, _name(labelled.reading.source), given.model_name, labelled.data, labelled.target, features=None,
        slices=(), thresholds={}, protected=(), task=given.task, signature=signature, actor=actor, reason=reason,
    )  # fmt: skip
    if new and policy.rank_by != "measured":
        because = f"the first version came with the benchmark {added.name}"
        configure.configure(context, given.model_name, {"rank_by": "measured"}, actor, because)


def _name(source: str) -> str:
    """The name of a benchmark by that of its file."""
    stem = PurePath(source).name.split(".")[0] if source != "DataFrame" else "holdout"
    kept = "".join(each if each.isascii() and (each.isalnum() or each in "_-") else "-" for each in stem).strip("-_")
    return kept[:100] or "holdout"
