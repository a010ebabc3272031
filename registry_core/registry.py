"""The facade: each verb is a docstring and one call into the actions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import IO, Any, Self

from .actions import configure, decide, read, register, rooms
from .actions.load import Loader
from .actions.rooms import NOT_CHECKED
from .config import Configuration, Policy
from .records import Comparison, Deployment, Event, ModelMetadata, ModelNameSummary, ModelQuery, RegistrationPlan, Score


class Registry:
    """A registry of trained models in a folder, or of a team in a database with artifacts in a bucket.

    Args:
        location: a folder, made when missing, or ``postgresql://...``.
        artifacts: with a database address, the folder or bucket address of the artifacts.
        clock: returns the present as an aware datetime; replays and tests live in their own time.
        actor: who acts when a call does not say; the operating system's user by default.

    All methods may be called from several threads, and several processes may open one location.

    Raises:
        InvalidConfiguration: registry_config.json holds a key or value that is not allowed.
        StorageError: the folder cannot be written, or the database is out of reach.
    """

    def __init__(
        self,
        location: str | os.PathLike[str] = "model_registry",
        *,
        artifacts: str | os.PathLike[str] | None = None,
        clock: Callable[[], datetime] | None = None,
        actor: str | None = None,
    ) -> None:
        self._rooms = rooms.open_rooms(location, artifacts, clock, actor)
        try:
            configure.settle(self._rooms)
        except BaseException:
            self.close()
            raise
        self._loader = Loader(self._rooms)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Registry({self.location!r})"

    def close(self) -> None:
        """Give back the catalog's connections."""
        self._rooms.database.close()

    @property
    def location(self) -> str:
        """The folder or database address, without any password."""
        return self._rooms.location

    @property
    def actor(self) -> str:
        """Who acts when a call does not say."""
        return self._rooms.actor

    # registering

    def register_model(
        self,
        model_obj: Any,
        scaler_obj: Any = None,
        *,
        model_name: str,
        model_type: str,
        performance_metrics: Mapping[str, Any] | None = None,
        training_info: Mapping[str, Any] | None = None,
        feature_names: Sequence[str] | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        version: str | None = None,
        evaluation_set: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> str:
        """Keep a trained model; if it beats the champion and ``auto_select_best`` is on, it becomes champion.

        Args:
            model_obj: a fitted estimator, kept with joblib.
            scaler_obj: what scales its inputs, if anything does.
            model_name: the family, such as ``GreyhoundPredictor``.
            model_type: such as ``RandomForest``.
            performance_metrics: any metrics by name; ``accuracy``, ``auc``, ``f1_score``, ``precision`` and ``recall``
                have fields of their own. One left out stays unknown, and is never counted as 0.
            training_info: ``training_timestamp`` (ISO 8601 or datetime, now by default), ``training_samples``,
                ``data_quality_score``, ``is_ensemble`` (recognised from the estimator when not said), ``task``, and
                whatever else is worth keeping.
            feature_names: names of the inputs in their order; taken from the estimator when it knows them.
            hyperparameters: what it was trained with.
            version: MAJOR.MINOR.PATCH; chosen when left out (see ``docs/concepts.md``).
            evaluation_set: what the metrics were measured on; models measured on different sets are not ranked
                against each other.
            description: free text.
            tags: short words to filter by.

        Returns:
            the model id.

        Raises:
            InvalidInput: a name, metric, version or field that cannot be accepted.
            VersionTaken: that version exists.
            StorageError: the disk is full or may not be written. Nothing is left behind in either case.
        """
        return register.register_object(
            self._rooms,
            model_obj,
            scaler_obj,
            fields={
                "model_name": model_name,
                "model_type": model_type,
                "performance_metrics": performance_metrics,
                "training_info": training_info,
                "feature_names": feature_names,
                "hyperparameters": hyperparameters,
                "version": version,
                "evaluation_set": evaluation_set,
                "description": description,
                "tags": tags,
            },
            actor=actor,
            reason=reason,
        )

    def upload(
        self,
        model_file: str | os.PathLike[str] | IO[bytes],
        scaler_file: str | os.PathLike[str] | IO[bytes] | None = None,
        *,
        metadata: Mapping[str, Any],
        actor: str | None = None,
        reason: str = "",
    ) -> str:
        """Keep a model file from outside: stored, hashed and quarantined; it is never unpickled and never eligible.

        Args:
            model_file: a path or an open binary file in joblib or pickle format.
            scaler_file: the same, for the scaler.
            metadata: the arguments of ``register_model`` by name, or a sidecar file's content.

        Raises:
            InvalidInput: the file is empty, cut off or no model file, or a field cannot be accepted.
        """
        return register.register_files(self._rooms, model_file, scaler_file, metadata, actor=actor, reason=reason)

    def preview_upload(self, metadata: Mapping[str, Any]) -> RegistrationPlan:
        """What ``upload`` with this metadata would do: id, version, score. Changes nothing; raises what it would."""
        return register.preview(self._rooms, metadata)

    # reading

    def get_best_model_id(self, model_name: str | None = None) -> str | None:
        """The eligible model with the highest composite score, of one evaluation set; None when there is none.

        Models count that were measured on the champion's evaluation set (without a champion: on the newest eligible
        model's). Ties keep the older. The name may be left out while the registry holds only one.

        Raises:
            InvalidInput: no name was given and the registry holds several.
        """
        return read.best_model_id(self._rooms, model_name)

    def get_active_model_id(self, model_name: str | None = None) -> str | None:
        """The champion's id, or None. The name may be left out while the registry holds only one."""
        return self._loader.champion_id(model_name)

    def get_metadata(self, model_id: str) -> ModelMetadata:
        """All that is known of one model.

        Raises:
            ModelNotFound: no model has that id.
        """
        return read.metadata(self._rooms, model_id)

    def get_model_comparison(
        self,
        limit: int | None = 10,
        model_name: str | None = None,
        *,
        order_by: str = "composite_score",
        descending: bool = True,
        offset: int = 0,
        where: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """The leaderboard, best first, as plain dicts.

        Each has the seed's keys (model_id, model_name, model_type, accuracy, auc, f1_score, composite_score, is_active,
        training_date) and version, precision, recall, data_quality_score, metrics, evaluation_set, comparable (to the
        champion), status, artifact, eligible, is_best, is_ensemble, score_note, training_samples, registered_at,
        registered_by, description, tags. See ``ModelQuery`` for ``order_by`` and ``where``.
        """
        return read.comparison_rows(
            self._rooms, ModelQuery(model_name, order_by, descending, limit, offset, where or {})
        )

    def list_models(
        self,
        model_name: str | None = None,
        *,
        order_by: str = "composite_score",
        descending: bool = True,
        limit: int | None = None,
        offset: int = 0,
        where: Mapping[str, Any] | None = None,
    ) -> list[ModelMetadata]:
        """The same models as whole records. See ``ModelQuery`` for ``order_by`` and ``where``."""
        return read.models(self._rooms, ModelQuery(model_name, order_by, descending, limit, offset, where or {}))

    def count_models(self, model_name: str | None = None, *, where: Mapping[str, Any] | None = None) -> int:
        """How many models a query without limit would give."""
        return read.count(self._rooms, ModelQuery(model_name, where=where or {}))

    def model_names(self) -> list[str]:
        """All model names, in order."""
        return read.names(self._rooms)

    def metric_names(self, model_name: str | None = None) -> list[str]:
        """All metrics that any model (of that name) reports, the seed's first."""
        return read.metric_names(self._rooms, model_name)

    def lower_is_better(self, metric: str, model_name: str | None = None) -> bool:
        """Whether less of a metric is better: an error, a loss, or what the policy of the model name declares."""
        return read.lower_is_better(self._rooms, metric, model_name)

    def model_types(self, model_name: str | None = None) -> list[str]:
        """All model types, in order."""
        return read.distinct(self._rooms, "model_type", model_name)

    def evaluation_sets(self, model_name: str | None = None) -> list[str]:
        """All evaluation sets named at registration, in order."""
        return read.distinct(self._rooms, "evaluation_set", model_name)

    def summaries(self) -> list[ModelNameSummary]:
        """Each model name at a glance."""
        return read.summaries(self._rooms)

    def explain_score(self, model_id: str) -> Score:
        """The composite score taken apart, weight by weight, under the policy that holds now."""
        return read.explain_score(self._rooms, model_id)

    def compare(self, model_ids: Sequence[str]) -> Comparison:
        """Two or more models side by side: every metric, and what of their inputs and hyperparameters differs."""
        return read.compare(self._rooms, model_ids)

    def deployments(self, model_name: str | None = None) -> list[Deployment]:
        """Who was champion from when to when, newest first."""
        return read.deployments(self._rooms, model_name)

    def champion_at(self, model_name: str, when: datetime | str) -> str | None:
        """The id of the model that was champion at a moment (naive times are UTC), or None."""
        return read.champion_at(self._rooms, model_name, when)

    def rollback_target(self, model_name: str) -> str | None:
        """The model a rollback would put back: the latest earlier champion that is still eligible; or None."""
        return read.rollback_target(self._rooms, model_name)

    def events(
        self,
        model_name: str | None = None,
        since: datetime | str | None = None,
        limit: int | None = 100,
        *,
        model_id: str | None = None,
        kinds: Sequence[str] | None = None,
        actor: str | None = None,
        offset: int = 0,
    ) -> list[Event]:
        """What happened, newest first. ``actor`` here filters by who did it."""
        return read.events(self._rooms, model_name, since, limit, model_id, kinds, actor, offset)

    def count_events(
        self,
        model_name: str | None = None,
        *,
        model_id: str | None = None,
        kinds: Sequence[str] | None = None,
        actor: str | None = None,
    ) -> int:
        """How many events ``events`` would give without a limit."""
        return read.count_events(self._rooms, model_name, model_id, kinds, actor)

    def verify_events(self) -> int | None:
        """Recompute the chain of hashes; the id of the first event that does not fit, or None when all do."""
        return read.verify_events(self._rooms)

    def revision(self) -> int:
        """The id of the newest event: it grows with every change of state, so it is what a cache may hang on."""
        return read.revision(self._rooms)

    def read_artifact(self, model_id: str, which: str = "model") -> bytes:
        """The bytes of ``model`` or ``scaler``, their sha256 checked; for download, also of quarantined files."""
        return read.artifact_bytes(self._rooms, model_id, which)

    # loading

    def load_model(self, model_id: str) -> tuple[Any, Any, ModelMetadata]:
        """One model, its scaler (or None) and its metadata; answered from memory when it was loaded before.

        The objects are shared between callers: predict with them, do not change them.

        Raises:
            ModelNotFound: no model has that id.
            ArtifactQuarantined, ArtifactMissing, ArtifactAltered, ArtifactUnloadable: see each.
        """
        return self._loader.load(model_id)

    def load_best_model(self, model_name: str | None = None) -> tuple[Any, Any, ModelMetadata]:
        """The model of ``get_best_model_id``, loaded.

        Raises:
            NoModelAvailable: a ValueError; nothing eligible has a score.
        """
        return self._loader.load_best(model_name)

    def load_active_model(self, model_name: str | None = None) -> tuple[Any, Any, ModelMetadata]:
        """The champion, loaded. A promotion made by another process is seen by the very next call.

        Raises:
            NoModelAvailable: a ValueError; there is no champion.
        """
        return self._loader.load_active(model_name)

    # deciding

    def promote(
        self,
        model_id: str,
        *,
        actor: str | None = None,
        reason: str = "",
        expected_champion: str | None = NOT_CHECKED,
    ) -> Deployment:
        """Put a model into production. Its bytes are verified and test-loaded before the champion changes.

        Args:
            expected_champion: the champion the caller saw (None: saw no champion); left out, it is not checked.

        Raises:
            ChampionChanged: the champion is another one by now; nothing changed.
            NotEligible: the model is rejected, archived, disqualified or quarantined.
            StateConflict: it is the champion already.
            ArtifactError: its bytes are missing, altered, or do not load.
        """
        return decide.promote(self._rooms, model_id, actor, reason, expected_champion)

    def rollback(
        self,
        model_name: str,
        to: str | None = None,
        *,
        actor: str | None = None,
        reason: str = "",
        expected_champion: str | None = NOT_CHECKED,
    ) -> Deployment:
        """Take the champion out and put the previous healthy one back (or ``to``, an earlier champion).

        The model taken out is disqualified: never chosen again until somebody reinstates it.

        Raises:
            NoModelAvailable: there is no champion, or no healthy predecessor; the champion stays.
            ChampionChanged, NotEligible, ArtifactError: as in ``promote``.
        """
        return decide.rollback(self._rooms, model_name, to, actor, reason, expected_champion)

    def undo_promotion(
        self,
        model_name: str,
        *,
        actor: str | None = None,
        reason: str = "",
        expected_champion: str | None = NOT_CHECKED,
    ) -> Deployment:
        """Take the last promotion back: the champion before it serves again, and nobody is disqualified.

        Unlike after a ``rollback``, the model taken out stays eligible; a later rollback does not return to it.

        Raises:
            NoModelAvailable: there was no champion before.
            ChampionChanged, NotEligible, ArtifactError: as in ``promote``.
        """
        return decide.undo_promotion(self._rooms, model_name, actor, reason, expected_champion)

    def reject(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Say no to a model: it stays readable and is not eligible. The champion cannot be rejected (StateConflict)."""
        decide.change_status(self._rooms, "reject", model_id, actor, reason)

    def archive(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Put a model aside: not eligible, off the leaderboard's default view."""
        decide.change_status(self._rooms, "archive", model_id, actor, reason)

    def restore(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Take back a rejection or an archiving."""
        decide.change_status(self._rooms, "restore", model_id, actor, reason)

    def disqualify(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Mark a model as failed in production. A champion is taken out with ``rollback`` instead (StateConflict)."""
        decide.change_status(self._rooms, "disqualify", model_id, actor, reason)

    def reinstate(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Make a disqualified model eligible again."""
        decide.change_status(self._rooms, "reinstate", model_id, actor, reason)

    # settings

    def configure(
        self, model_name: str | None = None, *, actor: str | None = None, reason: str = "", **changes: Any
    ) -> Configuration:
        """Change settings for all model names or one (None as a value: back to the default); scores follow at once.

        Raises:
            InvalidConfiguration: naming the key, its value and what is allowed; nothing changed.
        """
        return configure.configure(self._rooms, model_name, changes, actor, reason)

    def configuration(self) -> Configuration:
        """The settings that hold now."""
        return configure.configuration(self._rooms)

    def policy(self, model_name: str) -> Policy:
        """What holds for one model name."""
        return configure.configuration(self._rooms).policy(model_name)
