from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import InvalidInput
from registry_core.artifacts import tables
from registry_core.signature import Kind

FRAME = pd.DataFrame(
    {
        "zip": ["01067", "80331", "99999", "10115"],
        "country": ["NA", "DE", "null", "FR"],
        "age": [31, 42, 53, 64],
        "income": [1.5, -2.25, 0.1, 1e-07],
        "member": [True, False, True, True],
        "note": ['a;b "c", d', "1e5", "ä€", "x\ny"],
    }
)


def read(
    content: bytes | str, kinds: dict[str, Kind] | None = None, target: str | None = None, name: str = "h.csv"
) -> Any:
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    file.name = name
    return tables.read(file, kinds, target)


def same(frame: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(frame, FRAME, check_dtype=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize(
    ("delimiter", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), ("|", ".")]
)
def test_every_way_to_write_a_csv_gives_the_same_values(encoding: str, delimiter: str, decimal: str) -> None:
    text = FRAME.to_csv(index=False, sep=delimiter, decimal=decimal)
    frame, reading = read(text.encode(encoding))
    same(frame)
    assert (reading.format, reading.delimiter, reading.decimal, reading.rows) == ("CSV", delimiter, decimal, 4)
    assert reading.encoding == encoding
    assert [each.kind for each in reading.columns] == ["text", "text", "number", "number", "boolean", "text"]


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", data)
        archive.writestr("__MACOSX/._table.csv", b"")
    return buffer.getvalue()


def zstd(data: bytes) -> bytes:
    buffer = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(buffer, "zstd") as stream:
        stream.write(data)
    return bytes(buffer.getvalue())


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
    "zstd": zstd,
}


@pytest.mark.parametrize("way", PACKERS)
def test_compressed_files_are_told_by_their_bytes(way: str, tmp_path: Path) -> None:
    path = tmp_path / "table.bin"
    path.write_bytes(PACKERS[way](FRAME.to_csv(index=False, sep="\t").encode()))
    frame, reading = tables.read(path)
    same(frame)
    assert (reading.compression, reading.source, reading.format) == (way, "table.bin", "CSV")
    path.write_bytes(PACKERS[way](FRAME.to_csv(index=False).encode())[:-12])
    with pytest.raises(InvalidInput, match=r"table.bin .*cannot be unpacked"):
        tables.read(path)


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_BYTES", 100_000)
    for pack in PACKERS.values():
        with pytest.raises(InvalidInput, match="unpacks to more than"):
            read(pack(b"a,b\n" + b"1,2\n" * 50_000))


def arrow(frame: pd.DataFrame, stream: bool) -> bytes:
    table, buffer = pyarrow.Table.from_pandas(frame), io.BytesIO()
    with (pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file)(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["Parquet", "Arrow", "stream", "feather", "JSON lines", "JSON"])
def test_other_formats(form: str) -> None:
    buffer = io.BytesIO()
    if form == "Parquet":
        FRAME.to_parquet(buffer)
    elif form == "feather":
        FRAME.to_feather(buffer)
    elif form.startswith("JSON"):
        buffer.write(FRAME.to_json(orient="records", lines=form == "JSON lines", double_precision=15).encode())
    else:
        buffer.write(arrow(FRAME, form == "stream"))
    frame, reading = read(buffer.getvalue())
    same(frame)
    assert reading.format == {"stream": "Arrow", "feather": "Arrow"}.get(form, form)
    assert (reading.delimiter, reading.decimal) == ("", "")


