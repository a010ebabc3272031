"""A registry that MLflow itself made (see tests/data/make_mlflow.py), brought in without MLflow."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from registry_core import ImportReport, InvalidInput, Registry
from registry_core.catalog import mlflow as theirs
from registry_core.rules import mlflow as rules
from tests.actions.maintenance import whole
from tests.clock import Clock

DATA = Path(__file__).resolve().parents[2] / "data" / "mlflow"
DATABASE = DATA / "mlflow.sqlite"


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, ImportReport]]:
    """All of it in a registry."""
    with Registry(tmp_path_factory.mktemp("mlflow") / "registry", clock=Clock()) as registry:
        yield registry, registry.import_mlflow(DATABASE, actor="anna", reason="moving")


def test_versions_come_in_and_the_rest_is_told_of(brought: tuple[Registry, ImportReport]) -> None:
    registry, report = brought
    assert report.imported.keys() == {"Churn/1", "Churn/2", "Churn/3", "Churn/4", "House Prices/1", "House Prices/2"}
    assert report.skipped.keys() == {"Churn/5", "Churn/6", "Churn/7"}
    assert "its flavour is code of its own" in report.skipped["Churn/5"]
    assert "cloudpickle" in report.skipped["Churn/6"]
    assert "s3://bucket/churn/7" in report.skipped["Churn/7"]
    assert registry.model_names() == ["Churn", "House-Prices"]
    # As they were numbered, each with what changed.
    versions = [registry.get_metadata(report.imported[f"Churn/{n}"]).version for n in (1, 2, 3, 4)]
    assert versions == sorted(versions)
    kinds = [each.kind for each in registry.events(model_id=report.imported["Churn/1"])]
    assert [kind for kind in kinds if kind != "answers_checked"] == ["imported"]


def test_a_version_keeps_what_its_run_logged(brought: tuple[Registry, ImportReport]) -> None:
    registry, report = brought
    known = registry.get_metadata(report.imported["Churn/1"])
    assert known.all_metrics() == {
        "accuracy": 0.91, "auc": 0.95, "f1_score": 0.9, "training_accuracy_score": 0.99, "val_loss": 0.31,
    }  # fmt: skip
    assert known.hyperparameters == {"C": 0.5, "solver": "lbfgs", "max_iter": 100, "warm_start": False}
    assert known.feature_names == ["age", "visits"]
    assert (known.model_type, known.training_samples, known.description) == (
        "Pipeline", 40, "the first that was any good",
    )  # fmt: skip
    assert known.evaluation_set is not None
    assert known.evaluation_set.startswith("holdout ")
    assert known.libraries["scikit-learn"] == "1.9.1"
    assert known.tags == ["mlflow:v1"]
    told = known.training_info["mlflow"]
    assert (told["version"], told["user"], told["run_name"], told["tags"], told["run_tags"]) == (
        1, "anna", "pipeline", {"reviewed": "yes"}, {"team": "growth"},
    )  # fmt: skip
    notes = "\n".join(report.notes)
    assert "Churn/1: the metric 'log_loss' is omitted: it is not finite" in notes
    assert "Churn/1: the metric 'recall' is omitted: metric recall is 93, outside its range" in notes
    assert "'House Prices' is imported as House-Prices" in notes


def test_aliases_and_stages(brought: tuple[Registry, ImportReport]) -> None:
    registry, report = brought
    assert report.champions == {"Churn": report.imported["Churn/2"], "House-Prices": report.imported["House Prices/2"]}
    assert registry.get_active_model_id("Churn") == report.imported["Churn/2"]
    assert registry.get_metadata(report.imported["Churn/2"]).tags == [
        "mlflow:v2", "alias:Spring_2026", "alias:champion",
    ]  # fmt: skip
    assert registry.get_metadata(report.imported["House Prices/1"]).status == "archived"
    assert registry.get_metadata(report.imported["Churn/3"]).tags == ["mlflow:v3", "alias:challenger"]
    assert any(report.imported["Churn/3"] in note and "challenger" in note for note in report.notes)
    assert not registry.experiments("Churn")


@pytest.mark.parametrize("source", ["Churn/1", "Churn/2", "Churn/3", "Churn/4", "House Prices/2"])
def test_its_models_work(brought: tuple[Registry, ImportReport], source: str) -> None:
    registry, report = brought
    model = registry.load_model(report.imported[source])[0]
    inputs = pd.DataFrame([[3.0, 0.0], [-3.0, 0.0]], columns=["age", "visits"])
    first, second = model.predict(inputs)
    assert first > second


def test_a_second_time_brings_nothing_in(brought: tuple[Registry, ImportReport]) -> None:
    registry, report = brought
    before = whole.rows(registry)
    again = registry.import_mlflow(f"sqlite:///{DATABASE}", DATA)
    assert not again.imported
    assert not again.champions
    assert again.skipped["Churn/1"] == f"imported before as {report.imported['Churn/1']}"
    assert whole.rows(registry) == before


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy that may be changed."""
    shutil.copytree(DATA, tmp_path / "mlflow")
    return tmp_path / "mlflow" / "mlflow.sqlite"


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_gates_hold_for_a_champion_from_elsewhere(registry: Registry) -> None:
    registry.configure("Churn", gates={"minimum_metrics": {"auc": 0.99}}, reason="only the best")
    report = registry.import_mlflow(DATABASE, model_names=["Churn"])
    assert report.champions == {}
    assert registry.get_active_model_id("Churn") is None
    assert any("was not promoted" in note and "auc" in note for note in report.notes)


