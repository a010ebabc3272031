"""Predictors that work here for a registry behind a server: they follow its plan, and send what they answered."""

from __future__ import annotations

import errno
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from pydantic import TypeAdapter

from .. import forks
from ..actions.load import Loaded
from ..actions.serve import batches
from ..actions.serve.answering import Answering
from ..actions.serve.failed_calls import Failing
from ..actions.serve.log import Answered, Log, Mode
from ..actions.serve.overflow import Folder
from ..actions.serve.predictor import Predictor
from ..errors import InvalidInput, NoModelAvailable, StorageError, Unreachable
from ..live import RecordedOutcomes
from ..live.serving import FailedCalls, PredictionBatch, ServingPlan
from ..signature import Signature
from .loading import Call, RemoteLoader

#: So many outcomes are sent at once.
_OUTCOMES = 20_000
_PLAN = TypeAdapter(ServingPlan)


class There:
    """Where a predictor has its plan and its models from: a server. See ``actions.serve.source.Source``."""

    def __init__(self, loader: RemoteLoader, call: Call, model_name: str | None) -> None:
        self._loader, self._call, self._model_name = loader, call, model_name

    def changes(self) -> int:
        """See ``Source``."""
        return self._loader.revision()

    @property
    def away(self) -> str | None:
        """See ``Source``."""
        return self._loader.away

    def plan(self) -> ServingPlan:
        """See ``Source``."""
        name = self._model_name
        return self._loader.answer(
            ("serving_plan", name), False, lambda: self._call("serving_plan", model_name=name), _PLAN, lambda plan: plan
        )

    def load(self, model_id: str) -> Loaded:
        """See ``Source``."""
        return self._loader.load(model_id)

    def signature(self, model_id: str) -> Signature:
        """See ``Source``."""
        return self._loader.signature(model_id)

    def now(self) -> datetime:
        """See ``Source``."""
        return datetime.now(UTC)


class _Sender:
    """Sends the predictions of one model name."""

    def __init__(self, loader: RemoteLoader, call: Call, model_name: str) -> None:
        self._loader, self._call, self._model_name = loader, call, model_name
        self._begin()
        forks.survive(self)
        self.log = Log(self._reserve, self._write, self._tell)

    def after_fork(self, *, child: bool) -> None:
        """In a child, a client of its own: its numbers are not those of its parent."""
        if child:
            self._begin()

    def _begin(self) -> None:
        self._client, self._last = uuid.uuid4().hex, 0

    def require_server(self) -> None:
        """Whoever predicts does not wait for a server of which it is known that it is away."""
        if self._loader.away is not None:
            raise Unreachable(errno.ECONNREFUSED, f"the server does not answer ({self._loader.away})")

    def _reserve(self, now: int, blocks: int) -> int:
        self.require_server()
        if blocks != 1:
            raise StorageError(errno.EFBIG, "a request has more than 1,048,576 rows; send fewer rows in a request")
        return int(self._call("reserve_predictions", model_name=self._model_name))

    def _write(self, answered: Sequence[Answered]) -> None:
        """Send what was answered. What was sent before and is sent again, the server knows by its number."""
        self.require_server()
        for each in answered:
            if not each.number:
                self._last = each.number = max(self._last + 1, each.at)
        for part in batches.parts(answered):
            self._call("record_predictions", model_name=self._model_name, client=self._client, predictions=part)

    def receive(self, model_name: str, client: str, batches: Sequence[PredictionBatch]) -> None:
        """Send what waited in a folder."""
        self._call("record_predictions", model_name=model_name, client=client, predictions=list(batches))

    def _tell(self, alarm: Failing) -> None:
        self.require_server()
        failing = FailedCalls(alarm.model_id, alarm.fallback, alarm.calls, alarm.error[:500])
        self._call("record_predictions", model_name=self._model_name, client=self._client, failing=failing)


class RemoteService:
    """What serving holds for one registry behind a server: the logs of its predictors."""

    def __init__(self, loader: RemoteLoader, call: Call, reopened: Callable[[], tuple[Any, ...]]) -> None:
        self._loader, self._call, self._reopened = loader, call, reopened
        self._senders: dict[str, _Sender] = {}
        self._lock = threading.Lock()
        forks.survive(self)

    def predictor(self, model_name: str | None, log: Mode, overflow: str | os.PathLike[str] | None) -> Predictor:
        """See ``Registry.predictor``."""
        if log not in get_args(Mode):
            raise InvalidInput(f"log is {log!r:.80}; allowed are 'batch', 'sync' and 'off'")
        try:
            name = There(self._loader, self._call, model_name).plan().model_name
        except NoModelAvailable:
            if model_name is None:
                raise
            name = model_name
        with self._lock:
            if name not in self._senders:
                self._senders[name] = _Sender(self._loader, self._call, name)
            sender = self._senders[name]
        place = None
        if overflow is not None:
            waiting = Folder(overflow, sender.require_server, sender.receive)
            sender.log.overflow_into(waiting)
            place = str(waiting.folder)
        answering = Answering(There(self._loader, self._call, name), name, sender.log, log)
        forks.survive(answering)
        return Predictor(name, answering, sender.log.flush, (self._reopened, log, place))

    def record_outcomes(self, given: Mapping[str, Any]) -> RecordedOutcomes:
        """See ``Registry.record_outcomes``: in parts, each of which is recorded whole or not at all."""
        self.flush()
        found: list[tuple[int, RecordedOutcomes]] = [
            (start, self._call("record_outcomes", **part)) for start, part in _outcomes(given)
        ]
        by_unit = given.get("units") is not None
        return RecordedOutcomes(
            sum(each.recorded for _, each in found),
            sum(each.repeated for _, each in found),
            tuple(sorted({one for _, each in found for one in each.contradictory})),
            tuple(one + start if by_unit else one for start, each in found for one in each.unknown),
            tuple(one for _, each in found for one in each.acted),
        )

    def flush(self) -> None:
        """Send what was answered so far."""
        for sender in list(self._senders.values()):
            sender.log.flush()

    def close(self) -> None:
        """The same, and end the threads.

        Raises:
            StorageError: the server does not answer.
        """
        for sender in list(self._senders.values()):
            sender.log.close()


def _outcomes(given: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The arguments of a call in parts, each with the place where it begins."""
    outcomes = given.get("outcomes")
    if isinstance(outcomes, Mapping):
        items = [(getattr(key, "item", lambda key=key: key)(), label) for key, label in outcomes.items()]
        for start in range(0, max(len(items), 1), _OUTCOMES):
            yield start, {**given, "outcomes": dict(items[start : start + _OUTCOMES])}
        return
    columns = {
        name: value
        for name, value in given.items()
        if name in ("prediction_ids", "units", "labels", "at") and hasattr(value, "__len__") and type(value) is not str
    }
    lengths = {len(value) for value in columns.values()}
    if len(lengths) != 1 or max(lengths) <= _OUTCOMES:
        yield 0, given  # what does not fit together, the server says
        return
    for start in range(0, max(lengths), _OUTCOMES):
        yield start, {**given, **{name: value[start : start + _OUTCOMES] for name, value in columns.items()}}
