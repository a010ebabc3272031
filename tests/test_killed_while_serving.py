"""A process that serves is killed at any moment; ``python -m benchmarks.killed`` does it more often."""

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
def test_whatever_the_moment_nothing_is_half_done_or_counted_twice(tmp_path: Path) -> None:
    words = ["-m", "benchmarks.killed", "--times", "5", "--json"]
    done = prepared.run(words, folder=ROOT, environment={**os.environ, "TMPDIR": str(tmp_path)}, check=True)
    found = json.loads(done.stdout)
    assert found["kills"] == 5
    # How much is done in the time between two kills is the machine's affair.
    assert found["outcomes"] >= found["told"]
    assert found["answered"] + found["promotions"] > 0
    assert not list(tmp_path.iterdir())
