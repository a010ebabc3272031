"""The commands that show and change settings. Labels, meanings and bounds come from the schema of settings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from registry_core import Configuration, InvalidInput, Registry, Setting, settings_schema

from .arguments import as_value, assignments
from .console import Session, main, shared
from .options import model_name_option, options_of
from .output import table, visible


@main.group()
def config() -> None:
    """Show or change the settings: scoring, gates, retention, monitoring."""


@config.command("show")
@model_name_option("Only the settings that hold for this model name.")
@shared
def config_show(session: Session, model_name: str | None) -> None:
    """Show every setting with its label, its value, and its default where the value differs."""
    with session.open() as registry:
        settings = registry.configuration()
        policy = None if model_name is None else registry.policy(model_name)
    if policy is None:
        session.answer(settings.to_dict(), _settings(settings))
    else:
        document = dataclasses.asdict(policy)
        session.answer(document, _table(document, _single()))


def _settings(settings: Configuration) -> list[str]:
    document = settings.to_dict()
    lines = _table(document, _single())
    for name, own in document["model_names"].items():
        lines += ["", f"{visible(name)} (overrides the values above):"]
        lines += _table(own, (setting for setting in _single() if setting.key in own))
    return lines


def _single() -> Iterable[Setting]:
    return (setting for setting in settings_schema() if setting.kind != "group")


def _table(document: Mapping[str, Any], settings: Iterable[Setting]) -> list[str]:
    rows = []
    for setting in settings:
        holder = document[setting.key] if setting.name else document
        value = json.dumps(holder.get(setting.name or setting.key, setting.default))
        default = json.dumps(setting.default)
        rows.append((setting.path, setting.full_label, value if value == default else f"{value} (default: {default})"))
    return table(("setting", "label", "value"), rows)


class _WithSettings(click.Command):
    """A command whose help lists every setting."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Settings"):
            formatter.write_dl([(setting.path, _meaning(setting)) for setting in _single()])


def _meaning(setting: Setting) -> str:
    """Label, help, allowed values and default of a setting, as plain text."""
    text = setting.help.replace("``", "")
    return f"{setting.full_label}: {text} Takes {setting.allowed}. Default: {json.dumps(setting.default)}."


@config.command("set", cls=_WithSettings)
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE [...]")
@options_of(Registry.configure)
@shared
def config_set(
    session: Session, settings: tuple[str, ...], model_name: str | None, reason: str, actor: str | None
) -> None:
    """Change settings. Scores are updated at once.

    Values are JSON: auto_select_best=false, performance_weight='{"accuracy": 0.6, "auc": 0.4}'. null resets a key to
    its default. gates.slice_rows=50 changes one setting of a group, gates='{"slice_rows": 50}' replaces the group.
    """
    changes = assignments(settings, as_value)
    for option in ("model_name", "actor", "reason"):
        if option in changes:
            raise InvalidInput(f"{option} is not a setting. `model-registry config show` lists the settings")
    with session.open(create=True) as registry:
        changed = registry.configure(model_name, actor=actor, reason=reason, **changes)
    session.answer(changed.to_dict(), _settings(changed))
