"""Predictions that were made elsewhere, on their way into telemetry: checked, and stored once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import get_args

from ...catalog import deployments, experiments, models
from ...catalog.database import Transaction
from ...catalog.telemetry import predictions, streams
from ...errors import InvalidInput
from ...live import Role
from ...live.serving import FailedCalls, PredictionBatch
from ...rules.intake import check_text
from ..context import Context
from ..timestamps import microseconds
from . import batches as forms
from .failed_calls import Failing
from .log import Answered
from .recording import Recorder

_LONGEST_ERROR = 500
#: What a client stored last is remembered for so many microseconds; also how far its clock may be off.
_REMEMBERED, _CLOCK = 30 * 24 * 3_600_000_000, 300_000_000
_TASKS, _LOSSES = ("classification", "regression"), ("", "absolute_error", "squared_error")


class Receiver:
    """Stores what predictors elsewhere answered."""

    def __init__(self, context: Context) -> None:
        self._context, self._recorder = context, Recorder(context)
        self._lock = threading.Lock()

    def receive(
        self, model_name: str, client: str, batches: Sequence[PredictionBatch], failing: FailedCalls | None
    ) -> int:
        """See ``Registry.record_predictions``."""
        check_text(client, "client", 100)
        kept = self._checked(model_name, [each for each in batches if not each.beside])
        beside = self._checked(model_name, [each for each in batches if each.beside])
        stored = 0
        if batches:
            highest = max(each.number for each in batches)
            with self._lock:
                stored = self._recorder.store(
                    kept, beside, lambda each: self._after(each, f"{client} {model_name}", highest, kept)
                )
        if failing is not None:
            self._failing(model_name, failing).tell(self._context)
        return stored

    def _failing(self, model_name: str, failing: FailedCalls) -> Failing:
        named = [each for each in (failing.model_id, failing.fallback) if each is not None]
        versions = models.find_many(self._context.database, named)
        for each in named:
            if each not in versions or versions[each]["model_name"] != model_name:
                raise InvalidInput(f"failing names {each!r:.80}, which is no version of {model_name}")
        if failing.calls < 1:
            raise InvalidInput(f"failing has {failing.calls} calls; give the number of requests that failed")
        error = check_text(failing.error, "the error of failing", _LONGEST_ERROR)
        return Failing(model_name, failing.model_id, failing.fallback, failing.calls, error)

    def _after(self, transaction: Transaction, client: str, highest: int, kept: Sequence[Answered]) -> int:
        now = microseconds(self._context.now())
        last = streams.received(transaction, client, highest, now - _REMEMBERED)
        new = [each for each in kept if each.number > last]
        ids = [each for batch in new for each in batch.ids.tolist()]
        block = streams.last_block(transaction)
        if any(not 0 < each >> streams.BLOCK_BITS <= block for each in ids) or len({*ids}) != len(ids):
            raise InvalidInput("a prediction id was not reserved; reserve_predictions gives ids")
        if predictions.found(transaction, ids)[0]:
            raise InvalidInput("a prediction id is in use; give each prediction an id of its own")
        return last

    def _checked(self, model_name: str, batches: Sequence[PredictionBatch]) -> list[Answered]:
        database, now = self._context.database, microseconds(self._context.now())
        versions = models.find_many(database, list({each.model_id for each in batches}))
        served = (
            {each.deployment_id: each.model_id for each in deployments.listed(database, model_name)} if batches else {}
        )
        running = {each.experiment_id for each in experiments.listed(database, model_name)} | {0} if batches else {0}
        for each in batches:
            what = f"the batch {each.number} of {each.model_id!r:.80}"
            row = versions.get(each.model_id)
            if row is None or row["model_name"] != model_name:
                raise InvalidInput(f"{what} is of no version of {model_name}")
            if (each.deployment_id and each.deployment_id not in served) or each.experiment_id not in running:
                raise InvalidInput(f"{what} names a deployment or an experiment that {model_name} has not")
            if each.role == "champion" and each.deployment_id and served[each.deployment_id] != each.model_id:
                raise InvalidInput(f"{what} says champion, which another version was in that deployment")
            sound = each.task in _TASKS and each.loss in _LOSSES and each.role in get_args(Role)
            if not sound or not 1 <= each.minutes <= 100_000 or len(each.shares) > 200:
                raise InvalidInput(f"{what} has a role, a task, a loss, a window or shares that no serving plan has")
            oldest = min((one >> streams.BLOCK_BITS for one in each.ids), default=each.at // 1000) * 1000
            if each.at > now + _CLOCK or each.at - oldest > streams.BLOCK_AGE + _CLOCK:
                raise InvalidInput(
                    f"{what} has a time that is off by more than its ids allow; set the clock of the service's machine"
                )
        return [forms.received(model_name, each) for each in batches]
