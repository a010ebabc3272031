"""What stands on the stack while a pickle is read symbolically: nothing in here can be called.

Text, numbers, None, tuples, lists and dicts stand for themselves. Bytes are ``bytes`` or, when there are many, a
``memoryview`` into the file. What is in a set, and a key that is no text, is never hashed: values can be chosen so that
all of them collide (text cannot, Python salts it). Everything a file would import or make is one of the classes below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import work
from .refused import Refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

Raw = bytes | memoryview


@dataclass(frozen=True, slots=True, eq=False)
class Global:
    """A name that a file asks for: ``module.name``, with the names that Python 2 used already translated."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """A key of a dict that is no text."""

    value: Any


@dataclass(slots=True, eq=False)
class Bag:
    """A set, or a frozenset when it is ``final``; items may be in it twice."""

    items: list[Any]
    final: bool = False


@dataclass(frozen=True, slots=True)
class Booster:
    """What a booster of XGBoost's or LightGBM's says of itself; ``version`` is the library's, where it says so."""

    library: str
    version: str | None
    inputs: int | None
    feature_names: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Made:
    """An object that would come into being by instantiating or calling ``of``.

    ``items`` is what was appended to it or set in it; ``built`` whether it got its state, which happens once.
    """

    of: str
    args: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)
    built: bool = False
    booster: Booster | None = None

    def get(self, key: str) -> Any:
        """An attribute of its state; None where there is none."""
        return self.state.get(key) if isinstance(self.state, dict) else None


@dataclass(slots=True, eq=False)
class Dtype:
    """A numpy dtype: ``kind`` one of ``biufcSUVOmM``, ``size`` in bytes, ``fields`` name -> (dtype, offset)."""

    kind: str
    size: int
    order: str = "="
    fields: Mapping[str, tuple[Dtype, int]] | None = None
    built: bool = False

    @property
    def text(self) -> str:
        """How numpy writes it: ``<f8``, ``|V56``."""
        order = self.order if self.order in "<>" else "="
        return f"{order}{self.kind}{self.size // 4 if self.kind == 'U' else self.size}"

    def to_numpy(self) -> Any:
        """The same as a numpy dtype."""
        import numpy as np

        if self.fields is None:
            return np.dtype(self.text)
        return np.dtype(
            {
                "names": list(self.fields),
                "formats": [each.to_numpy() for each, _ in self.fields.values()],
                "offsets": [offset for _, offset in self.fields.values()],
                "itemsize": self.size,
            }
        )


@dataclass(slots=True, eq=False)
class Array:
    """A numpy array: ``raw`` are its bytes in the file, ``items`` the objects of an object array."""

    dtype: Dtype | None = None
    shape: tuple[int, ...] = ()
    fortran: bool = False
    raw: Raw = b""
    items: list[Any] | None = None
    built: bool = False

    @property
    def count(self) -> int:
        """How many items the shape speaks of."""
        count = 1
        for length in self.shape:
            count *= length
        return count

    def to_numpy(self, what: str) -> NDArray[Any]:
        """Its numbers, read only and without a copy.

        Raises:
            Refused: it is no array of numbers or records.
        """
        import numpy as np

        if self.dtype is None or self.items is not None:
            raise Refused(f"it has {what} that is not an array of numbers")
        work.looked_at(len(self.raw))
        flat = (
            np.frombuffer(self.raw, dtype=self.dtype.to_numpy()) if self.count else np.empty(0, self.dtype.to_numpy())
        )
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def as_key(value: Any) -> Any:
    """What a value is as a key of a dict: text is itself."""
    return value if type(value) is str else Key(value)


def is_raw(value: Any) -> bool:
    """Whether it stands for bytes."""
    return type(value) is bytes or type(value) is memoryview


def is_whole(value: Any, low: int, high: int) -> bool:
    """Whether it is an int, no bool, from ``low`` to ``high``, both included."""
    return type(value) is int and low <= value <= high


def shown(value: Any) -> str:
    """A value as a message may show it: short, and without walking through what it holds."""
    if value is None or type(value) in (bool, int, float):
        return repr(value)
    return repr(value[:40]) if type(value) in (str, bytes) else f"a {type(value).__name__}"
