"""Predictions that cannot be stored now, in files of a folder: they are stored as soon as the server answers again."""

from __future__ import annotations

import dataclasses
import errno
import gzip
import json
import os
import time
import uuid
import warnings
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ... import folders
from ...errors import RegistryError, StorageError
from ...live.serving import PredictionBatch
from . import batches
from .log import Answered

#: A folder holds at most so many bytes.
MOST_BYTES = 1_000_000_000
_ENDING = ".json.gz"

#: Stores batches of a model name that a client made, once however often they come.
Receive = Callable[[str, str, Sequence[PredictionBatch]], object]


class Folder:
    """Files of predictions, oldest first. Several processes may have the same folder; a killed one's are stored too.

    Each file is a client of its own, whose batches are stored once: whoever is killed between storing and deleting a
    file, or stores it beside another process, stores nothing twice.
    """

    def __init__(self, folder: str | os.PathLike[str], require: Callable[[], None], receive: Receive) -> None:
        """Keep predictions in a folder; it is made where it is missing.

        Args:
            require: raises Unreachable where the server is known to be away.
            receive: stores batches.

        Raises:
            StorageError: the folder cannot be made or read.
        """
        self.folder = Path(folder).expanduser().absolute()
        self._require, self._receive = require, receive
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            #: Whether there may be files.
            self.pending = bool(self._files())
        except OSError as error:
            raise StorageError(
                error.errno or errno.EIO,
                f"{self.folder} cannot hold predictions ({error.strerror}): name a folder that this user may write",
            ) from error

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_ENDING}"))

    def keep(self, answered: Sequence[Answered]) -> None:
        """Write predictions into files.

        Raises:
            StorageError: the disk is full, or the folder holds as much as it may.
        """
        used = sum(size for path in self._files() if (size := _size(path)))
        for model_name in dict.fromkeys(each.stream.model_name for each in answered):
            for part in batches.parts(each for each in answered if each.stream.model_name == model_name):
                used += self._write(model_name, part, MOST_BYTES - used)

    def _write(self, model_name: str, part: Sequence[PredictionBatch], room: int) -> int:
        predictions = [dataclasses.asdict(each) | {"number": number} for number, each in enumerate(part, 1)]
        document = json.dumps(
            {"model_name": model_name, "predictions": predictions}, default=lambda value: value.item()
        )
        data = gzip.compress(document.encode(), 1)
        if len(data) > room:
            raise StorageError(errno.EFBIG, f"{self.folder} holds {MOST_BYTES:,} bytes of predictions already")
        path = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex}{_ENDING}"
        aside = path.with_suffix(".part")
        try:
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            aside.rename(path)
            folders.sync(self.folder)
        except OSError as error:
            with suppress(OSError):
                aside.unlink()
            raise StorageError(
                error.errno or errno.EIO, f"{self.folder} cannot hold more predictions ({error.strerror})"
            ) from error
        self.pending = True
        return len(data)

    def store(self) -> None:
        """Store what is in the files, and delete them.

        Raises:
            StorageError: the server does not answer; the files stay.
        """
        self._require()
        for path in self._files():
            # Another process may have stored and deleted it.
            with suppress(FileNotFoundError):
                found = _read(path)
                if found is None:
                    aside = path.rename(path.with_name(f"{path.name}.damaged"))
                    warnings.warn(
                        f"predictions in {aside} are damaged and were not stored", RuntimeWarning, stacklevel=2
                    )
                else:
                    self._store(path, *found)
                    path.unlink()
        self.pending = False

    def _store(self, path: Path, model_name: str, predictions: Sequence[PredictionBatch]) -> None:
        client = path.name.removesuffix(_ENDING).rpartition("-")[2]
        try:
            self._receive(model_name, client, predictions)
        except StorageError:
            raise
        except RegistryError:
            # One that is refused does not take the others with it.
            for each in predictions:
                try:
                    self._receive(model_name, client, [each])
                except StorageError:
                    raise
                except RegistryError as error:
                    warnings.warn(
                        f"{len(each.ids):,} predictions in {path} were not stored: {error}",
                        RuntimeWarning,
                        stacklevel=3,
                    )


def _read(path: Path) -> tuple[str, list[PredictionBatch]] | None:
    """The model name and the batches of a file; None of one that is damaged."""
    try:
        document = json.loads(gzip.decompress(path.read_bytes()))
        return str(document["model_name"]), [PredictionBatch(**each) for each in document["predictions"]]
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError, KeyError, TypeError):
        return None


def _size(path: Path) -> int:
    # Another process may have stored and deleted it.
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
