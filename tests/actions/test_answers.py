"""Only a model that answers right goes live: signatures, proofs, and what stands in the way of those without."""

from __future__ import annotations

import io
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from registry_core import (
    AnswersDiffer,
    ArtifactUnloadable,
    Feature,
    Gate,
    GatesFailed,
    InvalidInput,
    Registry,
)
from tests import hostile
from tests.fitted import FEATURES, forest, logistic, register

CHANCE = np.random.default_rng(0)
ROWS = CHANCE.normal(size=(90, 3))
LABELS = np.where(ROWS[:, 0] > 0, "good", "bad")
TEXTS = ["nice and good", "bad and late", "good report", "late and bad"] * 5
PEOPLE = pd.DataFrame({"city": ["NA", "DE", "FR"] * 10, "age": np.arange(30.0), "member": [True, False] * 15})


def file_of(thing: Any) -> io.BytesIO:
    content = io.BytesIO()
    joblib.dump(thing, content)
    content.seek(0)
    return content


def upload(registry: Registry, thing: Any, name: str = "Risk", **metadata: Any) -> str:
    file = thing if isinstance(thing, io.BytesIO) else file_of(thing)
    return registry.upload(file, metadata={"model_name": name, "model_type": "LR", **metadata})


def gate(registry: Registry, model_id: str, name: str = "answers") -> Gate:
    return next(each for each in registry.check_gates(model_id).gates if each.name == name)


def people() -> Any:
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="passthrough")
    return make_pipeline(encoder, LogisticRegression()).fit(PEOPLE, PEOPLE.city == "NA")


def test_a_registration_keeps_the_signature_and_its_proof(registry: Registry) -> None:
    model_id = register(registry)
    found = registry.signature(model_id)
    assert found.feature_names == tuple(FEATURES)
    assert {each.kind for each in found.features} == {"number"}
    assert (found.names, found.takes, found.task, found.classes) == ("given", "table", "binary", (0, 1))
    assert (found.class_type, found.probabilities) == ("integer", True)
    proof, check = registry.proof(model_id), registry.answers_check(model_id)
    assert proof is not None
    assert (proof.rows_from, proof.count) == ("made", 32)
    assert proof.environment.keys() >= {"python", "scikit-learn", "numpy"}
    assert check is not None
    assert (check.status, check.place, check.rows) == ("agrees", "registration", 32)
    assert gate(registry, model_id).passed
    assert registry.events(model_id=model_id)[-1].after["answers"]["status"] == "agrees"


def test_columns_have_their_names_kinds_and_levels(sqlite_registry: Registry) -> None:
    model_id = sqlite_registry.register_model(
        people(), model_name="P", model_type="LR", input_example=PEOPLE.head(), performance_metrics={}
    )
    assert sqlite_registry.signature(model_id).features == (
        Feature("city", "category", ("DE", "FR", "NA")),
        Feature("age", "number"),
        Feature("member", "boolean"),
    )
    proof = sqlite_registry.proof(model_id)
    assert proof is not None
    assert (proof.rows_from, proof.count) == ("input_example", 5)
    assert sqlite_registry.get_metadata(model_id).feature_names == ["city", "age", "member"]


@pytest.mark.parametrize(
    ("model", "rows", "source"),
    [
        (people(), None, "made"),
        (make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0, 1, 0] * 5), None, "made"),
        (forest(), None, "made"),
        (DummyClassifier().fit([[0], [1]], [0, 1]), None, "made"),
        (people(), PEOPLE.to_dict("records")[:3], "input_example"),
        (LogisticRegression().fit(ROWS, LABELS), ROWS[:4].tolist(), "input_example"),
    ],
    ids=["frame", "text", "forest", "anything", "dicts", "lists"],
)
def test_rows_are_made_where_nobody_gave_any(sqlite_registry: Registry, model: Any, rows: Any, source: str) -> None:
    model_id = sqlite_registry.register_model(model, model_name="M", model_type="T", input_example=rows)
    proof = sqlite_registry.proof(model_id)
    assert proof is not None
    assert proof.rows_from == source
    assert gate(sqlite_registry, model_id).passed
    sqlite_registry.promote(model_id, reason="it answers")


