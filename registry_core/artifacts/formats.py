"""Artifacts as files: pickled out and in, and a first look at files from outside.

Models are written by Python's own pickler (protocol 5), which is six times as fast as joblib's on a forest of a hundred
trees; ``joblib.load`` reads such files as well. Files in joblib's own format, compressed or not, are read by joblib.
"""

from __future__ import annotations

import io
import pickle
import warnings
from hashlib import sha256
from typing import Any

from ..errors import ArtifactAltered, ArtifactUnloadable, InvalidInput
from .store import Sink

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x5d\x00\x00": "lzma",
    b"\x04\x22\x4d\x18": "lz4",
}
_ZLIB_SECOND = (0x01, 0x5E, 0x9C, 0xDA)


def dump(model: Any, sink: Sink) -> None:
    """Write an object as a pickle.

    Raises:
        InvalidInput: it cannot be pickled, as with lambdas or open files inside.
    """
    try:
        pickle.dump(model, sink, protocol=5)
    except (TypeError, AttributeError, ValueError, RecursionError, pickle.PicklingError) as error:
        raise InvalidInput(
            f"{type(model).__name__} cannot be saved ({error}); replace lambdas, local functions and open handles "
            "in it by names that can be imported"
        ) from error


def check_digest(data: bytes, expected: str, place: str) -> None:
    """Compare bytes with the sha256 they were registered with.

    Raises:
        ArtifactAltered: they differ.
    """
    found = sha256(data).hexdigest()
    if found != expected:
        raise ArtifactAltered(
            f"{place} is not what was registered: its sha256 is {found[:12]}..., the catalog says {expected[:12]}...; "
            "it was altered or cut off: restore it from a backup, or register the model again"
        )


def load(data: bytes, place: str) -> Any:
    """Bring verified bytes of a trusted artifact back to life.

    Raises:
        ArtifactUnloadable: they do not load here, as when a library is missing.
    """
    try:
        with warnings.catch_warnings():
            # Which versions wrote it is in the metadata; a warning here would name no model.
            warnings.filterwarnings("ignore", message="Trying to unpickle estimator")
            # joblib's own files name its wrapper of arrays, whose bytes stand between the opcodes.
            if data[:1] == b"\x80" and b"joblib.numpy_pickle" not in data:
                return pickle.loads(data)
            import joblib

            return joblib.load(io.BytesIO(data))
    except Exception as error:
        # Unpickling runs the constructors of any library, so any error may come out of it.
        raise ArtifactUnloadable(
            f"{place} does not load here: {type(error).__name__}: {error}; install the libraries in its metadata"
        ) from error


def check_upload(head: bytes, tail: bytes, size: int, name: str) -> None:
    """Refuse what cannot be a pickle or joblib file, judging by its first and last bytes only.

    Raises:
        InvalidInput: empty, cut off, or of another kind.
    """
    if not size:
        raise InvalidInput(f"{name} is empty; upload the file that joblib.dump or pickle.dump wrote")
    if any(head.startswith(magic) for magic in _COMPRESSED):
        return
    if len(head) > 1 and head[0] == 0x78 and head[1] in _ZLIB_SECOND:
        return
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        if tail != b".":
            raise InvalidInput(f"{name} is cut off: a pickle ends with a STOP mark; upload it again")
        return
    raise InvalidInput(
        f"{name} is no model file: it begins with {head[:12]!r}; joblib and pickle files are accepted "
        "(protocol 2 or newer, compressed or not)"
    )
