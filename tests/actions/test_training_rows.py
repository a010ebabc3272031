"""Benchmark rows that a version was trained on are counted where it is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from registry_core import Registry, TrainingOverlap
from registry_core.actions import training_rows
from tests.commands import answer, run

FEATURES = ["age", "visits"]


def rows(number: int, seed: int) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    age, visits = chance.random(number), chance.random(number)
    return pd.DataFrame({"age": age, "visits": visits, "left": (age > 0.5).astype(int)})


TRAIN = rows(200, 1)
#: 40 of the training rows, in another order, and 60 others.
HOLDOUT = pd.concat([TRAIN.iloc[39::-1], rows(60, 2)], ignore_index=True)


def put(registry: Registry, training_data: object, *, named: bool = True) -> str:
    scaler = StandardScaler().fit(TRAIN[FEATURES] if named else TRAIN[FEATURES].to_numpy())
    model = LogisticRegression().fit(
        scaler.transform(TRAIN[FEATURES] if named else TRAIN[FEATURES].to_numpy()), TRAIN["left"]
    )
    return registry.register_model(
        model, scaler, model_name="Churn", model_type="LR", training_data=training_data,
        feature_names=FEATURES if named else None,
    )  # fmt: skip


def test_rows_are_counted_and_the_record_says_so(registry: Registry) -> None:
    registry.add_benchmark("holdout", "Churn", HOLDOUT, "left")
    model_id = put(registry, TRAIN)
    (evaluation,) = registry.evaluations(model_id)
    assert evaluation.in_training == TrainingOverlap(40, 100, 100)
    assert evaluation.in_training.sentence == "40 of 100 benchmark rows were in its training data"
    (event,) = registry.events(model_id=model_id, kinds=["evaluated"])
    assert event.after["in_training"] == evaluation.in_training.sentence
    cautions = registry.model_card(model_id).cautions
    assert any(each.startswith("40 of 100 benchmark rows were in its training data.") for each in cautions)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (TRAIN[["left", "visits", "age"]], True),
        (TRAIN[FEATURES].to_numpy(), True),
        (TRAIN[FEATURES].to_numpy(), False),
        (TRAIN[FEATURES].astype("float32"), True),
    ],
)
def test_columns_are_found_by_name_or_place(sqlite_registry: Registry, data: object, named: bool) -> None:
    sqlite_registry.add_benchmark("holdout", "Churn", HOLDOUT, "left")
    overlap = sqlite_registry.evaluations(put(sqlite_registry, data, named=named))[0].in_training
    assert overlap == TrainingOverlap(40, 100, 100)


def write_parquet(path: Path) -> None:
    TRAIN.assign(at=pd.Timestamp("2026-01-01")).to_parquet(path)


def write_semicolons(path: Path) -> None:
    TRAIN.to_csv(path, index=False, sep=";", decimal=",", compression="gzip")


WRITERS: dict[str, Callable[[Path], None]] = {
    "train.csv": lambda path: TRAIN.to_csv(path),
    "train.csv.gz": write_semicolons,
    "train.parquet": write_parquet,
}


@pytest.mark.parametrize("name", list(WRITERS))
def test_rows_of_a_file_are_counted(sqlite_registry: Registry, name: str, tmp_path: Path) -> None:
    sqlite_registry.add_benchmark("holdout", "Churn", HOLDOUT, "left")
    file = tmp_path / name
    WRITERS[name](file)
    model_id = put(sqlite_registry, file if name == "train.csv" else str(file))
    assert sqlite_registry.evaluations(model_id)[0].in_training == TrainingOverlap(40, 100, 100)
    kept = sqlite_registry.get_metadata(model_id).lineage["training_data"]
    assert (kept["sha256"], kept["rows"]) == (sha256(file.read_bytes()).hexdigest(), 200)
    assert set(FEATURES) < set(kept["columns"])
    assert kept.get("from") == ("2026-01-01 00:00:00" if name == "train.parquet" else None)


@pytest.mark.parametrize(
    ("content", "because"),
    [
        (b"\x80\x05\x95 no table", "train.data is a pickle"),
        (b"one,two\n1,2\n", "train.data is not a table with the features of the model"),
        (b"age,visits\n", "train.data has no rows"),
        (b"age,visits\n" + b"1,2\n" * 30, "train.data has more than 100 bytes"),
    ],
)
def test_a_file_without_known_rows_is_hashed_and_says_why(
    sqlite_registry: Registry, content: bytes, because: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_rows, "MOST_BYTES", 100)
    sqlite_registry.add_benchmark("holdout", "Churn", HOLDOUT, "left")
    file = tmp_path / "train.data"
    file.write_bytes(content)
    model_id = put(sqlite_registry, file)
    (evaluation,) = sqlite_registry.evaluations(model_id)
    assert (evaluation.status, evaluation.in_training) == ("measured", None)
    kept = sqlite_registry.get_metadata(model_id).lineage["training_data"]
    assert (kept["sha256"], kept["bytes"]) == (sha256(content).hexdigest(), len(content))
    assert kept["rows_unknown"].startswith(because)
    assert any(because in each for each in sqlite_registry.model_card(model_id).cautions)


def test_where_the_rows_are_not_known_nothing_is_said(sqlite_registry: Registry) -> None:
    sqlite_registry.add_benchmark("holdout", "Churn", HOLDOUT, "left")
    for data in (None, TRAIN[["left"]], TRAIN.iloc[:0]):
        evaluation = sqlite_registry.evaluations(put(sqlite_registry, data))[0]
        assert (evaluation.status, evaluation.in_training) == ("measured", None)


def test_without_the_key_nothing_can_be_told(
    sqlite_registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sqlite_registry.add_benchmark("holdout", "Churn", HOLDOUT, "left")
    model_id = put(sqlite_registry, TRAIN)
    monkeypatch.setenv("MODEL_REGISTRY_KEYS", str(tmp_path / "other keys"))
    assert sqlite_registry.evaluate(model_id).in_training is None


def test_a_purged_version_leaves_no_rows(sqlite_registry: Registry) -> None:
    kept = put(sqlite_registry, TRAIN)
    gone = put(sqlite_registry, TRAIN)
    count = "SELECT count(*) AS n FROM training_rows"
    assert sqlite_registry._context.database.query(count)[0]["n"] == 2
    sqlite_registry.delete(gone, reason="old")
    sqlite_registry.purge(gone, reason="for good")
    assert sqlite_registry._context.database.query(count)[0]["n"] == 1
    assert sqlite_registry.verify().clean
    assert sqlite_registry.get_metadata(kept).status == "registered"


def test_the_command_warns(sqlite_registry: Registry, registry_folder: Path) -> None:
    sqlite_registry.add_benchmark("holdout", "Churn", HOLDOUT, "left")
    model_id = put(sqlite_registry, TRAIN)
    said = run(registry_folder, "evaluate", model_id).stdout
    assert "Warning: 40 of 100 benchmark rows were in its training data." in said
    document = answer(registry_folder, "evaluate", model_id)
    assert "'found': 40" in str(document)
