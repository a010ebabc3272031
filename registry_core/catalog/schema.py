"""What a database has to hold: its migrations by name, and the check that no newer release has changed it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..errors import StorageError
from ..version import RELEASE
from .migrations import MIGRATIONS


@dataclass(frozen=True)
class Schema:
    """The tables of one database. ``lock`` is the table at which PostgreSQL's writers queue up."""

    name: str
    migrations: Mapping[str, tuple[str, ...]]
    lock: str


REGISTRY = Schema("model_registry", MIGRATIONS, "events")


def check_release(applied: Iterable[str], schema: Schema, place: str) -> None:
    """Refuse a database that a newer release has changed: this one would not keep what that one promises.

    Args:
        applied: the migrations that are noted in it, those of other schemas included.

    Raises:
        StorageError: one of them is of this schema and not known here.
    """
    family = re.compile(r"\d{4}_\w+" if schema.name == REGISTRY.name else rf"{schema.name}_\d{{4}}\w*", re.ASCII)
    # Names begin with their numbers. One that is unknown among known ones is damage, and found as such.
    newer = sorted(name for name in applied if family.fullmatch(name) and name > max(schema.migrations))
    if newer:
        raise StorageError(
            errno.EPROTO,
            f"{place} was opened by a newer release of Model Registry (it knows {newer[-1]}, this is {RELEASE}); "
            "install that release, or restore a backup made with this one",
        )
