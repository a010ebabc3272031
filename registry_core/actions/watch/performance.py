"""The performance of a champion over a period: its sums are merged, the metrics are computed once."""

from __future__ import annotations

from datetime import datetime

from ...catalog import deployments, models
from ...catalog.telemetry import streams
from ...catalog.telemetry.streams import Stream
from ...catalog.telemetry.windows import Table
from ...errors import ModelNotFound, NoModelAvailable
from ...live import LivePerformance
from ...rules.live.figures import figures
from ...rules.live.sums import Sums, total
from .. import windows
from ..context import Context
from ..model_records import require
from ..timestamps import DAY, MINUTE, given, microseconds, text
from .traffic import by_loss

#: Behind every moment there is.
FOREVER = 1 << 62


def performance(
    context: Context, model_name: str, model_id: str | None, since: datetime | str | None, until: datetime | str | None
) -> LivePerformance:
    """See ``Registry.live_performance``."""
    deployment_id, began = None, 0
    if model_id is None:
        current = deployments.current(context.database, model_name)
        if current is None:
            if model_name not in models.names(context.database):
                raise ModelNotFound(f"no model has the name {model_name!r:.160}; model_names() lists all")
            raise NoModelAvailable(f"{model_name} has no champion; promote a model, or name a model_id")
        model_id, deployment_id = current.model_id, current.deployment_id
        began = microseconds(datetime.fromisoformat(current.started_at))
    elif require(context.database, model_id)["model_name"] != model_name:
        raise ModelNotFound(f"{model_id} is not a version of {model_name}; name one of its versions")
    listed = streams.listed(context.telemetry, model_name, model_id, deployment_id=deployment_id)
    among = by_loss(
        {seq: stream for seq, stream in listed.items() if stream.role == "champion"},
        context.configuration().policy(model_name).monitoring_policy.loss,
    )
    now = microseconds(context.now())
    start, end = 0 if since is None else given(since), FOREVER if until is None else given(until)
    found = _counted(context, among, start, end)
    first = min([begins for begins, _, _ in found], default=start or now)
    last = max([ends for _, ends, _ in found], default=first)
    stream = next(iter(among.values()), None)
    return pooled(
        (model_name, model_id, text(max(first, began)), text(min(last, now))),
        total([sums for _, _, sums in found]),
        stream.task if stream else "",
        stream.loss if stream else "",
    )


def pooled(of: tuple[str, str, str, str], sums: Sums, task: str, loss: str) -> LivePerformance:
    """The record of some sums; ``of`` is model name, model id, beginning and end."""
    found = figures(sums, task, loss)
    return LivePerformance(
        *of, sums.predictions, sums.failures, sums.labelled, found.metrics, found.intervals, found.auc_bracket
    )


def _counted(context: Context, among: dict[int, Stream], since: int, until: int) -> list[tuple[int, int, Sums]]:
    """Beginning, end and sums of the windows that reach into a stretch of time.

    Whole days are read as days, of which there are fewer; windows only at both ends.
    """
    longest = max((stream.minutes for stream in among.values()), default=0) * MINUTE
    first, last = -(-since // DAY) * DAY, until // DAY * DAY
    parts: list[tuple[Table, int, int]] = [("windows", since - longest + 1, until)]
    if first < last:
        parts = [("windows", since - longest + 1, first), ("days", first, last), ("windows", last, until)]
    found = []
    for table, begin, end in parts:
        for _, stream, start, sums in windows.read(context.telemetry, among, begin, end, detail=True, table=table):
            ends = start + max(stream.minutes * MINUTE, DAY if table == "days" else 0)
            if ends > since:
                found.append((start, ends, sums))
    return found
