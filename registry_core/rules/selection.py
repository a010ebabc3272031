"""Who may be chosen, who is chosen, and which states lead where."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import StateConflict
from ..events import EventKind
from ..records import Artifact, Decision, Deployment, Status

#: Before the name of a benchmark, where a score is made of what was measured on it.
MEASURED_ON = "benchmark:"


def why_not_eligible(status: Status, artifact: Artifact) -> str | None:
    """The reason a model may not be chosen, or None when it may."""
    if artifact == "quarantined":
        return "its file is quarantined: it has imports that are not trusted yet"
    if status != "registered":
        return f"it is {status}"
    return None


def is_eligible(status: Status, artifact: Artifact, endorsed: bool, ranked_on: str) -> bool:
    """Whether a model may be chosen without anybody's word.

    What a file from outside reports of itself is a claim: it takes part once somebody endorsed for it, by approving or
    promoting it, or where it is ranked by what the registry measured.
    """
    return why_not_eligible(status, artifact) is None and (endorsed or ranked_on.startswith(MEASURED_ON))


def challenge(
    score: float | None,
    note: str | None,
    evaluation_set: str | None,
    champion_name: str | None,
    champion_score: float | None,
    champion_set: str | None,
    margin: float,
) -> Decision:
    """Whether a new eligible model takes the champion's place: its score must be higher by more than the margin.

    Ties keep the incumbent. Two different evaluation sets, or a champion without a score, are a matter for a person.
    """
    if score is None:
        return Decision(False, note or "no score")
    if champion_name is None:
        return Decision(True, f"score {score:.4f}; there was no champion")
    if evaluation_set != champion_set:
        return Decision(
            False,
            f"not comparable: ranked on {evaluation_set or 'an unnamed set'}, the champion {champion_name} on "
            f"{champion_set or 'an unnamed set'}",
        )
    if champion_score is None:
        return Decision(False, f"the champion {champion_name} has no score to compare with; a person has to decide")
    beyond = f" by more than {margin:g}" if margin else ""
    if score > champion_score + margin:
        return Decision(True, f"score {score:.4f} beats {champion_score:.4f} of {champion_name}{beyond}")
    return Decision(
        False, f"score {score:.4f} does not beat {champion_score:.4f} of the champion {champion_name}{beyond}"
    )


def predecessors(history: Sequence[Deployment], eligible: Collection[str]) -> list[str]:
    """Whom a rollback would return to: the earlier champions of one model name that are eligible, latest first.

    ``history`` are its deployments, newest first. One whose promotion was undone neither failed nor proved itself.
    """
    current = history[0].model_id if history and history[0].ended_at is None else None
    earlier = dict.fromkeys(each.model_id for each in history if not each.undone)
    return [model_id for model_id in earlier if model_id != current and model_id in eligible]


_MOVES: dict[str, tuple[frozenset[Status], Status, EventKind]] = {
    "reject": (frozenset({"registered"}), "rejected", EventKind.REJECTED),
    "archive": (frozenset({"registered", "rejected"}), "archived", EventKind.ARCHIVED),
    "restore": (frozenset({"rejected", "archived", "trashed"}), "registered", EventKind.RESTORED),
    "disqualify": (frozenset({"registered"}), "disqualified", EventKind.DISQUALIFIED),
    "reinstate": (frozenset({"disqualified"}), "registered", EventKind.REINSTATED),
    "delete": (frozenset({"registered", "rejected", "archived", "disqualified"}), "trashed", EventKind.TRASHED),
    "purge": (frozenset({"trashed"}), "purged", EventKind.PURGED),
}


def move(
    verb: str, model_id: str, status: Status, is_champion: bool, was: Status | None = None
) -> tuple[Status, EventKind]:
    """The state a verb leads to, and the kind of its event. Out of the trash it leads to what the model ``was``.

    Raises:
        StateConflict: the verb does not fit the state, or would leave production with a model nobody wants.
    """
    allowed, target, kind = _MOVES[verb]
    if is_champion:
        raise StateConflict(f"{model_id} is the champion; promote another model or roll back before you {verb} it")
    if status not in allowed:
        way = "; restore it first" if status == "trashed" else "; delete it first" if verb == "purge" else ""
        raise StateConflict(
            f"{model_id} is {status}; only a model that is {' or '.join(sorted(allowed))} can be {kind}{way}"
        )
    return (was or target) if status == "trashed" and verb == "restore" else target, kind
