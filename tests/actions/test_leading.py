"""Of several processes one leads a periodic task."""

from __future__ import annotations

from typing import Any

import pytest

from registry_core import InvalidInput, Registry


def test_one_leads_until_it_gives_up_or_ends(
    catalog_url: dict[str, Any], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = [100.0]
    monkeypatch.setattr("registry_core.actions.leading.monotonic", lambda: present[0])
    with Registry(**catalog_url) as other:
        held = registry.lead("watch", 60)
        assert held
        assert other.lead("watch", 60) == 0
        assert other.lead("report", 60), "another task has another leader"
        # It is renewed, so whoever waits begins to count again.
        present[0] += 50
        renewed = registry.lead("watch", 60, held)
        assert renewed not in (0, held)
        assert registry.lead("watch", 60, held) == 0, "an earlier number leads no more"
        assert other.lead("watch", 60) == 0
        present[0] += 59
        assert other.lead("watch", 60) == 0
        # The leader was killed.
        present[0] += 1
        taken = other.lead("watch", 60)
        assert taken
        assert registry.lead("watch", 60, renewed) == 0
        registry.give_up_lead("watch", renewed)
        assert registry.lead("watch", 60) == 0, "who does not lead gives up nothing"
        other.give_up_lead("watch", taken)
        assert registry.lead("watch", 60)
    assert registry.verify().clean


@pytest.mark.parametrize("seconds", [0, -1, 86_401, float("nan")])
def test_a_lease_without_a_length(sqlite_registry: Registry, seconds: float) -> None:
    with pytest.raises(InvalidInput, match="give a number above 0"):
        sqlite_registry.lead("watch", seconds)
    with pytest.raises(InvalidInput, match="task"):
        sqlite_registry.lead("", 60)
