"""The isolation of a process that opens an upload: its rights, what it can read, what it may ask of the kernel.

The limits are set in a process that was just forked and has one thread: most of them hold for the thread that sets
them and for those it starts later. Each limit that cannot be set is reported as a sentence that says what is possible
without it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress

from . import seccomp

#: What is possible where a limit is missing, by the limit.
POSSIBLE = {
    "no_new_privs": "no_new_privs could not be set{why}: the model could gain rights through other programs",
    "seccomp": "seccomp is not available{why}: the model could reach the network and start programs",
    "landlock": "Landlock is not available{why}: the model could read the files of this machine",
    "root": "root could not be dropped{why}: only the other limits restrict the model",
    "capabilities": "capabilities could not be dropped{why}: only the other limits restrict the model",
    **{
        limit: f"{limit} could not be limited{{why}}: the model could use up this machine's {limit}"
        for limit in ("memory", "threads", "open files", "disk", "CPU time")
    },
}

NOBODY = 65534
# What numpy, pandas, Arrow and scikit-learn map before a model asks for anything; about half of it is used.
LIBRARY_BYTES = 1 << 30

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS = 1, 8, 38
_CAPABILITY_VERSION, _CAP_DAC_READ_SEARCH = 0x20080522, 2
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_RULE_PATH, _LANDLOCK_VERSION = 1, 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}
_SECCOMP_FILTER, _SECCOMP_ALL_THREADS = 1, 1


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("place", ctypes.c_int32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def isolate(
    readable: Iterable[str], *, memory_bytes: int, threads: int, processor_seconds: int | None
) -> dict[str, str]:
    """Limit resources, give up root, close every file but those in ``readable``, and filter what the kernel takes.

    Returns the limits that could not be set, each with a sentence.

    ``memory_bytes`` of address space are left beside the libraries' own; ``processor_seconds`` None is no limit.
    """
    places = [place for place in readable if os.path.exists(place)]
    missing = _limit_resources(memory_bytes, threads, processor_seconds)
    missing |= _tried("no_new_privs", lambda: _prctl(_PR_SET_NO_NEW_PRIVS, 1))
    if os.geteuid() == 0:
        missing |= _tried("root", _become_nobody)
    if sys.platform == "linux":
        missing |= _tried("capabilities", lambda: _keep_capabilities(places))
    missing |= _tried("landlock", lambda: _close_files(places))
    with suppress(OSError):
        # A parent that is killed takes the model with it.
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return missing | _tried("seccomp", _filter_calls)


def _tried(limit: str, act: Callable[[], None]) -> dict[str, str]:
    try:
        act()
    except (OSError, ValueError, AttributeError) as error:
        return {limit: POSSIBLE[limit].format(why=f" ({getattr(error, 'strerror', None) or error})")}
    return {}


def _only_on_linux() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise OSError(0, f"{platform.system()} does not have it")
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _checked(_only_on_linux().prctl(option, ctypes.c_ulong(value), zero, zero, zero))


def _call(number: int, *arguments: int | ctypes.c_void_p | None) -> int:
    call = _only_on_linux().syscall
    call.restype = ctypes.c_long
    return _checked(call(*(ctypes.c_long(item) if isinstance(item, int) else item for item in (number, *arguments))))


def _pointer(structure: ctypes.Structure) -> ctypes.c_void_p:
    return ctypes.cast(ctypes.pointer(structure), ctypes.c_void_p)


def _limit_resources(memory_bytes: int, threads: int, processor_seconds: int | None) -> dict[str, str]:
    import resource

    user = NOBODY if os.geteuid() == 0 else os.getuid()
    limits = [
        ("memory", "RLIMIT_AS", memory_bytes + LIBRARY_BYTES, 0),
        ("threads", "RLIMIT_NPROC", threads + _tasks_of(user), 0),
        ("open files", "RLIMIT_NOFILE", 128, 0),
        ("disk", "RLIMIT_FSIZE", 0, 0),
        ("disk", "RLIMIT_CORE", 0, 0),
    ]
    if processor_seconds is not None:
        # One second later the kernel no longer asks, it kills; before that the signal says why.
        limits.append(("CPU time", "RLIMIT_CPU", processor_seconds, 1))

    def lower(name: str, value: int, grace: int) -> None:
        number = getattr(resource, name)
        _, highest = resource.getrlimit(number)
        top = value + grace if highest == resource.RLIM_INFINITY else min(value + grace, highest)
        resource.setrlimit(number, (min(value, top), top))

    missing: dict[str, str] = {}
    for limit, name, value, grace in limits:
        missing |= _tried(limit, lambda name=name, value=value, grace=grace: lower(name, value, grace))
    return missing


def _tasks_of(user: int) -> int:
    """How many threads a user has already: the kernel counts them all against the limit."""
    count = 0
    with suppress(OSError):
        for process in os.scandir("/proc"):
            with suppress(OSError):
                if process.name.isdigit() and process.stat().st_uid == user:
                    count += len(os.listdir(f"{process.path}/task"))
    return count


def _become_nobody() -> None:
    # The capabilities stay permitted for a moment, until it is known whether one of them is needed.
    _prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    _prctl(_PR_SET_KEEPCAPS, 0)


def _keep_capabilities(places: list[str]) -> None:
    # A Python below root's home is out of nobody's reach. The right to read stays then, and Landlock narrows it.
    reachable = all(os.access(place, os.R_OK) for place in places)
    header, rights = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    _checked(_only_on_linux().capget(header, rights))
    kept = 0 if reachable else rights[1] & 1 << _CAP_DAC_READ_SEARCH
    _checked(_only_on_linux().capset(header, (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)))


def _close_files(places: list[str]) -> None:
    version = _call(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION)
    files = (1 << 13) - 1
    for since, right in ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15)):
        files |= right if version >= since else 0
    # No rule follows for the network, nor for signals and abstract sockets: all of it is closed.
    rules = _Ruleset(files, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _call(_LANDLOCK_CREATE, _pointer(rules), size, 0)
    try:
        for place in places:
            try:
                opened = os.open(place, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue  # what cannot be opened now cannot be read later
            try:
                allowed = _READ_FILE | (_READ_FOLDER if os.path.isdir(place) else 0)
                _call(_LANDLOCK_ADD, ruleset, _LANDLOCK_RULE_PATH, _pointer(_PathRule(allowed, opened)), 0)
            finally:
                os.close(opened)
        _call(_LANDLOCK_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _filter_calls() -> None:
    machine = platform.machine()
    code = seccomp.program(machine, os.getpid())
    program = _Program(len(code) // 8, code)
    stray = _call(_SECCOMP_CALL[machine], _SECCOMP_FILTER, _SECCOMP_ALL_THREADS, _pointer(program))
    if stray:
        raise OSError(0, f"thread {stray} could not be covered")
