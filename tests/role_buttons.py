"""Which button each role has, on which page; and a registry on which every one of them is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd
from sklearn.linear_model import LogisticRegression

from registry_core import Person, Registry

ROLES: Mapping[str, str] = {
    "viewer": "v", "downloader": "d", "contributor": "c", "reviewer": "r", "operator": "o", "admin": "a"
}  # fmt: skip
#: Where, the button, and the roles that can press it by their first letters.
BUTTONS: Mapping[str, Mapping[str, str]] = {
    "another's candidate": {
        "Promote": "o", "Start experiment": "o", "Reject": "r", "Archive": "o", "Pin": "o", "Delete": "o",
        "Send review": "cro", "Request": "cro", "Save the card": "cr",
    },
    "the contributor's candidate": {
        "Promote": "o", "Start experiment": "o", "Reject": "r", "Archive": "o", "Pin": "oc", "Delete": "o",
        "Send review": "cro", "Request": "cro", "Save the card": "cr",
    },
    "the champion": {"Roll back": "o", "Pin": "o", "Send review": "cro"},
    "an archived version": {"Restore": "o", "Delete": "o", "Pin": "o"},
    "the experiment": {"Share": "o", "Pause": "o", "Stop": "o"},
    "the benchmark": {"Evaluate all on holdout": "cro", "Set protected columns": "r"},
    "a champion with a benchmark": {"Evaluate on holdout": "cro"},
    "verify": {"Verify now": "vdcroa"},
    "backup": {"Make a backup": "a", "Export the index": "a", "Rebuild the index …": "o"},
    "people": {
        "Add and create a sign-in link": "a", "Grant": "a", "Revoke": "a", "New sign-in link": "a",
        "Sign out everywhere": "a", "Remove": "a", "Create token": "a",
    },
}  # fmt: skip


class Team(NamedTuple):
    """A person with each role, and the addresses of the places in ``BUTTONS``."""

    people: Mapping[str, Person]
    addresses: Mapping[str, str]


def team(registry: Registry) -> Team:
    """Fill an empty registry: two model names, a person with each role, and the contributor's own version."""
    registry.configure(auto_select_best=False, auto_evaluate=False, reason="by hand")
    people = {}
    for role in ROLES:
        people[role] = registry.add_person(role)
        registry.grant(people[role].grantee, role)
    for version in (_register(registry, "Churn", 0.70), champion := _register(registry, "Churn", 0.75)):
        registry.promote(version, reason="the first ones")
    anothers = _register(registry, "Churn", 0.80)
    own = _register(registry.as_principal(people["contributor"].principal()), "Churn", 0.81)
    archived = _register(registry, "Churn", 0.60)
    registry.archive(archived, reason="old")
    other = _register(registry, "Races", 0.70)
    registry.promote(other, reason="the first one")
    registry.add_benchmark("holdout", model_name="Races", data=_ROWS, target="left")
    registry.start_experiment("Races", _register(registry, "Races", 0.72), mode="split", share=0.1, reason="to compare")
    return Team(
        people,
        {
            "another's candidate": f"model?id={anothers}&model-card=true",
            "the contributor's candidate": f"model?id={own}&model-card=true",
            "the champion": f"model?id={champion}&model-card=true",
            "an archived version": f"model?id={archived}&model-card=true",
            "the experiment": "experiments?model=Races",
            "the benchmark": "benchmarks?model=Races",
            "a champion with a benchmark": f"model?id={other}&model-card=true",
            "verify": "maintenance?part=Verify",
            "backup": "maintenance?part=Backup",
            "people": "settings?section=People",
        },
    )


_ROWS = pd.DataFrame({"age": [0.0, 1.0, 0.2, 0.8] * 20, "visits": [1.0, 0.0, 0.9, 0.1] * 20, "left": [0, 1, 0, 1] * 20})


def _register(registry: Registry, name: str, accuracy: float) -> str:
    return registry.register_model(
        LogisticRegression().fit(_ROWS[["age", "visits"]], _ROWS["left"]), model_name=name, model_type="LR",
        performance_metrics={"accuracy": accuracy, "auc": accuracy, "f1_score": accuracy},
        training_info={"data_quality_score": 0.9}, evaluation_set="holdout-1",
    )  # fmt: skip
