from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from registry_core import (
    ArtifactAltered,
    ArtifactQuarantined,
    GatesFailed,
    InvalidConfiguration,
    InvalidInput,
    NotEligible,
    Registry,
    StateConflict,
)
from registry_core.actions.answers import pack
from registry_core.artifacts.sandbox import Answer
from tests.fitted import forest, logistic
from tests.strangers import MAJORITY, stranger_file

REPORTED = {"accuracy": 0.9, "auc": 0.9, "f1_score": 0.9}


def cancer() -> pd.DataFrame:
    data: pd.DataFrame = load_breast_cancer(as_frame=True).frame
    return data.assign(size=np.where(data["mean radius"] > 14, "large", "small"))


@pytest.fixture
def quiet(registry: Registry) -> Registry:
    """Measuring is asked for, not done by itself."""
    registry.configure(auto_evaluate=False, reason="by hand")
    return registry


@pytest.fixture
def quiet_folder(sqlite_registry: Registry) -> Registry:
    """The same in a folder: for what models do, whatever the catalog is; a sandbox takes a second to start."""
    sqlite_registry.configure(auto_evaluate=False, reason="by hand")
    return sqlite_registry


def add(registry: Registry, **changes: Any) -> None:
    fields: dict[str, Any] = {"data": cancer().iloc[300:], "target": "target", "slices": ["size"]}
    fields["features"] = [name for name in fields["data"].columns if name not in ("target", "size")]
    registry.add_benchmark("holdout", "Cancer", **{**fields, **changes})


def put(registry: Registry, model: Any = None, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "model_name": "Cancer", "model_type": "Forest", "performance_metrics": REPORTED,
        "training_info": {"data_quality_score": 1.0},
    }  # fmt: skip
    return registry.register_model(forest() if model is None else model, **{**fields, **changes})


def test_measured_metrics_are_scikit_learns_own(quiet_folder: Registry) -> None:
    model, scaler = logistic()
    model_id = put(quiet_folder, model, scaler_obj=scaler, model_type="Logistic")
    add(quiet_folder)
    evaluation = quiet_folder.evaluate(model_id)
    rows = cancer().iloc[300:]
    inputs = scaler.transform(rows[list(load_breast_cancer().feature_names)].to_numpy())
    said, shares = model.predict(inputs), model.predict_proba(inputs)
    truth = rows["target"]
    assert (evaluation.status, evaluation.rows, evaluation.unenforced) == ("measured", len(rows), ())
    for name, value in {
        "accuracy": sklearn_metrics.accuracy_score(truth, said),
        "auc": sklearn_metrics.roc_auc_score(truth, shares[:, 1]),
        "f1_score": sklearn_metrics.f1_score(truth, said),
        "log_loss": sklearn_metrics.log_loss(truth, shares),
        "brier_score": sklearn_metrics.brier_score_loss(truth, shares[:, 1]),
    }.items():
        assert evaluation.metrics[name].value == pytest.approx(value, abs=1e-12)
    low, high = evaluation.metrics["accuracy"].low, evaluation.metrics["accuracy"].high
    assert low is not None
    assert high is not None
    assert low < evaluation.metrics["accuracy"].value < high
    assert {*evaluation.slices["size"]} == {"large", "small"}
    assert evaluation.row_microseconds is not None
    assert quiet_folder.evaluations(model_id) == [evaluation]
    known = quiet_folder.get_metadata(model_id)
    assert (known.measured_on, known.measured["accuracy"]) == ("holdout", evaluation.metrics["accuracy"].value)
    assert known.accuracy == 0.9
    (row,) = quiet_folder.get_model_comparison(order_by="measured:accuracy")
    assert (row["measured"], row["metrics"]["accuracy"]) == (known.measured, 0.9)


