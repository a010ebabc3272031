"""Registering: of objects from a pipeline; and what every registration comes to, wherever its files are from."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from ..artifacts import describe, formats
from ..catalog import events, models
from ..catalog import proofs as proof_rows
from ..catalog import training_rows as sketches
from ..catalog.database import Queries, Transaction
from ..errors import Conflict, InvalidInput, InvalidName, StorageError, VersionTaken
from ..events import EventKind
from ..evidence import Inspection
from ..file_keys import metadata_file, model_files
from ..records import (
    METRIC_FIELDS,
    Artifact,
    ModelMetadata,
    Origin,
    RegistrationPlan,
    Submission,
    utc_text,
)
from ..rules import intake, selection, sentences, versioning
from ..signature import AnswersCheck, Proof, RowsFrom, Signature
from ..version import Version
from . import answer_checks, artifact_trust, benchmarks, lineage, proofs, training_rows
from .auto_promotion import decide_at_once, measure_and_choose, steps
from .context import Context, check_reason
from .deploy import deploy
from .maintenance import cleanup
from .model_records import ranking, record
from .staging import Claimed, Staging, claim


class Moved(NamedTuple):
    """A version on its way from another registry: the id it keeps if that is free, and what its event tells of it."""

    model_id: str | None
    told: Mapping[str, Any]


def register_object(
    context: Context,
    model: Any,
    scaler: Any,
    *,
    fields: Mapping[str, Any],
    reference: Any = None,
    input_example: Any = None,
    training_data: Any = None,
    actor: str | None,
    reason: str,
) -> str:
    """See ``Registry.register_model``."""
    given = intake.submission(fields)
    comes_from = lineage.of_registration(training_data)
    who, why = context.who(actor), check_reason(reason)
    found = describe.describe(model, scaler)
    names = given.feature_names or tuple(found.feature_names)
    if names and found.inputs is not None and len(names) != found.inputs:
        raise InvalidInput(
            f"feature_names has {len(names)} names, but the {'scaler' if scaler is not None else 'model'} was fitted "
            f"on {found.inputs} features; give one name per feature, in their order"
        )
    policy = context.configuration().policy(given.model_name)
    files = [(formats.dumps(model), "the model")]
    if scaler is not None:
        files.append((formats.dumps(scaler), "the scaler"))
    judged = artifact_trust.judged(files, policy.trusted_globals)
    _check_importable(judged)
    rows = reference if input_example is None else input_example
    source: RowsFrom = "reference" if input_example is None else "input_example"
    with Staging(context.store, [data for data, _ in files]) as staging:
        asked = proofs.of_object(model, scaler, rows, source, names, given.classes, keep=policy.keep_example_rows)
        here = describe.libraries_of([*judged.modules, *(["pandas"] if hasattr(asked.rows, "iloc") else [])])
        given = replace(
            given,
            feature_names=names or names_of(asked.proof.signature),
            is_ensemble=found.is_ensemble if given.is_ensemble is None else given.is_ensemble,
            task=given.task or found.task,
            classes=given.classes or tuple(intake.plain(found.classes)),
            libraries=here,
            signature=asked.proof.signature.to_dict(),
        )
        trained_on: dict[str, Any] = {}
        if reference is not None:
            from .serve import drifting

            trained_on = drifting.reference(model, scaler, reference, names)
        check = None
        if judged.artifact == "trusted":
            asked_with = {**proofs.environment_of(here), **here}
            check = proofs.read_back(asked, (model, scaler), files, policy.trusted_globals, asked_with)
        proof = replace(asked.proof, environment=here)
        if isinstance(training_data, (str, os.PathLike)):
            training_data, of_its_rows = training_rows.of_file(training_data, proof.signature)
            comes_from["training_data"] |= of_its_rows
        trained = (
            None if training_data is None else training_rows.of_registration(context, training_data, proof.signature)
        )
        return register(
            context, given, staging, judged, "pipeline", who, why, trained_on,
            proof=proof, check=check, comes_from=comes_from, trained=trained,
        )  # fmt: skip


def _check_importable(judged: artifact_trust.Judged) -> None:
    """Refuse what only the process that registers it knows.

    Raises:
        InvalidInput: it is defined in a notebook or script.
    """
    own = [name for name in judged.document.get("unknown", ()) if name.startswith("__main__.")]
    if own:
        raise InvalidInput(
            f"the model contains {sentences.listed(own)}, which is defined in this notebook or script: no other "
            "process could load the model. Move the definition into a module that can be imported, such as "
            "my_models.py, import it from there, then train and register the model again"
        )


def names_of(signature: Signature) -> tuple[str, ...]:
    """The features by name, where the model or whoever registers it named them."""
    return () if signature.names == "none" else signature.feature_names


def register_moved(
    context: Context,
    files: Sequence[tuple[bytes, str]],
    metadata: Mapping[str, Any],
    moved: Moved,
    actor: str,
    reason: str,
) -> str:
    """Keep a version that comes from another registry. To this one its files and numbers are those of an upload.

    Raises:
        InvalidInput: a file is refused, or a field cannot be accepted.
        VersionTaken: its version exists.
    """
    given = intake.submission(metadata)
    extra_trusted = context.configuration().policy(given.model_name).trusted_globals
    judged = artifact_trust.judged(files, extra_trusted, outside=True)
    given = as_found(given, judged.document)
    with Staging(context.store, [data for data, _ in files]) as staging:
        return register(context, given, staging, judged, "upload", actor, reason, moved=moved)


def as_found(given: Submission, found: Mapping[str, Any]) -> Submission:
    """What was not said is taken from what the file says of itself."""
    return replace(
        given,
        feature_names=given.feature_names or tuple(found.get("feature_names", ())),
        libraries=given.libraries or dict(found.get("libraries", {})),
        is_ensemble=describe.is_ensemble(str(found.get("estimator")))
        if given.is_ensemble is None
        else given.is_ensemble,
    )


def preview(context: Context, metadata: Mapping[str, Any], scan: Inspection | None) -> RegistrationPlan:
    """See ``Registry.preview_upload``."""
    given = intake.submission(metadata)
    if scan is None:
        return plan_of(context, context.database, given, "upload", context.now())[0]
    found = {"feature_names": scan.feature_names, "libraries": scan.libraries, "estimator": scan.estimator}
    given = as_found(given, found)
    plan = plan_of(context, context.database, given, "upload", context.now())[0]
    policy = context.configuration().policy(given.model_name)
    benchmark = benchmarks.counting(context.database, given.model_name, policy)
    if benchmark is None:
        return plan
    # Loads numpy, which nobody waits for who only reads.
    from ..rules import matching

    features = Signature.of_names(given.feature_names, scan.inputs or 0)
    return replace(plan, why_not_evaluated=matching.why_unfit(features, benchmark, "the version"))


def register(
    context: Context,
    given: Submission,
    staging: Staging,
    judged: artifact_trust.Judged,
    origin: Origin,
    actor: str,
    reason: str,
    reference: Mapping[str, Any] | None = None,
    moved: Moved | None = None,
    *,
    proof: Proof | None = None,
    check: AnswersCheck | None = None,
    comes_from: Mapping[str, Any] | None = None,
    trained: Mapping[str, Any] | None = None,
) -> str:
    """Give the files that were looked into their names, then add the row under the write lock.

    Nothing is asked of the store while the lock is held: in a bucket each request takes its time, and everybody would
    wait for it. The names of the files reserve the id. A row never points at missing bytes: the files come first, and
    lose their names again when the transaction fails.
    """
    answer_checks.complete_champion(context, given.model_name)
    revision, now = events.newest(context.database), context.now()
    artifact = judged.artifact
    wanted = None if moved is None else moved.model_id
    plan, metadata = plan_of(context, context.database, given, origin, now, artifact, wanted, check)
    staged = staging.files()
    model, scaler = staged[0], staged[1] if len(staged) > 1 else None

    def complete(planned: ModelMetadata, model_id: str) -> ModelMetadata:
        keys = model_files(model_id)
        return planned.having(
            model_id=model_id,
            model_file_path=keys[0],
            scaler_file_path=keys[1] if scaler else None,
            model_sha256=model.sha256,
            model_bytes=model.size,
            scaler_sha256=scaler.sha256 if scaler else None,
            scaler_bytes=scaler.size if scaler else 0,
            registered_by=actor,
            inspection=judged.document,
            reference=dict(reference or {}),
            lineage=dict(comes_from or {}),
        )

    claimed = claim(context.store, plan, staged, lambda model_id: json.dumps(complete(metadata, model_id).sidecar()))
    model_id = claimed.model_id
    try:
        with context.database.transaction() as transaction:
            # Commits of other names change nothing here, but for a name that is spelt alike.
            changed = events.newest_for(transaction, given.model_name) > revision
            if changed or model_id != plan.model_id or models.case_twin(transaction, given.model_name) is not None:
                plan, metadata = plan_of(context, transaction, given, origin, now, artifact, model_id, check)
                now = context.now()
            if plan.model_id != model_id:
                raise Conflict(f"another version was registered as {model_id} in the meantime; register again")
            metadata = complete(metadata, model_id)
            document = json.dumps(metadata.sidecar())
            seq = _record(context, transaction, now, plan, metadata, document, actor, reason, moved, check)
            if trained is not None:
                sketches.insert(transaction, seq, trained)
            if proof is not None:
                proof_rows.insert(transaction, seq, proof)
            if check is not None:
                check = replace(check, at=metadata.registered_at)
                answer_checks.keep(context, transaction, seq, metadata, check)
    except BaseException:
        # The first error is the one to report; what cannot be removed now is swept later.
        with suppress(OSError):
            _withdraw(context, claimed)
        raise
    if document != claimed.document:
        _write_anew(context, model_id, document)
    if plan.decision.waits_for is not None:
        measure_and_choose(context, model_id, plan.decision.waits_for, actor)
    cleanup.after_registration(context, given.model_name, model_id)
    return model_id


def _withdraw(context: Context, claimed: Claimed) -> None:
    # The commit may have arrived although its answer did not. The lock waits for it; the files are this call's alone.
    with context.database.transaction() as transaction:
        registered = models.find(transaction, claimed.model_id) is not None
    if not registered:
        for key in claimed.keys:
            context.store.remove(key)


def _write_anew(context: Context, model_id: str, document: str) -> None:
    """Write the metadata file as the row has it, where somebody else's commit changed what was planned."""
    try:
        context.store.write(metadata_file(model_id), document.encode())
    except StorageError as error:
        # It is registered all the same: an error would make the caller register it a second time.
        warnings.warn(
            f"{model_id} is registered, but its metadata file is out of date ({error}); write it with "
            "model-registry verify --repair",
            RuntimeWarning,
            stacklevel=4,
        )


