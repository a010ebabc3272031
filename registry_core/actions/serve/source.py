"""Where a predictor has its plan and its models from: the catalog of this process, or a server."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ...catalog import deployments, experiments
from ...errors import NoModelAvailable
from ...live.serving import ServingPlan
from ...signature import Signature
from .. import signatures
from ..context import Context
from ..load import Loaded, Loader
from ..model_records import record, require
from ..promotion import predecessors
from ..watch import standby


class Source(Protocol):
    """What a predictor of one model name asks."""

    def changes(self) -> int:
        """A number that is another one once something changed; cheap, since every call asks."""

    @property
    def away(self) -> str | None:
        """Why the server of the catalog does not answer; None while it does."""

    def plan(self) -> ServingPlan:
        """What holds now.

        Raises:
            NoModelAvailable: the model name has no champion.
            Unreachable: the server of the catalog does not answer.
        """

    def load(self, model_id: str) -> Loaded:
        """A version with its scaler and metadata."""

    def signature(self, model_id: str) -> Signature:
        """What a version takes and gives, whether it loads or not."""

    def now(self) -> datetime:
        """The present."""


class Here:
    """A source in the catalog of this process."""

    def __init__(self, context: Context, loader: Loader, model_name: str) -> None:
        self._context, self._loader, self._model_name = context, loader, model_name

    def changes(self) -> int:
        """See ``Source``."""
        return self._context.database.followed()

    @property
    def away(self) -> str | None:
        """See ``Source``."""
        return self._context.database.away

    def plan(self) -> ServingPlan:
        """See ``Source``."""
        return read(self._context, self._model_name)

    def load(self, model_id: str) -> Loaded:
        """See ``Source``."""
        return self._loader.load(model_id)

    def signature(self, model_id: str) -> Signature:
        """See ``Source``."""
        database = self._context.database
        return signatures.signature(database, record(self._context, require(database, model_id)))

    def now(self) -> datetime:
        """See ``Source``."""
        return self._context.now()


def read(context: Context, model_name: str) -> ServingPlan:
    """What a predictor follows now.

    Raises:
        NoModelAvailable: the model name has no champion.
    """
    current = deployments.current(context.database, model_name)
    if current is None:
        raise NoModelAvailable(
            f"{model_name} has no champion: register a model with all weighted metrics, or promote one"
        )
    policy = context.configuration().policy(model_name).monitoring_policy
    chosen = None if policy.on_degradation == "off" else standby.chosen(context, current)
    share = 1.0 if chosen and standby.every_row(context.database, current) else policy.standby_sample
    return ServingPlan(
        model_name,
        current,
        policy,
        tuple(experiments.current(context.database, model_name)),
        tuple(predecessors(context.database, model_name)),
        chosen if share else None,
        share if chosen else 0.0,
    )
