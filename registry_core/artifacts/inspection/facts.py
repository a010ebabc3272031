"""What a file says of itself: its outermost class, the libraries it was written with, its inputs and their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .refused import Refused
from .values import Array, Bag, Key, Made

# As deep as Python's own pickler goes.
_DEEPEST = 1000
_LONGEST_VERSION = 40


@dataclass(frozen=True)
class Facts:
    """As in ``Inspection``, which explains the fields."""

    estimator: str | None = None
    libraries: dict[str, str] = field(default_factory=dict)
    inputs: int | None = None
    feature_names: tuple[str, ...] = ()


def gather(value: Any) -> Facts:
    """The facts about an object that was read symbolically.

    Raises:
        Refused: it nests deeper than any model, as what is meant to exhaust a stack does.
    """
    libraries: dict[str, str] = {}
    for made in _objects(value):
        version = made.get("_sklearn_version")
        if isinstance(version, str) and len(version) <= _LONGEST_VERSION and version.isprintable():
            libraries.setdefault("scikit-learn", version)
        if made.booster is not None and made.booster.version is not None:
            libraries.setdefault(made.booster.library, made.booster.version)
    if type(value) is not Made:
        return Facts(libraries=libraries)
    source = _reads_inputs(value)
    return Facts(value.of, libraries, _inputs(source), _names(source))


def _objects(value: Any) -> Iterable[Made]:
    """Every object with attributes, from the outside in, each once."""
    level, seen = [value], {id(value)}
    for _ in range(_DEEPEST):
        following: list[Any] = []
        for each in level:
            kind = type(each)
            children: Iterable[Any] = ()
            if kind is Made:
                yield each
                children = (each.state, each.args, each.items)
            elif kind is dict:
                children = (*each.values(), *(key.value for key in each if type(key) is Key))
            elif kind in (list, tuple):
                children = each
            elif kind is Bag or (kind is Array and each.items is not None):
                children = each.items
            for child in children:
                if type(child) in _HOLDING and id(child) not in seen:
                    seen.add(id(child))
                    following.append(child)
        if not following:
            return
        level = following
    raise Refused(f"it nests deeper than {_DEEPEST} levels")


_HOLDING = frozenset({Made, dict, list, tuple, Bag, Array})


def _reads_inputs(made: Made) -> Made:
    """The part that the inputs come to first: the first step of a pipeline, the best of a search."""
    for _ in range(_DEEPEST):
        if type(made.get("n_features_in_")) is int:
            return made
        steps = made.get("steps")
        first = steps[0] if type(steps) is list and steps else None
        inner = first[1] if type(first) is tuple and len(first) == 2 else None
        for key in ("best_estimator_", "estimator_", "_Booster"):
            inner = inner or made.get(key)
        if type(inner) is not Made:
            return made
        made = inner
    return made


def _inputs(made: Made) -> int | None:
    for key in ("n_features_in_", "_n_features"):
        found = made.get(key)
        if type(found) is int and 0 < found < 1 << 31:
            return found
    return made.booster.inputs if made.booster is not None else None


def _names(made: Made) -> tuple[str, ...]:
    found = made.get("feature_names_in_")
    if type(found) is Array and found.items is not None and all(type(name) is str for name in found.items):
        return tuple(found.items)
    return made.booster.feature_names if made.booster is not None else ()
