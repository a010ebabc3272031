"""Taking over a folder that has models and metadata, and no catalog."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from ..artifacts import inspection
from ..catalog import events, models
from ..catalog.database import Transaction
from ..errors import ArtifactMissing, RegistryError
from ..records import Artifact, ModelMetadata
from ..rules import intake, selection
from .decide import artifact_keys
from .deploy import deploy
from .register import plan_of
from .rooms import Rooms

_SIDECAR = re.compile(r"model_([A-Za-z0-9][A-Za-z0-9._-]{0,229})\.json", re.ASCII)
_NUMBERED = re.compile(r"(.*_\d{8}_\d{6})_(\d+)")
_REASON = "found in the folder when it was opened"


def adopt(rooms: Rooms) -> None:
    """Index every model whose metadata lies in the folder. No file is written, moved or changed.

    A file that is refused, missing or not the one its metadata names is indexed as quarantined, for good: it is seen,
    and never loaded. Metadata that cannot be read is left out, and the event says why.
    """
    found = [(match[1], name) for name in rooms.store.names("metadata") if (match := _SIDECAR.fullmatch(name))]
    if not found:
        return
    documents: dict[str, dict[str, Any]] = {}
    left_out: dict[str, str] = {}
    for model_id, name in found:
        try:
            if ".." in model_id:
                raise ValueError("its name leads elsewhere")
            document = json.loads(rooms.store.read(f"metadata/{name}"))
            if not isinstance(document, dict):
                raise ValueError(f"it holds {type(document).__name__}, not an object")
            documents[model_id] = document
        except (ValueError, RecursionError, RegistryError) as error:
            left_out[name] = str(error)[:300]
    with rooms.database.transaction() as transaction:
        if models.names(transaction):
            return
        active: dict[str, str] = {}
        for model_id, document in sorted(documents.items(), key=lambda each: _age(*each)):
            try:
                metadata = _index(rooms, transaction, model_id, document)
            except (RegistryError, TypeError) as error:
                left_out[f"model_{model_id}.json"] = str(error)[:300]
                continue
            if document.get("is_active") is True and metadata.artifact == "trusted":
                active[metadata.model_name] = model_id
        for model_name, model_id in active.items():
            because = "it was active in the folder"
            deploy(rooms, transaction, rooms.now(), "promoted", model_name, model_id, rooms.actor, because)
        if left_out:
            _tell(rooms, transaction, None, None, {"left_out": left_out})


def _age(model_id: str, document: dict[str, Any]) -> tuple[str, str]:
    return str(document.get("training_timestamp") or ""), model_id


def _index(rooms: Rooms, transaction: Transaction, model_id: str, document: dict[str, Any]) -> ModelMetadata:
    known = {key: value for key, value in document.items() if key in intake.ACCEPTED}
    given = intake.submission(known)
    now = rooms.now()
    files, verdict, inspected = _look(
        rooms, model_id, document, rooms.configuration(transaction).policy(given.model_name)
    )
    plan, metadata = plan_of(rooms, transaction, given, "pipeline", now, verdict)
    match = _NUMBERED.fullmatch(model_id)
    stem, ordinal = (match[1], int(match[2])) if match else (model_id, 1)
    metadata = metadata.having(
        model_id=model_id,
        model_file_path=f"models/model_{model_id}.pkl",
        scaler_file_path=f"models/scaler_{model_id}.pkl" if len(files) > 1 else None,
        model_sha256=files[0][0],
        model_bytes=files[0][1],
        scaler_sha256=files[1][0] if len(files) > 1 else None,
        scaler_bytes=files[1][1] if len(files) > 1 else 0,
        registered_by=rooms.actor,
        inspection=inspected,
        extra={key: value for key, value in document.items() if key not in intake.ACCEPTED},
    )
    seq = _tell(
        rooms, transaction, metadata.model_name, model_id,
        {"version": plan.version, "artifact": verdict, "sha256": metadata.model_sha256},
    )  # fmt: skip
    eligible = selection.is_eligible(metadata.status, verdict, True, metadata.ranked_on or "")
    models.insert(transaction, seq, metadata, json.dumps(metadata.sidecar()), stem, ordinal, eligible)
    return metadata


def _look(
    rooms: Rooms, model_id: str, document: dict[str, Any], policy: Any
) -> tuple[list[tuple[str, int]], Artifact, dict[str, Any]]:
    """Digest and size of each file, the model's first; the verdict, and what was found."""
    files: list[tuple[str, int]] = []
    inspected: dict[str, Any] = {}
    scaler = rooms.store.exists(f"models/scaler_{model_id}.pkl")
    keys = artifact_keys({"model_id": model_id}, "", "" if scaler else None)
    for (key, _), field in zip(keys, ("model_sha256", "scaler_sha256"), strict=False):
        try:
            data = rooms.store.read(key)
        except ArtifactMissing as error:
            files.append(("", 0))
            inspected = {"verdict": "refused", "format": "unknown", "because": str(error)}
            continue
        digest = sha256(data).hexdigest()
        files.append((digest, len(data)))
        found = asdict(inspection.inspect(data, key, also=policy.trusted_globals))
        if document.get(field) not in (None, "", digest):
            found.update(verdict="refused", because=f"{key} is not the file its metadata names: the sha256 differs")
        if not inspected or _worse(found["verdict"], inspected["verdict"]):
            unknown = (*inspected.get("unknown", ()), *found["unknown"])
            inspected = {
                key: value for key, value in {**inspected, **found, "unknown": unknown}.items() if key != "names"
            }
    return files, "trusted" if inspected["verdict"] == "trusted" else "quarantined", inspected


def _worse(one: str, other: str) -> bool:
    order = ("trusted", "quarantined", "refused")
    return order.index(one) > order.index(other)


def _tell(
    rooms: Rooms, transaction: Transaction, model_name: str | None, model_id: str | None, after: dict[str, Any]
) -> int:
    seq, _ = events.append(
        transaction,
        now=rooms.now(),
        kind="adopted",
        actor=rooms.actor,
        reason=_REASON,
        model_name=model_name,
        model_id=model_id,
        after=after,
    )
    return seq
