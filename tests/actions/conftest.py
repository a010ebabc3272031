"""Models are asked in a process that an earlier test started: what its walls hold is tried in tests/artifacts."""

import pytest


@pytest.fixture(autouse=True)
def _warm(warm_sandbox: None) -> None:
    """Every test here."""
