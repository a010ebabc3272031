"""A fixed sample of the matrix of native files; ``python -m benchmarks.native_matrix`` is the whole of it."""

import warnings

import pytest

from benchmarks.native_matrix import cell

SAMPLE = [
    ("xgboost json", "early stopping"),
    ("xgboost json", "categories as numbers"),
    ("xgboost ubj", "categories as text"),
    ("xgboost ubj", "labels 1-3"),
    ("lightgbm", "labels as text"),
    ("lightgbm", "early stopping"),
    ("lightgbm", "categories as numbers"),
    ("lightgbm", "categories as text"),
    ("onnx", "labels 1-3"),
    ("onnx", "labels as text"),
    ("onnx", "categories as text"),
    ("onnx", "missing values"),
    ("skops", "labels -1, 1"),
]


@pytest.mark.parametrize(("form", "case"), SAMPLE)
def test_a_native_file_answers_as_its_own_library(form: str, case: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = cell(form, case)
    assert found.share == 1, found.refusal