def plan_of(
    context: Context,
    queries: Queries,
    given: Submission,
    origin: Origin,
    now: datetime,
    artifact: Artifact = "trusted",
    wanted: str | None = None,
    check: AnswersCheck | None = None,
) -> tuple[RegistrationPlan, ModelMetadata]:
    """What this registration comes to in the catalog's present state.

    Args:
        wanted: the id to have if it is free.
        check: what came of asking the loaded model; None where that is not done yet, as in a preview.
    """
    twin = models.case_twin(queries, given.model_name)
    if twin is not None:
        raise InvalidName(
            f"model_name {given.model_name!r} differs from {twin!r} in upper and lower case only; use {twin!r}, or "
            "another name"
        )
    trained = given.training_timestamp or now
    stem = f"{given.model_name}_{given.model_type}_{trained.year:04}{trained:%m%d_%H%M%S}"
    if len(stem) > intake.MOST_ID:
        raise InvalidName(
            f"the id {stem[:60]}... would have {len(stem)} characters; the maximum is {intake.MOST_ID}: shorten "
            "model_name or model_type"
        )
    if wanted is not None and models.find(queries, wanted) is None:
        stem, ordinal = versioning.stem_of(wanted)
    else:
        ordinal = models.last_ordinal(queries, stem) + 1
    top = models.highest(queries, given.model_name)
    version, because = _version(context, queries, given, None if top is None else record(context, top))
    metadata = ModelMetadata(
        model_id=versioning.model_id(stem, ordinal),
        model_name=given.model_name,
        model_type=given.model_type,
        training_timestamp=utc_text(trained),
        **{name: given.metrics.get(name) for name in METRIC_FIELDS},
        metrics={name: value for name, value in given.metrics.items() if name not in METRIC_FIELDS},
        training_samples=given.training_samples,
        feature_names=list(given.feature_names),
        hyperparameters=dict(given.hyperparameters),
        is_ensemble=bool(given.is_ensemble),
        version=str(version),
        evaluation_set=given.evaluation_set,
        task=given.task,
        classes=list(given.classes),
        training_info=dict(given.training_info),
        description=given.description,
        tags=list(given.tags),
        libraries=dict(given.libraries),
        signature=dict(given.signature),
        registered_at=utc_text(now),
        artifact=artifact,
        origin=origin,
    )
    policy = context.configuration(queries).policy(given.model_name)
    score, on = ranking(policy, metadata)
    metadata = metadata.having(composite_score=score.value, score_note=score.note, ranked_on=on)
    decision = decide_at_once(context, policy, queries, metadata, check)
    return (
        RegistrationPlan(metadata.model_id, str(version), because, score.value, score.note, decision, stem, ordinal),
        metadata,
    )


