"""Sums by window: added to as predictions and outcomes come in, read as history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..catalog.database import Queries, Transaction
from ..catalog.telemetry import streams
from ..catalog.telemetry import windows as stored
from ..catalog.telemetry.streams import Stream
from ..catalog.telemetry.windows import Table
from ..errors import InvalidInput
from ..live import Window
from ..rules.live import scores
from ..rules.live.figures import figures
from ..rules.live.paired import PairedSums
from ..rules.live.sums import Sums, total
from .context import Context
from .timestamps import DAY, MINUTE, given, text

Every = Literal["window", "day", "week"]
Key = tuple[int, int]
#: The first of January 1970 was a Thursday; weeks begin on Mondays.
_THURSDAY = 3
#: A window is as long as its stream says.
_MINUTES: dict[Every, int] = {"day": 1440, "week": 7 * 1440}


def start_of(stream: Stream, at: int) -> int:
    """Where the window begins that holds a moment."""
    return at - at % (stream.minutes * MINUTE)


def by_start(stream: Stream, moments: NDArray[np.int64]) -> Iterator[tuple[int, Any]]:
    """The windows of some moments, each with the places of its rows."""
    starts = moments - moments % (stream.minutes * MINUTE)
    if starts[0] == starts[-1] and (starts == starts[0]).all():
        yield int(starts[0]), slice(None)
        return
    for start in np.unique(starts).tolist():
        yield start, np.flatnonzero(starts == start)


class Tally:
    """What one transaction adds to windows, days and pairs."""

    def __init__(self) -> None:
        self._sums: dict[tuple[Table, Key], list[Sums]] = defaultdict(list)
        self._pairs: dict[Key, PairedSums] = {}

    def add(self, stream: Stream, seq: int, start: int, sums: Sums) -> None:
        """Add to a window of a stream, and to its day."""
        self._sums["windows", (seq, start)].append(sums)
        self._sums["days", (seq, start - start % DAY)].append(sums)

    def add_pairs(self, seq: int, start: int, sums: PairedSums) -> None:
        """Add to a window of a shadow's pairs."""
        known = self._pairs.get((seq, start))
        self._pairs[seq, start] = sums if known is None else known + sums

    def totals(self) -> dict[tuple[Table, Key], Sums]:
        """What was added so far, by table, stream and start."""
        return {key: total(parts) for key, parts in self._sums.items()}

    def pairs(self) -> dict[Key, PairedSums]:
        """The pairs that were added so far, by stream and start."""
        return dict(self._pairs)

    def store(self, transaction: Transaction) -> None:
        """Add all of it to what is stored."""
        for (table, key), new in sorted(self._sums.items(), key=lambda item: item[0]):
            known = stored.blobs(transaction, table, *key)
            sums = total(new if known is None else [Sums.from_bytes(*known), *new])
            counts = (sums.predictions, sums.failures, sums.labelled)
            stored.store(transaction, table, key, counts, auc(sums) if sums.labelled else None, sums.to_bytes())
        for key, pairs in sorted(self._pairs.items()):
            known = stored.blobs(transaction, "paired_windows", *key)
            both = pairs if known is None else PairedSums.from_bytes(*known) + pairs
            stored.store_pairs(transaction, key, both.rows, both.to_bytes())


def auc(sums: Sums) -> float | None:
    """The area under the ROC curve, from the histograms of scores; None where there are none of both classes."""
    if sums.detail is None:
        return None
    found = scores.area(sums.detail.scores_of_0, sums.detail.scores_of_1)
    return None if found is None else found.value


def read(
    queries: Queries,
    among: dict[int, Stream],
    since: int | None = None,
    until: int | None = None,
    *,
    detail: bool = False,
    table: Table = "windows",
) -> list[tuple[int, Stream, int, Sums]]:
    """The sums of some streams from one moment to before another: (number, stream, start, sums), in their order."""
    rows = stored.read(queries, table, list(among), since, until, detail=detail)
    return [
        (row[0], among[row[0]], row[1], Sums.from_bytes(bytes(row[6]), bytes(row[7]) if detail else None))
        for row in rows
    ]