def test_moved_artifacts_are_found_below_the_folder_that_is_named(
    copy: Path, sqlite_registry: Registry, tmp_path: Path
) -> None:
    (copy.parent / "mlruns").rename(tmp_path / "elsewhere")
    report = sqlite_registry.import_mlflow(copy, model_names="House Prices")
    assert not report.imported
    assert "give their present folder with artifacts" in report.skipped["House Prices/1"]
    change(copy, "UPDATE logged_models SET artifact_location = replace(artifact_location, '/srv/', 's3://bucket/')")
    report = sqlite_registry.import_mlflow(copy, tmp_path / "elsewhere", model_names=["House Prices"])
    assert report.imported.keys() == {"House Prices/1", "House Prices/2"}


def test_the_tables_of_mlflow_2_will_do(copy: Path, sqlite_registry: Registry) -> None:
    change(
        copy,
        *(f"DROP TABLE {table}" for table in ("logged_model_metrics", "logged_model_params", "logged_model_tags")),
        "DROP TABLE logged_models",
        "DROP TABLE input_tags",
        "DROP TABLE inputs",
        "DELETE FROM model_versions WHERE source LIKE 'models:%'",
        "ALTER TABLE model_versions DROP COLUMN storage_location",
    )
    report = sqlite_registry.import_mlflow(copy)
    assert report.imported.keys() == {"Churn/4"}
    known = sqlite_registry.get_metadata(report.imported["Churn/4"])
    assert (known.accuracy, known.model_type) == (0.9, "LogisticRegression")


def test_sources_that_name_a_run_or_a_model(copy: Path, sqlite_registry: Registry) -> None:
    change(
        copy,
        "UPDATE model_versions SET source = 'runs:/' || run_id || '/model', storage_location = NULL WHERE version = 4",
        "UPDATE model_versions SET source = 'models:/Churn/4', storage_location = NULL WHERE version = 1",
    )
    report = sqlite_registry.import_mlflow(copy, model_names=["Churn"])
    assert "Churn/4" in report.imported
    assert "has no location of its artifacts" in report.skipped["Churn/1"]


def test_a_description_that_leads_elsewhere_is_not_followed(copy: Path, sqlite_registry: Registry) -> None:
    described = next(
        path for path in copy.parent.rglob("MLmodel") if "models" not in path.relative_to(copy.parent).parts
    )
    text = described.read_text()
    (copy.parent / "secret").write_text("mine")
    for bad, why in (
        (
            text.replace("pickled_model: model.pkl", "pickled_model: ../../../../../secret"),
            "which lies outside its folder",
        ),
        (text.replace("pickled_model: model.pkl", "pickled_model: /etc/passwd"), "which lies outside its folder"),
        (text.replace("pickled_model: model.pkl", "pickled_model: none.pkl"), "cannot be read"),
        (text.replace("sklearn:", "keras:"), "its flavour is keras"),
        ("flavors: [", "cannot be read"),
        ("!!python/object/apply:os.getcwd []", "cannot be read"),
        ("5", "does not describe a model"),
    ):
        described.write_text(bad)
        assert why in sqlite_registry.import_mlflow(copy, model_names=["Churn"]).skipped["Churn/4"]