def _version(
    context: Context, queries: Queries, given: Submission, latest: ModelMetadata | None
) -> tuple[Version, str]:
    if given.version is None:
        return versioning.next_version(
            latest, given, lambda version: models.holder(queries, given.model_name, version) is not None
        )
    version = Version.parse(given.version)
    holder = models.holder(queries, given.model_name, version)
    if holder is not None:
        raise VersionTaken(
            f"{given.model_name} {version} exists already ({holder}); omit version, or give one above "
            f"{latest.version if latest else version}"
        )
    return version, "as said"


def _record(
    context: Context,
    transaction: Transaction,
    now: datetime,
    plan: RegistrationPlan,
    metadata: ModelMetadata,
    document: str,
    actor: str,
    reason: str,
    moved: Moved | None,
    check: AnswersCheck | None,
) -> int:
    seq, _ = events.append(
        transaction,
        now=now,
        kind=EventKind.IMPORTED
        if moved is not None
        else EventKind.REGISTERED
        if metadata.origin == "pipeline"
        else EventKind.UPLOADED,
        actor=actor,
        reason=reason,
        model_name=metadata.model_name,
        model_id=metadata.model_id,
        after={
            **({} if moved is None else moved.told),
            "version": plan.version,
            "version_because": plan.version_because,
            "artifact": metadata.artifact,
            "sha256": metadata.model_sha256,
            "composite_score": plan.composite_score,
            "score_note": plan.score_note,
            "promoted": plan.decision.promote,
            "because": plan.decision.because,
            **({} if check is None else {"answers": {"status": check.status, "because": check.because[:500]}}),
            "steps": steps(metadata, None, plan.decision),
        },
    )
    endorsed = metadata.origin == "pipeline"
    eligible = selection.is_eligible(metadata.status, metadata.artifact, endorsed, metadata.ranked_on or "")
    models.insert(transaction, seq, metadata, document, plan.stem, plan.ordinal, eligible)
    if plan.decision.promote:
        because = plan.decision.because
        deploy(context, transaction, now, EventKind.PROMOTED, metadata.model_name, metadata.model_id, "auto", because)
    return seq
