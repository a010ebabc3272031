"""Stored counts of live traffic for monitoring: by champion, by arm, by window."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from ...catalog import deployments
from ...catalog.telemetry import streams
from ...catalog.telemetry import windows as stored
from ...catalog.telemetry.streams import Stream
from ...live import Experiment
from ...records import Deployment
from ...rules.live.paired import PairedSums
from ...rules.live.sums import Sums, total
from .. import windows
from ..context import Context
from ..timestamps import MINUTE, microseconds


@dataclass(frozen=True)
class Bucket:
    """One window of a split under one set of shares: the champion's sums, and each challenger's by its place."""

    shares: tuple[float, ...]
    start: int
    champion: Sums
    challengers: tuple[Sums, ...]

    @property
    def arms(self) -> tuple[Sums, ...]:
        """All of them, the champion's first."""
        return (self.champion, *self.challengers)


def of_deployment(
    context: Context, deployment: Deployment, loss: str | None, since: int | None = None, *, detail: bool = False
) -> list[tuple[int, Stream, Sums]]:
    """The windows of a champion in one deployment, by their start; those of one window are added up.

    Of a regression only what was counted by ``loss``: losses of two kinds have no sum. None takes all, for whoever
    looks at scores only.
    """
    among = by_loss(_as_champion(context, deployment), loss)
    found: dict[int, tuple[int, Stream, Sums]] = {}
    for _, stream, start, sums in windows.read(context.telemetry, among, since, detail=detail):
        held = found.get(start)
        found[start] = (start, stream, sums if held is None else held[2] + sums)
    return [found[start] for start in sorted(found)]


def labels_of(context: Context, deployment: Deployment) -> int:
    """How many outcomes a champion has in one deployment."""
    counted = stored.counts(context.telemetry, "days", list(_as_champion(context, deployment)))
    return sum(labelled for _, _, _, labelled in counted)


def whole(context: Context, deployment: Deployment, loss: str) -> Sums:
    """All a champion did in one deployment, with its details; of a regression what was counted by ``loss``.

    Read by days, of which there are fewer than windows.
    """
    among = by_loss(_as_champion(context, deployment), loss)
    days = windows.read(context.telemetry, among, detail=True, table="days")
    return total([sums for _, _, _, sums in days])


def by_loss(among: dict[int, Stream], loss: str | None) -> dict[int, Stream]:
    """Streams without the streams of a regression that count another loss."""
    return {seq: each for seq, each in among.items() if loss in (None, each.loss) or each.task != "regression"}


def _as_champion(context: Context, deployment: Deployment) -> dict[int, Stream]:
    listed = streams.listed(
        context.telemetry, deployment.model_name, deployment.model_id, deployment_id=deployment.deployment_id
    )
    return {seq: stream for seq, stream in listed.items() if stream.role == "champion"}


def told(context: Context, experiment: Experiment) -> int:
    """How many labels and failed calls the challengers of an experiment have, in any role."""
    among = _of_experiment(context, experiment, ("split", "shadow"))
    return sum(int(row[3]) + int(row[4]) for row in stored.read(context.telemetry, "windows", list(among)))


def _of_experiment(context: Context, experiment: Experiment, roles: Collection[str]) -> dict[int, Stream]:
    listed = streams.listed(context.telemetry, experiment.model_name, experiment_id=experiment.experiment_id)
    return by_loss({seq: stream for seq, stream in listed.items() if stream.role in roles}, experiment.metric)


def split(context: Context, experiment: Experiment) -> list[Bucket]:
    """The windows of an experiment in which its challengers answered, by shares and time."""
    among = _of_experiment(context, experiment, ("champion", "split"))
    places = {arm.challenger_id: place for place, arm in enumerate(experiment.arms, start=1)}
    found: dict[tuple[str, int], list[Sums]] = {}
    for _, stream, start, sums in windows.read(context.telemetry, among, detail=True):
        arms = found.setdefault((stream.shares, start), [Sums()] * (len(places) + 1))
        place = 0 if stream.role == "champion" else places[stream.model_id]
        arms[place] = arms[place] + sums
    return [
        Bucket(_shares(shares, len(places)), start, arms[0], tuple(arms[1:]))
        for (shares, start), arms in sorted(found.items(), key=lambda item: (item[0][1], item[0][0]))
    ]


