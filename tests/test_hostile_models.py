"""Hostile models measured by the registry: each is a failed evaluation that says why, and the registry goes on."""

from __future__ import annotations

import gc
import io
import os
import pickle
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from registry_core import Registry
from registry_core.artifacts.sandbox.forkserver_handle import FORK_SERVER
from registry_core.artifacts.sandbox.inspecting import INSPECTOR
from tests import hostile
from tests.processes import children

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux"),
]

TABLE = pd.DataFrame({"size": np.arange(10.0), "answer": ["no", "yes"] * 5, "number": np.linspace(1, 2, 10)})
# What a model does -> what the evaluation says of it, which column it should have told, and what it may use.
ACTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "connect": ("the model tried to open a network connection, which is not allowed", "answer", {}),
    "write": ("the model tried to open '{mark}', which is not allowed", "answer", {}),
    "fork_for_ever": ("the model tried to start another process, which is not allowed", "answer", {}),
    "sleep": ("the model did not answer within 0.5 s and was stopped", "answer", {"seconds": 0.5}),
    "allocate": ("the model needed more than 1.0 GiB of memory", "answer", {"memory_bytes": 1 << 30}),
    "leave": ("the model exited early (exit status 3)", "answer", {}),
    "no number": ("the model returned nan in row 0 (and in 9 more)", "number", {}),
    "too few": ("the model returned 5 predictions for 10 rows", "number", {}),
    "unknown labels": ("the model returned 7 in row 0 (and in 9 more)", "answer", {}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "registry"


@pytest.fixture(scope="module")
def measuring(folder: Path) -> Iterator[Registry]:
    """A registry with a benchmark for each column; ``answer`` and ``number`` are its model names."""
    with Registry(folder) as registry:
        registry.configure(auto_evaluate=False, reason="by hand")
        for target in ("answer", "number"):
            registry.add_benchmark("ten-rows", target, TABLE, target, features=["size"])
        yield registry


@pytest.fixture(scope="module")
def good(measuring: Registry) -> str:
    model = LogisticRegression().fit(TABLE[["size"]], TABLE["answer"])
    return measuring.register_model(model, model_name="answer", model_type="Good")


@pytest.fixture(autouse=True)
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What a model tries to write. Neither it nor a process, a folder or an open descriptor is left in the end."""
    folders, mark = tmp_path / "folders", tmp_path / "mark"
    folders.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folders))
    # These stay between files, whichever test needed them first.
    FORK_SERVER.start()
    INSPECTOR.stop()
    # What earlier tests left to the collector goes now, and not in the middle.
    gc.collect()
    processes, descriptors = children(), len(os.listdir("/proc/self/fd"))
    yield mark
    INSPECTOR.stop()
    assert children() <= processes
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    assert not list(folders.iterdir())
    assert not mark.exists()


def upload(registry: Registry, act: str, target: Path, model_name: str) -> str:
    file = io.BytesIO(pickle.dumps(hostile.Model(act, str(target))))
    return registry.upload(file, metadata={"model_name": model_name, "model_type": "Hostile"})


@pytest.mark.parametrize("act", ACTS)
def test_a_hostile_model_is_a_failed_evaluation(
    measuring: Registry, good: str, folder: Path, mark: Path, act: str
) -> None:
    reason, model_name, limits = ACTS[act]
    model_id = upload(measuring, act, mark, model_name)
    assert measuring.get_metadata(model_id).artifact == "quarantined"
    answers = list((folder / "evaluations").iterdir())
    found = measuring.evaluate(model_id, **limits)
    assert (found.status, found.metrics, found.rows) == ("failed", {}, 0)
    assert found.because.startswith(reason.format(mark=mark))
    assert measuring.evaluations(model_id) == [found]
    assert measuring.get_metadata(model_id).measured == {}
    assert list((folder / "evaluations").iterdir()) == answers
    assert measuring.events(model_id=model_id, kinds=["evaluated"])[0].after["because"] == found.because
    assert measuring.verify_events() is None
    if found.because.startswith("the model returned"):
        return  # it did no harm: nothing has to be seen to go on
    assert measuring.evaluate(good).status == "measured"


def test_trusted_ones_among_good_ones_take_nobody_with_them(registry_folder: Path, mark: Path) -> None:
    acts = ("leave", "escape_codes")
    model = LogisticRegression().fit(TABLE[["size"]], TABLE["answer"])
    with Registry(registry_folder) as registry:
        trusted = f"{hostile.Model.__module__}.{hostile.Model.__name__}"
        registry.configure("answer", auto_evaluate=False, trusted_globals=[trusted], reason="believed to be good")
        registry.add_benchmark("ten-rows", "answer", TABLE, "answer", features=["size"])
        good, bad = [], []
        for act in acts:
            bad.append(upload(registry, act, mark, "answer"))
            good.append(registry.register_model(model, model_name="answer", model_type="Good"))
        found = {each.model_id: each for each in registry.evaluate_all("answer", jobs=2)}
        assert {found[each].status for each in good} == {"measured"}
        assert {found[each].status for each in bad} == {"failed"}
        assert all(found[each].because.isprintable() for each in bad)
        assert len(found) == 2 * len(acts)
        assert registry.evaluate_all("answer") == []
