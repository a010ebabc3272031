from __future__ import annotations

import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from registry_core import Registry, StorageError
from registry_core.actions.serve import log
from tests import prepared
from tests.processes import until
from tests.traffic import register, rows

INPUTS, TRUTH = rows()


def kept(registry: Registry) -> int:
    return int(registry._context.telemetry.query("SELECT count(*) AS n FROM predictions")[0]["n"])


def test_answers_are_kept_by_themselves(sqlite_registry: Registry) -> None:
    register(sqlite_registry)
    predictor = sqlite_registry.predictor()
    for _ in range(5):
        predictor.predict(INPUTS)
    until(lambda: kept(sqlite_registry) == 5 * len(INPUTS))


def test_flush_close_and_a_question_wait_for_what_was_answered(registry: Registry) -> None:
    register(registry)
    with registry.predictor("Churn") as predictor:
        ids = predictor.predict(INPUTS).prediction_ids
        predictor.flush()
        assert kept(registry) == len(INPUTS)
        predictor.predict(INPUTS)
        assert registry.record_outcomes({int(ids[0]): 1}).recorded == 1
        assert kept(registry) == 2 * len(INPUTS)
        predictor.predict(INPUTS)
        assert registry.performance_history()[0].predictions == 3 * len(INPUTS)
        predictor.predict(INPUTS)
    assert kept(registry) == 4 * len(INPUTS)
    predictor.predict(INPUTS)
    registry.close()
    assert kept(registry) == 5 * len(INPUTS)
    # Closing gives back what can be had again.
    predictor.predict(INPUTS)
    registry.close()
    assert kept(registry) == 6 * len(INPUTS)
    registry.close()


def test_a_full_buffer_is_emptied_by_the_caller(sqlite_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    register(sqlite_registry)
    monkeypatch.setattr(log, "INTERVAL", 1000.0)
    monkeypatch.setattr(log, "ENOUGH", 10**9)
    monkeypatch.setattr(log, "CAPACITY", 3 * len(INPUTS))
    predictor = sqlite_registry.predictor()
    for call in range(1, 8):
        predictor.predict(INPUTS)
        assert kept(sqlite_registry) == call // 3 * 3 * len(INPUTS)
    sqlite_registry.close()
    assert kept(sqlite_registry) == 7 * len(INPUTS)


def test_several_threads_lose_nothing_and_share_no_id(sqlite_registry: Registry) -> None:
    register(sqlite_registry)
    predictor = sqlite_registry.predictor()
    found: list[list[int]] = []

    def serve() -> None:
        for _ in range(50):
            found.append(predictor.predict(INPUTS[:20]).prediction_ids.tolist())

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    predictor.flush()
    ids = {each for part in found for each in part}
    assert len(ids) == kept(sqlite_registry) == 4 * 50 * 20


def test_where_nothing_can_be_kept_answers_go_on(
    sqlite_registry: Registry, registry_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(sqlite_registry)
    monkeypatch.setattr(log, "CAPACITY", 2 * len(INPUTS))
    monkeypatch.setattr(log, "INTERVAL", 1000.0)
    predictor = sqlite_registry.predictor()
    predictor.predict(INPUTS)
    predictor.flush()
    aside = registry_folder / "aside.db"
    (registry_folder / "telemetry.db").rename(aside)
    predictor.predict(INPUTS)
    with pytest.raises(StorageError, match="missing"):
        predictor.flush()
    with pytest.warns(RuntimeWarning, match=f"{2 * len(INPUTS)} predictions were not stored"):
        predictor.predict(INPUTS)
    assert len(predictor.predict(INPUTS).values) == len(INPUTS)
    aside.rename(registry_folder / "telemetry.db")
    predictor.flush()
    assert kept(sqlite_registry) == 2 * len(INPUTS)


def test_what_nobody_can_keep_takes_nothing_else_along(
    sqlite_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(sqlite_registry)
    monkeypatch.setattr(log, "INTERVAL", 1000.0)
    monkeypatch.setattr(log, "CAPACITY", 3 * len(INPUTS))
    predictor = sqlite_registry.predictor()
    predictor.predict(INPUTS)
    with monkeypatch.context() as patched:
        patched.setattr(log, "taken", lambda *_: (np.array([date(2025, 1, 1)] * len(INPUTS), object), None))
        predictor.predict(INPUTS)
    with pytest.warns(RuntimeWarning, match=f"{len(INPUTS)} predictions were not stored: a label of Churn is"):
        predictor.predict(INPUTS)
    assert kept(sqlite_registry) == 2 * len(INPUTS)


def run(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SERVE = (
    "import os, sys; from registry_core import Registry; from tests.traffic import rows\n"
    "registry = Registry(sys.argv[1]); predictor = registry.predictor('Churn')\n"
    "for _ in range(100): predictor.predict(rows()[0])\n"
)


@pytest.mark.parametrize("end", ["", pytest.param("registry.close()\n", marks=pytest.mark.full)])
def test_an_ordinary_exit_loses_nothing(registry_folder: Path, end: str) -> None:
    with Registry(registry_folder) as registry:
        register(registry)
    run(SERVE + end, registry_folder)
    with Registry(registry_folder) as registry:
        assert kept(registry) == registry.performance_history()[0].predictions == 100 * len(INPUTS)


def test_both_sides_of_a_fork_keep_their_own(registry_folder: Path) -> None:
    with Registry(registry_folder) as registry:
        register(registry)
    code = (
        "child = os.fork()\n"
        "for _ in range(10): predictor.predict(rows()[0][:7])\n"
        "if not child:\n"
        "    registry.close()\n"
        "    os._exit(0)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )
    prepared.run(["-c", SERVE + code, str(registry_folder)], check=True)
    with Registry(registry_folder) as registry:
        assert kept(registry) == registry.performance_history()[0].predictions == 100 * len(INPUTS) + 2 * 10 * 7


def test_two_processes_open_telemetry_at_once(registry_folder: Path) -> None:
    with Registry(registry_folder) as registry:
        register(registry)
    words, output = ["-c", f"{SERVE}registry.close()\n", str(registry_folder)], registry_folder.parent / "output"
    processes = [prepared.Program(words, output) for _ in range(2)]
    assert [each.wait() for each in processes] == [0, 0]
    assert not output.read_text()
    with Registry(registry_folder) as registry:
        assert kept(registry) == registry.performance_history()[0].predictions == 2 * 100 * len(INPUTS)


def test_who_does_not_serve_does_not_pay(registry_folder: Path) -> None:
    code = (
        "import sys; from registry_core import Predictor, Registry\n"
        "with Registry(sys.argv[1]) as registry: registry.get_active_model_id()\n"
        "loaded = [each for each in sys.modules if each.startswith('registry_core.rules.live')]\n"
        "loaded += [each for each in sys.modules if each.startswith('registry_core.actions.serve.')]\n"
        "print(*loaded)\n"
    )
    assert run(code, registry_folder).split() == ["registry_core.actions.serve.predictor"]
    assert not (registry_folder / "telemetry.db").exists()


def test_ids_rise_through_every_opening(catalog_url: dict[str, Any]) -> None:
    last = 0
    for _ in range(3):
        with Registry(**catalog_url, clock=None) as registry:
            if last == 0:
                register(registry)
            ids = registry.predictor("Churn").predict(INPUTS).prediction_ids.tolist()
        assert last < ids[0]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        last = ids[-1]
