"""The evidence that all challengers of an experiment are judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...catalog import models
from ...live import Experiment, Guardrail, SliceComparison
from ...notices import ReportWarning
from ...rules.live.sums import Sums
from ..context import Context
from . import traffic


@dataclass(frozen=True)
class Evidence:
    """What all challengers of one experiment are judged by; ``asked`` has all arms by window, the champion's first."""

    experiment: Experiment
    alpha: float
    variance: float | None
    buckets: tuple[traffic.Bucket, ...]
    asked: tuple[Sequence[Sums], ...]
    mature: int | None
    begins: int
    guardrails: tuple[Guardrail, ...]
    slices: tuple[SliceComparison, ...]
    warnings: tuple[ReportWarning, ...]

    @property
    def compared(self) -> list[traffic.Bucket]:
        """The windows of a split whose outcomes are in, without those that told of the spread."""
        return [each for each in self.buckets if self.begins <= each.start and self.counts(each.start, *each.arms)]

    def counts(self, start: int, *arms: Sums) -> bool:
        """Whether the outcomes of a window are no selection: it is old enough, or all of them are in."""
        if self.mature is None or start < self.mature:
            return True
        return sum(each.labelled for each in arms) >= sum(each.predictions for each in arms)


def names_of(context: Context, found: Experiment) -> tuple[str, ...]:
    """What sentences call the arms; a single challenger needs no name."""
    if len(found.arms) == 1:
        return ()
    return "champion", *(models.display_name(context.database, arm.challenger_id) for arm in found.arms)
