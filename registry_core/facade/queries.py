"""Methods that read, and load models. They change nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import IO, Any

from ..actions import read, signatures
from ..records import (
    Comparison,
    Deployment,
    Event,
    InputChange,
    ModelMetadata,
    ModelNameSummary,
    ModelQuery,
    Permission,
    Score,
)
from ..rules import inputs
from .verbs import Verbs


class QueryVerbs(Verbs):
    """Read and load.

    ``model_name`` is optional in a registry with a single model name, where a method has it as an optional argument.
    """

    def get_best_model_id(self, model_name: str | None = None) -> str | None:
        """The eligible model with the highest composite score on one evaluation set.

        The evaluation set is the champion's; without a champion, that of the newest eligible model. Ties go to the
        older model.

        Returns:
            the model id, or None.

        Raises:
            InvalidInput: no name was given, and the registry has several.
        """
        return read.best_model_id(self._context, model_name)

    def get_active_model_id(self, model_name: str | None = None) -> str | None:
        """The id of the champion, or None.

        Raises:
            InvalidInput: no name was given, and the registry has several.
        """
        return self._loader.champion_id(model_name)

    def get_metadata(self, model_id: str) -> ModelMetadata:
        """The metadata of one model, with its present state.

        Raises:
            ModelNotFound: no model has that id. It is a KeyError.
        """
        return read.metadata(self._context, model_id)

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
        """The leaderboard as plain dicts, best first.

        Args:
            limit: maximum number of rows, None for all.
            model_name: one model name; all by default.
            order_by, descending, offset, where: see ``ModelQuery``.

        Returns:
            a dict per model: model_id, model_name, model_type, accuracy, auc, f1_score, composite_score, is_active,
            training_date; then version, precision, recall, data_quality_score, metrics, evaluation_set, comparable
            (with the champion), status, artifact, eligible, is_best, is_ensemble, score_note, training_samples,
            registered_at, registered_by, description, tags, measured, measured_on. Unknown metrics are None.

        Raises:
            InvalidInput: an invalid ``order_by``, or an unknown field in ``where``.
        """
        return read.comparison_rows(
            self._context, ModelQuery(model_name, order_by, descending, limit, offset, where or {})
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
        """The models of ``get_model_comparison`` as ``ModelMetadata``.

        Raises:
            InvalidInput: an invalid ``order_by``, or an unknown field in ``where``.
        """
        return read.models(self._context, ModelQuery(model_name, order_by, descending, limit, offset, where or {}))

    def count_models(self, model_name: str | None = None, *, where: Mapping[str, Any] | None = None) -> int:
        """The number of models that match ``where``, see ``ModelQuery``."""
        return read.count(self._context, ModelQuery(model_name, where=where or {}))

    def model_names(self) -> list[str]:
        """All model names, sorted."""
        return read.names(self._context)

    def metric_names(self, model_name: str | None = None) -> list[str]:
        """All metrics that any model reports, the usual ones first."""
        return read.metric_names(self._context, model_name)

    def lower_is_better(self, metric: str, model_name: str | None = None) -> bool:
        """Whether lower is better for a metric: an error, a loss, or a metric declared so in the settings."""
        return read.lower_is_better(self._context, metric, model_name)

    def model_types(self, model_name: str | None = None) -> list[str]:
        """All model types, sorted."""
        return read.distinct(self._context, "model_type", model_name)

    def evaluation_sets(self, model_name: str | None = None) -> list[str]:
        """All evaluation sets named at registration, sorted."""
        return read.distinct(self._context, "evaluation_set", model_name)

    def summaries(self) -> list[ModelNameSummary]:
        """A summary of each model name: champion, scores, number of versions."""
        return read.summaries(self._context)

    def explain_score(self, model_id: str) -> Score:
        """The score breakdown under the present policy: weight, value and contribution of each metric.

        Raises:
            ModelNotFound: no model has that id.
        """
        return read.explain_score(self._context, model_id)

    def compare(self, model_ids: Sequence[str]) -> Comparison:
        """Two to ten models side by side: metrics, and differences of features and hyperparameters.

        Raises:
            InvalidInput: fewer than 2 or more than 10 different ids.
            ModelNotFound: no model has one of the ids.
        """
        return read.compare(self._context, model_ids)

    def input_change(self, before_id: str, after_id: str) -> InputChange:
        """The changes for callers if one model replaces another: features to send, classes returned.

        Raises:
            ModelNotFound: no model has one of the ids.
        """
        before, after = (
            signatures.signature(self._context.database, self.get_metadata(model_id))
            for model_id in (before_id, after_id)
        )
        return inputs.input_change(before, after)

    def allowed(self, subject: str | int) -> dict[str, Permission]:
        """Which actions are possible now: action -> whether its call would succeed, and otherwise the reason.

        The actions are methods of ``Registry``, which apply the same rules. Nothing is loaded or changed: what
        a method finds out only by reading files (a file is missing or does not load) is not checked here.

        Args:
            subject: a model id (``promote``, ``reject``, ``archive``, ``restore``, ``disqualify``, ``reinstate``,
                ``delete``, ``purge``, ``pin``, ``unpin``, ``start_experiment`` with it as challenger), a model name
                (``rollback``, ``undo_promotion``, ``undo_rollback``, ``start_experiment``), or the number of an
                experiment (``set_share``, ``pause_experiment``, ``resume_experiment``, ``stop_experiment``,
                ``advance_experiment``, ``promote_challenger``).

        Raises:
            ModelNotFound: no model has that id or name.
            NotFound: no experiment has that number.

        Example:
            >>> registry.allowed("Churn")["rollback"].reason  # doctest: +SKIP
            'Churn has no earlier champion that is still eligible; ...'
        """
        from ..actions import allowed

        return allowed.allowed(self._context, subject)

    def allowed_many(self, model_ids: Sequence[str]) -> dict[str, dict[str, Permission]]:
        """Which versions can be promoted or start an experiment: model id -> action -> permission with the reason.

        The light form of ``allowed``, for lists of hundreds: the verbs are ``promote`` and ``start_experiment`` (with
        the version as only challenger), each row is read once, and promotion gates are not checked. A version that
        is allowed here can still fail a gate; ``allowed`` checks the gates of one version.

        Raises:
            ModelNotFound: no model has one of the ids.
        """
        from ..actions import allowed

        return allowed.allowed_many(self._context, model_ids)

    def deployments(self, model_name: str | None = None) -> list[Deployment]:
        """The deployments (of a model name), newest first: model, start, end, actor and reason."""
        return read.deployments(self._context, model_name)

    def champion_at(self, model_name: str, when: datetime | str) -> str | None:
        """The champion at a given time.

        Args:
            when: ISO 8601 or datetime; without a time zone, local time.

        Returns:
            the model id, or None.
        """
        return read.champion_at(self._context, model_name, when)

    def rollback_target(self, model_name: str) -> str | None:
        """The model that ``rollback`` would restore: the latest earlier champion that is eligible; or None."""
        return read.rollback_target(self._context, model_name)

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
        """The audit log, newest first.

        Args:
            model_name: only events of this model name.
            since: start time, ISO 8601 or datetime; without a time zone, local time.
            limit: maximum number of events, None for all.
            model_id: only events of this model.
            kinds: only these kinds, such as ``["promoted"]``.
            actor: only events by this actor.
            offset: number of events to skip.
        """
        return read.events(self._context, model_name, since, limit, model_id, kinds, actor, offset)

    def count_events(
        self,
        model_name: str | None = None,
        *,
        model_id: str | None = None,
        kinds: Sequence[str] | None = None,
        actor: str | None = None,
    ) -> int:
        """The number of events that ``events`` returns without a limit."""
        return read.count_events(self._context, model_name, model_id, kinds, actor)

    def verify_events(self) -> int | None:
        """Recompute the hash chain of the audit log.

        Returns:
            the id of the first event that is altered or follows a missing one; None if the log is intact.
        """
        return read.verify_events(self._context)

    def revision(self) -> int:
        """The id of the newest event. It increases with every change of state; use it as a cache key."""
        return read.revision(self._context)

    def read_artifact(self, model_id: str, which: str = "model") -> bytes:
        """The verified bytes of the ``model`` or ``scaler`` file, for a download. Quarantined files are included.

        Raises:
            InvalidInput: another value of ``which``.
            ModelNotFound: no model has that id.
            ArtifactMissing, ArtifactAltered: the file is missing or its SHA-256 differs.
        """
        return read.artifact_bytes(self._context, model_id, which)

    def open_artifact(self, model_id: str, which: str = "model") -> IO[bytes]:
        """The ``model`` or ``scaler`` file opened for reading, for a file that need not fit into memory.

        The caller closes it, and compares what it read with ``model_sha256`` or ``scaler_sha256``: unlike
        ``read_artifact`` this verifies nothing.

        Raises:
            InvalidInput: another value of ``which``.
            ModelNotFound: no model has that id, or it has no scaler.
            ArtifactMissing: the file is missing.
        """
        return read.open_artifact(self._context, model_id, which)

    def artifact_address(self, model_id: str, which: str = "model", *, seconds: int = 300) -> str | None:
        """A presigned address of the ``model`` or ``scaler`` file in a bucket.

        Whoever has the address can download the file until it expires, by the endpoint that this process uses for the
        bucket. Compare the bytes with ``model_sha256`` or ``scaler_sha256``.

        Args:
            seconds: how long it is valid, 1 to 3,600.

        Returns:
            the address. None where artifacts are in a folder, the bucket's driver or credentials cannot sign, or the
            file is compressed: use ``open_artifact``.

        Raises:
            InvalidInput: another value of ``which`` or ``seconds``.
            ModelNotFound: no model has that id, or it has no scaler.
            ArtifactMissing: the file was purged.
        """
        return read.artifact_address(self._context, model_id, which, seconds)

    def load_model(self, model_id: str) -> tuple[Any, Any, ModelMetadata]:
        """A model, its scaler (or None) and its metadata; cached after the first load.

        Callers share the objects: predict with them, do not change them.

        Raises:
            ModelNotFound: no model has that id.
            ArtifactQuarantined: the file imports what is not trusted.
            ArtifactMissing, ArtifactAltered: the file is missing or its SHA-256 differs.
            ArtifactUnloadable: the file does not load, or its predictions differ from the recorded ones.
        """
        return self._loader.load(model_id)

    def load_best_model(self, model_name: str | None = None, *, fresh: bool = False) -> tuple[Any, Any, ModelMetadata]:
        """The model of ``get_best_model_id``, loaded as in ``load_model``.

        Args:
            fresh: with the address of a server: ask it now, instead of answering from memory until it tells of a
                change, which takes less than a second.

        Raises:
            NoModelAvailable: no eligible model has a score. It is a ValueError.
            InvalidInput, ArtifactError: as in ``get_best_model_id`` and ``load_model``.
        """
        return self._loader.load_best(model_name)

    def load_active_model(
        self, model_name: str | None = None, *, fresh: bool = False
    ) -> tuple[Any, Any, ModelMetadata]:
        """The champion, loaded as in ``load_model``. A promotion by another process is seen at the next call.

        Args:
            fresh: as in ``load_best_model``.

        Raises:
            NoModelAvailable: there is no champion. It is a ValueError.
            InvalidInput, ArtifactError: as in ``get_active_model_id`` and ``load_model``.

        Example:
            ``model, scaler, metadata = registry.load_active_model("Churn")``
        """
        return self._loader.load_active(model_name)
