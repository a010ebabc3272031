"""Where a version comes from, recorded unasked when a pipeline registers it: code, libraries, training data."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

#: Seconds git may take; a repository that takes longer is not recorded, and nobody waits for it again.
_GIT_SECONDS = 2.0
#: Settings of a repository that can have git run a program while it looks for changes, or bring in such settings.
_MAY_RUN = re.compile(
    r"filter\.|include|extensions\.(worktreeconfig|partialclone)$|remote\..*\.promisor$", re.IGNORECASE
)
#: More imported libraries than that are no description of anything.
_MOST_LIBRARIES, _LONGEST_VERSION = 200, 100


def of_registration(training_data: Any) -> dict[str, Any]:
    """What is known of the process that registers, and of the data the model was trained on.

    Returns:
        ``script``, ``commit``, ``uncommitted_changes`` and ``python`` as far as they are known: a repository with
        filters, which git would run, tells no uncommitted changes; ``packages``: name ->
        version of each imported library that states its own; ``training_data``: see ``of_data``, where it was given.

    Raises:
        InvalidInput: ``training_data`` is no table.
    """
    known = {**_code(), "python": platform.python_version(), "packages": _packages(len(sys.modules))}
    return known if training_data is None else {**known, "training_data": of_data(training_data)}


def of_data(data: Any) -> dict[str, Any]:
    """The fingerprint of training data: ``sha256`` of its content, ``rows``, ``columns`` and, with a column of times,
    ``from`` and ``until``.

    Args:
        data: a DataFrame, an array (rows, features), or the path of a file, of which the bytes are hashed; its rows are
            read by ``training_rows.of_file``.

    Raises:
        InvalidInput: it is none of them, or the file cannot be read.
    """
    if isinstance(data, (str, os.PathLike)):
        try:
            with Path(data).open("rb") as file:
                return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": Path(data).stat().st_size}
        except OSError as error:
            raise InvalidInput(f"training_data {str(data)!r:.160} cannot be read: {error}; give its path") from error
    import numpy as np
    import pandas as pd

    if isinstance(data, np.ndarray) and data.ndim == 2:
        data = pd.DataFrame(data)
    if not isinstance(data, pd.DataFrame):
        raise InvalidInput(
            f"training_data is a {type(data).__name__}; give a DataFrame, an array (rows, features) or the path of a "
            "file"
        )
    try:
        hashes = pd.util.hash_pandas_object(data, index=False).to_numpy()
    except TypeError as error:
        raise InvalidInput(f"training_data holds a column that cannot be hashed ({error}); leave it out") from error
    return {"sha256": hashlib.sha256(hashes.tobytes()).hexdigest(), **of_table(data)}


def of_table(data: pd.DataFrame) -> dict[str, Any]:
    """``rows`` and ``columns`` of training data and, with a column of times, ``from`` and ``until``."""
    found: dict[str, Any] = {"rows": len(data), "columns": [str(column) for column in data.columns]}
    times = data.select_dtypes(include=["datetime", "datetimetz"])
    if len(data) and len(times.columns):
        found |= {"from": str(times.min().min()), "until": str(times.max().max())}
    return found


@cache
def _code() -> dict[str, Any]:
    """The script of this process and the git commit of its folder; asked once a process."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = Path(main).resolve().parent if main else Path.cwd()
    known: dict[str, Any] = {"script": Path(main).name.encode(errors="replace").decode()} if main else {}
    try:
        named = _git(folder, "config", "--local", "--name-only", "--list")
        if any(_MAY_RUN.match(name) for name in named):
            return {**known, "commit": _git(folder, "rev-parse", "HEAD")[0]}
        told = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=all")
    except (OSError, subprocess.SubprocessError):
        return known
    commit = next((line.rpartition(" ")[2] for line in told if line.startswith("# branch.oid ")), "(initial)")
    if commit == "(initial)":
        return known
    return {**known, "commit": commit, "uncommitted_changes": any(not line.startswith("#") for line in told)}


def _git(folder: Path, *words: str) -> list[str]:
    """The lines git answers. The folder may come from anywhere, so nothing that its repository names is run."""
    off = (f"{name}={value}" for name, value in (("core.fsmonitor", "false"), ("core.hooksPath", os.devnull)))
    settings = [word for setting in off for word in ("-c", setting)]
    # Without locks git does not write its index, which would call a hook.
    return subprocess.run(
        ["git", "--no-optional-locks", *settings, "-C", str(folder), *words],
        capture_output=True, text=True, timeout=_GIT_SECONDS, check=True, stdin=subprocess.DEVNULL,
        env={**os.environ, "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"},
    ).stdout.splitlines()  # fmt: skip


@lru_cache(maxsize=1)
def _packages(modules: int) -> dict[str, str]:
    """The imported libraries with their versions; ``modules`` is how many are loaded, which changes with them."""
    # Their dicts are read, not their attributes: some libraries import a lot when asked for one.
    found = {
        name: version
        for name, module in sorted(sys.modules.items())
        if "." not in name
        and name not in sys.stdlib_module_names
        and isinstance(version := getattr(module, "__dict__", {}).get("__version__"), str)
        and len(version) <= _LONGEST_VERSION
    }
    return dict(list(found.items())[:_MOST_LIBRARIES])
