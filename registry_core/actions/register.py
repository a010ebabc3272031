"""Registering: of objects from a pipeline, and of files from outside."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO, Any

from ..artifacts import describe, formats
from ..artifacts.store import Sink, Staged
from ..catalog import deployments, events, models
from ..catalog.database import Queries, Transaction
from ..config import Policy
from ..errors import ArtifactUnloadable, InvalidInput, InvalidName, VersionTaken
from ..records import (
    METRIC_FIELDS,
    Artifact,
    Decision,
    Deployment,
    ModelMetadata,
    RegistrationPlan,
    Submission,
    utc_text,
)
from ..rules import intake, selection, versioning
from ..version import Version
from .rooms import Rooms, check_reason
from .rows import ranking, record

_CHUNK = 1 << 20


@dataclass(frozen=True)
class _Files:
    """The artifact files of one registration, staged."""

    model: Staged
    scaler: Staged | None

    def __iter__(self) -> Any:
        return iter((self.model,) if self.scaler is None else (self.model, self.scaler))


def register_object(
    rooms: Rooms, model: Any, scaler: Any, *, fields: Mapping[str, Any], actor: str | None, reason: str
) -> str:
    """See ``Registry.register_model``."""
    given = intake.submission(fields)
    who, why = rooms.who(actor), check_reason(reason)
    found = describe.describe(model, scaler)
    names = given.feature_names or tuple(found.feature_names)
    if names and found.inputs is not None and len(names) != found.inputs:
        raise InvalidInput(
            f"feature_names has {len(names)} names, but the {'scaler' if scaler is not None else 'model'} was fitted "
            f"on {found.inputs} inputs; give one name for each, in their order"
        )
    given = replace(
        given,
        feature_names=names,
        is_ensemble=found.is_ensemble if given.is_ensemble is None else given.is_ensemble,
        task=given.task or found.task,
        classes=given.classes or tuple(intake.plain(found.classes)),
        libraries=found.libraries,
    )

    def write(sink: Sink) -> None:
        formats.dump(model, sink)

    def write_scaler(sink: Sink) -> None:
        formats.dump(scaler, sink)

    return _register(rooms, given, write, None if scaler is None else write_scaler, "trusted", who, why)


def register_files(
    rooms: Rooms,
    model_file: str | os.PathLike[str] | IO[bytes],
    scaler_file: str | os.PathLike[str] | IO[bytes] | None,
    metadata: Mapping[str, Any],
    *,
    actor: str | None,
    reason: str,
) -> str:
    """See ``Registry.upload``."""
    given = intake.submission(metadata)
    who, why = rooms.who(actor), check_reason(reason)
    write_scaler = None if scaler_file is None else _copier(scaler_file, "scaler_file")
    return _register(rooms, given, _copier(model_file, "model_file"), write_scaler, "quarantined", who, why)


def preview(rooms: Rooms, metadata: Mapping[str, Any]) -> RegistrationPlan:
    """See ``Registry.preview_upload``."""
    return _plan(rooms, rooms.database, intake.submission(metadata), "quarantined", rooms.now())[0]


def _copier(source: str | os.PathLike[str] | IO[bytes], what: str) -> Callable[[Sink], None]:
    if not isinstance(source, str | os.PathLike) and not callable(getattr(source, "read", None)):
        raise InvalidInput(f"{what} is {source!r:.80}; name a file, or hand in one that is open for reading bytes")

    def copy(sink: Sink) -> None:
        if isinstance(source, str | os.PathLike):
            try:
                with open(source, "rb") as file:
                    drain(file, os.path.basename(os.fspath(source)), sink)
            except (FileNotFoundError, IsADirectoryError, PermissionError, ValueError) as error:
                raise InvalidInput(f"{os.fspath(source)} cannot be read ({error}); name a model file") from error
        else:
            drain(source, os.path.basename(str(getattr(source, "name", "the file"))), sink)

    def drain(file: IO[bytes], name: str, sink: Sink) -> None:
        head = tail = b""
        size = 0
        while chunk := file.read(_CHUNK):
            if not isinstance(chunk, bytes | bytearray | memoryview):
                raise InvalidInput(f"{name} gives text; open it for reading bytes")
            head = head or bytes(chunk[:16])
            tail = bytes(chunk[-1:])
            size += len(chunk)
            sink.write(chunk)
        formats.check_upload(head, tail, size, name)

    return copy


def _register(
    rooms: Rooms,
    given: Submission,
    write_model: Callable[[Sink], None],
    write_scaler: Callable[[Sink], None] | None,
    artifact: Artifact,
    actor: str,
    reason: str,
) -> str:
    """Stage the files, then under the write lock give them their names and add the row.

    The slow part, writing the artifact, happens before the lock is taken. A row never points at missing bytes: the
    files get their names first, and lose them again when the transaction fails.
    """
    revision, now = events.newest(rooms.database), rooms.now()
    plan, metadata = _plan(rooms, rooms.database, given, artifact, now)
    tested = plan.decision.promote
    staged: list[Staged] = []
    published: list[str] = []
    try:
        staged.append(rooms.store.stage(write_model))
        if write_scaler is not None:
            staged.append(rooms.store.stage(write_scaler))
        files = _Files(staged[0], staged[1] if len(staged) > 1 else None)
        if tested:
            _test_load(rooms, files)
        with rooms.database.transaction() as transaction:
            if events.newest(transaction) != revision:
                now = rooms.now()
                plan, metadata = _plan(rooms, transaction, given, artifact, now)
            if plan.decision.promote and not tested:
                _test_load(rooms, files)
            keys = _keys(plan.model_id)
            metadata = metadata.having(
                model_file_path=keys[0],
                scaler_file_path=keys[1] if files.scaler else None,
                model_sha256=files.model.sha256,
                model_bytes=files.model.size,
                scaler_sha256=files.scaler.sha256 if files.scaler else None,
                scaler_bytes=files.scaler.size if files.scaler else 0,
                registered_by=actor,
            )
            sidecar = f"metadata/model_{plan.model_id}.json"
            published.extend((*keys, sidecar))
            rooms.store.publish(dict(zip(keys, files, strict=False)))
            document = json.dumps(metadata.sidecar())
            rooms.store.write(sidecar, document.encode(), durably=False)
            _record(rooms, transaction, now, plan, metadata, document, actor, reason)
    except BaseException:
        # The first error is the one to report; what cannot be removed now is swept later.
        with suppress(OSError):
            for each in staged:
                rooms.store.remove(each.key)
            if published:
                _withdraw(rooms, plan.model_id, published)
        raise
    # The row holds the same document, so nobody has to wait for this while the lock is held.
    rooms.store.settle(sidecar)
    return plan.model_id


def _withdraw(rooms: Rooms, model_id: str, keys: list[str]) -> None:
    # Under the lock, and only while no row claims them: another process may have been given the same id since, or the
    # commit may have arrived although its answer did not.
    with rooms.database.transaction() as transaction:
        if models.find(transaction, model_id) is None:
            for key in keys:
                rooms.store.remove(key)


def _keys(model_id: str) -> tuple[str, str]:
    return f"models/model_{model_id}.pkl", f"models/scaler_{model_id}.pkl"


def _test_load(rooms: Rooms, files: _Files) -> None:
    for each in files:
        try:
            formats.load(rooms.store.read(each.key), "the saved file")
        except ArtifactUnloadable as error:
            raise InvalidInput(
                f"the model was saved but cannot be loaded again: {error.__cause__}; define its classes in a module "
                "that can be imported"
            ) from error


def _plan(
    rooms: Rooms, queries: Queries, given: Submission, artifact: Artifact, now: datetime
) -> tuple[RegistrationPlan, ModelMetadata]:
    """What this registration comes to in the catalog's present state."""
    twin = models.case_twin(queries, given.model_name)
    if twin is not None:
        raise InvalidName(
            f"model_name {given.model_name!r} differs from {twin!r} by capitals only; use {twin!r}, or another"
        )
    trained = given.training_timestamp or now
    stem = f"{given.model_name}_{given.model_type}_{trained.year:04}{trained:%m%d_%H%M%S}"
    if len(stem) > intake.MOST_ID:
        raise InvalidName(
            f"the id {stem[:60]}... would have {len(stem)} characters, {intake.MOST_ID} at most; "
            "shorten model_name or model_type"
        )
    ordinal = models.last_ordinal(queries, stem) + 1
    top = models.highest(queries, given.model_name)
    version, because = _version(rooms, queries, given, None if top is None else record(rooms, top))
    metadata = ModelMetadata(
        model_id=stem if ordinal == 1 else f"{stem}_{ordinal}",
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
        registered_at=utc_text(now),
        artifact=artifact,
    )
    policy = rooms.configuration(queries).policy(given.model_name)
    score, on = ranking(policy, metadata)
    metadata = metadata.having(composite_score=score.value, score_note=score.note, ranked_on=on)
    decision = _decide(policy, queries, metadata)
    return (
        RegistrationPlan(metadata.model_id, str(version), because, score.value, score.note, decision, stem, ordinal),
        metadata,
    )


