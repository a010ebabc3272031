"""Models that misbehave, for the tests of the sandbox. Asked to predict, one does what it says."""

from __future__ import annotations

import ctypes
import errno
import io
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

_LIBC = ctypes.CDLL(None, use_errno=True)


class Model:
    """Predicts zeros, after doing what ``act`` names; ``target`` is the path or process it aims at."""

    def __init__(self, act: str, target: Any = None) -> None:
        self.act, self.target = act, target

    def predict(self, inputs: Any) -> Any:
        answer = ACTS[self.act](self.target)
        return np.zeros(len(inputs)) if answer is None else answer


class RunsWhenLoaded:
    """Writes a file as soon as it is unpickled."""

    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


class EndsWhoeverLoadsIt:
    """Somebody trusts its name, and its native code ends the process that unpickles it."""

    def __getstate__(self) -> dict[str, int]:
        return {"address": 0}

    def __setstate__(self, state: dict[str, int]) -> None:
        ctypes.string_at(state["address"])

    def predict(self, inputs: Any) -> Any:
        return np.zeros(len(inputs))


#: What somebody has to trust for it.
ENDS = f"{EndsWhoeverLoadsIt.__module__}.{EndsWhoeverLoadsIt.__name__}"


def crashing_file() -> io.BytesIO:
    """A file that ends the process that loads it."""
    return io.BytesIO(pickle.dumps(EndsWhoeverLoadsIt()))


def connect(_: Any) -> None:
    socket.create_connection(("127.0.0.1", 9), timeout=1)


def local_socket(_: Any) -> None:
    socket.socketpair()


def write(path: str) -> None:
    open(path, "w").close()


def write_inside(_: Any) -> None:
    write(os.path.join(os.getcwd(), "mark"))


def read(path: str) -> None:
    with open(path) as file:
        file.read()


def read_parent(_: Any) -> None:
    read(f"/proc/{os.getppid()}/environ")


def fork_for_ever(_: Any) -> None:
    while True:
        os.fork()


def daemon(path: str) -> None:
    if os.fork() == 0:
        os.setsid()
        time.sleep(1)
        write(path)


def run(_: Any) -> None:
    subprocess.run(["true"])


def replace_itself(_: Any) -> None:
    os.execv(sys.executable, [sys.executable, "-c", "pass"])


def kill_parent(_: Any) -> None:
    os.kill(os.getppid(), signal.SIGKILL)


def sleep(_: Any) -> None:
    while True:
        time.sleep(60)


def stop_itself(_: Any) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def allocate(_: Any) -> None:
    np.ones(100 << 30, dtype=np.uint8)


def threads_for_ever(_: Any) -> None:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def leave(_: Any) -> None:
    os._exit(3)


def segfault(_: Any) -> None:
    ctypes.string_at(0)


def flood(_: Any) -> None:
    for _ in range(1 << 14):
        os.write(1, b"x" * (1 << 16))


def garbage(_: Any) -> None:
    for descriptor in range(256):
        try:
            os.write(descriptor, b"\x00garbage\xff" * 100)
        except OSError:
            continue


def lying_length(_: Any) -> None:
    for descriptor in range(3, 256):
        try:
            os.write(descriptor, b"sandbox\n" + b"\x00" * 7 + b"\x10" + b"\x7f" * 8)
        except OSError:
            continue


def hang_up(_: Any) -> None:
    os.closerange(0, 256)
    sleep(None)


def escape_codes(_: Any) -> None:
    raise ValueError("\x1b[31mred\x00\u202e" + "x" * 10_000)


