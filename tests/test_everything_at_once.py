"""Many processes do everything at once; ``python -m benchmarks.everything_at_once`` lets them for longer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests import prepared

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked")
def test_there_is_no_answer_but_a_result_or_a_stated_conflict(tmp_path: Path) -> None:
    words = ["-m", "benchmarks.everything_at_once", "--seconds", "2", "--json"]
    done = prepared.run(words, folder=ROOT, environment={**os.environ, "TMPDIR": str(tmp_path)}, check=True)
    found = json.loads(done.stdout)
    assert len(found["done"]) > 10
    assert found["versions"] > 8
    assert found["predictions"] > 0
    assert not list(tmp_path.iterdir())
