"""Rows are the same however they are written, counted as they are, and tell nothing without the key."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import TrainingOverlap
from registry_core.rules import training_rows
from registry_core.rules.training_rows import Sketch, overlap, row_hashes, sketch
from registry_core.signature import Kind

KEY = b"k" * 32
KINDS: tuple[Kind, ...] = ("number", "category", "boolean")


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": chance.normal(size=rows) * 1000,
            "code": chance.choice(["1", "2", "x"], rows),
            "open": chance.random(rows) > 0.5,
        }
    )


def test_rows_are_the_same_after_a_file_and_as_other_types() -> None:
    frame = table(300)
    frame.loc[3, "size"] = np.nan
    frame.loc[4, "size"] = 0.0
    known = row_hashes(frame, KINDS)
    text = io.StringIO(frame.to_csv(index=False))
    again = pd.read_csv(text, dtype={"code": str})
    narrow = frame.assign(size=frame["size"].astype("float32"), code=frame["code"].astype("category"))
    negative = frame.assign(size=frame["size"].mask(frame["size"] == 0, -0.0))
    for other in (again, narrow, negative, frame.assign(open=frame["open"].astype(int))):
        assert (row_hashes(other, KINDS) == known).all()
    assert (row_hashes(frame.assign(size=frame["size"] * 1.001), KINDS) != known).sum() >= 298
    assert (row_hashes(frame.assign(code="x"), KINDS) == known).sum() == (frame["code"] == "x").sum()


@given(st.integers(1, 400), st.integers(0, 400), st.integers(0, 1000))
def test_every_row_is_counted(rows: int, shared: int, seed: int) -> None:
    train, other = table(rows, seed), table(50, seed + 2000)
    bench = pd.concat([train.iloc[:shared], other], ignore_index=True)
    found = overlap(sketch(row_hashes(train, KINDS), KEY), row_hashes(bench, KINDS), KEY)
    assert found == TrainingOverlap(min(shared, rows), len(bench), len(bench))


def test_of_many_rows_a_random_part_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_rows, "MOST_KEPT", 5_000)
    train = table(40_000)
    bench = pd.concat([train.iloc[:4_000], table(4_000, 9)], ignore_index=True)
    known = sketch(row_hashes(train, KINDS), KEY)
    assert (known.rows, len(known.marks)) == (40_000, 5_000)
    found = overlap(known, row_hashes(bench, KINDS), KEY)
    assert found is not None
    # An eighth of the rows is checked: 1,000 of 8,000, half of which are training rows.
    assert 850 < found.checked < 1150
    assert 400 < found.found < 600
    assert "could be checked" in found.sentence


def test_what_is_kept_comes_back_and_needs_its_key() -> None:
    hashes = row_hashes(table(200), KINDS)
    known = sketch(np.concatenate([hashes, hashes]), KEY)
    assert (known.rows, len(known.marks)) == (400, 200)
    assert Sketch.from_dict(known.to_dict()) == known
    assert overlap(known, hashes, b"another") is None
    other = sketch(hashes, b"another")
    assert not known.marks & other.marks
    # No plain hash stands in it.
    text = str(known.to_dict())
    assert not any(str(each) in text for each in hashes.tolist())