def test_many_classes_and_regression(quiet_folder: Registry) -> None:
    digits = load_digits()
    model = LogisticRegression(max_iter=1000).fit(digits.data[:500] / 16, digits.target[:500])
    many = put(quiet_folder, model, model_name="Digits")
    frame = pd.DataFrame(digits.data[500:900] / 16).assign(digit=digits.target[500:900])
    quiet_folder.add_benchmark("rest", "Digits", frame, "digit")
    found = quiet_folder.evaluate(many).metrics
    truth, inputs = frame["digit"], frame.drop(columns="digit").to_numpy()
    assert found["f1_score"].value == pytest.approx(
        sklearn_metrics.f1_score(truth, model.predict(inputs), average="macro"), abs=1e-12
    )
    assert found["auc"].value == pytest.approx(
        sklearn_metrics.roc_auc_score(truth, model.predict_proba(inputs), multi_class="ovr"), abs=1e-12
    )
    curves, confusion = quiet_folder.curves(many)
    assert {curve.name for curve in curves} == {"roc", "precision_recall", "calibration"}
    assert confusion is not None
    assert sum(map(sum, confusion.counts)) == 400

    inputs, target = load_diabetes(return_X_y=True)
    line = LinearRegression().fit(inputs[:200], target[:200])
    model_id = put(quiet_folder, line, model_name="Sugar", performance_metrics={"r2": 0.4})
    quiet_folder.add_benchmark("rest", "Sugar", pd.DataFrame(inputs[200:]).assign(y=target[200:]), "y")
    measured = quiet_folder.evaluate(model_id).metrics
    said = line.predict(inputs[200:])
    assert measured["r2"].value == pytest.approx(sklearn_metrics.r2_score(target[200:], said), abs=1e-12)
    assert measured["mae"].value == pytest.approx(sklearn_metrics.mean_absolute_error(target[200:], said), abs=1e-9)


def test_ranking_by_what_was_measured(quiet: Registry) -> None:
    boaster, modest = put(quiet, forest(), performance_metrics=dict.fromkeys(REPORTED, 0.99)), None
    model, scaler = logistic()
    modest = put(quiet, model, scaler_obj=scaler, performance_metrics=dict.fromkeys(REPORTED, 0.5))
    assert quiet.get_best_model_id() == boaster
    add(quiet)
    quiet.configure(rank_by="measured", reason="claims are claims")
    assert quiet.get_best_model_id() is None
    assert "not evaluated" in (quiet.get_metadata(modest).score_note or "")
    for model_id in (boaster, modest):
        quiet.evaluate(model_id)
    scores = {each: quiet.get_metadata(each).composite_score for each in (boaster, modest)}
    assert quiet.get_best_model_id() == max(scores, key=lambda each: scores[each] or 0)
    known = quiet.get_metadata(modest)
    assert known.ranked_on == "benchmark:holdout"
    expected = sum(
        weight * known.measured[name] for name, weight in (("accuracy", 0.4), ("auc", 0.3), ("f1_score", 0.2))
    )
    # No evaluation gives the quality of the training data: its weight goes to the others.
    assert known.composite_score == pytest.approx(expected / 0.9)
    quiet.configure(rank_by=None, reason="back")
    assert quiet.get_best_model_id() == boaster


def test_registration_measures_and_the_better_one_wins(registry: Registry) -> None:
    add(registry)
    registry.configure(
        rank_by="measured",
        gates={"minimum_metrics": {"accuracy": 0.8}, "not_worse_than_champion": 0.05},
        reason="asked",
    )
    weak = RandomForestClassifier(1, max_depth=1, random_state=0).fit(*load_breast_cancer(return_X_y=True))
    first = put(registry, weak)
    assert registry.get_active_model_id() == first
    second = put(registry)
    assert registry.get_active_model_id() == second
    considered = registry.events(model_id=second, kinds=["considered"])[0]
    steps = {each["step"]: each["outcome"] for each in considered.after["steps"]}
    assert list(steps) == [
        "model training", "performance validation", "registration", "automatic evaluation", "promotion",
    ]  # fmt: skip
    assert "evaluated on 269 rows of holdout" in steps["performance validation"]
    third = put(registry, weak)
    assert registry.get_active_model_id() == second
    report = registry.check_gates(third)
    assert not report.passed
    with pytest.raises(GatesFailed, match="Not worse than the champion") as refused:
        registry.promote(third, reason="I like it")
    assert refused.value.report == report
    with pytest.raises(InvalidInput, match="requires a reason"):
        registry.promote(third, override=True)
    registry.promote(third, override=True, reason="the other one is too slow", actor="anna")
    assert registry.get_metadata(third).override_note.startswith("anna overrode 1 failed gate")
    assert "not worse than the champion" in registry.events(model_id=third, kinds=["promoted"])[0].after["overridden"]


def test_two_models_on_the_same_rows(quiet_folder: Registry) -> None:
    model, scaler = logistic()
    first, second = put(quiet_folder), put(quiet_folder, model, scaler_obj=scaler)
    add(quiet_folder)
    with pytest.raises(InvalidInput, match="not evaluated on holdout"):
        quiet_folder.compare_measured(first, second)
    for each in (first, second):
        quiet_folder.evaluate(each)
    paired = quiet_folder.compare_measured(first, second)
    one, two = (quiet_folder.evaluations(each)[0].metrics["accuracy"].value for each in (first, second))
    assert paired.differences["accuracy"].value == pytest.approx(two - one)
    assert paired.differences["accuracy"].rows == 269
    assert {*paired.slices} == {"size=large", "size=small"}
    assert "on the same 269 rows" in paired.sentence
    changed = paired.disagreements
    assert changed.only_second_right - changed.only_first_right == round((two - one) * 269)
    assert not quiet_folder.compare_measured(first, first).disagreements.changed


