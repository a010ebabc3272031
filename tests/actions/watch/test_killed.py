"""A process that dies between the outcomes and what follows from them: the next look does it, once."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from registry_core import Registry
from tests import prepared
from tests.actions.watch.live_traffic import Mistakes, champions
from tests.clock import Clock

QUICK = {"baseline_labels": 500, "overdispersion_icc": 0.0}
ROOT = Path(__file__).resolve().parents[3]

DIES = """
import json, os, sys
from datetime import datetime
from registry_core import Registry
from registry_core.actions.watch import act_on_findings
from registry_core.actions.watch import champion
from tests.actions.watch.live_traffic import Mistakes
from tests.clock import Clock

where, opened = sys.argv[1], json.loads(sys.argv[2])
clock = Clock(datetime.fromisoformat(sys.argv[3]))
with Registry(**opened, clock=clock) as registry:
    if where == "before":
        act_on_findings.look = lambda *_: os._exit(9)
    else:
        opens = champion.open_alert
        # The first that is opened says that it became worse, the second that it was rolled back.
        champion.open_alert = lambda *_, kind, **with_: (
            os._exit(9) if kind == "rolled_back" else opens(*_, kind=kind, **with_)
        )
    traffic = Mistakes(registry, clock)
    for _ in range(40):
        traffic(100, default=0.5)
        if where == "before":
            raise AssertionError
raise AssertionError("it did not come so far")
"""


@pytest.fixture
def two(registry: Registry, clock: Clock) -> list[str]:
    """Two champions one after the other, the second just at the edge of an alarm."""
    registry.configure("Churn", monitoring=QUICK)
    ids = champions(registry, clock, 2)
    traffic = Mistakes(registry, clock)
    for _ in range(6):
        traffic(100)
    return ids


@pytest.mark.parametrize("where", ["before", "within"])
def test_the_next_look_rolls_back_once(
    registry: Registry, catalog_url: dict[str, Any], clock: Clock, two: list[str], where: str
) -> None:
    opened = json.dumps({name: str(value) for name, value in catalog_url.items()})
    for _ in range(1 if where == "within" else 5):
        done = prepared.run(["-c", DIES, where, opened, clock().isoformat()])
        assert done.returncode == 9, done.stdout
        clock.tick(3600)
        # Every row is compared from when trouble begins, and this look is the first to see that.
        said = registry.check_health("Churn").acted
        if any("was rolled back" in each for each in said):
            break
    assert "Churn 1.0.1 was rolled back to Churn 1.0.0" in said[-1]
    assert registry.check_health("Churn").acted == ()
    assert [each.kind for each in registry.events("Churn")].count("rolled_back") == 1
    assert [each.kind for each in registry.alerts("Churn")] == ["rolled_back"]
    assert registry.verify_events() is None


def test_several_looks_at_once_act_once(registry: Registry, clock: Clock, two: list[str]) -> None:
    registry.configure("Churn", monitoring={**QUICK, "on_degradation": "suggest"})
    traffic = Mistakes(registry, clock)
    for _ in range(6):
        traffic(100, default=0.5)
    registry.configure("Churn", monitoring=QUICK)
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.extend(registry.check_health("Churn").acted)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 1
    assert registry.get_active_model_id("Churn") == two[0]
    assert [each.kind for each in registry.events("Churn")].count("rolled_back") == 1
