from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from registry_core import CatalogBusy
from registry_core.catalog.queue import Queue

HOLD = """
import sys
from pathlib import Path
from registry_core.catalog.queue import Queue
with Queue(Path(sys.argv[1]), 60).turn():
    print("mine", flush=True)
    sys.stdin.readline()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_turn_that_does_not_come_in_time_is_told_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "queue"
    other = holder(path)
    with pytest.raises(CatalogBusy, match=r"for 0\.2 s; try again"), Queue(path, 0.2).turn():
        pass
    end(other)
    # Whoever gave up has not left a turn behind that nobody gives back.
    for _ in range(3):
        with Queue(path, 30).turn():
            pass


def test_a_killed_process_gives_its_turn_back(tmp_path: Path) -> None:
    other = holder(tmp_path / "queue")
    timer = threading.Timer(0.3, other.kill)
    timer.start()
    with Queue(tmp_path / "queue", 30).turn():
        assert other.poll() is not None or other.wait(5)
    end(other)


def test_threads_take_turns(tmp_path: Path) -> None:
    queue, inside, most = Queue(tmp_path / "queue", 30), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(50):
            with queue.turn():
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, inside) == (1, 0)
