from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from registry_core import InvalidInput, ModelMetadata, Registry
from registry_core.actions.serve import drifting
from registry_core.catalog.telemetry import windows
from registry_core.rules.live import drift
from tests.clock import Clock
from tests.traffic import NAMES, experiment, fitted, register, rows

INPUTS, TRUTH = rows()


@pytest.mark.parametrize("kind", ["array", "frame"])
@pytest.mark.parametrize("shadowed", [False, True])
def test_inputs_are_counted_by_day_in_the_references_bins(
    registry: Registry, clock: Clock, kind: str, shadowed: bool
) -> None:
    many, _ = rows(5000, 7)
    model_id = register(registry, reference=many)
    if shadowed:
        experiment(registry, register(registry, 0.8, fitted(sign=-1)), mode="shadow")
    predictor = registry.predictor("Churn", log="sync")
    given: Any = pd.DataFrame(INPUTS, columns=NAMES) if kind == "frame" else INPUTS
    for _ in range(2):
        predictor.predict_proba(given)
        predictor.predict_proba(given)
        clock.tick(days=1)
    found = windows.input_counts(registry._context.telemetry, model_id)
    assert len(found) == 2
    reference = drifting.references(registry.get_metadata(model_id))
    assert list(reference) == NAMES
    for text in found.values():
        counts = json.loads(text)
        for place, name in enumerate(NAMES):
            assert counts[name] == (2 * drift.counts(reference[name], INPUTS[:, place])).tolist()
            assert drift.judge(reference[name], counts[name]).state == "none"


def test_of_many_rows_some_are_looked_at(sqlite_registry: Registry) -> None:
    model_id = register(sqlite_registry, reference=INPUTS)
    many, _ = rows(30_000, 1)
    sqlite_registry.predictor(log="sync").predict(many)
    (text,) = windows.input_counts(sqlite_registry._context.telemetry, model_id).values()
    assert sum(json.loads(text)["first"]) == 2000


def test_the_reference_is_kept_in_the_sidecar(sqlite_registry: Registry, registry_folder: Path) -> None:
    model_id = register(sqlite_registry, reference=pd.DataFrame(INPUTS, columns=NAMES).to_numpy())
    sidecar = json.loads((registry_folder / "metadata" / f"model_{model_id}.json").read_text())
    reference = sidecar["reference"]
    assert reference["rows"] == len(INPUTS)
    assert [each["feature"] for each in reference["features"]] == NAMES
    assert reference["score"]["kind"] == "score"
    assert sqlite_registry.get_metadata(model_id).reference == reference
    # A file of an older release has none, and keeps what nobody knows any more.
    older = ModelMetadata(model_id="a", model_name="A", model_type="T", reference={}, colour="red")
    assert (older.reference, older.extra) == ({}, {"colour": "red"})


def test_a_reference_that_fits_nothing_is_refused(sqlite_registry: Registry) -> None:
    for wrong, words in ((INPUTS[:, :1], "before scaling"), (INPUTS[:0], "no rows"), (np.zeros(3), "shape")):
        with pytest.raises(InvalidInput, match=words):
            register(sqlite_registry, reference=wrong)
    assert sqlite_registry.count_models() == 0
