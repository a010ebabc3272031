"""The monitoring state of a champion: a function of the counts, recomputed from the first day that changed.

The state of each day is kept, so that a look costs the days since the last change. What is kept may be thrown away at
any time: it says nothing that the windows do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ...catalog import baselines
from ...catalog.telemetry import detectors, streams
from ...catalog.telemetry import windows as stored
from ...catalog.telemetry.streams import Stream
from ...live import FrozenBaseline
from ...policies import MonitoringPolicy
from ...records import Deployment
from ...rules.live import watching
from ...rules.live.exact import to_float
from ...rules.live.split import of_metric
from ...rules.live.sums import Sums, total
from ...rules.live.watching import Day, Pairs, Rules, Watch, Window
from .. import baseline, windows
from ..context import Context
from ..model_records import record, require
from ..timestamps import DAY, microseconds
from . import maturity, standby, traffic

#: The way the state is worked out; another one is begun anew.
FORMAT = 3
#: The states of so many last days are kept, and of every so-many-th before.
LAST_DAYS, EVERY = 3, 16
#: (stream, start, predictions, labelled)
_Count = tuple[int, int, int, int]


class Slice(NamedTuple):
    """The watch over the champion's rows of one slice, and how many labels of it count."""

    watch: Watch
    labels: int


@dataclass(frozen=True)
class Observed:
    """The watch over one deployment as it stands.

    Attributes:
        watch: its state.
        metric: what is watched: accuracy, or a regression's loss.
        labels: that count.
        waiting: that do not count yet, since others of their time are still to come.
        standby: the version that is compared with, or None.
        begun_anew: another release had worked out the state that was kept.
        slices: of each declared slice, by its name.
    """

    watch: Watch
    metric: str
    labels: int
    waiting: int
    standby: str | None
    begun_anew: bool = False
    slices: Mapping[str, Slice] = field(default_factory=dict)


def observe(context: Context, current: Deployment, policy: MonitoringPolicy, *, keep: bool) -> Observed:
    """What the watch knows of a champion by now.

    Args:
        context: of the registry.
        current: the champion's deployment.
        policy: how it is watched.
        keep: keep the states of the days, so that the next look is quick; a page does not write.
    """
    listed = streams.listed(context.telemetry, current.model_name, deployment_id=current.deployment_id)
    own = {seq: each for seq, each in listed.items() if each.role == "champion" and each.model_id == current.model_id}
    metric = baseline.watched(_task(context, current, own), policy)
    beside = standby.chosen(context, current)
    known = baselines.find(context.database, current.deployment_id)
    known = known if known is not None and known.metric == metric else None
    earlier = _earlier(context, current, metric, policy)
    shadows = {
        seq: each
        for seq, each in listed.items()
        if each.role == "shadow" and not each.experiment_id and each.model_id == beside
    }
    parts = slices_of(listed, current, policy)
    rules = Rules(
        baseline.kind(metric), policy.tolerance, policy.baseline_labels, policy.overdispersion_icc, 1 + len(parts)
    )
    first = watching.begin(rules, baseline.rule(known) if known else None, earlier)
    key = [FORMAT, metric, *_key(rules), known and [known.rows, known.mean, known.variance], beside, _sizes(earlier)]
    among = _Among(traffic.by_loss(own, metric), traffic.by_loss(shadows, metric))
    by_slice = {name: _Among(traffic.by_loss(found, metric), {}) for name, found in parts.items()}
    counts = _Counts(
        context, current.model_name, policy, [seq for each in (among, *by_slice.values()) for seq in each.numbers()]
    )
    held = detectors.state(context.telemetry, current.deployment_id) or {}
    whole = _work_out(context, among, metric, counts, first, key, held)
    begins, slice_key = watching.begin(rules), [FORMAT, metric, *_key(rules)]
    known_slices = held.get("slices", {})
    sliced = {
        name: _work_out(context, each, metric, counts, begins, slice_key, known_slices.get(name, {}))
        for name, each in by_slice.items()
    }
    if (
        keep
        and whole.document
        and (any(each.changed for each in (whole, *sliced.values())) or known_slices.keys() != sliced.keys())
    ):
        document = {**whole.document, "slices": {name: each.document for name, each in sliced.items()}}
        with context.telemetry.transaction() as transaction:
            detectors.store(transaction, current.deployment_id, current.model_name, document)
    another = bool(held) and held.get("key", [0])[0] != FORMAT
    return Observed(
        whole.watch, metric, whole.labels, whole.waiting, beside, another and whole.changed,
        {name: Slice(each.watch, each.labels) for name, each in sliced.items()},
    )  # fmt: skip


def slices_of(listed: dict[int, Stream], current: Deployment, policy: MonitoringPolicy) -> dict[str, dict[int, Stream]]:
    """The streams of each slice of a champion's rows that is to be watched, by its name, ``region=north``."""
    found: dict[str, dict[int, Stream]] = defaultdict(dict)
    for seq, each in listed.items():
        declared = each.shares.partition("=")[0] in policy.slices
        if each.role == "slice" and each.model_id == current.model_id and declared:
            found[each.shares][seq] = each
    return dict(sorted(found.items()))


