"""Methods of maintenance: retention, disk usage, integrity, recovery, backup, import."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import IO

from ..actions import read
from ..actions.maintenance import backup, cleanup, compress, export, mlflow, rebuild, space, transfer, trash, verify
from ..actions.readiness import Probe
from ..artifacts import bundle
from ..errors import InvalidInput, ModelNotFound
from ..maintenance import (
    BackupReport,
    CleanupPlan,
    CleanupResult,
    CompressResult,
    ImportReport,
    IndexExport,
    Progress,
    Readiness,
    RebuildReport,
    SpaceReport,
    Trashed,
    VerifyReport,
)
from .verbs import Verbs


class MaintenanceVerbs(Verbs):
    """Maintain a registry.

    ``progress`` is a callback (step, done, total); ``total`` is 0 while it is unknown.
    """

    def _known(self, model_name: str | None) -> str | None:
        if model_name is not None and not isinstance(model_name, str):
            raise InvalidInput(f"model_name is {model_name!r:.80}; give a text; model_names() lists them")
        if model_name is not None and model_name not in read.names(self._context):
            raise ModelNotFound(f"no model has the name {model_name!r:.160}; model_names() lists all")
        return model_name

    def plan_cleanup(self, model_name: str | None = None) -> CleanupPlan:
        """What the retention policy would do with every version (of a model name), and why. Changes nothing.

        Protected are champions, rollback targets, models in a running experiment, and pinned versions.

        Raises:
            ModelNotFound: no model has that name.
        """
        return cleanup.plan(self._context, self._known(model_name))

    def cleanup(
        self,
        plan: CleanupPlan | None = None,
        *,
        only: Collection[str] | None = None,
        actor: str | None = None,
        reason: str = "",
        progress: Progress | None = None,
    ) -> CleanupResult:
        """Execute a cleanup plan: trash versions, purge those past their purge date, delete orphaned files.

        Each version is checked again; one that is protected by then is skipped. A trashed version keeps its files until
        its purge date, and ``restore`` restores it.

        Args:
            plan: a plan of ``plan_cleanup``. Default: a new one.
            only: ids of versions, and keys of orphaned files, to act on. Default: all of the plan.

        Raises:
            InvalidInput: ``plan`` is not a plan.
        """
        if plan is not None and not isinstance(plan, CleanupPlan):
            raise InvalidInput(f"plan is {plan!r:.80}; give a plan of plan_cleanup(), or omit it")
        chosen = None if only is None else {*(_texts(only, "only") or ())}
        return cleanup.carry_out(self._context, plan, chosen, actor, reason, backup.teller(progress))

    def pin(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Protect a version from cleanup.

        Raises:
            StateConflict: the version is pinned already, in the trash, or purged.
        """
        trash.pin(self._context, model_id, actor, reason)

    def unpin(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Remove the protection of ``pin``.

        Raises:
            StateConflict: the version is not pinned.
        """
        trash.unpin(self._context, model_id, actor, reason)

    def delete(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Move a version to the trash. ``restore`` restores it until its purge date.

        Raises:
            StateConflict: the version is protected (champion, rollback target, pinned, in an experiment), or in the
                trash already.
        """
        trash.delete(self._context, model_id, actor, reason)

    def purge(self, model_id: str, *, actor: str | None = None, reason: str = "") -> int:
        """Delete the files of a trashed version permanently. Its row, metrics and history are kept.

        Returns:
            the number of bytes freed.

        Raises:
            StateConflict: the version is not in the trash.
        """
        return trash.purge(self._context, model_id, actor, reason)

    def trash(self, model_name: str | None = None) -> list[Trashed]:
        """The versions in the trash (of a model name), by purge date."""
        return trash.listed(self._context, self._known(model_name))

    def compress(
        self,
        older_than_days: float | None = None,
        *,
        model_name: str | None = None,
        actor: str | None = None,
        reason: str = "",
        progress: Progress | None = None,
    ) -> CompressResult:
        """Compress the files of old versions, and store identical files once. Loading and hashes are unaffected.

        Champions and rollback targets are skipped: they must load quickly.

        Args:
            older_than_days: minimum age since registration. Default: ``retention.compress_after_days``.
        """
        return compress.compress(
            self._context, older_than_days, self._known(model_name), actor, reason, backup.teller(progress)
        )

    def compressible(self, older_than_days: float | None = None, *, model_name: str | None = None) -> list[str]:
        """Ids of the versions whose files ``compress`` would check, with the same arguments.

        Example:
            ``registry.compressible(90, model_name="Churn")``
        """
        return compress.compressible(self._context, older_than_days, self._known(model_name))

    def readiness(self, seconds: float = 2.0) -> Readiness:
        """Whether the engines behind the registry answer: catalog, live traffic, store. Remembered for a second.

        ``GET /readyz`` of ``serve`` and ``dashboard`` asks it.

        Args:
            seconds: how long to wait for their answers.
        """
        return self._context.part(Probe).readiness(seconds)

    def space(self) -> SpaceReport:
        """Disk usage by model name and kind, in bytes."""
        return space.report(self._context)

    def export_index(self, path: str | os.PathLike[str] | None = None) -> IndexExport:
        """Write the exported index into the registry's folder, or into ``path``.

        It consists of ``model_index.json`` (every version with its present state) and ``model_history.json`` (the rest
        of the catalog). A lost catalog is rebuilt from it.

        Raises:
            StorageError: the files cannot be written.
        """
        if path is not None:
            bundle.local(path, "path")
        return export.export_index(self._context, path)

    def rebuild_index(
        self, *, actor: str | None = None, reason: str = "", progress: Progress | None = None
    ) -> RebuildReport:
        """Rebuild the catalog from the metadata files, with states and history, while others read.

        States and history come from the present catalog. A registry that lost its catalog is rebuilt when its folder is
        opened, from the metadata files and the exported index.
        """
        return rebuild.rebuild(self._context, actor, reason, backup.teller(progress))

    def optimize(self) -> None:
        """Update the database's statistics and free unused space. Quick, and safe at any time."""
        self._context.database.optimize()
        self._context.telemetry.optimize()

    def verify(
        self,
        *,
        repair: bool = False,
        answers: bool = False,
        actor: str | None = None,
        progress: Progress | None = None,
    ) -> VerifyReport:
        """Verify the integrity of the registry.

        Verified are files and their SHA-256, the audit log, deployments (one champion per name), and statistics against
        their raw rows where these still exist. Files are hashed by two threads, or where ``joblib.parallel_config``
        says.

        Args:
            repair: apply the repairs that lose nothing. Each other finding names its repair.
            answers: also check the predictions of every trusted version in the sandbox, some ten milliseconds each; a
                version without example rows gets them.
        """
        self._flush_serving()
        told = backup.teller(progress)
        return verify.verify(self._context, _yes(repair, "repair"), _yes(answers, "answers"), actor, told)

    def backup(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> BackupReport:
        """Write the whole registry into one file (tar) while it is in use; catalog and files are consistent.

        ``Registry.from_backup`` restores it, into a folder or a database. Missing or damaged files are skipped and
        listed; ``verify`` names their repair.

        Raises:
            StorageError: the file exists, or cannot be written. Nothing is left behind.
        """
        self._flush_serving()
        return backup.backup(self._context, path, backup.teller(progress))

    def export_models(
        self,
        path: str | os.PathLike[str],
        model_ids: str | Collection[str] | None = None,
        *,
        model_name: str | None = None,
        progress: Progress | None = None,
    ) -> BackupReport:
        """Write versions with their files, metrics and states into one file (tar): given ids, a model name, or all.

        Raises:
            ModelNotFound: there is no such version.
            StateConflict: a named version is purged. Without names, purged versions are skipped and listed.
            ArtifactError: files of a named version are missing or altered.
            StorageError: the file exists, or cannot be written.
        """
        return transfer.export_models(
            self._context, path, _texts(model_ids, "model_ids"), self._known(model_name), backup.teller(progress)
        )

    def import_models(
        self,
        source: str | os.PathLike[str] | IO[bytes],
        *,
        promote_champions: bool = False,
        actor: str | None = None,
        reason: str = "",
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import the versions of a file written by ``export_models``. Every file is scanned like an upload.

        Ids and versions are kept where they are free. A version that exists with the same bytes is skipped, and so is
        one whose file is refused. States, reviews and evaluations are imported as information, in
        ``training_info["imported_from"]``; they have no effect here.

        Args:
            source: a path, or a seekable binary file.
            promote_champions: promote the champions of the export, if all gates here pass.

        Raises:
            InvalidInput: the file is not an export, is from a newer release, truncated or altered. Nothing is imported.
        """
        return transfer.import_models(
            self._context, source, _yes(promote_champions, "promote_champions"), actor, reason, backup.teller(progress)
        )

    def import_mlflow(
        self,
        database: str | os.PathLike[str],
        artifacts: str | os.PathLike[str] | None = None,
        *,
        model_names: Collection[str] | None = None,
        actor: str | None = None,
        reason: str = "",
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import an MLflow registry: versions, metrics and parameters of runs, files, and the alias ``champion``.

        MLflow need not be installed. Every file is scanned like an upload and not executed.

        Args:
            database: MLflow's SQLite file (``mlflow.db``), or its URL (``sqlite:///mlflow.db``).
            artifacts: folder of its artifacts, if they were moved.
            model_names: registered models to import. Default: all.

        Raises:
            InvalidInput: the database is not one of MLflow.
        """
        return mlflow.import_mlflow(
            self._context,
            database,
            artifacts,
            _texts(model_names, "model_names"),
            actor,
            reason,
            backup.teller(progress),
        )


def _texts(given: str | Collection[str] | None, what: str) -> list[str] | None:
    if given is None:
        return None
    found = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(each, str) for each in found):
        raise InvalidInput(f"{what} is {given!r:.80}; give a text, or a list of texts")
    return found


def _yes(given: bool, what: str) -> bool:
    if not isinstance(given, bool):
        raise InvalidInput(f"{what} is {given!r:.80}; give True or False")
    return given