def test_evaluate_all_goes_on_where_it_stopped(quiet: Registry) -> None:
    ids = [put(quiet) for _ in range(5)]
    add(quiet)
    seen: list[str] = []

    def stop(done: int, of: int, evaluation: Any) -> None:
        assert of == 5
        seen.append(evaluation.model_id)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quiet.evaluate_all("Cancer", jobs=1, progress=stop)
    before = {each for each in ids if quiet.evaluations(each)}
    assert {*seen} <= before
    rest = quiet.evaluate_all("Cancer", jobs=2)
    assert {each.model_id for each in rest} == {*ids} - before
    assert quiet.evaluate_all("Cancer") == []
    assert len(quiet.evaluate_all("Cancer", again=True)) == 5


def test_a_model_that_cannot_answer_is_a_failed_evaluation(quiet_folder: Registry) -> None:
    model_id = put(quiet_folder, LogisticRegression().fit([[0.0], [1.0]], [0, 1]), feature_names=["shoe size"])
    add(quiet_folder)
    found = quiet_folder.evaluate(model_id)
    assert found.status == "failed"
    assert "no column 'shoe size'" in found.because
    assert quiet_folder.evaluations(model_id)[0].because == found.because
    assert quiet_folder.get_metadata(model_id).measured == {}


def test_strangers_are_measured_behind_walls_and_trusted_by_name(quiet_folder: Registry) -> None:
    model_id = quiet_folder.upload(
        stranger_file(), metadata={"model_name": "Cancer", "model_type": "Majority"}, actor="bert"
    )
    known = quiet_folder.get_metadata(model_id)
    assert (known.artifact, known.inspection["unknown"]) == ("quarantined", [MAJORITY])
    add(quiet_folder)
    assert quiet_folder.evaluate(model_id).status == "measured"
    with pytest.raises(ArtifactQuarantined, match=MAJORITY):
        quiet_folder.load_model(model_id)
    with pytest.raises(NotEligible, match="quarantined"):
        quiet_folder.promote(model_id, override=True, reason="now")
    with pytest.raises(InvalidInput, match="requires a reason"):
        quiet_folder.trust(model_id)
    assert quiet_folder.trust(model_id, actor="anna", reason="read its code") == (MAJORITY,)
    assert quiet_folder.get_metadata(model_id).artifact == "trusted"
    assert quiet_folder.load_model(model_id)[0].predict([[0]]) == [1]
    with pytest.raises(StateConflict, match="already trusted"):
        quiet_folder.trust(model_id, reason="again")
    event = quiet_folder.events(kinds=["configured"])[0]
    assert (event.actor, event.reason) == ("anna", "read its code")
    quiet_folder.configure("Cancer", trusted_globals=None, reason="taken back")
    assert quiet_folder.get_metadata(model_id).artifact == "quarantined"
    with pytest.raises(ArtifactQuarantined):
        quiet_folder.load_model(model_id)


@pytest.mark.parametrize("name", ["*", "os.system", "builtins.eval", "sklearn.*", "no_module", ""])
def test_what_nobody_may_trust(registry: Registry, name: str) -> None:
    with pytest.raises(InvalidConfiguration, match="trusted_globals"):
        registry.configure(trusted_globals=[name], reason="why not")
    assert registry.policy("Cancer").trusted_globals == ()


def test_reviews_vouch_for_uploads_and_gate_promotions(quiet: Registry) -> None:
    quiet.configure(gates={"approval": True}, auto_select_best=False, reason="four eyes")
    content = io.BytesIO()
    joblib.dump(forest(), content)
    content.seek(0)
    fields = {
        "model_name": "Cancer",
        "model_type": "Forest",
        "performance_metrics": REPORTED,
        "data_quality_score": 1.0,
    }
    model_id = quiet.upload(content, metadata=fields, actor="bert")
    assert quiet.get_best_model_id() is None
    with pytest.raises(GatesFailed, match="approv"):
        quiet.promote(model_id, actor="bert", reason="mine")
    with pytest.raises(InvalidInput, match="another person"):
        quiet.review(model_id, "approved", "looks good to me", actor="bert")
    with pytest.raises(InvalidInput, match="requires a comment"):
        quiet.review(model_id, "approved", " ", actor="anna")
    with pytest.raises(InvalidInput, match="verdict"):
        quiet.review(model_id, "fine", "yes", actor="anna")
    quiet.review(model_id, "comment", "which data?", actor="carl")
    quiet.review(model_id, "approved", "I measured it again", actor="anna")
    assert [each.verdict for each in quiet.reviews(model_id)] == ["comment", "approved"]
    assert quiet.get_best_model_id() == model_id
    quiet.promote(model_id, actor="bert", reason="approved")
    assert quiet.get_active_model_id() == model_id


