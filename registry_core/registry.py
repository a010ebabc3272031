"""The facade: an open registry. Its verbs stand in ``facade``, by what they are for."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self

from . import forks
from .actions import configure, context
from .actions.load import Loader
from .actions.maintenance import recover, restore
from .errors import InvalidInput
from .facade.evaluation import EvaluationVerbs
from .facade.maintenance import MaintenanceVerbs
from .facade.monitoring import MonitoringVerbs
from .facade.origin import OriginVerbs
from .facade.promotion import PromotionVerbs
from .facade.queries import QueryVerbs
from .facade.registration import RegistrationVerbs
from .facade.serving import Predictor, ServingVerbs
from .maintenance import Progress, RebuildReport

__all__ = ["Predictor", "Registry"]

#: What was unpickled here: the tasks of a worker process share one open registry for each place.
_REOPENED: dict[Any, Registry] = {}
_MOST_REOPENED = 8


class Registry(
    RegistrationVerbs,
    QueryVerbs,
    EvaluationVerbs,
    PromotionVerbs,
    ServingVerbs,
    MonitoringVerbs,
    MaintenanceVerbs,
    OriginVerbs,
):
    """A registry of trained models in a folder, or of a team in a database with artifacts in a bucket.

    A folder with ``models/`` and ``metadata/`` and no catalog is adopted: nothing in it is changed, every model is
    looked into and indexed. A catalog that was lost is made anew of the exported index and the metadata files.

    Args:
        location: a folder, made when missing, or ``postgresql://...``.
        artifacts: with a database address, the folder or bucket address of the artifacts.
        clock: returns the present as an aware datetime; replays and tests live in their own time.
        actor: who acts when a call does not say; the operating system's user by default.
        take_over_settings: False leaves an edited registry_config.json alone, to ``verify`` first.

    All methods may be called from several threads, and several processes may open one location. A registry goes on in
    a process that was forked, and it can be pickled: another process opens the same place again, with the same actor
    and clock. A pickled registry holds the address of its database with the password.

    Raises:
        InvalidConfiguration: registry_config.json holds a key or value that is not allowed.
        StorageError: the folder cannot be written, or the database is out of reach.
    """

    def __init__(
        self,
        location: str | os.PathLike[str] = "model_registry",
        *,
        artifacts: str | os.PathLike[str] | None = None,
        clock: Callable[[], datetime] | None = None,
        actor: str | None = None,
        take_over_settings: bool = True,
    ) -> None:
        self._context = context.open_context(location, artifacts, clock, actor)
        try:
            self._recovered = recover.recover(self._context)
            if take_over_settings:
                configure.settle(self._context)
        except BaseException:
            self.close()
            raise
        self._loader = Loader(self._context)
        forks.survive(self._loader)
        self._context.reopened = partial(_reduced, type(self), self._context.address, clock, self._context.actor)

    @classmethod
    def recover(
        cls,
        location: str | os.PathLike[str] = "model_registry",
        *,
        clock: Callable[[], datetime] | None = None,
        actor: str | None = None,
    ) -> RebuildReport:
        """Move the damaged catalog of a folder aside, as ``registry.db.damaged-<time>``, and make a new one.

        Everything comes back as ``export_index`` last wrote it; what was registered since is adopted from its metadata.

        Raises:
            StateConflict: the catalog is not damaged; nothing was changed.
            InvalidInput: there is no folder with a catalog.
        """
        now = clock() if clock else datetime.now(UTC)
        recover.set_aside(location, f"{now:%Y%m%dT%H%M%S}")
        with cls(location, clock=clock, actor=actor) as made:
            return made._recovered or RebuildReport("sidecars", None, 0, {}, {}, 0.0)

    @classmethod
    def from_backup(
        cls,
        path: str | os.PathLike[str],
        location: str | os.PathLike[str],
        *,
        artifacts: str | os.PathLike[str] | None = None,
        clock: Callable[[], datetime] | None = None,
        actor: str | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Make a registry of what ``backup`` wrote, in an empty place: a folder, or a database with its artifacts.

        Every byte of the file is checked before anything is made. A folder appears whole or not at all; a database has
        its files first and all its rows at once. A backup of the one can be restored into the other.

        Raises:
            InvalidInput: the file is no backup, comes from a newer release, was cut off or altered; the message names
                the part.
            StateConflict: something is at that place already.
            StorageError: it cannot be written.
        """
        restore.restore(path, location, artifacts, clock, actor, progress)
        return cls(location, artifacts=artifacts, clock=clock, actor=actor)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._context.reopened()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Registry({self.location!r})"

    def close(self) -> None:
        """Keep what predictors answered so far, stop sending, and give back the catalog's connections.

        Raises:
            StorageError: predictions could not be kept.
        """
        try:
            self._close_serving()
        finally:
            self._context.close()

    @property
    def location(self) -> str:
        """The folder or database address, without any password."""
        return self._context.location

    @property
    def actor(self) -> str:
        """Who acts when a call does not say."""
        return self._context.actor


def _reduced(
    kind: type[Registry], address: tuple[str, str | None], clock: Callable[[], datetime] | None, actor: str
) -> tuple[Any, ...]:
    if clock is not None:
        try:
            pickle.dumps(clock)
        except Exception as error:
            raise InvalidInput(
                f"a registry with this clock cannot be sent to another process ({error}); "
                "make the clock a function of a module, or open the registry there"
            ) from error
    return _reopen, (kind, *address, clock, actor)


def _reopen(
    kind: type[Registry], location: str, artifacts: str | None, clock: Callable[[], datetime] | None, actor: str
) -> Registry:
    key = (kind, location, artifacts, actor)
    if clock is not None or key not in _REOPENED:
        made = kind(location, artifacts=artifacts, clock=clock, actor=actor)
        if clock is not None:
            return made
        while len(_REOPENED) >= _MOST_REOPENED:
            _REOPENED.pop(next(iter(_REOPENED)))
        _REOPENED[key] = made
    return _REOPENED[key]