class _Among(NamedTuple):
    """The streams of one detector: the champion's rows, or some of them, and those of who answers beside it."""

    own: dict[int, Stream]
    beside: dict[int, Stream]

    def numbers(self) -> list[int]:
        return [*self.own, *self.beside]


@dataclass(frozen=True)
class _Worked:
    """A state that was worked out, and the document from which the next look goes on."""

    watch: Watch
    labels: int
    waiting: int
    document: dict[str, Any]
    changed: bool


def _work_out(
    context: Context,
    among: _Among,
    metric: str,
    counts: _Counts,
    first: Watch,
    key: list[Any],
    held: dict[str, Any],
) -> _Worked:
    counted = _Counted(counts, among)
    kept = _Kept.of(held if held.get("key") == key else None)
    from_day, watch, begins = kept.restored(counted.days, first)
    labels = sum(each[1] for each in counted.days)
    if from_day is None:
        return _Worked(watch, labels, counted.waiting, held, False)
    states = kept.states[:begins]
    for day in _days(context, among, metric, counted, from_day):
        states.append((day.start, watch.to_dict()))
        watch = watch.after(day)
    document = {"key": key, "days": counted.days, "states": _thinned(states), "last": watch.to_dict()}
    return _Worked(watch, labels, counted.waiting, document, True)


def _task(context: Context, current: Deployment, own: dict[int, Stream]) -> str | None:
    """What the champion does: its answers say so, before there are any its registration."""
    for each in own.values():
        return each.task
    return record(context, require(context.database, current.model_id)).task


def frozen(watch: Watch, known: FrozenBaseline | None, metric: str) -> FrozenBaseline | None:
    """What the champion is held against, in words."""
    found = watch.baseline
    if found is None:
        return None
    if not found.days:
        return known
    source = f"its own {found.rows:,} labels of {found.days:,} day{'' if found.days == 1 else 's'}"
    return FrozenBaseline(metric, found.rows, found.mean, found.variance, source)


class _Counts:
    """How many predictions and labels streams have: by day, and by window where these are young. Read at once."""

    def __init__(self, context: Context, model_name: str, policy: MonitoringPolicy, among: list[int]) -> None:
        self.mature = maturity.before(context, model_name, policy)
        self.first_young = None if self.mature is None else self.mature - self.mature % DAY
        self._days, self._young = self._by_stream(stored.counts(context.telemetry, "days", among)), {}
        if self.first_young is not None:
            self._young = self._by_stream(stored.counts(context.telemetry, "windows", among, self.first_young))

    @staticmethod
    def _by_stream(rows: list[_Count]) -> dict[int, list[_Count]]:
        found: dict[int, list[_Count]] = defaultdict(list)
        for row in rows:
            found[row[0]].append(row)
        return found

    def days(self, seq: int) -> list[_Count]:
        """(stream, start, predictions, labelled) of each day of a stream."""
        return self._days.get(seq, [])

    def young(self, seq: int) -> list[_Count]:
        """The same of its young windows."""
        return self._young.get(seq, [])


class _Counted:
    """Labels that count, by day: (day, the champion's, pairs); ``waiting`` do not count yet."""

    def __init__(self, counts: _Counts, among: _Among) -> None:
        self.mature = counts.mature
        self.waiting = 0
        self._left_out: set[int] = set()
        by_day: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        places = {**dict.fromkeys(among.own, 0), **dict.fromkeys(among.beside, 1)}
        for seq, place in places.items():
            for _, start, _, labelled in counts.days(seq):
                if counts.first_young is None or start < counts.first_young:
                    by_day[start][place] += labelled
        if counts.first_young is not None:
            self._young(by_day, [row for seq in places for row in counts.young(seq)], places)
        self.days = [[day, *found] for day, found in sorted(by_day.items()) if any(found)]

    def _young(self, by_day: dict[int, list[int]], rows: list[_Count], places: dict[int, int]) -> None:
        """Of windows that are young, those count whose predictions all have their outcome."""
        assert self.mature is not None
        whole: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for seq, start, predictions, labelled in rows:
            if not places[seq]:
                whole[start][0] += predictions
                whole[start][1] += labelled
        for start, (predictions, labelled) in whole.items():
            if start >= self.mature and labelled < predictions:
                self._left_out.add(start)
                self.waiting += labelled
        for seq, start, _, labelled in rows:
            if start not in self._left_out:
                by_day[start - start % DAY][places[seq]] += labelled

    def counts(self, start: int) -> bool:
        """Whether the window that begins then counts."""
        return start not in self._left_out


