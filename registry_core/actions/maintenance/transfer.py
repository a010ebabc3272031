"""Versions as a file: out of one registry, and into another as claims that it judges for itself."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import IO, Any

from ...artifacts import bundle
from ...catalog import deployments, events, evidence, models
from ...catalog.database import Queries
from ...errors import ArtifactError, InvalidInput, ModelNotFound, RegistryError, StateConflict, VersionTaken
from ...maintenance import BackupReport, ImportReport, Progress
from ...records import ModelQuery, utc_text
from ...rules import intake
from ...version import RELEASE
from .. import files, promotion
from ..context import NOT_CHECKED, Context, check_reason
from ..model_records import record, require
from ..register import Moved, register_moved
from .imported_versions import Arrived

KIND, VERSION = "model-registry export", 1
_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{intake.MOST_ID - 1}}}", re.ASCII)
_MOST_DOCUMENT = 32_000_000
_FILES = (("model.pkl", "model_sha256", "model_bytes"), ("scaler.pkl", "scaler_sha256", "scaler_bytes"))


def export_models(
    context: Context,
    path: str | os.PathLike[str],
    model_ids: str | Collection[str] | None,
    model_name: str | None,
    progress: Progress | None,
) -> BackupReport:
    """See ``Registry``."""
    now = context.now()
    with context.database.snapshot() as queries:
        wanted, last_event = _chosen(queries, model_ids, model_name), events.newest(queries)
        served: dict[str, list[str]] = {}
        for name in models.names(queries):
            for each in deployments.listed(queries, name):
                served.setdefault(each.model_id, []).append(each.started_at)
        documents = [_document(context, queries, model_id, served.get(model_id, [])) for model_id in wanted]
    left_out: dict[str, str] = {}
    files = 0
    with bundle.writing(path, now) as out:
        manifest = {"format": KIND, "format_version": VERSION, "release": RELEASE, "at": utc_text(now)}
        out.add(bundle.MANIFEST, json.dumps({**manifest, "last_event": last_event, "models": wanted}).encode())
        for done, (model_id, document) in enumerate(zip(wanted, documents, strict=True), start=1):
            try:
                contents = _contents(context, model_id, document)
            except (ArtifactError, StateConflict) as error:
                # What was named has to come along; of many, the rest is worth having.
                if model_ids is not None:
                    raise
                left_out[model_id] = str(error)
                continue
            for name, data in contents.items():
                out.add(f"models/{model_id}/{name}", data)
            out.add(f"models/{model_id}/model.json", json.dumps(document).encode())
            files += len(contents) + 1
            if progress is not None:
                progress("versions", done, len(wanted))
    target = bundle.local(path, "path")
    return BackupReport(
        str(target), utc_text(now), last_event, len(wanted) - len(left_out), 0, files, target.stat().st_size, left_out
    )


def _chosen(queries: Queries, model_ids: str | Collection[str] | None, model_name: str | None) -> list[str]:
    """The ids to export, oldest first, so that versions arrive in the order they were made."""
    if model_ids is not None:
        named = [model_ids] if isinstance(model_ids, str) else list(model_ids)
        rows = [require(queries, model_id) for model_id in dict.fromkeys(named)]
        for row in rows:
            if model_name not in (None, row["model_name"]):
                raise InvalidInput(f"{row['model_id']} is a version of {row['model_name']}, not of {model_name}")
        if not rows:
            raise InvalidInput("model_ids is empty; omit it to export all versions")
        return [row["model_id"] for row in sorted(rows, key=lambda row: int(row["seq"]))]
    query = ModelQuery(model_name=model_name, order_by="registered_at", descending=False)
    found = [str(row[0]) for row in models.summaries(queries, query)]
    if not found:
        raise ModelNotFound(
            "there is no version to export"
            if model_name is None
            else f"no model has the name {model_name!r:.160}; model_names() lists all"
        )
    return found


def _document(context: Context, queries: Queries, model_id: str, served: list[str]) -> dict[str, Any]:
    row = require(queries, model_id)
    known = record(context, row)
    return {
        "document": json.loads(row["metadata"]),
        "states": {
            "status": known.status,
            "status_reason": known.status_reason,
            "artifact": known.artifact,
            "composite_score": known.composite_score,
            "champion": known.is_active,
            "champion_since": served,
            "override_note": known.override_note,
            "pinned": known.pinned,
        },
        "measured": known.measured,
        "measured_on": known.measured_on,
        "reviews": [asdict(each) for each in evidence.reviews(queries, model_id)],
    }


def _contents(context: Context, model_id: str, document: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a version as they were registered."""
    if document["states"]["status"] == "purged":
        raise StateConflict(f"{model_id} cannot be exported: its files were purged")
    known, found = document["document"], {}
    keys = files.artifact_keys({"model_id": model_id}, known["model_sha256"], known.get("scaler_sha256"))
    for (key, digest), (name, _, size) in zip(keys, _FILES, strict=False):
        found[name] = context.store.content(key, digest, known.get(size) or None)
    return found


