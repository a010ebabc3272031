from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from registry_core import InvalidInput, InvalidName, ModelMetadata, Registry, VersionTaken
from registry_core.artifacts import formats
from tests.clock import Clock
from tests.fitted import FEATURES, forest, logistic, register, score
from tests.strangers import forget_library, of_absent_library


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "registry.db" not in path.name
    }


def test_ids_carry_name_type_and_second_and_count_up(registry: Registry, clock: Clock) -> None:
    ids = [register(registry) for _ in range(3)]
    clock.tick()
    ids.append(register(registry))
    stem = "Churn_LogisticRegression_20250731_12000"
    assert ids == [f"{stem}0", f"{stem}0_2", f"{stem}0_3", f"{stem}1"]


def test_versions_follow_what_changed(registry: Registry) -> None:
    def version(**changes: Any) -> str:
        return registry.get_metadata(register(registry, **changes)).version

    assert version() == "1.0.0"
    assert version() == "1.0.1"
    assert version(hyperparameters={"C": 2.0}) == "1.1.0"
    assert version(hyperparameters={"C": 2.0}, model_type="Other") == "1.2.0"
    assert version(feature_names=FEATURES[::-1]) == "2.0.0"
    assert version(version="7.0.0") == "7.0.0"
    assert version(feature_names=FEATURES[::-1]) == "8.0.0"
    assert version(feature_names=()) == "8.0.1"
    with pytest.raises(VersionTaken, match=r"7\.0\.0 exists already"):
        version(version="7.0.0")


def test_versions_are_ordered_by_number(registry: Registry) -> None:
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        register(registry, version=version)
    assert [each.version for each in registry.list_models(order_by="version")] == ["1.10.0", "1.9.0", "1.2.0"]


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (LogisticRegression(), False),
        (HistGradientBoostingClassifier(max_iter=2), True),
        (make_pipeline(StandardScaler(), LogisticRegression()), False),
        (make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=2)), True),
        (VotingClassifier([("a", LogisticRegression())]), True),
        (GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseEstimator) else "",
)
def test_ensembles_are_recognised_unless_said(sqlite_registry: Registry, estimator: Any, expected: bool) -> None:
    inputs = np.array([[0.0], [0.1], [0.9], [1.0]] * 5)
    estimator.fit(inputs, [0, 0, 1, 1] * 5)
    common: dict[str, Any] = {"model_name": "E", "model_type": "T"}
    found = sqlite_registry.get_metadata(sqlite_registry.register_model(estimator, **common))
    assert (found.is_ensemble, found.classes, found.task) == (expected, [0, 1], "classification")
    said = sqlite_registry.register_model(estimator, training_info={"is_ensemble": not expected}, **common)
    assert sqlite_registry.get_metadata(said).is_ensemble is not expected


def test_a_missing_metric_stays_missing_and_is_said(registry: Registry) -> None:
    whole = register(registry, 0.5)
    lacking = register(registry, performance_metrics={"accuracy": 0.99, "log_loss": 0.1})
    found = registry.get_metadata(lacking)
    assert (found.auc, found.composite_score, found.is_active) == (None, None, False)
    assert found.score_note == "no score: auc and f1_score are missing"
    assert found.metrics == {"log_loss": 0.1}
    assert registry.get_best_model_id() == whole
    assert [row["model_id"] for row in registry.get_model_comparison()] == [whole, lacking]


def test_the_event_says_what_was_decided_and_why(registry: Registry) -> None:
    first = register(registry, 0.9, actor="pipeline", reason="nightly")
    second = register(registry, 0.8, actor="pipeline")
    promoted, registered = registry.events(model_id=first)
    assert (registered.kind, registered.actor, registered.reason) == ("registered", "pipeline", "nightly")
    assert (promoted.kind, promoted.actor) == ("promoted", "auto")
    (refused,) = registry.events(model_id=second)
    assert refused.after["promoted"] is False
    assert (
        refused.after["because"] == f"score {score(0.8):.4f} does not beat {score(0.9):.4f} of the champion Churn 1.0.0"
    )


