"""Methods that register models."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import IO, Any

from ..actions import register, upload
from ..evidence import Inspection
from ..records import RegistrationPlan
from .verbs import Verbs


class RegistrationVerbs(Verbs):
    """Register models: fitted objects from a pipeline, or files."""

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
        training_data: Any = None,
        actor: str | None = None,
        reason: str = "",
    ) -> str:
        """Register a trained model. With ``auto_select_best`` it becomes champion if it beats the present one.

        Args:
            model_obj: a fitted estimator with ``predict``; pickled.
            scaler_obj: the fitted feature scaler, with ``transform``. Default: none.
            model_name: the family, such as ``GreyhoundPredictor``.
            model_type: such as ``RandomForest``.
            performance_metrics: metric -> finite number. ``accuracy``, ``auc``, ``f1_score``, ``precision`` and
                ``recall`` are fractions from 0 to 1. A metric that is not given stays unknown and never counts as 0.
            training_info: ``training_timestamp`` (ISO 8601 or datetime; now by default), ``training_samples`` (rows),
                ``data_quality_score`` (0 to 1), ``is_ensemble`` (inferred by default), ``task``, and any further
                fields.
            feature_names: names of the features in order. Default: those the estimator knows.
            hyperparameters: name -> value.
            version: MAJOR.MINOR.PATCH. Default: the next version, see ``docs/concepts.md``.
            evaluation_set: name of the data set behind the metrics. Models of different sets are not ranked together.
            description: free text of up to 20,000 characters.
            tags: up to 50 words of up to 64 characters.
            input_example: rows as they arrive in production, before scaling: a DataFrame, an array (rows, features), a
                list of dicts, or texts for a text model. Up to 32 rows are stored with the model's predictions, which
                are checked wherever the model is loaded. Default: rows of ``reference``, or generated rows.
            reference: training features (rows, features) before scaling, a DataFrame or array. Their distribution, and
                that of the model's scores, is stored as the reference for feature drift.
            training_data: the data it was trained on, a DataFrame, an array or the path of a file. Its hash, rows,
                columns and time range are stored as lineage, not the data. Rows that have the model's features are also
                stored as hashes, made with a secret key, so that an evaluation can count the benchmark rows that the
                model was trained on (50,000 at most, beyond that a random part). A file is read for it if it is a CSV,
                Parquet, Arrow or JSON lines table of at most 200 MB; of any other file only the hash is stored, and
                ``lineage["training_data"]["rows_unknown"]`` says why. The git commit, the training script, Python and
                the imported packages are recorded unasked.

        Returns:
            the model id.

        Raises:
            InvalidInput: an invalid name, metric, version or field, or a model that does not predict.
            VersionTaken: the version exists.
            StorageError: the disk is full or read-only.
            In each case nothing is stored.

        Example:
            >>> import tempfile
            >>> from sklearn.dummy import DummyClassifier
            >>> from registry_core import Registry
            >>> with tempfile.TemporaryDirectory() as folder, Registry(folder) as registry:
            ...     model_id = registry.register_model(
            ...         DummyClassifier().fit([[0.0], [1.0]], [0, 1]),
            ...         model_name="Churn",
            ...         model_type="Dummy",
            ...         performance_metrics={"accuracy": 0.8, "auc": 0.8, "f1_score": 0.8},
            ...         training_info={"data_quality_score": 1.0},
            ...     )
            ...     registry.get_active_model_id("Churn") == model_id, registry.get_metadata(model_id).version
            (True, '1.0.0')
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
            training_data=training_data,
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
        holdout: Any = None,
        target: str | None = None,
        lineage: Mapping[str, Any] | None = None,
        reference: Mapping[str, Any] | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> str:
        """Register a model file. It is hashed and scanned; this process neither executes nor imports anything of it.

        A file that passes the scan is loaded once in the sandbox, which records its signature and its predictions on
        example rows. A file that crashes there or does not predict is stored, and a gate gives the reason why it cannot
        be promoted.

        A file whose imports are all allowed is trusted. Any other is quarantined until its imports are trusted, and a
        malformed or dangerous file is refused. Its metrics are self-reported: it is chosen automatically only where
        models are ranked by measured metrics; otherwise another person has to approve or promote it.

        Args:
            model_file: a path or an open binary file: pickle or joblib (compressed or not), skops, ONNX, XGBoost,
                LightGBM.
            scaler_file: the same, for the scaler. Default: none.
            metadata: the arguments of ``register_model`` by name, or the content of a metadata file. ``classes`` are
                the labels of a LightGBM or XGBoost file, which holds class numbers only.
            input_example: as in ``register_model``, or the path of a table file.
            holdout: labelled rows, for a model name without an active benchmark: a DataFrame, the path of a table file,
                or a binary file. They become its benchmark, named after the file, and the version is evaluated on it
                (``auto_evaluate``). A new model name is ranked by evaluated metrics (``rank_by``) from then on.
            target: the column of ``holdout`` with the labels. Default: the one column that is no feature.
            lineage: the origin of the model as its sender states it, in the form of ``ModelMetadata.lineage``. It is
                stored as self-reported. The remote client sends that of its own process.
            reference: the distribution of the training features, in the form of ``ModelMetadata.reference``.

        Returns:
            the model id.

        Raises:
            InvalidInput: the file is refused, a field is invalid, or it is not clear which column holds the labels;
                nothing is stored.
            StateConflict: ``holdout`` is given although the model name has an active benchmark.
            VersionTaken, StorageError: as in ``register_model``.
        """
        return upload.register_files(
            self._context, model_file, scaler_file, metadata, input_example=input_example, holdout=holdout,
            target=target, lineage=lineage, reference=reference, actor=actor, reason=reason,
        )  # fmt: skip

    def preview_upload(self, metadata: Mapping[str, Any], scan: Inspection | None = None) -> RegistrationPlan:
        """The id, version and score that ``upload`` with this metadata would give. Nothing is changed.

        Args:
            scan: what ``inspect`` found in the model file, or in the scaler, which sees the features first. Its
                features count where the metadata names none.

        Raises:
            InvalidInput, VersionTaken: as in ``upload``.
        """
        return register.preview(self._context, metadata, scan)
