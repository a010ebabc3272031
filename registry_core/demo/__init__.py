"""A registry of really trained models, to look at: filled in a few seconds through the public API.

Nothing in it is made up: every metric is measured, every reason quotes figures measured on the spot. Only the dates of
registration are set, so that the history spreads over months.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from registry_core import InvalidInput, StorageError

_MARK = "DEMO.md"
_MARK_TEXT = """\
# A demo registry

`model-registry demo` filled this folder with models trained on public data. No service depends on it: try things,
and delete it when you are done (`model-registry demo --fresh` fills it again).
"""
#: A fill takes seconds. What an interrupted one left behind is removed by a later one after this many.
_STALE_SECONDS = 600


def holds_demo(folder: Path) -> bool:
    """Whether a folder holds a demo, completely filled."""
    return (folder / _MARK).is_file() and (folder / "registry.db").is_file()


def fill(folder: str | os.PathLike[str], say: Callable[[str], None] = print, now: datetime | None = None) -> None:
    """Fill a folder with the demo registry; one that holds it already is left alone.

    The registry is filled in a folder beside it, renamed at the end: whoever sees the folder sees all of it.

    Args:
        folder: a folder that is not there yet, or is empty.
        say: called with a line for each step.
        now: when the demo's history ends; the present by default.

    Raises:
        InvalidInput: the folder holds something else.
        StorageError: it cannot be made.
    """
    target = Path(folder).expanduser().resolve()
    if holds_demo(target):
        say(f"{target} is already filled and stays unchanged.")
        return
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidInput(f"{target} exists and is not a demo; name a new or empty folder")
    started = time.monotonic()
    prefix = f".{target.name}.filling-"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent, prefix)
        aside = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    except OSError as error:
        raise StorageError(
            error.errno or errno.EIO,
            f"a folder in {target.parent} cannot be created ({error.strerror}); give this user write permission, or "
            "name another folder",
        ) from error
    try:
        from .story import tell

        # The folder that a temporary one becomes is meant to be seen like any other.
        aside.chmod(0o777 & ~_umask())
        tell(aside, say, now or datetime.now(UTC))
        (aside / _MARK).write_text(_MARK_TEXT, encoding="utf-8")
        _rename(aside, target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    say(f"Filled {target} in {time.monotonic() - started:.1f} s.")


def empty(folder: Path) -> None:
    """Delete a demo.

    Raises:
        InvalidInput: the folder holds no demo.
    """
    target = folder.expanduser().resolve()
    if not holds_demo(target):
        raise InvalidInput(f"{target} is not a demo; nothing was deleted. Name the folder of a demo")
    # Renamed first: half a deletion must not look like a demo.
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.filling-", dir=target.parent))
    os.replace(target, aside / "old")
    shutil.rmtree(aside)


def _sweep(parent: Path, prefix: str) -> None:
    for left in parent.iterdir():
        # Another process may sweep at the same time.
        with suppress(FileNotFoundError):
            if left.name.startswith(prefix) and time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _umask() -> int:
    # It can only be read by setting it.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _rename(aside: Path, target: Path) -> None:
    try:
        if target.is_dir():
            target.rmdir()
        aside.rename(target)
    except OSError as error:
        if holds_demo(target):
            # Another process filled it in the meantime; one is as good as the other.
            shutil.rmtree(aside, ignore_errors=True)
            return
        raise StorageError(
            error.errno or errno.EIO,
            f"{target} cannot be written ({error.strerror}); name a new folder",
        ) from error
