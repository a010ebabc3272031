"""Decisions about trust that came from elsewhere: shown, and accepted by somebody or not. See ``seals``."""

from __future__ import annotations

import json
import os

from ..artifacts import bundle, classes, keys
from ..catalog import deployments, events, models
from ..catalog import seals as kept
from ..catalog.database import Queries
from ..config import Configuration
from ..errors import Conflict, InvalidConfiguration, InvalidInput, NotEligible, StateConflict
from ..evidence import ForeignDecisions
from . import seals, verdicts
from .rooms import Rooms, check_reason
from .seals import Line


def pending(rooms: Rooms) -> ForeignDecisions:
    """See ``Registry.foreign_decisions``."""
    with rooms.database.snapshot() as queries:
        return pending_in(rooms, queries)


def pending_in(rooms: Rooms, queries: Queries) -> ForeignDecisions:
    """The same as some queries see it."""
    settings = rooms.settings(queries)
    names = rooms.seals.unsealed(queries, seals.names_of(settings))
    addresses = rooms.seals.unsealed(queries, seals.addresses_of(settings))
    others = _others(rooms, queries, settings, None)
    never: dict[str, str] = {}
    known = []
    for name in sorted({line[2] for line in names}):
        try:
            known.append(classes.find(name))
        except InvalidConfiguration as error:
            never[name] = str(error)
    lines = {line for line in names if line[2] not in never} | addresses | others
    by_kind: dict[str, list[Line]] = {}
    for line in sorted(names | addresses | others):
        by_kind.setdefault(line[0], []).append(line)
    trusted, approved = _grouped(by_kind.get(seals.NAME, []), 1, 2), _grouped(by_kind.get(seals.APPROVAL, []), 2, 4)
    champions = {}
    for model_name in models.names(queries) if lines or never else ():
        current = deployments.current(queries, model_name)
        if current is not None:
            champions[model_name] = current.model_id
    return ForeignDecisions(
        trusted_names=trusted,
        addresses=_grouped(by_kind.get(seals.ADDRESS, []), 1, 2),
        never=never,
        classes=tuple(known),
        gates={line[1]: json.loads(line[2]) for line in by_kind.get(seals.GATES, ())},
        approvals=approved,
        overrides={line[2]: line[4] for line in by_kind.get(seals.OVERRIDE, ())},
        champions=champions,
        lines=frozenset(lines),
    )


def _grouped(lines: list[Line], key: int, value: int) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        found[line[key]] = (*found.get(line[key], ()), line[value])
    return found


def _others(rooms: Rooms, queries: Queries, settings: Configuration, model_name: str | None) -> set[Line]:
    """What is pending beside trusted names, which count for nothing and so stand in nobody's way."""
    lines = seals.gates_of(settings, model_name)
    lines |= seals.approvals_of(kept.approvals(queries, model_name)).keys()
    lines |= seals.overrides_of(kept.overrides(queries, model_name)).keys()
    return rooms.seals.unsealed(queries, lines)


def why_undecided(rooms: Rooms, queries: Queries, model_name: str) -> str | None:
    """Why nobody can put a version of a name into production yet; None where all that counts was decided here."""
    found = _others(rooms, queries, rooms.settings(queries), model_name)
    if not found:
        return None
    kinds = {kind: sum(line[0] == kind for line in found) for kind in (seals.GATES, seals.APPROVAL, seals.OVERRIDE)}
    words = ", ".join(
        kind if kind == seals.GATES else f"{count} {kind}{'s' * (count > 1)}" for kind, count in kinds.items() if count
    )
    return (
        f"decisions about {model_name} were made elsewhere or before this release ({words}), and nobody accepted "
        "them here; `model-registry accept` shows them"
    )


def require_decided(rooms: Rooms, queries: Queries, model_name: str) -> None:
    """Refuse to go on from decisions that nobody here made or accepted.

    Raises:
        NotEligible: there are such.
    """
    because = why_undecided(rooms, queries, model_name)
    if because is not None:
        raise NotEligible(because)


def export_key(rooms: Rooms, path: str | os.PathLike[str]) -> None:
    """See ``Registry.export_key``."""
    keys.export(_identity(rooms), rooms.location, bundle.local(path, "path"))


def import_key(rooms: Rooms, path: str | os.PathLike[str]) -> None:
    """See ``Registry.import_key``."""
    keys.bring(_identity(rooms), rooms.location, bundle.local(path, "path"))
    rooms.forget_configuration()


def _identity(rooms: Rooms) -> str:
    found = seals.identity(rooms.database)
    assert found is not None, "a registry that was opened has its first event"
    return found


def accept(rooms: Rooms, decisions: ForeignDecisions, actor: str | None, reason: str) -> ForeignDecisions:
    """See ``Registry.accept_foreign``."""
    who, why = rooms.who(actor), check_reason(reason)
    if not isinstance(decisions, ForeignDecisions):
        raise InvalidInput(f"decisions is {decisions!r:.80}; give what foreign_decisions() showed")
    if not why:
        raise InvalidInput("accepting decisions from elsewhere needs a reason: say who looked at them")
    with rooms.database.transaction() as transaction:
        now = pending_in(rooms, transaction)
        if now.lines != decisions.lines:
            raise Conflict("the decisions from elsewhere are not those you saw; look at them, then decide again")
        if not now.lines:
            raise StateConflict("there is nothing to accept: no decision about trust came from elsewhere")
        events.append(
            transaction,
            now=rooms.now(),
            kind="foreign_accepted",
            actor=who,
            reason=why,
            after={
                "trusted_names": {
                    name: kept_names
                    for name, each in now.trusted_names.items()
                    if (kept_names := [one for one in each if one not in now.never])
                },
                "addresses": now.addresses,
                "gates": now.gates,
                "approvals": now.approvals,
                "overrides": now.overrides,
                "champions": now.champions,
            },
        )
        rooms.seals.seal(transaction, now.lines)
        verdicts.settle(rooms, transaction, rooms.settings(transaction))
    return now
