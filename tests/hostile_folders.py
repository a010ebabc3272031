"""What can lie where a registry expects a plain file: links, pipes, devices, sockets, holes.

Each puts something at a path; ``outside`` is a file that belongs to somebody else.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path


def linked(path: Path, outside: Path) -> None:
    """A link to a file elsewhere."""
    path.symlink_to(outside)


def relative(path: Path, outside: Path) -> None:
    """The same, by a way upwards."""
    path.symlink_to(os.path.relpath(outside, path.parent))


def chained(path: Path, outside: Path) -> None:
    """A link to a link."""
    path.with_name("first").symlink_to(outside)
    path.symlink_to("first")


def circular(path: Path, _: Path) -> None:
    """A link to itself."""
    path.symlink_to(path.name)


def dangling(path: Path, _: Path) -> None:
    """A link to nothing."""
    path.symlink_to("/nowhere/at/all")


def pipe(path: Path, _: Path) -> None:
    """A pipe without a writer."""
    os.mkfifo(path)


def to_pipe(path: Path, _: Path) -> None:
    """A link to one."""
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def zeros(path: Path, _: Path) -> None:
    """A device without an end."""
    path.symlink_to("/dev/zero")


def terminal(path: Path, _: Path) -> None:
    """Whatever the process reads from."""
    path.symlink_to("/proc/self/fd/0")


def memory(path: Path, _: Path) -> None:
    """The process itself."""
    path.symlink_to("/proc/self/mem")


def listening(path: Path, _: Path) -> None:
    """A socket."""
    place = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(place)


def hole(path: Path, _: Path) -> None:
    """A gigabyte of nothing."""
    with path.open("wb") as file:
        file.truncate(1_000_000_000)


def endless(path: Path, _: Path) -> None:
    """More bytes than there are."""
    with path.open("wb") as file:
        file.truncate(1 << 43)


def folder(path: Path, _: Path) -> None:
    """A folder of that name."""
    path.mkdir()


def own(path: Path, outside: Path) -> None:
    """A link to a file of the same folder."""
    path.with_name("other").write_bytes(outside.read_bytes())
    path.symlink_to("other")


Trick = Callable[[Path, Path], None]
#: All of them.
TRICKS: tuple[Trick, ...] = (
    linked, relative, chained, circular, dangling, pipe, to_pipe, zeros, terminal, memory, listening, hole, endless,
    folder, own,
)  # fmt: skip
