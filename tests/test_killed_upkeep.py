"""A process that keeps a registry tidy is killed; ``python -m benchmarks.killed_upkeep`` does it more often."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests import prepared

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork") or not hasattr(signal, "SIGKILL"), reason="kills forked processes")
def test_whatever_it_is_killed_in_nothing_confirmed_is_lost(tmp_path: Path) -> None:
    words = ["-m", "benchmarks.killed_upkeep", "--times", "4", "--json"]
    done = prepared.run(words, folder=ROOT, environment={**os.environ, "TMPDIR": str(tmp_path)}, check=True)
    found = json.loads(done.stdout)
    assert found["kills"] == 4
    assert found["loads"] > 20
    assert sum(found["confirmed"].values()) > 0
    assert not list(tmp_path.iterdir())
