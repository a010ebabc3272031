"""Artifacts as files: pickled out, and in again through a second check.

Models are written by Python's own pickler (protocol 5), which is six times as fast as joblib's on a forest of a hundred
trees; ``joblib.load`` reads such files as well. On the way in, every name that a file asks for is held against the list
that the inspection used: what is neither on it nor trusted by the caller is not imported.
"""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable, Collection
from functools import cache
from hashlib import sha256
from typing import Any

from ..errors import ArtifactAltered, ArtifactQuarantined, ArtifactUnloadable, InvalidInput
from . import inspection
from .inspection import names, partials
from .inspection.refused import Refused


def dumps(model: Any) -> bytes:
    """An object as a pickle.

    Raises:
        InvalidInput: it cannot be pickled, as with lambdas or open files inside.
    """
    try:
        return pickle.dumps(model, protocol=5)
    except (TypeError, AttributeError, ValueError, RecursionError, pickle.PicklingError) as error:
        raise InvalidInput(
            f"{type(model).__name__} cannot be saved ({error}); replace lambdas, local functions and open handles "
            "with importable functions and classes"
        ) from error


def check_digest(data: bytes, expected: str, place: str) -> None:
    """Compare bytes with the sha256 they were registered with.

    Raises:
        ArtifactAltered: they differ.
    """
    found = sha256(data).hexdigest()
    if found != expected:
        raise ArtifactAltered(
            f"{place} was altered or truncated: its SHA-256 is {found[:12]}..., at registration it was "
            f"{expected[:12]}...; restore the file from a backup, or register the model again"
        )


def load(data: bytes, place: str, *, extra_trusted: Collection[str] = ()) -> Any:
    """Bring verified bytes of a trusted artifact back to life.

    Args:
        data: the whole file, in any format that ``inspection.inspect`` knows.
        place: what to call it in errors.
        extra_trusted: exact names, ``module.name``, trusted beside those on the list.

    Raises:
        ArtifactQuarantined: it asks for a name that is not trusted; nothing of that name was imported.
        ArtifactUnloadable: it does not load here, as when a library is missing.
    """
    try:
        with warnings.catch_warnings():
            # Which versions wrote it is in the metadata; a warning here would name no model.
            warnings.filterwarnings("ignore", message="Trying to unpickle estimator")
            # joblib's own files name its wrapper of arrays, whose bytes stand between the opcodes.
            if data[:1] == b"\x80" and not inspection.is_joblib(data):
                return _Listed(data, place, extra_trusted).load()
            kind = inspection.kind_of(data)
            if kind == "pickle" or kind.startswith("joblib"):
                return _listed_joblib()(inspection.unpacked(data), place, extra_trusted).load()
            from . import native

            return native.load(data, kind, place, extra_trusted)
    except (ArtifactQuarantined, ArtifactUnloadable):
        raise
    except Refused as refusal:
        raise ArtifactUnloadable(f"{place} does not load: {refusal}; register the model again") from refusal
    except Exception as error:
        # Unpickling runs the constructors of any library, so any error may come out of it.
        raise ArtifactUnloadable(
            f"{place} does not load with the installed libraries: {type(error).__name__}: {error}; install the "
            "library versions in its metadata"
        ) from error


class _AllowedNames:
    """What one unpickler may import, and what it has imported."""

    def __init__(self, place: str, extra_trusted: Collection[str]) -> None:
        self._place, self._extra_trusted = place, extra_trusted
        self._found: list[tuple[str, Any]] = []

    def find(self, find_class: Callable[[str, str], Any], module: str, name: str) -> Any:
        """The object of that name, if it is trusted."""
        _check_name(module, name, self._place, self._extra_trusted)
        if f"{module}.{name}" == names.PARTIAL:
            return partials.listed_partial(self._found)
        value = find_class(module, name)
        # As for the check: the protocol is unknown here, and an old one's names are translated.
        if names.canonical(module, name, 2) not in names.listed() and not isinstance(value, type):
            # A function does something with whatever it is given; of a class, somebody can read what it does.
            raise ArtifactQuarantined(
                f"{self._place} was not loaded: {module}.{name} is not a class, and only classes can be trusted; save "
                "the model without it"
            )
        self._found.append((f"{module}.{name}", value))
        return value


def _check_name(module: str, name: str, place: str, extra_trusted: Collection[str]) -> None:
    try:
        stranger = names.may_load(module, name, extra_trusted)
    except Refused as refusal:
        raise ArtifactQuarantined(f"{place} was not loaded: {refusal}; save the model without it") from refusal
    if stranger is not None and not names.is_trustable(stranger):
        raise ArtifactQuarantined(
            f"{place} was not loaded: it imports {stranger}, which can never be trusted; save the model without it"
        )
    if stranger is not None:
        raise ArtifactQuarantined(
            f"{place} was not loaded: it imports {stranger}, which is not trusted; have the class reviewed and its "
            "import trusted, or save the model without it"
        )


class _Listed(pickle.Unpickler):
    """An unpickler that imports only what is trusted."""

    def __init__(self, data: bytes, place: str, extra_trusted: Collection[str]) -> None:
        super().__init__(io.BytesIO(data))
        self._names = _AllowedNames(place, extra_trusted)

    def find_class(self, module: str, name: str) -> Any:
        return self._names.find(super().find_class, module, name)


@cache
def _listed_joblib() -> Any:
    """The same for joblib's files. It hands the nested pickles of object arrays to this ``find_class`` as well."""
    from joblib.numpy_pickle import NumpyUnpickler

    class ListedJoblib(NumpyUnpickler):
        def __init__(self, data: bytes, place: str, extra_trusted: Collection[str]) -> None:
            super().__init__("", io.BytesIO(data), ensure_native_byte_order=True)
            self._names = _AllowedNames(place, extra_trusted)

        def find_class(self, module: str, name: str) -> Any:
            return self._names.find(super().find_class, module, name)

    return ListedJoblib
