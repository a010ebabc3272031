"""What the kernel says of processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def children() -> set[str]:
    """The processes this one has started and not yet seen the end of."""
    return {child for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()}


def running(process: str) -> bool:
    """Whether it is there, and more than a line that nobody has collected."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def until(found: Callable[[], Any]) -> Any:
    """What is found, as soon as it is something."""
    for _ in range(9000):
        if result := found():
            return result
        time.sleep(0.02)
    raise AssertionError("nothing was found for three minutes")
