"""Records as JSON. Numbers that JSON does not have are the texts NaN, Infinity and -Infinity."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from ..errors import InvalidInput


def to_document(value: Any, adapter: TypeAdapter[Any] | None = None) -> bytes:
    """A value as JSON.

    Args:
        adapter: its type, where that is known: some texts say more than themselves.

    Raises:
        InvalidInput: something in it is no record, number, text, list or mapping of them.
    """
    if adapter is not None:
        value = adapter.dump_python(value)
    try:
        return to_json(value, inf_nan_mode="strings", fallback=_fallback)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"a value cannot be sent as JSON ({error}); give numbers, texts, lists and dicts") from error


def _fallback(value: Any) -> Any:
    # NumPy's arrays and numbers, and the columns of pandas, know their plain form.
    for name in ("tolist", "to_list"):
        plain = getattr(value, name, None)
        if callable(plain):
            return plain()
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
