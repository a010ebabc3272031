"""Which versions are kept, which go into the trash, and which leave it for good, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from ..maintenance import CleanupItem
from ..policies import RetentionPolicy
from ..records import Status

_ORDINALS = {1: "the best", 2: "the second best", 3: "the third best"}


class Candidate(NamedTuple):
    """What there is to know of a version before it is judged. Times are UTC, ISO 8601.

    Attributes:
        order: of registration: the higher, the newer.
        ranked_on: what its score was computed on.
        eligible: whether it may be chosen; only those count among the best.
        bytes: what its files take.
        champion: whether it is in production.
        predecessor: whether it is the rollback target.
        experiment: the number of a running experiment it takes part in.
        was_champion: whether it ever was in production.
        purge_at: when the files of a version in the trash go.
    """

    model_id: str
    model_name: str
    version: str
    order: int
    registered_at: str
    score: float | None
    ranked_on: str
    eligible: bool
    status: Status
    bytes: int
    champion: bool = False
    predecessor: bool = False
    experiment: int | None = None
    pinned: bool = False
    was_champion: bool = False
    purge_at: str | None = None

    @property
    def untouchable(self) -> str | None:
        """Why no cleanup reaches it, and nobody deletes it; None when they may."""
        return untouchable(self.champion, self.predecessor, self.experiment, self.pinned)


def untouchable(champion: bool, predecessor: bool, experiment: int | None, pinned: bool) -> str | None:
    """Why a version stays, whatever the policy says and whoever asks; None when it need not."""
    if champion:
        return "it is the champion"
    if predecessor:
        return "it is the rollback target"
    if experiment is not None:
        return f"it is in the running experiment {experiment}"
    return "it is pinned" if pinned else None


def plan(versions: Sequence[Candidate], policy: RetentionPolicy, now: datetime) -> list[CleanupItem]:
    """What happens to each version of one model name, in the order they were given; purged ones are left out.

    Those that are always kept count towards ``max_models_to_keep``. The places that are left go to the newest of the
    others, as long as these are young enough; ``keep_newest`` have one in any case.
    """
    present = [each for each in versions if each.status not in ("trashed", "purged")]
    most = policy.max_models_to_keep
    limit = "only 1 version is kept" if most == 1 else f"{most:,} versions are kept"
    kept = _always(present, policy)
    always = len(kept)
    places = most - always
    gone: dict[str, str] = {}
    oldest = None if policy.max_age_days is None else now - timedelta(days=policy.max_age_days)
    for place, each in enumerate(sorted(present, key=lambda each: each.order, reverse=True), start=1):
        if each.model_id in kept:
            continue
        if oldest is not None and (registered := datetime.fromisoformat(each.registered_at)) < oldest:
            days = (now - registered).days
            gone[each.model_id] = f"it was registered {days:,} days ago; the maximum is {policy.max_age_days:g} days"
        elif places > 0:
            kept[each.model_id] = f"{limit}, and it is one of the newest"
            places -= 1
        elif place <= policy.keep_newest:
            kept[each.model_id] = "it is one of the newest, too new to be removed"
        elif always < most:
            gone[each.model_id] = f"{limit}, and it is older than those"
        else:
            gone[each.model_id] = f"{limit}, and the protected versions take all places"
    return [_item(each, kept, gone, now) for each in versions if each.status != "purged"]


def _always(present: Sequence[Candidate], policy: RetentionPolicy) -> dict[str, str]:
    """Those that are kept whatever their number or age: id -> why."""
    found = {each.model_id: why for each in present if (why := each.untouchable) is not None}
    for place, each in enumerate(_best(present)[: policy.keep_best], start=1):
        rank = _ORDINALS.get(place, f"number {place}")
        found.setdefault(each.model_id, f"it is {rank} of the eligible versions, with a score of {each.score:.4f}")
    if policy.keep_champions:
        for each in present:
            if each.was_champion:
                found.setdefault(each.model_id, "it was champion")
    return found


def _best(present: Sequence[Candidate]) -> list[Candidate]:
    """Those that may be chosen and have a score, best first, the older of equals before the newer.

    Scores compare on one set only: the champion's, or without one that of the newest version.
    """
    scored = [each for each in present if each.eligible and each.score is not None]
    champion = next((each for each in present if each.champion), None)
    leading = champion or max(scored, key=lambda each: each.order, default=None)
    if leading is None:
        return []
    comparable = [each for each in scored if each.ranked_on == leading.ranked_on]
    return sorted(comparable, key=lambda each: (-(each.score or 0.0), each.order))


def _item(each: Candidate, kept: dict[str, str], gone: dict[str, str], now: datetime) -> CleanupItem:
    action: Literal["keep", "trash", "purge"] = "keep" if each.model_id in kept else "trash"
    if each.status == "trashed":
        due = each.purge_at is None or datetime.fromisoformat(each.purge_at) <= now
        action = "purge" if due else "keep"
        until = (each.purge_at or "")[:10]
        why = f"its purge date was {until}" if due else f"it is in the trash until {until}"
    else:
        why = kept[each.model_id] if action == "keep" else gone[each.model_id]
    fixed = each.status != "trashed" and each.untouchable is not None
    return CleanupItem(
        each.model_id, each.model_name, each.version, action, why, fixed, each.bytes, each.registered_at, each.score,
        each.status,
    )  # fmt: skip
