"""How experiments begin and go on: modes, shares and stages, as people ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from ..errors import InvalidInput
from ..live import Mode

#: The usual way: first beside the champion, then with ever more of the traffic; 1.0 is the promotion.
DEFAULT_STAGES: tuple[str | float, ...] = ("shadow", 0.01, 0.05, 0.25, 0.5, 1.0)
_MOST_CHALLENGERS = 16
_DEFAULT_SHARE = 0.05

Shares = float | Mapping[str, float]


@dataclass(frozen=True)
class Plan:
    """How an experiment begins: what was asked for, checked."""

    mode: Mode
    shares: tuple[float, ...]
    stages: tuple[str | float, ...] = ()


def challengers_of(asked: str | Sequence[str]) -> tuple[str, ...]:
    """The ids that were given, one or several.

    Raises:
        InvalidInput: none, too many, or one twice.
    """
    named = (asked,) if isinstance(asked, str) else tuple(asked) if isinstance(asked, Sequence) else ()
    if not named or not all(isinstance(each, str) for each in named) or len(named) > _MOST_CHALLENGERS:
        raise InvalidInput(
            f"challenger_id is {asked!r:.80}; give the id of a model, or a list of 1 to {_MOST_CHALLENGERS} ids"
        )
    if len(set(named)) < len(named):
        twice = next(each for each in named if named.count(each) > 1)
        raise InvalidInput(f"challenger_id names {twice} twice; name each challenger once")
    return named


def plan(
    challengers: tuple[str, ...],
    mode: str | None,
    share: Shares | None,
    stages: str | Sequence[str | float] | None,
) -> Plan:
    """How an experiment begins, from what was asked for.

    Raises:
        InvalidInput: mode, shares or stages that do not go together or cannot be assigned.
    """
    if stages is not None:
        if mode is not None or share is not None:
            raise InvalidInput("stages replace mode and share; omit mode and share, or stages")
        way = _stages(stages)
        first = way[0]
        if isinstance(first, str):
            return Plan("shadow", (0.0,) * len(challengers), way)
        return Plan("split", assigned_shares(first, challengers), way)
    if mode not in (None, "shadow", "split"):
        raise InvalidInput(f'mode is {mode!r:.80}; allowed are "shadow" and "split"')
    if mode != "split":
        if share is not None:
            raise InvalidInput('a challenger in shadow has no traffic share; omit share, or give mode="split"')
        return Plan("shadow", (0.0,) * len(challengers))
    return Plan("split", assigned_shares(_DEFAULT_SHARE if share is None else share, challengers))


def _stages(asked: str | Sequence[str | float]) -> tuple[str | float, ...]:
    allowed = f'"default", or a list such as {list(DEFAULT_STAGES)}'
    if isinstance(asked, str) and asked == "default":
        return DEFAULT_STAGES
    if hasattr(asked, "tolist"):
        asked = asked.tolist()
    if isinstance(asked, str) or not isinstance(asked, Sequence) or not asked or len(asked) > 50:
        raise InvalidInput(f"stages is {asked!r:.80}; give {allowed}")
    shares: list[float] = []
    for place, stage in enumerate(asked):
        if stage == "shadow" and not place:
            continue
        if isinstance(stage, bool) or not isinstance(stage, int | float) or not 0 < stage <= 1:
            raise InvalidInput(
                f"stages contains {stage!r:.80}; give shares above 0, at most 1, after an optional first 'shadow'"
            )
        if shares and stage <= shares[-1]:
            raise InvalidInput(f"stages contains {stage:g} after {shares[-1]:g}; give increasing shares")
        shares.append(float(stage))
    if shares == [1.0] and asked[0] != "shadow":
        raise InvalidInput("stages is [1.0], which is the promotion; give a smaller share first, or promote the model")
    return ("shadow", *shares) if asked[0] == "shadow" else tuple(shares)


def assigned_shares(
    share: Shares, challengers: Sequence[str], taking_part: Sequence[str] | None = None
) -> tuple[float, ...]:
    """A share for each challenger: what was said for each, or an equal part of what they answer together.

    Raises:
        InvalidInput: no share from above 0 to 1, more than 1 together, or a challenger too many or too few.
    """
    active = list(challengers if taking_part is None else taking_part)
    from .live.routing import check_shares

    if isinstance(share, Mapping):
        each = dict(share)
    elif _is_number(share):
        each = dict.fromkeys(active, share / len(active))
    else:
        raise InvalidInput(f"share is {share!r:.80}; give a number above 0, at most 1, or one share per challenger id")
    for challenger, part in each.items():
        if challenger not in active:
            raise InvalidInput(
                f"share names {challenger!r:.160}, which is not a challenger of the experiment: {', '.join(active)}"
            )
        if not _is_number(part) or not 0 < part <= 1:
            raise InvalidInput(f"the share of {challenger} is {part!r:.80}; give a number above 0, at most 1")
    missing = [challenger for challenger in active if challenger not in each]
    if missing:
        raise InvalidInput(f"share lacks {', '.join(missing)}; give each challenger a share")
    found = tuple(float(each.get(challenger, 0.0)) for challenger in challengers)
    check_shares(found)
    return found


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
