"""Who answers now: the champion, its challengers with their shares, the shadows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...catalog.telemetry.streams import NO_POSITIVE, Stream
from ...errors import Unreachable
from ...live import Experiment
from ...live.serving import ServingPlan
from ...policies import MonitoringPolicy
from ...rules.live import routing
from ...rules.matching import Matcher
from ...signature import Signature
from .calling import Later, Served, classes_of, served, task_of
from .source import Source


@dataclass(frozen=True, eq=False)
class Split:
    """Challengers that answer their shares. ``arms`` stand in their order; one that takes no part is None."""

    salt: str
    shares: tuple[float, ...]
    arms: tuple[Served | None, ...]

    def assign(self, units: list[str] | None, ids: NDArray[np.int64]) -> NDArray[np.int8]:
        """Who answers each row: 0 the champion, i the i-th arm. Without units each row is assigned by itself."""
        where = scattered(self.salt, ids) if units is None else routing.positions(self.salt, units)
        return routing.arms(where, self.shares)


@dataclass(frozen=True, eq=False)
class Standby:
    """The earlier champion, which scores a ``share`` of the champion's rows beside it."""

    model: Later
    share: float

    def sampled(self, ids: NDArray[np.int64]) -> NDArray[np.intp] | None:
        """Which rows it scores, by their places; None for all of them."""
        if self.share >= 1:
            return None
        if len(ids) == 1:
            return _FIRST if scattered(_STANDBY, ids)[0] < self.share else _NONE
        return np.flatnonzero(scattered(_STANDBY, ids) < self.share)


#: Who is sampled is nobody's choice, and has nothing to do with who is assigned to which arm.
_STANDBY = "standby"
_FIRST, _NONE = np.zeros(1, np.intp), np.empty(0, np.intp)


@dataclass(frozen=True, eq=False)
class Plan:
    """What holds until something changes in the catalog.

    ``failed`` is why the champion cannot be loaded; its place is taken by its predecessor then. ``matcher`` holds what
    arrives against the champion's signature, whether it loads or not. ``outside`` is the
    champion's stream for rows that are no part of the experiment. ``slices`` are columns whose values are
    watched apart. ``predecessors`` answer where it fails, latest first.
    """

    champion: Served | None
    failed: Exception | None
    matcher: Matcher
    outside: Stream
    split: Split | None
    shadows: tuple[Served, ...]
    policy: MonitoringPolicy
    standby: Standby | None = None
    slices: tuple[str, ...] = ()
    predecessors: tuple[str, ...] = ()


def make(source: Source) -> Plan:
    """Read who answers, and load them.

    Raises:
        NoModelAvailable: the model name has no champion.
        Unreachable: the models are with a server that does not answer.
    """
    found = source.plan()
    current, policy = found.champion, found.policy
    blank = Stream(
        found.model_name, current.model_id, "champion", 0, current.deployment_id, "", "", NO_POSITIVE, policy.loss,
        policy.window_minutes,
    )  # fmt: skip
    try:
        loaded = source.load(current.model_id)
        task, classes = task_of(loaded[0], loaded[2]), classes_of(loaded[0], loaded[2])
        champion = served(loaded, _of(blank, task), task, source.signature(current.model_id), classes)
    except Unreachable:
        raise
    # Loading runs the constructors of any library; whatever they raise, somebody else may still answer.
    except Exception as error:
        in_front = _in_front(source.signature(current.model_id))
        return Plan(None, error, in_front, blank, None, (), policy, predecessors=found.predecessors)
    outside = champion.stream
    split, shadows = None, []
    for experiment in found.experiments:
        if experiment.status != "running" or experiment.champion_id != current.model_id:
            continue
        if experiment.mode == "shadow":
            for arm in experiment.running:
                stream = outside._replace(
                    model_id=arm.challenger_id, role="shadow", experiment_id=experiment.experiment_id
                )
                shadows.append(_loaded(source, arm.challenger_id, stream, champion))
        else:
            split, champion = _split(source, experiment, champion)
    beside = _standby(source, found, outside, champion)
    slices = () if policy.on_degradation == "off" else policy.slices
    in_front = _in_front(champion.matcher.signature)
    return Plan(
        champion, None, in_front, outside, split, tuple(shadows), policy, beside, slices, found.predecessors
    )  # fmt: skip


