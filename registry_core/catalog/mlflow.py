"""What an MLflow registry says of its versions: its SQLite file, read only, as MLflow 2 and 3 write it."""

from __future__ import annotations

import errno
import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import InvalidInput, RegistryError, StorageError
from ..records import Row


@dataclass(frozen=True)
class Dataset:
    """Data a run was given: its name and digest, what for, and how many rows it had."""

    name: str
    digest: str
    context: str
    rows: int | None


@dataclass
class MlflowVersion:
    """A version of a registered model, with what its run logged. Times are milliseconds since 1970.

    ``places`` are where its artifacts may lie, the likeliest first. A metric that was not a number is None.
    """

    name: str
    number: int
    status: str
    stage: str
    created: int
    description: str
    places: list[str]
    run_id: str | None
    workspace: str | None
    logged: Row = field(default_factory=dict)
    run: Row = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    run_tags: dict[str, str] = field(default_factory=dict)
    datasets: list[Dataset] = field(default_factory=list)

    @property
    def source(self) -> str:
        """What to call it: its name and number there."""
        return f"{self.name}/{self.number}"


#: What Python says of a value or a column that is not as MLflow writes it.
_ODD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def versions(database: Path, names: Collection[str] | None) -> tuple[list[MlflowVersion], dict[str, str]]:
    """The versions of an MLflow registry (of some registered models), by name and number.

    Also those whose rows cannot be read, ``name/number`` -> why.

    Raises:
        InvalidInput: the file is no MLflow database, or it has no registered model of such a name.
        StorageError: it cannot be read.
    """
    unread: dict[str, str] = {}
    with _opened(database) as connection, stated(f"{database} is not a database of MLflow, or is damaged"):
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"registered_models", "model_versions"} <= there:
            raise InvalidInput(f"{database} is not an MLflow registry: it has no registered models")
        tables = _Tables(connection, there)
        models = {row["name"]: row for row in tables.rows("registered_models")}
        for name in names or ():
            if name not in models:
                known = ", ".join(sorted(map(str, models))[:12]) or "none"
                raise InvalidInput(f"{database} has no registered model {name!r:.160}; it has {known}")
        found = []
        for row in tables.rows("model_versions"):
            if (names is None or row["name"] in names) and row.get("current_stage") != "Deleted_Internal":
                with _left_out(unread, f"{row['name']}/{row['version']}"):
                    found.append(_version(row, models))
        found.sort(key=lambda each: (each.name, each.number))
        _add_names(tables, found)
        for each in found:
            with _left_out(unread, each.source):
                _add_details(tables, each)
    return [each for each in found if each.source not in unread], unread


@contextmanager
def stated(what: str) -> Iterator[None]:
    """Say of odd values and missing columns what could not be read."""
    try:
        yield
    except RegistryError:
        raise
    except _ODD as error:
        # A KeyError says no more than the key.
        why = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise InvalidInput(f"{what} ({why:.160}); repair it in MLflow") from error


@contextmanager
def _left_out(unread: dict[str, str], source: str) -> Iterator[None]:
    try:
        with stated("its rows cannot be read"):
            yield
    except InvalidInput as error:
        unread[source] = str(error)


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    if not database.is_file():
        raise InvalidInput(f"{database} is not a file; name MLflow's SQLite file, such as mlflow.db")
    address = f"file:{quote(str(database.absolute()))}?mode=ro"
    try:
        # A read-only disk has no room for the journal of a reader; nobody writes there either.
        for also in ("", "&immutable=1"):
            with closing(sqlite3.connect(f"{address}{also}", uri=True)) as connection:
                connection.row_factory = sqlite3.Row
                try:
                    connection.execute("SELECT 1 FROM sqlite_master").fetchall()
                except sqlite3.OperationalError:
                    if not also:
                        continue
                    raise
                connection.execute("BEGIN")
                yield connection
                return
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR")):
            raise InvalidInput(f"{database} is not an SQLite database, or is damaged ({error})") from error
        raise StorageError(
            errno.EIO, f"{database} cannot be read ({error}): check its permissions and the disk"
        ) from error


