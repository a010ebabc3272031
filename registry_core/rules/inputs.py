"""Whether a model can take the place of another: the same inputs in the same order, the same classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..records import ModelMetadata
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
