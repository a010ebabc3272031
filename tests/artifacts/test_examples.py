"""Example rows and answers as documents: whatever goes in comes out the same, without any pickle."""

from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from registry_core.artifacts import examples
from registry_core.errors import InvalidInput
from registry_core.signature import ExampleAnswers

MIXED = pd.DataFrame(
    {
        "number": [1.5, np.nan, -0.0],
        "single": np.array([1, 2, 3], np.float32),
        "whole": [1, 2, 3],
        "flag": [True, False, True],
        "text": ["NA", "01067", "ü"],
        "gaps": pd.Series(["a", None, np.nan], dtype=object),
        "city": pd.Categorical(["b", "a", None], categories=["b", "a", "c"]),
        "store": pd.Categorical([10, 20, 10], ordered=True),
        "at": pd.to_datetime(pd.Series(["2026-03-01 00:00", "2026-03-02 12:30", None])),
        "zoned": pd.to_datetime(["2026-03-01", "2026-03-02", "2026-03-03"]).tz_localize("Europe/Berlin"),
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "moments": pd.Series([datetime.datetime(2026, 1, 1), datetime.date(2026, 1, 2), None], dtype=object),
    }
)


def through(rows: Any) -> Any:
    return examples.unpack(json.loads(json.dumps(examples.pack(rows))))


def test_every_kind_of_column_comes_back_as_it_was() -> None:
    pd.testing.assert_frame_equal(through(MIXED), MIXED)


@given(
    arrays.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.int8, np.bool_]), st.tuples(st.integers(1, 5), st.just(3))
    )
)
def test_matrices_come_back_bit_by_bit(matrix: np.ndarray) -> None:
    back = through(matrix)
    assert back.dtype == matrix.dtype
    assert back.tobytes() == matrix.tobytes()


def test_texts_and_arrays_of_objects_come_back() -> None:
    assert through(np.array(["a", "ü"])).tolist() == ["a", "ü"]
    objects = np.array([["a", 1], [None, 2.5]], dtype=object)
    assert through(objects).tolist() == objects.tolist()


def test_numbered_columns_keep_their_numbers() -> None:
    assert through(pd.DataFrame([[1.0, 2.0]])).columns.tolist() == [0, 1]


@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"], [True, False], [1.5, -2.0]])
def test_answers_come_back(labels: list[Any]) -> None:
    answers = ExampleAnswers(np.array(labels), np.array([[0.25, 0.75], [1, 0]]), tuple(labels))
    back = examples.unpack_answers(json.loads(json.dumps(examples.pack_answers(answers))))
    assert back.predicted.tolist() == labels
    assert back.classes == tuple(labels)
    assert back.probabilities is not None
    assert back.probabilities.tolist() == [[0.25, 0.75], [1, 0]]


def test_rows_are_sampled_over_all_of_them() -> None:
    picked = examples.sample(np.arange(1000).reshape(-1, 1)).ravel().tolist()
    assert (len(picked), picked[0], picked[-1]) == (32, 0, 999)


def test_wide_rows_are_fewer_and_the_widest_are_none() -> None:
    fitted = examples.fitting(np.zeros((32, 5000)))
    assert fitted is not None
    assert 1 <= len(fitted[0]) < 32
    assert len(json.dumps(fitted[1])) <= examples.MOST_CHARACTERS * 1.1
    assert examples.fitting(np.zeros((2, 400_000))) is None


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ({"a": 1}, "one dict"),
        ([], "no rows"),
        (5, r"the shape \(\)"),
        ([[1], [1, 2]], "not of equal length"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
    ],
)
def test_what_are_no_rows_is_refused(rows: Any, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        examples.table(rows)


def test_a_column_that_no_document_holds_is_named() -> None:
    with pytest.raises(InvalidInput, match="column 'when' of the example rows holds timedelta64"):
        examples.pack(pd.DataFrame({"when": pd.to_timedelta([1], unit="s")}))
    with pytest.raises(InvalidInput, match="column 'it' holds object"):
        examples.pack(pd.DataFrame({"it": [object()]}))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"form": "matrix", "shape": [1, 2], "dtype": "|O8", "data": ""},
        {"form": "matrix", "shape": [9, 9], "dtype": "<f8", "data": ""},
        {"form": "matrix", "shape": [1, 1], "dtype": "<f8", "data": "not base64"},
        {"form": "frame", "columns": [{"name": "a", "dtype": "object(evil)", "values": [1]}]},
        {"form": "pickle"},
    ],
)
def test_a_document_that_is_none_is_refused(document: Any) -> None:
    with pytest.raises(InvalidInput):
        examples.unpack(document)
