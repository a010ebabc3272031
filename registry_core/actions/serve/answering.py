"""Answering: rows assigned to models, one call to each, and somebody else where one fails."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...catalog.telemetry.streams import Stream
from ...errors import InvalidInput, StorageError, Unreachable
from ...live import Answer
from ...live.records import Units
from ...rules.live import routing
from ..timestamps import microseconds
from . import calling, plan, slicing
from .calling import Served
from .log import Answered, Log, Mode, warn_not_kept
from .plan import Plan, Standby
from .source import Source

Verb = Literal["predict_proba", "predict"]
Rows = NDArray[np.intp] | None
#: How long a champion that did not load is not tried again.
_TRY_AGAIN_SECONDS = 5.0


class Answering:
    """The working half of a ``Predictor``."""

    def __init__(self, source: Source, model_name: str, log: Log, mode: Mode) -> None:
        self._source, self._model_name = source, model_name
        self._log, self._mode = log, mode
        self._held: tuple[int, Plan] | None = None
        self._made = 0.0
        #: A plan that could not be read is not read again before.
        self._not_before = 0.0
        self._fallback: tuple[Plan, Served | None] | None = None
        self._lock = threading.Lock()
        #: Who failed last, and how often in a row.
        self._in_a_row = ("", 0)
        self._unkept = 0

    def plan(self) -> Plan:
        """What holds now; read anew only when somebody committed something. While a server is away, the last plan."""
        held = self._held
        if held is not None and self._source.away is not None:
            return held[1]
        changes = self._source.changes()
        if not self._holds(held, changes):
            with self._lock:
                held = self._held
                if not self._holds(held, changes):
                    held = self._held = self._made_anew(changes, held)
        assert held is not None
        return held[1]

    def _holds(self, held: tuple[int, Plan] | None, changes: int) -> bool:
        if held is None or self._worth_another_try(held[1]):
            return False
        return held[0] == changes or time.monotonic() < self._not_before

    def _made_anew(self, changes: int, held: tuple[int, Plan] | None) -> tuple[int, Plan]:
        try:
            made = plan.make(self._source)
        except Unreachable as error:
            if held is None:
                raise
            # The catalog, or the store with a new champion's files: whoever answered so far goes on.
            self._not_before = time.monotonic() + _TRY_AGAIN_SECONDS
            warnings.warn(
                f"{self._model_name}: predictions are made as before, since what changed cannot be read ({error}); it "
                "is tried again",
                RuntimeWarning,
                stacklevel=5,
            )
            return held
        self._made = time.monotonic()
        return changes, made

    def _worth_another_try(self, held: Plan) -> bool:
        """A champion that did not load may do so by now: a file put back changes nothing in the catalog."""
        return held.failed is not None and time.monotonic() - self._made > _TRY_AGAIN_SECONDS

    def answer(self, verb: Verb, features: Any, units: Units | None) -> Answer:
        """See ``Predictor``."""
        now = self.plan()
        raw = features
        features, ignored = now.matcher(raw)
        count = calling.count(features)
        names = None if units is None else unit_texts(units, count)
        if verb == "predict_proba" and now.champion is not None:
            self._check_probabilities(now.champion)
        if not count:
            return _empty(verb, now, ignored)
        at = microseconds(self._source.now())
        ids, mode = self._ids(count, at)
        call = _Call(verb, features, names, ids, at, now, mode)
        if now.slices:
            call.slices = slicing.columns(now.slices, raw, features, now.matcher.signature.feature_names)
        if now.split is None:
            values, by = self._by_champion(call, None)
            model_ids = np.empty(count, object)
            model_ids[:] = by
        else:
            values, model_ids = self._assigned(call)
        self._keep(call)
        return Answer(values, model_ids, ids, ignored)

    def _ids(self, count: int, at: int) -> tuple[NDArray[np.int64], Mode]:
        """New ids; where there are none to be had, the call is answered and not kept: answering goes first."""
        try:
            return self._log.ids(count, at, self._mode), self._mode
        except StorageError as error:
            if self._mode == "sync":
                raise
            warn_not_kept(count, error)
            return np.zeros(count, np.int64), "off"

    def _keep(self, call: _Call) -> None:
        if call.mode != "off":
            self._log.add(call.answered, call.mode)
            if call.alarm:
                self._log.tell(call.alarm, call.mode)

    def _assigned(self, call: _Call) -> tuple[NDArray[Any], NDArray[np.object_]]:
        """One call to each model that has rows."""
        split = call.plan.split
        assert split is not None
        ids = call.ids
        if call.mode == "off":
            # Rows without ids still have to be assigned apart.
            ids = np.arange(self._unkept, self._unkept + len(ids))
            self._unkept += len(ids)
        arms = split.assign(call.units, ids)
        present = [int(arms[0])] if len(arms) == 1 else np.flatnonzero(np.bincount(arms)).tolist()
        parts: list[tuple[Rows, NDArray[Any], str]] = []
        left: list[Rows] = []
        for number in present:
            rows = None if len(present) == 1 else np.flatnonzero(arms == number)
            if not number:
                parts.append((rows, *self._by_champion(call, rows)))
                continue
            arm = split.arms[number - 1]
            values = None if arm is None else call.ask_challenger(arm, rows)
            if arm is None or values is None:
                left.append(rows)
            else:
                parts.append((rows, values, arm.model_id))
        if left:
            rows = None if left[0] is None else np.sort(np.concatenate([each for each in left if each is not None]))
            parts.append((rows, *self._by_champion(call, rows, outside=True)))
        model_ids = np.empty(len(call.ids), object)
        for rows, _, by in parts:
            model_ids[slice(None) if rows is None else rows] = by
        if len(parts) == 1:
            return parts[0][1], model_ids
        order = np.argsort(np.concatenate([rows for rows, _, _ in parts if rows is not None]))
        return np.concatenate([values for _, values, _ in parts])[order], model_ids

    def _by_champion(self, call: _Call, rows: Rows, *, outside: bool = False) -> tuple[NDArray[Any], str]:
        """The champion's answer, or that of its predecessor.

        Rows that were a challenger's are ``outside`` of the experiment: they are no fair part of the champion's arm.
        """
        champion, error = call.plan.champion, call.plan.failed
        if champion is not None:
            try:
                values = call.ask(champion, rows)
            # Whatever it raises, its predecessor may be able to answer.
            except Exception as raised:
                error = raised
            else:
                self._in_a_row = ("", 0)
                call.keep(champion, rows, values, call.plan.outside if outside else None, shadows=True)
                return values, champion.model_id
        assert error is not None
        other = self._predecessor(call.plan)
        stream = champion.stream if champion and not outside else call.plan.outside
        if other is None:
            self._failing(call, None, error, stream, call.count(rows))
            self._keep(call)
            raise error
        try:
            values = call.ask(other, rows)
        # Both fail on the same rows: it is the rows, and their sender has to know.
        except Exception:
            raise error from None
        call.keep(other, rows, values)
        self._failing(call, other, error, stream, call.count(rows))
        return values, other.model_id

    def _failing(self, call: _Call, other: Served | None, error: Exception, stream: Stream, rows: int) -> None:
        champion = call.plan.champion
        call.answered.append(Answered.failure(stream, call.at, champion.classes if champion else (), rows))
        who, times = call.plan.outside.model_id, self._in_a_row[1]
        times = times + 1 if self._in_a_row[0] == who else 1
        self._in_a_row = (who, times)
        # One that does not even load will not recover by itself, so nothing is gained by waiting.
        enough = 1 if call.plan.failed is not None else call.plan.policy.failures_in_a_row
        # Again after as many more: somebody may have resolved the first alert, or it could not be opened.
        if times % enough == 0:
            from .failed_calls import Failing

            call.alarm = Failing(
                self._model_name, who, other.model_id if other else None, times,
                f"{type(error).__name__}: {error}",
            )  # fmt: skip

    def _predecessor(self, now: Plan) -> Served | None:
        held = self._fallback
        if held is None or held[0] is not now:
            held = self._fallback = (now, plan.fallback(self._source, now))
        return held[1]

    @staticmethod
    def _check_probabilities(champion: Served) -> None:
        if champion.task == "regression" or not hasattr(champion.model, "predict_proba"):
            raise InvalidInput(
                f"{champion.model_id} returns no probabilities "
                f"({'a regression' if champion.task == 'regression' else 'it has no predict_proba'}); use predict"
            )


class _Call:
    """One call of a predictor, and what of it has to be kept."""

    def __init__(
        self,
        verb: Verb,
        features: Any,
        units: list[str] | None,
        ids: NDArray[np.int64],
        at: int,
        now: Plan,
        mode: Mode,
    ) -> None:
        self.verb, self.features, self.units, self.ids, self.at, self.plan = verb, features, units, ids, at, now
        self.mode = mode
        self.answered: list[Answered] = []
        self.alarm: Any = None
        self.slices: dict[str, list[Any]] = {}
        #: Whether the last model that answered was slow.
        self._slow = False

    def ask(self, model: Served, rows: Rows) -> NDArray[Any]:
        verb: Callable[[Any], NDArray[Any]] = getattr(model, self.verb)
        features = self.features if rows is None else calling.rows_of(self.features, rows)
        allowed = self.plan.policy.slow_call_ms
        if allowed is None:
            return verb(features)
        began = perf_counter()
        values = verb(features)
        self._slow = (perf_counter() - began) * 1000 > allowed
        return values

    def count(self, rows: Rows) -> int:
        """How many rows these are; all of the call where None."""
        return len(self.ids) if rows is None else len(rows)

    def ask_challenger(self, model: Served, rows: Rows) -> NDArray[Any] | None:
        """What it answers; None where it fails, which costs nobody an answer."""
        try:
            values = self.ask(model, rows)
        # A model may raise anything.
        except Exception:
            self.answered.append(Answered.failure(model.stream, self.at, model.classes, self.count(rows)))
            return None
        self.keep(model, rows, values)
        return values

    def keep(
        self, model: Served, rows: Rows, values: NDArray[Any], stream: Any = None, *, shadows: bool = False
    ) -> None:
        units = self.units if rows is None or self.units is None else [self.units[row] for row in rows.tolist()]
        ids = self.ids if rows is None else self.ids[rows]
        features = self.features if rows is None else calling.rows_of(self.features, rows)
        self.answered.append(
            Answered.of(
                model,
                stream or model.stream,
                self.at,
                ids,
                units,
                values,
                features,
                self.plan.shadows if shadows else (),
                self.verb,
            )
        )
        self.answered[-1].slow = self._slow
        if self.slices and (shadows or model.stream.role == "split"):
            self.answered[-1].slices = self._sliced(rows)
        if shadows and self.plan.standby is not None:
            self._keep_standby(self.plan.standby, ids, units, features)

    def _sliced(self, rows: Rows) -> dict[str, list[Any]]:
        """The values of slice columns of some rows."""
        if rows is None:
            return self.slices
        places = rows.tolist()
        return {column: [values[place] for place in places] for column, values in self.slices.items()}

    def _keep_standby(self, standby: Standby, ids: NDArray[np.int64], units: list[str] | None, features: Any) -> None:
        """Keep the rows that the standby scores later, off the answering path."""
        places = standby.sampled(ids)
        if places is not None:
            if not len(places):
                return
            ids, features = ids[places], calling.rows_of(features, places)
            units = None if units is None else [units[place] for place in places.tolist()]
        self.answered.append(Answered.to_score(standby.model, self.at, ids, units, features, self.verb))


def unit_texts(units: Units, count: int) -> list[str]:
    """Units as text, a row each: 17 and "17" are one unit.

    Raises:
        InvalidInput: another number of them, or one that is empty or neither text nor a whole number.
    """
    found = units.tolist() if hasattr(units, "tolist") else units
    if isinstance(found, str | bytes) or not isinstance(found, Iterable):
        raise InvalidInput(
            f"units is {type(units).__name__}; give a list with one unit for each of the {count:,} rows, in their order"
        )
    found = list(found)
    if len(found) != count:
        raise InvalidInput(f"units has {len(found):,} entries for {count:,} rows; give one unit for each row")
    if not all(type(each) is str for each in found):
        try:
            found = [routing.unit_bytes(each).decode() for each in found]
        except UnicodeDecodeError as error:
            raise InvalidInput(f"a unit in bytes is not UTF-8 ({error}); give the unit as text") from error
    try:
        storable = b"\0" not in "".join(found).encode()
    except UnicodeEncodeError:
        storable = False
    if not storable:
        raise InvalidInput("a unit contains a NUL character or half of a surrogate pair; remove it")
    if "" in found:
        raise InvalidInput("a unit is empty; give an id such as that of the customer or the device")
    return found


def _empty(verb: Verb, now: Plan, ignored: tuple[str, ...]) -> Answer:
    classes = len(now.champion.classes) if now.champion else 0
    values = np.empty((0, classes) if verb == "predict_proba" else 0)
    return Answer(values, np.empty(0, object), np.empty(0, np.int64), ignored)
