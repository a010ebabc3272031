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
from ..events import EventKind
from ..evidence import ForeignDecisions
from . import access, artifact_trust, seals
from .context import Context, check_reason
from .seals import Line


def pending(context: Context) -> ForeignDecisions:
    """See ``Registry.foreign_decisions``."""
    with context.database.snapshot() as queries:
        return pending_in(context, queries)


def pending_in(context: Context, queries: Queries) -> ForeignDecisions:
    """The same as some queries see it."""
    settings = context.settings(queries)
    names = context.seals.unsealed(queries, seals.names_of(settings))
    addresses = context.seals.unsealed(queries, seals.addresses_of(settings))
    others = _others(context, queries, settings, None)
    grants = {access.line_of(each) for each in access.grants(context, queries) if not each.accepted}
    never: dict[str, str] = {}
    known = []
    for name in sorted({line[2] for line in names}):
        try:
            known.append(classes.find(name))
        except InvalidConfiguration as error:
            never[name] = str(error)
    lines = {line for line in names if line[2] not in never} | addresses | others | grants
    by_kind: dict[str, list[Line]] = {}
    for line in sorted(names | addresses | others | grants):
        by_kind.setdefault(line[0], []).append(line)
    trusted, approved = _grouped(by_kind.get(seals.NAME, []), 1, 2), _grouped(by_kind.get(seals.APPROVAL, []), 2, 4)
    held: dict[str, tuple[str, ...]] = {}
    for _, pattern, role, kind, issuer, subject in by_kind.get(seals.GRANT, ()):
        key = f"{kind} {subject} of {issuer}"
        held[key] = (*held.get(key, ()), f"{role} on {pattern}")
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
        grants=held,
        lines=frozenset(lines),
    )


def _grouped(lines: list[Line], key: int, value: int) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        found[line[key]] = (*found.get(line[key], ()), line[value])
    return found


def _others(context: Context, queries: Queries, settings: Configuration, model_name: str | None) -> set[Line]:
    """What is pending beside trusted names, which count for nothing and so stand in nobody's way."""
    lines = seals.gates_of(settings, model_name)
    lines |= seals.approvals_of(kept.approvals(queries, model_name)).keys()
    lines |= seals.overrides_of(kept.overrides(queries, model_name)).keys()
    return context.seals.unsealed(queries, lines)


def why_undecided(context: Context, queries: Queries, model_name: str) -> str | None:
    """Why nobody can put a version of a name into production yet; None where all that counts was decided here."""
    found = _others(context, queries, context.settings(queries), model_name)
    if not found:
        return None
    kinds = {kind: sum(line[0] == kind for line in found) for kind in (seals.GATES, seals.APPROVAL, seals.OVERRIDE)}
    words = ", ".join(
        kind if kind == seals.GATES else f"{count} {kind}{'s' * (count > 1)}" for kind, count in kinds.items() if count
    )
    return (
        f"decisions about {model_name} were made in another installation or release ({words}), and are not accepted "
        "here; `model-registry accept` lists them"
    )


def require_decided(context: Context, queries: Queries, model_name: str) -> None:
    """Refuse to go on from decisions that nobody here made or accepted.

    Raises:
        NotEligible: there are such.
    """
    because = why_undecided(context, queries, model_name)
    if because is not None:
        raise NotEligible(because)


def export_key(context: Context, path: str | os.PathLike[str]) -> None:
    """See ``Registry.export_key``."""
    keys.export(_identity(context), context.location, bundle.local(path, "path"))


def import_key(context: Context, path: str | os.PathLike[str]) -> None:
    """See ``Registry.import_key``."""
    keys.bring(_identity(context), context.location, bundle.local(path, "path"))
    context.forget_configuration()


def _identity(context: Context) -> str:
    found = seals.identity(context.database)
    assert found is not None, "an open registry has a first event"
    return found


def accept(context: Context, decisions: ForeignDecisions, actor: str | None, reason: str) -> ForeignDecisions:
    """See ``Registry.accept_foreign``."""
    who, why = context.who(actor), check_reason(reason)
    if not isinstance(decisions, ForeignDecisions):
        raise InvalidInput(f"decisions is {decisions!r:.80}; give the result of foreign_decisions()")
    if not why:
        raise InvalidInput("accepting decisions from another installation requires a reason: name the reviewer")
    with context.database.transaction() as transaction:
        now = pending_in(context, transaction)
        if now.lines != decisions.lines:
            raise Conflict(
                "the decisions from another installation have changed since you saw them; review them, then decide "
                "again"
            )
        if not now.lines:
            raise StateConflict(
                "there is nothing to accept: this registry has no trust decision from another installation"
            )
        events.append(
            transaction,
            now=context.now(),
            kind=EventKind.FOREIGN_ACCEPTED,
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
                "grants": now.grants,
                "champions": now.champions,
            },
        )
        context.seals.seal(transaction, now.lines)
        artifact_trust.settle(context, transaction, context.settings(transaction))
    return now
