from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest
from sklearn.preprocessing import StandardScaler

from registry_core import EventKind, InvalidInput, ModelNotFound, NoModelAvailable, Predictor, Registry
from registry_core.actions.serve import plan
from registry_core.catalog import alerts, experiments
from tests import fitted as with_scaler
from tests.clock import Clock
from tests.processes import until
from tests.traffic import Mute, Picky, experiment, fitted, register, regression, rows, trust

INPUTS, TRUTH = rows()
UNITS = [f"customer {n}" for n in range(len(INPUTS))]


class Counting:
    """Counts the calls of a model that a registry holds in memory."""

    def __init__(self, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: Counter[int] = Counter()
        kind = type(registry.load_active_model("Churn")[0])
        original = kind.predict_proba

        def counted(model: Any, features: Any) -> Any:
            self.calls[id(model)] += 1
            return original(model, features)

        monkeypatch.setattr(kind, "predict_proba", counted)


def test_the_champion_answers_with_its_scaler(registry: Registry) -> None:
    model_id = with_scaler.register(registry)
    model, scaler, _ = registry.load_model(model_id)
    assert isinstance(scaler, StandardScaler)
    inputs = scaler.mean_ + np.arange(3)[:, None]
    answer = registry.predictor("Churn").predict_proba(inputs)
    np.testing.assert_array_equal(answer.values, model.predict_proba(scaler.transform(inputs)))
    assert answer.model_ids.tolist() == [model_id] * 3
    assert (np.diff(answer.prediction_ids) == 1).all()


@pytest.mark.parametrize("kind", ["array", "frame", "list"])
@pytest.mark.parametrize("share", [None, 0.5])
def test_features_of_every_kind(sqlite_registry: Registry, kind: str, share: float | None) -> None:
    register(sqlite_registry)
    other = register(sqlite_registry, 0.8, fitted(sign=-1))
    if share:
        experiment(sqlite_registry, other, share=share)
    given = {"array": INPUTS, "frame": pd.DataFrame(INPUTS), "list": INPUTS.tolist()}[kind]
    predictor = sqlite_registry.predictor(log="sync")
    answer = predictor.predict_proba(given, UNITS)
    assert answer.values.shape == (len(INPUTS), 2)
    labels = predictor.predict(given, UNITS).values
    np.testing.assert_array_equal(labels, answer.values.argmax(axis=1))


def test_a_split_deals_by_unit_and_stays_so_row_by_row(registry: Registry) -> None:
    champion, challenger = register(registry), register(registry, 0.8, fitted(sign=-1))
    experiment(registry, challenger, share=0.3)
    predictor = registry.predictor("Churn", log="sync")
    together = predictor.predict_proba(INPUTS, UNITS)
    assert 0.2 < (together.model_ids == challenger).mean() < 0.4
    models = {each: registry.load_model(each)[0] for each in (champion, challenger)}
    for row in range(0, 60):
        alone = predictor.predict_proba(INPUTS[row : row + 1], [UNITS[row]])
        assert alone.model_ids[0] == together.model_ids[row]
        np.testing.assert_allclose(alone.values[0], together.values[row])
        own = models[together.model_ids[row]].predict_proba(INPUTS[row : row + 1])
        np.testing.assert_allclose(together.values[row], own[0])
    twice = predictor.predict_proba(np.repeat(INPUTS, 2, axis=0), np.repeat(UNITS, 2))
    assert (twice.model_ids[::2] == twice.model_ids[1::2]).all()
    assert set(predictor.predict_proba(INPUTS, list(range(len(INPUTS)))).model_ids) == {champion, challenger}


def test_without_units_each_row_is_dealt_by_itself(sqlite_registry: Registry) -> None:
    register(sqlite_registry)
    challenger = register(sqlite_registry, 0.8)
    experiment(sqlite_registry, challenger, share=0.3)
    logs: tuple[Literal["sync", "batch", "off"], ...] = ("sync", "batch", "off")
    for log in logs:
        found = sqlite_registry.predictor("Churn", log=log).predict_proba(INPUTS).model_ids == challenger
        assert 0.2 < found.mean() < 0.4


def test_each_model_is_called_once(sqlite_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    register(sqlite_registry)
    others = [register(sqlite_registry, 0.8), register(sqlite_registry, 0.7)]
    experiment(sqlite_registry, *others, share=0.2)
    predictor = sqlite_registry.predictor("Churn", log="sync")
    predictor.predict_proba(INPUTS, UNITS)
    counting = Counting(sqlite_registry, monkeypatch)
    answer = predictor.predict_proba(INPUTS, UNITS)
    assert len(set(answer.model_ids)) == 3
    assert sorted(counting.calls.values()) == [1, 1, 1]


def test_classes_stand_in_the_champions_order(sqlite_registry: Registry) -> None:
    register(sqlite_registry, model=fitted(labels=("yes", "no")))
    turned = fitted(labels=("yes", "no"))
    turned.classes_, turned.coef_, turned.intercept_ = turned.classes_[::-1], -turned.coef_, -turned.intercept_
    challenger = register(sqlite_registry, 0.8, turned)
    experiment(sqlite_registry, challenger, share=1.0)
    answer = sqlite_registry.predictor(log="sync").predict_proba(INPUTS, UNITS)
    assert set(answer.model_ids) == {challenger}
    champion = sqlite_registry.load_active_model()[0]
    np.testing.assert_allclose(answer.values, champion.predict_proba(INPUTS))


def test_a_challenger_of_other_classes_does_not_answer(sqlite_registry: Registry) -> None:
    champion = register(sqlite_registry)
    experiment(sqlite_registry, register(sqlite_registry, 0.8, fitted(labels=(0, 2))), share=1.0)
    assert set(sqlite_registry.predictor(log="sync").predict_proba(INPUTS).model_ids) == {champion}


def test_a_challenger_that_fails_costs_nobody_an_answer(registry: Registry) -> None:
    trust(registry)
    champion, challenger = register(registry), register(registry, 0.8, fitted(Mute))
    seq = experiment(registry, challenger)
    answer = registry.predictor("Churn", log="sync").predict_proba(INPUTS, UNITS)
    assert set(answer.model_ids) == {champion}
    windows = {(each.model_id, each.experiment_id): each for each in registry.performance_history("Churn")}
    assert windows[challenger, seq].failures == 1
    assert windows[challenger, seq].predictions == 0
    # What was meant for the challenger is no part of the champion's arm.
    outside, inside = windows[champion, None].predictions, windows[champion, seq].predictions
    assert outside + inside == len(INPUTS)
    assert min(outside, inside) > 100


def test_where_the_champion_fails_its_predecessor_answers(registry: Registry) -> None:
    trust(registry)
    registry.configure(monitoring={"on_degradation": "suggest"}, reason="by hand")
    old = register(registry)
    new = register(registry, 0.95, fitted(Picky))
    predictor = registry.predictor("Churn", log="sync")
    bad = INPUTS.copy()
    bad[7, 0] = 1000
    assert set(predictor.predict_proba(INPUTS).model_ids) == {new}
    assert set(predictor.predict_proba(bad).model_ids) == {old}
    assert registry.get_active_model_id("Churn") == new
    assert {(each.model_id, each.failures) for each in registry.performance_history()} == {(old, 0), (new, 1)}
    assert not alerts.listed(registry._context.database)
    for _ in range(6):
        predictor.predict_proba(bad)
    (alert,) = alerts.listed(registry._context.database)
    assert (alert.kind, alert.model_id, alert.severity) == ("champion_failing", new, "critical")
    assert f"{registry.get_metadata(old).display_name} serves instead" in alert.text
    assert "an input above 100" in alert.text
    assert registry.verify_events() is None


def test_one_champion_that_fails_after_another_is_told_of_as_well(sqlite_registry: Registry) -> None:
    trust(sqlite_registry)
    sqlite_registry.configure(monitoring={"on_degradation": "suggest", "failures_in_a_row": 2}, reason="by hand")
    register(sqlite_registry)
    predictor = sqlite_registry.predictor(log="sync")
    for accuracy in (0.95, 0.96):
        model_id = register(sqlite_registry, accuracy, fitted(Mute))
        for call in range(3):
            predictor.predict(INPUTS)
            told = [each.model_id for each in alerts.listed(sqlite_registry._context.database)]
            assert (model_id in told) == (call > 0)
        sqlite_registry.rollback("Churn", reason="mute")


def test_a_call_that_nobody_can_answer_raises_the_champions_error(sqlite_registry: Registry) -> None:
    trust(sqlite_registry)
    register(sqlite_registry)
    register(sqlite_registry, 0.95, fitted(Picky))
    predictor = sqlite_registry.predictor(log="sync")
    for _ in range(6):
        with pytest.raises(ValueError, match="features"):
            predictor.predict_proba(INPUTS[:, :1])
    assert not alerts.listed(sqlite_registry._context.database)
    assert predictor.predict_proba(INPUTS[:1]).values.shape == (1, 2)


def test_where_the_champion_does_not_load_its_predecessor_answers(
    sqlite_registry: Registry, registry_folder: Path
) -> None:
    sqlite_registry.configure(monitoring={"on_degradation": "suggest"}, reason="by hand")
    old = register(sqlite_registry)
    new = register(sqlite_registry, 0.95)
    (registry_folder / "models" / f"model_{new}.pkl").unlink()
    with Registry(registry_folder) as service:
        answer = service.predictor(log="sync").predict_proba(INPUTS)
        assert set(answer.model_ids) == {old}
        assert service.record_outcomes(prediction_ids=answer.prediction_ids, labels=TRUTH).recorded == len(TRUTH)
        (alert,) = alerts.listed(service._context.database)
        assert alert.model_id == new


def test_shadows_never_answer(registry: Registry) -> None:
    trust(registry)
    champion, shadow = register(registry), register(registry, 0.8, fitted(sign=-1))
    broken = register(registry, 0.7, fitted(Mute))
    seq = experiment(registry, shadow, broken, mode="shadow")
    answer = registry.predictor("Churn", log="sync").predict_proba(INPUTS, UNITS)
    assert set(answer.model_ids) == {champion}
    result = registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=TRUTH)
    assert result.recorded == len(TRUTH)
    windows = {(each.model_id, each.role): each for each in registry.performance_history()}
    assert windows[shadow, "shadow"].labelled == windows[champion, "champion"].labelled == len(TRUTH)
    assert windows[shadow, "shadow"].experiment_id == seq
    assert windows[shadow, "shadow"].metrics["accuracy"] == pytest.approx(
        1 - windows[champion, "champion"].metrics["accuracy"], abs=0.02
    )
    assert (windows[broken, "shadow"].failures, windows[broken, "shadow"].predictions) == (1, 0)


def test_a_promotion_elsewhere_is_seen_by_the_next_call(catalog_url: dict[str, Any]) -> None:
    with Registry(**catalog_url) as service, Registry(**catalog_url) as reviewer:
        first, second = register(reviewer), register(reviewer, 0.8)
        predictor = service.predictor("Churn")

        def answered_by(model_id: str) -> bool:
            """In a folder the next call is; of a server a commit is told, some milliseconds later."""
            if predictor.predict_proba(INPUTS[:1]).model_ids[0] == model_id:
                return True
            told = "://" in str(catalog_url["location"])
            return told and bool(until(lambda: predictor.predict_proba(INPUTS[:1]).model_ids[0] == model_id))

        for model_id in (first, second, first):
            if reviewer.get_active_model_id() != model_id:
                reviewer.promote(model_id)
            assert answered_by(model_id)
        seq = experiment(reviewer, second, share=1.0)
        assert answered_by(second)
        with reviewer._context.database.transaction() as transaction:
            found = experiments.find(transaction, seq)
            assert found is not None
            transaction.query("UPDATE experiments SET status = 'paused' WHERE seq = :seq", {"seq": seq})
            transaction.query("INSERT INTO settings (name, value) VALUES ('x', 'y')")
            from registry_core.catalog import events

            events.append(
                transaction, now=reviewer._context.now(), kind=EventKind.EXPERIMENT_PAUSED, actor="anna", reason=""
            )
        assert answered_by(first)


def test_a_regression_is_predicted_only(registry: Registry) -> None:
    model_id = register(registry, model=regression(), performance_metrics={"r2": 0.9}, training_info={})
    predictor = registry.predictor("Churn", log="sync")
    answer = predictor.predict(INPUTS)
    np.testing.assert_allclose(answer.values, 2 * INPUTS[:, 0], atol=1e-9)
    with pytest.raises(InvalidInput, match="a regression"):
        predictor.predict_proba(INPUTS)
    truth = answer.values + np.tile([1.0, -3.0], len(INPUTS) // 2)
    registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=truth)
    (window,) = registry.performance_history()
    assert window.model_id == model_id
    assert window.metrics == pytest.approx({"mae": 2.0, "rmse": 5**0.5})
    with pytest.raises(InvalidInput, match="give a number"):
        registry.record_outcomes({int(answer.prediction_ids[0]): "many"})


def test_what_cannot_be_answered_says_so(sqlite_registry: Registry) -> None:
    with pytest.raises(ModelNotFound, match="'Churn'"):
        sqlite_registry.predictor("Churn")
    register(sqlite_registry, None, performance_metrics={})  # pyrefly: ignore[bad-argument-type]
    predictor = sqlite_registry.predictor()
    assert repr(predictor) == "Predictor('Churn')"
    assert isinstance(predictor, Predictor)
    with pytest.raises(NoModelAvailable, match="no champion"):
        predictor.predict(INPUTS)
    register(sqlite_registry)
    for features, words in ((INPUTS[0], r"\[\[\.\.\.\]\]"), ([[1, 2], [3]], "equal length"), (3, "shape")):
        with pytest.raises(InvalidInput, match=words):
            predictor.predict(features)
    for units, words in ((["a"], "1 entries for 2 rows"), (["a", ""], "empty"), (["a", None], "unit"),
                         (["a", "\ud800"], "surrogate"), (["a", b"\xff"], "UTF-8"), ("ab", "is str")):  # fmt: skip
        with pytest.raises(InvalidInput, match=words):
            predictor.predict(INPUTS[:2], units)
    with pytest.raises(InvalidInput, match="'batch', 'sync' and 'off'"):
        sqlite_registry.predictor(log="loud")  # pyrefly: ignore[bad-argument-type]
    empty = predictor.predict_proba(INPUTS[:0])
    assert (empty.values.shape, len(empty.model_ids), len(empty.prediction_ids)) == ((0, 2), 0, 0)


def test_off_keeps_nothing(sqlite_registry: Registry, registry_folder: Path) -> None:
    register(sqlite_registry)
    with sqlite_registry.predictor(log="off") as predictor:
        assert predictor.predict_proba(INPUTS).prediction_ids.tolist() == [0] * len(INPUTS)
    assert not (registry_folder / "telemetry.db").exists()


def test_a_replay_gives_the_same_ids(tmp_path: Path) -> None:
    found = []
    for place in ("first", "second"):
        clock = Clock()
        with Registry(tmp_path / place, clock=clock) as registry:
            register(registry)
            predictor = registry.predictor(log="sync")
            ids = []
            for _ in range(3):
                ids.append(predictor.predict(INPUTS).prediction_ids.tolist())
                clock.tick(3600)
            found.append(ids)
    assert found[0] == found[1]


def test_rows_without_a_unit_spread_evenly_alone_or_together() -> None:
    ids = np.arange(1 << 60, (1 << 60) + 20_000, dtype=np.int64)
    together = plan.scattered("salt", ids)
    assert ((together >= 0) & (together < 1)).all()
    assert kstest(together, "uniform").pvalue > 0.01
    assert [plan.scattered("salt", ids[n : n + 1])[0] for n in range(50)] == together[:50].tolist()
    assert abs(np.corrcoef(together, plan.scattered("other", ids))[0, 1]) < 0.03