def read_pairs(
    queries: Queries, among: dict[int, Stream], since: int | None = None, until: int | None = None
) -> list[tuple[int, Stream, int, PairedSums]]:
    """The pairs of some shadows' streams, likewise; with their clusters."""
    rows = stored.read(queries, "paired_windows", list(among), since, until, detail=True)
    return [(row[0], among[row[0]], row[1], PairedSums.from_bytes(bytes(row[3]), bytes(row[4]))) for row in rows]


def history(
    context: Context,
    model_name: str | None,
    model_id: str | None,
    since: datetime | str | None,
    every: Every,
    at_most: int | None,
) -> list[Window]:
    """See ``Registry.performance_history``."""
    if every not in get_args(Every):
        raise InvalidInput(f"every is {every!r:.80}; allowed are 'window', 'day' and 'week'")
    if at_most is not None and at_most < 1:
        raise InvalidInput(f"at_most is {at_most!r:.80}; give a whole number of 1 or more, or None for no limit")
    queries = context.telemetry
    listed = streams.listed(queries, model_name, model_id)
    # Rows of a slice are the champion's own, once more.
    among = {seq: stream for seq, stream in listed.items() if stream.role != "slice"}
    start = None if since is None else given(since)
    if start is not None:
        longest = max((stream.minutes for stream in among.values()), default=0) * MINUTE
        start -= {"window": longest, "day": DAY, "week": 7 * DAY}[every] - 1
    table: Table = "windows" if every == "window" else "days"
    rows = stored.read(queries, table, list(among), start)
    minutes = {seq: _MINUTES.get(every, stream.minutes) for seq, stream in among.items()}
    merged = _fewer([(row[1], minutes[row[0]]) for row in rows], every, at_most)
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        each, length = among[row[0]], merged * minutes[row[0]]
        head = (each.model_name, each.model_id, each.role, each.experiment_id)
        groups[(_begin(row[1], length, every), *head, length, each.task, each.loss, each.positive)].append(row)
    return [_window(queries, table, key, groups[key]) for key in sorted(groups)]


def _begin(start: int, minutes: int, every: Every) -> int:
    """Where the stretch of so many minutes begins that holds a moment; the same for everybody who asks."""
    origin = -_THURSDAY * DAY if every == "week" else 0
    return start - (start - origin) % (minutes * MINUTE)


def _fewer(windows: Sequence[tuple[int, int]], every: Every, at_most: int | None) -> int:
    """How many neighbours become one, a power of two, so that there are no more stretches of time than asked for."""
    merged = 1
    while at_most is not None and len({_begin(start, merged * each, every) for start, each in windows}) > at_most:
        merged *= 2
    return merged


def _window(queries: Queries, table: Table, key: tuple[Any, ...], rows: Sequence[tuple[Any, ...]]) -> Window:
    begin, name, of, role, experiment, minutes, task, loss, _ = key
    labelled = [row for row in rows if row[4]]
    if len(labelled) > 1:
        # Their scores have to be seen together: an area has no mean either.
        known = (stored.blobs(queries, table, row[0], row[1]) for row in labelled)
        found = figures(total([Sums.from_bytes(*each) for each in known if each is not None]), task, loss)
        metrics = found.metrics
    else:
        found = figures(total([Sums.from_bytes(bytes(row[6])) for row in labelled]), task, loss)
        area = labelled[0][5] if labelled else None
        metrics = {**found.metrics, **({} if area is None else {"auc": area})}
    predictions, failures, labels = (sum(row[column] for row in rows) for column in (2, 3, 4))
    return Window(
        name, of, role, experiment or None, text(begin), minutes, predictions, failures, labels, metrics,
        found.intervals,
    )  # fmt: skip
