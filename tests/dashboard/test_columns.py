"""One specification of a table gives its frame and its format."""

from typing import Any

from dashboard.ui import columns, tables
from dashboard.ui.columns import Column

COLUMNS: tuple[Column[dict[str, Any]], ...] = (
    Column("Name", lambda each: each["name"], 80, pinned=True),
    Column("Score", lambda each: each.get("score"), 70, "number", help="higher is better"),
    Column("Rows", lambda each: each["rows"], 60, "count"),
)
RECORDS = [{"name": "a", "score": 0.00012, "rows": 1200}, {"name": "b", "rows": 3}]


def test_a_frame_has_a_column_for_each_specification() -> None:
    frame = columns.frame(COLUMNS, RECORDS)
    assert list(frame.columns) == ["Name", "Score", "Rows"]
    assert frame["Score"].dtype == "float64"
    assert frame["Score"].isna().tolist() == [False, True]
    assert columns.frame(COLUMNS, []).empty


def test_a_format_shows_small_numbers_and_never_takes_less_than_its_width() -> None:
    frame = columns.frame(COLUMNS, RECORDS)
    shown = tables.formats(COLUMNS, frame)
    assert shown["Name"]["pinned"]
    assert shown["Score"]["type_config"]["format"] == "%.4g"
    assert shown["Score"]["width"] >= 70
    assert shown["Score"]["help"] == "higher is better"
    assert shown["Rows"]["type_config"]["format"] == "localized"


def test_each_kind_of_number_has_its_format() -> None:
    specified: tuple[Column[tuple[float | None, ...]], ...] = (
        Column("Before", lambda each: each[0], 50, "number", scale="score"),
        Column("After", lambda each: each[1], 50, "number", label="Score then", scale="score"),
        Column("Gap", lambda each: each[2], 50, "difference"),
        Column("Share", lambda each: each[3], 50, "percent"),
        Column("No.", lambda each: each[4], 50, "ordinal"),
    )
    frame = columns.frame(specified, [(2000.5, 0.5, 0.25, 12.5, 1200), (1.0, None, None, None, None)])
    shown = tables.formats(specified, frame)
    formats = {name: each["type_config"]["format"] for name, each in shown.items()}
    assert formats == {"Before": "%.1f", "After": "%.1f", "Gap": "%+.4f", "Share": "%.1f %%", "No.": "%d"}
    assert shown["After"]["label"] == "Score then"
    # One that is missing makes no floating-point numbers of the others.
    assert frame["No."].dtype == "Int64"