def test_a_better_model_becomes_champion_and_a_tie_does_not(registry: Registry) -> None:
    first = register(registry, 0.8)
    tied = register(registry, 0.8)
    assert registry.get_active_model_id("Churn") == first
    better = register(registry, 0.81)
    assert registry.get_active_model_id("Churn") == better
    assert registry.get_best_model_id("Churn") == better
    assert tied != better


def test_auto_select_best_off_and_a_margin(registry: Registry) -> None:
    first = register(registry, 0.8)
    registry.configure(selection_margin=0.05)
    register(registry, 0.82)
    assert registry.get_active_model_id() == first
    registry.configure("Churn", auto_select_best=False, selection_margin=0.0)
    best = register(registry, 0.99)
    assert registry.get_active_model_id() == first
    assert registry.get_best_model_id() == best
    assert "auto_select_best is off" in registry.events(model_id=best)[0].after["because"]


def test_other_evaluation_sets_are_not_ranked_against_the_champion(registry: Registry) -> None:
    champion = register(registry, 0.8, evaluation_set="spring")
    other = register(registry, 0.9, evaluation_set="autumn")
    assert registry.get_active_model_id() == champion
    assert registry.get_best_model_id() == champion
    rows = {row["model_id"]: row for row in registry.get_model_comparison()}
    assert (rows[champion]["comparable"], rows[other]["comparable"]) == (True, False)
    assert registry.evaluation_sets() == ["autumn", "spring"]
    assert not registry.compare([champion, other]).comparable


def test_regression_models_rank_by_r2_or_any_weights(registry: Registry) -> None:
    inputs, target = load_diabetes(return_X_y=True)
    linear = LinearRegression().fit(inputs[:300], target[:300])
    trees = RandomForestRegressor(n_estimators=5, random_state=0).fit(inputs[:300], target[:300])
    common: dict[str, Any] = {"model_name": "Progression"}
    good = registry.register_model(
        linear, model_type="Linear", performance_metrics={"r2": 0.51, "rmse": 52.0, "mae": 43.0}, **common
    )
    poor = registry.register_model(
        trees, model_type="Trees", performance_metrics={"r2": 0.40, "rmse": 58.0, "mae": 45.0}, **common
    )
    assert registry.get_metadata(good).composite_score == pytest.approx(0.51)
    assert registry.get_metadata(poor).composite_score == pytest.approx(0.42)
    assert registry.get_best_model_id("Progression") == good
    registry.configure("Progression", performance_weight={"rmse": 1.0}, ensemble_bonus=0.0)
    assert registry.get_metadata(good).composite_score == -52.0
    assert registry.get_best_model_id("Progression") == good
    rmse = next(each for each in registry.compare([good, poor]).metrics if each.metric == "rmse")
    assert (rmse.lower_is_better, rmse.best) == (True, 0)
    order = registry.list_models("Progression", order_by="rmse", descending=False)
    assert [each.model_id for each in order] == [good, poor]


def test_the_sidecar_says_everything_that_stays(sqlite_registry: Registry, registry_folder: Path) -> None:
    model_id = register(sqlite_registry, description="first try", tags=["nightly", "eu"])
    document = json.loads((registry_folder / f"metadata/model_{model_id}.json").read_text())
    read = ModelMetadata(**document)
    known = sqlite_registry.get_metadata(model_id)
    assert read.all_metrics() == known.all_metrics()
    assert read.model_sha256 == known.model_sha256
    assert read.libraries.keys() >= {"python", "scikit-learn", "numpy", "scipy"}
    assert (read.tags, read.description) == (["nightly", "eu"], "first try")
    assert known.model_file_path == str(registry_folder / read.model_file_path)
    assert "is_active" not in document


def test_names_that_differ_by_capitals_only_are_refused(registry: Registry) -> None:
    register(registry)
    with pytest.raises(InvalidName, match="upper and lower case"):
        register(registry, model_name="churn")


