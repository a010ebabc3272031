"""Secret keys of registries: a small file each, of this user, outside every registry's folder.

A key makes decisions about trust recognisable. It never lies beside them: whoever brings a folder would bring its key.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from ..errors import InvalidInput, StateConflict, StorageError

#: Names another folder for the keys, such as a volume or a secret that a container is given.
VARIABLE = "MODEL_REGISTRY_KEYS"
_TEXT = re.compile(r"model-registry key ([0-9a-f]{64}) ([0-9a-f]{64})\n?", re.ASCII)
_MOST_BYTES = 1000


def folder() -> Path:
    """Where keys are kept: the folder that ``MODEL_REGISTRY_KEYS`` names, else one among this user's state.

    Raises:
        StorageError: this user has no home folder.
    """
    named = os.environ.get(VARIABLE) or os.environ.get("XDG_STATE_HOME")
    try:
        place = Path(named).expanduser() if named else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise StorageError(
            errno.ENOENT, f"this user has no home folder for keys: name a folder for keys in {VARIABLE}"
        ) from error
    return place.absolute() if os.environ.get(VARIABLE) else place.absolute() / "model-registry" / "keys"


def find(registry: str, location: str) -> bytes | None:
    """The key of a registry, by what identifies it; None where this user has none.

    Args:
        location: where the registry lies; keys inside it do not count.

    Raises:
        StorageError: the key's file cannot be used; the message says why.
    """
    path = _outside(location) / f"{registry[:32]}.key"
    found = _read(path)
    return found[1] if found is not None and found[0] == registry else None


def make(registry: str, location: str) -> bytes:
    """The key of a registry, made where this user has none.

    Raises:
        StorageError: it cannot be kept.
    """
    known = find(registry, location)
    if known is not None:
        return known
    _keep(_outside(location), registry, secrets.token_bytes(32))
    made = find(registry, location)
    assert made is not None
    return made


def export(registry: str, location: str, path: Path) -> None:
    """Write the key of a registry into a new file that only this user can read.

    Raises:
        StateConflict: this user has no key of it.
        StorageError: the file is there already, or cannot be written.
    """
    key = find(registry, location)
    if key is None:
        raise StateConflict(
            f"{folder()} has no key of {location}: the key is created with the first registered version or trust "
            "decision"
        )
    try:
        _write(path, registry, key)
    except OSError as error:
        raise StorageError(
            error.errno or errno.EIO, f"{path} cannot be written ({error.strerror}); name a new file"
        ) from error


def bring(registry: str, location: str, path: Path) -> None:
    """Keep an exported key.

    Raises:
        InvalidInput: the file holds no key, or that of another registry.
        StateConflict: this user has another key of this registry.
    """
    found = _read(path)
    if found is None:
        raise InvalidInput(f"{path} is missing; name the file that `key export` wrote")
    if found[0] != registry:
        raise InvalidInput(f"{path} has the key of another registry than {location}; export the key of this one")
    known = find(registry, location)
    if known is None:
        _keep(_outside(location), registry, found[1])
    elif known != found[1]:
        raise StateConflict(
            f"{folder()} has another key of {location}, with which decisions were made here: move that file away first"
        )


def _outside(location: str) -> Path:
    place = folder()
    if "://" not in location and _is_inside(place, location):
        raise StorageError(
            errno.EINVAL,
            f"the key folder {place} lies inside the registry {location}, so a copy of the registry would contain the "
            f"key: name a folder outside the registry in {VARIABLE}",
        )
    return place


@lru_cache(maxsize=100)
def _is_inside(place: Path, location: str) -> bool:
    return place.resolve().is_relative_to(Path(location).resolve())


def _read(path: Path) -> tuple[str, bytes] | None:
    """Which registry a file holds the key of, and the key."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(
            error.errno or errno.EIO,
            f"the key {path} cannot be read ({error.strerror}): give this user read permission, or name another "
            f"folder for keys in {VARIABLE}",
        ) from error
    try:
        status = os.fstat(descriptor)
        # A secret that a container is given belongs to root and may be read by others; nobody else may write it.
        if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o022 or status.st_uid not in (0, os.geteuid()):
            raise StorageError(
                errno.EACCES,
                f"the key {path} is not a regular file that only this user or root can write: run chmod 600 {path}",
            )
        text = os.read(descriptor, _MOST_BYTES)
    finally:
        os.close(descriptor)
    match = _TEXT.fullmatch(text.decode("ascii", "replace"))
    if match is None:
        raise InvalidInput(f"{path} does not contain a key; name the file that `key export` wrote")
    return match[1], bytes.fromhex(match[2])


def _keep(place: Path, registry: str, key: bytes) -> None:
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = place / f".{secrets.token_hex(8)}.part"
        try:
            _write(aside, registry, key)
            # Of several processes the first gives it its name; the others take that one.
            with suppress(FileExistsError):
                os.link(aside, place / f"{registry[:32]}.key")
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            error.errno or errno.EIO,
            f"the key of this registry cannot be stored in {place} ({error.strerror}): name a folder that this user "
            f"can write to in {VARIABLE}. Nothing was changed",
        ) from error


def _write(path: Path, registry: str, key: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(f"model-registry key {registry} {key.hex()}\n".encode())
        file.flush()
        os.fsync(descriptor)
