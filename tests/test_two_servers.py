"""Two servers behind a proxy are killed in turn; ``python -m benchmarks.two_servers`` does it more often."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from tests import prepared

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.full
@pytest.mark.postgres
@pytest.mark.skipif(not hasattr(os, "fork") or not hasattr(signal, "SIGKILL"), reason="kills servers of forked clients")
def test_nothing_that_was_confirmed_is_lost_or_done_twice() -> None:
    words = ["-m", "benchmarks.two_servers", "--times", "2", "--quick", "--json"]
    done = prepared.run(words, folder=ROOT, check=True)
    found = json.loads(done.stdout)
    assert found["kills"] == 2
    assert found["wrong"] == []
    assert found["calls"] + found["promoted"] > 0