def _standby(source: Source, found: ServingPlan, outside: Stream, champion: Served) -> Standby | None:
    chosen = found.standby
    if chosen is None:
        return None
    stream = outside._replace(model_id=chosen, role="shadow")
    later = Later(stream, champion.classes, lambda: _loaded(source, chosen, stream, champion))
    return Standby(later, found.standby_share)


def _in_front(signature: Signature) -> Matcher:
    """What holds rows against the champion's signature, and keeps names of columns for challengers that know them."""
    return Matcher(signature, framed=True)


def _split(source: Source, experiment: Experiment, champion: Served) -> tuple[Split, Served]:
    shares = tuple(arm.share if arm.status == "running" else 0.0 for arm in experiment.arms)
    of_champion = champion.stream._replace(
        experiment_id=experiment.experiment_id, shares=",".join(f"{share:g}" for share in shares)
    )
    arms = [
        _loaded(source, arm.challenger_id, of_champion._replace(model_id=arm.challenger_id, role="split"), champion)
        if arm.status == "running" and arm.share > 0
        else None
        for arm in experiment.arms
    ]
    return Split(experiment.salt, shares, tuple(arms)), replace(champion, stream=of_champion)


def _loaded(source: Source, model_id: str, stream: Stream, champion: Served) -> Served:
    """A challenger, or what stands for one that cannot be loaded: it fails whenever it is asked."""
    try:
        loaded = source.load(model_id)
        return served(loaded, stream, champion.task, source.signature(model_id), champion.classes)
    except Unreachable:
        raise
    except Exception as error:
        failing = _Unloadable(error)
        return Served(
            model_id, failing, None, champion.task, champion.classes, None, stream, champion.matcher
        )  # fmt: skip


class _Unloadable:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def predict(self, features: Any) -> Any:
        raise self._error

    predict_proba = predict


def fallback(source: Source, plan: Plan) -> Served | None:
    """The latest earlier champion that is healthy, loads and answers in the champion's way; None when there is none."""
    for model_id in plan.predecessors:
        try:
            loaded = source.load(model_id)
            task = plan.champion.task if plan.champion else task_of(loaded[0], loaded[2])
            classes = plan.champion.classes if plan.champion else classes_of(loaded[0], loaded[2])
            stream = _of(plan.outside._replace(model_id=model_id, deployment_id=0), task)
            return served(loaded, stream, task, source.signature(model_id), classes)
        # Loading runs the constructors of any library; the one before may still answer.
        except Exception:
            continue
    return None


def _of(stream: Stream, task: str) -> Stream:
    return stream._replace(task=task, loss=stream.loss if task == "regression" else "")


def scattered(salt: str, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """A position from 0 to 1 for each id, (rows,): the finisher of splitmix64 on the id and the salt's hash.

    A row without a unit has nothing to be kept together with, so it need not pay for a cryptographic hash.
    """
    key = int.from_bytes(blake2b(salt.encode(), digest_size=8).digest(), "little")
    if len(ids) == 1:
        # A dozen numpy calls cost more than the few numbers of a single row.
        return np.array([(_mixed(int(ids[0]), key) >> 11) * 2.0**-53])
    mixed = ids.astype(np.uint64) * np.uint64(_FACTORS[0]) + np.uint64(key)
    mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(_FACTORS[1])
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(_FACTORS[2])
    mixed ^= mixed >> np.uint64(31)
    found: NDArray[np.float64] = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found


_FACTORS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_64_BITS = (1 << 64) - 1


def _mixed(number: int, key: int) -> int:
    mixed = (number * _FACTORS[0] + key) & _64_BITS
    mixed = ((mixed ^ mixed >> 30) * _FACTORS[1]) & _64_BITS
    mixed = ((mixed ^ mixed >> 27) * _FACTORS[2]) & _64_BITS
    return mixed ^ mixed >> 31
