"""Files that ``compress`` has seen, and the bytes that lie in the store for them.

A file that was not worth compressing is noted as well, with the digest it was registered with: it is not tried again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from .database import Queries, Transaction


class Packed(NamedTuple):
    """A file's key, and the sha256 and size of the bytes as they lie in the store."""

    file: str
    sha256: str
    size: int


def listed(queries: Queries) -> dict[str, Packed]:
    """All of them by their keys."""
    return {row[0]: Packed(*row) for row in queries.tuples("SELECT file, sha256, size FROM packed_files")}


def find(queries: Queries, file: str) -> Packed | None:
    """One of them."""
    rows = queries.tuples("SELECT file, sha256, size FROM packed_files WHERE file = :file", {"file": file})
    return Packed(*rows[0]) if rows else None


def note(transaction: Transaction, files: Iterable[Packed]) -> None:
    """Keep what lies in the store for some files."""
    transaction.many(
        "INSERT INTO packed_files (file, sha256, size) VALUES (:file, :sha256, :size) "
        "ON CONFLICT (file) DO UPDATE SET sha256 = excluded.sha256, size = excluded.size",
        [each._asdict() for each in files],
    )


def forget(transaction: Transaction, files: Collection[str]) -> None:
    """Forget files that are gone."""
    transaction.many("DELETE FROM packed_files WHERE file = :file", [{"file": file} for file in files])
