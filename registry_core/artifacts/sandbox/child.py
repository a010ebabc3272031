"""The program of the child: it isolates itself, reports, and then opens uploads and lets them predict."""

from __future__ import annotations

import errno
import os
import select
import sys
import sysconfig
import warnings
from importlib.machinery import PathFinder
from typing import Any

from ...errors import ArtifactError, InvalidInput
from ..inspection import names
from . import forkserver, frames, isolation

_LIBRARIES = ("numpy", "scipy", "pandas", "pyarrow", "sklearn", "joblib", "xgboost", "lightgbm", "skops")
# Shared objects a library may still ask for, the names of time zones, and its own memory map, by which scikit-learn
# finds the thread pools it limits.
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/usr/share/zoneinfo", "/proc/self/maps"),
)
_REASON_LENGTH = 400

_FORBIDDEN = {
    "socket.": "tried to open a network connection, which is not allowed",
    "os.fork": "tried to start another process, which is not allowed",
    "os.exec": "tried to start another program, which is not allowed",
    "os.posix_spawn": "tried to start another program, which is not allowed",
    "os.system": "tried to start another program, which is not allowed",
    "subprocess.": "tried to start another program, which is not allowed",
    "os.kill": "tried to send a signal to another process, which is not allowed",
}
_BEGINNINGS = tuple(_FORBIDDEN)
_attempts: list[str] = []


def main(idle_seconds: float) -> None:
    """Fork a child for every request that comes in at standard input; end after so many seconds without any."""
    # Read once, for all children.
    names.listed()
    forkserver.serve(_child, idle_seconds)


def _child(setup: dict[str, Any]) -> None:
    """Answer messages at standard input until it is closed or idle; answers leave where standard output was."""
    answers = os.dup(1)
    os.dup2(2, 1)
    unenforced = isolation.isolate(_readable(setup["modules"]), **setup["limits"])
    if setup["libraries"] is not None:
        sys.addaudithook(_notice)
    frames.send(answers, frames.pack({"unenforced": unenforced}))
    with os.fdopen(0, "rb", closefd=False) as requests:
        # Whoever asks waits for the answer: nothing of a next message is in the buffer.
        while _asked(setup["idle_seconds"]) and (message := frames.receive(requests)) is not None:
            frames.send(answers, _answered(*message))


def _asked(seconds: float | None) -> bool:
    return bool(select.select([0], [], [], seconds)[0])


def _readable(modules: list[str]) -> list[str]:
    """Where Python, the libraries and these modules lie; looked up by name, nothing is imported."""
    # Beside the standard library lie the shared objects of this Python.
    places = [*_SYSTEM, *(os.path.dirname(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))]
    places += [entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")]
    for name in (*_LIBRARIES, *modules, __name__.partition(".")[0]):
        found = PathFinder.find_spec(name, sys.path)
        if found is None:
            continue
        folders = list(found.submodule_search_locations or ())
        places += folders or [str(found.origin)]
        if name in _LIBRARIES:
            # What a library needs lies beside it; beside a module of the user lies what is the user's.
            places += [os.path.dirname(folder) for folder in folders]
    return sorted(set(places))


def _notice(event: str, _: Any) -> None:
    # Many of these events are ``id()`` of some object, so this is what they cost.
    if event.startswith(_BEGINNINGS):
        _attempts[:] = [words for beginning, words in _FORBIDDEN.items() if event.startswith(beginning)]


def _answered(header: dict[str, Any], blocks: list[bytes]) -> list[bytes]:
    _attempts.clear()
    try:
        with warnings.catch_warnings():
            # Standard error is for what explains a failure, and names were dropped on purpose.
            warnings.simplefilter("ignore")
            if header["verb"] == "inspect":
                from . import inspecting

                return inspecting.inspected(blocks, header)
            from . import verbs

            answer = {"prove": verbs.proved, "permute": verbs.permuted}.get(header["verb"], verbs.predicted)
            return answer(blocks, header)
    except MemoryError:
        return frames.pack({"failed": "memory"})
    except BaseException as error:
        return frames.pack({"failed": _in_words(error)[:_REASON_LENGTH]})


def _in_words(error: BaseException) -> str:
    cause: BaseException | None = error
    for _ in range(10):
        if isinstance(cause, OSError) and cause.errno in (errno.EPERM, errno.EACCES):
            if _attempts:
                return _attempts[0]
            if cause.filename is not None:
                return f"tried to open {cause.filename!r}, which is not allowed"
        cause = cause and (cause.__cause__ or cause.__context__)
    if isinstance(error, ArtifactError):
        return f"could not be opened: {_first_line(error)}"
    if isinstance(error, InvalidInput):
        return f"cannot answer: {error}"
    tried = f"{_attempts[0]}, and " if _attempts else ""
    return f"{tried}raised {type(error).__name__}: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    """What went wrong; libraries put a trace of their own below it."""
    return next(iter(str(error).strip().splitlines()), "")
