"""Rows of declared columns' values: read from whatever rows come as, named, and counted once more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from registry_core import InvalidConfiguration, Registry
from registry_core.actions.serve import slicing
from registry_core.catalog.telemetry import streams
from tests.clock import Clock
from tests.traffic import register, rows


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (2, "2"),
        (2.0, "2"),
        (np.float64(2.0), "2"),
        (np.int64(2), "2"),
        ("2", "2"),
        (2.5, "2.5"),
        (1e300, "1e+300"),
        (True, "True"),
        ("north", "north"),
        (None, "missing"),
        (float("nan"), "missing"),
        (pd.NA, "missing"),
        (pd.NaT, "missing"),
        ("", "missing"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "other"),
        ("no\0rth", "other"),
        ("\ud800", "other"),
    ],
)
def test_a_value_has_one_name(value: Any, name: str) -> None:
    assert slicing.text(value) == name


class _Silent:
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_a_value_that_cannot_be_named_is_another() -> None:
    assert slicing.text(_Silent()) == "other"


ARRAY = np.array([[1.0, 5.0], [2.0, 6.0]])
FRAME = pd.DataFrame({"first": [1.0, 2.0], "region": ["north", None], "second": [5.0, 6.0]})
MATCHED = pd.DataFrame(ARRAY, columns=["first", "second"])


@pytest.mark.parametrize(
    ("raw", "matched", "found"),
    [
        (ARRAY, ARRAY, {"second": [5.0, 6.0]}),
        (ARRAY.tolist(), ARRAY, {"second": [5.0, 6.0]}),
        (ARRAY, csr_matrix(ARRAY), {"second": [5.0, 6.0]}),
        (ARRAY, MATCHED, {"second": [5.0, 6.0]}),
        (FRAME, MATCHED, {"second": [5.0, 6.0], "region": ["north", None]}),
        (FRAME.to_dict("records"), ARRAY, {"second": [5.0, 6.0], "region": ["north", None]}),
        ([{"first": 1, "second": 5}, {"first": 2, "second": 6, "region": "south"}], ARRAY,
         {"second": [5, 6], "region": [None, "south"]}),
        (np.array(["a text", "another"]), np.array(["a text", "another"]), {}),
    ],
)  # fmt: skip
def test_columns_are_found_in_whatever_comes(raw: Any, matched: Any, found: dict[str, list[Any]]) -> None:
    said = slicing.columns(("region", "second", "absent"), raw, matched, ("first", "second"))
    assert {name: [None if each != each else each for each in values] for name, values in said.items()} == found


def slices(registry: Registry) -> dict[str, int]:
    """The slices of champions, each with its predictions."""
    telemetry = registry._context.telemetry
    listed = streams.listed(telemetry)
    counted = telemetry.tuples("SELECT stream, sum(predictions) FROM days GROUP BY stream")
    return {listed[seq].shares: int(count) for seq, count in counted if _of_champion(listed[seq])}


def _of_champion(stream: streams.Stream) -> bool:
    return stream.role == "slice" and not stream.experiment_id


def test_fifty_values_of_a_column_are_watched_and_all_others_are_one(
    registry: Registry, catalog_url: dict[str, Any], clock: Clock
) -> None:
    registry.configure("Churn", monitoring={"slices": ["city"]})
    register(registry)
    inputs, _ = rows(70)
    frame = pd.DataFrame(inputs, columns=["first", "second"])
    predictor = registry.predictor("Churn", log="sync")
    predictor.predict(frame.assign(city=[f"city {number}" for number in range(70)]))
    found = slices(registry)
    assert len(found) == 51
    assert found["city=other"] == 20
    # Those that are known stay themselves, for another process as well.
    with Registry(**catalog_url, clock=clock) as again:
        again.predictor("Churn", log="sync").predict(frame[:3].assign(city=["city 0", "city 69", "new"]))
    found = slices(registry)
    assert (len(found), found["city=city 0"], found["city=other"]) == (51, 2, 22)


def test_only_rows_that_the_champion_answers_count_as_its_own(registry: Registry) -> None:
    registry.configure("Churn", monitoring={"slices": ["second"]})
    champion, challenger = register(registry), register(registry, 0.8)
    registry.start_experiment("Churn", challenger, mode="split", share=0.5)
    inputs = np.column_stack([rows(200)[0][:, 0], np.arange(200) % 2])
    answer = registry.predictor("Churn", log="sync").predict(inputs, units=[f"unit {each}" for each in range(200)])
    ours = answer.model_ids == champion
    assert 0 < ours.sum() < 200
    assert slices(registry) == {f"second={each}": int((ours & (inputs[:, 1] == each)).sum()) for each in (0, 1)}


def test_nothing_is_kept_where_nothing_is_watched(registry: Registry) -> None:
    registry.configure("Churn", monitoring={"slices": ["second"], "on_degradation": "off"})
    register(registry)
    registry.predictor("Churn", log="sync").predict(rows(20)[0])
    assert slices(registry) == {}
    assert registry.check_health("Churn").slices == ()


@pytest.mark.parametrize(
    "wrong", ["region", [""], ["a", "a"], ["a=b"], ["a\n"], [f"c{each}" for each in range(11)], [1]]
)
def test_columns_that_cannot_be_watched_are_refused(registry: Registry, wrong: Any) -> None:
    with pytest.raises(InvalidConfiguration, match=r"monitoring\.slices"):
        registry.configure("Churn", monitoring={"slices": wrong})