def import_models(
    context: Context,
    source: str | os.PathLike[str] | IO[bytes],
    promote_champions: bool,
    actor: str | None,
    reason: str,
    progress: Progress | None,
) -> ImportReport:
    """See ``Registry``."""
    who, why = context.who(actor), check_reason(reason)
    arrived = Arrived(context)
    imported: dict[str, str] = {}
    skipped: dict[str, str] = {}
    champions: dict[str, str] = {}
    notes: list[str] = []
    with bundle.reading(source, KIND, VERSION, progress) as found:
        wanted = _listed(found)
        for done, model_id in enumerate(wanted, start=1):
            try:
                document = _read(found, model_id)
                there = _why_not(context, found, model_id, arrived)
                if there is not None:
                    skipped[model_id] = there
                    continue
                imported[model_id] = _bring_in(context, found, model_id, document, who, why, notes)
                if document["states"].get("champion") is True:
                    champions[str(document["document"].get("model_name"))] = imported[model_id]
            except InvalidInput as error:
                skipped[model_id] = str(error)
            if progress is not None:
                progress("versions", done, len(wanted))
    if not promote_champions:
        notes += [f"{each} was champion in the export; promote it to make it champion" for each in champions.values()]
        champions = {}
    promoted = {name: each for name, each in champions.items() if promote(context, each, who, why, notes)}
    return ImportReport(imported, skipped, promoted, tuple(notes))


def promote(context: Context, model_id: str, actor: str, reason: str, notes: list[str]) -> bool:
    """Make champion who was it elsewhere, if every check here agrees; else note why not."""
    try:
        promotion.promote(context, model_id, actor, reason or "champion in the export", NOT_CHECKED, False)
    except RegistryError as error:
        notes.append(f"{model_id} was champion in the export and was not promoted: {error}")
        return False
    return True


def _listed(found: bundle.Reader) -> list[str]:
    """The ids in a file, after its members were held against them."""
    model_ids = found.manifest.get("models")
    if not isinstance(model_ids, list) or not all(
        isinstance(each, str) and _ID.fullmatch(each) and ".." not in each for each in model_ids
    ):
        raise InvalidInput(f"{found.name} does not list its versions; export them again")
    allowed = {f"models/{each}/{name}" for each in model_ids for name in ("model.json", *(file for file, *_ in _FILES))}
    for name in found.names():
        if name not in allowed:
            raise InvalidInput(
                f"{found.name} contains {name!r:.200}, which does not belong to a version; export the versions again"
            )
    # A damaged version was left out when the file was written.
    return [each for each in dict.fromkeys(model_ids) if found.has(f"models/{each}/model.json")]


def _read(found: bundle.Reader, model_id: str) -> dict[str, Any]:
    member = f"models/{model_id}/model.json"
    if found.size(member) > _MOST_DOCUMENT:
        raise InvalidInput(f"its {member} has {found.size(member):,} bytes; at most {_MOST_DOCUMENT:,} are supported")
    try:
        document = json.loads(found.read(member))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"its {member} is not JSON ({error})") from error
    if not isinstance(document, dict) or not all(
        isinstance(document.get(key), dict) for key in ("document", "states", "measured")
    ):
        raise InvalidInput(f"its {member} does not describe a version")
    if not found.has(f"models/{model_id}/model.pkl"):
        raise InvalidInput("its model file is not in the export")
    return document


def _why_not(context: Context, found: bundle.Reader, model_id: str, arrived: Arrived) -> str | None:
    """Why a version need not come in: it is here."""
    before = arrived.find(model_id, found.digest(f"models/{model_id}/model.pkl"))
    if before is not None:
        return f"imported before as {before}"
    row = models.find(context.database, model_id)
    if row is None or row["status"] == "purged":
        return None
    here = json.loads(row["metadata"])
    for name, field, _ in _FILES:
        member = f"models/{model_id}/{name}"
        if here.get(field) != (found.digest(member) if found.has(member) else None):
            return None
    return "it exists already, with the same bytes"


def _bring_in(
    context: Context,
    found: bundle.Reader,
    model_id: str,
    document: dict[str, Any],
    actor: str,
    reason: str,
    notes: list[str],
) -> str:
    known, states = document["document"], document["states"]
    fields = {key: value for key, value in known.items() if key in intake.ACCEPTED}
    told = {
        "model_id": model_id,
        **{key: known.get(key) for key in ("registered_at", "registered_by")},
        **{key: states.get(key) for key in ("status", "champion_since", "composite_score")},
        **{key: document.get(key) for key in ("measured", "measured_on", "reviews")},
        "further": {key: value for key, value in known.items() if key not in intake.ACCEPTED},
    }
    told = {key: value for key, value in told.items() if value not in (None, "", [], {})}
    info = fields.get("training_info")
    fields["training_info"] = {**(info if isinstance(info, dict) else {}), "imported_from": told}
    members = [f"models/{model_id}/{name}" for name, *_ in _FILES]
    for each in members:
        if found.has(each) and found.size(each) > intake.MOST_FILE:
            raise InvalidInput(f"its {each} has more than {intake.MOST_FILE:,} bytes, the maximum")
    files = [(found.read(each), each.rpartition("/")[2]) for each in members if found.has(each)]
    moved = Moved(model_id, {"source": os.path.basename(found.name), "source_id": model_id})
    try:
        new = register_moved(context, files, fields, moved, actor, reason)
    except VersionTaken:
        # Here that number means another version.
        new = register_moved(context, files, {**fields, "version": None}, moved, actor, reason)
        version = record(context, require(context.database, new)).version
        notes.append(f"{model_id}: version {known.get('version')} is taken; imported as {version}")
    if known.get("reference"):
        # Live inputs would be counted against what a file says.
        notes.append(f"the training reference of {model_id} is not imported; feature drift is not detected for it")
    if new != model_id:
        notes.append(f"{model_id} is the id of another version here: imported as {new}")
    return new
