"""Files on their way in: sent in pieces, written aside, continued after a cut or a restart, deleted after a day.

The folder is all there is to know: a folder for each caller, in it a file for each upload, whose size is how far it
came. So uploads, their owners and what they count against the limits hold over a restart, and several servers of one
registry share them.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ..errors import InvalidInput, NotFound, StateConflict, StorageError
from ..rules.intake import MOST_FILE
from ..wire.methods import UploadedFile
from ..wire.problems import UPLOAD

_HOURS = 24
#: Written at once: small enough for any number of clients, large enough for a disk.
_PIECE = 1 << 20
_ID = re.compile(r"[A-Za-z0-9_-]{24}", re.ASCII)


def folder_of(location: str) -> Path:
    """Where the uploads of a registry are: in its folder, or among this user's state where it is in a database."""
    if os.path.isdir(location):
        return Path(location) / "uploads"
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "model-registry" / "uploads" / hashlib.sha256(location.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Limits:
    """How much may be on its way in, in bytes and in uploads."""

    file: int = MOST_FILE
    caller: int = 10_000_000_000
    everyone: int = 40_000_000_000
    uploads: int = 100


@dataclass(frozen=True)
class Upload:
    """A file on its way in, or arrived and not used yet."""

    upload_id: str
    caller: str
    path: Path

    @property
    def size(self) -> int:
        """How many bytes arrived."""
        return self.path.stat().st_size


class Uploads:
    """The uploads to a registry, in a folder that only this user can read."""

    def __init__(self, folder: Path, limits: Limits | None = None, now: Callable[[], float] = time.time) -> None:
        """Go on with the uploads that are in a folder.

        Args:
            folder: made when it is first needed.
            now: seconds since 1970, for their age.
        """
        self.limits = limits or Limits()
        self._folder, self._now = folder, now
        #: Of uploads that arrived here: how many bytes were hashed, and their hash so far.
        self._hashed: dict[str, tuple[int, Any]] = {}

    def begin(self, caller: str) -> Upload:
        """Begin an upload.

        Raises:
            StorageError: the caller has too many, or the folder cannot be written.
        """
        self._sweep()
        upload_id = secrets.token_urlsafe(18)
        made = Upload(upload_id, caller, self._own(caller) / upload_id)
        try:
            made.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            if sum(owner == made.path.parent.name for owner, _ in self._held()) >= self.limits.uploads:
                raise _too_much(f"{self.limits.uploads} uploads are not used yet, the maximum")
            made.path.touch(mode=0o600)
        except OSError as error:
            raise _unwritable(error) from error
        return made

    def find(self, caller: str, upload_id: str) -> Upload:
        """An upload of a caller.

        Raises:
            NotFound: they have none of that id.
        """
        found = Upload(upload_id, caller, self._own(caller) / upload_id)
        if not _ID.fullmatch(upload_id) or not found.path.is_file() or self._is_over(found.path):
            error = NotFound(
                f"no upload has the id {upload_id!r:.80}; uploads end once they were used, and {_HOURS} hours after "
                "their last byte, and are known to the servers that share their folder. Begin a new one with POST "
                "/uploads"
            )
            # By this a client knows that it has to send the file again.
            error.what = UPLOAD
            raise error
        return found

    async def append(self, upload: Upload, offset: int, pieces: AsyncIterator[bytes]) -> None:
        """Add what arrives to an upload; what arrived before a cut is kept.

        Raises:
            StateConflict: the upload is at another offset, or another request is sending to it.
            StorageError: it would be too large, or the disk is full.
        """
        try:
            with upload.path.open("r+b") as file:
                # The lock ends with the file, and with the process.
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise StateConflict(
                        f"another request is sending to the upload {upload.upload_id}; wait for it"
                    ) from error
                if offset != (size := file.seek(0, os.SEEK_END)):
                    raise StateConflict(
                        f"the upload {upload.upload_id} has {size} bytes; continue with Upload-Offset: {size}"
                    )
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
            raise _unwritable(error) from error

    def _write(self, upload: Upload, file: IO[bytes], piece: bytes) -> None:
        size, held = file.tell(), list(self._held())
        if size + len(piece) > self.limits.file:
            raise _too_much(f"a file has at most {self.limits.file:,} bytes")
        if sum(each for owner, each in held if owner == upload.path.parent.name) + len(piece) > self.limits.caller:
            raise _too_much(f"the uploads of one caller have at most {self.limits.caller:,} bytes together")
        if sum(each for _, each in held) + len(piece) > self.limits.everyone:
            raise _too_much(f"the uploads of all callers have at most {self.limits.everyone:,} bytes together")
        file.write(piece)
        file.flush()
        hashed, digest = self._hashed.get(upload.upload_id, (0, hashlib.sha256()))
        if hashed == size:
            digest.update(piece)
            self._hashed[upload.upload_id] = size + len(piece), digest

    def take(self, caller: str, given: UploadedFile) -> Path:
        """The path of a whole upload, under the name that its file has.

        Raises:
            NotFound: the caller has no such upload.
            InvalidInput: its SHA-256 is another one.
        """
        upload = self.find(caller, given.upload)
        arrived = self._sha256(upload)
        if arrived != given.sha256.lower():
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

    def _sha256(self, upload: Upload) -> str:
        """Of all that arrived: what arrived at an earlier start of the server is read once more."""
        hashed, digest = self._hashed.get(upload.upload_id, (0, hashlib.sha256()))
        with upload.path.open("rb") as file:
            file.seek(hashed)
            while piece := file.read(_PIECE):
                digest.update(piece)
                hashed += len(piece)
        self._hashed[upload.upload_id] = hashed, digest
        return str(digest.hexdigest())

    def remove(self, caller: str, upload_id: str) -> None:
        """Forget an upload, with its file.

        Raises:
            NotFound: the caller has no such upload.
        """
        self._drop(self.find(caller, upload_id))

    def forget(self, caller: str, upload_ids: Iterable[str]) -> None:
        """Forget uploads of a caller that were used."""
        for upload_id in upload_ids:
            self._drop(Upload(upload_id, caller, self._own(caller) / upload_id))

    def _drop(self, upload: Upload) -> None:
        self._hashed.pop(upload.upload_id, None)
        upload.path.unlink(missing_ok=True)
        shutil.rmtree(upload.path.with_suffix(".named"), ignore_errors=True)

    def _own(self, caller: str) -> Path:
        """The folder of a caller's uploads: names of callers are no names of folders."""
        return self._folder / hashlib.sha256(caller.encode()).hexdigest()[:32]

    def _held(self) -> Iterator[tuple[str, int]]:
        """The folder of the caller and the size of each upload."""
        for path in self._files():
            try:
                yield path.parent.name, path.stat().st_size
            except FileNotFoundError:
                continue  # it was used meanwhile

    def _files(self) -> Iterator[Path]:
        return (path for path in self._folder.glob("*/*") if _ID.fullmatch(path.name))

    def _is_over(self, path: Path) -> bool:
        return self._now() - path.stat().st_mtime > _HOURS * 3600

    def _sweep(self) -> None:
        for path in self._files():
            try:
                if self._is_over(path):
                    self._drop(Upload(path.name, "", path))
            except FileNotFoundError:
                continue


def _unwritable(error: OSError) -> StorageError:
    if isinstance(error, StorageError):
        return error
    return StorageError(
        error.errno or 0,
        f"an upload cannot be written ({error.strerror}); give another folder with --uploads, or this user write "
        "permission",
    )


def _too_much(what: str) -> StorageError:
    return StorageError(errno.EDQUOT, f"{what}; remove an upload with DELETE /uploads/ID, or wait until it was used")
