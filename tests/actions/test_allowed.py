"""What may be done now: `allowed` says of every verb what calling it would say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from registry_core import ModelNotFound, NotFound, Permission, Registry, RegistryError
from tests.clock import Clock
from tests.fitted import register


@pytest.fixture
def three(registry: Registry, clock: Clock) -> list[str]:
    """A champion, the one before it, and a worse version that never was champion."""
    ids = []
    for accuracy in (0.8, 0.9, 0.7):
        ids.append(register(registry, accuracy))
        clock.tick(60)
    return [ids[1], ids[0], ids[2]]


def refuses(permission: Permission, call: Callable[[], object]) -> None:
    """The call raises, and its error says what `allowed` gave as the reason."""
    assert not permission.allowed
    with pytest.raises(RegistryError) as caught:
        call()
    assert str(caught.value) == permission.reason


def verbs_of(registry: Registry, subject: str | int) -> set[str]:
    """The verbs that may be called now; each other one is called, and refuses with the reason that was given."""
    permissions = registry.allowed(subject)
    for verb, permission in permissions.items():
        if permission.allowed:
            assert not permission.reason
        elif verb == "start_experiment" and isinstance(subject, str) and subject != "Churn":
            refuses(permission, partial(registry.start_experiment, "Churn", subject))
        elif verb == "start_experiment":
            assert "champion" in permission.reason
        elif verb == "set_share":
            assert isinstance(subject, int)
            refuses(permission, partial(registry.set_share, subject, 0.1))
        elif verb == "promote" and "is the champion already" in permission.reason:
            # Promoting the champion changes nothing, which is no error and nothing to offer.
            assert registry.promote(str(subject)).model_id == subject
        else:
            refuses(permission, partial(getattr(registry, verb), subject))
    return {verb for verb, permission in permissions.items() if permission.allowed}


def test_a_version_in_every_state(registry: Registry, three: list[str]) -> None:
    champion, predecessor, other = three
    assert verbs_of(registry, champion) == {"pin"}
    assert verbs_of(registry, predecessor) == {
        "promote", "reject", "archive", "disqualify", "pin", "start_experiment",
    }  # fmt: skip
    usual = {"promote", "reject", "archive", "disqualify", "delete", "pin", "start_experiment"}
    assert verbs_of(registry, other) == usual
    registry.pin(other)
    assert verbs_of(registry, other) == usual - {"pin", "delete"} | {"unpin"}
    registry.unpin(other)
    registry.reject(other)
    assert verbs_of(registry, other) == {"archive", "restore", "delete", "pin"}
    registry.archive(other)
    assert verbs_of(registry, other) == {"restore", "delete", "pin"}
    registry.restore(other)
    registry.disqualify(other)
    assert verbs_of(registry, other) == {"reinstate", "delete", "pin"}
    registry.delete(other)
    assert verbs_of(registry, other) == {"restore", "purge"}
    registry.purge(other)
    assert verbs_of(registry, other) == set()


def test_a_failed_gate_may_be_overridden(registry: Registry, three: list[str]) -> None:
    registry.configure(gates={"minimum_metrics": {"accuracy": 0.95}})
    permission = registry.allowed(three[2])["promote"]
    assert (permission.allowed, permission.overridable) == (False, True)
    refuses(permission, partial(registry.promote, three[2]))
    registry.reject(three[2])
    assert not registry.allowed(three[2])["promote"].overridable


def test_a_model_name(registry: Registry, three: list[str]) -> None:
    assert verbs_of(registry, "Churn") == {"rollback", "undo_promotion", "start_experiment"}
    registry.rollback("Churn", reason="accuracy fell")
    assert verbs_of(registry, "Churn") == {"undo_rollback", "start_experiment"}
    registry.undo_rollback("Churn")
    assert verbs_of(registry, "Churn") == {"rollback", "start_experiment"}


def test_experiments(registry: Registry, three: list[str]) -> None:
    champion, one, two = three
    number = registry.start_experiment("Churn", [one, two]).experiment_id
    # the caller names the winner of the two
    assert verbs_of(registry, number) == {"set_share", "pause_experiment", "stop_experiment", "promote_challenger"}
    assert "start_experiment" not in verbs_of(registry, one)
    registry.set_share(number, 0.1)
    registry.pause_experiment(number)
    assert verbs_of(registry, number) == {"set_share", "resume_experiment", "stop_experiment", "promote_challenger"}
    registry.stop_experiment(number)
    assert verbs_of(registry, number) == set()
    single = registry.start_experiment("Churn", one, stages="default").experiment_id
    assert verbs_of(registry, single) == {"pause_experiment", "stop_experiment", "promote_challenger"}
    assert registry.allowed(single)["advance_experiment"].overridable
    registry.promote_challenger(single, expected_champion=champion)
    assert verbs_of(registry, single) == set()


def test_what_is_not_there(registry: Registry) -> None:
    with pytest.raises(ModelNotFound, match="neither a model id nor a model name"):
        registry.allowed("Nobody")
    with pytest.raises(NotFound):
        registry.allowed(7)


def test_a_list_is_judged_as_each_version_is(registry: Registry, three: list[str]) -> None:
    champion, other, busy = three
    columns = register(registry, 0.6, feature_names=[f"column {n}" for n in range(30)])
    registry.start_experiment("Churn", busy)
    states = [columns]
    for verb in (registry.reject, registry.archive, registry.disqualify, registry.delete):
        states.append(register(registry, 0.5))
        verb(states[-1])
    alone = register(registry, 0.7, model_name="Fraud")
    registry.configure(auto_select_best=False)
    unserved = register(registry, 0.7, model_name="Leads")
    model_ids = [champion, other, busy, *states, alone, unserved]
    permissions = registry.allowed_many(model_ids)
    assert list(permissions) == model_ids
    for model_id in model_ids:
        each = registry.allowed(model_id)
        assert permissions[model_id]["start_experiment"] == each["start_experiment"]
        if model_id != columns:
            assert permissions[model_id]["promote"] == each["promote"]
    assert "has no champion" in permissions[unserved]["start_experiment"].reason
    # The gate on the inputs is not judged here.
    assert permissions[columns]["promote"].allowed
    assert not registry.allowed(columns)["promote"].allowed


def test_a_list_without_versions_and_one_with_an_unknown_id(registry: Registry, three: list[str]) -> None:
    assert registry.allowed_many([]) == {}
    with pytest.raises(ModelNotFound, match="Nobody"):
        registry.allowed_many([three[0], "Nobody"])
