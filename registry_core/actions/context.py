"""What an action works with: the catalog, the store, the clock, the settings, and who acts."""

from __future__ import annotations

import errno
import getpass
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from .. import folders, forks, rights
from ..access import Grant, Principal
from ..artifacts import regular
from ..artifacts.store import Store
from ..catalog import events, moved
from ..catalog.database import Database, Queries
from ..catalog.sqlite import SqliteDatabase
from ..config import Configuration
from ..errors import InvalidInput, StorageError
from ..rules import people
from ..rules.intake import check_text
from .seals import Seals

if TYPE_CHECKING:
    from ..catalog.postgres import PostgresDatabase

#: For ``expected_champion``: the caller does not say what it saw. No model id can be spelt so.
NOT_CHECKED: Final = "<not checked>"
CONFIGURATION = "configuration"
_MOST_REASON = 2000


class Itself(str):
    """The registry, as the actor of what it decides by itself. No text from outside is one."""

    __slots__ = ()


#: Who acts when nobody does.
AUTO: Final = Itself(people.RESERVED[0])


class Closable(Protocol):
    """What has to be closed when it is no longer needed."""

    def close(self) -> None:
        """Stop, and give back what it holds."""


_Part = TypeVar("_Part", bound=Closable)


@dataclass(eq=False)
class Context:
    """The parts of an open registry."""

    location: str
    database: Database
    store: Store
    clock: Callable[[], datetime]
    actor: str
    open_telemetry: Callable[[], Database]
    #: The location and the place of the artifacts, as another process opens them again: with their password.
    address: tuple[str, str | None] = field(repr=False)
    #: Who signed in and acts; None where a local user does.
    principal: Principal | None = None
    #: The grants they hold at this moment.
    held: Callable[[], Sequence[Grant]] = field(default=tuple, repr=False)
    #: The context of the registry itself, where somebody who signed in acts.
    own: Context | None = field(default=None, repr=False)
    #: What opens the registry again, and its arguments: set by the registry itself, whom no action knows.
    reopened: Callable[[], tuple[Any, ...]] = field(default=tuple, repr=False)
    #: Called after a commit with an event that a webhook may be waiting for: set by the registry itself.
    on_news: Callable[[], None] = field(default=lambda: None, repr=False)
    _configuration: tuple[int, Configuration] | None = field(default=None, repr=False)
    _telemetry: Database | None = field(default=None, repr=False)
    #: Held while something is opened that most who open a registry never need.
    opening: Any = field(default_factory=threading.RLock, repr=False)
    _parts: dict[Any, Closable] = field(default_factory=dict, repr=False)
    #: The prediction log as somebody sees it who signed in, see ``own``.
    guarded_telemetry: Callable[[Database], Database] = field(default=lambda whole: whole, repr=False)
    #: What was looked at last, and when: some looks are too dear for every outcome.
    looked: dict[tuple[str, Any], Any] = field(default_factory=dict, repr=False)

    @property
    def whole(self) -> Database:
        """The catalog with everything in it, whoever acts."""
        return self.database if self.own is None else self.own.database

    @property
    def telemetry(self) -> Database:
        """Where predictions and outcomes are kept; opened when somebody asks for it first."""
        if self.own is not None:
            return self.guarded_telemetry(self.own.telemetry)
        if self._telemetry is None:
            with self.opening:
                if self._telemetry is None:
                    opened = moved.Telemetry(self.open_telemetry(), lambda: moved.moved_to(self.database))
                    self._telemetry = cast("Database", opened)
        return self._telemetry

    def part(self, make: Callable[[Context], _Part]) -> _Part:
        """What ``make`` gives of this context: made when it is first asked for, and closed with the registry."""
        if self.own is not None:
            return self.own.part(make)
        with self.opening:
            made = self._parts.get(make)
            if made is None:
                made = self._parts[make] = make(self)
            return cast(_Part, made)

    def close(self) -> None:
        """Close every part that was made, and give back all connections."""
        for part in self._parts.values():
            part.close()
        if self._telemetry is not None:
            self._telemetry.close()
        self.database.close()

    def configuration(self, queries: Queries | None = None) -> Configuration:
        """The settings that count now: as a transaction sees them, or read again only after something changed.

        Trusted names are those that somebody decided here; ``settings`` has all that are written down.
        """
        if self.own is not None and queries in (None, self.database):
            return self.own.configuration()
        if queries is not None and queries is not self.database:
            return self.seals.counting(queries, self.settings(queries))
        changes = self.database.changes()
        held = self._configuration
        if held is None or held[0] != changes:
            counting = self.seals.counting(self.database, self.settings(self.database))
            held = self._configuration = (changes, counting)
        return held[1]

    def forget_configuration(self) -> None:
        """Read the settings again at the next question: what counts of them may be more by now."""
        self._configuration = None
        if self.own is not None:
            self.own.forget_configuration()

    def settings(self, queries: Queries) -> Configuration:
        """The settings as they are written down, wherever they came from."""
        return self.stored_configuration(queries) or Configuration()

    @property
    def seals(self) -> Seals:
        """Which decisions about trust were made here."""
        return Seals(self.location)

    @staticmethod
    def stored_configuration(queries: Queries) -> Configuration | None:
        """The settings as the catalog has them; None in a registry that is only being made."""
        text = events.setting(queries, CONFIGURATION)
        return None if text is None else _parsed(text)

    def who(self, actor: str | None) -> str:
        """The actor of a call.

        Raises:
            InvalidInput: it is no text that can be shown, or is read as what the registry calls itself.
        """
        if actor is None or isinstance(actor, Itself):
            return self.actor if actor is None else actor
        if self.principal is not None and actor != self.actor:
            raise InvalidInput(
                f"actor {actor!r:.80} cannot be given by {self.actor}, who is signed in and acts; omit actor="
            )
        if not isinstance(actor, str) or not actor.strip() or len(actor) > 200 or not actor.isprintable():
            raise InvalidInput(
                f"actor {actor!r:.80} cannot be used; give a person or program, in 1 to 200 printable characters"
            )
        if people.is_reserved(actor):
            raise InvalidInput(
                f"{actor.strip()!r:.80} is the name of the registry itself; give the acting person or program"
            )
        return actor.strip()

    def now(self) -> datetime:
        """The present, aware."""
        now = self.clock()
        if now.tzinfo is None:
            raise InvalidInput(
                "the clock returned a datetime without a time zone; make it return datetime.now(timezone.utc)"
            )
        return now


