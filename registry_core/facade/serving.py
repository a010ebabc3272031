"""Verbs of a prediction service: answer, tell what came of it, see how it went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from ..actions.serve.predictor import Predictor
from ..live import RecordedOutcomes, Window
from ..live.records import Units
from .verbs import Verbs

if TYPE_CHECKING:
    import pandas as pd

    from ..actions.serve.service import Service

__all__ = ["Predictor", "ServingVerbs"]


class ServingVerbs(Verbs):
    """Answer, and learn what came of it."""

    _service: Service | None = None

    def predictor(self, model_name: str | None = None, *, log: Literal["batch", "sync", "off"] = "batch") -> Predictor:
        """What a prediction service asks: the champion, with its challengers, its scaler, and somebody to stand in.

        Args:
            model_name: may be left out while the registry holds only one.
            log: ``batch`` keeps answers within half a second, by a thread; ``sync`` before each call returns; ``off``
                not at all.

        Raises:
            ModelNotFound: no model carries that name.
            InvalidInput: no name was given and the registry holds several.
        """
        return self._serving().predictor(model_name, log)

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
        """Tell the truth about predictions, whenever it is known. It counts in the window of the prediction's time.

        Three ways to say which predictions are meant:

            record_outcomes({prediction_id: label, ...})
            record_outcomes(prediction_ids=answer.prediction_ids, labels=labels)
            record_outcomes(units=units, at=moments, labels=labels, model_name="Churn")

        Args:
            outcomes: label, or value of a regression, by prediction id.
            prediction_ids: (rows,) whole numbers.
            units: (rows,) as given to the predictor: meant is the newest prediction for the unit at or before ``at``.
            at: (rows,) moments, or one for all; those without a zone are local time. Now, when left out.
            model_name: with ``units``, whose predictions; may be left out while the registry holds only one.
            labels: (rows,) as the model answers them.

        Returns:
            how many were new, and what of the rest. With ``units``, ``unknown`` are places in what was handed in.

        Raises:
            InvalidInput: labels that the model cannot have meant, or values that are no finite numbers; then none of
                the call is kept.
        """
        from ..actions.serve import service

        return service.record_outcomes(
            self._context, self._serving(), outcomes, prediction_ids, units, at, model_name, labels
        )

    def performance_history(
        self,
        model_name: str | None = None,
        model_id: str | None = None,
        since: datetime | str | None = None,
        every: Literal["window", "day", "week"] = "window",
        *,
        at_most: int | None = None,
    ) -> list[Window]:
        """How models did in production, by time of prediction, oldest first.

        Metrics of several windows cannot be averaged: ``live_performance`` and ``at_most`` pool their rows.

        Args:
            model_name: of which family; all when left out.
            model_id: of one model only.
            since: leaves out windows that ended before.
            every: windows as long as the policy says, or added up by day or week (from Monday) in UTC.
            at_most: as many stretches of time at most: neighbours are added up, two, four, eight ... into one.

        Raises:
            InvalidInput: another ``every``, or ``at_most`` below 1.
        """
        from ..actions import windows

        self._flush_serving()
        return windows.history(self._context, model_name, model_id, since, every, at_most)

    def prediction_history(
        self, model_name: str, since: datetime | str | None = None, until: datetime | str | None = None
    ) -> pd.DataFrame:
        """Every single prediction of a model name, those in the archive included, by prediction id.

        Returns:
            prediction_id, at, unit, model_id, role, experiment_id, answer, score, truth, truth_at. What a shadow would
            have answered is a row of its own. ``score`` is the probability of the positive class; of more than two, of
            the one answered.
        """
        from ..actions.serve import archive

        self._flush_serving()
        return archive.history(self._context, model_name, since, until)

    def archive_performance(self, older_than_days: float | None = None) -> int:
        """Move raw predictions with their outcomes to ``archive/``; their windows stay. How many left.

        Args:
            older_than_days: what the policy of each model name says when left out.
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
