"""Rows on their way into a native model: columns matched by name, in the model's order, of the kinds it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .models import shown

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def is_frame(rows: Any) -> bool:
    """Whether rows come as a DataFrame."""
    return hasattr(rows, "columns") and hasattr(rows, "iloc")


def named(rows: pd.DataFrame, names: Sequence[str], written: Callable[[str], str] = str) -> pd.DataFrame:
    """The columns a model knows, in its order and under its names; others are left out.

    Args:
        rows: the columns in any order.
        names: as they stand in the file.
        written: how the library writes a column's name into its file.

    Raises:
        ValueError: a column is missing, or there twice.
    """
    own = [str(column) for column in rows.columns]
    if own == list(names):
        return rows
    places: dict[str, list[int]] = {}
    for place, column in enumerate(own):
        places.setdefault(column, []).append(place)
    # A column under its very name comes before one that is only written alike.
    for place, column in enumerate(own):
        if written(column) not in own:
            places.setdefault(written(column), []).append(place)
    missing = [name for name in names if name not in places]
    if missing:
        raise ValueError(f"the column {shown(missing)} is missing; the model takes {shown(list(names))}")
    twice = [name for name in names if len(places[name]) > 1]
    if twice:
        raise ValueError(f"the column {twice[0]!r} appears {len(places[twice[0]])} times; give it once")
    return rows.iloc[:, [places[name][0] for name in names]].set_axis(list(names), axis=1)


def counted(rows: pd.DataFrame, width: int | None) -> pd.DataFrame:
    """A table for a model without names: as many columns as it takes, in order.

    Raises:
        ValueError: more or fewer.
    """
    if width is not None and rows.shape[1] != width:
        raise ValueError(f"the features have {rows.shape[1]} columns; give rows of {width} features")
    return rows


def array(rows: Any, width: int | None) -> NDArray[Any]:
    """Rows that are no DataFrame, as a table of numbers.

    Raises:
        ValueError: they are no table, one of another width, or hold texts.
    """
    import numpy as np

    table = np.asarray(rows)
    if table.ndim != 2 or (width is not None and table.shape[1] != width):
        raise ValueError(f"the features have the shape {table.shape}; give rows of {width} features")
    if table.dtype.kind in "biuf":
        return table
    texts = table.dtype.kind in "SU" or any(isinstance(value, str | bytes) for value in table.flat)
    try:
        if not texts:
            return table.astype(np.float64)
    except (TypeError, ValueError):
        texts = True
    raise ValueError("the features hold texts or other objects, where the model takes numbers")


def numbers(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    """A column of numbers; what is missing in it is not a number (NaN).

    Raises:
        ValueError: it holds texts, dates or other objects.
    """
    import numpy as np

    if column.dtype.kind in "biuf":
        return column
    if column.dtype.kind == "O" and not hasattr(column, "cat"):
        kinds = {type(value) for value in column if value is not None and value == value}
        if all(issubclass(kind, bool | int | float | np.number | np.bool_) for kind in kinds):
            return column.astype(np.float64)
    what = {"M": "times", "m": "spans of time"}.get(column.dtype.kind, "texts or other objects")
    what = "categories" if hasattr(column, "cat") else what
    raise ValueError(f"the column {name!r} holds {what}, where the model takes numbers")


def category(column: pd.Series[Any], name: str, levels: Any, strict: bool) -> pd.Categorical:
    """A column of categories, coded by the levels in the model.

    Args:
        column: values, or categories in any order.
        name: its name, for messages.
        levels: an Index, or a list, in the model's order.
        strict: whether a value that is no level is refused; else it counts as missing.

    Raises:
        ValueError: values of another kind than the levels, or with ``strict`` one that the model has not seen.
    """
    import pandas as pd

    known = pd.Index(levels)
    values = column.astype(object)
    present = values[values.notna()].unique()
    of_texts = {isinstance(level, str) for level in known}
    wrong = [value for value in present if of_texts == {not isinstance(value, str)}]
    if wrong:
        raise ValueError(
            f"the column {name!r} holds {wrong[0]!r}, a {_kind(wrong[0])}; "
            f"the model's categories are {_kind(known[0])}s: {shown(list(known.tolist()))}"
        )
    codes = known.get_indexer(pd.Index(values))
    if strict and (codes[values.notna().to_numpy()] < 0).any():
        strangers = [value for value in present if value not in known]
        raise ValueError(
            f"the column {name!r} holds {strangers[0]!r}, a category the model was not trained on; its categories are "
            f"{shown(list(known.tolist()))}"
        )
    return pd.Categorical.from_codes(codes, categories=known)


def _kind(value: Any) -> str:
    return "text" if isinstance(value, str) else "number"
