"""What was answered, on its way into telemetry: a bounded buffer and a thread that empties it.

The caller of a predictor pays for a place in the buffer only. When the buffer is full it empties it itself: slower,
and nothing is lost.
"""

from __future__ import annotations

import atexit
import errno
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ... import forks
from ...catalog.telemetry import streams
from ...catalog.telemetry.streams import Stream
from ...errors import InvalidInput, StorageError
from .calling import Later, Served, rows_of

Mode = Literal["batch", "sync", "off"]

#: How long an answer may wait to be kept, in seconds; how many rows wake the thread before; how many the buffer holds.
INTERVAL, ENOUGH, CAPACITY = 0.5, 20_000, 100_000
#: How long a caller who finds the buffer full waits for what is being stored, in seconds.
PATIENCE = 10.0
#: So many rows of one call are looked at for drift: more would not tell more.
DRIFT_ROWS = 2_000


# Not frozen: that would take longer to make than all else of it, once for every call.
@dataclass(eq=False, slots=True)
class Answered:
    """What one model answered in one call; of one that failed there are no rows, but ``lost``. Nobody changes it.

    ``answers`` are places in ``classes`` where ``coded``, else labels or values. ``inputs`` are all rows where shadows
    follow, else every so-many-th row for drift. ``slices`` are the values of columns whose values are watched apart;
    shadows have the same.
    """

    stream: Stream
    at: int
    ids: NDArray[np.int64]
    units: list[str] | None
    answers: NDArray[Any]
    scores: NDArray[Any] | None
    classes: tuple[Any, ...]
    coded: bool
    inputs: Any = None
    shadows: tuple[Served | Later, ...] = ()
    verb: str = ""
    lost: int = 0
    slow: bool = False
    only_shadows: bool = False
    slices: Mapping[str, list[Any]] | None = None
    #: Of what goes to a server: rising, so that nothing is stored twice.
    number: int = 0

    @staticmethod
    def of(
        model: Served,
        stream: Stream,
        at: int,
        ids: NDArray[np.int64],
        units: list[str] | None,
        values: NDArray[Any],
        features: Any,
        shadows: tuple[Served, ...],
        verb: str,
    ) -> Answered:
        """Of an answer. What the caller might change later is copied."""
        if shadows:
            inputs = features.copy() if hasattr(features, "copy") else features
        elif model.compared and stream.role == "champion":
            inputs = rows_of(features, slice(None, None, -(-len(ids) // DRIFT_ROWS))).copy()
        else:
            inputs = None
        answers, scores = taken(values, verb)
        return Answered(
            stream, at, ids, units, answers, scores, model.classes, scores is not None, inputs, shadows, verb
        )

    @staticmethod
    def to_score(
        model: Later, at: int, ids: NDArray[np.int64], units: list[str] | None, features: Any, verb: str
    ) -> Answered:
        """Of rows that only a shadow is to score: they were answered, and are kept as answered, by somebody else."""
        inputs = features.copy() if hasattr(features, "copy") else list(features)
        return Answered(
            model.stream,
            at,
            ids,
            units,
            _NO_ANSWERS,
            None,
            model.classes,
            False,
            inputs,
            (model,),
            verb,
            only_shadows=True,
        )

    @staticmethod
    def failure(stream: Stream, at: int, classes: tuple[Any, ...], rows: int) -> Answered:
        """Of a call without an answer to so many rows."""
        return Answered(stream, at, _NO_IDS, None, _NO_ANSWERS, None, classes, False, lost=rows)


_NO_IDS, _NO_ANSWERS = np.empty(0, np.int64), np.empty(0)


def taken(values: NDArray[Any], verb: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Answers and scores of what a model gave. A score is the probability of the positive class of two, of the
    answered one where there are more."""
    if verb == "predict":
        return values.copy(), None
    if values.shape[1] == 2:
        scores = values[:, 1].astype(np.float64)
        # As argmax decides: the first class on a tie.
        return (scores > values[:, 0]).astype(np.int64), scores
    answers = values.argmax(axis=1)
    return answers, values[np.arange(len(values)), answers].astype(np.float64)


class Overflow(Protocol):
    """Where predictions wait that cannot be stored now; see ``overflow.Folder``."""

    @property
    def folder(self) -> Path: ...

    @property
    def pending(self) -> bool: ...

    def keep(self, answered: Sequence[Answered]) -> None: ...

    def store(self) -> None: ...


class Log:
    """One for all predictors of an open registry."""

    def __init__(
        self,
        reserve: Callable[[int, int], int],
        write: Callable[[Sequence[Answered]], None],
        tell: Callable[[Any], None],
    ) -> None:
        """Keep predictions.

        Args:
            reserve: the first id of new blocks, by the present in milliseconds and the number of blocks.
            write: stores what was answered; a StorageError where it cannot, now.
            tell: says that a champion fails.
        """
        self._reserve, self._write, self._tell = reserve, write, tell
        #: Where predictions wait on disk while they cannot be stored; None: in memory only.
        self.overflow: Overflow | None = None
        self._begin()
        forks.survive(self)

    def after_fork(self, *, child: bool) -> None:
        """In a child, begin anew: its parent keeps what is in the buffer, and has the thread."""
        if child:
            self._begin()

    def _begin(self) -> None:
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._some, self._enough = threading.Event(), threading.Event()
        self._buffer: list[Answered] = []
        self._alarms: list[Any] = []
        self._rows = 0
        self._thread: threading.Thread | None = None
        self._ending: Any = None
        self._stop = threading.Event()
        self._next = self._end = self._reserved = 0

    def ids(self, count: int, at: int, mode: Mode) -> NDArray[np.int64]:
        """As many new ids, which rise; zeros where nothing is kept."""
        if mode == "off":
            return np.zeros(count, np.int64)
        with self._lock:
            if self._next + count > self._end or at - self._reserved > streams.BLOCK_AGE:
                blocks = -(-count >> streams.BLOCK_BITS) or 1
                self._next = self._reserve(at // 1000, blocks)
                self._end, self._reserved = self._next + (blocks << streams.BLOCK_BITS), at
            first = self._next
            self._next += count
        return np.arange(first, first + count, dtype=np.int64)

    def add(self, answered: Sequence[Answered], mode: Mode) -> None:
        """Keep what was answered: now, or soon."""
        rows = sum(len(each.ids) for each in answered)
        if mode == "sync":
            self.flush()
            with self._writing:
                self._write(answered)
            return
        with self._lock:
            self._buffer.extend(answered)
            self._rows += rows
            waiting = self._rows
            if self._thread is None:
                self._start()
        if not self._some.is_set():
            self._some.set()
        if waiting >= CAPACITY:
            self._empty_or_drop()
        elif waiting >= ENOUGH:
            self._enough.set()

    def tell(self, alarm: Any, mode: Mode) -> None:
        """Say that a champion fails: now, or off the answering path."""
        if mode == "sync":
            self._tell(alarm)
            return
        with self._lock:
            self._alarms.append(alarm)
            if self._thread is None:
                self._start()
        self._some.set()
        self._enough.set()

    def overflow_into(self, overflow: Overflow) -> None:
        """From now on, what cannot be stored waits in a folder; what is in it is stored.

        Raises:
            InvalidInput: predictors of this registry have another folder.
        """
        if self.overflow is not None and self.overflow.folder != overflow.folder:
            raise InvalidInput(
                f"overflow is {overflow.folder}, but predictors of this registry have {self.overflow.folder}; give all "
                "the same folder"
            )
        self.overflow = overflow
        if overflow.pending:
            with self._lock:
                if self._thread is None:
                    self._start()
            self._some.set()

    def flush(self) -> None:
        """Keep all there is, before this returns: in the registry, or in the overflow folder.

        Raises:
            StorageError: it could not be written; it stays in the buffer.
        """
        with self._writing:
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            buffer, self._buffer, self._rows = self._buffer, [], 0
            alarms, self._alarms = self._alarms, []
        try:
            if self.overflow is not None and self.overflow.pending:
                self.overflow.store()
            if buffer:
                self._write(buffer)
                buffer = []
            while alarms:
                self._tell(alarms[0])
                alarms.pop(0)
        except StorageError:
            if self.overflow is None:
                raise
            self.overflow.keep(buffer)
            buffer = []
        finally:
            if buffer or alarms:
                with self._lock:
                    self._buffer[:0], self._alarms[:0] = buffer, alarms
                    self._rows += sum(len(each.ids) for each in buffer)

    def close(self) -> None:
        """Keep all there is and end the thread; it starts again when somebody goes on answering."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stop.set()
        if thread is not None:
            atexit.unregister(self.close)
            if self._ending is not None:
                self._ending.cancel()
            self._some.set()
            self._enough.set()
            thread.join()
        self.flush()

    def _start(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._stop,), name="registry-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)
        if "multiprocessing.util" in sys.modules:
            # The processes it starts end without what is registered for the exit of an ordinary one.
            self._ending = sys.modules["multiprocessing.util"].Finalize(None, self.close, exitpriority=10)

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._some.wait()
            self._some.clear()
            self._enough.wait(INTERVAL)
            self._enough.clear()
            try:
                self.flush()
                if self._alarms or (self.overflow is not None and self.overflow.pending):
                    self._some.set()
            except StorageError:
                # Kept, and tried again; when the buffer fills up, or the log is closed, somebody hears of it.
                self._some.set()
            # A thread that ended here would let the buffer grow, and its owner would never learn why.
            except Exception:
                with self._writing:
                    self._store_one_by_one()

    def _empty_or_drop(self) -> None:
        # Answering goes before remembering: a service must not stand still because a disk is full, or a server is.
        if not self._writing.acquire(timeout=PATIENCE):
            self._drop(StorageError(errno.ETIMEDOUT, "what was to be stored before is not stored yet"))
            return
        try:
            self._flush()
        except StorageError as error:
            self._drop(error)
        except Exception:
            self._store_one_by_one()
        finally:
            self._writing.release()

    def _drop(self, error: StorageError) -> None:
        with self._lock:
            buffer, self._buffer, self._rows = self._buffer, [], 0
        try:
            if self.overflow is None:
                raise error
            self.overflow.keep(buffer)
        except StorageError as why:
            warn_not_kept(sum(len(each.ids) for each in buffer), why)

    def _store_one_by_one(self) -> None:
        """After something that nobody can keep: all else is kept, and that one dropped."""
        with self._lock:
            buffer, self._buffer, self._rows = self._buffer, [], 0
            alarms, self._alarms = self._alarms, []
        for alarm in alarms:
            try:
                self._tell(alarm)
            except Exception as error:
                warnings.warn(f"an alert could not be opened: {error}", RuntimeWarning, stacklevel=2)
        for place, each in enumerate(buffer):
            try:
                self._write([each])
            except StorageError:
                with self._lock:
                    self._buffer[:0] = buffer[place:]
                    self._rows += sum(len(later.ids) for later in buffer[place:])
                return
            except Exception as error:
                warn_not_kept(len(each.ids), error)


def warn_not_kept(dropped: int, error: Exception) -> None:
    """Say that answers were given and are not remembered."""
    warnings.warn(f"{dropped:,} predictions were not stored: {error}", RuntimeWarning, stacklevel=3)
