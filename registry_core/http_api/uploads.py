"""Files on their way in: sent in pieces, written aside, continued after a cut, forgotten after a day."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InvalidInput, NotFound, StateConflict, StorageError
from ..rules.intake import MOST_FILE
from ..wire.methods import UploadedFile

_HOURS = 24
#: Written at once: small enough for any number of clients, large enough for a disk.
_PIECE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """How much may be on its way in, in bytes and in uploads."""

    file: int = MOST_FILE
    caller: int = 10_000_000_000
    everyone: int = 40_000_000_000
    uploads: int = 100


@dataclass(eq=False)
class Upload:
    """A file on its way in, or arrived and not used yet."""

    upload_id: str
    caller: str
    path: Path
    begun: float
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)
    writing: bool = False


class Uploads:
    """The uploads of a server, in a folder of its own that ends with it."""

    def __init__(
        self, folder: str | None = None, limits: Limits | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin without uploads.

        Args:
            folder: where the folder is made. Default: the system's folder for temporary files.
            now: seconds, for their age.
        """
        self.limits = limits or Limits()
        self._folder = Path(tempfile.mkdtemp(prefix="model-registry-uploads-", dir=folder))
        self._uploads: dict[str, Upload] = {}
        self._now = now
        self._lock = threading.Lock()

    def begin(self, caller: str) -> Upload:
        """Begin an upload.

        Raises:
            StorageError: the caller has too many.
        """
        self._sweep()
        upload_id = secrets.token_urlsafe(18)
        made = Upload(upload_id, caller, self._folder / upload_id, self._now())
        with self._lock:
            if sum(each.caller == caller for each in self._uploads.values()) >= self.limits.uploads:
                raise _too_much(f"{self.limits.uploads} uploads are not used yet, the maximum")
            self._uploads[upload_id] = made
        made.path.touch(mode=0o600)
        return made

    def find(self, caller: str, upload_id: str) -> Upload:
        """An upload of a caller.

        Raises:
            NotFound: they have none of that id.
        """
        found = self._uploads.get(upload_id)
        if found is None or found.caller != caller:
            raise NotFound(
                f"no upload has the id {upload_id!r:.80}; uploads end after {_HOURS} hours, and with the server. Begin "
                "a new one with POST /uploads"
            )
        return found

    async def append(self, upload: Upload, offset: int, pieces: AsyncIterator[bytes]) -> None:
        """Add what arrives to an upload; what arrived before a cut is kept.

        Raises:
            StateConflict: the upload is at another offset, or another request is sending to it.
            StorageError: it would be too large, or the disk is full.
        """
        if upload.writing:
            raise StateConflict(f"another request is sending to the upload {upload.upload_id}; wait for it")
        if offset != upload.size:
            raise StateConflict(
                f"the upload {upload.upload_id} has {upload.size} bytes; continue with Upload-Offset: {upload.size}"
            )
        upload.writing = True
        try:
            with upload.path.open("r+b") as file:
                file.seek(upload.size)
                waiting = bytearray()
                try:
                    async for piece in pieces:
                        waiting += piece
                        if len(waiting) >= _PIECE:
                            await asyncio.to_thread(self._write, upload, file, bytes(waiting))
                            waiting.clear()
                finally:
                    if waiting:
                        self._write(upload, file, bytes(waiting))
        except OSError as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(error.errno or 0, f"an upload cannot be written ({error.strerror})") from error
        finally:
            upload.writing = False

    def _write(self, upload: Upload, file: Any, piece: bytes) -> None:
        if upload.size + len(piece) > self.limits.file:
            raise _too_much(f"a file has at most {self.limits.file:,} bytes")
        with self._lock:
            held = [(each.caller, each.size) for each in self._uploads.values()]
        if sum(size for caller, size in held if caller == upload.caller) + len(piece) > self.limits.caller:
            raise _too_much(f"the uploads of one caller have at most {self.limits.caller:,} bytes together")
        if sum(size for _, size in held) + len(piece) > self.limits.everyone:
            raise _too_much(f"the uploads of all callers have at most {self.limits.everyone:,} bytes together")
        file.write(piece)
        file.flush()
        upload.digest.update(piece)
        upload.size += len(piece)

    def take(self, caller: str, given: UploadedFile) -> Path:
        """The path of a whole upload, under the name that its file has.

        Raises:
            NotFound: the caller has no such upload.
            InvalidInput: its SHA-256 is another one.
        """
        upload = self.find(caller, given.upload)
        arrived = upload.digest.hexdigest()
        if upload.writing or arrived != given.sha256.lower():
            raise InvalidInput(
                f"the upload {given.upload} has {upload.size} bytes with SHA-256 {arrived[:12]}..., not "
                f"{given.sha256[:12]}...; send the rest, or send the file again"
            )
        name = os.path.basename(given.name.replace("\\", "/"))
        if not name.isprintable() or name in ("", ".", ".."):
            name = "file"
        # The name counts where a table becomes a benchmark, and in messages.
        folder = upload.path.with_suffix(".named")
        folder.mkdir(mode=0o700, exist_ok=True)
        if not (folder / name).exists():
            os.link(upload.path, folder / name)
        return folder / name

    def remove(self, caller: str, upload_id: str) -> None:
        """Forget an upload, with its file.

        Raises:
            NotFound: the caller has no such upload.
        """
        self._drop(self.find(caller, upload_id))

    def forget(self, upload_ids: Iterable[str]) -> None:
        """Forget uploads that were used."""
        for upload_id in upload_ids:
            if (found := self._uploads.get(upload_id)) is not None:
                self._drop(found)

    def _drop(self, upload: Upload) -> None:
        with self._lock:
            self._uploads.pop(upload.upload_id, None)
        upload.path.unlink(missing_ok=True)
        shutil.rmtree(upload.path.with_suffix(".named"), ignore_errors=True)

    def _sweep(self) -> None:
        for each in list(self._uploads.values()):
            if self._now() - each.begun > _HOURS * 3600 and not each.writing:
                self._drop(each)

    def close(self) -> None:
        """Remove all files."""
        self._uploads.clear()
        shutil.rmtree(self._folder, ignore_errors=True)


def _too_much(what: str) -> StorageError:
    import errno

    return StorageError(errno.EDQUOT, f"{what}; remove an upload with DELETE /uploads/ID, or wait until it was used")
