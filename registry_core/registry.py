"""The facade: an open registry. Its verbs stand in ``facade``, by what they are for."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, Self, cast

from . import forks, remote
from .actions import configure, context, notify
from .actions.load import Loader
from .actions.maintenance import move as moving
from .actions.maintenance import recover, restore
from .errors import InvalidInput
from .facade.access import AccessVerbs
from .facade.evaluation import EvaluationVerbs
from .facade.insights import InsightVerbs
from .facade.maintenance import MaintenanceVerbs
from .facade.model_cards import ModelCardVerbs
from .facade.monitoring import MonitoringVerbs
from .facade.origin import OriginVerbs
from .facade.promotion import PromotionVerbs
from .facade.queries import QueryVerbs
from .facade.registration import RegistrationVerbs
from .facade.requests import RequestVerbs
from .facade.serving import Predictor, ServingVerbs
from .facade.webhooks import WebhookVerbs
from .maintenance import MoveReport, Progress, RebuildReport

__all__ = ["Predictor", "Registry", "move"]

#: What was unpickled here: the tasks of a worker process share one open registry for each place.
_REOPENED: dict[Any, Registry] = {}
_MOST_REOPENED = 8


class Registry(
    RegistrationVerbs,
    QueryVerbs,
    EvaluationVerbs,
    InsightVerbs,
    ModelCardVerbs,
    PromotionVerbs,
    ServingVerbs,
    MonitoringVerbs,
    MaintenanceVerbs,
    OriginVerbs,
    AccessVerbs,
    RequestVerbs,
    WebhookVerbs,
):
    """A registry of trained models: in a folder, in a database with its files in a bucket, or behind a server.

    A folder with ``models/`` and ``metadata/`` but without a catalog is adopted: nothing in it is changed, every model
    is scanned and indexed. A lost catalog is rebuilt from the exported index and the metadata files.

    Args:
        location: a folder, created when missing, ``postgresql://...``, or the address of a server of the HTTP API,
            ``https://...``.
        artifacts: with a database URL: folder or bucket URL of the files.
        clock: returns the present as an aware datetime; for replays and tests. Default: the system's clock.
        actor: who acts when a call does not name an actor. Default: the operating system's user.
        take_over_settings: False does not apply an edited registry_config.json, so that ``verify`` can report it.
        token: with the address of a server: the token. Default: MODEL_REGISTRY_TOKEN, or what ``model-registry login``
            stored.
        trusted_globals: with the address of a server: imports beyond the reviewed list that may be loaded here. What
            the server trusts does not count.

    All methods may be called from several threads, and several processes may open one location. A registry works in
    forked processes, and can be pickled: another process then opens the same location with the same actor and clock. A
    pickled registry contains the database URL with its password.

    Times are UTC in ISO 8601. Times passed without a time zone are local time, unless a method says otherwise. All
    errors are ``RegistryError``; many are also standard errors, such as KeyError for an unknown id.

    Raises:
        InvalidConfiguration: registry_config.json holds an unknown key or an invalid value.
        StorageError: the folder is not writable, or the database cannot be reached.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Registry(folder, actor="nightly pipeline") as registry:
        ...     registry.actor, registry.model_names(), registry.get_active_model_id()
        ('nightly pipeline', [], None)
    """

    def __new__(cls, location: str | os.PathLike[str] = "model_registry", *_: Any, **__: Any) -> Self:
        """A registry behind a server is of a class of its own, with the same methods."""
        if cls is Registry and remote.is_address(location):
            return cast(Self, object.__new__(remote.class_of(cls)))
        return object.__new__(cls)

    def __init__(
        self,
        location: str | os.PathLike[str] = "model_registry",
        *,
        artifacts: str | os.PathLike[str] | None = None,
        clock: Callable[[], datetime] | None = None,
        actor: str | None = None,
        take_over_settings: bool = True,
        token: str | None = None,
        trusted_globals: Sequence[str] = (),
    ) -> None:
        if token is not None or trusted_globals:
            raise InvalidInput(
                "token= and trusted_globals= apply to the address of a server, such as https://registry.example"
            )
        self._context = context.open_context(location, artifacts, clock, actor)
        try:
            self._recovered = recover.recover(self._context)
            configure.score_again(self._context)
            if take_over_settings:
                configure.settle(self._context)
        except BaseException:
            self.close()
            raise
        self._loader = Loader(self._context)
        forks.survive(self._loader)
        self._context.on_news = partial(notify.wake_sender, self._context)
        self._context.reopened = partial(_reduced, type(self), self._context.address, clock, self._context.actor)

    @classmethod
    def recover(
        cls,
        location: str | os.PathLike[str] = "model_registry",
        *,
        clock: Callable[[], datetime] | None = None,
        actor: str | None = None,
    ) -> RebuildReport:
        """Move the damaged catalog of a folder aside, as ``registry.db.damaged-<time>``, and build a new one.

        The state is that of the last ``export_index``; models registered since then are adopted from their metadata
        files.

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
        """Restore a ``backup`` into a new folder, or into an empty database with its files.

        Every byte is verified before anything is written. A folder appears completely or not at all; a database gets
        its files first and all rows at once. A backup of a folder can be restored into a database, and vice versa.

        Args:
            path: the backup.
            location, artifacts, clock, actor: as for ``Registry``.
            progress: callback (step, done, total).

        Raises:
            InvalidInput: the file is not a backup, is from a newer release, truncated or altered; the message names the
                part.
            StateConflict: the location is not empty.
            StorageError: the location cannot be written.
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
        """Store the predictions served so far, stop sending notifications, and close the connections.

        Raises:
            StorageError: predictions could not be stored.
        """
        try:
            self._close_serving()
        finally:
            self._context.close()

    @property
    def location(self) -> str:
        """The folder or database URL, without the password."""
        return self._context.location

    @property
    def actor(self) -> str:
        """Who acts when a call does not name an actor."""
        return self._context.actor


def move(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    source_artifacts: str | os.PathLike[str] | None = None,
    artifacts: str | os.PathLike[str] | None = None,
    keep: bool = False,
    actor: str | None = None,
    progress: Progress | None = None,
) -> MoveReport:
    """Move a registry to another place while it is in use: from a folder to a database with its files, or back.

    Files, predictions and outcomes are copied in rounds while others read and write. A short last round copies the rest
    while writes to the source wait, and compares both. Then the source can only be read: writes raise an error that
    names the target. A call that was interrupted resumes when it is repeated; after a complete move it verifies the
    target again. Nothing is deleted from the source.

    Args:
        source, target: as for ``Registry``; the target is empty, or an earlier home of the same registry.
        source_artifacts, artifacts: with a database URL: folder or bucket URL of its files.
        keep: leave the source as it is. Both can be written then, and differ from then on.
        actor: default: the operating system's user.
        progress: callback (step, done, total).

    Raises:
        InvalidInput: the source holds no registry, or is the target.
        StateConflict: the target holds something else, or the source was moved to another place.
        StorageError: a place cannot be reached, read or written; the source was left as it is.
    """
    return moving.move(source, target, source_artifacts, artifacts, keep, actor, progress)


def _reduced(
    kind: type[Registry], address: tuple[str, str | None], clock: Callable[[], datetime] | None, actor: str
) -> tuple[Any, ...]:
    if clock is not None:
        try:
            pickle.dumps(clock)
        except Exception as error:
            raise InvalidInput(
                f"a registry with this clock cannot be pickled ({error}); make the clock a function of a module, or "
                "open the registry in the other process"
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
