"""The correlation of rows within one day: days are independent, rows of a day are not.

Flights are late on the same days, demand is odd on the same holidays. The variance of daily error rates was found to be
1 to 26 times that of independent rows. Whatever counts rows as evidence divides it by ``Days.inflation``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import InvalidInput

#: The intraclass correlation that is expected before there are days to learn it from, and how many days that weighs.
PRIOR, WEIGHT = 0.01, 4.0


@dataclass(frozen=True, slots=True)
class Days:
    """Sums over days, from which the correlation within a day is learnt.

    Attributes:
        days: how many had rows.
        rows: of all of them.
        rows_squared: the sum of the squares of each day's rows.
        total: the sum of what is watched: mistakes, losses, differences of two models.
        between: the sum of each day's total squared, divided by its rows.
        squares: the sum of the squares of rows.
    """

    days: int = 0
    rows: float = 0
    rows_squared: float = 0.0
    total: float = 0.0
    between: float = 0.0
    squares: float = 0.0

    def add(self, rows: float, total: float, squares: float) -> Days:
        """With one more day: its rows, the sum of what is watched, and the sum of its squares."""
        if not rows:
            return self
        return Days(
            self.days + 1,
            self.rows + rows,
            self.rows_squared + float(rows) * rows,
            self.total + total,
            self.between + total * total / rows,
            self.squares + squares,
        )

    @property
    def mean(self) -> float:
        """Of a row; 0 without any."""
        return self.total / self.rows if self.rows else 0.0

    @property
    def learnt(self) -> float:
        """The intraclass correlation as these days show it, 0 to 1; 0 where fewer than two days show nothing.

        The estimator by analysis of variance, as in Fleiss 1981, cut off at 0 and 1.
        """
        if self.days < 2 or self.rows <= self.days:
            return 0.0
        between = max(self.between - self.total * self.total / self.rows, 0.0) / (self.days - 1)
        within = max(self.squares - self.between, 0.0) / (self.rows - self.days)
        size = (self.rows - self.rows_squared / self.rows) / (self.days - 1)
        whole = between + (size - 1) * within
        return min(max((between - within) / whole, 0.0), 1.0) if whole > 0 else 0.0

    @property
    def icc(self) -> float:
        """The intraclass correlation to reckon with: as learnt, shrunk towards ``PRIOR`` as by ``WEIGHT`` more days.

        Few rows a day show one by chance where there is none, with a deviation of about sqrt(2 / (days - 1)) over the
        rows of a day: what is learnt counts for less by how that compares with ``PRIOR``.
        """
        known = max(self.days - 1, 0)
        if not known:
            return PRIOR
        chance = 2 / known * (self.days / self.rows) ** 2
        share = known / (known + WEIGHT) * PRIOR**2 / (PRIOR**2 + chance)
        return share * self.learnt + (1 - share) * PRIOR

    @property
    def of_all(self) -> float:
        """How many times the variance of the sum over all these days is that of independent rows; at least 1.

        Learnt from the very days that are summed up, the correlation is uncertain, and the sum like one of Student
        rather than normal: the variance of the former is f / (f - 2) times that of the latter, f degrees of freedom.
        """
        if not self.rows:
            return 1.0
        freedom = max(self.days - 1, 0) + WEIGHT
        return self.inflation(self.rows_squared / self.rows, min(self.icc * freedom / (freedom - 2), 1.0))

    @property
    def in_the_end(self) -> float:
        """What ``of_all`` comes to over many more days like these, for planning: without the prior."""
        return self.inflation(self.rows_squared / self.rows, self.learnt) if self.rows else 1.0

    def inflation(self, rows: float, icc: float | None = None) -> float:
        """How many times the variance of so many rows of one day is that of independent ones; at least 1.

        Raises:
            InvalidInput: a correlation outside of 0 to 1.
        """
        return inflation(rows, self.icc if icc is None else icc)


def inflation(rows: float, icc: float) -> float:
    """1 + (rows - 1) * icc, at least 1: the design effect of a day with so many rows (Kish 1965).

    Raises:
        InvalidInput: a correlation outside of 0 to 1.
    """
    if not 0 <= icc <= 1:
        raise InvalidInput(f"the correlation within a day is {icc:g}; give a number from 0 to 1")
    return 1 + max(rows - 1, 0.0) * icc


def of_days(days: Iterable[tuple[float, float, float]]) -> Days:
    """From (rows, sum, sum of squares) of each day, in the order of the days."""
    found = Days()
    for rows, total, squares in days:
        found = found.add(rows, total, squares)
    return found