def open_context(
    location: str | os.PathLike[str],
    artifacts: str | os.PathLike[str] | None,
    clock: Callable[[], datetime] | None,
    actor: str | None,
) -> Context:
    """Open a folder or a database; see ``Registry``."""
    try:
        place = os.fspath(location)
    except TypeError as error:
        raise InvalidInput(f"location is {location!r:.80}; name a folder or a database URL") from error
    if "\0" in place:
        raise InvalidInput(f"location {place!r:.80} contains a NUL character; name a folder or a database URL")
    database: SqliteDatabase | PostgresDatabase
    open_telemetry: Callable[[], Database]
    opened: tuple[str, str | None]
    if place.startswith(("postgresql://", "postgres://")):
        if artifacts is None:
            raise InvalidInput(
                'a registry in a database requires a folder or bucket for its files: Registry("postgresql://...", artifacts="s3://...")'
            )
        from ..catalog.postgres import PostgresDatabase

        files = _absolute(os.fspath(artifacts))
        store, opened = Store(files), (place, files)
        address = place.replace("postgres://", "postgresql://", 1)
        database = PostgresDatabase(address)
        open_telemetry = partial(_telemetry_in_postgres, address)
        shown = database.name
    elif "://" in place and not place.startswith("file://"):
        raise InvalidInput(
            f'{place} cannot hold a catalog; name a folder, or a database URL with artifacts="{place}" for the files'
        )
    else:
        if artifacts is not None:
            raise InvalidInput(
                "artifacts= applies to a database URL; a registry in a folder keeps its files there. Omit artifacts="
            )
        folder = Path(place.removeprefix("file://")).expanduser().absolute()
        _make_folder(folder)
        store, opened = Store(str(folder)), (str(folder), None)
        rights.warn(folder)
        regular.check_database(folder / "registry.db")
        database = SqliteDatabase(folder / "registry.db")
        open_telemetry = partial(_telemetry_in_sqlite, folder / "telemetry.db")
        shown = str(folder)
    context = Context(shown, database, store, clock or _utc_now, actor or _user(), open_telemetry, opened)
    context.actor = context.who(context.actor)
    database.on_news = lambda: context.on_news()
    forks.survive(context)
    return context


def _telemetry_in_sqlite(path: Path) -> Database:
    from ..catalog.telemetry.schema import TELEMETRY

    regular.check_database(path)
    # A prediction that a power failure takes costs less than a sync for each batch of them.
    return SqliteDatabase(path, TELEMETRY, synchronous="NORMAL")


def _telemetry_in_postgres(address: str) -> Database:
    from ..catalog.postgres import PostgresDatabase
    from ..catalog.telemetry.schema import in_postgres

    return PostgresDatabase(address, in_postgres())


def _absolute(address: str) -> str:
    return address if "://" in address else str(Path(address).expanduser().absolute())


def _make_folder(folder: Path) -> None:
    try:
        made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for each in made:
            # A power failure would take a new folder along, with all that was confirmed in it.
            folders.sync(each.parent)
    except FileExistsError as error:
        raise StorageError(errno.ENOTDIR, f"{folder} is a file; name a folder for the registry") from error
    except OSError as error:
        raise StorageError(
            error.errno or errno.EIO,
            f"the folder {folder} cannot be created ({error.strerror}): give this user write permission, or name "
            "another folder",
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise StorageError(
            errno.EACCES,
            f"the folder {folder} cannot be written: give this user write permission, or name another folder",
        )


@lru_cache(maxsize=16)
def _parsed(text: str) -> Configuration:
    return Configuration.from_json(text)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user-{os.getuid()}"


def check_reason(reason: str) -> str:
    """The reason of a call, bounded."""
    return check_text(reason, "reason", _MOST_REASON).strip()
