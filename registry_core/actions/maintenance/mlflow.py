"""Versions out of an MLflow registry, without MLflow.

MLflow numbers versions 1, 2, 3, whatever changed. Here a version says what changed, so the registry chooses it, and
MLflow's number stays as the tag ``mlflow:v3`` and in ``training_info["mlflow"]``.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...artifacts import bundle, mlmodel
from ...catalog import mlflow as theirs
from ...catalog.mlflow import MlflowVersion
from ...errors import InvalidInput
from ...maintenance import ImportReport, Progress
from ...records import utc_text
from ...rules import intake
from ...rules import mlflow as rules
from .. import artifact_trust, promotion
from ..context import Context, check_reason
from ..register import Moved, register_moved
from .imported_versions import Arrived
from .transfer import promote

_CHAMPIONS, _CHALLENGERS = ("champion",), ("challenger",)
#: What data a metric can have been measured on is said so.
_MEASURED_ON = ("eval", "evaluation", "test", "testing", "validation", "holdout")
_MOST_TAG = 64
_UNREAD = "its record in MLflow cannot be read"


def import_mlflow(
    context: Context,
    database: str | os.PathLike[str],
    artifacts: str | os.PathLike[str] | None,
    model_names: Collection[str] | None,
    actor: str | None,
    reason: str,
    progress: Progress | None,
) -> ImportReport:
    """See ``Registry``."""
    who, why = context.who(actor), check_reason(reason)
    path = _path(database)
    names = [model_names] if isinstance(model_names, str) else model_names
    place = None if artifacts is None else bundle.local(artifacts, "artifacts")
    found, unread = theirs.versions(path, names)
    moving = _Moving(context, path, place, who, why)
    moving.skipped |= unread
    for done, version in enumerate(found, start=1):
        moving.bring_in(version)
        if progress is not None:
            progress("versions", done, len(found))
    moving.settle(found)
    return ImportReport(moving.imported, moving.skipped, moving.champions, tuple(moving.notes))


def _path(database: str | os.PathLike[str]) -> Path:
    if not isinstance(database, (str, os.PathLike)):
        raise InvalidInput(f"database is {database!r:.80}; name MLflow's SQLite file")
    address = os.fspath(database)
    scheme, sign, rest = address.partition("://")
    if sign and not scheme.startswith("sqlite"):
        raise InvalidInput(f"MLflow registries are read from SQLite, not from {scheme!r:.40}; name its SQLite file")
    # Three slashes begin a relative path, four an absolute one.
    return bundle.local(rest.partition("?")[0][1:] if sign else address, "database")


class _Moving:
    """One import: what came in, what did not, and why."""

    def __init__(self, context: Context, database: Path, artifacts: Path | None, actor: str, reason: str) -> None:
        self._context, self._database, self._artifacts = context, database, artifacts
        self._actor, self._reason = actor, reason
        self._arrived = Arrived(context)
        self._names: dict[str, str] = {}
        self.imported: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        self.champions: dict[str, str] = {}
        self.notes: list[str] = []

    def bring_in(self, version: MlflowVersion) -> None:
        """Register a version, or say why not."""
        source = version.source
        try:
            self._check(version)
            with theirs.stated(_UNREAD):
                model = mlmodel.read(mlmodel.find(version.places, self._database, self._artifacts))
            source_id, digest = f"mlflow:{source}", sha256(model.data).hexdigest()
            before = self._arrived.find(source_id, digest)
            if before is not None:
                self.skipped[source] = f"imported before as {before}"
                return
            with theirs.stated(_UNREAD):
                fields = self._fields(version, model)
            moved = Moved(None, {"source": self._database.name, "source_id": source_id})
            files = [(model.data, f"{model.file} of {source}")]
            self.imported[source] = register_moved(self._context, files, fields, moved, self._actor, self._reason)
        except InvalidInput as error:
            self.skipped[source] = str(error)

    def settle(self, found: list[MlflowVersion]) -> None:
        """Give what came in the places it had: the champion's, and the archive."""
        for version in found:
            model_id = self.imported.get(version.source)
            if model_id is None:
                continue
            if version.stage == "Archived":
                promotion.change_status(self._context, "archive", model_id, self._actor, "archived in MLflow")
            if {*version.aliases} & {*_CHALLENGERS} or version.stage == "Staging":
                self.notes.append(
                    f"{model_id} was challenger in MLflow; start an experiment with it once there is traffic"
                )
        for version in _leading(found):
            model_id = self.imported.get(version.source)
            if model_id is not None and promote(self._context, model_id, self._actor, self._reason, self.notes):
                self.champions[self._names[version.name]] = model_id

    def _check(self, version: MlflowVersion) -> None:
        if version.status != "READY":
            raise InvalidInput(f"its status in MLflow is {version.status}; finish or delete it there")
        if version.workspace not in (None, "", "default"):
            raise InvalidInput(
                f"it is in the workspace {version.workspace!r:.80}; only the default workspace is imported"
            )
        if version.name not in self._names:
            name = rules.model_name(version.name)
            twin = next((each for each, ours in self._names.items() if ours == name), None)
            if twin is not None:
                raise InvalidInput(f"{version.name!r:.160} and {twin!r:.160} would both be called {name}; rename one")
            self._names[version.name] = intake.check_name(name, "the registered model's name")
            if name != version.name:
                self.notes.append(f"{version.name!r:.160} is imported as {name}, which can be part of a path")

    def _fields(self, version: MlflowVersion, model: mlmodel.MlflowModel) -> dict[str, Any]:
        source, run = version.source, version.run
        metrics, left_out = rules.metrics(version.metrics)
        self.notes += [f"{source}: the metric {name!r:.80} is omitted: {why}" for name, why in left_out.items()]
        looked = artifact_trust.look(model.data, model.file)
        trained = version.logged.get("creation_timestamp_ms") or run.get("end_time") or version.created
        told = {
            "name": version.name,
            "version": version.number,
            "run_id": version.run_id,
            "run_name": run.get("name"),
            "user": run.get("user_id"),
            "stage": None if version.stage == "None" else version.stage,
            "aliases": version.aliases,
            "tags": version.tags,
            "run_tags": {key: value for key, value in version.run_tags.items() if not key.startswith("mlflow.")},
            "datasets": [{"name": each.name, "digest": each.digest, "context": each.context, "rows": each.rows}
                         for each in version.datasets],
            "created_at": _moment(version.created),
            "flavour": model.flavour,
            "mlflow_version": model.mlflow_version,
        }  # fmt: skip
        words = [f"mlflow:v{version.number}", *(f"alias:{each}" for each in version.aliases)]
        return {
            "model_name": self._names[version.name],
            "model_type": rules.model_name((looked.estimator or model.flavour).rpartition(".")[2]) or model.flavour,
            "performance_metrics": metrics,
            "training_info": {"mlflow": {key: value for key, value in told.items() if value not in (None, "", [], {})}},
            "training_timestamp": _moment(int(trained)),
            "training_samples": next((each.rows for each in version.datasets if each.context == "training"), None),
            "evaluation_set": _evaluation_set(version),
            "feature_names": rules.input_names(model.signature),
            "hyperparameters": {name: rules.parameter(text) for name, text in version.params.items()},
            "libraries": {**looked.libraries, **model.libraries},
            "description": version.description[: intake.MOST_TEXT],
            "tags": [each[:_MOST_TAG] for each in words][: intake.MOST_TAGS],
        }


def _leading(found: list[MlflowVersion]) -> list[MlflowVersion]:
    """Who was champion of each name: by its alias, else the newest in the stage Production."""
    leading: Mapping[str, MlflowVersion] = {each.name: each for each in found if each.stage == "Production"}
    aliased = {each.name: each for each in found if {*each.aliases} & {*_CHAMPIONS}}
    return list({**leading, **aliased}.values())


def _evaluation_set(version: MlflowVersion) -> str | None:
    used = [each for each in version.datasets if each.context.lower() in _MEASURED_ON]
    return f"{used[0].name[:100]} {used[0].digest[:40]}" if len(used) == 1 else None


def _moment(milliseconds: int) -> str:
    try:
        return utc_text(datetime.fromtimestamp(milliseconds / 1000, UTC))
    except (OverflowError, ValueError, OSError) as error:
        raise InvalidInput(f"its time is {milliseconds} ms, which is outside the years 1 to 9999") from error
