"""Parsing of options and files: assignments, lists of names, JSON objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from registry_core import InvalidInput

T = TypeVar("T")

#: Larger than any metadata file that the registry writes.
_MOST_METADATA = 16_000_000


def assignments(texts: Iterable[str], read: Callable[[str, str], T]) -> dict[str, T]:
    """``NAME=VALUE`` by name; ``read`` makes a value of a name and its text.

    Raises:
        InvalidInput: a text is not an assignment, or its value cannot be parsed.
    """
    values = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise InvalidInput(f"{text!r:.80} is not an assignment. Write name=value")
        values[name.strip()] = read(name.strip(), value.strip())
    return values


def as_number(name: str, text: str) -> float:
    """A number.

    Raises:
        InvalidInput: the text is not a number.
    """
    try:
        return float(text)
    except ValueError as error:
        raise InvalidInput(f"{name} is {text!r:.80}, not a number. Write it as 0.91") from error


def as_value(name: str, text: str) -> Any:
    """The value of JSON text, else the text: max_depth=8 is a number, solver=lbfgs a string."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def names(text: str | None) -> list[str] | None:
    """The names in ``a, b,c``."""
    return None if text is None else [name.strip() for name in text.split(",")]


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a small file.

    Raises:
        InvalidInput: the file cannot be read, is too large, or does not hold a JSON object.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_METADATA + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror}). Check the path") from error
    if len(content) > _MOST_METADATA:
        raise InvalidInput(f"{path} is larger than {_MOST_METADATA} bytes. Metadata is a small JSON object")
    try:
        document = json.loads(content.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not JSON: {error}. Correct it") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{path} holds {type(document).__name__}. Write a JSON object")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} appears twice")
    return document