def test_training_rows_serve_as_examples_as_well(sqlite_registry: Registry) -> None:
    model_id = sqlite_registry.register_model(
        LogisticRegression().fit(ROWS, LABELS), model_name="M", model_type="T", reference=ROWS
    )
    proof = sqlite_registry.proof(model_id)
    assert proof is not None
    assert (proof.rows_from, proof.count) == ("reference", 32)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (LogisticRegression(), "it is not fitted"),
        (MultiOutputClassifier(LogisticRegression()).fit(ROWS, np.c_[LABELS, LABELS]), "2 outputs"),
        (LinearRegression().fit(ROWS, ROWS), "3 values per row, and only one is supported"),
    ],
    ids=["unfitted", "several classifications", "several numbers"],
)
def test_what_cannot_answer_is_not_registered(sqlite_registry: Registry, model: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        sqlite_registry.register_model(model, model_name="M", model_type="T")
    assert sqlite_registry.count_models() == 0


def test_an_example_that_the_model_cannot_answer_is_refused(sqlite_registry: Registry) -> None:
    with pytest.raises(InvalidInput, match="cannot predict the rows of input_example"):
        sqlite_registry.register_model(
            LogisticRegression().fit(ROWS, LABELS), model_name="M", model_type="T", input_example=[[1.0]]
        )


def test_a_model_that_answers_differently_each_time_is_refused(sqlite_registry: Registry) -> None:
    with pytest.raises(InvalidInput, match=r"different predictions for the same rows .* fix its random_state"):
        sqlite_registry.register_model(
            DummyClassifier(strategy="stratified").fit(ROWS, LABELS), model_name="M", model_type="T"
        )


def test_what_only_a_script_knows_is_refused_with_the_remedy(
    sqlite_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type("Winner", (LogisticRegression,), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "Winner", kind, raising=False)
    with pytest.raises(InvalidInput, match=r"__main__\.Winner, which is defined in this notebook .*my_models\.py"):
        sqlite_registry.register_model(kind().fit(ROWS, LABELS), model_name="M", model_type="T")


def test_where_no_rows_are_kept_agreement_is_not_checked_elsewhere(sqlite_registry: Registry) -> None:
    sqlite_registry.configure(keep_example_rows=False, reason="private rows")
    model_id = register(sqlite_registry, None)
    proof, check = sqlite_registry.proof(model_id), sqlite_registry.answers_check(model_id)
    assert proof is not None
    assert (proof.rows, proof.answers, proof.because) == (None, None, "the setting keep_example_rows is off")
    assert check is not None
    assert check.status == "agrees"  # in the process that registered it


def test_without_rows_changed_code_is_not_checked_and_policy_decides(
    sqlite_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    team_code(tmp_path, 1)
    sqlite_registry.configure(keep_example_rows=False, trusted_globals=["team_models.Scored"], reason="private rows")
    model = import_module("team_models").Scored().fit(ROWS, LABELS)
    model_id = sqlite_registry.register_model(model, model_name="Risk", model_type="Scored")
    assert gate(sqlite_registry, model_id).passed
    (tmp_path / "team_models.py").write_text((tmp_path / "team_models.py").read_text() + "# reviewed\n")
    found = gate(sqlite_registry, model_id)
    assert not found.passed
    assert found.because.startswith(
        "predictions not compared: it predicts; no example rows of its registration are stored"
    )
    assert "registered with team_models code" in found.because
    sqlite_registry.configure(gates={"unchecked_answers": True}, reason="we looked at it")
    assert gate(sqlite_registry, model_id).passed
    del sys.modules["team_models"]


def test_rows_leave_with_the_files_of_a_purged_version(registry: Registry) -> None:
    model_id = register(registry, None)
    registry.delete(model_id, reason="old")
    registry.purge(model_id, reason="old")
    proof = registry.proof(model_id)
    assert proof is not None
    assert (proof.rows, proof.answers, proof.count) == (None, None, 0)
    assert proof.because.startswith("deleted when the version was purged")
    assert registry.signature(model_id).feature_names == tuple(FEATURES)


def test_files_from_outside_show_themselves_in_the_sandbox(registry: Registry) -> None:
    champion = registry.register_model(LogisticRegression().fit(ROWS, LABELS), model_name="Risk", model_type="LR")
    registry.promote(champion, reason="go")
    same = upload(registry, LogisticRegression(C=2).fit(ROWS, LABELS))
    assert registry.get_metadata(same).classes == ["bad", "good"]
    check = registry.answers_check(same)
    assert check is not None
    assert (check.status, check.place) == ("agrees", "sandbox")
    for model, why in (
        (LogisticRegression().fit(ROWS, LABELS == "good"), "False is new"),
        (Ridge().fit(ROWS, ROWS[:, 0]), "it is a regression, the champion is a classification"),
        (LogisticRegression().fit(np.c_[ROWS, ROWS], LABELS), "6 features, the champion has 3"),
    ):
        other = upload(registry, model)
        assert why in gate(registry, other, "same inputs").because
        with pytest.raises(GatesFailed):
            registry.promote(other, reason="go")
    registry.promote(same, reason="go")
    assert registry.predictor("Risk").predict(ROWS[:2]).values.tolist() == LABELS[:2].tolist()


@pytest.mark.parametrize(
    ("thing", "why"),
    [
        (StandardScaler().fit([[0.0], [1.0]]), "it is StandardScaler, which transforms and does not predict"),
        ({"model": 1}, "it is a dict with the keys 'model', not a model"),
        (LogisticRegression(), "it is not fitted"),
        ("hello", "it is str, which has no predict"),
        (MultiOutputClassifier(LogisticRegression()).fit(ROWS, np.c_[LABELS, LABELS]), "2 outputs"),
        (hostile.crashing_file(), "was killed by signal 11"),
    ],
    ids=["scaler", "bundle", "unfitted", "text", "several outputs", "crash"],
)
def test_what_cannot_answer_never_goes_live(sqlite_registry: Registry, thing: Any, why: str) -> None:
    sqlite_registry.configure(trusted_globals=[hostile.ENDS], reason="our own class")
    model_id = upload(sqlite_registry, thing)
    found = gate(sqlite_registry, model_id)
    assert not found.passed
    assert why in found.because
    assert found.remedy
    with pytest.raises(GatesFailed, match="Prediction check"):
        sqlite_registry.promote(model_id, reason="go")
    # An override passes over what somebody decided to ask for, not over a model that does not answer.
    with pytest.raises(ArtifactUnloadable):
        sqlite_registry.promote(model_id, override=True, reason="go")
    with pytest.raises(ArtifactUnloadable):
        sqlite_registry.load_model(model_id)
    assert sqlite_registry.get_active_model_id("Risk") is None


def team_code(folder: Path, sign: int) -> None:
    (folder / "team_models.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "class Scored(LogisticRegression):\n"
        "    def predict_proba(self, rows):\n"
        f"        return super().predict_proba(rows)[:, ::{sign}]\n"
    )


def test_a_model_whose_code_was_changed_since_no_longer_goes_live(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    team_code(tmp_path, 1)
    registry.configure(trusted_globals=["team_models.Scored"], reason="reviewed")
    model = import_module("team_models").Scored().fit(ROWS, LABELS)
    first = registry.register_model(model, model_name="Risk", model_type="Scored")
    assert gate(registry, first).passed
    team_code(tmp_path, -1)
    found = gate(registry, first)
    assert not found.passed
    assert "registered with team_models code" in found.because
    assert "32 of 32 predictions differ" in found.because
    with pytest.raises(AnswersDiffer, match=f"{first} does not return the predictions of its registration"):
        registry.promote(first, override=True, reason="go")
    report = registry.verify(answers=True)
    assert [(each.kind, each.subject) for each in report.findings] == [("answers", first)]
    del sys.modules["team_models"]
    with pytest.raises(AnswersDiffer):
        registry.load_model(first)
    del sys.modules["team_models"]
    team_code(tmp_path, 1)
    assert gate(registry, first).passed
    registry.promote(first, reason="its code is what it was")


def test_health_says_which_champion_no_longer_answers(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    team_code(tmp_path, 1)
    registry.configure(trusted_globals=["team_models.Scored"], reason="reviewed")
    model = import_module("team_models").Scored().fit(ROWS, LABELS)
    champion = registry.register_model(model, model_name="Risk", model_type="Scored")
    registry.promote(champion, reason="go")
    assert registry.check_health("Risk").state == "unknown"
    team_code(tmp_path, -1)
    found = registry.check_health("Risk", act=False)
    assert (found.state, registry.alerts("Risk")) == ("critical", [])
    assert found.sentence.startswith("Risk 1.0.0 does not return the predictions of its registration")
    assert found.library_versions.startswith("registered with team_models code")
    (said,) = registry.check_health("Risk").acted
    assert said == found.sentence
    assert [(each.kind, each.severity) for each in registry.alerts("Risk")] == [("answers", "critical")]
    team_code(tmp_path, 1)
    assert "its predictions match those of its registration again" in registry.check_health("Risk").acted[0]
    assert registry.alerts("Risk") == []
    del sys.modules["team_models"]


def test_versions_of_an_older_release_get_their_proof_when_they_are_asked(registry: Registry) -> None:
    old, new = register(registry, 0.8), register(registry, 0.9)
    forget(registry, old, new)
    assert registry.signature(new).features[0].kind == "unknown"
    found = registry.verify_all_answers(missing=True)
    assert {model_id: check.status for model_id, check in found.items()} == {old: "agrees", new: "agrees"}
    proof = registry.proof(old)
    assert proof is not None
    assert (proof.rows_from, proof.count) == ("made", 32)
    assert registry.verify_all_answers(missing=True) == {}
    assert registry.signature(old).features[0].kind == "number"


def test_a_rollback_to_one_without_proof_makes_it_first(registry: Registry) -> None:
    old, new = register(registry, 0.8), register(registry, 0.9)
    assert registry.get_active_model_id("Churn") == new
    forget(registry, old, new)
    registry.rollback("Churn", reason="accuracy fell")
    assert registry.get_active_model_id("Churn") == old
    assert registry.proof(old) is not None
    assert [each.model_id for each in registry.events(kinds=["answers_checked"])] == [old]


def forget(registry: Registry, *model_ids: str) -> None:
    """Leave versions as a release without signatures left them."""
    with registry._context.database.transaction() as transaction:
        for table in ("answer_checks", "proofs"):
            transaction.query(f"DELETE FROM {table}")
        for model_id in model_ids:
            row = transaction.query("SELECT seq FROM models WHERE model_id = :id", {"id": model_id})[0]
            kept = transaction.query("SELECT metadata FROM model_documents WHERE model_seq = :seq", row)[0]["metadata"]
            document = json.loads(kept)
            del document["signature"]
            transaction.query(
                "UPDATE model_documents SET metadata = :text WHERE model_seq = :seq",
                {"text": json.dumps(document), **row},
            )


def test_library_versions_may_block(sqlite_registry: Registry) -> None:
    model_id = upload(sqlite_registry, logistic()[0], libraries={"scikit-learn": "1.2.2"})
    found = gate(sqlite_registry, model_id, "library versions")
    assert found.passed
    assert found.because.startswith("registered with scikit-learn 1.2.2, here ")
    assert sqlite_registry.compare_libraries({"scikit-learn": "1.2.2"}) == found.because
    sqlite_registry.configure(gates={"library_versions": "block"}, reason="strict")
    assert not gate(sqlite_registry, model_id, "library versions").passed
    own = register(sqlite_registry, None)
    assert gate(sqlite_registry, own, "library versions").passed


def test_a_benchmark_that_does_not_fit_the_champion_does_not_count_by_itself(registry: Registry) -> None:
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"]).assign(label=LABELS)
    registry.configure(auto_evaluate=False, reason="by hand")
    champion = registry.register_model(
        LogisticRegression().fit(ROWS, LABELS), model_name="Risk", model_type="LR", feature_names=["a", "b", "c"]
    )
    registry.promote(champion, reason="go")
    registry.add_benchmark("first", "Risk", frame, "label")
    registry.evaluate(champion)
    registry.add_benchmark("fewer", "Risk", frame.drop(columns="a"), "label")
    registry.add_benchmark("others", "Risk", frame.assign(label="?"), "label")
    counting = registry.counting_benchmark("Risk")
    assert counting is not None
    assert counting.name == "first"
    assert registry.get_metadata(champion).measured["accuracy"] > 0.9
    failed = registry.evaluate(champion, "others")
    assert failed.because.startswith(
        "the benchmark has the labels '?', which the model cannot predict: its classes are"
    )
    assert "no column 'a'" in registry.evaluate(champion, "fewer").because


def test_columns_in_another_order_are_measured_as_in_the_right_one(sqlite_registry: Registry) -> None:
    sqlite_registry.configure(auto_evaluate=False, reason="by hand")
    model = LogisticRegression().fit(ROWS, LABELS)
    model_id = sqlite_registry.register_model(model, model_name="Risk", model_type="LR", feature_names=["a", "b", "c"])
    frame = pd.DataFrame(ROWS, columns=["a", "b", "c"]).assign(label=LABELS, extra=1)
    sqlite_registry.add_benchmark("mixed", "Risk", frame[["extra", "c", "label", "b", "a"]], "label")
    found = sqlite_registry.evaluate(model_id)
    assert found.metrics["accuracy"].value == pytest.approx((model.predict(ROWS) == LABELS).mean())


def test_a_text_model_is_measured_on_the_column_of_texts(sqlite_registry: Registry) -> None:
    sqlite_registry.configure(auto_evaluate=False, reason="by hand")
    labels = [1, 0, 1, 0] * 5
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, labels)
    model_id = sqlite_registry.register_model(model, model_name="Tone", model_type="Text")
    assert sqlite_registry.signature(model_id).takes == "text"
    frame = pd.DataFrame({"text": TEXTS, "source": "mail", "label": labels})
    sqlite_registry.add_benchmark("texts", "Tone", frame, "label", features=["text"], slices=["source"])
    assert sqlite_registry.evaluate(model_id).metrics["accuracy"].value == 1
    sqlite_registry.promote(model_id, reason="go")
    assert sqlite_registry.predictor("Tone").predict(TEXTS[:2]).values.tolist() == [1, 0]
    with pytest.raises(InvalidInput, match="one text per row"):
        sqlite_registry.predictor("Tone").predict([[1.0, 2.0], [3.0, 4.0]])
