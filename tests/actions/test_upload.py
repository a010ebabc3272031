"""A model file and labelled rows, from an empty registry to a champion with a score."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from registry_core import InvalidInput, Registry, StateConflict, TableColumn, TableReading
from registry_core.catalog import row_checksums
from tests.commands import answer, run
from tests.strangers import stranger_file

METADATA = {"model_name": "Churn", "model_type": "LogisticRegression"}
FEATURES = ["age", "visits"]


def rows(number: int = 120, seed: int = 1) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    age, visits = chance.random(number).round(3), chance.random(number).round(3)
    left = np.where(age + 0.3 * chance.standard_normal(number) > 0.5, "yes", "no")
    return pd.DataFrame({"age": age, "visits": visits, "left": left})


def written(model: Any) -> io.BytesIO:
    content = io.BytesIO()
    joblib.dump(model, content)
    content.seek(0)
    return content


def named() -> io.BytesIO:
    """A model that knows its features by name."""
    train = rows(200, 2)
    return written(LogisticRegression().fit(train[FEATURES], train["left"]))


def nameless() -> io.BytesIO:
    train = rows(200, 2)
    return written(LogisticRegression().fit(train[FEATURES].to_numpy(), train["left"]))


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Labelled rows as somebody's table program writes them."""
    path = tmp_path / "clinic 3.csv"
    rows().to_csv(path, index=False, sep=";", decimal=",")
    return path


def test_from_a_file_and_labelled_rows_to_a_champion_with_a_score(registry: Registry, csv: Path) -> None:
    model_id = registry.upload(named(), metadata=METADATA, holdout=csv, actor="anna")
    known, (benchmark,) = registry.get_metadata(model_id), registry.benchmarks("Churn")
    assert (known.is_active, known.version, known.ranked_on) == (True, "1.0.0", "benchmark:clinic-3")
    assert (benchmark.name, benchmark.target, benchmark.rows, benchmark.classes) == (
        "clinic-3", "left", 120, ("no", "yes"),
    )  # fmt: skip
    measured = registry.evaluations(model_id)[0].metrics
    expected = sum(weight * measured[name].value for name, weight in (("accuracy", 4), ("auc", 3), ("f1_score", 2)))
    assert known.composite_score == pytest.approx(expected / 9, abs=1e-12)
    assert registry.explain_score(model_id).left_out == ("data_quality_score",)
    assert registry.policy("Churn").rank_by == "measured"
    assert registry.policy("Other").rank_by == "reported"
    # The rows it was asked are those it came with.
    proof = registry.proof(model_id)
    assert proof is not None
    assert proof.rows_from == "benchmark"
    kinds = [event.kind for event in registry.events("Churn")]
    assert kinds[:4] == ["promoted", "considered", "evaluated", "uploaded"]
    assert "benchmark_added" in kinds

    # The next one is as short: it is evaluated on the same rows, and the better one is the champion.
    again = registry.upload(named(), metadata=METADATA)
    assert registry.evaluations(again)[0].benchmark == "clinic-3"
    assert registry.get_active_model_id("Churn") == model_id
    with pytest.raises(StateConflict, match="has the active benchmark clinic-3"):
        registry.upload(named(), metadata=METADATA, holdout=csv)


@pytest.mark.parametrize("scaled", [False, True])
def test_columns_in_another_order_and_a_scaler(sqlite_registry: Registry, scaled: bool) -> None:
    train, holdout = rows(200, 2), rows()[["left", "visits", "age"]]
    scaler = StandardScaler().fit(train[FEATURES])
    model = LogisticRegression().fit(scaler.transform(train[FEATURES]) if scaled else train[FEATURES], train["left"])
    files = [written(each) for each in (model, scaler)][: 2 if scaled else 1]
    model_id = sqlite_registry.upload(*files, metadata=METADATA, holdout=holdout)
    assert sqlite_registry.get_active_model_id("Churn") == model_id
    assert sqlite_registry.benchmarks("Churn")[0].target == "left"
    accuracy = sqlite_registry.get_metadata(model_id).measured["accuracy"]
    shown = pd.DataFrame(scaler.transform(holdout[FEATURES])) if scaled else holdout[FEATURES]
    assert accuracy == float((model.predict(shown.to_numpy() if scaled else shown) == holdout["left"]).mean())