def test_feature_names_have_to_fit_the_model(registry: Registry, registry_folder: Path) -> None:
    before = files(registry_folder)
    with pytest.raises(InvalidInput, match="29 names, but the scaler was fitted on 30 features"):
        register(registry, feature_names=FEATURES[1:])
    with pytest.raises(InvalidInput, match="no predict method"):
        registry.register_model({"weights": [1]}, model_name="A", model_type="T")
    assert files(registry_folder) == before
    assert registry.count_models() == 0


def test_what_cannot_be_saved_or_loaded_again_leaves_nothing(registry: Registry, registry_folder: Path) -> None:
    before = files(registry_folder)
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    model.hook = lambda: None
    with pytest.raises(InvalidInput, match="cannot be saved"):
        registry.register_model(model, model_name="A", model_type="T")
    registry.configure(trusted_globals=["a_library_that_is_not_here.Model"], reason="reviewed")
    before = files(registry_folder)

    model, dumps = of_absent_library(), formats.dumps

    def dump_and_forget(model: Any) -> bytes:
        data = dumps(model)
        forget_library()
        return data

    with patch.object(formats, "dumps", dump_and_forget), pytest.raises(InvalidInput, match="cannot be loaded again"):
        registry.register_model(
            model, model_name="A", model_type="T", training_info={"data_quality_score": 1},
            performance_metrics={"accuracy": 1, "auc": 1, "f1_score": 1},
        )  # fmt: skip
    assert files(registry_folder) == before
    assert registry.count_models() == 0


def test_an_upload_is_kept_hashed_and_waits_for_somebody_to_vouch(
    registry: Registry, registry_folder: Path, tmp_path: Path
) -> None:
    import joblib

    source = tmp_path / "model.joblib"
    joblib.dump(forest(), source)
    champion = register(registry, 0.5)
    plan = registry.preview_upload(
        {
            "model_name": "Churn",
            "model_type": "Forest",
            "accuracy": 1.0,
            "auc": 1.0,
            "f1_score": 1.0,
            "data_quality_score": 1,
        }
    )
    assert (plan.version, plan.decision.promote) == ("1.1.0", False)
    assert plan.composite_score == pytest.approx(1.0)
    assert "a person has to promote the version" in plan.decision.because
    assert registry.count_models() == 1
    model_id = registry.upload(
        source,
        metadata={"model_name": "Churn", "model_type": "Forest", "performance_metrics": {"accuracy": 1.0}},
        actor="anna",
    )
    found = registry.get_metadata(model_id)
    assert (found.artifact, found.origin, found.registered_by) == ("trusted", "upload", "anna")
    assert found.model_bytes == source.stat().st_size
    assert found.inspection["estimator"] == "sklearn.ensemble._forest.RandomForestClassifier"
    assert registry.read_artifact(model_id) == source.read_bytes()
    assert registry.get_active_model_id() == champion
    assert registry.events(limit=1)[0].kind == "uploaded"
    # What it reports of itself is a claim: neither best nor champion, until somebody answers for it.
    assert registry.get_best_model_id() == champion
    # What somebody sent in does not turn the pipeline's next retraining into a change.
    assert registry.get_metadata(register(registry, 0.5)).version == "1.0.1"


def test_the_scaler_may_be_left_out(registry: Registry) -> None:
    model_id = registry.register_model(logistic()[0], model_name="Bare", model_type="T")
    model, scaler, metadata = registry.load_model(model_id)
    assert (type(model).__name__, scaler, metadata.scaler_file_path) == ("LogisticRegression", None, None)


@pytest.mark.postgres
def test_a_team_keeps_its_files_in_a_bucket(fresh_postgres: str) -> None:
    with Registry(fresh_postgres, artifacts="memory://bucket/team") as registry:
        model_id = register(registry)
        found = registry.get_metadata(model_id)
        assert found.model_file_path == f"memory:///bucket/team/models/model_{model_id}.pkl"
        assert "registry@" in registry.location
        registry.promote(register(registry, 0.1), reason="to see it load")
        assert registry.load_model(model_id)[0].n_features_in_ == 30
    with Registry(fresh_postgres, artifacts="memory://bucket/team") as registry:
        assert registry.count_models() == 2
