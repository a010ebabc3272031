"""Wrong arguments, altered backups and odd MLflow rows: each is a stated error, or a version left out with a reason."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry_core import InvalidInput, ModelNotFound, Registry
from tests import fitted
from tests.actions.maintenance.test_mlflow import DATA
from tests.actions.maintenance.test_restore import rewritten


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One with one version."""
    with Registry(tmp_path_factory.mktemp("wrong") / "registry") as made:
        fitted.register(made)
        yield made


@pytest.fixture(scope="module")
def backup(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it."""
    return Path(registry.backup(tmp_path_factory.mktemp("backup") / "b.tar").path)


@pytest.mark.parametrize("path", [None, 5, b"x", "", "a\0b", "\ud800", "~nouser/x", "x" * 100_000])
def test_no_path(registry: Registry, backup: Path, tmp_path: Path, path: Any) -> None:
    verbs: list[Callable[[], object]] = [
        lambda: registry.backup(path),
        lambda: registry.export_models(path),
        lambda: registry.import_models(path),
        lambda: registry.import_mlflow(path),
        lambda: Registry.from_backup(path, tmp_path / "r"),
        lambda: Registry.from_backup(backup, path),
    ]
    if path is not None:
        verbs.append(lambda: registry.export_index(path))
        verbs.append(lambda: registry.import_mlflow(DATA / "mlflow.sqlite", path))
    for verb in verbs:
        with pytest.raises(InvalidInput, match=r"name |is not a file"):
            verb()


@pytest.mark.parametrize("verb", ["plan_cleanup", "trash", "compress", "export_models"])
def test_no_model_name(registry: Registry, tmp_path: Path, verb: str) -> None:
    calls: dict[str, Callable[[Any], object]] = {
        "plan_cleanup": registry.plan_cleanup,
        "trash": registry.trash,
        "compress": lambda name: registry.compress(0, model_name=name),
        "export_models": lambda name: registry.export_models(tmp_path / "x", model_name=name),
    }
    wrong: tuple[Any, ...] = (5, [], b"Churn")
    for name in wrong:
        with pytest.raises(InvalidInput, match="model_name is"):
            calls[verb](name)
    for unknown in ("typo", "\ud800", ""):
        with pytest.raises(ModelNotFound, match="no model has the name"):
            calls[verb](unknown)
    calls[verb]("Churn")


ARRAY: Any = np.array([True, False])
FIVE: Any = 5


@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("plan", lambda registry, _: registry.cleanup(FIVE)),
        ("only", lambda registry, _: registry.cleanup(only=FIVE)),
        ("model_ids", lambda registry, path: registry.export_models(path, FIVE)),
        ("model_ids", lambda registry, path: registry.export_models(path, [FIVE])),
        ("model_names", lambda registry, _: registry.import_mlflow(DATA / "mlflow.sqlite", model_names=FIVE)),
        ("repair", lambda registry, _: registry.verify(repair=ARRAY)),
        ("promote_champions", lambda registry, path: registry.import_models(path, promote_champions=ARRAY)),
        ("progress", lambda registry, _: registry.cleanup(progress=FIVE)),
        ("progress", lambda registry, _: registry.compress(0, progress=FIVE)),
        ("progress", lambda registry, _: registry.rebuild_index(progress=FIVE)),
        ("progress", lambda registry, _: registry.verify(progress=FIVE)),
        ("progress", lambda registry, path: registry.backup(path, progress=FIVE)),
        ("progress", lambda registry, path: registry.export_models(path, progress=FIVE)),
        ("progress", lambda registry, path: registry.import_models(path, progress=FIVE)),
        ("progress", lambda registry, _: registry.import_mlflow(DATA / "mlflow.sqlite", progress=FIVE)),
        ("progress", lambda _, path: Registry.from_backup(path, path.with_name("r"), progress=FIVE)),
    ],
)
def test_another_type(registry: Registry, tmp_path: Path, what: str, call: Callable[[Registry, Path], object]) -> None:
    before = len(registry.events())
    with pytest.raises(InvalidInput, match=f"^{what} is "):
        call(registry, tmp_path / "x.tar")
    assert len(registry.events()) == before
    assert not [*tmp_path.iterdir()]


def described(value: Any) -> Callable[[dict[str, Any], dict[str, bytes]], None]:
    """Another number of rows in the manifest."""

    def change(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
        manifest["catalog"]["models"]["rows"] = value

    return change


def put(table: str, column: str, value: Any) -> Callable[[dict[str, Any], dict[str, bytes]], None]:
    """Another value in the first row of a table."""

    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        member = f"catalog/{table}.jsonl"
        row, *rest = members[member].splitlines(keepends=True)
        cells = json.loads(row)
        cells[manifest["catalog"][table]["columns"].index(column)] = value
        members[member] = json.dumps(cells).encode() + b"\n" + b"".join(rest)

    return change


def twice(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
    """A column named twice."""
    columns = manifest["catalog"]["models"]["columns"]
    columns[1] = columns[0]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (described(None), "'models'"),
        (described("x"), "'models'"),
        (described(-1), "'models'"),
        (twice, "'models'"),
        (put("models", "seq", None), "catalog/model"),
        (put("models", "seq", []), "catalog/models.jsonl"),
        (put("models", "model_id", {}), "catalog/models.jsonl"),
        (put("models", "status", {"base64": 5}), "catalog/models.jsonl"),
        (put("models", "model_name", ["x"]), "catalog/models.jsonl"),
        *((put("model_documents", "metadata", each), "catalog/model_documents.jsonl") for each in (None, "x", "[]", 5)),
        (put("model_documents", "metadata", "[" * 100_000), "catalog/model_documents.jsonl"),
    ],
)
def test_an_altered_backup(
    backup: Path, tmp_path: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None], named: str
) -> None:
    with pytest.raises(InvalidInput, match=named):
        Registry.from_backup(rewritten(backup, tmp_path / "x.tar", change), tmp_path / "r")
    assert [each.name for each in tmp_path.iterdir()] == ["x.tar"]


LOOSENED = ("registered_models", "model_versions", "model_version_tags", "registered_model_aliases", "params", "tags")


def mlflow(folder: Path, *statements: str) -> Path:
    """MLflow's database after some statements; its tables have lost their keys and constraints."""
    shutil.copytree(DATA, folder / "mlflow")
    path = folder / "mlflow" / "mlflow.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        for table in LOOSENED:
            connection.execute(f"CREATE TABLE loose AS SELECT * FROM {table}")
            connection.execute(f"DROP TABLE {table}")
            connection.execute(f"ALTER TABLE loose RENAME TO {table}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


FIRST = "WHERE name = 'Churn' AND version = 1"


@pytest.mark.parametrize(
    ("statement", "source"),
    [
        (f"UPDATE model_versions SET version = 'abc' {FIRST}", "Churn/abc"),
        (f"UPDATE model_versions SET version = NULL {FIRST}", "Churn/None"),
        (f"UPDATE model_versions SET creation_time = 'abc' {FIRST}", "Churn/1"),
        (f"UPDATE model_versions SET name = NULL {FIRST}", "None/1"),
        ("UPDATE logged_models SET creation_timestamp_ms = 'abc'", "Churn/1"),
        ("UPDATE params SET value = NULL", "Churn/1"),
        ("UPDATE params SET key = x'ff00'", "Churn/1"),
        ("UPDATE tags SET key = x'ff00'", "Churn/1"),
        ("ALTER TABLE params DROP COLUMN key", "Churn/1"),
    ],
)
def test_an_odd_mlflow_version_is_left_out(tmp_path: Path, statement: str, source: str) -> None:
    with Registry(tmp_path / "r") as registry:
        report = registry.import_mlflow(mlflow(tmp_path, statement))
        assert "cannot be read" in report.skipped[source]
        assert source not in report.imported


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE model_versions DROP COLUMN version",
        "ALTER TABLE registered_models DROP COLUMN name",
        "UPDATE model_version_tags SET version = 'abc'",
        "UPDATE model_version_tags SET key = x'ff00'",
        "ALTER TABLE registered_model_aliases DROP COLUMN alias",
    ],
)
def test_an_odd_mlflow_database_is_named(tmp_path: Path, statement: str) -> None:
    path = mlflow(tmp_path, statement)
    wrong = f"{path} is not a database of MLflow, or is damaged .*; repair it in MLflow"
    with Registry(tmp_path / "r") as registry, pytest.raises(InvalidInput, match=wrong):
        registry.import_mlflow(path)