def test_a_column_of_numbers_may_hold_none() -> None:
    frame, _ = read("share,count\n,1\nnan,2\n", {"share": "number", "count": "number"})
    assert frame["share"].isna().all()
    assert frame["share"].dtype == "float64"


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1),
            st.floats(),
            st.integers(-(2**62), 2**62),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_frame_and_its_csv_hold_the_same(rows: list[tuple[str, float, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["words", "shares", "counts"])
    again, _ = read(frame.to_csv(index=False, lineterminator="\n"), {"words": "text", "shares": "number"})
    assert again["words"].tolist() == frame["words"].tolist()
    np.testing.assert_array_equal(again["shares"].to_numpy(), frame["shares"].to_numpy())
    assert again["counts"].tolist() == frame["counts"].tolist()


@pytest.mark.parametrize(
    ("column", "kind", "values", "understood"),
    [
        # Without a signature: what leaves no doubt.
        (["01067", "1"], "unknown", ["01067", "1"], "text"),
        (["+49", "1"], "unknown", ["+49", "1"], "text"),
        (["1", "NA", ""], "unknown", [1.0, np.nan, np.nan], "number"),
        (["NA", "DE", ""], "unknown", ["NA", "DE", np.nan], "text"),
        (["NA", "NA"], "unknown", ["NA", "NA"], "text"),
        (["1e5", "2"], "unknown", [1e5, 2.0], "number"),
        (["1e5", "x"], "unknown", ["1e5", "x"], "text"),
        (["0", "0.5"], "unknown", [0.0, 0.5], "number"),
        (["True", "False"], "unknown", [True, False], "boolean"),
        (["True", ""], "unknown", [True, None], "boolean"),
        (["1", "True"], "unknown", ["1", "True"], "text"),
        (["inf", "1"], "unknown", [np.inf, 1.0], "number"),
        (["2026-01-02", "2026-01-03"], "unknown", ["2026-01-02", "2026-01-03"], "text"),
        (["9" * 25, "1"], "unknown", ["9" * 25, "1"], "text"),
        (["9007199254740993", ""], "unknown", ["9007199254740993", np.nan], "text"),
        ([" 5", "6 "], "unknown", [5, 6], "number"),
        (["", ""], "unknown", [np.nan, np.nan], "unknown"),
        # With one: what is expected.
        (["01067", "1"], "text", ["01067", "1"], "text"),
        (["1", "2"], "text", ["1", "2"], "text"),
        (["1e5", "NA"], "category", ["1e5", "NA"], "category"),
        (["01067", "+1"], "number", [1067, 1], "number"),
        (["1", "null"], "number", [1.0, np.nan], "number"),
        (["yes", ""], "text", ["yes", np.nan], "text"),
        (["1", "0"], "boolean", [True, False], "boolean"),
        (["TRUE", "false"], "boolean", [True, False], "boolean"),
        (["2026-01-02", ""], "datetime", [pd.Timestamp("2026-01-02"), pd.NaT], "datetime"),
    ],
)
def test_cells_are_read_by_what_is_expected(column: list[str], kind: Kind, values: list[Any], understood: str) -> None:
    text = "\n".join(["a,b", *(f"{each},x" for each in column)])
    frame, reading = read(text, {} if kind == "unknown" else {"a": kind})
    assert reading.columns[0].kind == understood
    for found, wanted in zip(frame["a"].tolist(), values, strict=True):
        assert found == wanted or (pd.isna(found) and pd.isna(wanted))
    assert reading.columns[0].missing == sum(pd.isna(each) for each in values)


@pytest.mark.parametrize(
    ("content", "kinds", "said"),
    [
        ("a,age\nx,1\nx,2\nx,abc\n", {"age": "number"}, r"h\.csv, row 4, column 'age': 'abc' is not a number"),
        ("a;age\nx;1,5\nx;1.234,5\n", {"age": "number"}, r"row 3, column 'age': '1\.234,5' is not a number"),
        (
            "a,b\n1,maybe\n1,perhaps\n",
            {"b": "boolean"},
            r"row 2, column 'b': 'maybe' is not true or false \(2 such cells\)",
        ),
        ("a,b\n1,2026-13-01\n", {"b": "datetime"}, r"row 2, column 'b': '2026-13-01' is not a time"),
        ("sep=;\na;b\n1;x\n", {"b": "number"}, r"row 3, column 'b': 'x' is not a number"),
        ('{"a": 1, "b": "x"}\n', {"b": "number"}, r"row 1, column 'b': 'x' is not a number"),
        ("a,b\n1,2\n1,2,3\n", {}, r"h\.csv, row 3: it has 3 cells, but the header has 2"),
        ("a,b\n1,2\n1\n", {}, r"row 3: it has 1 cells, but the header has 2"),
        ("a,a\n1,2\n", {}, "two columns called 'a'"),
        ("a,b\n", {}, "no rows"),
        ("", {}, "is empty"),
        ("\n\n", {}, "is empty"),
        (b"a\0\1\2\3\0\0\0", {}, "zero bytes"),
        (b"SQLite format 3\0", {}, "an SQLite database"),
        (b"PAR1 but no more", {}, "cannot be read"),
        ('{"a": 1}\n{"a": }\n', {}, "line 2 is not JSON"),
        ("[1, 2]", {}, "not a list of objects"),
        (b"\xef\xbb\xbfa,b\n\xff,1\n", {}, "begins in the encoding utf-8-sig"),
        ("a,b\n1,2\n", {"c": "number"}, None),
    ],
)
def test_faults_of_a_file_are_named_by_their_place(
    content: bytes | str, kinds: dict[str, Kind], said: str | None
) -> None:
    if said is None:
        assert read(content, kinds)[1].kinds_from == ""
        return
    with pytest.raises(InvalidInput, match=said):
        read(content, kinds)


def test_a_column_that_is_nearly_numbers_is_told() -> None:
    text = "a,b\n" + "1,01067\n" * 20 + "abc,2\n" + "1,3\n" * 30
    _, reading = read(text)
    assert reading.notes == (
        "column 'a' is read as text: row 22 holds 'abc'",
        "column 'b' is read as text: row 2 holds '01067'",
    )


def test_commas_of_thousands_are_no_decimals() -> None:
    frame, reading = read("a\tb\n1,234\tx\n5,678\ty\n")
    assert (reading.decimal, frame["a"].tolist()) == (".", ["1,234", "5,678"])
    frame, reading = read("a;b\n1,234;x\n5,678;y\n")
    assert (reading.decimal, frame["a"].tolist()) == (",", [1.234, 5.678])
    frame, _ = read('a,b\n"1,5",x\n')
    assert frame["a"].tolist() == ["1,5"]


def test_a_reading_says_what_will_count() -> None:
    frame, reading = read("age,country,churn\n31,NA,yes\n,DE,no\n42,,yes\n", {"age": "number"}, "churn")
    assert reading.classes == {"yes": 2, "no": 1}
    assert [(each.name, each.missing) for each in reading.columns] == [("age", 1), ("country", 1), ("churn", 0)]
    assert reading.columns[1].examples == ("NA", "DE")
    assert read("a,b\n1,0.5\n2,0.7\n3,0.9\n", target="b")[1].classes == {}
    assert json.dumps(reading.classes)
    with pytest.raises(InvalidInput, match="target names 'z'"):
        read("a,b\n1,2\n", target="z")
    with pytest.raises(InvalidInput, match="open as text"):
        tables.read(io.StringIO("a,b"))
    with pytest.raises(InvalidInput, match="data is int"):
        tables.read(5)
    assert frame["country"].tolist()[0] == "NA"
