"""Old predictions: out of telemetry into files, and read from both as one.

A file is written aside, synced and renamed; then its rows are deleted and it is noted, in one transaction that looks
first whether they are still the rows of the file. Killed in between, the file is one that nobody noted: the next try
writes its own and removes it. Any number of processes may do so at once.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from ...artifacts.store import Sink
from ...catalog import models
from ...catalog.database import Queries
from ...catalog.telemetry import archives, partitions, predictions, streams
from ...catalog.telemetry.archives import Archive
from ...errors import Conflict, InvalidInput
from ..context import Context
from ..timestamps import given, microseconds, moment

if TYPE_CHECKING:
    import pandas as pd

#: Rows of one file: a few seconds' work, so that nobody waits long for the database.
MOST_ROWS = 100_000
_LAST = 1 << 62
_MOST_DAYS = 100_000
#: Whole numbers from here on do not fit into a column; older versions took them as labels.
_WHOLE = 1 << 63

COLUMNS = (
    *("prediction_id", "at", "unit", "model_id", "role", "experiment_id", "answer", "score", "truth", "truth_at"),
)


def archive(context: Context, older_than_days: float | None) -> int:
    """See ``Registry.archive_performance``."""
    if older_than_days is not None and (
        isinstance(older_than_days, bool)
        or not isinstance(older_than_days, int | float)
        or not 0 <= older_than_days <= _MOST_DAYS
    ):
        raise InvalidInput(
            f"older_than_days is {older_than_days!r:.80}; give a number of days from 0 to {_MOST_DAYS:,}"
        )
    _check_libraries()
    gone = 0
    last = microseconds(context.now())
    for model_name in models.names(context.database):
        policy = context.configuration().policy(model_name).monitoring_policy
        days = policy.keep_predictions_days if older_than_days is None else older_than_days
        before = microseconds(context.now() - timedelta(days=days))
        last = min(last, before)
        while count := _archive_next(context, model_name, before):
            gone += count
    with context.telemetry.transaction() as transaction:
        partitions.drop_before(transaction, last // 1000)
    return gone


def _check_libraries() -> None:
    try:
        import pandas  # noqa: F401
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"the prediction history requires {error.name}: pip install 'model-registry-dashboard[evaluation]'"
        ) from error


def _archive_next(context: Context, model_name: str, before: int) -> int:
    """Archive the oldest rows; how many predictions left, 0 when none are left that old.

    Others may do the same at the same time. Who holds the lock and finds exactly the rows of his file is the one whose
    file counts; the other chooses anew. Only files that no row claims are removed, and none that one still could.
    """
    telemetry = context.telemetry
    folder = f"archive/predictions/{model_name}"
    while found := archives.next_ids(telemetry, model_name, before, MOST_ROWS):
        first, last, _ = found
        rows = archives.old_rows(telemetry, model_name, before, first, last)
        # Another took some of them by now, or a late one came in.
        if not rows or (rows[0][0], rows[-1][0]) != (first, last):
            continue
        times = [row[1] for row in rows]
        count = len({row[0] for row in rows})
        data = _to_parquet(_frame(telemetry, model_name, rows))
        staged = context.store.stage(partial(_copy, data))
        # By its content, so that a name never stands for two contents, whoever else writes.
        begin = f"{moment(times[0]):%Y%m%d}_{first}_"
        key = f"{folder}/{begin}{last}_{staged.sha256[:16]}.parquet"
        context.store.make_folder(folder)
        context.store.publish({key: staged})
        with telemetry.transaction() as transaction:
            claimed = archives.files_from(transaction, model_name, first)
            if not archives.as_filed(transaction, model_name, before, rows, first, last):
                if key not in claimed:
                    context.store.remove(key)
                continue
            if claimed:
                raise Conflict(
                    f"the prediction {first} of {model_name} is in the catalog and in the archive "
                    f"{context.store.address(claimed[0])}: restore telemetry from a backup, or delete one of the two"
                )
            # Another who wrote the very same file, and came too late with it, may have removed it.
            if not context.store.exists(key):
                continue
            noted = Archive(first, last, model_name, min(times), max(times), len(rows), key, staged.sha256)
            archives.replace(transaction, noted, before)
        # Left by those who were killed, or about to be refused: their first row is in our file, and in no other.
        for name in context.store.names(folder):
            if name.startswith(begin) and f"{folder}/{name}" != key:
                context.store.remove(f"{folder}/{name}")
        return count
    return 0


def _copy(data: bytes, sink: Sink) -> None:
    sink.write(data)


def history(
    context: Context, model_name: str, since: datetime | str | None, until: datetime | str | None
) -> pd.DataFrame:
    """See ``Registry.prediction_history``."""
    _check_libraries()
    import pandas as pd

    start = -_LAST if since is None else given(since)
    end = _LAST if until is None else given(until)
    # Under one lock, or rows that leave at this moment would be seen twice, or not at all.
    with context.telemetry.transaction() as transaction:
        files = archives.listed(transaction, model_name, start, end)
        rows = predictions.history(transaction, model_name, start, end)
    live = _frame(context.telemetry, model_name, rows)
    parts = [_from_file(context, each, start, end) for each in files]
    parts = [each for each in [*parts, live] if len(each)]
    if not parts:
        return live
    return pd.concat(parts, ignore_index=True).sort_values(["prediction_id", "role"], ignore_index=True, kind="stable")


def _frame(queries: Queries, model_name: str, rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    import pandas as pd

    known = streams.listed(queries, model_name)
    labels = streams.labels(queries, model_name)
    ids, at, units, seqs, answers, scores, truths, told = zip(*rows, strict=True) if rows else [()] * 8
    of = [known[seq] for seq in seqs]
    frame = pd.DataFrame(
        {
            "prediction_id": pd.Series(ids, dtype="int64"),
            "at": pd.to_datetime(pd.Series(at, dtype="int64"), unit="us", utc=True),
            "unit": pd.Series(units, dtype="str"),
            "model_id": pd.Series([each.model_id for each in of], dtype="str"),
            "role": pd.Series([each.role for each in of], dtype="str"),
            "experiment_id": pd.Series([each.experiment_id for each in of], dtype="int64"),
            "answer": _values([each.task for each in of], answers, labels),
            "score": pd.Series(scores, dtype="float64"),
            "truth": _values([each.task for each in of], truths, labels),
            "truth_at": pd.to_datetime(pd.Series(told, dtype="Int64"), unit="us", utc=True),
        }
    )
    return frame[list(COLUMNS)]


def _values(tasks: Sequence[str], codes: Sequence[float | None], labels: Sequence[Any]) -> pd.Series[Any]:
    """Answers or truths as they were given; labels of several kinds as text."""
    import pandas as pd

    found = [
        code if code is None or task == "regression" else labels[int(code)]
        for task, code in zip(tasks, codes, strict=True)
    ]
    # By all labels there are, so that every part of a history has one type.
    if any(isinstance(each, str) or (isinstance(each, int) and not -_WHOLE <= each < _WHOLE) for each in labels):
        return pd.Series([each if each is None else str(each) for each in found], dtype="str")
    whole = bool(labels) and "regression" not in tasks and all(type(each) is int for each in labels)
    return pd.Series(found, dtype="Int64" if whole else "float64")


def _to_parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _from_file(context: Context, archive: Archive, start: int, end: int) -> pd.DataFrame:
    import pandas as pd

    data = context.store.content(archive.file, archive.file_sha256)
    frame = pd.read_parquet(io.BytesIO(data))
    if archive.since < start or archive.until >= end:
        at = frame["at"].astype("int64")
        frame = frame[(at >= start) & (at < end)]
    return frame
