"""Methods of a prediction service: predict, record outcomes, read the live performance."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from ..actions.serve.predictor import Predictor
from ..live import RecordedOutcomes, Window
from ..live.records import Units
from ..live.serving import FailedCalls, PredictionBatch, ServingPlan
from .verbs import Verbs

if TYPE_CHECKING:
    import pandas as pd

    from ..actions.serve.service import Service

__all__ = ["Predictor", "ServingVerbs"]


class ServingVerbs(Verbs):
    """Serve predictions, and record their outcomes."""

    _service: Service | None = None

    def predictor(
        self,
        model_name: str | None = None,
        *,
        log: Literal["batch", "sync", "off"] = "batch",
        overflow: str | os.PathLike[str] | None = None,
    ) -> Predictor:
        """A predictor for a prediction service: the champion with its scaler, its challengers, and a fallback.

        Args:
            model_name: optional in a registry with a single model name.
            log: ``batch`` stores predictions within half a second, by a thread; ``sync`` before each call returns;
                ``off`` not at all.
            overflow: a folder for predictions that ``batch`` cannot store now, 1 GB at most: they are stored once the
                server answers again, also by another process with the same folder. Default: they wait in memory.

        Raises:
            ModelNotFound: no model has that name.
            InvalidInput: no name was given, and the registry has several; or its predictors have another overflow.
            StorageError: the folder of ``overflow`` cannot be made.

        Example:
            ``answer = registry.predictor("Churn").predict_proba(rows, units=customers)``; ``answer.values`` has shape
            (rows, classes), ``answer.model_ids`` and ``answer.prediction_ids`` have shape (rows,).
        """
        return self._serving().predictor(model_name, log, overflow)

    def record_outcomes(
        self,
        outcomes: Mapping[int, Any] | None = None,
        *,
        prediction_ids: Any = None,
        units: Units | None = None,
        at: Any = None,
        model_name: str | None = None,
        labels: Any = None,
    ) -> RecordedOutcomes:
        """Record outcomes of predictions, whenever they are known. They count in the window of the prediction's time.

        Three ways to name the predictions:

            record_outcomes({prediction_id: label, ...})
            record_outcomes(prediction_ids=answer.prediction_ids, labels=labels)
            record_outcomes(units=units, at=times, labels=labels, model_name="Churn")

        Args:
            outcomes: prediction id -> label (the value of a regression).
            prediction_ids: integers, (rows,).
            units: units as given to the predictor, (rows,): the newest prediction for each at or before ``at`` is
                meant.
            at: times, (rows,), or one time; without a time zone, local time. Default: now.
            model_name: with ``units``: model name of the predictions. Optional with a single model name.
            labels: class labels or numbers, (rows,).

        Returns:
            the number of new and of repeated outcomes; ids of contradicting and unknown ones, which change nothing; the
            actions taken. With ``units``, ``unknown`` are positions in the input.

        Raises:
            InvalidInput: a label that is not one of the classes, or a value that is not finite; nothing is recorded.
            ModelNotFound: no model has that name.
        """
        from ..actions.serve import service

        return service.record_outcomes(
            self._context, self._serving(), outcomes, prediction_ids, units, at, model_name, labels
        )

    def serving_plan(self, model_name: str | None = None) -> ServingPlan:
        """What a predictor on another machine follows: champion, experiments, fallbacks and monitoring.

        Args:
            model_name: optional in a registry with a single model name.

        Raises:
            ModelNotFound: no model has that name.
            NoModelAvailable: the model name has no champion.
        """
        from ..actions.serve import source

        return source.read(self._context, self._serving().name(model_name))

    def reserve_predictions(self, model_name: str) -> int:
        """Reserve the ids of a million predictions that a predictor on another machine makes within the hour.

        Returns:
            the first id; 1,048,575 further ones follow it.

        Raises:
            ModelNotFound: no model has that name.
        """
        service = self._serving()
        service.name(model_name)
        return service.reserve(int(self._context.now().timestamp() * 1000), 1)

    def record_predictions(
        self,
        model_name: str,
        client: str,
        predictions: Sequence[PredictionBatch] = (),
        failing: FailedCalls | None = None,
    ) -> int:
        """Record predictions that a predictor on another machine made. Those that were recorded before are omitted.

        Args:
            model_name: their model name.
            client: a random text of the predictor: numbers of batches rise for each client.
            predictions: the batches in the order of their numbers.
            failing: the champion fails there: an alert is opened.

        Returns:
            the number of new predictions.

        Raises:
            ModelNotFound: no model has that name.
            InvalidInput: an id was not reserved or is in use, a version is not one of the model name, or lengths
                differ; nothing is recorded.
        """
        service = self._serving()
        return service.receiver.receive(service.name(model_name), client, predictions, failing)

    def performance_history(
        self,
        model_name: str | None = None,
        model_id: str | None = None,
        since: datetime | str | None = None,
        every: Literal["window", "day", "week"] = "window",
        *,
        at_most: int | None = None,
    ) -> list[Window]:
        """Live metrics by window of prediction time, oldest first.

        Metrics of several windows cannot be averaged: ``live_performance`` and ``at_most`` pool their rows.

        Args:
            model_name: one model name; all by default.
            model_id: one model only.
            since: omits windows that end before. ISO 8601 or datetime.
            every: ``window`` (the length of the policy), ``day`` or ``week`` (from Monday), in UTC.
            at_most: maximum number of windows: neighbours are merged in twos, fours, eights, ...

        Raises:
            InvalidInput: another ``every``, or ``at_most`` below 1.
        """
        from ..actions import windows

        self._flush_serving()
        return windows.history(self._context, model_name, model_id, since, every, at_most)

    def prediction_history(
        self, model_name: str, since: datetime | str | None = None, until: datetime | str | None = None
    ) -> pd.DataFrame:
        """Every prediction of a model name, including archived ones, by prediction id.

        Returns:
            a DataFrame with prediction_id, at, unit, model_id, role, experiment_id, answer, score, truth, truth_at.
            Predictions in shadow are rows of their own. ``score`` is the probability of the positive class; with more
            than two classes, of the predicted class. ``truth`` is the label, missing until it is known.
        """
        from ..actions.serve import archive

        self._flush_serving()
        return archive.history(self._context, model_name, since, until)

    def archive_performance(self, older_than_days: float | None = None) -> int:
        """Move raw predictions with their outcomes to ``archive/``; their windows stay.

        Args:
            older_than_days: minimum age. Default: ``monitoring.keep_predictions_days`` of each model name.

        Returns:
            the number of predictions moved.
        """
        from ..actions.serve import archive

        self._flush_serving()
        return archive.archive(self._context, older_than_days)

    def _serving(self) -> Service:
        if self._service is None:
            from ..actions.serve.service import Service

            with self._context.opening:
                if self._service is None:
                    self._service = Service(self._context, self._loader)
        return self._service

    def _flush_serving(self) -> None:
        if self._service is not None:
            self._service.log.flush()

    def _close_serving(self) -> None:
        if self._service is not None:
            self._service.log.close()
