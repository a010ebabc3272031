"""Whether a model can take the place of another: the same features in the same order, the same task and classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..records import InputChange
from ..signature import Signature
from .sentences import listed

#: Kinds that a column of the other may have: what is sent for the one is understood by the other.
_ALIKE = ({"number", "boolean"}, {"category", "text"}, {"category", "number"}, {"category", "boolean"})


class InputComparison(NamedTuple):
    """Whether two models take and give the same; ``unknown``: that cannot be told, since something is not recorded."""

    same: bool
    because: str
    unknown: bool = False


def compare_inputs(model: Signature, champion: Signature, champion_name: str) -> InputComparison:
    """Whether features, task and classes agree, and the sentence that says what does, what differs, or what is unknown.

    What cannot be compared counts as different: whoever sends rows to the champion sends them to its successor.
    """
    differ = _features(model, champion)
    if model.job and champion.job and model.job != champion.job:
        differ.append(f"it is a {model.job}, the champion is a {champion.job}")
    elif list(model.classes) != list(champion.classes) and model.classes and champion.classes:
        differ.append(_difference("class", "classes", model.classes, champion.classes))
    if differ:
        return InputComparison(False, "; ".join(differ))
    unknown = _unknown(model, champion)
    if unknown:
        because = f"{listed(unknown)}, so they cannot be compared with those of the champion {champion_name}"
        return InputComparison(False, because, unknown=True)
    if model.takes == "text":
        same = ["one text per row"]
    else:
        count = len(model.features)
        same = [f"{count:,} {'feature' if count == 1 else 'features'}"] if count else ["any features"]
    same += [f"{len(model.classes):,} classes"] if model.classes else ["a number as prediction"]
    return InputComparison(True, f"{listed(same)} as the champion {champion_name}, in the same order")


def _features(model: Signature, champion: Signature) -> list[str]:
    if model.takes != champion.takes:
        words = {"text": "one text per row", "table": "a table of features"}
        return [f"it takes {words[model.takes]}, the champion takes {words[champion.takes]}"]
    mine, theirs = model.features, champion.features
    if not mine or not theirs:
        return []
    if len(mine) != len(theirs) or (_named(model) and _named(champion) and _names(model) != _names(champion)):
        if _named(model) and _named(champion):
            return [_difference("feature", "features", _names(model), _names(champion))]
        return [f"{len(mine):,} features, the champion has {len(theirs):,}"]
    pairs = zip(mine, theirs, strict=True)
    others = [
        f"{one.name!r} is {_a(one.kind)}, the champion's {_a(two.kind)}"
        for one, two in pairs
        if one.kind != two.kind and "unknown" not in (one.kind, two.kind) and {one.kind, two.kind} not in _ALIKE
    ]
    return others[:3] + ([f"{len(others) - 3:,} more features of another type"] if len(others) > 3 else [])


def _unknown(model: Signature, champion: Signature) -> list[str]:
    """What is recorded on one side only, or on neither."""
    found = []
    for who, one, other in (("its", model, champion), ("the champion's", champion, model)):
        if not one.features and one.takes == "table" and other.features:
            found.append(f"{who} features are not recorded")
        elif one.features and not _named(one) and _named(other):
            found.append(f"{who} features have no names")
        if one.task is None or (one.task != "regression" and not one.classes and other.classes):
            found.append(
                f"{who} {'task' if one.task is None else 'classes'} {'is' if one.task is None else 'are'} not recorded"
            )
    return found


def _named(signature: Signature) -> bool:
    return signature.names != "none"


def _names(signature: Signature) -> list[str]:
    return list(signature.feature_names)


def _a(kind: str) -> str:
    return {"datetime": "a date-time", "text": "text", "unknown": "of unknown kind"}.get(kind, f"a {kind}")


def _difference(one: str, many: str, mine: Sequence[Any], theirs: Sequence[Any]) -> str:
    known, kept = set(map(repr, theirs)), set(map(repr, mine))
    new = [f"{each!r} is new" for each in mine if repr(each) not in known]
    gone = [f"{each!r} is gone" for each in theirs if repr(each) not in kept]
    if new or gone or len(mine) != len(theirs):
        named = f": {listed(new + gone)}" if new or gone else ""
        return f"{len(mine):,} {one if len(mine) == 1 else many}, the champion has {len(theirs):,}{named}"
    places = zip(mine, theirs, strict=True)
    place = next((at for at, pair in enumerate(places) if pair[0] != pair[1]), 0)
    return (
        f"the champion's {many} in another order: {one} {place + 1} is {mine[place]!r}, "
        f"the champion's is {theirs[place]!r}"
    )


def input_change(before: Signature, after: Signature) -> InputChange:
    """What callers have to change when ``after`` takes the place of ``before``, with the sentence that says it."""
    features = _moved(_known_names(before), _known_names(after))
    classes = _moved(before.classes, after.classes)
    task = (before.job, after.job) if before.job and after.job and before.job != after.job else None
    said: list[str] = []
    same: list[str] = []
    unknown: list[str] = []
    for word, new, moved in (("features", _known_names(after), features), ("classes", after.classes, classes)):
        if moved is None:
            unknown.append(word)
            continue
        added, removed, reordered = moved
        parts = [f"{len(each):,} {how} ({listed(list(map(repr, each)))})" for each, how in
                 ((added, "added"), (removed, "removed")) if each]  # fmt: skip
        if reordered:
            parts.append("the others in another order" if parts else f"the same {len(new):,} in another order")
        if parts:
            said.append(f"{word.capitalize()} change: {', '.join(parts)}.")
        else:
            same.append(f"{len(new):,} {word}")
    if task:
        said.append(f"The task changes from {task[0]} to {task[1]}.")
    if same:
        said.append(f"Same {listed(same)}, in the same order.")
    if unknown:
        said.append(f"{listed(unknown).capitalize()} were not recorded for both versions and are not compared.")
    nothing = (), (), False
    return InputChange(*(features or nothing), *(classes or nothing), task, tuple(unknown), " ".join(said))


def _known_names(signature: Signature) -> list[str]:
    return _names(signature) if _named(signature) else []


def _moved(old: Sequence[Any], new: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...], bool] | None:
    """Added, removed, and whether the rest stands in another order; None where one side was not recorded."""
    if not old or not new:
        return None
    before, after = set(map(repr, old)), set(map(repr, new))
    added = tuple(each for each in new if repr(each) not in before)
    removed = tuple(each for each in old if repr(each) not in after)
    return (
        added,
        removed,
        [each for each in old if repr(each) in after] != [each for each in new if repr(each) in before],
    )
