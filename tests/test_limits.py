"""Every line of docs/limits.md: what is refused, and what happens to a full disk, a wrong clock, a second user."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from dashboard import uploads
from dashboard.server import settings
from registry_core import (
    CatalogBusy,
    ChampionChanged,
    InvalidConfiguration,
    InvalidInput,
    InvalidMetric,
    InvalidName,
    InvalidVersion,
    Registry,
    StateConflict,
    StorageError,
)
from registry_core.actions import benchmarks
from registry_core.actions import training_rows as rows_of_registration
from registry_core.actions.serve import recording, slicing
from registry_core.artifacts import asking, examples, tables
from registry_core.rules import intake, training_rows
from tests.clock import Clock
from tests.disks import fill, read_only, small_disk
from tests.fitted import logistic, register

TEXT = (Path(__file__).parent.parent / "docs" / "limits.md").read_text()
LINES = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| [^|]+ \|$", TEXT, re.MULTILINE))
GIVEN = {"model_name": "Churn", "model_type": "Any"}


def _names(count: int, length: int) -> list[str]:
    return [str(number).rjust(length, "x") for number in range(count)]


def _nested(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {"end": 1}
    for _ in range(levels - 1):
        found = {"in": found}
    return found


#: The line -> a field of a registration: what just fits, what does not, and the numbers that the message names.
FIELDS: dict[str, list[tuple[dict[str, Any], dict[str, Any], str]]] = {
    "model name, model type, benchmark name": [
        ({key: "n" * 128}, {key: "n" * 129}, "1 to 128 ASCII letters") for key in ("model_name", "model_type")
    ],
    "version": [({"version": "1.2.999999999"}, {"version": "1.2.1000000000"}, "999999999")],
    "metrics": [
        (
            {"performance_metrics": {f"m{n}": 0.5 for n in range(200)}},
            {"performance_metrics": {f"m{n}": 0.5 for n in range(201)}},
            "201 metrics are given; at most 200",
        )
    ],
    "name of a metric": [
        ({"performance_metrics": {"m" * 64: 1}}, {"performance_metrics": {"m" * 65: 1}}, "64 characters at most")
    ],
    "value of a metric": [
        ({"performance_metrics": {"accuracy": 1}}, {"performance_metrics": {"accuracy": wrong}}, said)
        for wrong, said in ((1.01, "0 to 1"), (float("nan"), "nan"), (float("inf"), "inf"), ("0.9", "not a number"))
    ],
    "feature names": [
        (
            {"feature_names": _names(100_000, 6)},
            {"feature_names": _names(100_001, 6)},
            "100001 entries; at most 100000",
        ),
        ({"feature_names": _names(2, 1000)}, {"feature_names": _names(2, 1001)}, "1001 characters; at most 1000"),
        ({"feature_names": _names(4000, 1000)}, {"feature_names": _names(4001, 1000)}, "4001000 characters in total"),
    ],
    "classes": [({"classes": [*range(100_000)]}, {"classes": [*range(100_001)]}, "100001 entries; at most 100000")],
    "hyperparameters, training_info, libraries": [
        ({key: {"k": "v" * 3_999_990}}, {key: {"k": "v" * 4_000_000}}, "the maximum is 4000000")
        for key in ("hyperparameters", "training_info", "libraries")
    ],
    "nesting depth of these": [({"hyperparameters": _nested(20)}, {"hyperparameters": _nested(22)}, "deeper than 20")],
    "tags": [
        ({"tags": _names(50, 4)}, {"tags": _names(51, 4)}, "51 entries; at most 50"),
        ({"tags": ["t" * 64]}, {"tags": ["t" * 65]}, "65 characters; at most 64"),
    ],
    "description": [({"description": "d" * 20_000}, {"description": "d" * 20_001}, "20001 characters; at most 20000")],
    "evaluation set": [({"evaluation_set": "e" * 200}, {"evaluation_set": "e" * 201}, "201 characters; at most 200")],
    "training samples": [
        ({"training_samples": 2**62 - 1}, {"training_samples": wrong}, "give a number of rows from 0")
        for wrong in (2**62, -1)
    ],
}


@pytest.mark.parametrize("line", FIELDS)
def test_a_field_of_a_registration(line: str) -> None:
    for fits, does_not, said in FIELDS[line]:
        intake.submission({**GIVEN, **fits})
        with pytest.raises((InvalidInput, InvalidName, InvalidMetric, InvalidVersion)) as caught:
            intake.submission({**GIVEN, **does_not})
        assert said in str(caught.value)
        assert len(str(caught.value)) < 400


def _file(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert intake.MOST_FILE == 4_000_000_000
    packed = io.BytesIO()
    joblib.dump(logistic()[0], packed)
    monkeypatch.setattr(intake, "MOST_FILE", len(packed.getvalue()))
    registry.upload(io.BytesIO(packed.getvalue()), metadata=GIVEN)
    monkeypatch.setattr(intake, "MOST_FILE", len(packed.getvalue()) - 1)
    for refused in (
        lambda: registry.upload(io.BytesIO(packed.getvalue()), metadata=GIVEN),
        lambda: registry.inspect(io.BytesIO(packed.getvalue())),
        lambda: register(registry, hyperparameters={}),
    ):
        with pytest.raises(InvalidInput, match="bytes, the maximum"):
            refused()


def _browser(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings("localhost", 1)["server.maxUploadSize"] == uploads.FILE_MEBIBYTES == 200
    assert (uploads.SESSION_BYTES, uploads.TOTAL_BYTES) == (500_000_000, 1_500_000_000)
    assert uploads.FILE_MEBIBYTES * 1024**2 < uploads.SESSION_BYTES < uploads.TOTAL_BYTES < intake.MOST_FILE


def _unpacked(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zlib.compress(bytes(70 << 20), 9)
    with pytest.raises(InvalidInput, match="unpack"):
        registry.upload(io.BytesIO(bomb), metadata=GIVEN)


def _model_id(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    # The name and type, an underscore after each, and fifteen characters of time.
    register(registry, model_name="n" * 128, model_type="t" * 85)
    with pytest.raises(InvalidName, match="would have 231 characters; the maximum is 230"):
        register(registry, model_name="n" * 128, model_type="t" * 86)


def _reason(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id = register(registry)
    registry.archive(register(registry), reason="r" * 2000)
    for verb in (registry.reject, registry.delete, registry.pin):
        with pytest.raises(InvalidInput, match="reason has 2001 characters; at most 2000"):
            verb(model_id, reason="r" * 2001)


def _actor(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    register(registry, actor="a" * 200)
    for wrong in ("a" * 201, "two\nlines", " "):
        with pytest.raises(InvalidInput, match="1 to 200 printable characters"):
            register(registry, actor=wrong)


def _review(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id = register(registry)
    registry.review(model_id, "comment", "w" * 5000)
    with pytest.raises(InvalidInput, match="text has 5001 characters; at most 5000"):
        registry.review(model_id, "comment", "w" * 5001)


def _benchmark(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (tables.MOST_ROWS, tables.MOST_BYTES, benchmarks.MOST_CLASSES) == (5_000_000, 2_000_000_000, 1000)
    frame = pd.DataFrame({"x": range(1001), "y": [f"c{n}" for n in range(1001)]})
    with pytest.raises(InvalidInput, match="1,001 classes; at most 1,000"):
        registry.add_benchmark("all", "Churn", frame, "y", task="classification")
    monkeypatch.setattr(tables, "MOST_ROWS", 1000)
    with pytest.raises(InvalidInput, match="1,001 rows; at most 1,000"):
        registry.add_benchmark("all", "Churn", frame, "y")


def _labels(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recording.MOST_LABELS == 10_000
    monkeypatch.setattr(recording, "MOST_LABELS", 5)
    rows = np.arange(6.0).reshape(-1, 1)
    model_id = registry.register_model(DecisionTreeClassifier().fit(rows, range(6)), model_name="Churn", model_type="T")
    registry.promote(model_id, reason="go")
    with pytest.raises(InvalidInput, match="more than 5 different labels"):
        registry.predictor("Churn", log="sync").predict(rows)


def _examples(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (examples.MOST_ROWS, examples.MOST_CHARACTERS, examples.MOST_FOR_ONE) == (32, 256_000, 4_000_000)
    proof = registry.proof(register(registry, reference=load_breast_cancer().data))
    assert proof is not None
    assert proof.count == 32


def _training_rows(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (training_rows.MOST_KEPT, training_rows.MOST_ROWS) == (50_000, 5_000_000)
    assert rows_of_registration.MOST_BYTES == 200_000_000
    rows = load_breast_cancer().data
    monkeypatch.setattr(training_rows, "MOST_KEPT", 100)
    register(registry, training_data=rows)
    monkeypatch.setattr(training_rows, "MOST_ROWS", len(rows) - 1)
    register(registry, training_data=rows)
    kept = registry._context.database.query("SELECT document FROM training_rows")
    assert [len(training_rows.Sketch.from_dict(json.loads(each["document"])).marks) for each in kept] == [100]


def _model_card(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    register(registry)
    registry.write_model_card("Churn", purpose="p" * 10_000)
    with pytest.raises(InvalidInput, match="limits has 10001 characters; at most 10000"):
        registry.write_model_card("Churn", limits="l" * 10_001)


def _levels(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asking.MOST_LEVELS == 1000
    for count in (1000, 1001):
        frame = pd.DataFrame({"id": [f"c{number}" for number in range(count)]})
        model = make_pipeline(OneHotEncoder(), LinearRegression()).fit(frame, range(count))
        model_id = registry.register_model(model, model_name="Ids", model_type="T")
        assert len(registry.signature(model_id).features[0].levels) == (count if count == 1000 else 0)


def _slices(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [f"column {number}" for number in range(11)]
    registry.configure("Churn", monitoring={"slices": columns[:10]})
    with pytest.raises(InvalidConfiguration, match="10 different columns at most"):
        registry.configure("Churn", monitoring={"slices": columns})
    assert (slicing.MOST_VALUES, slicing.MOST_CHARACTERS) == (50, 200)
    assert (slicing.text("v" * 200), slicing.text("v" * 201)) == ("v" * 200, slicing.OTHER)


def _search(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert registry.list_models(where={"search": "s" * 1000}) == []
    with pytest.raises(InvalidInput, match="1001 characters; the maximum is 1000"):
        registry.list_models(where={"search": "s" * 1001})


VERBS: dict[str, Callable[[Registry, pytest.MonkeyPatch], None]] = {
    "model file, scaler file": _file,
    "upload in the browser": _browser,
    "decompressed size of a file": _unpacked,
    "model id": _model_id,
    "reason": _reason,
    "actor": _actor,
    "review": _review,
    "benchmark": _benchmark,
    "example rows": _examples,
    "training rows that are hashed": _training_rows,
    "model card": _model_card,
    "levels of a category in a signature": _levels,
    "labels": _labels,
    "slices": _slices,
    "search text": _search,
}


@pytest.mark.parametrize("line", VERBS)
def test_what_a_verb_takes(sqlite_registry: Registry, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    VERBS[line](sqlite_registry, monkeypatch)


def test_every_line_of_the_page_is_tested() -> None:
    assert LINES.keys() - {"what", "---"} == FIELDS.keys() | VERBS.keys()


def _left(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and ".db" not in path.name}


def _wrong(registry: Registry) -> list[str]:
    return [each.text for each in registry.verify().findings if each.severity != "note"]


FULL: dict[str, Callable[[Registry, list[str], Path], object]] = {
    "register": lambda registry, ids, place: register(registry, 0.3),
    "configure": lambda registry, ids, place: registry.configure(ensemble_bonus=0.2),
    "promote": lambda registry, ids, place: registry.promote(ids[1]),
    "compress": lambda registry, ids, place: registry.compress(0),
    "export": lambda registry, ids, place: registry.export_index(),
    "rebuild": lambda registry, ids, place: registry.rebuild_index(),
    "back up": lambda registry, ids, place: registry.backup(place / "backup.tar"),
    "delete": lambda registry, ids, place: registry.delete(ids[2]),
    "clean up": lambda registry, ids, place: registry.cleanup(),
}


def test_a_full_disk_stops_each_verb_whole(tmp_path: Path, clock: Clock) -> None:
    with small_disk(tmp_path / "disk", "6m") as disk, Registry(disk / "registry", clock=clock) as registry:
        ids = [register(registry, 0.9 - n / 100, hyperparameters={"C": n}) for n in range(6)]
        registry.configure(max_models_to_keep=2, retention={"keep_best": 0})
        registry.load_active_model()
        for verb, act in FULL.items():
            with closing(sqlite3.connect(disk / "registry" / "registry.db")) as connection:
                # Otherwise a small transaction finds room in what the log took earlier.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            fill(disk / "filler")
            before = _left(disk), registry.revision()
            with pytest.raises(StorageError, match="no space left") as caught:
                act(registry, ids, disk)
            assert isinstance(caught.value, OSError), verb
            assert (_left(disk), registry.revision()) == before, verb
            assert registry.load_model(ids[0])[2].status == "registered"
            (disk / "filler").unlink()
            assert _wrong(registry) == [], verb
            act(registry, ids, disk)
            assert _wrong(registry) == [], verb


def test_a_disk_that_is_read_only(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "6m") as disk:
        with Registry(disk / "registry") as registry:
            register(registry)
        with Registry(tmp_path / "elsewhere") as registry:
            register(registry)
            read_only(disk)
            before = _left(disk)
            with pytest.raises(StorageError, match="cannot be written"):
                Registry(disk / "registry")
            with pytest.raises(StorageError, match="cannot be written"):
                registry.backup(disk / "backup.tar")
            with pytest.raises(StorageError, match="cannot be"):
                registry.export_index(disk)
            registry.backup(tmp_path / "backup.tar")
            with pytest.raises(StorageError, match="cannot be"):
                Registry.from_backup(tmp_path / "backup.tar", disk / "restored")
            assert _left(disk) == before


def test_a_clock_that_jumps_back(registry: Registry, clock: Clock) -> None:
    first = register(registry, 0.8)
    clock.tick(days=2)
    second = register(registry, 0.9)
    third = register(registry, 0.7)
    predictor = registry.predictor("Churn", log="sync")
    rows = logistic()[1].mean_[None, :]
    answered = predictor.predict(rows).prediction_ids.tolist()
    registry.delete(third)
    clock.tick(days=-1)
    assert register(registry, 0.6) not in (first, second, third)
    clock.tick(days=-1)
    assert register(registry, 0.5) == f"{first}_2"
    answered += predictor.predict(rows).prediction_ids.tolist()
    registry.promote(first)
    assert registry.plan_cleanup().of("purge") == ()
    assert answered == sorted(set(answered))
    times = [event.at for event in registry.events(limit=None)]
    assert times == sorted(times, reverse=True)
    now, before, earlier = registry.deployments("Churn")
    assert (now.model_id, before.model_id, earlier.model_id) == (first, second, first)
    assert now.started_at >= before.started_at >= earlier.started_at
    assert registry.verify_events() is None
    assert _wrong(registry) == []


def test_what_was_just_written_is_not_swept_by_a_clock_that_is_far_ahead(
    sqlite_registry: Registry, registry_folder: Path, clock: Clock
) -> None:
    lost = registry_folder / "models" / "model_lost.pkl"
    lost.write_bytes(b"lost")
    clock.tick(days=100_000)
    assert sqlite_registry.plan_cleanup().unclaimed == ()
    os.utime(lost, (0, 0))
    assert [each.key for each in sqlite_registry.plan_cleanup().unclaimed] == ["models/model_lost.pkl"]


def test_two_of_them_on_one_registry(registry: Registry, catalog_url: dict[str, Any], clock: Clock) -> None:
    with Registry(**catalog_url, clock=clock, actor="the other one") as other:
        first, second = register(registry, 0.9), register(other, 0.8)
        seen = other.get_active_model_id("Churn")
        registry.promote(second, reason="first come")
        with pytest.raises(ChampionChanged, match="Nothing was changed"):
            other.promote(first, expected_champion=None)
        assert (seen, other.get_active_model_id("Churn")) == (first, second)
        registry.archive(first)
        with pytest.raises(StateConflict):
            other.archive(first)
        registry.configure(ensemble_bonus=0.2)
        assert other.policy("Churn").ensemble_bonus == 0.2
        assert registry.revision() == other.revision()
    assert issubclass(CatalogBusy, StorageError)
