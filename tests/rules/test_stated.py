"""What a sender says of a model's origin is stored as it was computed, or refused; nothing else gets in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from registry_core import InvalidInput
from registry_core.actions import lineage
from registry_core.rules import stated
from registry_core.rules.live import drift
from registry_core.rules.live.histogram import histogram_of

_TABLE = pd.DataFrame(
    {"age": [31.0, 44.0, None, 28.0], "plan": ["a", "b", "a", None], "until": pd.Timestamp("2026-01-01")}
)
_DATA = {"sha256": "ab" * 32}


def _reference() -> dict[str, Any]:
    return {
        "rows": 4,
        "features": [drift.reference(name, _TABLE[name]).to_dict() for name in ("age", "plan")],
        "score": drift.reference_of_scores(histogram_of(np.array([0.1, 0.4, 0.9, 0.2]))).to_dict(),
    }


def test_what_a_process_knows_of_itself_is_accepted() -> None:
    known = lineage.of_registration(_TABLE)
    assert stated.lineage(known) == {**known, "self_reported": True}
    assert stated.reference(_reference()) == _reference()


@pytest.mark.parametrize(
    "said",
    [
        {"nonsense": 1},
        {"self_reported": False},
        {"script": 7},
        {"script": "x" * 256},
        {"python": "\0"},
        {"commit": "HEAD; rm -rf"},
        {"commit": "AB" * 20},
        {"uncommitted_changes": "no"},
        {"packages": [1]},
        {"packages": {"numpy": 2}},
        {"packages": {f"p{n}": "1" for n in range(201)}},
        {"training_data": {}},
        {"training_data": {"sha256": "x"}},
        {"training_data": {**_DATA, "rows": -1}},
        {"training_data": {**_DATA, "rows": True}},
        {"training_data": {**_DATA, "rows": 2**60}},
        {"training_data": {**_DATA, "columns": "a"}},
        {"training_data": {**_DATA, "columns": [1]}},
        {"training_data": {**_DATA, "from": "2026-01-01"}},
        {"training_data": {**_DATA, "first_rows": [[1, 2]]}},
    ],
    ids=repr,
)
def test_no_other_lineage_is(said: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="lineage"):
        stated.lineage(said)


def _altered(place: str, **changes: Any) -> dict[str, Any]:
    found = _reference()
    age, plan = found["features"]
    {"age": age, "plan": plan, "score": found["score"], "": found}[place].update(changes)
    return found


@pytest.mark.parametrize(
    "said",
    [
        {},
        _altered("", rows="4"),
        _altered("", more=1),
        _altered("", features={}),
        _altered("", features=[1]),
        _altered("", features=[*_reference()["features"], _reference()["features"][0]]),
        _altered("", features=[_reference()["score"]]),
        _altered("", score=_reference()["features"][0]),
        _altered("age", kind="text"),
        _altered("age", feature=None),
        _altered("age", edges=[3.0, 1.0, 2.0]),
        _altered("age", edges=[float("nan")] * 3),
        _altered("age", edges=[True]),
        _altered("age", counts=[1]),
        _altered("age", counts=[-1] * 5),
        _altered("age", categories=["a"]),
        _altered("plan", categories=["a", "a"]),
        _altered("plan", counts=[1.5] * 4),
        _altered("plan", edges=[1.0]),
        _altered("plan", rows=[["secret"]]),
    ],
    ids=lambda said: f"{said!r:.200}",
)
def test_no_other_reference_is(said: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="reference"):
        stated.reference(said)