def test_versions_that_are_not_ready_or_deleted(copy: Path, sqlite_registry: Registry) -> None:
    change(
        copy,
        "UPDATE model_versions SET status = 'FAILED_REGISTRATION' WHERE name = 'Churn' AND version = 1",
        "UPDATE model_versions SET current_stage = 'Deleted_Internal' WHERE name = 'Churn' AND version > 1",
        "UPDATE model_versions SET workspace = 'lab' WHERE name = 'House Prices' AND version = 1",
    )
    report = sqlite_registry.import_mlflow(copy)
    assert report.imported.keys() == {"House Prices/2"}
    assert "FAILED_REGISTRATION" in report.skipped["Churn/1"]
    assert "'lab'" in report.skipped["House Prices/1"]
    assert "Churn/2" not in report.skipped


def test_other_databases_are_refused(sqlite_registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, but long enough to have a header" * 10)
    registry_db = tmp_path / "model_registry" / "registry.db"
    wrong: list[tuple[Any, Any, str]] = [
        (tmp_path / "none.db", None, "is not a file"),
        (tmp_path, None, "is not a file"),
        (tmp_path / "text.db", None, "is not an SQLite database"),
        (registry_db, None, "is not an MLflow registry"),
        ("postgresql://host/mlflow", None, "are read from SQLite"),
        (5, None, "name MLflow's SQLite file"),
        (DATABASE, ["None"], "has no registered model 'None'; it has Churn, House Prices"),
    ]
    for database, names, why in wrong:
        with pytest.raises(InvalidInput, match=why):
            sqlite_registry.import_mlflow(database, model_names=names)


def test_nothing_is_written_into_mlflows_folder(tmp_path: Path) -> None:
    before = sorted(path.name for path in DATA.iterdir())
    stamp = DATABASE.stat().st_mtime_ns
    assert len(theirs.versions(DATABASE, None)[0]) == 9
    assert (sorted(path.name for path in DATA.iterdir()), DATABASE.stat().st_mtime_ns) == (before, stamp)


def test_metrics_by_our_names() -> None:
    kept, left_out = rules.metrics(
        {
            "accuracy": 0.9, "accuracy_score": 0.8, "roc_auc": 0.7, "f1": 0.6, "training_f1_score": 1.0, "a b": 1.0,
            "system/cpu_utilization_percentage": 50.0, "1st": 1.0, "rmse": float("inf"), "loss": None, "r2_score": 0.5,
        }
    )  # fmt: skip
    assert kept == {"accuracy": 0.9, "auc": 0.7, "f1_score": 0.6, "training_f1_score": 1.0, "a_b": 1.0, "r2": 0.5}
    assert left_out.keys() == {"accuracy_score", "1st", "rmse", "loss"}
    many, rest = rules.metrics({f"m{n}": 1.0 for n in range(250)})
    assert (len(many), len(rest)) == (200, 50)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5), ("-3", -3), ("0.5", 0.5), ("1e-05", 1e-05), ("True", True), ("None", None), ("lbfgs", "lbfgs"),
        ("0005", "0005"), ("1_000", "1_000"), ("nan", "nan"), ("inf", "inf"), ("0.50", "0.50"), ("", ""), (" 5", " 5"),
    ],
)  # fmt: skip
def test_parameters_become_numbers_only_where_that_says_the_same(text: str, value: Any) -> None:
    assert rules.parameter(text) == value
    assert type(rules.parameter(text)) is type(value)


@pytest.mark.parametrize(
    ("name", "ours"), [("Churn", "Churn"), ("House Prices", "House-Prices"), ("a/b", "a-b"), ("../x", "x"), ("é", "")]
)
def test_names_that_can_be_part_of_a_path(name: str, ours: str) -> None:
    assert rules.model_name(name) == ours


@pytest.mark.parametrize(
    "signature", [None, {}, {"inputs": None}, {"inputs": "["}, {"inputs": '[{"type": "tensor"}]'}, {"inputs": "{}"}]
)
def test_inputs_without_names(signature: Any) -> None:
    assert rules.input_names(signature) == []
