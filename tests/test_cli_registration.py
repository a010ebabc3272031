"""What ``register`` says where a file is not scanned, not checked, or given up while it waits."""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import joblib
import pytest
from click.testing import CliRunner, Result

from registry_core import Registry
from registry_core.artifacts.sandbox import places
from registry_core.artifacts.sandbox.inspecting import INSPECTOR
from registry_core.artifacts.sandbox.places import Places
from registry_core.cli import main
from tests.fitted import forest
from tests.processes import until


@pytest.fixture
def control_c() -> Iterator[None]:
    """SIGINT interrupts, as on a terminal: a process that was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    joblib.dump(forest(), tmp_path / "winner.pkl")
    return tmp_path / "winner.pkl"


def registered(file: Path, folder: Path) -> Result:
    words = ["register", str(file), "--name", "Churn", "--type", "Forest", "--registry", str(folder)]
    return CliRunner().invoke(main, words)


def test_a_process_that_does_not_start(file: Path, registry_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    INSPECTOR.stop()
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    done = registered(file, registry_folder)
    assert done.exit_code == 6
    assert done.stderr.startswith("Error: the sandbox cannot have a folder in /nowhere: ")
    assert "make room there, or set TMPDIR to another folder" in done.stderr
    monkeypatch.undo()
    done = registered(file, registry_folder)
    assert (done.exit_code, "Prediction check: agrees" in done.stdout) == (0, True)


def test_a_full_queue(file: Path, registry_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PLACES", Places(1, waiting=0))
    done = registered(file, registry_folder)
    assert (done.exit_code, "the sandbox is busy" in done.stderr, "try again in a minute" in done.stderr) == (
        6,
        True,
        True,
    )


def test_who_stops_it_is_told_that_nothing_was_stored(
    file: Path, registry_folder: Path, monkeypatch: pytest.MonkeyPatch, control_c: None
) -> None:
    line = Places(0)
    monkeypatch.setattr(places, "PLACES", line)

    def stop() -> None:
        until(lambda: line.waiting)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=stop)
    thread.start()
    done = registered(file, registry_folder)
    thread.join()
    assert done.exit_code == 1
    assert done.stderr == f"Error: stopped before {file} was stored. The same command registers it\n"
    assert line.waiting == 0
    with Registry(registry_folder) as registry:
        assert registry.model_names() == []