@dataclass(frozen=True)
class _Kept:
    """Days as they were when the state was worked out, and the states before some of them."""

    days: list[list[int]]
    states: list[tuple[int, dict[str, Any]]]
    last: dict[str, Any] | None

    @staticmethod
    def of(held: dict[str, Any] | None) -> _Kept:
        if held is None:
            return _Kept([], [], None)
        return _Kept(held["days"], [(day, state) for day, state in held["states"]], held["last"])

    def restored(self, days: list[list[int]], first: Watch) -> tuple[int | None, Watch, int]:
        """From which day on it has to be worked out, the state before it, and how many states stay.

        No day: nothing has changed, and the state is the last one.
        """
        if days == self.days:
            return None, first if self.last is None else first.restore(self.last), len(self.states)
        same = next(
            (place for place, (one, two) in enumerate(zip(days, self.days, strict=False)) if one != two),
            min(len(days), len(self.days)),
        )
        # Days that were there no longer are where a stream is left out; then what came before them does not hold.
        changed = min(each[same][0] for each in (days, self.days) if same < len(each))
        usable = [place for place, (day, _) in enumerate(self.states) if day <= changed]
        if not usable:
            return days[0][0] if days else 0, first, 0
        day, state = self.states[usable[-1]]
        return day, first.restore(state), usable[-1]


def _thinned(states: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    old, new = states[:-LAST_DAYS], states[-LAST_DAYS:]
    return [each for each in old if (each[0] // DAY) % EVERY == 0] + new


def _days(context: Context, among: _Among, metric: str, counted: _Counted, since: int) -> list[Day]:
    kind = baseline.kind(metric)
    labels: dict[int, list[Sums]] = defaultdict(list)
    for _, _, start, sums in windows.read(context.telemetry, among.own, since):
        if sums.labelled and counted.counts(start):
            labels[start].append(sums)
    pairs: dict[int, list[Pairs]] = defaultdict(list)
    for _, _, start, found in windows.read_pairs(context.telemetry, among.beside, since):
        if not counted.counts(start):
            continue
        if kind == "accuracy":
            gained, squares = float(found.n01 - found.n10), float(found.n01 + found.n10)
            pairs[start].append(Pairs(start, found.rows, gained, squares, found.n01, found.n10))
        else:
            pairs[start].append(Pairs(start, found.rows, -to_float(found.loss), to_float(found.loss_squares)))
    by_day: dict[int, tuple[list[Window], list[Pairs]]] = defaultdict(lambda: ([], []))
    for start in sorted(labels):
        by_day[start - start % DAY][0].append(Window(start, *of_metric(total(labels[start]), kind)))
    for start in sorted(pairs):
        by_day[start - start % DAY][1].extend(pairs[start])
    return [Day(day, tuple(ours), tuple(theirs)) for day, (ours, theirs) in sorted(by_day.items())]


def _earlier(
    context: Context, current: Deployment, metric: str, policy: MonitoringPolicy
) -> list[tuple[int, float, float]]:
    """What the version answered in the weeks before it was promoted, by day: itself, or else beside the champion.

    Read again only when outcomes of that time have come.
    """
    began = datetime.fromisoformat(current.started_at)
    until = microseconds(began)
    since = microseconds(began - timedelta(days=watching.BASELINE_DAYS))
    since -= since % DAY
    listed = traffic.by_loss(streams.listed(context.telemetry, current.model_name, current.model_id), metric)
    before = {seq: each for seq, each in listed.items() if each.deployment_id != current.deployment_id}
    before |= {seq: each for seq, each in listed.items() if each.experiment_id and each.role in ("split", "shadow")}
    counted = [row[3] for row in stored.counts(context.telemetry, "days", list(before), since) if row[1] < until]
    place, known = ("earlier", current.deployment_id), (metric, policy.baseline_labels, counted)
    held = context.looked.get(place)
    if held is None or held[0] != known:
        found = _by_day(context, current, before, since, until, policy.baseline_labels) if any(counted) else {}
        kind = baseline.kind(metric)
        held = context.looked[place] = (known, [of_metric(total(found[day]), kind) for day in sorted(found)])
    days: list[tuple[int, float, float]] = held[1]
    return days


def _by_day(
    context: Context, current: Deployment, before: dict[int, Stream], since: int, until: int, enough: int
) -> dict[int, list[Sums]]:
    bad = standby.alarmed(context, current.model_name)
    found: dict[int, list[Sums]] = defaultdict(list)
    for roles in (("champion", "split"), ("shadow",)):
        among = {
            seq: each
            for seq, each in before.items()
            if each.role in roles and not (each.role == "champion" and each.deployment_id in bad)
        }
        for _, _, day, sums in windows.read(context.telemetry, among, since, until, table="days"):
            if sums.labelled:
                found[day].append(sums)
        if sum(each.labelled for parts in found.values() for each in parts) >= enough:
            break
    return found


def _key(rules: Rules) -> list[Any]:
    return [rules.tolerance, rules.baseline_labels, rules.icc, rules.detectors]


def _sizes(earlier: Sequence[tuple[int, float, float]]) -> list[float]:
    return [sum(each[0] for each in earlier), sum(each[1] for each in earlier)]
