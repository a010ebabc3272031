"""The sandbox exchanges a column's values and predicts: what comes back is what the model answers here."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from registry_core import SandboxFailure
from registry_core.artifacts.sandbox import Worker
from registry_core.artifacts.sandbox.results import read_permuted

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is that of Linux")

ROWS = 40


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(require_all=False) as made:
        yield made


def table() -> pd.DataFrame:
    chance = np.random.default_rng(0)
    return pd.DataFrame({"delay": chance.normal(size=ROWS), "carrier": chance.choice(["AA", "UA", "Ü"], ROWS)})


def orders(repeats: int = 3) -> Any:
    chance = np.random.default_rng(1)
    return np.stack([chance.permutation(ROWS) for _ in range(repeats)])


def feather(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_feather(file)
    return file.getvalue()


def exchanged(frame: pd.DataFrame, column: str, order: Any) -> pd.DataFrame:
    return frame.assign(**{column: frame[column].to_numpy()[order]})


def test_predictions_of_text_classes_from_numbers_and_texts(worker: Worker) -> None:
    frame = table()
    labels = np.where(frame["delay"] + (frame["carrier"] == "UA") > 0.3, "late", "on time")
    columns = make_column_transformer((OneHotEncoder(), ["carrier"]), remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression()).fit(frame, labels)
    found = worker.permute(pickle.dumps(model), None, feather(frame), orders(), [0, 1], wanted="predictions")
    assert [len(column) for column in found] == [3, 3]
    for place, name in enumerate(frame.columns):
        for order, answer in zip(orders(), found[place], strict=True):
            assert answer.predicted.tolist() == model.predict(exchanged(frame, name, order)).tolist()
            assert answer.probabilities is None


def test_probabilities_through_a_scaler_that_knows_no_names(worker: Worker) -> None:
    frame = table()[["delay"]].assign(wind=np.arange(ROWS) / ROWS)
    scaler = StandardScaler().fit(frame.to_numpy())
    model = LogisticRegression().fit(scaler.transform(frame.to_numpy()), (frame["delay"] > 0).astype(int))
    found = worker.permute(
        pickle.dumps(model), pickle.dumps(scaler), feather(frame), orders(2), [1], wanted="probabilities", form="plain"
    )
    for order, answer in zip(orders(2), found[0], strict=True):
        expected = model.predict_proba(scaler.transform(exchanged(frame, "wind", order).to_numpy()))
        assert answer.probabilities == pytest.approx(expected, abs=1e-12)


def test_numbers(worker: Worker) -> None:
    frame = table()[["delay"]]
    model = LinearRegression().fit(frame, 2 * frame["delay"] + 1)
    ((answer,),) = worker.permute(pickle.dumps(model), None, feather(frame), orders(1), [0], wanted="predictions")
    assert answer.predicted == pytest.approx(model.predict(exchanged(frame, "delay", orders(1)[0])), abs=1e-12)


def test_another_number_of_answers_is_not_believed() -> None:
    header = {"kind": "integers", "columns": None, "classes": [0, 1]}
    blocks = [np.zeros(ROWS, "<i8").tobytes(), b""]
    with pytest.raises(SandboxFailure, match="answered 1 times, 3 were asked for"):
        read_permuted(header, blocks, (3, ROWS), 1, "predictions", "the model", 1 << 20)
    short = [np.zeros(ROWS - 1, "<i8").tobytes(), b""]
    with pytest.raises(SandboxFailure, match=f"{ROWS - 1} predictions for {ROWS} rows"):
        read_permuted(header, short, (1, ROWS), 1, "predictions", "the model", 1 << 20)
