"""The commands that show and change settings: all they say of a setting comes from the schema."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from registry_core import Registry, settings_schema
from registry_core.cli import main
from tests.commands import answer, refused, run

SINGLE = [setting for setting in settings_schema() if setting.kind != "group"]


def line_of(shown: str, path: str) -> str:
    """The line of a setting in a table."""
    (line,) = (line for line in shown.splitlines() if line.split()[:1] == [path])
    return line


def test_show_lists_every_setting_with_label_and_value(registry_folder: Path, sqlite_registry: Registry) -> None:
    sqlite_registry.configure(max_models_to_keep=20, gates={"slice_rows": 50})
    shown = run(registry_folder, "config", "show").stdout
    for setting in SINGLE:
        assert setting.full_label in line_of(shown, setting.path)
    assert line_of(shown, "max_models_to_keep").endswith("20 (default: 50)")
    assert line_of(shown, "gates.slice_rows").endswith("50 (default: 30)")
    assert line_of(shown, "auto_select_best").endswith("  true")


def test_show_names_what_a_model_name_sets_differently(registry_folder: Path, sqlite_registry: Registry) -> None:
    sqlite_registry.configure("Churn", selection_margin=0.01)
    shown = run(registry_folder, "config", "show").stdout
    overridden = shown.split("\nChurn (overrides the values above):\n")[1]
    assert [line.split()[0] for line in overridden.splitlines()[1:]] == ["selection_margin"]
    own = run(registry_folder, "config", "show", "--model-name", "Churn").stdout
    assert line_of(own, "selection_margin").endswith("0.01 (default: 0.0)")


def test_help_of_set_lists_every_setting_with_its_meaning() -> None:
    words = CliRunner().invoke(main, ["config", "set", "--help"], terminal_width=100).stdout.split()
    shown = " ".join(words)
    for setting in SINGLE:
        assert setting.path in words
        meaning = f"{setting.full_label}: {setting.help.replace('``', '')}"
        assert f"{meaning} Takes {setting.allowed}. Default: {json.dumps(setting.default)}." in shown


def test_one_setting_of_a_group_is_changed_by_its_path(registry_folder: Path, sqlite_registry: Registry) -> None:
    sqlite_registry.configure(retention={"keep_best": 7})
    answer(registry_folder, "config", "set", "retention.trash_days=10", "gates.slice_rows=50")
    assert sqlite_registry.configuration().to_dict()["retention"] == {"keep_best": 7, "trash_days": 10}
    answer(registry_folder, "config", "set", "retention.keep_best=null")
    assert sqlite_registry.configuration().to_dict()["retention"] == {"trash_days": 10}
    message = refused(registry_folder, 2, "InvalidConfiguration", "config", "set", "retention.colour=1")
    assert "'retention.colour' is unknown; allowed are" in message
