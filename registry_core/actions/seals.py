"""Which decisions about trust were made here, and not somewhere a folder, a backup or a database came from.

A decision is a line: a trusted name, where alerts are sent, the gates of a model name, an approval, an override.
Whoever makes one seals its line with the registry's secret key, which lies outside the registry. What bears no seal of
a key that this user has is data: a trusted name of that kind trusts nothing, nothing is sent to an address of that
kind, and the others need somebody to accept them.

The result of a prediction check is such a line too. Without a seal it is shown, and checked again before files load.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ..artifacts import keys
from ..catalog import seals as kept
from ..catalog.database import Queries, Transaction
from ..config import Configuration
from ..errors import InvalidInput, StorageError
from ..records import Row

#: What was decided, of which model name ("": of all), and what exactly.
Line = tuple[str, ...]
NAME, ADDRESS, GATES, APPROVAL, OVERRIDE = "trusted name", "address of alerts", "gates", "approval", "override"
GRANT, CHECK, WEBHOOK = "grant", "prediction check", "webhook"


@dataclass(frozen=True)
class Seals:
    """The seals of a registry at a location, as a user who has its key or has not sees them."""

    location: str

    def unsealed(self, queries: Queries, lines: Collection[Line]) -> set[Line]:
        """Those of the lines that were not decided here."""
        if not lines:
            return set()
        registry = identity(queries)
        key = None if registry is None else keys.find(registry, self.location)
        if key is None:
            return set(lines)
        made = {line: _seal(key, line) for line in lines}
        sealed = kept.sealed(queries, made.values())
        return {line for line, seal in made.items() if seal not in sealed}

    def seal(self, transaction: Transaction, lines: Collection[Line]) -> None:
        """Note that these were decided here.

        Raises:
            StorageError: the registry's key cannot be kept.
        """
        if lines:
            key = keys.make(_known(transaction), self.location)
            kept.put(transaction, [_seal(key, line) for line in lines])

    def note(self, transaction: Transaction, line: Line) -> None:
        """Note that this was observed here, if this user has the registry's key or is the first to need it.

        An observation can be made again, so a key that cannot be kept or read is no reason to refuse it.
        """
        with suppress(StorageError, InvalidInput):
            if kept.any_sealed(transaction):
                key = keys.find(_known(transaction), self.location)
            else:
                key = keys.make(_known(transaction), self.location)
            if key is not None:
                kept.put(transaction, [_seal(key, line)])

    def noted(self, queries: Queries, line: Line) -> bool:
        """Whether this was observed here."""
        with suppress(StorageError, InvalidInput):
            return not self.unsealed(queries, [line])
        return False

    def key_of_rows(self, queries: Queries, *, make: bool) -> bytes | None:
        """The secret that training rows are hashed with, made of the registry's key; None where this user has none.

        Args:
            make: make the registry's key where there is none.

        Raises:
            StorageError: the key cannot be read or kept.
        """
        found = (keys.make if make else keys.find)(_known(queries), self.location)
        return None if found is None else hmac.digest(found, b"training rows", "sha256")

    def derived(self, queries: Queries, purpose: str) -> bytes:
        """A secret for one purpose, made of the registry's key: it is stored nowhere.

        Raises:
            StorageError: the key cannot be read or kept.
        """
        return hmac.digest(keys.make(_known(queries), self.location), purpose.encode(), "sha256")

    def take_back(self, transaction: Transaction, lines: Collection[Line]) -> None:
        """Note that these hold no more, so that they need a decision when they come again."""
        key = keys.find(_known(transaction), self.location) if lines else None
        if key is not None:
            kept.remove(transaction, [_seal(key, line) for line in lines])

    def counting(self, queries: Queries, settings: Configuration) -> Configuration:
        """The settings as they count here: without trusted names and addresses of alerts that nobody here decided."""
        return without(settings, self.unsealed(queries, names_of(settings) | addresses_of(settings)))


def identity(queries: Queries) -> str | None:
    """What identifies a registry; None while it is only being made."""
    first = kept.first_event(queries)
    return None if first is None else identity_of(first)


def identity_of(first_event: str) -> str:
    """What identifies a registry with this hash of its first event."""
    # Hashed, since a database may hold anything, and this becomes the name of a file.
    return sha256(first_event.encode()).hexdigest()


def _known(queries: Queries) -> str:
    found = identity(queries)
    assert found is not None, "a registry has its first event before any decision"
    return found


def _seal(key: bytes, line: Line) -> str:
    return kept.PREFIX + hmac.new(key, json.dumps(line).encode(), sha256).hexdigest()


def unsealed_by(key: bytes, sealed: Collection[str], lines: Collection[Line]) -> set[Line]:
    """Those of the lines whose seals, made with a key, are not among ``sealed``."""
    return {line for line in lines if _seal(key, line) not in sealed}


def names_of(settings: Configuration) -> set[Line]:
    """A line for each trusted name."""
    return {(NAME, model_name, name) for model_name, own in _parts(settings) for name in own.get("trusted_globals", ())}


def addresses_of(settings: Configuration) -> set[Line]:
    """A line for each address that alerts are sent to."""
    return {(ADDRESS, model_name, each) for model_name, own in _parts(settings) for each in _addresses(own)}


def _addresses(own: Any) -> tuple[str, ...]:
    return tuple(own.get("monitoring", {}).get("notify", ()))


def gates_of(settings: Configuration, model_name: str | None = None) -> set[Line]:
    """A line for the gates of all model names, and of each (or one) that has its own."""
    return {
        (GATES, name, json.dumps(own["gates"], sort_keys=True))
        for name, own in _parts(settings)
        # A name of its own may have none although all others have some: that is a decision as well.
        if "gates" in own and (own["gates"] or name) and model_name in (None, name or model_name)
    }


def approval_of(model_name: str, model_id: str, digest: str, actor: str, at: str) -> Line:
    """The line of an approval: of these very bytes."""
    return (APPROVAL, model_name, model_id, digest, actor, at)


def approvals_of(rows: Collection[Row]) -> dict[Line, Row]:
    """The lines of approvals."""
    return {
        approval_of(row["model_name"], row["model_id"], digest_of(row), row["actor"], row["at"]): row for row in rows
    }


def check_of(files: str, environment: str, status: str) -> Line:
    """The line of a prediction check: of these very bytes, with these library versions."""
    return (CHECK, files, environment, status)


def override_of(model_name: str, model_id: str, digest: str, note: str) -> Line:
    """The line of a promotion over failed gates."""
    return (OVERRIDE, model_name, model_id, digest, note)


def overrides_of(rows: Collection[Row]) -> dict[Line, Row]:
    """The lines of overrides."""
    return {override_of(row["model_name"], row["model_id"], digest_of(row), row["override_note"]): row for row in rows}


def digest_of(row: Row) -> str:
    """The sha256 of a version's model file."""
    return str(json.loads(row["metadata"])["model_sha256"])


def without(settings: Configuration, lines: Collection[Line]) -> Configuration:
    """Settings without some trusted names and addresses."""
    if not lines:
        return settings

    def kept_of(model_name: str, own: Any) -> dict[str, Any]:
        left = dict(own)
        if "trusted_globals" in own:
            left["trusted_globals"] = tuple(
                each for each in own["trusted_globals"] if (NAME, model_name, each) not in lines
            )
        if _addresses(own):
            sent = tuple(each for each in _addresses(own) if (ADDRESS, model_name, each) not in lines)
            left["monitoring"] = {**own["monitoring"], "notify": sent}
        return left

    return Configuration(
        kept_of("", settings.everywhere), {name: kept_of(name, own) for name, own in settings.model_names.items()}
    )


def _parts(settings: Configuration) -> list[tuple[str, Any]]:
    return [("", settings.everywhere), *settings.model_names.items()]