class _Tables:
    """Rows as dicts of whatever columns this release of MLflow has; none of a table it has not."""

    def __init__(self, connection: sqlite3.Connection, there: Collection[str]) -> None:
        self._connection, self._there = connection, there

    def rows(self, table: str, column: str = "", value: Any = None) -> list[Row]:
        if table not in self._there:
            return []
        where, values = (f" WHERE {column} = ?", (value,)) if column else ("", ())
        found = [dict(row) for row in self._connection.execute(f"SELECT * FROM {table}{where}", values)]
        for row in found:
            for key, cell in row.items():
                if isinstance(cell, bytes):
                    raise ValueError(f"{table}.{key} holds bytes, {cell!r:.80}")
        return found


def _version(row: Row, models: dict[str, Row]) -> MlflowVersion:
    source, place = str(row.get("source") or ""), row.get("storage_location")
    about = row.get("description") or models.get(row["name"], {}).get("description")
    if not isinstance(row["name"], str):
        raise ValueError(f"its name is {row['name']!r:.80}")
    return MlflowVersion(
        name=row["name"],
        number=int(row["version"]),
        status=str(row.get("status") or "READY"),
        stage=str(row.get("current_stage") or "None"),
        created=int(row.get("creation_time") or 0),
        description=str(about or ""),
        places=[each for each in (str(place or ""), source) if each],
        run_id=row.get("run_id") or None,
        workspace=row.get("workspace"),
    )


def _add_names(tables: _Tables, found: list[MlflowVersion]) -> None:
    aliases: dict[tuple[str, int], list[str]] = defaultdict(list)
    tags: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for row in tables.rows("registered_model_aliases"):
        aliases[row["name"], int(row["version"])].append(str(row["alias"]))
    for row in tables.rows("model_version_tags"):
        tags[row["name"], int(row["version"])][str(row["key"])] = str(row["value"])
    for each in found:
        each.aliases = sorted(aliases[each.name, each.number])
        each.tags = tags[each.name, each.number]


def _add_details(tables: _Tables, version: MlflowVersion) -> None:
    logged = next((place for place in version.places if place.startswith("models:/m-")), None)
    if logged is not None:
        _add_logged(tables, version, logged.removeprefix("models:/"))
    if version.run_id is not None:
        _add_run(tables, version, version.run_id)


def _add_logged(tables: _Tables, version: MlflowVersion, model_id: str) -> None:
    """What MLflow 3 says of the model itself; its run's last numbers, where it has a run, win over these."""
    version.logged = next(iter(tables.rows("logged_models", "model_id", model_id)), {})
    if version.logged:
        version.places.insert(0, str(version.logged["artifact_location"]))
        version.run_id = version.run_id or version.logged.get("source_run_id")
    for row in sorted(
        tables.rows("logged_model_metrics", "model_id", model_id),
        key=lambda row: (row["metric_step"], row["metric_timestamp_ms"]),
    ):
        version.metrics[row["metric_name"]] = row["metric_value"]
    for row in tables.rows("logged_model_params", "model_id", model_id):
        version.params[row["param_key"]] = row["param_value"]


def _add_run(tables: _Tables, version: MlflowVersion, run_id: str) -> None:
    version.run = next(iter(tables.rows("runs", "run_uuid", run_id)), {})
    below = f"runs:/{run_id}/"
    folder = version.run.get("artifact_uri")
    version.places += [f"{folder}/{each.removeprefix(below)}" for each in version.places if each.startswith(below)]
    for row in tables.rows("latest_metrics", "run_uuid", run_id):
        version.metrics[row["key"]] = None if row.get("is_nan") else row["value"]
    version.params |= {row["key"]: row["value"] for row in tables.rows("params", "run_uuid", run_id)}
    version.run_tags = {row["key"]: row["value"] for row in tables.rows("tags", "run_uuid", run_id)}
    for used in tables.rows("inputs", "destination_id", run_id):
        if used.get("source_type") != "DATASET":
            continue
        tagged = {row["name"]: row["value"] for row in tables.rows("input_tags", "input_uuid", used["input_uuid"])}
        for data in tables.rows("datasets", "dataset_uuid", used["source_id"]):
            context = str(tagged.get("mlflow.data.context") or "")
            version.datasets.append(Dataset(str(data["name"]), str(data["digest"]), context, _rows_of(data)))


def _rows_of(data: Row) -> int | None:
    try:
        rows = json.loads(data.get("dataset_profile") or "{}").get("num_rows")
    except (ValueError, AttributeError):
        return None
    return rows if type(rows) is int and rows >= 0 else None
