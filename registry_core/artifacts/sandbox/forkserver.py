"""The program of the fork server: it loads the libraries once and does nothing but fork the children of the sandbox.

It is started clean, once for each process that needs a sandbox, holds no upload and no secret, and runs one thread, so
that what it forks starts whole. It ends with the process that started it, or when nobody asked for a while.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from shutil import rmtree
from typing import Any

# What nearly every model needs. Further libraries are imported in isolation, with the first file that asks for
# them: some start threads, and no child has those.
_LIBRARIES = (
    *("numpy", "numpy.random", "pandas", "pyarrow.feather", "pyarrow.parquet", "joblib"),
    *(
        "registry_core.artifacts.sandbox.verbs",
        "sklearn.pipeline",
        "sklearn.compose",
        "sklearn.preprocessing",
        "sklearn.linear_model",
        "sklearn.ensemble",
    ),
)
#: Standard input, output and error of the child, and where its number and its end are reported.
ENDS = 4
LENGTH = struct.Struct(">I")
REPORT = struct.Struct(">q")


def serve(child: Callable[[dict[str, Any]], None], idle_seconds: float) -> None:
    """Fork a child for each request at the socket of standard input, until that is closed or nobody asks any more.

    A request is the length of a JSON document, the document, and with it four descriptors; ``{"kill": pid}`` brings
    none. Each is answered by one byte. The first child that wants ``libraries`` waits until they are loaded, and so for
    each further one that is named; None is a child that needs none.
    """
    control = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    events = selectors.DefaultSelector()
    events.register(control, selectors.EVENT_READ)
    events.register(woken, selectors.EVENT_READ)
    reports: dict[int, int] = {}
    folders: dict[int, str] = {}
    while True:
        ready = {each.fileobj for each, _ in events.select(idle_seconds)}
        if not ready and not reports:
            return
        if woken in ready:
            with suppress(BlockingIOError):
                os.read(woken, 4096)
        _collect(reports)
        folders = {pid: folders[pid] for pid in reports}
        if control in ready:
            request = _received(control)
            if request is None:
                # Whoever asked is gone, perhaps without a chance to clear up.
                for pid in reports:
                    _kill(pid)
                    rmtree(folders[pid], ignore_errors=True)
                return
            asked, ends = request
            if "kill" in asked:
                if asked["kill"] in reports:
                    _kill(asked["kill"])
            else:
                if asked["libraries"] is not None:
                    for library in (*_LIBRARIES, *asked["libraries"]):
                        import_module(library)
                pid = os.fork()
                if pid == 0:
                    _become(child, asked, ends)
                with suppress(OSError):
                    os.setpgid(pid, pid)
                reports[pid], folders[pid] = ends[3], asked["folder"]
                os.write(ends[3], REPORT.pack(pid))
                for end in ends[:3]:
                    os.close(end)
            control.sendall(b"\0")


def _received(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    piece, ends, _, _ = socket.recv_fds(control, 1 << 16, ENDS)
    received = bytearray(piece)
    while piece and (len(received) < LENGTH.size or len(received) - LENGTH.size < LENGTH.unpack_from(received)[0]):
        piece = control.recv(1 << 16)
        received += piece
    return (json.loads(received[LENGTH.size :]), ends) if piece else None


def _collect(reports: dict[int, int]) -> None:
    """Tell the end of every child that ended."""
    while reports:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        # Whatever it may have left in its group goes with it.
        _kill(pid)
        report = reports.pop(pid)
        with suppress(BrokenPipeError):
            os.write(report, REPORT.pack(os.waitstatus_to_exitcode(status)))
        os.close(report)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _become(child: Callable[[dict[str, Any]], None], setup: dict[str, Any], ends: list[int]) -> None:
    """Be the child; does not return."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)
        for number, end in enumerate(ends[:3]):
            os.dup2(end, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.chdir(setup["folder"])
        os.environ.update(HOME=setup["folder"], TMPDIR=setup["folder"])
        sys.path[:] = setup["path"]
        _reseed()
        child(setup)
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(status)


def _reseed() -> None:
    """Chance is the child's own: it would repeat what every other child draws."""
    for library in ("random", "numpy.random"):
        if library in sys.modules:
            sys.modules[library].seed()
