"""Files on their way into the store: written and synced in a thread of their own, while the model is asked its rows."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

from ..artifacts.store import Sink, Staged, Store


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


def _write(data: bytes, sink: Sink) -> None:
    sink.write(data)
