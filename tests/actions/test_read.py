from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime
from typing import Any

from registry_core import Registry
from tests.clock import Clock
from tests.fitted import register


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["model_id"] for row in rows]


def test_pages_put_together_are_the_whole_list(registry: Registry) -> None:
    chance = random.Random(5)
    for _ in range(23):
        accuracy = chance.choice([None, 0.5, 0.6, 0.7])
        metrics = {} if accuracy is None else dict.fromkeys(("accuracy", "auc", "f1_score"), accuracy)
        if chance.random() < 0.4:
            metrics["recall"] = chance.random()
        register(registry, performance_metrics=metrics)
    orders = ("composite_score", "accuracy", "recall", "registered_at", "version", "model_id")
    for order_by, descending in itertools.product(orders, (True, False)):
        options: dict[str, Any] = {"order_by": order_by, "descending": descending}
        whole = registry.get_model_comparison(None, **options)
        assert len(whole) == 23, options
        pages = [registry.get_model_comparison(5, offset=offset, **options) for offset in range(0, 30, 5)]
        assert ids([row for page in pages for row in page]) == ids(whole), options
        if order_by in ("accuracy", "recall", "composite_score"):
            values = [row[order_by] for row in whole]
            known = [value for value in values if value is not None]
            assert values == sorted(known, reverse=descending) + [None] * (23 - len(known)), options


def test_filters_search_and_counts(registry: Registry, clock: Clock) -> None:
    plain = register(registry, 0.5, description="100% of the _north_", tags=["nightly"])
    other = register(registry, 0.4, model_type="Forest", evaluation_set="spring")
    clock.tick(60)
    rejected = register(registry, 0.3)
    registry.reject(rejected)
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({}, [plain, other, rejected]),
        ({"status": "rejected"}, [rejected]),
        ({"status": ["registered", "rejected"]}, [plain, other, rejected]),
        ({"status": []}, []),
        ({"model_type": "Forest"}, [other]),
        ({"evaluation_set": "spring"}, [other]),
        ({"eligible": True}, [plain, other]),
        ({"is_active": True}, [plain]),
        ({"is_active": False}, [other, rejected]),
        ({"is_ensemble": True}, []),
        ({"registered_after": registry.get_metadata(other).registered_at}, [rejected]),
        ({"registered_after": datetime(2000, 1, 1, tzinfo=UTC)}, [plain, other, rejected]),
        ({"search": "FOREST"}, [other]),
        ({"search": "NIGHTLY"}, [plain]),
        ({"search": "100%"}, [plain]),
        ({"search": "_north_"}, [plain]),
        ({"search": "'; DROP TABLE models; --"}, []),
        ({"search": "%"}, [plain]),
        ({"search": None}, [plain, other, rejected]),
    ]
    for where, expected in wanted:
        assert ids(registry.get_model_comparison(None, where=where)) == expected, where
        assert registry.count_models(where=where) == len(expected)


def test_events_can_be_picked_and_paged(registry: Registry, clock: Clock) -> None:
    first = register(registry, 0.5, actor="anna")
    later = clock.tick(60)
    register(registry, 0.4, model_name="Fraud", actor="bea")
    assert [event.actor for event in registry.events(kinds=["registered"])] == ["bea", "anna"]
    assert {event.model_id for event in registry.events(model_id=first)} == {first}
    assert {event.model_name for event in registry.events("Fraud")} == {"Fraud"}
    assert {event.model_name for event in registry.events(since=later)} == {"Fraud"}
    assert registry.count_events(actor="anna") == len(registry.events(actor="anna")) == 1
    everything = registry.events(limit=None)
    assert [each.event_id for each in everything] == list(range(len(everything), 0, -1))
    assert registry.events(limit=2, offset=1) == everything[1:3]


def test_pages_of_several_kinds_are_cut_from_the_whole_list(registry: Registry) -> None:
    for number in range(4):
        register(registry, 0.8 + number / 100, model_name="Churn" if number % 2 else "Fraud")
    kinds = ["registered", "promoted", "created", "considered"]
    for model_name in (None, "Churn"):
        whole = [each for each in registry.events(model_name, limit=None) if each.kind in kinds]
        assert len(whole) > 3
        assert registry.events(model_name, limit=None, kinds=kinds) == whole
        for offset in range(len(whole) + 1):
            for asked in (kinds, [*kinds, *kinds], [*kinds, *(f"kind {n}" for n in range(600))]):
                assert registry.events(model_name, limit=2, kinds=asked, offset=offset) == whole[offset : offset + 2]


def test_summaries_names_and_metrics(registry: Registry) -> None:
    assert registry.summaries() == []
    champion = register(registry, 0.5)
    register(registry, 0.4, performance_metrics={"brier": 0.1})
    register(registry, None, model_name="Fraud")
    churn, fraud = registry.summaries()
    assert (churn.model_name, churn.versions, churn.best_model_id) == ("Churn", 2, champion)
    assert churn.champion is not None
    assert churn.champion.model_id == champion
    assert fraud.champion is None
    assert registry.model_names() == ["Churn", "Fraud"]
    assert registry.metric_names("Churn") == ["accuracy", "auc", "f1_score", "data_quality_score", "brier"]
    assert registry.metric_names("Fraud") == ["data_quality_score"]
    assert registry.model_types() == ["LogisticRegression"]


def test_which_metrics_are_better_when_lower(registry: Registry) -> None:
    registry.configure("Sales", lower_is_better=["wape"])
    assert registry.lower_is_better("rmse")
    assert not registry.lower_is_better("accuracy", "Sales")
    assert registry.lower_is_better("wape", "Sales")
    assert not registry.lower_is_better("wape", "Churn")


def test_an_edited_history_is_found(registry: Registry) -> None:
    for accuracy in (0.5, 0.6, 0.7):
        register(registry, accuracy)
    assert registry.verify_events() is None
    with registry._context.database.transaction() as transaction:
        transaction.query("UPDATE events SET actor = 'mallory' WHERE seq = 3")
    assert registry.verify_events() == 3
    with registry._context.database.transaction() as transaction:
        transaction.query("DELETE FROM events WHERE seq = 2")
    assert registry.verify_events() == 3
