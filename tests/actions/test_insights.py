"""What explains an evaluated version: from stored predictions, and feature impact from the sandbox."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from registry_core import EventKind, InvalidConfiguration, InvalidInput, Registry
from tests.clock import Clock
from tests.commands import answer, refused, run

COLUMNS = ["delay", "wind", "load"]
VALUES = {"hit": 10, "miss": -50, "false_alarm": -5}


def rows(count: int, seed: int = 0) -> pd.DataFrame:
    """Late or not, by delay and wind; ``load`` says nothing, ``carrier`` is no feature."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(chance.normal(size=(count, 3)), columns=COLUMNS)
    frame["carrier"] = chance.choice(["AA", "UA", "ZZ"], count, p=[0.5, 0.47, 0.03])
    frame["late"] = (frame["delay"] + 0.5 * frame["wind"] + chance.normal(size=count) > 0.3).astype(int)
    return frame


def register(registry: Registry, model: Any, features: list[str] = COLUMNS, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "model_name": "Late", "model_type": "Logistic",
        "performance_metrics": {"accuracy": 0.7, "auc": 0.8, "f1_score": 0.7},
        "training_info": {"data_quality_score": 1.0}, "feature_names": features,
    }  # fmt: skip
    return registry.register_model(model, **{**fields, **changes})


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The folder of what `judged` opens, made once: each test gets a copy."""
    folder = tmp_path_factory.mktemp("evaluated") / "registry"
    with Registry(folder, clock=Clock()) as registry:
        registry.configure(auto_evaluate=False, gates={"same_inputs": False}, reason="by hand")
        train = rows(600, seed=1)
        champion = register(registry, LogisticRegression().fit(train[COLUMNS], train["late"]))
        version = register(registry, LogisticRegression().fit(train[["delay"]], train["late"]), ["delay"])
        holdout = rows(1_000)
        registry.add_benchmark("holdout", "Late", holdout, "late", features=COLUMNS, protected=["carrier"])
        for model_id in (champion, version):
            registry.evaluate(model_id)
    return folder, champion, version


@pytest.fixture
def judged(
    evaluated: tuple[Path, str, str], registry_folder: Path, clock: Clock
) -> Iterator[tuple[Registry, str, str]]:
    """A champion, and a version that does not look at the wind where it blows hardest; both evaluated."""
    folder, champion, version = evaluated
    shutil.copytree(folder, registry_folder)
    with Registry(registry_folder, clock=clock) as registry:
        yield registry, champion, version


def test_where_a_version_loses_is_found_without_loading_it(judged: tuple[Registry, str, str]) -> None:
    registry, champion, version = judged
    found = registry.losing_slices(version)
    assert (found.champion_id, found.metric, found.columns) == (champion, "accuracy", 4)
    assert (found.searched, found.confirmed) == (500, 500)
    assert found == registry.losing_slices(version)
    for each in found.slices:
        assert each.difference.verdict == "worse"
        assert each.sentence.startswith(f"worse where {each.condition}: {each.difference.rows:,} rows, -")
    assert "the champion Late 1.0.0" in found.sentence
    with pytest.raises(InvalidInput, match="it is the champion"):
        registry.losing_slices(champion)
    assert "the champion Late 1.0.0" in run(Path(registry.location), "losing-slices", version).output


def test_protected_columns_are_kept_with_the_benchmark_and_changed_by_an_event(
    judged: tuple[Registry, str, str],
) -> None:
    registry, _, version = judged
    (added,) = registry.events(kinds=[EventKind.BENCHMARK_ADDED])
    assert added.after["protected"] == ["carrier"]
    found = registry.fairness(version)["carrier"]
    assert found.positive == "1"
    assert {group.name for group in found.groups} == {"AA", "UA", "ZZ"}
    assert found.small == ("ZZ",) or "ZZ" in found.small
    assert set(found.gaps) == {"selection_rate", "true_positive_rate", "false_positive_rate", "accuracy"}
    changed = registry.set_protected_columns("holdout", "Late", ["load"], actor="bea", reason="not the carrier")
    assert changed.protected == ("load",)
    assert registry.benchmarks("Late")[0] == changed
    (event,) = registry.events(kinds=[EventKind.COLUMNS_PROTECTED])
    assert (event.actor, event.reason) == ("bea", "not the carrier")
    assert (event.before["protected"], event.after["protected"]) == (["carrier"], ["load"])
    assert set(registry.fairness(version)) == {"load"}
    assert registry.set_protected_columns("holdout", "Late", ["load"]) == changed
    assert len(registry.events(kinds=[EventKind.COLUMNS_PROTECTED])) == 1
    with pytest.raises(InvalidInput, match="'speed'"):
        registry.set_protected_columns("holdout", "Late", ["speed"])
    with pytest.raises(InvalidInput, match="target"):
        registry.set_protected_columns("holdout", "Late", ["late"])
    protect = ("benchmark", "protect", "holdout", "--model-name", "Late")
    assert "carrier" in run(Path(registry.location), *protect, "--column", "carrier").output
    assert answer(Path(registry.location), "fairness", version)["carrier"]["small"] == ["ZZ"]
    assert run(Path(registry.location), *protect).output == "Protected columns of holdout: none\n"
    assert registry.fairness(version) == {}


def test_a_gate_bounds_the_gap_between_groups(judged: tuple[Registry, str, str]) -> None:
    registry, _, version = judged

    def gate(bound: float) -> Any:
        registry.configure(
            "Late", gates={"same_inputs": False, "fairness_gaps": {"selection_rate": bound}}, reason="asked"
        )
        (found,) = [each for each in registry.check_gates(version).gates if each.name == "fairness selection_rate"]
        return found

    assert gate(0.9).passed
    failed = gate(0.0001)
    assert not failed.passed
    assert "selection_rate of" in failed.because
    assert "in carrier, at most 0.0001 allowed" in failed.because
    registry.set_protected_columns("holdout", "Late", [], reason="none")
    assert gate(0.9).fix == "evaluate"
    with pytest.raises(InvalidConfiguration, match="fairness_gaps"):
        registry.configure(
            "Late", gates={"same_inputs": False, "fairness_gaps": {"fairness": 0.1}}, reason="no such rate"
        )


def test_outcome_values_are_kept_with_the_model_name(judged: tuple[Registry, str, str]) -> None:
    registry, champion, version = judged
    with pytest.raises(InvalidInput, match="outcome_values"):
        registry.outcome_value(version)
    given = registry.outcome_value(version, values=VALUES)
    registry.configure("Late", outcome_values=VALUES, actor="bea", reason="what the desk pays")
    found = registry.outcome_value(version)
    assert found == given
    assert registry.events(kinds=[EventKind.CONFIGURED])[0].actor == "bea"
    assert found.champion is not None
    assert found.difference is not None
    assert (found.champion.model_id, found.positive, found.rows) == (champion, "1", 1_000)
    # At its own predictions a row is positive from one half on.
    place = found.curve.thresholds.index(0.5)
    assert found.curve.predicted.value == pytest.approx(found.curve.values[place])
    alone = registry.outcome_value(champion)
    assert (alone.champion, alone.difference) == (None, None)
    assert alone.curve.values[0] == found.champion.values[0]
    text = run(Path(registry.location), "outcome-value", version).output
    assert "value per 1,000 rows" in text
    assert answer(Path(registry.location), "outcome-value", version, "--value", "miss=-1")["values"] == {"miss": -1.0}
    for values, wrong in (
        ({"hits": 1.0}, "hits"),
        ({"hit": float("nan")}, "finite"),
        ({"hit": 0.0}, "no outcome values"),
    ):
        with pytest.raises(InvalidInput, match=wrong):
            registry.outcome_value(version, values=values)
    with pytest.raises(InvalidConfiguration, match="hit, miss, false_alarm"):
        registry.configure("Late", outcome_values={"hits": 1.0}, reason="no such outcome")


def test_a_gate_bounds_what_may_be_lost_in_value(judged: tuple[Registry, str, str]) -> None:
    registry, _, version = judged

    def gate(margin: float) -> Any:
        registry.configure("Late", gates={"same_inputs": False, "outcome_value_margin": margin}, reason="asked")
        (found,) = [each for each in registry.check_gates(version).gates if each.name == "outcome value"]
        return found

    assert "was not compared" in gate(100.0).because
    registry.configure("Late", outcome_values=VALUES, reason="what the desk pays")
    assert gate(1e9).passed
    failed = gate(0.0)
    assert not failed.passed
    assert "per 1,000 rows against the champion Late 1.0.0" in failed.because


def test_feature_impact_is_scikit_learns_and_stands_beside_the_champions(judged: tuple[Registry, str, str]) -> None:
    registry, champion, version = judged
    assert registry.feature_impact(version) is None
    assert run(Path(registry.location), "feature-impact", version).output.strip() == "Not computed. Add --compute."
    told: list[tuple[str, int, int]] = []
    found = registry.measure_feature_impact(
        version,
        repeats=3,
        seed=5,
        progress=lambda doing, done, of: told.append((doing, done, of)),
        actor="bea",
        reason="why it differs",
    )
    assert found == registry.feature_impact(version)
    assert told[-1][0] == "permuting features"
    assert found.champion is not None
    assert (found.champion.model_id, found.impact.actor, found.impact.metric) == (champion, "bea", "accuracy")
    assert (found.impact.rows, found.impact.of_rows, found.impact.repeats) == (1_000, 1_000, 3)
    assert [*found.impact.impacts] == ["delay"]
    assert found.impact.baseline == registry.evaluations(version)[0].metrics["accuracy"].value
    holdout = rows(1_000)
    model, _, _ = registry.load_model(champion)
    theirs = permutation_importance(
        model, holdout[COLUMNS], holdout["late"], scoring="accuracy", n_repeats=3, random_state=5
    )
    for name, value in zip(COLUMNS, theirs.importances_mean, strict=True):
        assert found.champion.impacts[name].value == pytest.approx(value, abs=1e-12)
    assert [*found.champion.impacts][-1] == "load"
    events = registry.events("Late", kinds=[EventKind.FEATURE_IMPACT])
    assert {each.model_id for each in events} == {champion, version}
    assert events[0].reason == "why it differs"
    # The champion is not asked the same again.
    registry.measure_feature_impact(version, repeats=3, seed=5)
    assert len(registry.events("Late", kinds=[EventKind.FEATURE_IMPACT])) == 3
    assert "the most important feature is delay" in found.sentence
    document = answer(Path(registry.location), "feature-impact", version)["feature_impact"]
    assert document["impact"]["impacts"]["delay"]["value"] == found.impact.impacts["delay"].value


def test_a_metric_of_probabilities_asks_for_probabilities(judged: tuple[Registry, str, str]) -> None:
    registry, champion, _ = judged
    registry.configure(
        "Late", gates={"same_inputs": False, "primary_metric": "log_loss"}, reason="probabilities matter"
    )
    found = registry.measure_feature_impact(champion, repeats=2).impact
    holdout = rows(1_000)
    model, _, _ = registry.load_model(champion)
    theirs = permutation_importance(
        model, holdout[COLUMNS], holdout["late"], scoring="neg_log_loss", n_repeats=2, random_state=0
    )
    for name, value in zip(COLUMNS, theirs.importances_mean, strict=True):
        assert found.impacts[name].value == pytest.approx(value, abs=1e-12)


def test_a_champion_without_probabilities_is_not_asked_for_them(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    registry.configure(auto_evaluate=False, gates={"primary_metric": "auc"}, reason="by hand")
    train = rows(300, seed=1)
    champion = register(registry, LinearSVC().fit(train[COLUMNS], train["late"]))
    version = register(registry, LogisticRegression().fit(train[COLUMNS], train["late"]), model_type="Other")
    registry.add_benchmark("holdout", "Late", rows(400), "late", features=COLUMNS)
    for model_id in (champion, version):
        registry.evaluate(model_id)
    assert registry.get_active_model_id("Late") == champion
    found = registry.measure_feature_impact(version, repeats=2)
    assert (found.impact.metric, found.champion, found.differences) == ("auc", None, {})
    value = registry.outcome_value(version, values=VALUES)
    assert (value.champion, value.difference) == (None, None)
    with pytest.raises(InvalidInput, match="predict_proba"):
        registry.outcome_value(champion, values=VALUES)


def test_who_gives_up_stops_it_and_nothing_is_stored(judged: tuple[Registry, str, str]) -> None:
    registry, _, version = judged

    def give_up(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        registry.measure_feature_impact(version, progress=give_up)
    assert registry.feature_impact(version) is None


def test_many_rows_are_sampled_and_the_same_for_every_version(
    judged: tuple[Registry, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, _, version = judged
    monkeypatch.setattr("registry_core.actions.feature_impact.MOST_PREDICTED", 2 * 3 * 600)
    found = registry.measure_feature_impact(version, repeats=2)
    assert found.champion is not None
    assert (found.impact.rows, found.champion.rows, found.impact.of_rows) == (600, 600, 1_000)


def test_residuals_of_a_regression_by_prediction_and_by_slice(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    registry.configure(auto_evaluate=False, reason="by hand")
    frame = rows(400).assign(
        minutes=lambda each: 10 * each["delay"] + each["carrier"].map({"AA": 0.0, "UA": 5.0, "ZZ": 0.0})
    )
    model = LinearRegression().fit(frame[COLUMNS], frame["minutes"])
    metrics = {"r2": 0.5}
    model_id = register(registry, model, performance_metrics=metrics, model_type="Line")
    registry.add_benchmark(
        "holdout",
        "Late",
        frame,
        "minutes",
        features=COLUMNS,
        slices=["carrier"],
        task="regression",
        protected=["carrier"],
    )
    with pytest.raises(InvalidInput, match="evaluate it first"):
        registry.residuals(model_id)
    registry.evaluate(model_id)
    by_prediction, by_slice = registry.residuals(model_id)
    assert (by_prediction.name, len(by_prediction.x)) == ("residuals", 10)
    assert sum(by_prediction.details["counts"]) == 400
    means = dict(zip(by_slice.details["labels"], by_slice.y, strict=True))
    residual = frame["minutes"] - model.predict(frame[COLUMNS])
    assert means["UA"] == pytest.approx(residual[frame["carrier"] == "UA"].mean())
    assert by_slice.details["column"] == "carrier"
    assert registry.fairness(model_id) == {}
    with pytest.raises(InvalidInput, match="two classes"):
        registry.outcome_value(model_id, values=VALUES)


def test_what_was_not_evaluated_is_said(judged: tuple[Registry, str, str]) -> None:
    registry, _, _ = judged
    train = rows(100, seed=4)
    third = register(registry, LogisticRegression().fit(train[COLUMNS], train["late"]))
    for ask in (registry.losing_slices, registry.fairness, registry.residuals, registry.measure_feature_impact):
        with pytest.raises(InvalidInput, match="evaluate it first"):
            ask(third)
    assert "evaluate it first" in refused(Path(registry.location), 2, "InvalidInput", "losing-slices", third)
    arguments: dict[str, Any]
    for arguments in ({"repeats": 0}, {"repeats": True}, {"seed": -1}):
        with pytest.raises(InvalidInput, match=next(iter(arguments))):
            registry.measure_feature_impact(third, **arguments)
