"""A process that keeps a registry tidy is killed; ``python -m benchmarks.killed_upkeep`` does it more often."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork") or not hasattr(signal, "SIGKILL"), reason="kills forked processes")
def test_whatever_it_is_killed_in_nothing_confirmed_is_lost(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.killed_upkeep", "--times", "5", "--json"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["kills"] == 5
    assert found["loads"] > 20
    assert sum(found["confirmed"].values()) > 0
    assert not list(tmp_path.iterdir())
