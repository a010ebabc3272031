"""Whether a model can take the place of another: the same inputs in the same order, the same classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..records import InputChange, ModelMetadata
from .sentences import listed


def compare_inputs(model: ModelMetadata, champion: ModelMetadata) -> tuple[bool, str]:
    """Whether names, order and classes agree, and the sentence that says what does or what differs.

    What one side never recorded is not compared and does not count as different.
    """
    differ, unknown, same = [], [], []
    for one, many, mine, theirs in (
        ("input", "inputs", model.feature_names, champion.feature_names),
        ("class", "classes", model.classes, champion.classes),
    ):
        if not mine or not theirs:
            unknown.append(many)
        elif list(mine) == list(theirs):
            same.append(f"{len(mine):,} {one if len(mine) == 1 else many}")
        else:
            differ.append(_difference(one, many, mine, theirs))
    if model.task and champion.task and model.task != champion.task:
        differ.append(f"it is a {model.task}, the champion a {champion.task}")
    if differ:
        return False, "; ".join(differ)
    agree = [f"{listed(same)} as the champion {champion.model_id}, in its order"] if same else []
    left_out = [f"{listed(unknown)} were not recorded on both sides and not compared"] if unknown else []
    return True, "; ".join(agree + left_out)


def _difference(one: str, many: str, mine: Sequence[Any], theirs: Sequence[Any]) -> str:
    known, kept = set(map(repr, theirs)), set(map(repr, mine))
    new = [f"{each!r} is new" for each in mine if repr(each) not in known]
    gone = [f"{each!r} is gone" for each in theirs if repr(each) not in kept]
    if new or gone or len(mine) != len(theirs):
        named = f": {listed(new + gone)}" if new or gone else ""
        return f"{len(mine):,} {one if len(mine) == 1 else many}, the champion has {len(theirs):,}{named}"
    place = next(at for at, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1])
    return (
        f"the champion's {many} in another order: {one} {place + 1} is {mine[place]!r}, "
        f"the champion's is {theirs[place]!r}"
    )


def input_change(before: ModelMetadata, after: ModelMetadata) -> InputChange:
    """What callers have to change when ``after`` takes the place of ``before``, with the sentence that says it."""
    features = _moved(before.feature_names, after.feature_names)
    classes = _moved(before.classes, after.classes)
    task = (before.task, after.task) if before.task and after.task and before.task != after.task else None
    said: list[str] = []
    same: list[str] = []
    unknown: list[str] = []
    for word, new, moved in (("features", after.feature_names, features), ("classes", after.classes, classes)):
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
