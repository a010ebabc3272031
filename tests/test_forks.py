"""Registries and predictors in processes that were forked, spawned, or sent a copy."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry_core import InvalidInput, Registry
from tests import prepared
from tests.clock import Clock
from tests.forking import CHILDREN, ROWS
from tests.traffic import register, rows

SAMPLE = [("postgres", "pool-fork")]
WAYS = ["fork", "process-fork", "process-spawn", "process-forkserver", "pool-fork", "pool-spawn", "loky"]
MATRIX = [
    pytest.param(
        kind,
        way,
        marks=[
            *([pytest.mark.postgres] if kind == "postgres" else []),
            *([] if (kind, way) in SAMPLE else [pytest.mark.full]),
        ],
    )
    for kind in ("sqlite", "postgres")
    for way in WAYS
]


def run(code: str, *arguments: str) -> str:
    """Run a program that forks by itself, and return what it wrote."""
    return prepared.run(["-c", FORK + code, *arguments], check=True).stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.slow
@pytest.mark.parametrize(("catalog_url", "way"), MATRIX, indirect=["catalog_url"])
def test_children_of_a_threaded_service_work_and_nothing_is_lost(catalog_url: dict[str, Any], way: str) -> None:
    done = subprocess.run(
        # It may warn that it forks while it has threads.
        [sys.executable, "-W", "ignore", "-m", "tests.forking", way, *map(str, catalog_url.values())],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answered = int(done.stdout)
    with Registry(**catalog_url) as registry:
        assert registry.count_models() == 1 + CHILDREN
        assert registry.verify_events() is None
        # What the parent had not written at the fork is written once; what the children answered, by them.
        assert sum(each.predictions for each in registry.performance_history("Churn")) == answered
        ids = registry.prediction_history("Churn").prediction_id
        assert len(ids) == answered == ids.nunique()
        outcomes = registry._context.telemetry.query("SELECT count(*) AS n FROM outcomes")[0]["n"]
        assert outcomes == CHILDREN * ROWS


@pytest.mark.parametrize("what", ["registry", "predictor"])
def test_a_copy_opens_the_same_place(catalog_url: dict[str, Any], what: str) -> None:
    with Registry(**catalog_url, actor="anna") as registry:
        model_id = register(registry)
        predictor = registry.predictor("Churn", log="sync")
        if what == "registry":
            other = pickle.loads(pickle.dumps(registry))
            assert (other.location, other.actor) == (registry.location, "anna")
            assert other.get_active_model_id("Churn") == model_id
            other.reject(register(other, 0.2), reason="by the copy")
            assert registry.events(limit=1)[0].actor == "anna"
            other.close()
        else:
            again = pickle.loads(pickle.dumps(predictor))
            np.testing.assert_array_equal(again.predict(rows()[0]).values, predictor.predict(rows()[0]).values)
            assert registry.performance_history("Churn")[0].predictions == 2 * len(rows()[0])


def test_copies_in_one_process_share_what_is_open(sqlite_registry: Registry, registry_folder: Path) -> None:
    with Registry(registry_folder, actor="anna") as registry:
        first, second = pickle.loads(pickle.dumps(registry)), copy.deepcopy(registry)
        assert first is second
        with Registry(registry_folder, actor="ben") as other:
            assert pickle.loads(pickle.dumps(other)) is not first
        first.close()


def test_a_relative_folder_stays_the_same_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Registry("here") as registry:
        data = pickle.dumps(registry)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pickle.loads(data) as other:
        assert other.location == str(tmp_path / "here")
    assert not (tmp_path / "elsewhere" / "here").exists()


def test_a_clock_goes_along(registry_folder: Path) -> None:
    with Registry(registry_folder, clock=Clock(datetime(2030, 1, 1, tzinfo=UTC))) as registry:
        other = pickle.loads(pickle.dumps(registry))
    with other:
        assert other.get_metadata(register(other)).registered_at.startswith("2030-01-01")


def test_a_clock_that_cannot_go_along_is_said(registry_folder: Path) -> None:
    with Registry(registry_folder, clock=lambda: datetime.now(UTC)) as registry:
        register(registry)
        for thing in (registry, registry.predictor("Churn")):
            with pytest.raises(InvalidInput, match=r"clock cannot be pickled .*function of a module"):
                pickle.dumps(thing)


FORK = """
import os, signal, sys, threading, warnings
warnings.simplefilter("ignore")  # it forks while it has threads
from registry_core import Registry, StorageError
from tests.traffic import register
place = dict(zip(("location", "artifacts"), sys.argv[1:]))
registry = Registry(**place)
first = register(registry)
def child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            work()
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


def test_a_parent_may_close_while_its_child_goes_on(catalog_url: dict[str, Any]) -> None:
    code = (
        "go = os.pipe()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    register(registry, 0.3); os.write(go[1], b'x'); os.read(go[0], 0)\n"
        "    import time; time.sleep(0.5); register(registry, 0.4); os._exit(0)\n"
        "os.read(go[0], 1); registry.close()\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0\n"
        "assert Registry(**place).count_models() == 3\n"
    )
    run(code, *map(str, catalog_url.values()))
    with Registry(**catalog_url) as registry:
        assert registry.count_models() == 3
        assert not registry.verify().findings


def test_a_fork_waits_for_what_other_threads_do(catalog_url: dict[str, Any]) -> None:
    code = (
        "inside = threading.Event()\n"
        "def hold():\n"
        "    with registry._context.database.transaction():\n"
        "        inside.set(); threading.Event().wait(0.3)\n"
        "thread = threading.Thread(target=hold); thread.start(); inside.wait()\n"
        "assert child(lambda: register(registry, 0.5)) == 0\n"
        "thread.join(); register(registry, 0.6); assert registry.count_models() == 3\n"
    )
    run(code, *map(str, catalog_url.values()))


def test_who_cannot_be_waited_for_is_named(registry_folder: Path) -> None:
    code = (
        "from registry_core import forks; forks.WAIT_SECONDS = 0.1\n"
        "done, inside = threading.Event(), threading.Event()\n"
        "def hold():\n"
        "    with registry._context.database.snapshot(): inside.set(); done.wait()\n"
        "thread = threading.Thread(target=hold); thread.start(); inside.wait()\n"
        "assert child(lambda: registry.count_models()) == 1\n"
        "assert child(lambda: Registry(sys.argv[1])) == 1\n"
        "done.set(); thread.join(); register(registry, 0.6)\n"
        "assert child(lambda: register(registry, 0.7)) == 0\n"
    )
    assert "forked during a long operation" in run(code, str(registry_folder))


def test_a_child_of_a_child(catalog_url: dict[str, Any]) -> None:
    code = (
        "assert child(lambda: (register(registry, 0.5), child(lambda: register(registry, 0.6)))) == 0\n"
        "assert registry.count_models() == 3\n"
    )
    run(code, *map(str, catalog_url.values()))
