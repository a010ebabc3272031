"""Rough use: files taken away, odd types, many threads. Clear errors, nothing lost, nothing stale."""

from __future__ import annotations

import io
import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from registry_core import InvalidInput, InvalidMetric, InvalidVersion, Registry, RegistryError, StorageError
from tests.fitted import forest, register


def test_a_catalog_taken_away_is_noticed_by_whoever_has_it_open(registry_folder: Path, tmp_path: Path) -> None:
    with Registry(registry_folder) as registry:
        first = register(registry, 0.9)
        catalog = registry_folder / "registry.db"
        catalog.rename(tmp_path / "away.db")
        for call in (registry.count_models, registry.load_active_model, lambda: register(registry, 0.95)):
            with pytest.raises(StorageError, match="is missing"):
                call()
        assert not catalog.exists()
        (tmp_path / "away.db").rename(catalog)
        assert registry.get_active_model_id() == first


def test_a_catalog_put_in_its_place_is_followed(registry_folder: Path, tmp_path: Path) -> None:
    with Registry(registry_folder) as registry:
        first = register(registry, 0.8)
    shutil.copy(registry_folder / "registry.db", tmp_path / "backup.db")
    with Registry(registry_folder) as registry:
        second = register(registry, 0.9)
        assert registry.load_active_model()[2].model_id == second
        for suffix in ("", "-wal", "-shm"):
            (registry_folder / f"registry.db{suffix}").unlink(missing_ok=True)
        shutil.copy(tmp_path / "backup.db", registry_folder / "registry.db")
        assert registry.load_active_model()[2].model_id == first


def test_a_folder_that_is_gone(registry_folder: Path) -> None:
    with Registry(registry_folder) as registry:
        shutil.rmtree(registry_folder)
        with pytest.raises(StorageError, match="is missing"):
            register(registry)


def test_what_a_killed_process_left_aside_is_swept(registry_folder: Path) -> None:
    Registry(registry_folder).close()
    old, new = registry_folder / ".staged/old", registry_folder / ".staged/new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 100_000,) * 2)
    Registry(registry_folder).close()
    assert (old.exists(), new.exists()) == (False, True)


def test_many_threads_and_more_models_than_memory_keeps(sqlite_registry: Registry) -> None:
    registry = sqlite_registry
    ids = [register(registry, 0.5) for _ in range(40)]
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        try:
            for _ in range(60):
                model_id = chance.choice(ids)
                assert registry.load_model(model_id)[2].model_id == model_id
                registry.load_best_model()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


NAMED = {"model_name": "A", "model_type": "T"}


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError


DEEP: list[Any] = []
for _ in range(30):
    DEEP = [DEEP]

ODD: list[tuple[str, Callable[[Registry], object]]] = [
    ("a huge metric", lambda registry: register(registry, performance_metrics={"cost": 10**400})),
    ("a huge number", lambda registry: register(registry, hyperparameters={"n": 10**5000})),
    ("deep nesting", lambda registry: register(registry, hyperparameters={"n": DEEP})),
    ("half a surrogate as reason", lambda registry: register(registry, reason="\ud800")),
    ("a NUL as reason", lambda registry: register(registry, reason="a\0b")),
    ("no time at all", lambda registry: register(registry, training_info={"training_timestamp": pd.NaT})),
    ("an array as flag", lambda registry: register(registry, training_info={"is_ensemble": np.array([1, 0])})),
    ("an array without length", lambda registry: register(registry, feature_names=np.array("a"))),
    ("a class", lambda registry: registry.register_model(LogisticRegression, model_name="A", model_type="T")),
    ("no file", lambda registry: registry.upload(None, metadata=NAMED)),  # pyrefly: ignore[bad-argument-type]
    ("a number as file", lambda registry: registry.upload(5, metadata=NAMED)),  # pyrefly: ignore[bad-argument-type]
    # pyrefly: ignore[bad-argument-type]
    ("text as file", lambda registry: registry.upload(io.StringIO("x"), metadata=NAMED)),
    ("a NUL as file", lambda registry: registry.upload("a\0b", metadata=NAMED)),
    ("no metadata", lambda registry: registry.preview_upload(None)),  # pyrefly: ignore[bad-argument-type]
    ("classes of one", lambda registry: registry.preview_upload({**NAMED, "classes": 5})),
    ("libraries as list", lambda registry: registry.preview_upload({**NAMED, "libraries": [1]})),
    ("a huge limit", lambda registry: registry.list_models(limit=2**63)),
    ("a limit of text", lambda registry: registry.events(limit="x")),  # pyrefly: ignore[bad-argument-type]
    ("a long search", lambda registry: registry.list_models(where={"search": "%" * 60_000})),
    ("a broken search", lambda registry: registry.list_models(where={"search": "\ud800"})),
    ("a broken id", lambda registry: registry.get_metadata("\ud800")),
    ("a number as filter", lambda registry: registry.list_models(where={"status": 5})),
    ("many filters", lambda registry: registry.list_models(where={"status": ["x"] * 40_000})),
    ("one id to compare", lambda registry: registry.compare(5)),  # pyrefly: ignore[bad-argument-type]
    ("a list as id", lambda registry: registry.load_model(["x"])),  # pyrefly: ignore[bad-argument-type]
    ("a broken weight", lambda registry: registry.configure(performance_weight={"\ud800": 1})),
]  # fmt: skip


@pytest.mark.parametrize("call", [call for _, call in ODD], ids=[name for name, _ in ODD])
def test_odd_values_are_refused_by_the_registry_itself(registry: Registry, call: Callable[[Registry], object]) -> None:
    before = registry.revision()
    with pytest.raises(RegistryError):
        call(registry)
    assert registry.revision() == before


def test_what_fails_to_describe_itself_is_kept_by_its_type(registry: Registry) -> None:
    model_id = register(registry, hyperparameters={"kernel": Silent()})
    assert registry.get_metadata(model_id).hyperparameters == {"kernel": "<Silent whose repr fails: RuntimeError>"}


@pytest.mark.parametrize("place", [None, "a\0b", "postgresql://host:port/x"])
def test_places_that_are_none(place: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        Registry(place, artifacts=tmp_path if str(place).startswith("postgresql") else None)


def test_a_bucket_without_its_driver(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="driver"):
        Registry("postgresql://127.0.0.1:1/x", artifacts="nothing://bucket")


def test_no_version_is_the_last_one(registry: Registry) -> None:
    with pytest.raises(InvalidVersion, match="too large"):
        register(registry, version="9999999999.0.0")
    register(registry, version="999999999.999999999.999999999")
    assert registry.get_metadata(register(registry)).version == "999999999.999999999.1000000000"


def test_search_knows_every_alphabet(registry: Registry) -> None:
    model_id = register(registry, description="École ÜBER straße", tags=["größe", 'a"b'])
    for text in ("école", "ÉCOLE", "über", "STRASSE", "Größe", 'a"b', "E\u0301cole"):
        assert [each.model_id for each in registry.list_models(where={"search": text})] == [model_id], text


def test_huge_metrics_are_refused_by_name(registry: Registry) -> None:
    with pytest.raises(InvalidMetric, match="cost is inf"):
        register(registry, performance_metrics={"cost": 10**400})


def test_the_first_year_has_four_digits(registry: Registry) -> None:
    model_id = registry.register_model(
        forest(), model_name="N", model_type="T", training_info={"training_timestamp": "0001-01-01T00:00:00+00:00"}
    )
    assert model_id == "N_T_00010101_000000"