# Each call is made without Python between; the answer is what the kernel said to it.
Call = Callable[[str], int]
CALLS: dict[str, Call] = {
    "fork": lambda _: _LIBC.fork(),
    "kill the parent": lambda _: _LIBC.kill(os.getppid(), 9),
    "kill the group of the parent": lambda _: _LIBC.kill(-os.getppid(), 9),
    "trace": lambda _: _LIBC.ptrace(16, os.getppid(), 0, 0),
    "a new namespace": lambda _: _LIBC.unshare(0x10000000),
    "mount": lambda path: _LIBC.mount(b"none", path.encode(), b"tmpfs", 0, None),
    "a file of memory": lambda _: _LIBC.memfd_create(b"x", 0),
    "io_uring": lambda _: _LIBC.syscall(425, 1, ctypes.create_string_buffer(256)),
    "openat2": lambda path: _LIBC.syscall(437, -100, path.encode(), ctypes.create_string_buffer(24), 24),
    "more Landlock": lambda _: _LIBC.syscall(444, None, 0, 1),
    "write": lambda path: _LIBC.open(path.encode(), os.O_WRONLY),
    "append": lambda path: _LIBC.open(path.encode(), os.O_RDWR | os.O_APPEND),
    "cut off": lambda path: _LIBC.truncate(path.encode(), 0),
    "cut off while opening": lambda path: _LIBC.open(path.encode(), os.O_RDONLY | os.O_TRUNC),
    "rights": lambda path: _LIBC.chmod(path.encode(), 0o777),
    "owner": lambda path: _LIBC.chown(path.encode(), 0, 0),
    "times": lambda path: _LIBC.utimes(path.encode(), None),
    "remove": lambda path: _LIBC.unlink(path.encode()),
    "rename": lambda path: _LIBC.rename(path.encode(), path.encode() + b"x"),
    "link": lambda path: _LIBC.symlink(b"/", path.encode() + b"x"),
    "make a folder": lambda path: _LIBC.mkdir(path.encode() + b"x", 0o777),
    "read": lambda path: _LIBC.open(path.encode(), os.O_RDONLY),
    "list": lambda path: _LIBC.open(os.path.dirname(path).encode(), os.O_RDONLY | os.O_DIRECTORY),
    "a file by its handle": lambda path: _LIBC.name_to_handle_at(-100, path.encode(), *[bytes(144)] * 2, 0),
    "outlive the parent": lambda _: _LIBC.prctl(1, 0, 0, 0, 0),
    "signals by descriptor": lambda _: _LIBC.fcntl(0, 8, os.getppid()),
    "type into a terminal": lambda _: _LIBC.ioctl(0, 0x5412, b"x"),
    "become root": lambda _: _LIBC.setuid(0),
    "limits of the parent": lambda _: _LIBC.prlimit(os.getppid(), 7, ctypes.create_string_buffer(16), None),
    "shared memory": lambda _: _LIBC.shmget(0, 4096, 0o1600),
}


def refused(call: Call, path: str) -> bool:
    """Whether the kernel says no."""
    ctypes.set_errno(0)
    return call(path) == -1 and ctypes.get_errno() in (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.ENOTTY)


def doze_and_leave(seconds: float) -> None:
    time.sleep(seconds)
    leave(None)


ACTS: dict[str, Callable[[Any], Any]] = {
    act.__name__: act
    for act in (
        connect,
        local_socket,
        write,
        write_inside,
        read,
        read_parent,
        fork_for_ever,
        daemon,
        run,
        replace_itself,
        kill_parent,
        sleep,
        stop_itself,
        allocate,
        threads_for_ever,
        leave,
        doze_and_leave,
        segfault,
        flood,
        garbage,
        lying_length,
        hang_up,
        escape_codes,
    )
}
ACTS |= {
    "no number": lambda _: np.full(10, np.nan),
    "too few": lambda _: np.zeros(5),
    "unknown labels": lambda _: np.full(10, 7),
    "objects": lambda _: np.array([Decimal(1)] * 10),
    "too much": lambda _: np.zeros(1 << 20),
    "wide texts": lambda _: ["x" * 60_000] + [""] * 9,
    "calls": lambda path: [name if refused(call, path) else f"{name} was allowed" for name, call in CALLS.items()],
}
