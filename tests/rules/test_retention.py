from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from registry_core import RetentionPolicy
from registry_core.records import utc_text
from registry_core.rules.retention import Candidate, plan, untouchable

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def version(order: int, *, days: float = 1, **changes: Any) -> Candidate:
    """A version registered so many days ago."""
    plain = Candidate(
        f"m{order}", "Churn", f"1.0.{order}", order, utc_text(NOW - timedelta(days=days)), None, "", True,
        "registered", 10,
    )  # fmt: skip
    return plain._replace(**changes)


def actions(versions: list[Candidate], **policy: Any) -> dict[str, str]:
    return {item.model_id: item.action for item in plan(versions, RetentionPolicy(**policy), NOW)}


def reasons(versions: list[Candidate], **policy: Any) -> dict[str, str]:
    return {item.model_id: item.reason for item in plan(versions, RetentionPolicy(**policy), NOW)}


def test_by_hand() -> None:
    versions = [
        version(12, days=1),
        version(11, days=2),
        version(10, days=3, score=0.5),
        version(9, days=4, champion=True, was_champion=True, score=0.8),
        version(8, days=5, score=0.9),
        version(7, days=6, score=0.9),
        version(6, days=7, was_champion=True),
        version(5, days=8, predecessor=True, was_champion=True),
        version(4, days=9, pinned=True),
        version(3, days=10, experiment=77),
        version(2, days=11, status="trashed", purge_at=utc_text(NOW)),
        version(1, days=12, status="trashed", purge_at=utc_text(NOW + timedelta(days=3))),
        version(0, days=13, status="purged"),
    ]
    found = plan(versions, RetentionPolicy(max_models_to_keep=7, keep_best=1, keep_newest=0), NOW)
    assert [(item.model_id, item.action, item.untouchable, item.reason) for item in found] == [
        # Six are always kept, so one place is left for the newest of the others.
        ("m12", "keep", False, "7 versions are kept, and it is one of the newest"),
        ("m11", "trash", False, "7 versions are kept, and it is older than those"),
        ("m10", "trash", False, "7 versions are kept, and it is older than those"),
        ("m9", "keep", True, "it is the champion"),
        ("m8", "trash", False, "7 versions are kept, and it is older than those"),
        # Of equal scores the older is the better.
        ("m7", "keep", False, "it is the best of the eligible versions, with a score of 0.9000"),
        ("m6", "keep", False, "it was champion"),
        ("m5", "keep", True, "it is the rollback target"),
        ("m4", "keep", True, "it is pinned"),
        ("m3", "keep", True, "it is in the running experiment 77"),
        ("m2", "purge", False, "its purge date was 2026-06-01"),
        ("m1", "keep", False, "it is in the trash until 2026-06-04"),
    ]
    assert {item.bytes for item in found} == {10}


def test_the_newest_are_kept_where_others_take_all_places() -> None:
    versions = [version(order, days=9 - order, was_champion=order < 4) for order in reversed(range(8))]
    found = reasons(versions, max_models_to_keep=3, keep_best=0, keep_newest=2)
    assert found["m7"] == found["m6"] == "it is one of the newest, too new to be removed"
    assert found["m5"] == found["m4"] == "3 versions are kept, and the protected versions take all places"
    assert actions(versions, max_models_to_keep=3, keep_best=0, keep_newest=2) == {
        f"m{order}": "trash" if order in (4, 5) else "keep" for order in range(8)
    }
    # There are more than enough places: nothing changes.
    assert set(actions(versions, max_models_to_keep=8, keep_newest=2).values()) == {"keep"}
    # Age is a reason however few there are.
    assert actions(versions, max_age_days=0.5, keep_best=0, keep_champions=False)["m7"] == "trash"


def test_age_counts_however_few_there_are() -> None:
    versions = [version(3, days=9.9), version(2, days=10), version(1, days=10.01), version(0, days=500, pinned=True)]
    assert actions(versions, max_age_days=10, keep_best=0) == {"m3": "keep", "m2": "keep", "m1": "trash", "m0": "keep"}
    assert (
        reasons(versions, max_age_days=10, keep_best=0)["m1"] == "it was registered 10 days ago; the maximum is 10 days"
    )


def test_scores_compare_on_one_set_only() -> None:
    versions = [
        version(4, score=0.1, ranked_on="autumn", champion=True),
        version(3, score=0.9, ranked_on="spring"),
        version(2, score=0.2, ranked_on="autumn"),
        version(1, score=0.95, ranked_on="autumn", eligible=False),
        version(0, score=0.05, ranked_on="autumn"),
    ]
    few = {"max_models_to_keep": 1, "keep_best": 2, "keep_newest": 0}
    assert [each for each, what in actions(versions, **few).items() if what == "keep"] == ["m4", "m2"]
    # Without a champion it is the newest version's set that counts.
    assert [
        each
        for each, what in actions([each._replace(champion=False) for each in versions[1:]], **few).items()
        if what == "keep"
    ] == ["m3"]


