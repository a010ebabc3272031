"""What a hostile file would do to the process that is handed it, for the tests of whoever watches."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable


def begin() -> Callable[..., str]:
    """Tasks that do what a hostile file would."""
    return lambda what: TASKS[what]()


def _hold() -> str:
    # One call of compiled code, in which no other thread has its turn.
    return str(7**3_000_000 > 0)


TASKS: dict[str, Callable[[], str]] = {
    "answer": lambda: "refused",
    "fill": lambda: "used" if bytearray(b"x" * (64 << 20)) else "",
    "hold": _hold,
    "run": lambda: str(subprocess.run(["true"], check=True).returncode),
    "end": lambda: os._exit(3),
}
