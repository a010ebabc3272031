"""Bundles: one tar file with a manifest first and the sha256 of every member last. Backups and exports are bundles.

Only plain files and second names of earlier ones are written, and nothing else is read. A member is read from where the
check found it, so what was checked is what is used.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import tarfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

from .. import folders
from ..errors import ArtifactAltered, InvalidInput, RegistryError, StorageError
from ..maintenance import Progress
from . import regular

MANIFEST, _CHECKSUMS = "manifest.json", "checksums.json"
_MOST_MANIFEST, _MOST_MEMBER = 16_000_000, 1 << 50
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*){0,63}", re.ASCII)
#: Characters of a member's name, and bytes of a row.
_MOST_NAME, _MOST_LINE = 1000, 128_000_000
#: What a member takes in the list of checksums beside its name: a sha256, a size, signs; and the list beside them.
_LISTED, _LIST = 120, 200
_STEP, _BLOCK = 1 << 20, tarfile.BLOCKSIZE
#: Linux takes no longer path.
_MOST_PATH = 4095


def is_name(text: str) -> bool:
    """Whether a text is a plain relative path with forward slashes, as members have them."""
    return len(text) <= _MOST_NAME and _NAME.fullmatch(text) is not None and ".." not in text


def local(path: str | os.PathLike[str], what: str) -> Path:
    """A path of this machine, absolute.

    Raises:
        InvalidInput: it is no text, or none that can be a path; the message calls it ``what``.
    """
    try:
        text = os.fspath(path)
        if not isinstance(text, str) or not text or "\0" in text or len(os.fsencode(text)) > _MOST_PATH:
            raise ValueError(f"a path has 1 to {_MOST_PATH:,} bytes and no NUL character")
        return Path(text).expanduser().absolute()
    except (TypeError, ValueError, RuntimeError) as error:
        # expanduser has no other class for a user who is not there.
        why = str(error)[:120]
        raise InvalidInput(f"{what} is {path!r:.80} ({why}); name a file or folder on this machine") from error


class Writer:
    """A bundle that is being written. Names are relative, with forward slashes."""

    def __init__(self, file: IO[bytes], at: datetime) -> None:
        self._file, self._mtime = file, int(at.timestamp())
        self._members: dict[str, tuple[str, int]] = {}

    @contextmanager
    def member(self, name: str) -> Iterator[Callable[[bytes], None]]:
        """Add a member whose size is known only when all of it was handed over."""
        digest, size = sha256(), 0
        start = self._file.tell()

        def take(data: bytes) -> None:
            nonlocal size
            digest.update(data)
            self._file.write(data)
            size += len(data)

        # GNU's header has one length whatever the size, so it can be written again over itself.
        self._file.write(self._header(name, 0))
        yield take
        self._file.write(b"\0" * (-size % _BLOCK))
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(self._header(name, size))
        self._file.seek(end)
        self._members[name] = digest.hexdigest(), size

    def add(self, name: str, data: bytes) -> None:
        """Add a member."""
        self._file.write(self._header(name, len(data)))
        self._file.write(data)
        self._file.write(b"\0" * (-len(data) % _BLOCK))
        self._members[name] = sha256(data).hexdigest(), len(data)

    def add_twin(self, name: str, twin: str) -> None:
        """Add a second name of an earlier member."""
        self._file.write(self._header(name, 0, twin))
        self._members[name] = self._members[twin]

    def finish(self) -> None:
        """Add the sha256 of every member, and the end."""
        listed = _listing(self._members)
        document = {"sha256": sha256(listed.encode()).hexdigest(), "members": self._members}
        self.add(_CHECKSUMS, json.dumps(document).encode())
        self._file.write(b"\0" * 2 * _BLOCK)

    def _header(self, name: str, size: int, twin: str = "") -> bytes:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, self._mtime, 0o644
        if twin:
            info.type, info.linkname = tarfile.LNKTYPE, twin
        return info.tobuf(tarfile.GNU_FORMAT)


def _listing(members: Mapping[str, Any]) -> str:
    return json.dumps(members, sort_keys=True, separators=(",", ":"))


@contextmanager
def writing(path: str | os.PathLike[str], at: datetime) -> Iterator[Writer]:
    """Write a bundle aside, sync it, and give it its name once it is whole; nothing is left of it otherwise.

    Raises:
        InvalidInput: that cannot be a path.
        StorageError: the file exists already, or cannot be written.
    """
    target = local(path, "path")
    aside = target.with_name(f".{target.name[:100]}.{uuid.uuid4().hex}.part")
    if os.path.lexists(target):
        raise _there_already(target)
    with _explained(target):
        try:
            # It holds all that the registry does, and nobody else may read that.
            with open(aside, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                writer = Writer(file, at)
                yield writer
                writer.finish()
                file.flush()
                os.fsync(file.fileno())
            _name(aside, target)
            folders.sync(target.parent)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(aside)


def _name(aside: Path, target: Path) -> None:
    # A link, unlike a rename, never replaces a file that somebody else wrote meanwhile.
    try:
        os.link(aside, target)
    except FileExistsError as error:
        raise _there_already(target) from error
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        os.rename(aside, target)


def _there_already(target: Path) -> StorageError:
    return StorageError(errno.EEXIST, f"{target} exists already: name another file, or delete it first")


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except RegistryError:
        raise
    except OSError as error:
        if error.filename is not None and not str(error.filename).startswith(str(target.parent)):
            raise
        remedy = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "name another place"
        raise StorageError(
            error.errno or errno.EIO,
            f"{target} cannot be written ({error.strerror or error}): {remedy}, then try again",
        ) from error


class _Bounded:
    """What tarfile reads headers from: it would read a name of a gigabyte, or to the end for a negative size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _STEP:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._file.read(size)


