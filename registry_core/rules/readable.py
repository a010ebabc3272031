"""Any value in the words of JSON: numbers, texts, lists and mappings, and for all else the text people know it by."""

from __future__ import annotations

import math
import re
from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from ..errors import InvalidInput

#: Limits: how deep values nest, how large a whole number is, how long the text of any other object is.
MOST_DEPTH, MOST_BITS, LONGEST_TEXT = 20, 1000, 2000

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_TEXTS = (date, time, timedelta, Decimal, Fraction)


def plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON knows it; equal values give equal results, in every process.

    numpy's and pandas' scalars, arrays and columns are unpacked. Classes and functions become ``module.name``,
    members of an Enum their value or ``Class.MEMBER``, dates ISO 8601, paths and bytes text, sets sorted lists. Any
    other object, such as an estimator, becomes what it shows of itself, without addresses, 2,000 characters at most.
    A key that is no text becomes one.

    Raises:
        InvalidInput: nested deeper than 20, or a whole number of more than 300 digits.
    """
    if depth > MOST_DEPTH:
        raise InvalidInput(f"the metadata is nested deeper than {MOST_DEPTH}; flatten it")
    if isinstance(value, Enum):
        # One that is a text or a number at the same time is meant as such.
        return plain(value.value, depth) if isinstance(value, str | int | float) else str(value)
    if isinstance(value, str):
        return text_of(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            raise InvalidInput("the metadata holds a number of more than 300 digits; write it as text")
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping):
        return _mapping(value, depth)
    if isinstance(value, (set, frozenset)):
        return [plain(each, depth + 1) for each in sorted(value, key=str)]
    if isinstance(value, (list, tuple, KeysView, ValuesView, ItemsView)):
        return [plain(each, depth + 1) for each in value]
    return _other(value, depth)


def text_of(value: str) -> str:
    """A text that every file can hold: halves of surrogate pairs are written as escapes."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def _mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, each in value.items():
        name = name_of(key)
        if name in document:
            # Such as 1 beside "1".
            name = f"{name} ({type(key).__name__})"
        document[name] = plain(each, depth + 1)
    return document


def name_of(key: Any) -> str:
    """The name of a column or a key as text: of several levels, those that are not empty, joined by ``_``."""
    if isinstance(key, tuple):
        return "_".join(name for each in key if (name := name_of(each)))
    if isinstance(key, bytes):
        return key.decode("utf-8", "backslashreplace")
    known = key if isinstance(key, str) else plain(key)
    return text_of(known if isinstance(known, str) else str(known))


def _other(value: Any, depth: int) -> Any:
    try:
        found = _named(value)
        if found is not None:
            return text_of(found)
        unpacked = _unpacked(value)
    except Exception:
        unpacked = None
    if unpacked is not None:
        return plain(unpacked, depth + 1 if isinstance(unpacked, (list, dict)) else depth)
    try:
        text = repr(value)
    except Exception as error:
        # What it says of itself is only a description; that it cannot is one as well.
        text = f"<{type(value).__name__} whose repr fails: {type(error).__name__}>"
    # Addresses differ from run to run and would make equal recipes look different.
    return text_of(_ADDRESS.sub("", text)[:LONGEST_TEXT])


def _named(value: Any) -> str | None:
    if isinstance(value, datetime):
        return str(value)
    if isinstance(value, _TEXTS):
        return value.isoformat() if isinstance(value, date | time) else str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if not isinstance(value, type) and hasattr(type(value), "__fspath__"):
        path = value.__fspath__()
        return path if isinstance(path, str) else bytes(path).decode("utf-8", "backslashreplace")
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    module = getattr(value, "__module__", None)
    if callable(value) and isinstance(name, str):
        return f"{module}.{name}" if isinstance(module, str) and module != "builtins" else name
    return None


def _unpacked(value: Any) -> Any:
    """What an array, a column, a table or a scalar holds; None where it is none of them."""
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        found = value.tolist()
    elif hasattr(value, "dtypes") and hasattr(value, "to_dict"):
        found = value.to_dict("list")
    else:
        return None
    # Something that only pretends to be an array may give anything.
    known = isinstance(found, (list, dict, str, bytes, int, float, datetime, date, timedelta))
    return found if known else repr(found)
