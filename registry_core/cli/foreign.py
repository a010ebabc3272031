"""Verbs for what came from elsewhere: show and accept its decisions, carry the key of a registry."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from registry_core import ForeignDecisions, InvalidInput

from .console import Session, actor_option, ask, main, reason_option, shared, yes_option
from .output import visible


@main.command()
@reason_option(required=False)
@actor_option
@yes_option
@shared
def accept(session: Session, reason: str, actor: str | None, yes: bool) -> None:
    """Show the decisions about trust that came with a registry from elsewhere; with --reason, accept them.

    Until then its trusted names trust nothing, no alert is sent to its addresses, and nobody promotes over its gates
    and approvals. Where nobody can be asked, it needs --yes.
    """
    with session.open() as registry:
        found = registry.foreign_decisions()
        lines = _lines(found)
        if found and reason:
            if not yes:
                if not session.asks(yes):
                    raise InvalidInput("nobody can be asked here: look at the decisions first, then say --yes")
                ask(lines)
            registry.accept_foreign(found, actor=actor, reason=reason)
            lines = [*lines, "", "accepted"]
        elif found:
            lines = [*lines, "", "`model-registry accept --reason ...` makes these decisions yours"]
    session.answer({**_document(found), "accepted": bool(found and reason)}, lines)


def _document(found: ForeignDecisions) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(found).items() if key != "lines"}


def _lines(found: ForeignDecisions) -> list[str]:
    if not found and not found.never:
        return ["no decision about trust came from elsewhere"]
    lines = ["Decided elsewhere:"]
    for name, names in found.trusted_names.items():
        where = visible(name) or "every model name"
        lines += [f"  {where} may load {visible(each)}" for each in names if each not in found.never]
    lines += [f"    {visible(each.sentence)}" for each in found.classes]
    for name, addresses in found.addresses.items():
        lines += [
            f"  alerts of {visible(name) or 'every model name'} are sent to {visible(each)}" for each in addresses
        ]
    for name, gates in found.gates.items():
        lines.append(f"  gates of {visible(name) or 'every model name'}: {visible(json.dumps(gates))}")
    for model_id, actors in found.approvals.items():
        lines.append(f"  {visible(model_id)} approved by {visible(', '.join(actors))}")
    lines += [f"  {visible(model_id)}: {visible(note)}" for model_id, note in found.overrides.items()]
    for name, model_id in found.champions.items():
        lines.append(f"  champion of {visible(name)}: {visible(model_id)}; loaded only if its files pass here")
    lines += [f"  never accepted: {visible(why)}" for why in found.never.values()]
    return lines


@main.group()
def key() -> None:
    """Carry a registry's key to another machine or user: by it, decisions about trust are known to be yours."""


@key.command("export")
@click.argument("file", type=click.Path(dir_okay=False))
@shared
def export_key(session: Session, file: str) -> None:
    """Write the key of the registry into FILE, which only you can read. Whoever has it decides as you do."""
    with session.open() as registry:
        registry.export_key(file)
    session.answer({"file": file}, [f"wrote {file}; keep it apart from the registry and its backups"])


@key.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@shared
def import_key(session: Session, file: str) -> None:
    """Take over the key in FILE, which `key export` wrote: what was decided with it counts here."""
    with session.open() as registry:
        registry.import_key(file)
        left = bool(registry.foreign_decisions())
    more = ["some decisions bear no seal of it: `model-registry accept` shows them"] if left else []
    session.answer({"file": file, "foreign_decisions": left}, ["the key is kept", *more])
