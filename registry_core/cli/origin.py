"""The commands for a registry from another installation: accept its trust decisions, carry its key."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from registry_core import ForeignDecisions, InvalidInput, Registry

from .console import Session, ask, main, shared, yes_option
from .options import options_of
from .output import visible


@main.command()
@options_of(Registry.accept_foreign)
@yes_option
@shared
def accept(session: Session, reason: str, actor: str | None, yes: bool) -> None:
    """List the trust decisions of a registry from another installation. With --reason, accept them.

    Until they are accepted, its trusted imports are not trusted here, no alert is sent to its addresses, and its gates
    and approvals block promotion.
    Without a terminal the command requires --yes.
    """
    with session.open() as registry:
        decisions = registry.foreign_decisions()
        lines = _lines(decisions)
        if decisions and reason:
            if not yes:
                if not session.asks(yes):
                    raise InvalidInput("there is no terminal to confirm on. Review the decisions, then give --yes")
                ask(lines)
            registry.accept_foreign(decisions, actor=actor, reason=reason)
            lines = [*lines, "", "accepted"]
        elif decisions:
            lines = [*lines, "", "`model-registry accept --reason ...` accepts these decisions"]
    session.answer({**_document(decisions), "accepted": bool(decisions and reason)}, lines)


def _document(decisions: ForeignDecisions) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(decisions).items() if key != "lines"}


def _lines(decisions: ForeignDecisions) -> list[str]:
    if not decisions and not decisions.never:
        return ["No trust decisions from another installation."]
    lines = ["Trust decisions from another installation:"]
    for name, names in decisions.trusted_names.items():
        where = visible(name) or "every model name"
        lines += [f"  {where} may import {visible(each)}" for each in names if each not in decisions.never]
    lines += [f"    {visible(each.sentence)}" for each in decisions.classes]
    for name, addresses in decisions.addresses.items():
        where = visible(name) or "every model name"
        lines += [f"  alerts of {where} are sent to {visible(each)}" for each in addresses]
    for name, gates in decisions.gates.items():
        lines.append(f"  gates of {visible(name) or 'every model name'}: {visible(json.dumps(gates))}")
    for model_id, actors in decisions.approvals.items():
        lines.append(f"  {visible(model_id)} approved by {visible(', '.join(actors))}")
    lines += [f"  {visible(model_id)}: {visible(note)}" for model_id, note in decisions.overrides.items()]
    lines += [f"  {visible(who)}: {visible(', '.join(roles))}" for who, roles in decisions.grants.items()]
    for name, model_id in decisions.champions.items():
        lines.append(f"  champion of {visible(name)}: {visible(model_id)}; loaded only if its files pass the scan here")
    lines += [f"  never accepted: {visible(reason)}" for reason in decisions.never.values()]
    return lines


@main.group()
def key() -> None:
    """Carry a registry's key to another machine or user. The key marks trust decisions as yours."""


@key.command("export")
@click.argument("file", type=click.Path(dir_okay=False))
@shared
def export_key(session: Session, file: str) -> None:
    """Write the registry's key into FILE, readable by you only. Everyone who has the key can decide for you."""
    with session.open() as registry:
        registry.export_key(file)
    session.answer({"file": file}, [f"Key written to {file}. Store it apart from the registry and its backups."])


@key.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@shared
def import_key(session: Session, file: str) -> None:
    """Import the key in FILE, written by `key export`. Decisions made with it are valid here."""
    with session.open() as registry:
        registry.import_key(file)
        left = bool(registry.foreign_decisions())
    more = ["Some decisions were made with another key: `model-registry accept` lists them."] if left else []
    session.answer({"file": file, "foreign_decisions": left}, ["Key imported.", *more])
