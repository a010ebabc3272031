"""The limits: what any registry on this machine has to do, and nothing else."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import estimators

#: About what a version's row and its metadata document come to.
DOCUMENT = json.dumps({"metrics": estimators.metrics(1), "text": "x" * 1800})


class BareFolder:
    """Files and one SQLite table in a folder, written as safely as the registry does and not checked at all."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.number = 0
        self.connection = sqlite3.connect(folder / "bare.db", isolation_level=None, timeout=60)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS kept (seq INTEGER PRIMARY KEY, name TEXT, score REAL, document TEXT)"
        )

    def close(self) -> None:
        """Give back the connection."""
        self.connection.close()

    def register(self, objects: Sequence[Any]) -> None:
        """Each object dumped, synced and renamed; then one commit."""
        self.number += 1
        for each in objects:
            self.keep(each, f"model_{self.number}_{type(each).__name__}.pkl")
        self.commit()

    def register_with_sidecar(self, objects: Sequence[Any], *, durably: bool = False) -> None:
        """As ``register``, with a sidecar file besides; if so wanted, the new names are synced in their folder too."""
        self.number += 1
        for each in objects:
            self.keep(each, f"model_{os.getpid()}_{self.number}_{type(each).__name__}.pkl")
        self._replace(f"model_{os.getpid()}_{self.number}.json", DOCUMENT.encode())
        if durably:
            self._sync_folder()
        self.commit()

    def keep(self, thing: Any, name: str) -> None:
        """Dump with joblib, sync, rename."""
        import joblib

        aside = self.folder / f".{name}.{os.getpid()}"
        with open(aside, "wb") as target:
            joblib.dump(thing, target)
            target.flush()
            os.fsync(target.fileno())
        os.replace(aside, self.folder / name)

    def commit(self) -> None:
        """One row, synchronous FULL."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.execute("INSERT INTO kept (name, score, document) VALUES ('x', 0.5, ?)", (DOCUMENT,))
        self.connection.execute("COMMIT")

    def _replace(self, name: str, data: bytes) -> None:
        aside = self.folder / f".{name}.{os.getpid()}"
        with open(aside, "wb") as target:
            target.write(data)
            target.flush()
            os.fsync(target.fileno())
        os.replace(aside, self.folder / name)

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
