from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import InvalidInput, InvalidMetric, InvalidName, InvalidVersion
from registry_core.rules.intake import check_name, moment, submission
from registry_core.rules.readable import plain

BASE = {"model_name": "Churn", "model_type": "Forest"}
BAD_NAMES = [
    "", ".", "..", "../x", "..\\x", "/etc/passwd", "a/b", "a\\b", "C:\\x", "%2e%2e%2f", "%252e", "a\0b", "a\nb",
    "file://x", "a#b", "a?b", "CON", "nul.txt", "LPT1", "x" * 129,
    "x" * 10_000_000, "Сhurn", "Ａ", "a\u202eb", "a\u200bb",
    "a b", "-a",
    "_a", ".a", "a..b", "a.", "😀", "\ud800", "é", None, 5, b"Churn", ["Churn"],
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:24])
def test_names_that_could_become_paths_or_tricks_are_refused(name: Any) -> None:
    with pytest.raises(InvalidName, match="model_name"):
        check_name(name, "model_name")


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}", fullmatch=True).filter(lambda name: len(name) > 4))
def test_plain_names_pass(name: str) -> None:
    assert check_name(name, "model_name") == name


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"colour": "red"}, InvalidInput, "colour"),
        ({"model_name": None}, InvalidName, "model_name is missing"),
        ({"performance_metrics": {"accuracy": 93}}, InvalidMetric, "such as 0.93, not percentages"),
        ({"performance_metrics": [0.9]}, InvalidInput, "performance_metrics is list"),
        ({"performance_metrics": {f"m{n}": 0.5 for n in range(201)}}, InvalidMetric, "201 metrics"),
        ({"performance_metrics": {"accuracy": 0.9}, "metrics": {"accuracy": 0.8}}, None, ""),
        ({"performance_metrics": {"data_quality": 0.9, "data_quality_score": 0.8}}, InvalidMetric, "given twice"),
        ({"version": "1.0"}, InvalidVersion, "MAJOR.MINOR.PATCH"),
        ({"training_info": {"training_samples": -1}}, InvalidInput, "training_samples"),
        ({"training_info": {"training_samples": 1.5}}, InvalidInput, "training_samples"),
        ({"training_info": {"training_timestamp": "yesterday"}}, InvalidInput, "is not a time"),
        ({"training_info": {"is_ensemble": "yes"}}, InvalidInput, "is_ensemble"),
        ({"feature_names": "abc"}, InvalidInput, "feature_names is str"),
        ({"feature_names": ["a", "a"]}, InvalidInput, "twice"),
        ({"feature_names": [1, "1"]}, InvalidInput, "contains '1' twice"),
        ({"feature_names": {"a", "b"}}, InvalidInput, "a set has no order"),
        ({"feature_names": [("a", ""), "a"]}, InvalidInput, "contains 'a' twice"),
        ({"feature_names": 5}, InvalidInput, "feature_names is int"),
        ({"feature_names": {"a": 1}}, InvalidInput, "feature_names is dict"),
        (
            {"performance_metrics": {"f1": 0.9, "f1_score": 0.8}},
            InvalidMetric,
            "f1 = 0.9 and f1_score = 0.8 are the same",
        ),
        ({"performance_metrics": {"neg_log_loss": 0.3}}, InvalidMetric, "give log_loss = 0.3"),
        ({"performance_metrics": {"neg_log_loss": -0.3, "log_loss": 0.4}}, InvalidMetric, "given twice"),
        ({"description": "x" * 20_001}, InvalidInput, "20001 characters"),
        ({"tags": ["x" * 65]}, InvalidInput, "65 characters"),
        ({"hyperparameters": {"x": "y" * 4_000_001}}, InvalidInput, "hyperparameters takes"),
    ],
)
def test_bad_fields_are_named(changes: dict[str, Any], error: type[Exception] | None, text: str) -> None:
    if error is None:
        assert submission({**BASE, **changes}).metrics["accuracy"] == 0.8
        return
    with pytest.raises(error, match=text):
        submission({**BASE, **changes})


def test_a_sidecar_can_be_handed_in_again() -> None:
    document = {
        **BASE, "model_id": "old", "accuracy": 0.9, "auc": None, "metrics": {"log_loss": 0.3}, "model_sha256": "0" * 64,
        "training_timestamp": "2025-07-31T12:00:00+00:00", "is_active": True, "training_samples": 5,
    }  # fmt: skip
    given_again = submission(document)
    assert given_again.metrics == {"accuracy": 0.9, "log_loss": 0.3}
    assert given_again.training_timestamp == datetime(2025, 7, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2025-07-31T12:00:00Z", "2025-07-31T14:00:00+02:00"])
def test_moments_with_a_zone_are_that_moment(text: str) -> None:
    assert moment(text) == datetime(2025, 7, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("said", ["2025-07-31T12:00:00", "20250731_120000", datetime(2025, 7, 31, 12)])
def test_moments_without_a_zone_are_local_time(said: Any) -> None:
    assert moment(said) == datetime(2025, 7, 31, 12).astimezone()


def test_what_json_has_no_word_for_becomes_text_that_stays_the_same() -> None:
    class Kernel:
        pass

    value = {"a": np.float64(0.5), "b": np.arange(3), "c": float("nan"), "d": (1, {2}), "e": Kernel(), 3: None}
    first, second = plain(value), plain({**value, "e": Kernel()})
    assert json.loads(json.dumps(first)) == first == second
    assert (first["a"], first["b"], first["c"], first["d"], first["3"]) == (0.5, [0, 1, 2], "nan", [1, [2]], None)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_anything_plain_survives_json(value: Any) -> None:
    assert json.loads(json.dumps(plain(value))) == plain(value)