@dataclass(frozen=True)
class SliceTraffic:
    """One slice of a challenger's traffic: its windows in a split beside the champion's, and its pairs in shadow."""

    name: str
    split: list[tuple[int, Sums, Sums]]
    pairs: list[tuple[int, PairedSums]]


def slices(
    context: Context, experiment: Experiment, deployment: Deployment, challenger_id: str, columns: Sequence[str],
    starts: Collection[int],
) -> list[SliceTraffic]:  # fmt: skip
    """What a challenger did in each slice of some columns, in the order in which the slices came up.

    Args:
        context: of the registry.
        experiment: the challenger's.
        deployment: the champion's in which the experiment began.
        challenger_id: which challenger.
        columns: whose values are the slices.
        starts: the windows of the split that are compared.
    """
    telemetry, name = context.telemetry, experiment.model_name
    theirs = _sliced(streams.listed(telemetry, name, challenger_id, experiment.experiment_id), experiment, columns)
    champions = _sliced(
        streams.listed(telemetry, name, experiment.champion_id, 0, deployment.deployment_id), experiment, columns
    )
    found = {stream.shares: SliceTraffic(stream.shares, [], []) for stream in theirs.values()}
    answered: dict[tuple[str, int], Sums] = {}
    # The champion served before the split began, for months perhaps.
    began = min(starts, default=None)
    for _, stream, start, sums in windows.read(telemetry, {} if began is None else champions, began, detail=True):
        if start in starts:
            answered[stream.shares, start] = answered.get((stream.shares, start), Sums()) + sums
    for _, stream, start, sums in windows.read(telemetry, theirs, detail=True):
        if (stream.shares, start) in answered:
            found[stream.shares].split.append((start, answered[stream.shares, start], sums))
    for _, stream, start, pairs in windows.read_pairs(telemetry, theirs):
        found[stream.shares].pairs.append((start, pairs))
    return list(found.values())


def _sliced(listed: dict[int, Stream], experiment: Experiment, columns: Sequence[str]) -> dict[int, Stream]:
    slices = {
        seq: each for seq, each in listed.items() if each.role == "slice" and each.shares.partition("=")[0] in columns
    }
    return by_loss(slices, experiment.metric)


def _shares(text: str, count: int) -> tuple[float, ...]:
    found = tuple(float(each) for each in text.split(",") if each)
    return found if len(found) == count else (0.0,) * count


def pairs(context: Context, experiment: Experiment, challenger_id: str) -> list[tuple[int, PairedSums]]:
    """The windows in which a challenger scored the champion's rows, by their start."""
    among = _shadow(context, experiment, challenger_id)
    found: dict[int, PairedSums] = {}
    for _, _, start, sums in windows.read_pairs(context.telemetry, among):
        held = found.get(start)
        found[start] = sums if held is None else held + sums
    return sorted(found.items())


def in_shadow(context: Context, experiment: Experiment, challenger_id: str) -> list[tuple[int, Sums]]:
    """What a challenger did in shadow, by window."""
    among = _shadow(context, experiment, challenger_id)
    return [(start, sums) for _, _, start, sums in windows.read(context.telemetry, among)]


def _shadow(context: Context, experiment: Experiment, challenger_id: str) -> dict[int, Stream]:
    listed = streams.listed(
        context.telemetry, experiment.model_name, challenger_id, experiment_id=experiment.experiment_id
    )
    return by_loss({seq: stream for seq, stream in listed.items() if stream.role == "shadow"}, experiment.metric)


def asked_in_shadow(context: Context, found: Experiment) -> list[list[Sums]]:
    """By window, what the champion and each challenger beside it were asked, and how often they failed."""
    arms = [dict(_beside_shadow(context, found))]
    arms += [dict(in_shadow(context, found, arm.challenger_id)) for arm in found.arms]
    return [[arm.get(start, Sums()) for arm in arms] for start in sorted(set().union(*arms))]


def _beside_shadow(context: Context, found: Experiment) -> list[tuple[int, Sums]]:
    """The champion while challengers score beside it: its windows from the experiment's on, by their start."""
    deployment = deployments.at(context.database, found.model_name, found.started_at)
    if deployment is None:
        return []
    began = microseconds(datetime.fromisoformat(found.started_at))
    until = microseconds(datetime.fromisoformat(found.ended_at)) if found.ended_at else None
    return [
        (start, sums)
        for start, stream, sums in of_deployment(context, deployment, found.metric)
        if start + stream.minutes * MINUTE > began and (until is None or start < until)
    ]
