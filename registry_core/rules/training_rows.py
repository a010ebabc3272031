"""Training rows that reappear in a benchmark: rows as hashes, kept so that they tell nothing without a key."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..evidence import TrainingOverlap
from ..signature import Kind
from .matching import spelling

if TYPE_CHECKING:
    import pandas as pd

#: Of more different rows than these, those with the smallest hashes are kept: as good as drawn at random.
MOST_KEPT = 50_000
#: More rows are not hashed at all.
MOST_ROWS = 5_000_000
#: Bytes of a kept hash. Of 5,000 rows that are not there, one is taken for one of 50,000 once in 4,000 benchmarks.
_BYTES = 5
_ALL = 2**64 - 1
#: An odd number: multiplying by it loses nothing.
_STEP = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Sketch:
    """The training rows of a version.

    Attributes:
        rows: how many rows there were.
        limit: a row whose plain hash is larger was not kept; 2^64 - 1 where all were.
        key: which key the marks were made with, as ``name_of`` calls it.
        marks: the keyed hashes of the rows that were kept.
    """

    rows: int
    limit: int
    key: str
    marks: frozenset[bytes]

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it; ``Sketch.from_dict`` gives an equal record."""
        marks = b64encode(b"".join(sorted(self.marks))).decode()
        return {"rows": self.rows, "limit": self.limit, "key": self.key, "marks": marks}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Sketch:
        """Read what ``to_dict`` wrote."""
        data = b64decode(document["marks"])
        marks = frozenset(data[place : place + _BYTES] for place in range(0, len(data), _BYTES))
        return cls(document["rows"], document["limit"], document["key"], marks)


def row_hashes(rows: pd.DataFrame, kinds: Sequence[Kind]) -> NDArray[np.uint64]:
    """A hash of each row, (rows,): equal for equal values, however a file or a frame writes them.

    Numbers are compared as 32-bit floats, so that what went through a CSV file is the same as before; 2, 2.0 and "2"
    are one value of a category.

    Args:
        rows: as the model takes them, in the order of its features.
        kinds: the kind of each feature.
    """
    import pandas

    hashes = np.zeros(len(rows), np.uint64)
    for place, kind in enumerate(kinds):
        column = rows.iloc[:, place]
        if kind in ("number", "boolean", "unknown") and getattr(column.dtype, "kind", "O") in "biuf":
            values = column.to_numpy(np.float32, na_value=np.nan) + np.float32(0)  # which makes one zero of both
            values[np.isnan(values)] = np.nan
            hashes ^= pandas.util.hash_array(values)
        else:
            codes, levels = pandas.factorize(column)
            texts = np.array([*(spelling(level) for level in levels), ""], dtype=object)
            hashes ^= pandas.util.hash_array(texts, categorize=False)[codes]
        # Multiplied in between, so that the same values in other columns are another row.
        hashes *= _STEP
    return hashes


def sketch(hashes: NDArray[np.uint64], key: bytes) -> Sketch:
    """What is kept of training rows with these hashes.

    Args:
        key: a secret of at most 64 bytes: without it nobody can tell whether a row is among them.
    """
    ordered = np.sort(hashes)
    different = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    limit = _ALL if len(different) <= MOST_KEPT else int(different[MOST_KEPT - 1])
    return Sketch(
        len(hashes), limit, name_of(key), frozenset(_mark(each, key) for each in different[:MOST_KEPT].tolist())
    )


def overlap(known: Sketch, hashes: NDArray[np.uint64], key: bytes) -> TrainingOverlap | None:
    """How many rows of a benchmark are training rows; None where that cannot be told with this key."""
    checked = hashes[hashes <= np.uint64(known.limit)]
    if known.key != name_of(key) or not len(checked):
        return None
    found = sum(_mark(each, key) in known.marks for each in checked.tolist())
    return TrainingOverlap(found, len(checked), len(hashes))


def name_of(key: bytes) -> str:
    """What a key is called, so that marks of another one are not taken for rows that are missing."""
    return blake2b(b"name", key=key, digest_size=8).hexdigest()


def _mark(plain: int, key: bytes) -> bytes:
    return blake2b(plain.to_bytes(8, "little"), key=key, digest_size=_BYTES).digest()