def test_nothing_at_all() -> None:
    assert plan([], RetentionPolicy(), NOW) == []
    assert untouchable(False, False, None, False) is None


STATUSES = st.sampled_from(["registered", "rejected", "archived", "disqualified", "trashed", "purged"])


@st.composite
def histories(draw: st.DrawFn) -> list[Candidate]:
    count = draw(st.integers(0, 12))
    champion = draw(st.integers(0, 12))
    found = []
    for order in range(count):
        status = "registered" if order == champion else draw(STATUSES)
        away = status in ("trashed", "purged")
        found.append(
            version(
                order,
                days=draw(st.floats(0, 30)),
                status=status,
                score=draw(st.none() | st.sampled_from([0.1, 0.2, 0.3])),
                ranked_on=draw(st.sampled_from(["spring", "autumn"])),
                eligible=status == "registered",
                champion=order == champion,
                predecessor=not away and order != champion and draw(st.integers(0, 9)) == 0,
                experiment=7 if not away and draw(st.integers(0, 9)) == 0 else None,
                pinned=not away and draw(st.integers(0, 9)) == 0,
                was_champion=order == champion or draw(st.integers(0, 4)) == 0,
                purge_at=utc_text(NOW + timedelta(days=draw(st.floats(-5, 5)))) if status == "trashed" else None,
            )
        )
    return draw(st.permutations(found))


POLICIES = st.builds(
    RetentionPolicy,
    max_models_to_keep=st.integers(1, 12),
    max_age_days=st.none() | st.floats(0, 30),
    keep_best=st.integers(0, 4),
    keep_newest=st.integers(0, 4),
    keep_champions=st.booleans(),
)


@given(histories(), POLICIES)
def test_whatever_the_policy(versions: list[Candidate], policy: RetentionPolicy) -> None:
    items = plan(versions, policy, NOW)
    assert [item.model_id for item in items] == [each.model_id for each in versions if each.status != "purged"]
    by_id = {each.model_id: each for each in versions}
    kept = places = beyond = 0
    for item in items:
        each = by_id[item.model_id]
        assert item.reason
        if each.status == "trashed":
            assert not item.untouchable
            assert each.purge_at is not None
            assert (item.action == "purge") == (datetime.fromisoformat(each.purge_at) <= NOW)
            continue
        assert item.untouchable == (each.untouchable is not None)
        assert item.action == "keep" or not (item.untouchable or (each.was_champion and policy.keep_champions))
        kept += item.action == "keep"
        places += "and it is one of the newest" in item.reason
        beyond += "too new" in item.reason
    assert not places or kept <= policy.max_models_to_keep + beyond
    assert beyond <= policy.keep_newest
    # Nobody who went because of the number is newer than one who stayed because of it.
    stayed = [by_id[item.model_id].order for item in items if "and it is one of the newest" in item.reason]
    went = [by_id[item.model_id].order for item in items if "older than those" in item.reason]
    assert not stayed or not went or min(stayed) > max(went)
    # And nobody goes because of the number while a place is free.
    assert not went or kept >= policy.max_models_to_keep


@given(histories(), POLICIES, st.integers(1, 5))
def test_a_looser_policy_keeps_whoever_a_stricter_one_kept(
    versions: list[Candidate], policy: RetentionPolicy, more: int
) -> None:
    kept = {item.model_id for item in plan(versions, policy, NOW) if item.action == "keep"}
    looser = RetentionPolicy(
        max_models_to_keep=policy.max_models_to_keep + more,
        max_age_days=None if policy.max_age_days is None else policy.max_age_days + more,
        keep_best=policy.keep_best,
        keep_newest=policy.keep_newest,
        keep_champions=policy.keep_champions,
    )
    assert kept <= {item.model_id for item in plan(versions, looser, NOW) if item.action == "keep"}


@given(histories(), POLICIES)
def test_a_second_cleanup_has_nothing_to_add(versions: list[Candidate], policy: RetentionPolicy) -> None:
    gone = {item.model_id for item in plan(versions, policy, NOW) if item.action == "trash"}
    later = utc_text(NOW + timedelta(days=1))
    after = [
        each._replace(status="trashed", purge_at=later, eligible=False) if each.model_id in gone else each
        for each in versions
    ]
    assert not [item for item in plan(after, policy, NOW) if item.action == "trash"]