class _Member(NamedTuple):
    offset: int
    size: int
    sha256: str
    twin: str | None


class Reader:
    """A bundle whose every member was checked.

    Attributes:
        name: what to call it in errors.
        manifest: what it says of itself.
    """

    def __init__(self, file: IO[bytes], name: str, kind: str, newest: int, progress: Progress | None) -> None:
        self._file, self.name = file, name
        self._members: dict[str, _Member] = {}
        self.manifest: dict[str, Any] = {}
        self._check(kind, newest, progress)

    @property
    def identity(self) -> str:
        """What no other bundle has."""
        return self.digest(_CHECKSUMS)

    def names(self) -> list[str]:
        """The names of all members but the manifest, in their order."""
        return [name for name in self._members if name not in (MANIFEST, _CHECKSUMS)]

    def has(self, name: str) -> bool:
        """Whether there is a member of that name."""
        return name in self._members

    def twin(self, name: str) -> str | None:
        """The earlier member that this one is a second name of."""
        return self._members[name].twin

    def size(self, name: str) -> int:
        """Bytes of a member."""
        return self._members[name].size

    def digest(self, name: str) -> str:
        """The sha256 of a member."""
        return self._members[name].sha256

    def read(self, name: str) -> bytes:
        """All bytes of a member."""
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a member, part by part.

        Raises:
            InvalidInput: they are others than when they were checked.
        """
        member, digest = self._members[name], sha256()
        for chunk in self._span(member.offset, member.size):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != member.sha256:
            raise InvalidInput(f"{self.name} was changed while it was read; use a copy that no program changes")

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a member."""
        rest = b""
        for chunk in self.chunks(name):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
            if len(rest) > _MOST_LINE:
                raise self._damaged(f"has a row of more than {_MOST_LINE:,} bytes in {name}")
        if rest:
            yield rest

    def _span(self, offset: int, size: int) -> Iterator[bytes]:
        # Others may read members of the same file in turns.
        done = 0
        while done < size:
            self._file.seek(offset + done)
            chunk = self._file.read(min(_STEP, size - done))
            if not chunk:
                raise self._damaged("ends early")
            done += len(chunk)
            yield chunk

    def _damaged(self, what: str) -> InvalidInput:
        return InvalidInput(f"{self.name} {what}: it was truncated or altered; use another copy")

    def _check(self, kind: str, newest: int, progress: Progress | None) -> None:
        whole = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        last = "its beginning"
        try:
            with tarfile.open(fileobj=cast(IO[bytes], _Bounded(self._file)), mode="r:", errorlevel=2) as tar:
                while (info := tar.next()) is not None:
                    self._take(info, whole)
                    last = f"the member {info.name}"
                    if info.name == MANIFEST:
                        self._read_manifest(kind, newest)
                    elif not self.manifest:
                        raise InvalidInput(f"{self.name} is not a {kind}: it does not begin with {MANIFEST}")
                    if progress is not None:
                        progress("checking", min(info.offset_data + info.size, whole), whole)
                    # It would remember every member it met.
                    tar.members.clear()  # pyrefly: ignore[missing-attribute]
        except (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError) as error:
            if isinstance(error, InvalidInput):
                raise
            if not self.manifest:
                raise InvalidInput(f"{self.name} is not a {kind} ({error})") from error
            raise self._damaged(f"cannot be read after {last} ({error})") from error
        if not self.manifest:
            raise InvalidInput(f"{self.name} is not a {kind}: it is empty")
        self._compare(last)

    def _take(self, info: tarfile.TarInfo, whole: int) -> None:
        name = info.name
        if not is_name(name):
            raise self._damaged(f"has a member {name!r:.160}, whose path leads outside the archive")
        if name in self._members:
            raise self._damaged(f"has the member {name} twice")
        if info.islnk():
            twin = self._members.get(info.linkname)
            if twin is None:
                raise self._damaged(f"has {name} as a link to {info.linkname!r:.160}, which is missing")
            self._members[name] = _Member(twin.offset, twin.size, twin.sha256, twin.twin or info.linkname)
            return
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.issparse():
            raise self._damaged(f"has the member {name}, which is not a regular file")
        if info.size < 0 or info.offset_data + info.size > whole:
            raise self._damaged(f"ends within the member {name}")
        if info.size > self._most(name):
            raise self._damaged(f"has a {name} of {info.size:,} bytes")
        digest = sha256()
        for chunk in self._span(info.offset_data, info.size):
            digest.update(chunk)
        self._members[name] = _Member(info.offset_data, info.size, digest.hexdigest(), None)

    def _most(self, name: str) -> int:
        """How many bytes a member may have, known before any of them is read."""
        if name == MANIFEST:
            return _MOST_MANIFEST
        if name == _CHECKSUMS:
            # It lists the members that were met, so their names say how large it can be.
            return _LIST + sum(len(each) + _LISTED for each in self._members)
        return _MOST_MEMBER

    def _small(self, name: str) -> Any:
        try:
            document = json.loads(self.read(name))
        except (ValueError, RecursionError) as error:
            raise self._damaged(f"has a {name} that is not JSON ({error})") from error
        if not isinstance(document, dict):
            raise self._damaged(f"has a {name} that is not a JSON object")
        return document

    def _read_manifest(self, kind: str, newest: int) -> None:
        manifest = self._small(MANIFEST)
        if manifest.get("format") != kind:
            raise InvalidInput(f"{self.name} is not a {kind} but {str(manifest.get('format'))[:80]!r}")
        version = manifest.get("format_version")
        if type(version) is not int or version < 1:
            raise self._damaged(f"has the format version {version!r:.80}")
        if version > newest:
            release = str(manifest.get("release"))[:40]
            raise InvalidInput(
                f"{self.name} was written by release {release}, which is newer: install that release first"
            )
        self.manifest = manifest

    def _compare(self, last: str) -> None:
        if _CHECKSUMS not in self._members or next(reversed(self._members)) != _CHECKSUMS:
            raise self._damaged(f"ends after {last}, without {_CHECKSUMS}")
        document = self._small(_CHECKSUMS)
        listed = document.get("members")
        if not isinstance(listed, dict) or document.get("sha256") != sha256(_listing(listed).encode()).hexdigest():
            raise self._damaged(f"has an altered {_CHECKSUMS}")
        for name, member in self._members.items():
            if name != _CHECKSUMS and listed.get(name) != [member.sha256, member.size]:
                raise self._damaged(f"has an altered member {name}")
        for name in listed:
            if name not in self._members:
                raise self._damaged(f"lacks the member {name!r:.200}")


@contextmanager
def reading(
    source: str | os.PathLike[str] | IO[bytes], kind: str, newest: int, progress: Progress | None = None
) -> Iterator[Reader]:
    """Open a bundle and check every member of it.

    Args:
        kind: the ``format`` its manifest has to say.
        newest: the highest ``format_version`` that can be read.

    Raises:
        InvalidInput: it is no such bundle, comes from a newer release, was cut off or altered; the message names the
            member.
    """
    if isinstance(source, (str, os.PathLike)):
        path = local(source, "path")
        try:
            opened = regular.chosen(path)
        except (OSError, ValueError, ArtifactAltered) as error:
            raise InvalidInput(f"{path} cannot be read ({error}); name a file with a {kind}") from error
        with opened:
            yield Reader(opened, str(path), kind, newest, progress)
        return
    name = os.path.basename(str(getattr(source, "name", "the file")))
    if not (callable(getattr(source, "read", None)) and callable(getattr(source, "seek", None))):
        raise InvalidInput(f"{source!r:.80} is not a file; give the path of a file, or an open binary file")
    yield Reader(source, name, kind, newest, progress)
