"""``functools.partial`` in the one form that is trusted: a listed function with plain values.

What a partial calls, and with what, is in its state. So the name itself is not on the list; each object is judged,
in the file (``is_plain``) and once more when it is loaded (``listed_partial``): the function has to be listed as a
reference, and its arguments have to be numbers, texts, or types of numbers.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from . import work
from .names import listed
from .refused import Refused
from .values import Global, Made

_DEEPEST = 4
_PLAIN = (type(None), bool, int, float, str, bytes)
_TYPES = frozenset(
    {f"builtins.{name}" for name in ("bool", "float", "int", "object", "str")}
    | {f"numpy.{name}" for name in ("bool", "bool_", "float16", "float32", "float64", "int8", "int16", "int32")}
    | {f"numpy.{name}" for name in ("int64", "object_", "str_", "uint8")}
)


def is_plain(made: Made) -> bool:
    """Whether a partial that was read symbolically is of the trusted form, as ``functools`` itself writes it."""
    state = made.state
    if len(made.args) != 1 or type(state) is not tuple or len(state) != 4:
        return False
    function, arguments, keywords, attributes = state
    if type(function) is not Global or function is not made.args[0] or not _may_be_called(function.name):
        return False
    return _has_plain(arguments, keywords, attributes, lambda value: type(value) is Global and value.name in _TYPES)


def _may_be_called(name: str) -> bool:
    return "reference" in listed().get(name, ())


def _has_plain(arguments: Any, keywords: Any, attributes: Any, is_type: Callable[[Any], bool]) -> bool:
    if type(arguments) is not tuple or (keywords is not None and type(keywords) is not dict):
        return False
    if attributes is not None and (type(attributes) is not dict or attributes):
        return False
    keywords = keywords or {}
    return all(type(key) is str for key in keywords) and all(
        _is_data(value, is_type, 0) for value in (*arguments, *keywords.values())
    )


def _is_data(value: Any, is_type: Callable[[Any], bool], depth: int) -> bool:
    if type(value) in _PLAIN or is_type(value):
        return True
    if depth >= _DEEPEST or type(value) not in (list, tuple):
        return False
    work.spend(len(value))
    return all(_is_data(each, is_type, depth + 1) for each in value)


def listed_partial(found: list[tuple[str, Any]]) -> type[functools.partial[Any]]:
    """What an unpickler gets in place of ``functools.partial``.

    Args:
        found: name and object of all that this unpickler has imported so far; it goes on filling the list.
    """

    def check(function: Any) -> None:
        if not any(each is function and _may_be_called(name) for name, each in found):
            raise Refused("it makes a functools.partial of a function that is not on the list")

    def is_type(value: Any) -> bool:
        return isinstance(value, type) and any(each is value and name in _TYPES for name, each in found)

    class ListedPartial(functools.partial):  # pyrefly: ignore[implicit-any-type-argument]
        def __new__(cls, function: Any, /, *arguments: Any, **keywords: Any) -> Any:
            check(function)
            if arguments or keywords:
                raise Refused("it makes a functools.partial in another way than pickle does")
            return super().__new__(cls, function)

        def __setstate__(self, state: Any) -> None:
            if type(state) is not tuple or len(state) != 4:
                raise Refused("it has a functools.partial with a state that is none")
            function, arguments, keywords, attributes = state
            check(function)
            if not _has_plain(arguments, keywords, attributes, is_type):
                raise Refused("it has a functools.partial with arguments that are more than numbers and texts")
            # Copies: what the file goes on writing into its own lists and dicts is not in them.
            # pyrefly: ignore[missing-attribute]
            super().__setstate__((function, *copy.deepcopy((arguments, keywords or {})), None))

        def __reduce__(self) -> Any:
            # Saved again, it is what it was.
            return functools.partial, (self.func,), (self.func, self.args, self.keywords, None)

    return ListedPartial
