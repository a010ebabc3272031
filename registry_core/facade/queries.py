"""Verbs that change nothing, loading included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

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
    """Ask, and load."""

    def get_best_model_id(self, model_name: str | None = None) -> str | None:
        """The eligible model with the highest composite score, of one evaluation set; None when there is none.

        Models count that were measured on the champion's evaluation set (without a champion: on the newest eligible
        model's). Ties keep the older. The name may be left out while the registry holds only one.

        Raises:
            InvalidInput: no name was given and the registry holds several.
        """
        return read.best_model_id(self._context, model_name)

    def get_active_model_id(self, model_name: str | None = None) -> str | None:
        """The champion's id, or None. The name may be left out while the registry holds only one."""
        return self._loader.champion_id(model_name)

    def get_metadata(self, model_id: str) -> ModelMetadata:
        """All that is known of one model.

        Raises:
            ModelNotFound: no model has that id.
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
        """The leaderboard, best first, as plain dicts.

        Each has the seed's keys (model_id, model_name, model_type, accuracy, auc, f1_score, composite_score, is_active,
        training_date) and version, precision, recall, data_quality_score, metrics, evaluation_set, comparable (to the
        champion), status, artifact, eligible, is_best, is_ensemble, score_note, training_samples, registered_at,
        registered_by, description, tags. See ``ModelQuery`` for ``order_by`` and ``where``.
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
        """The same models as whole records. See ``ModelQuery`` for ``order_by`` and ``where``."""
        return read.models(self._context, ModelQuery(model_name, order_by, descending, limit, offset, where or {}))

    def count_models(self, model_name: str | None = None, *, where: Mapping[str, Any] | None = None) -> int:
        """How many models a query without limit would give."""
        return read.count(self._context, ModelQuery(model_name, where=where or {}))

    def model_names(self) -> list[str]:
        """All model names, in order."""
        return read.names(self._context)

    def metric_names(self, model_name: str | None = None) -> list[str]:
        """All metrics that any model (of that name) reports, the seed's first."""
        return read.metric_names(self._context, model_name)

    def lower_is_better(self, metric: str, model_name: str | None = None) -> bool:
        """Whether less of a metric is better: an error, a loss, or what the policy of the model name declares."""
        return read.lower_is_better(self._context, metric, model_name)

    def model_types(self, model_name: str | None = None) -> list[str]:
        """All model types, in order."""
        return read.distinct(self._context, "model_type", model_name)

    def evaluation_sets(self, model_name: str | None = None) -> list[str]:
        """All evaluation sets named at registration, in order."""
        return read.distinct(self._context, "evaluation_set", model_name)

    def summaries(self) -> list[ModelNameSummary]:
        """Each model name at a glance."""
        return read.summaries(self._context)

    def explain_score(self, model_id: str) -> Score:
        """The composite score taken apart, weight by weight, under the policy that holds now."""
        return read.explain_score(self._context, model_id)

    def compare(self, model_ids: Sequence[str]) -> Comparison:
        """Two or more models side by side: every metric, and what of their inputs and hyperparameters differs."""
        return read.compare(self._context, model_ids)

    def input_change(self, before_id: str, after_id: str) -> InputChange:
        """What callers have to change when one model takes another's place: features they send, classes they get.

        Raises:
            ModelNotFound: no model has one of the ids.
        """
        before, after = (
            signatures.signature(self._context.database, self.get_metadata(model_id))
            for model_id in (before_id, after_id)
        )
        return inputs.input_change(before, after)

    def allowed(self, subject: str | int) -> dict[str, Permission]:
        """What may be done now, and why not: verb -> whether its call would go through, and what stands in the way.

        The verbs are methods of ``Registry`` and ask the same rules themselves. Nothing is loaded or changed here: what
        a verb finds out only by reading bytes (a file that is missing or does not load) is not foreseen.

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

    def deployments(self, model_name: str | None = None) -> list[Deployment]:
        """Who was champion from when to when, newest first."""
        return read.deployments(self._context, model_name)

    def champion_at(self, model_name: str, when: datetime | str) -> str | None:
        """The id of the model that was champion at a moment (without a zone, in local time), or None."""
        return read.champion_at(self._context, model_name, when)

    def rollback_target(self, model_name: str) -> str | None:
        """The model a rollback would put back: the latest earlier champion that is still eligible; or None."""
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
        """What happened, newest first. ``actor`` here filters by who did it."""
        return read.events(self._context, model_name, since, limit, model_id, kinds, actor, offset)

    def count_events(
        self,
        model_name: str | None = None,
        *,
        model_id: str | None = None,
        kinds: Sequence[str] | None = None,
        actor: str | None = None,
    ) -> int:
        """How many events ``events`` would give without a limit."""
        return read.count_events(self._context, model_name, model_id, kinds, actor)

    def verify_events(self) -> int | None:
        """Recompute the chain of hashes; the id of the first event that does not fit, or None when all do."""
        return read.verify_events(self._context)

    def revision(self) -> int:
        """The id of the newest event: it grows with every change of state, so it is what a cache may hang on."""
        return read.revision(self._context)

    def read_artifact(self, model_id: str, which: str = "model") -> bytes:
        """The bytes of ``model`` or ``scaler``, their sha256 checked; for download, also of quarantined files."""
        return read.artifact_bytes(self._context, model_id, which)

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