def _version(rooms: Rooms, queries: Queries, given: Submission, latest: ModelMetadata | None) -> tuple[Version, str]:
    if given.version is None:
        return versioning.next_version(
            latest, given, lambda version: models.holder(queries, given.model_name, version) is not None
        )
    version = Version.parse(given.version)
    holder = models.holder(queries, given.model_name, version)
    if holder is not None:
        raise VersionTaken(
            f"{given.model_name} {version} exists already ({holder}); leave version out, or choose "
            f"one above {latest.version if latest else version}"
        )
    return version, "as said"


def _decide(policy: Policy, queries: Queries, metadata: ModelMetadata) -> Decision:
    unfit = selection.why_not_eligible(metadata.status, metadata.artifact)
    if unfit is not None:
        return Decision(False, unfit)
    current = deployments.current(queries, metadata.model_name)
    champion = (models.find(queries, current.model_id) if current else None) or {}
    decision = selection.challenge(
        metadata.composite_score,
        metadata.score_note,
        metadata.ranked_on or None,
        champion.get("model_id"),
        champion.get("score"),
        champion.get("ranked_on") or None,
        policy.selection_margin,
    )
    if decision.promote and not policy.auto_select_best:
        return Decision(False, f"{decision.because}; auto_select_best is off, so a person has to promote it")
    return decision


