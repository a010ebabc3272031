"""What arrives, held against a signature: by name, in order, converted where nothing is lost, refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.errors import InvalidInput
from registry_core.evidence import Benchmark
from registry_core.rules.matching import Matcher, why_unfit
from registry_core.signature import Feature, Signature

AGE, SPEND = Feature("age", "number"), Feature("spend", "number")
NAMED = Signature((AGE, SPEND), "model", "table", "binary", (0, 1), True)
GIVEN = Signature((AGE, SPEND), "given", "table", "binary", (0, 1), True)
NAMELESS = Signature((Feature("x0"), Feature("x1")), "none")
TEXT = Signature((), "none", "text", "binary", ("bad", "good"))
FRAME = pd.DataFrame({"age": [40.0, 50.0], "spend": [1.0, 2.0]})


@given(st.permutations(["age", "spend", "note", "id"]))
def test_columns_are_found_by_name_whatever_their_order(order: list[str]) -> None:
    wide = FRAME.assign(note="x", id=7)[order]
    rows, ignored = Matcher(NAMED)(wide)
    pd.testing.assert_frame_equal(rows, FRAME)
    assert {*ignored} == {"note", "id"}
    rows, ignored = Matcher(GIVEN)(wide)
    np.testing.assert_array_equal(rows, FRAME.to_numpy())
    assert {*ignored} == {"note", "id"}


def test_what_fits_is_passed_on_as_it_is() -> None:
    assert Matcher(NAMED)(FRAME).rows is FRAME
    array = FRAME.to_numpy()
    assert Matcher(NAMED)(array).rows is array
    assert Matcher(NAMELESS)(array).rows is array


def test_a_missing_column_is_refused_by_its_name() -> None:
    with pytest.raises(
        InvalidInput, match="have no column 'spend'; they have 'age'; the model takes 'age' and 'spend'"
    ):
        Matcher(NAMED)(FRAME[["age"]])


def test_rows_as_dicts_are_what_a_request_holds() -> None:
    dicts = [{"spend": 1, "age": 40, "id": "a"}, {"age": 50.0, "spend": "2"}]
    rows, ignored = Matcher(GIVEN)(dicts)
    np.testing.assert_array_equal(rows, FRAME.to_numpy())
    assert ignored == ("id",)
    pd.testing.assert_frame_equal(Matcher(NAMED)(dicts).rows, FRAME, check_dtype=False)
    with pytest.raises(InvalidInput, match="row 1 has no 'spend'"):
        Matcher(GIVEN)([dicts[0], {"age": 1}])
    with pytest.raises(InvalidInput, match=r"give a list of dicts, a single row as \[\{...\}\]"):
        Matcher(GIVEN)(dicts[0])
    with pytest.raises(InvalidInput, match="registered without feature names"):
        Matcher(NAMELESS)(dicts)


@pytest.mark.parametrize("rows", [[[1.0]], np.ones((3, 3)), pd.DataFrame(np.ones((2, 3)))])
def test_another_width_is_refused(rows: Any) -> None:
    with pytest.raises(InvalidInput, match="the model takes 2 features"):
        Matcher(NAMELESS)(rows)


def test_numbered_columns_are_taken_by_their_places() -> None:
    numbered = pd.DataFrame(FRAME.to_numpy())
    assert Matcher(NAMED)(numbered).rows.columns.tolist() == ["age", "spend"]
    np.testing.assert_array_equal(Matcher(NAMELESS)(numbered).rows, FRAME.to_numpy())


def test_texts_have_one_dimension() -> None:
    for rows in (["a", "b"], np.array(["a", "b"]), pd.Series(["a", "b"]), pd.DataFrame({"t": ["a", "b"]})):
        assert Matcher(TEXT)(rows).rows.tolist() == ["a", "b"]
    with pytest.raises(InvalidInput, match="a single text as"):
        Matcher(TEXT)("a")
    with pytest.raises(InvalidInput, match="row 1 is 3, not a text"):
        Matcher(TEXT)(["a", 3])
    with pytest.raises(InvalidInput, match="takes one text per row"):
        Matcher(TEXT)([["a", "b"], ["c", "d"]])


@pytest.mark.parametrize(
    ("kind", "values", "wanted"),
    [
        ("number", ["1.5", "2"], [1.5, 2.0]),
        ("number", [1, None], [1.0, np.nan]),
        ("boolean", ["true", "False"], [True, False]),
        ("text", [1067, "a"], ["1067", "a"]),
        (
            "datetime",
            ["2026-03-01", "2026-03-02T12:00:00"],
            list(pd.to_datetime(["2026-03-01T00:00", "2026-03-02T12:00"])),
        ),
    ],
)
def test_kinds_are_converted_where_nothing_is_lost(kind: Any, values: list[Any], wanted: list[Any]) -> None:
    signature = Signature((Feature("it", kind),), "model")
    rows = Matcher(signature)(pd.DataFrame({"it": pd.Series(values, dtype=object)})).rows
    assert rows["it"].tolist() == pytest.approx(wanted, nan_ok=True) if kind == "number" else wanted


@pytest.mark.parametrize(
    ("kind", "value", "needed"),
    [
        ("number", "many", "not a number"),
        ("boolean", "perhaps", "not true or false"),
        ("text", 1.5, "not a text"),
        ("datetime", "yesterday", "not a date-time"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_column_and_row(kind: Any, value: Any, needed: str) -> None:
    good = {"number": 1, "boolean": True, "text": "a", "datetime": "2026-03-01"}[kind]
    signature = Signature((Feature("it", kind),), "model")
    with pytest.raises(InvalidInput, match=f"column 'it', row 1: .* {needed}"):
        Matcher(signature)(pd.DataFrame({"it": pd.Series([good, value], dtype=object)}))


def test_categories_are_spelt_as_the_model_spells_them() -> None:
    signature = Signature((Feature("store", "category", ("10", "20")),), "model")
    assert Matcher(signature)(pd.DataFrame({"store": [10, 20, 30]})).rows["store"].tolist() == ["10", "20", 30]
    typed = Signature((Feature("store", "category", (10, 20), typed=True),), "model")
    rows = Matcher(typed)(pd.DataFrame({"store": ["20", "10"]})).rows
    assert rows["store"].dtype == pd.CategoricalDtype([10, 20])
    assert rows["store"].tolist() == [20, 10]


def benchmark(**changes: Any) -> Benchmark:
    known: dict[str, Any] = {"features": ("age", "spend", "region"), "task": "classification", "classes": (0, 1)}
    known |= changes
    return Benchmark(
        "holdout", "Churn", known["task"], "left", known["features"], (), {}, 9, "f", "", "", known["classes"]
    )


@pytest.mark.parametrize(
    ("signature", "changes", "why"),
    [
        (NAMED, {}, ""),
        (NAMED, {"classes": ()}, ""),
        (NAMED, {"classes": ("0", "1")}, ""),
        (NAMED, {"features": ("age",)}, "lacks 'spend'"),
        (NAMED, {"classes": (0, 1, 2)}, "holds the labels 2, which the champion cannot predict"),
        (NAMED, {"task": "regression"}, "is for regression, the champion does classification"),
        (NAMELESS, {}, "has 3 features, the champion 2"),
        (TEXT, {"classes": ("bad", "good")}, "has 3 feature columns, the champion takes one text per row"),
        (TEXT, {"features": ("text",), "classes": ("bad",)}, ""),
    ],
)
def test_which_benchmarks_a_champion_can_be_measured_on(signature: Signature, changes: Any, why: str) -> None:
    found = why_unfit(signature, benchmark(**changes))
    assert (why in found) if why else found == ""
