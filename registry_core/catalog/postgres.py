"""The same catalog in PostgreSQL: psycopg's connections, in a pool of SQLAlchemy's.

Nothing is set for a session: what counts for a transaction is said at its beginning. So it works through a pooler that
gives each transaction another connection (pgbouncer), and with a role that owns nothing but its schema.
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from .. import forks
from ..errors import CatalogBusy, InvalidInput, StorageError, Unreachable
from ..following import Following, Wait
from ..records import Row
from .database import Damage
from .postgres_queries import LOCK_SECONDS, PostgresQueries, asked
from .schema import REGISTRY, Schema, check_release

if TYPE_CHECKING:
    from psycopg import Connection
    from sqlalchemy.pool import QueuePool

_MIGRATION_LOCK = 7_213_090_117
#: How long one that does nothing may keep others waiting, such as one whose machine stands still.
_IDLE_SECONDS = 60
_BEGIN = (
    f"BEGIN; SET LOCAL lock_timeout = '{LOCK_SECONDS}s'; "
    f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE_SECONDS}s'"
)
#: Told at each commit of the catalog; who listens asks what is new.
_CHANNEL = "model_registry"
#: Seconds after which who listens asks all the same: through a pooler nothing is heard.
_LISTEN_SECONDS = 1.0
#: Whoever follows waits so long for an answer.
_ANSWER_SECONDS = 10.0
#: What applies where the address says nothing else: a network that was cut is noticed within seconds.
_NETWORK: Mapping[str, str] = {
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "model-registry",
}
#: How libpq tells that a server answered, and did not let a connection in; it has no SQLSTATE for that.
_REFUSED = re.compile(r"FATAL: +(.*)")
#: SQLSTATEs of a server that is being started or stopped, or takes no further connection.
_AWAY = ("08", "57P01", "57P02", "57P03", "53300")


class PostgresDatabase:
    """Implements ``Database`` for PostgreSQL; ``address`` is ``postgresql://user:password@host/database``."""

    def __init__(self, address: str, schema: Schema = REGISTRY) -> None:
        self._schema = schema
        #: Called after the commit of a transaction that has news.
        self.on_news: Callable[[], None] = lambda: None
        try:
            import psycopg
            import sqlalchemy  # noqa: F401
            from psycopg import conninfo
        except ModuleNotFoundError as error:
            raise StorageError(
                errno.ENOENT, "a PostgreSQL catalog requires psycopg: pip install 'model-registry-dashboard[postgres]'"
            ) from error
        try:
            given = conninfo.conninfo_to_dict(address)
            [int(port) for port in str(given.get("port", "")).split(",") if port]
        except (psycopg.ProgrammingError, ValueError) as error:
            raise InvalidInput(
                "the database URL is invalid; write it as postgresql://user:password@host:5432/database"
            ) from error
        self.name = _shown(given)
        self._address = conninfo.make_conninfo("", **{**_NETWORK, **given})
        self._most = _most_connections()
        self._pool: QueuePool | None = None
        self._inherited: list[QueuePool] = []
        self._lock = threading.Lock()
        self._following = Following(self._waiting, "registry-changes")
        forks.survive(self)
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    @cached_property
    def qualifier(self) -> str:
        """The schema of the tables: the first of the search path, as it is written in SQL."""
        return str(self.query("SELECT quote_ident(current_schema()) AS name")[0]["name"])

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        with self._explained(), self._begun(lambda connection: asked(connection, sql, parameters, True)) as (_, rows):
            return cast("list[Row]", rows)

    def tuples(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        with self._explained(), self._begun(lambda connection: asked(connection, sql, parameters, False)) as (_, rows):
            return cast("list[tuple[Any, ...]]", rows)

    @contextmanager
    def transaction(self) -> Iterator[PostgresQueries]:
        # Writers queue up here, readers go on; PostgreSQL lets it go at the end of the transaction.
        begin = f"{_BEGIN}; LOCK TABLE {self._schema.lock} IN EXCLUSIVE MODE"
        tells = self._schema.name == REGISTRY.name
        with self._explained(), self._begun(lambda connection: connection.execute(begin.encode())) as (connection, _):
            try:
                yield (queries := PostgresQueries(connection))
                connection.execute(f"NOTIFY {_CHANNEL}; COMMIT".encode() if tells else b"COMMIT")
            finally:
                self._following.stale()
        if queries.has_news:
            self.on_news()

    @contextmanager
    def _begun(self, begin: Callable[[Connection[Any]], Any]) -> Iterator[tuple[Connection[Any], Any]]:
        """A connection with what its first statement gave, which shows whether the server is still there.

        One that the server has ended since, or the network, is replaced: nothing was done yet. What is left of a
        transaction in the end is rolled back, and psycopg forgets with it what it had prepared.
        """
        import psycopg

        while True:
            held = self._own_pool().connect()
            connection = cast("Connection[Any]", held.driver_connection)
            used, held.info["used"] = "used" in held.info, True
            try:
                given = begin(connection)
            except psycopg.errors.FeatureNotSupported:
                # A newer release changed a table: what was prepared on this connection for the one before is no use.
                held.invalidate()
                if not used:
                    raise
                continue
            except BaseException as error:
                _give_back(held, connection)
                if used and connection.closed and isinstance(error, psycopg.OperationalError):
                    continue
                raise
            try:
                yield connection, given
            finally:
                _give_back(held, connection)
            return

    @contextmanager
    def snapshot(self) -> Iterator[PostgresQueries]:
        begin = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        with self._explained(), self._begun(lambda connection: connection.execute(begin)) as (connection, _):
            yield PostgresQueries(connection)

    def changes(self) -> int:
        # Every change of state appends an event in its own transaction.
        return int(self.query("SELECT coalesce(max(seq), 0) AS n FROM events")[0]["n"])

    def followed(self) -> int:
        return self._following.known(self.changes)

    @property
    def away(self) -> str | None:
        return self._following.away

    @contextmanager
    def _waiting(self) -> Iterator[Wait]:
        """A connection of its own, on which commits are told."""
        with self._explained(), closing(self._connect()) as connection:
            # A server may stand still without a word; whoever follows it has to know.
            connection.wait = lambda gen, **how: type(connection).wait(connection, _in_time(gen), **how)
            if connection.prepare_threshold is not None:
                connection.execute(f"LISTEN {_CHANNEL}".encode())

            def wait(known: int | None) -> int:
                if known is not None:
                    for _ in connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1):
                        pass
                return int(asked(connection, "SELECT coalesce(max(seq), 0) FROM events", None, False)[0][0])

            yield wait

    def optimize(self) -> None:
        # Its own autovacuum gives back space.
        self.query("ANALYZE")

    def require_release(self) -> None:
        check_release((row["name"] for row in self.query("SELECT name FROM migrations")), self._schema, self.name)

    def check(self) -> list[Damage]:
        # Its own checksums are those of its pages, and references are checked as they are written.
        return []

    def lost(self) -> int:
        return 0

    @contextmanager
    def mending(self, *, forget_lost: bool = False) -> Iterator[None]:
        yield

    def close(self) -> None:
        self._following.close()
        if self._pool is not None:
            self._pool.dispose()

    def after_fork(self, *, child: bool) -> None:
        """In a child, leave the connections alone: they are its parent's, who would miss what the child reads."""
        if child and self._pool is not None:
            self._inherited.append(self._pool)
            self._pool = None

    def _own_pool(self) -> QueuePool:
        with self._lock:
            if self._pool is None:
                from sqlalchemy.pool import QueuePool

                self._pool = QueuePool(
                    self._connect, pool_size=self._most, max_overflow=0, use_lifo=True, reset_on_return=None
                )
            return self._pool

    def _connect(self) -> Any:
        import psycopg

        # Transactions are begun in words; a read alone is one way to the server instead of three.
        connection = psycopg.connect(self._address, autocommit=True)
        try:
            if _through_pooler(connection):
                # A prepared statement would be known to the server's connection of another transaction only.
                connection.prepare_threshold = None
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self) -> None:
        # Whoever finds everything there changes nothing and waits for nobody, and may be a role that cannot.
        if self.query("SELECT to_regclass('migrations') IS NOT NULL AS there")[0]["there"]:
            applied = {row["name"] for row in self.query("SELECT name FROM migrations")}
            check_release(applied, self._schema, self.name)
            if applied >= self._schema.migrations.keys():
                return
        with self._explained(), self._begun(lambda connection: connection.execute(_BEGIN.encode())) as (connection, _):
            queries = PostgresQueries(connection)
            queries.query("SELECT pg_advisory_xact_lock(:key)", {"key": _MIGRATION_LOCK})
            queries.query("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)")
            applied = {row["name"] for row in queries.query("SELECT name FROM migrations")}
            check_release(applied, self._schema, self.name)
            if not applied.isdisjoint(self._schema.migrations):
                # Before any table: whoever writes has this lock first, and neither waits for the other.
                queries.query(f"LOCK TABLE {self._schema.lock} IN EXCLUSIVE MODE")
            for name, statements in self._schema.migrations.items():
                if name not in applied:
                    for statement in statements:
                        queries.query(statement)
                    queries.query(
                        "INSERT INTO migrations (name, applied_at) VALUES (:name, CAST(now() AS TEXT))", {"name": name}
                    )
            connection.commit()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        import psycopg
        from sqlalchemy.exc import TimeoutError as PoolTimeout

        try:
            yield
        except (psycopg.DataError, UnicodeEncodeError) as error:
            raise InvalidInput(f"a value cannot be looked up or stored: {error}") from error
        except PoolTimeout as error:
            raise CatalogBusy(
                errno.EBUSY,
                f"all {self._most} connections of this process to {self.name} are in use; try again, or raise "
                f"{_MOST_CONNECTIONS}",
            ) from error
        except psycopg.errors.LockNotAvailable as error:
            raise CatalogBusy(
                errno.EBUSY, f"{self.name} was locked by another process for {LOCK_SECONDS} s; try again"
            ) from error
        except psycopg.errors.IdleInTransactionSessionTimeout as error:
            raise StorageError(
                errno.ETIMEDOUT,
                f"{self.name} undid this change: its process stood still for {_IDLE_SECONDS} s while others waited; "
                "try again",
            ) from error
        except psycopg.errors.DeadlockDetected as error:
            raise CatalogBusy(
                errno.EBUSY, f"{self.name} ended a statement, such as beside an upgrade ({_first(error)}); try again"
            ) from error
        except psycopg.errors.FeatureNotSupported as error:
            raise CatalogBusy(
                errno.EBUSY, f"{self.name} was upgraded by a newer release meanwhile ({_first(error)}); try again"
            ) from error
        except psycopg.errors.QueryCanceled as error:
            raise CatalogBusy(
                errno.EBUSY,
                f"{self.name} ended a statement ({_first(error)}); try again, or raise the role's statement_timeout",
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise StorageError(
                errno.EACCES,
                f"{self.name} does not permit this ({_first(error)}): make this role the owner of the tables, or grant "
                "it what is missing",
            ) from error
        except (psycopg.ProgrammingError, psycopg.errors.NotNullViolation, psycopg.errors.CheckViolation):
            # Such as a column that is no longer there, or one that this release does not know and has to be given.
            self.require_release()
            raise
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise StorageError(
                errno.EROFS, f"{self.name} takes no changes, such as a standby: give the address of the primary"
            ) from error
        except psycopg.errors.DiskFull as error:
            raise StorageError(
                errno.ENOSPC, f"the disk of {self.name} is full ({_first(error)}): free space there"
            ) from error
        except psycopg.OperationalError as error:
            state = error.sqlstate
            refused = _REFUSED.search(str(error))
            if state is None and refused:
                raise Unreachable(
                    errno.EACCES,
                    f"{self.name} refuses the connection ({refused[1]}): correct the user, the password or the "
                    "database of the address, or wait until the server has started",
                ) from error
            kind = Unreachable if state is None or state.startswith(_AWAY) else StorageError
            raise kind(
                errno.EIO, f"{self.name} cannot be reached ({_first(error)}): check the address and the server"
            ) from error


_MOST_CONNECTIONS = "MODEL_REGISTRY_CONNECTIONS"


def _most_connections() -> int:
    """How many connections a process has at most, for the catalog and for live traffic each.

    Raises:
        InvalidInput: the environment says no number.
    """
    text = os.environ.get(_MOST_CONNECTIONS, "16")
    if not text.isdecimal() or not 1 <= int(text) <= 1_000:
        raise InvalidInput(f"{_MOST_CONNECTIONS} is {text!r:.80}; give a number from 1 to 1000")
    return int(text)


def _through_pooler(connection: Connection[Any]) -> bool:
    """Whether somebody stands between: the process that answers is not the one that was connected to."""
    return bool(connection.info.backend_pid != asked(connection, "SELECT pg_backend_pid()", None, False)[0][0])


def _give_back(held: Any, connection: Connection[Any]) -> None:
    """Roll back what is left, and return a connection to its pool; one that is broken is closed."""
    import psycopg

    try:
        connection.rollback()
    except psycopg.Error:
        held.invalidate()
    else:
        held.close()


def _in_time(asking: Any) -> Any:
    """The same steps of psycopg's, as long as an answer does not take too long."""
    import psycopg

    deadline, wanted = time.monotonic() + _ANSWER_SECONDS, next(asking)
    while True:
        ready = yield wanted
        if not ready and time.monotonic() > deadline:
            raise psycopg.OperationalError(f"no answer for {_ANSWER_SECONDS:g} s")
        try:
            wanted = asking.send(ready)
        except StopIteration as found:
            return found.value


def _shown(given: Mapping[str, Any]) -> str:
    """An address without its password."""
    user = f"{given['user']}{':***' if given.get('password') else ''}@" if given.get("user") else ""
    port = f":{given['port']}" if given.get("port") else ""
    return f"postgresql://{user}{given.get('host') or ''}{port}/{given.get('dbname') or ''}"


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
