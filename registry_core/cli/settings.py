"""The commands that show and change settings."""

from __future__ import annotations

import dataclasses
import json

import click

from registry_core import Configuration, InvalidInput, Registry

from .arguments import as_value, assignments
from .console import Session, main, shared
from .options import model_name_option, options_of
from .output import pairs, visible


@main.group()
def config() -> None:
    """Show or change the settings: scoring, gates, retention, monitoring."""


@config.command("show")
@model_name_option("The policy of this model name.")
@shared
def config_show(session: Session, model_name: str | None) -> None:
    """Show the settings."""
    with session.open() as registry:
        settings = registry.configuration()
        policy = None if model_name is None else registry.policy(model_name)
    if policy is None:
        session.answer(settings.to_dict(), _settings(settings))
    else:
        document = dataclasses.asdict(policy)
        session.answer(document, pairs((key, json.dumps(value)) for key, value in document.items()))


def _settings(settings: Configuration) -> list[str]:
    document = settings.to_dict()
    names = document.pop("model_names")
    lines = pairs((key, json.dumps(value)) for key, value in document.items())
    for name, own in names.items():
        lines += ["", f"{visible(name)}:", *(f"  {line}" for line in pairs((k, json.dumps(v)) for k, v in own.items()))]
    return lines


@config.command("set")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE [...]")
@options_of(Registry.configure)
@shared
def config_set(
    session: Session, settings: tuple[str, ...], model_name: str | None, reason: str, actor: str | None
) -> None:
    """Change settings. Scores are updated at once.

    Values are JSON: auto_select_best=false, performance_weight='{"accuracy": 0.6, "auc": 0.4}'. null resets a key to
    its default.
    """
    changes = assignments(settings, as_value)
    for option in ("model_name", "actor", "reason"):
        if option in changes:
            raise InvalidInput(f"{option} is not a setting. `model-registry config show` lists the settings")
    with session.open(create=True) as registry:
        changed = registry.configure(model_name, actor=actor, reason=reason, **changes)
    session.answer(changed.to_dict(), _settings(changed))