def test_bad_benchmarks_leave_nothing(registry: Registry, tmp_path: Path) -> None:
    frame = cancer()
    holes = frame.assign(target=frame["target"].where(frame.index > 3))
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and nothing else")
    for fields, text in (
        ({"data": frame.iloc[:0]}, "no rows"),
        ({"target": "outcome"}, "not a column"),
        ({"slices": ["region"]}, "not a column"),
        ({"features": ["target"]}, "are evaluated without labels"),
        ({"data": holes}, "missing in 4 rows"),
        ({"data": broken}, "cannot be read"),
        ({"data": tmp_path / "none.parquet"}, "cannot be read"),
        ({"data": 5}, "give a DataFrame"),
        ({"thresholds": {"accuracy": 90}}, "outside its range"),
        ({"thresholds": {"accuracy": float("nan")}}, "nan"),
    ):
        with pytest.raises(InvalidInput, match=text):
            add(registry, **{"features": None, **fields})
    with pytest.raises(InvalidInput, match="cannot be used"):
        registry.add_benchmark("../up", "Cancer", frame, "target")
    assert registry.benchmarks() == []
    path = tmp_path / "good.csv"
    frame.to_csv(path, index=False)
    add(registry, data=path, features=None, thresholds={"accuracy": 0.9})
    with pytest.raises(StateConflict, match="already"):
        add(registry, data=path, features=None)
    with pytest.raises(StateConflict, match="another name"):
        add(registry, data=frame.iloc[:50])
    (kept,) = registry.benchmarks("Cancer")
    assert (kept.rows, kept.task, kept.thresholds) == (569, "classification", {"accuracy": 0.9})


def test_an_altered_benchmark_is_not_measured_on(sqlite_registry: Registry, registry_folder: Path) -> None:
    model_id = put(sqlite_registry)
    add(sqlite_registry)
    (path,) = (registry_folder / "benchmarks").iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactAltered):
        sqlite_registry.evaluate(model_id)


@pytest.mark.parametrize("wrong", [{"seconds": 0}, {"seconds": -1}, {"seconds": "x"}, {"seconds": float("nan")}])
def test_limits_that_are_none(registry: Registry, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="seconds is"):
        registry.evaluate(put(registry), **wrong)


def test_altered_files_are_told_and_do_not_stop_the_rest(sqlite_registry: Registry) -> None:
    sqlite_registry.configure(auto_evaluate=False, reason="by hand")
    first, second = put(sqlite_registry), put(sqlite_registry)
    add(sqlite_registry)
    path = Path(sqlite_registry.get_metadata(first).model_file_path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactAltered):
        sqlite_registry.evaluate(first)
    assert sqlite_registry.evaluations(first) == []
    found = {each.model_id: each for each in sqlite_registry.evaluate_all("Cancer", jobs=1)}
    assert (found[first].status, found[second].status) == ("failed", "measured")
    assert "was altered or truncated" in found[first].because


