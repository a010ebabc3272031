"""What serving holds for one open registry: the log of its predictors."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Any, get_args

from ... import forks
from ...catalog import models
from ...catalog.telemetry import streams
from ...errors import InvalidInput, ModelNotFound, Unreachable
from ...live import RecordedOutcomes
from ...live.records import Units
from ..context import Context
from ..load import Loader
from ..read import only_name
from . import outcomes
from .answering import Answering
from .log import Log, Mode
from .overflow import Folder
from .predictor import Predictor
from .receiving import Receiver
from .recording import Recorder
from .source import Here


class Service:
    """Made when a registry serves first, and closed with it."""

    def __init__(self, context: Context, loader: Loader) -> None:
        self._context, self._loader = context, loader
        self.log = Log(self.reserve, Recorder(context).write, lambda alarm: alarm.tell(context))
        self.receiver = Receiver(context)
        forks.survive(self.receiver)

    def reserve(self, now: int, blocks: int) -> int:
        """The first of new prediction ids, of the present in milliseconds.

        Raises:
            Unreachable: the server is known to be away; whoever predicts does not wait for it.
        """
        self._require_server()
        with self._context.telemetry.transaction() as transaction:
            return streams.reserve(transaction, now, blocks)

    def _require_server(self) -> None:
        if self._context.database.away is not None:
            raise Unreachable(errno.ECONNREFUSED, self._context.database.away)

    def name(self, model_name: str | None) -> str:
        """The model name that is meant.

        Raises:
            ModelNotFound, InvalidInput: see ``Registry.predictor``.
        """
        name = only_name(self._context.database, model_name)
        if name is None or name not in models.names(self._context.database):
            raise ModelNotFound(f"no model has the name {model_name!r:.160}; model_names() lists all")
        return name

    def predictor(self, model_name: str | None, log: Mode, overflow: str | os.PathLike[str] | None) -> Predictor:
        """See ``Registry.predictor``."""
        if log not in get_args(Mode):
            raise InvalidInput(f"log is {log!r:.80}; allowed are 'batch', 'sync' and 'off'")
        name = self.name(model_name)
        place = None
        if overflow is not None:
            waiting = Folder(
                overflow,
                self._require_server,
                lambda of, client, batches: self.receiver.receive(of, client, batches, None),
            )
            self.log.overflow_into(waiting)
            place = str(waiting.folder)
        answering = Answering(Here(self._context, self._loader, name), name, self.log, log)
        forks.survive(answering)
        return Predictor(name, answering, self.log.flush, (self._context.reopened, log, place))


def record_outcomes(
    context: Context,
    service: Service,
    by_id: Mapping[int, Any] | None,
    prediction_ids: Any,
    units: Units | None,
    at: Any,
    model_name: str | None,
    labels: Any,
) -> RecordedOutcomes:
    """See ``Registry.record_outcomes``."""
    ways = [each is not None for each in (by_id, prediction_ids, units)]
    if sum(ways) != 1:
        raise InvalidInput(
            "name the predictions in one of three ways: {prediction_id: label}, prediction_ids=, or units= with at="
        )
    if by_id is not None and not isinstance(by_id, Mapping):
        raise InvalidInput(
            f"outcomes is {type(by_id).__name__}; give {{prediction_id: label}}, or prediction_ids= with labels="
        )
    if by_id is not None and labels is not None:
        raise InvalidInput("{prediction_id: label} has the labels already; omit labels=")
    # What this process has answered may still be on its way.
    service.log.flush()
    if units is None:
        if at is not None or model_name is not None:
            raise InvalidInput("at= and model_name= apply to units=; omit them with prediction ids")
        return outcomes.by_id(context, by_id, prediction_ids, labels)
    name = only_name(context.database, model_name)
    if name is None:
        raise ModelNotFound("the registry has no models, so it has no predictions; register a model")
    if name not in models.names(context.database):
        raise ModelNotFound(f"no model has the name {name!r:.160}; model_names() lists all")
    return outcomes.by_unit(context, name, units, context.now() if at is None else at, labels)
