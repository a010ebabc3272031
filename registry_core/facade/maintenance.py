"""Verbs that keep the registry small, sound and safe."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import IO

from ..actions import read
from ..actions.maintenance import backup, cleanup, compress, export, mlflow, rebuild, space, transfer, trash, verify
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
    RebuildReport,
    SpaceReport,
    Trashed,
    VerifyReport,
)
from .verbs import Verbs


class MaintenanceVerbs(Verbs):
    """Keep the registry small, sound and safe. ``progress`` is told how long work goes on."""

    def _known(self, model_name: str | None) -> str | None:
        if model_name is not None and not isinstance(model_name, str):
            raise InvalidInput(f"model_name is {model_name!r:.80}; give it as text; model_names() lists all")
        if model_name is not None and model_name not in read.names(self._context):
            raise ModelNotFound(f"no model carries the name {model_name!r:.160}; model_names() lists all")
        return model_name

    def plan_cleanup(self, model_name: str | None = None) -> CleanupPlan:
        """What the retention policy would do with every version (of a model name), and why. Changes nothing.

        Never reached are a champion, who a rollback would return to, who takes part in a running experiment, and what
        is pinned.
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
        """Carry out a plan: put versions into the trash, purge those whose time in it is over, sweep unclaimed files.

        Each version is looked at again; one that has become untouchable since is left alone. What is in the trash
        keeps its files until its purge date, and ``restore`` takes it back.

        Args:
            plan: of ``plan_cleanup``; made anew when left out.
            only: the ids (and keys of unclaimed files) of the plan to act on; all when left out.
        """
        if plan is not None and not isinstance(plan, CleanupPlan):
            raise InvalidInput(f"plan is {plan!r:.80}; give one of plan_cleanup(), or leave it out")
        chosen = None if only is None else {*(_texts(only, "only") or ())}
        return cleanup.carry_out(self._context, plan, chosen, actor, reason, backup.teller(progress))

    def pin(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Keep a version out of every cleanup.

        Raises:
            StateConflict: it is pinned already, in the trash, or purged.
        """
        trash.pin(self._context, model_id, actor, reason)

    def unpin(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Let cleanups reach a version again."""
        trash.unpin(self._context, model_id, actor, reason)

    def delete(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Put a version into the trash. Its files stay until the purge date; ``restore`` takes it back.

        Raises:
            StateConflict: it is untouchable (champion, who a rollback would return to, pinned, in an experiment), or in
                the trash already.
        """
        trash.delete(self._context, model_id, actor, reason)

    def purge(self, model_id: str, *, actor: str | None = None, reason: str = "") -> int:
        """Delete the files of a version in the trash now, for good; the bytes freed. Its row, metrics and history stay.

        Raises:
            StateConflict: it is not in the trash.
        """
        return trash.purge(self._context, model_id, actor, reason)

    def trash(self, model_name: str | None = None) -> list[Trashed]:
        """What is in the trash (of a model name), the next to be purged first."""
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
        """Compress the files of old versions, and store identical files once. Loads and hashes stay as they were.

        A champion, and who a rollback would return to, are left as they are: they are loaded in a hurry.

        Args:
            older_than_days: since registration; ``retention.compress_after_days`` when left out.
        """
        return compress.compress(
            self._context, older_than_days, self._known(model_name), actor, reason, backup.teller(progress)
        )

    def space(self) -> SpaceReport:
        """What takes the space, by model name and kind."""
        return space.report(self._context)

    def export_index(self, path: str | os.PathLike[str] | None = None) -> IndexExport:
        """Write ``model_index.json`` (every version with its present state) and ``model_history.json`` (all the rest of
        the catalog) into the registry's folder, or into another one. ``rebuild_index`` needs them when the catalog is
        lost.
        """
        if path is not None:
            bundle.local(path, "path")
        return export.export_index(self._context, path)

    def rebuild_index(
        self, *, actor: str | None = None, reason: str = "", progress: Progress | None = None
    ) -> RebuildReport:
        """Build the catalog anew from the sidecar files, states and history included, while others read.

        States and history come from the catalog itself. A catalog that was lost is rebuilt when its folder is opened:
        from the sidecar files and the exported index.
        """
        return rebuild.rebuild(self._context, actor, reason, backup.teller(progress))

    def optimize(self) -> None:
        """Let the database collect statistics and give back unused space; quick, and safe at any time."""
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
        """Check that everything is there and true: every row has its bytes with the right hash, all bytes have a row,
        the record of events is whole, one champion a name, statistics equal their raw rows where these still exist.

        Args:
            repair: mend what can be mended without losing anything. Each finding says what mends it otherwise.
            answers: also load every trusted version in the sandbox and ask it its example rows again, some ten
                milliseconds each; a version without any gets them.
        """
        self._flush_serving()
        told = backup.teller(progress)
        return verify.verify(self._context, _yes(repair, "repair"), _yes(answers, "answers"), actor, told)

    def backup(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> BackupReport:
        """Write the whole registry into one file (tar), while others go on; catalog and files fit each other.

        ``Registry.from_backup`` makes a registry of it, in a folder or in a database. Files that are missing or damaged
        are left out and told of; ``verify`` says how to mend them.

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
        """Write versions with their files, metrics and states into one file (tar): one, a model name's, or all.

        Raises:
            ModelNotFound: there is no such version.
            StateConflict: a version that was named has no files any more. Of many, such are left out and told of.
            ArtifactError: the files of a version that was named are missing or altered.
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
        """Bring in the versions of a file that ``export_models`` wrote. Every file is inspected like an upload.

        Ids and versions are kept where they are free. A version that is here already, with the same bytes, is skipped;
        so is one whose file is refused. States, reviews and what was measured there come along as information, in
        ``training_info["imported_from"]``: here they count for nothing.

        Args:
            source: a path, or an open binary file that can be searched in.
            promote_champions: who was champion there becomes champion here, if every gate here agrees.

        Raises:
            InvalidInput: the file is no export, comes from a newer release, was cut off or altered. Nothing came in.
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
        """Bring in an MLflow registry: versions, run metrics and parameters, artifacts, and the alias ``champion``.

        MLflow is not needed. Every file is inspected like an upload, and none is run.

        Args:
            database: MLflow's SQLite file (``mlflow.db``), or its address (``sqlite:///mlflow.db``).
            artifacts: where its artifacts are, when they were moved since MLflow wrote them.
            model_names: the registered models to bring in; all when left out.
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
        raise InvalidInput(f"{what} is {given!r:.80}; a text, or a list of them, is needed")
    return found


def _yes(given: bool, what: str) -> bool:
    if not isinstance(given, bool):
        raise InvalidInput(f"{what} is {given!r:.80}; True or False is needed")
    return given
