"""Verbs that bring models in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO, Any

from ..actions import register
from ..records import RegistrationPlan
from .verbs import Verbs


class RegistrationVerbs(Verbs):
    """Bring models in."""

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
        input_example: Any = None,
        reference: Any = None,
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
            input_example: a few rows as they arrive in production, before scaling: a DataFrame, an array, a list of
                dicts, or of texts where it takes one text a row. Up to 32 of them are kept with what the model answers
                to them, and asked again wherever it is loaded. Left out, rows of ``reference`` serve, or rows made
                from what the fitted object says of its features.
            reference: the inputs it was trained on, (rows, inputs), before scaling: a DataFrame or an array. Kept is
                how they, and the model's scores of them, are distributed; live inputs are compared with that.

        Returns:
            the model id.

        Raises:
            InvalidInput: a name, metric, version or field that cannot be accepted.
            VersionTaken: that version exists.
            StorageError: the disk is full or may not be written. Nothing is left behind in either case.
        """
        return register.register_object(
            self._context,
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
            reference=reference,
            input_example=input_example,
            actor=actor,
            reason=reason,
        )

    def upload(
        self,
        model_file: str | os.PathLike[str] | IO[bytes],
        scaler_file: str | os.PathLike[str] | IO[bytes] | None = None,
        *,
        metadata: Mapping[str, Any],
        input_example: Any = None,
        actor: str | None = None,
        reason: str = "",
    ) -> str:
        """Keep a model file from outside. It is hashed and looked into; this process runs and imports nothing of it.

        What passes is loaded once in the sandbox, where it shows what it takes and gives, and answers example rows. One
        that crashes there or does not answer is kept all the same, and a gate says why it cannot go live.

        A file that names only what the registry knows is trusted, any other quarantined until somebody trusts its
        names, and a malformed or dangerous one refused. What it reports of itself is a claim: it is chosen by itself
        only where the registry ranks by what it measured; otherwise somebody has to approve or promote it.

        Args:
            model_file: a path or an open binary file: pickle or joblib (compressed or not), skops, ONNX, XGBoost's or
                LightGBM's own.
            scaler_file: the same, for the scaler.
            metadata: the arguments of ``register_model`` by name, or a sidecar file's content. ``classes`` are the
                labels that a file of LightGBM or XGBoost itself knows by number only.
            input_example: as for ``register_model``, or the path of a table such as a CSV file.

        Raises:
            InvalidInput: the file is refused, and why; or a field cannot be accepted. Nothing is kept.
        """
        return register.register_files(
            self._context, model_file, scaler_file, metadata, input_example=input_example, actor=actor, reason=reason
        )

    def preview_upload(self, metadata: Mapping[str, Any]) -> RegistrationPlan:
        """What ``upload`` with this metadata would do: id, version, score. Changes nothing; raises what it would."""
        return register.preview(self._context, metadata)
