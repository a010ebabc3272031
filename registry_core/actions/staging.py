"""Files on their way into the store: written and synced in a thread of their own, while the model is asked its rows;
then given names that reserve an id."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

from ..artifacts.store import Sink, Staged, Store
from ..file_keys import metadata_file, model_files
from ..records import RegistrationPlan
from ..rules import versioning

#: Enough that two who choose one of so many do not choose the same. An id has room for nine digits.
_MANY = 999_999_998


class Staging:
    """Begins to stage some files at once; ``files`` waits for them. What has no name in the end is removed.

    Waiting for a disk needs no processor, and asking a model needs no disk.
    """

    def __init__(self, store: Store, contents: Sequence[bytes]) -> None:
        self._store, self._contents = store, contents
        self._staged: list[Staged] = []
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._stage, name="model-registry-staging", daemon=True)
        self._thread.start()

    def _stage(self) -> None:
        try:
            for data in self._contents:
                self._staged.append(self._store.stage(partial(_write, data)))
        # Raised where the files are waited for.
        except BaseException as error:
            self._failure = error

    def files(self) -> list[Staged]:
        """The staged files, in their order.

        Raises:
            StorageError: the disk is full or may not be written.
        """
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._staged

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.join()
        if error is not None:
            # The first error is the one to report; what cannot be removed now is swept later.
            with suppress(OSError):
                for each in self._staged:
                    self._store.drop(each)


class Claimed(NamedTuple):
    """What is in the store of a version that has no row yet: its id, the keys of its files, and its metadata."""

    model_id: str
    keys: Sequence[str]
    document: str


def claim(store: Store, plan: RegistrationPlan, staged: Sequence[Staged], document: Callable[[str], str]) -> Claimed:
    """Give files and their metadata the names of the planned id, or of the next one that is free.

    From then on the id is the caller's alone: nobody else gets these names while the files are there.

    Args:
        staged: the model, and the scaler if there is one.
        document: makes the metadata of an id.

    Raises:
        StorageError: the store is full, may not be written, or does not answer; nothing is left in it.
    """
    ordinal = plan.ordinal
    if not store.reserves():
        # Where the store cannot say that a name is taken, one is chosen that nobody else chooses.
        ordinal = 2 + secrets.randbelow(_MANY)
    while True:
        model_id = versioning.model_id(plan.stem, ordinal)
        text = document(model_id)
        sidecar = store.stage(partial(_write, text.encode()))
        keys = [*model_files(model_id)[: len(staged)], metadata_file(model_id)]
        named = False
        try:
            named = store.claim(dict(zip(keys, [*staged, sidecar], strict=True)))
        finally:
            if not named:
                with suppress(OSError):
                    store.drop(sidecar)
        if named:
            return Claimed(model_id, keys, text)
        # They are of a registration that is under way, or of one that was killed: those are deleted by a cleanup.
        ordinal += 1


def _write(data: bytes, sink: Sink) -> None:
    sink.write(data)
