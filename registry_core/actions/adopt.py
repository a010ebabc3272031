"""Taking over models whose files lie in a folder, and of which the catalog knows nothing."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from ..catalog import events, models
from ..catalog.database import Transaction
from ..config import Configuration
from ..errors import ArtifactAltered, ArtifactMissing, InvalidInput, RegistryError
from ..events import EventKind
from ..file_keys import model_files
from ..policies import Policy
from ..records import Artifact, ModelMetadata, Row, Submission, utc_text
from ..rules import intake, selection, versioning
from . import artifact_trust
from .context import Context
from .deploy import deploy
from .files import artifact_keys
from .maintenance.export import EXPORTED_AT
from .maintenance.indexing import told
from .model_records import eligible
from .register import plan_of

SIDECAR = re.compile(r"model_([A-Za-z0-9][A-Za-z0-9._-]{0,229})\.json", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,229}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FILE = re.compile(r"model_([A-Za-z0-9][A-Za-z0-9._-]{0,229})\.pkl", re.ASCII)
_REASON = "found in the folder when it was opened"
#: What an exported index says of a version that has to outlive its catalog: nobody chooses again who was turned down.
_OUTLIVES = {"rejected": "rejected", "archived": "archived", "disqualified": "disqualified", "purged": "purged"}
#: The trash itself is lost with the catalog, so that nothing would ever purge it or take it back.
_OUTLIVES["trashed"] = "archived"


@dataclass(frozen=True)
class Found:
    """A model in the folder: what is written of it, its files with digest and size, and what a look into them gave.

    ``sidecar`` is None where only the index of the folder knows the model. ``state`` is what that index says of it.
    """

    model_id: str
    document: Mapping[str, Any]
    given: Submission
    sidecar: bytes | None
    files: tuple[tuple[str, int], ...]
    verdict: Artifact
    inspected: Mapping[str, Any]
    state: Mapping[str, Any]


def look(
    context: Context,
    configuration: Configuration,
    entries: Mapping[str, Mapping[str, Any]],
    left_out: dict[str, str],
    known: Collection[str] = (),
) -> list[Found]:
    """Every model whose metadata lies in the folder or stands in its index, the oldest first.

    No file is written, moved or changed.

    Args:
        entries: what the folder's ``model_index.json`` holds.
        left_out: told which file cannot be used, and why.
        known: ids that are not looked at.
    """
    written: dict[str, bytes | None] = {}
    for name in context.store.names("metadata"):
        if (match := SIDECAR.fullmatch(name)) and match[1] not in known:
            try:
                written[match[1]] = context.store.read(f"metadata/{name}")
            except RegistryError as error:
                left_out[name] = str(error)[:300]
    named = _by_file(context, entries)
    for model_id in named.keys() - written.keys() - {*known}:
        if f"model_{model_id}.json" not in left_out:
            written[model_id] = None
    found = []
    for model_id, sidecar in sorted(written.items()):
        name = "model_index.json: " + model_id if sidecar is None else f"model_{model_id}.json"
        try:
            if ".." in model_id or not _ID.fullmatch(model_id):
                raise ValueError("its name leads elsewhere")
            state = named.get(model_id, {})
            document = _described(state) if sidecar is None else json.loads(sidecar)
            if not isinstance(document, dict):
                raise ValueError(f"it holds {type(document).__name__}, not an object")
            found.append(_found(context, configuration, model_id, document, sidecar, state))
        except (ValueError, TypeError, RecursionError, RegistryError) as error:
            left_out[name] = str(error)[:300]
    return sorted(found, key=_age)


def _by_file(context: Context, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The index's entries by what their files are called: in the folder that is what a model goes by."""
    there = set(context.store.names("models"))
    found = {}
    for key, entry in entries.items():
        path = str(entry.get("model_file_path") or "").replace("\\", "/")
        match = _FILE.fullmatch(posixpath.basename(path))
        named = match is not None and f"model_{key}.pkl" not in there and match[0] in there
        found[match[1] if match is not None and named else key] = entry
    return found