def test_whose_labels_are_not_clear_is_asked_and_stores_nothing(sqlite_registry: Registry, csv: Path) -> None:
    before = sqlite_registry.revision()
    with pytest.raises(InvalidInput, match="give target=, one of 'left', 'visits' and 'age'"):
        sqlite_registry.upload(nameless(), metadata=METADATA, holdout=csv)
    assert sqlite_registry.revision() == before
    model_id = sqlite_registry.upload(nameless(), metadata=METADATA, holdout=csv, target="left")
    assert sqlite_registry.get_active_model_id("Churn") == model_id


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"holdout": pd.DataFrame({"age": [1.0], "visits": [2.0]})}, "give target=, a column that is no feature"),
        ({"target": "left"}, "give holdout=, or leave target out"),
        ({"holdout": rows(), "target": "gone"}, "target names 'gone', which is not a column of the data"),
        ({"holdout": rows().assign(left=None)}, "the target 'left' is missing in 120 rows"),
        ({"holdout": rows(), "metadata": {**METADATA, "version": "x"}}, "version"),
    ],
)
def test_what_cannot_be_used_stores_nothing(sqlite_registry: Registry, fields: dict[str, Any], said: str) -> None:
    before = sqlite_registry.revision()
    with pytest.raises(InvalidInput, match=said):
        sqlite_registry.upload(named(), **(dict[str, Any](metadata=METADATA) | fields))
    assert (sqlite_registry.revision(), sqlite_registry.count_models()) == (before, 0)


def test_a_name_with_versions_keeps_its_ranking(sqlite_registry: Registry) -> None:
    first = sqlite_registry.upload(named(), metadata=METADATA)
    assert sqlite_registry.get_active_model_id("Churn") is None
    second = sqlite_registry.upload(named(), metadata=METADATA, holdout=rows())
    assert sqlite_registry.policy("Churn").rank_by == "reported"
    assert sqlite_registry.evaluations(second)[0].status == "measured"
    assert sqlite_registry.get_metadata(second).ranked_on != "benchmark:holdout"
    assert sqlite_registry.evaluations(first) == []


def test_a_quarantined_file_brings_its_rows_and_waits(sqlite_registry: Registry) -> None:
    model_id = sqlite_registry.upload(stranger_file(), metadata=METADATA, holdout=rows(), target="left")
    assert sqlite_registry.get_metadata(model_id).artifact == "quarantined"
    assert [each.name for each in sqlite_registry.benchmarks("Churn")] == ["holdout"]
    assert (sqlite_registry.evaluations(model_id), sqlite_registry.get_active_model_id("Churn")) == ([], None)


def test_the_command(csv: Path, tmp_path: Path, registry_folder: Path) -> None:
    model = tmp_path / "churn.joblib"
    model.write_bytes(named().getvalue())
    document = answer(
        registry_folder, "register", str(model), "--model-name", "Churn", "--type", "LR", "--holdout", str(csv)
    )
    assert document["is_active"]
    assert "data_quality_score is left out" in run(registry_folder, "show", document["model_id"]).stdout


@pytest.mark.parametrize(
    ("columns", "features", "count", "targets"),
    [
        (("age", "visits", "left"), ("age", "visits"), 2, ("left",)),
        (("left", "visits", "age"), ("age", "visits"), None, ("left",)),
        (("id", "age", "visits", "target"), ("age", "visits"), None, ("target",)),
        (("id", "age", "visits", "left"), ("age", "visits"), None, ("id", "left")),
        (("age", "visits"), ("age", "visits"), None, ()),
        (("a", "b", "Label"), (), 2, ("Label",)),
        (("a", "b", "Label"), (), 7, ("Label", "b", "a")),
        (("a", "b", "c"), (), 2, ("c", "b", "a")),
        (("a", "b"), ("x", "y"), None, ("b", "a")),
        (("y", "class", "age"), ("age",), None, ("y", "class")),
    ],
)
def test_which_column_holds_the_labels(
    columns: tuple[str, ...], features: tuple[str, ...], count: int | None, targets: tuple[str, ...]
) -> None:
    reading = TableReading("rows.csv", "CSV", 9, tuple(TableColumn(name, "number") for name in columns))
    assert reading.targets(features, count) == targets


def test_scores_of_an_earlier_release_are_computed_anew_once(registry_folder: Path, csv: Path) -> None:
    with Registry(registry_folder) as registry:
        model_id = registry.upload(named(), metadata=METADATA, holdout=csv)
        score, events = registry.get_metadata(model_id).composite_score, registry.count_events()
    with closing(sqlite3.connect(registry_folder / "registry.db")) as catalog:
        row_checksums.connect(catalog)
        catalog.execute("DELETE FROM settings WHERE name = 'scoring'")
        catalog.execute("UPDATE models SET score = NULL, score_note = 'no score: data_quality_score is missing'")
        catalog.commit()
    for _ in range(2):
        with Registry(registry_folder) as registry:
            assert registry.get_metadata(model_id).composite_score == score
            assert registry.count_events() == events + 1
            assert registry.events(limit=1)[0].kind == "configured"
            assert registry.verify().clean
