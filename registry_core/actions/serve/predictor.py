"""What a prediction service holds; nothing is imported here that opening a registry could do without."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ...live import Answer
from ...live.records import Units

if TYPE_CHECKING:
    from .answering import Answering


def _predictor(
    reopen: Callable[..., Any], arguments: tuple[Any, ...], model_name: str, log: str, overflow: str | None = None
) -> Any:
    return reopen(*arguments).predictor(model_name, log=log, overflow=overflow)


class Predictor:
    """Answers with the champion of a model name, and with its challengers what their experiment says.

    Made by ``Registry.predictor``; may be called from several threads. A promotion, a rollback or a new share made by
    any process is seen by the very next call; with PostgreSQL or a server, by calls a moment later. The scaler of each
    model is applied. Where the champion fails to load or to answer, its latest healthy predecessor answers; where that
    one fails on the same rows as well, the champion's error is raised. Where a challenger fails, the champion answers.

    With ``log="batch"`` answers are kept by a thread of their own within half a second; a process that is killed loses
    at most what it answered in that time and while that was written, and never more than about 200,000 rows.
    ``log="sync"`` keeps each call's answers before it returns, and raises a StorageError where it cannot;
    ``log="off"`` keeps nothing, and all prediction ids are 0.

    While PostgreSQL, the store or the server is away, predictions are made with the last known champion. They wait in
    memory, about 100,000 rows, or with ``overflow`` in files of a folder, 1 GB; those of requests later than an hour
    after the last contact are not stored. What is not stored is said in a warning.

    It goes on in a forked process, and it can be pickled: another process opens the registry again.
    """

    def __init__(
        self,
        model_name: str,
        answering: Answering,
        flush: Callable[[], None],
        elsewhere: tuple[Callable[[], tuple[Any, ...]], str, str | None],
    ) -> None:
        self.model_name = model_name
        self._answering, self._flush, self._elsewhere = answering, flush, elsewhere

    def predict_proba(self, features: Any, units: Units | None = None) -> Answer:
        """The probability of each class, in the order of the champion's classes.

        Args:
            features: (rows, inputs): a DataFrame, an array or a list of rows.
            units: (rows,) who or what each row is about, as text or whole numbers: in an experiment a unit keeps its
                model. Without them each row is assigned by itself.

        Returns:
            an answer with ``values`` of shape (rows, classes).

        Raises:
            NoModelAvailable: the model name has no champion.
            InvalidInput: features or units are not as described, or the champion gives no probabilities.
            Exception: the champion's own error, when nobody else could answer either.
        """
        return self._answering.answer("predict_proba", features, units)

    def predict(self, features: Any, units: Units | None = None) -> Answer:
        """Labels, or values of a regression: ``values`` has shape (rows,). All else as ``predict_proba``."""
        return self._answering.answer("predict", features, units)

    def flush(self) -> None:
        """Keep what was answered so far before this returns.

        Raises:
            StorageError: the disk is full, or the database out of reach; it is tried again later.
        """
        self._flush()

    def close(self) -> None:
        """The same as ``flush``; the registry's own ``close`` ends the thread that keeps answers."""
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        reopened, log, overflow = self._elsewhere
        return _predictor, (*reopened(), self.model_name, log, overflow)

    def __repr__(self) -> str:
        return f"Predictor({self.model_name!r})"