def _described(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of the index as a metadata file would have it."""
    return {key: value for key, value in entry.items() if key != EXPORTED_AT}


def _age(found: Found) -> tuple[str, str]:
    when = found.document.get("registered_at") or found.document.get("training_timestamp")
    return str(when or ""), found.model_id


def _found(
    context: Context,
    configuration: Configuration,
    model_id: str,
    document: dict[str, Any],
    sidecar: bytes | None,
    state: Mapping[str, Any],
) -> Found:
    given = intake.submission({key: value for key, value in document.items() if key in intake.ACCEPTED})
    files, verdict, inspected = _look(context, model_id, document, configuration.policy(given.model_name))
    return Found(model_id, document, given, sidecar, tuple(files), verdict, inspected, state)


def index(context: Context, transaction: Transaction, found: Collection[Found], left_out: dict[str, str]) -> list[str]:
    """Add what was found to the catalog; the ids of what was added.

    A file that is refused, missing or not the one its metadata names is indexed as quarantined, for good: it is seen,
    and never loaded. Metadata that cannot be read is left out, and an event says why.
    """
    added = []
    for each in found:
        try:
            _index(context, transaction, each)
            added.append(each.model_id)
        except (RegistryError, TypeError) as error:
            left_out[f"model_{each.model_id}.json"] = str(error)[:300]
    if left_out:
        _tell(context, transaction, None, None, {"left_out": told(left_out)})
    return added


def take_states(context: Context, transaction: Transaction, found: Collection[Found]) -> None:
    """Put those into production that were active in the folder, and keep out who was turned down there."""
    active: dict[str, str] = {}
    for each in found:
        row = models.find(transaction, each.model_id)
        if row is None:
            continue
        status = _OUTLIVES.get(str(each.state.get("status")))
        if status is not None:
            because = str(each.state.get("status_reason") or "")
            changes: Row = {"status": status, "status_reason": because[:2000]}
            models.update(transaction, each.model_id, **changes, eligible=eligible(row, **changes))
        if each.state.get("pinned") is True:
            models.update(transaction, each.model_id, pinned=1)
        # A metadata file of ours says nothing of states; one that does is asked first.
        was_active = each.document.get("is_active", each.state.get("is_active")) is True
        if was_active and status is None and row["artifact"] == "trusted":
            active[row["model_name"]] = each.model_id
    for model_name, model_id in active.items():
        because = "it was active in the folder"
        deploy(context, transaction, context.now(), EventKind.PROMOTED, model_name, model_id, context.actor, because)


def _index(context: Context, transaction: Transaction, found: Found) -> None:
    plan, metadata = plan_of(context, transaction, found.given, "pipeline", context.now(), found.verdict)
    model, scaler = found.files[0], found.files[1] if len(found.files) > 1 else None
    keys = model_files(found.model_id)
    metadata = metadata.having(
        model_id=found.model_id,
        model_file_path=keys[0],
        scaler_file_path=keys[1] if scaler else None,
        model_sha256=model[0],
        model_bytes=model[1],
        scaler_sha256=scaler[0] if scaler else None,
        scaler_bytes=scaler[1] if scaler else 0,
        registered_by=context.actor,
        inspection=dict(found.inspected),
        extra={key: value for key, value in found.document.items() if key not in intake.ACCEPTED},
    )
    metadata, document = _as_registered(found, metadata)
    digest = None if found.sidecar is None else sha256(found.sidecar).hexdigest()
    seq = _tell(
        context, transaction, metadata.model_name, found.model_id,
        {
            "version": plan.version, "artifact": found.verdict, "sha256": metadata.model_sha256,
            "sidecar_sha256": digest,
        },
    )  # fmt: skip
    endorsed = metadata.origin == "pipeline"
    chosen = selection.is_eligible(metadata.status, found.verdict, endorsed, metadata.ranked_on or "")
    models.insert(transaction, seq, metadata, document, *versioning.stem_of(found.model_id), chosen)


def _as_registered(found: Found, metadata: ModelMetadata) -> tuple[ModelMetadata, str]:
    """The record and its document: those of its registration, where the sidecar file is one of ours and fits."""
    said, seen = found.document, found.inspected
    noted = said.get("inspection")
    if found.sidecar is not None and isinstance(noted, dict) and noted.get("verdict") in ("trusted", "quarantined"):
        agree = seen["verdict"] != "refused" and {*noted.get("unknown", ())} == {*seen.get("unknown", ())}
        known = {
            name: said[name]
            for name in ("registered_at", "registered_by", "origin", "reference", "signature", "lineage")
            if name in said
        }
        ours = metadata.having(**known, inspection=noted)
        if agree and _is_time(ours.registered_at) and ours.origin in ("pipeline", "upload"):
            # Equal in every field, so that the catalog's document is the sidecar file, byte by byte.
            with suppress(UnicodeDecodeError):
                if json.loads(json.dumps(ours.sidecar())) == said and isinstance(ours.registered_by, str):
                    return ours, found.sidecar.decode()
    return metadata, json.dumps(metadata.sidecar())


def _is_time(text: Any) -> bool:
    try:
        return isinstance(text, str) and utc_text(intake.moment(text)) == text
    except InvalidInput:
        return False


def _look(
    context: Context, model_id: str, document: dict[str, Any], policy: Policy
) -> tuple[list[tuple[str, int]], Artifact, dict[str, Any]]:
    """Digest and size of each file, the model's first; the verdict, and what was found."""
    files: list[tuple[str, int]] = []
    inspected: dict[str, Any] = {}
    scaler = context.store.exists(model_files(model_id)[1])
    keys = artifact_keys({"model_id": model_id}, "", "" if scaler else None)
    for (key, _), part in zip(keys, ("model", "scaler"), strict=False):
        said = document.get(f"{part}_sha256")
        try:
            data = _content(context, key, said, document.get(f"{part}_bytes"))
        except ArtifactMissing as error:
            # What it was is worth knowing: it may be found again.
            files.append((said if isinstance(said, str) and _DIGEST.fullmatch(said) else "", 0))
            inspected = {"verdict": "refused", "format": "unknown", "because": str(error)}
            continue
        digest = sha256(data).hexdigest()
        files.append((digest, len(data)))
        looked = artifact_trust.look(data, key, policy.trusted_globals)
        found = asdict(looked)
        # Those somebody trusted by now belong to them: that word may be taken back.
        found["unknown"] = (*looked.unknown, *(name for name in looked.names if name in policy.trusted_globals))
        if said not in (None, "", digest):
            found.update(verdict="refused", because=f"{key} is not the file its metadata names: the sha256 differs")
        unknown = tuple(dict.fromkeys((*inspected.get("unknown", ()), *found["unknown"])))
        if not inspected or _worse(found["verdict"], inspected["verdict"]):
            inspected = {key: value for key, value in {**inspected, **found}.items() if key != "names"}
        inspected["unknown"] = unknown
    return files, "trusted" if inspected["verdict"] == "trusted" else "quarantined", inspected


def _content(context: Context, key: str, digest: Any, size: Any) -> bytes:
    """A file as it was registered, where its metadata says what that was; else as it lies there."""
    if isinstance(digest, str) and isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        with suppress(ArtifactAltered):
            return context.store.content(key, digest, size)
    return context.store.read(key)


def _worse(one: str, other: str) -> bool:
    order = ("trusted", "quarantined", "refused")
    return order.index(one) > order.index(other)


def _tell(
    context: Context, transaction: Transaction, model_name: str | None, model_id: str | None, after: dict[str, Any]
) -> int:
    seq, _ = events.append(
        transaction,
        now=context.now(),
        kind=EventKind.ADOPTED,
        actor=context.actor,
        reason=_REASON,
        model_name=model_name,
        model_id=model_id,
        after=after,
    )
    return seq