def test_an_interruption_says_nothing_of_the_models(quiet_folder: Registry) -> None:
    ids = [put(quiet_folder) for _ in range(6)]
    add(quiet_folder)

    def stop(done: int, of: int, evaluation: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quiet_folder.evaluate_all("Cancer", jobs=2, progress=stop)
    assert {found.status for each in ids for found in quiet_folder.evaluations(each)} <= {"measured"}


@pytest.mark.parametrize(
    ("classes", "text"),
    [(list(range(12_000)), "has 12,000 classes"), (["a" * 5000, "b"], "of 5,000 characters"), ([1, 1], "twice")],
    ids=["many", "long", "twice"],
)
def test_what_a_model_claims_to_know_costs_nothing(classes: list[Any], text: str) -> None:
    answer = Answer(np.array([0, 1]), None, tuple(classes), 1.0)
    with pytest.raises(InvalidInput, match=text):
        pack("classification", pd.Series([0, 1]), answer)


def test_without_classes_of_its_own_a_model_has_the_benchmarks() -> None:
    with pytest.raises(InvalidInput, match="the model returned 7"):
        pack("classification", pd.Series([0, 1]), Answer(np.array([0, 7]), None, (), 1.0))
    kept = pack("classification", pd.Series([0, 1, 1]), Answer(np.array(["0", "1", "0"]), None, (), 1.0))
    assert (kept.classes, kept.answers.predicted.tolist()) == ((0, 1), [0, 1, 0])


def test_a_registration_survives_what_measuring_meets(sqlite_registry: Registry, registry_folder: Path) -> None:
    add(sqlite_registry)
    (path,) = (registry_folder / "benchmarks").iterdir()
    content = path.read_bytes()
    path.unlink()
    model_id = put(sqlite_registry)
    considered = sqlite_registry.events(model_id=model_id, kinds=["considered"])[0]
    assert "could not be evaluated on holdout" in considered.reason
    # The same rows once more are the way to mend it.
    add(sqlite_registry)
    assert path.read_bytes() == content
    assert sqlite_registry.evaluate(model_id).status == "measured"


def test_a_misspelt_benchmark_setting_blocks(quiet_folder: Registry) -> None:
    model_id = put(quiet_folder)
    add(quiet_folder, thresholds={"accuracy": 0.5})
    quiet_folder.evaluate(model_id)
    quiet_folder.configure("Cancer", benchmark="houldout", reason="a slip")
    assert [gate.name for gate in quiet_folder.check_gates(model_id).failures] == ["benchmark setting"]
    assert quiet_folder.evaluate(model_id, "holdout").status == "measured"
    with pytest.raises(InvalidInput, match="houldout"):
        quiet_folder.evaluate(model_id)


def test_a_promotion_is_taken_back_once(quiet: Registry) -> None:
    first = put(quiet)
    second = put(quiet)
    quiet.promote(second, reason="try")
    quiet.undo_promotion("Cancer", reason="no")
    with pytest.raises(StateConflict, match="taken back already"):
        quiet.undo_promotion("Cancer", reason="yes")
    assert quiet.get_active_model_id() == first


def test_trust_is_not_taken_from_a_champion(quiet: Registry) -> None:
    quiet.configure("Cancer", trusted_globals=[MAJORITY], reason="read it")
    model_id = quiet.upload(stranger_file(), metadata={"model_name": "Cancer", "model_type": "Majority"})
    quiet.promote(model_id, reason="only one")
    with pytest.raises(StateConflict, match="production would fail"):
        quiet.configure("Cancer", trusted_globals=[], reason="taken back")
    assert quiet.load_active_model("Cancer")[0].predict([[0]]) == [1]


def test_lost_answers_fail_the_gate_and_nothing_else(sqlite_registry: Registry, registry_folder: Path) -> None:
    sqlite_registry.configure(auto_evaluate=False, gates={"not_worse_than_champion": 0.5}, reason="by hand")
    first, second = put(sqlite_registry), put(sqlite_registry)
    add(sqlite_registry)
    for each in (first, second):
        sqlite_registry.evaluate(each)
    assert sqlite_registry.check_gates(second).passed
    for path in (registry_folder / "evaluations").iterdir():
        path.unlink()
    with Registry(registry_folder) as fresh:
        assert [gate.name for gate in fresh.check_gates(second).failures] == ["not worse than the champion"]
        fresh.promote(second, override=True, reason="the files are gone")


@pytest.mark.parametrize("name", ["bert", "ｂｅｒｔ", "BERT", "b\u0435rt"])
def test_who_may_not_approve(quiet: Registry, name: str) -> None:
    model_id = put(quiet, actor="bert")
    with pytest.raises(InvalidInput, match="approve"):
        quiet.review(model_id, "approved", "fine", actor=name)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"target": pd.to_datetime(["2026-01-01", "2026-01-02"])}, "give classes as texts or numbers"),
        ({"target": [0.5, float("inf")]}, "infinite"),
        ({"mean radius": [[1], [2]]}, "cannot be stored as a table"),
        ({"mean radius": [1, "a"]}, "cannot be stored as a table"),
    ],
    ids=["dates", "infinite", "lists", "mixed"],
)
def test_data_that_is_no_table(registry: Registry, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        registry.add_benchmark("holdout", "Cancer", cancer().iloc[:2].assign(**changes), "target")
    assert registry.benchmarks() == []


@pytest.mark.parametrize(
    "wrong", [{"slices": "size"}, {"features": 3}, {"slices": None}, {"thresholds": ["auc"]}, {"task": "poetry"}]
)
def test_arguments_of_another_kind(registry: Registry, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        add(registry, **wrong)
