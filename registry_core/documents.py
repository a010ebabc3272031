"""Records that the HTTP API writes and reads by a document of their own, instead of field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def schema(read: Callable[[dict[str, Any]], Any], write: Callable[[Any], dict[str, Any]]) -> Any:
    """What ``__get_pydantic_core_schema__`` returns for such a record. Only the HTTP API asks for it, with Pydantic.

    Args:
        read: makes the record of its document.
        write: gives the document of a record.
    """
    from pydantic_core import core_schema

    return core_schema.no_info_after_validator_function(
        read,
        core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema()),
        serialization=core_schema.plain_serializer_function_ser_schema(write),
    )
