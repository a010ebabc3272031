"""Texts with a kind: they read, compare and travel as their text."""

import copy
import dataclasses
import json
import pickle
from pathlib import Path

from registry_core import Finding, Registry, Remedy, ReportWarning
from tests.fitted import register

TEXT = "traffic is not split as planned"


def test_a_text_keeps_its_kind_through_copies_and_is_its_text_in_json() -> None:
    warning = ReportWarning(TEXT, "sample_ratio", "warning", "Churn, experiment 7")
    for again in (copy.deepcopy(warning), pickle.loads(pickle.dumps(warning))):
        assert (again, again.kind, again.severity, again.subject) == (TEXT, "sample_ratio", "warning", warning.subject)
    assert json.dumps({"warnings": [warning]}) == json.dumps({"warnings": [TEXT]})


def test_a_finding_says_whether_its_remedy_is_a_command() -> None:
    remedy = Remedy("model-registry export-index", command=True)
    document = dataclasses.asdict(Finding("export", "warning", "model_index.json", "it is missing", remedy))
    assert document["remedy"] == "model-registry export-index"
    assert document["remedy"].command


def test_what_verify_finds_names_commands_as_such(sqlite_registry: Registry, registry_folder: Path) -> None:
    model_id = register(sqlite_registry)
    sqlite_registry.export_index()
    (registry_folder / "model_index.json").unlink()
    (registry_folder / f"models/model_{model_id}.pkl").unlink()
    remedies = {each.kind: each.remedy for each in sqlite_registry.verify().findings}
    assert remedies["export"] == "model-registry export-index"
    assert remedies["export"].command
    assert not remedies["missing"].command


def test_an_experiments_report_says_what_its_warnings_are_about(sqlite_registry: Registry) -> None:
    ids = [register(sqlite_registry, accuracy) for accuracy in (0.9, 0.8, 0.7)]
    number = sqlite_registry.start_experiment("Churn", ids[1:]).experiment_id
    (shared,) = sqlite_registry.experiment_report(number).warnings
    assert (shared.kind, shared.severity, shared.subject) == ("shared_certainty", "note", f"Churn, experiment {number}")