def _record(
    rooms: Rooms,
    transaction: Transaction,
    now: datetime,
    plan: RegistrationPlan,
    metadata: ModelMetadata,
    document: str,
    actor: str,
    reason: str,
) -> None:
    seq, _ = events.append(
        transaction,
        now=now,
        kind="registered" if metadata.artifact == "trusted" else "uploaded",
        actor=actor,
        reason=reason,
        model_name=metadata.model_name,
        model_id=metadata.model_id,
        after={
            "version": plan.version,
            "version_because": plan.version_because,
            "artifact": metadata.artifact,
            "sha256": metadata.model_sha256,
            "composite_score": plan.composite_score,
            "score_note": plan.score_note,
            "promoted": plan.decision.promote,
            "because": plan.decision.because,
        },
    )
    eligible = selection.why_not_eligible(metadata.status, metadata.artifact) is None
    models.insert(transaction, seq, metadata, document, plan.stem, plan.ordinal, eligible)
    if plan.decision.promote:
        deploy(transaction, now, "promoted", metadata.model_name, metadata.model_id, "auto", plan.decision.because)


def deploy(
    transaction: Transaction, now: datetime, kind: str, model_name: str, model_id: str, actor: str, reason: str
) -> Deployment:
    """Make a model champion: the event, the end of the old deployment and the start of the new one."""
    current = deployments.current(transaction, model_name)
    seq, at = events.append(
        transaction,
        now=now,
        kind=kind,
        actor=actor,
        reason=reason,
        model_name=model_name,
        model_id=model_id,
        before={"champion": current.model_id if current else None},
        after={"champion": model_id},
    )
    deployment = Deployment(seq, model_name, model_id, at, None, actor, reason)
    deployments.replace(transaction, deployment)
    return deployment
