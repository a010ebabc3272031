"""The schema of settings: every field of a policy describes itself, and validation follows what it says."""

from dataclasses import fields
from typing import Any

import pytest

from registry_core import (
    Configuration,
    GatePolicy,
    InvalidConfiguration,
    MonitoringPolicy,
    Policy,
    RetentionPolicy,
    Setting,
    settings_schema,
)

SCHEMA = {each.path: each for each in settings_schema()}
GROUPS: dict[str, type] = {"gates": GatePolicy, "monitoring": MonitoringPolicy, "retention": RetentionPolicy}
#: Fields that come from elsewhere: of another policy, or worked out.
DERIVED = {"lower_is_better", "max_models_to_keep", "own_weights"}


def configured(setting: Setting, value: Any) -> Configuration:
    return Configuration().changed(None, {setting.key: {setting.name: value} if setting.name else value})


def test_every_field_is_described_once() -> None:
    wanted = {each.name for each in fields(Policy)} - {"own_weights"}
    for group, policy in GROUPS.items():
        wanted |= {f"{group}.{each.name}" for each in fields(policy) if each.name not in DERIVED}
    assert set(SCHEMA) == wanted
    assert len(settings_schema()) == len(SCHEMA)
    assert all(each.label and each.help.endswith(".") for each in SCHEMA.values())


def test_a_policy_says_in_its_docstring_what_its_settings_mean() -> None:
    for group, policy in {"": Policy, **GROUPS}.items():
        for each in SCHEMA.values():
            if each.key == group or (not group and not each.name):
                assert each.help in str(policy.__doc__) or each.path == group


def test_defaults_are_what_the_policies_hold() -> None:
    for each in SCHEMA.values():
        holder = GROUPS[each.key]() if each.name else Policy()
        assert each.default == getattr(holder, each.name or each.path)


@pytest.mark.parametrize("path", [path for path, each in SCHEMA.items() if each.kind in ("number", "whole")])
def test_bounds_are_those_that_are_checked(path: str) -> None:
    setting = SCHEMA[path]
    whole = setting.kind == "whole"
    low, high = (int(setting.low), int(setting.high)) if whole else (setting.low, setting.high)
    for edge in (low, high):
        configured(setting, edge)
    refused: tuple[Any, ...] = (low - 1, high + 1, "many", True)
    for value in refused:
        with pytest.raises(InvalidConfiguration, match=path):
            configured(setting, value)


@pytest.mark.parametrize("path", [path for path, each in SCHEMA.items() if each.kind == "choice"])
def test_choices_are_those_that_are_checked(path: str) -> None:
    setting = SCHEMA[path]
    for value in setting.choices:
        configured(setting, value)
    with pytest.raises(InvalidConfiguration, match="allowed is"):
        configured(setting, "sometimes")


@pytest.mark.parametrize("path", [path for path, each in SCHEMA.items() if each.kind != "group"])
def test_a_default_can_be_written_down(path: str) -> None:
    setting = SCHEMA[path]
    if setting.default is not None:
        configured(setting, setting.default)
    else:
        assert setting.optional
        assert setting.empty


def test_a_path_changes_one_setting_of_a_group_and_keeps_the_others() -> None:
    wide = Configuration().changed(None, {"gates": {"slice_rows": 50, "approval": True}})
    assert wide.changed(None, {"gates.slice_rows": 60}).policy("Churn").gates == {"slice_rows": 60, "approval": True}
    own = wide.changed("Churn", {"gates.approval": False})
    assert own.policy("Churn").gates == {"slice_rows": 50, "approval": False}
    assert own.policy("Fraud").gates == {"slice_rows": 50, "approval": True}


@pytest.mark.parametrize("path", ["gates.colour", "colour.gates", "auto_select_best.on", "gates.", "."])
def test_a_path_that_names_no_setting_is_refused(path: str) -> None:
    with pytest.raises(InvalidConfiguration, match="unknown"):
        Configuration().changed(None, {path: True})
