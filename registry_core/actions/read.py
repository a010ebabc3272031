"""Reading: everything that changes nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import IO

from ..catalog import deployments as deployed
from ..catalog import events as chain
from ..catalog import models as versions
from ..catalog import packed
from ..catalog.database import Queries
from ..errors import InvalidInput, ModelNotFound
from ..records import (
    METRIC_FIELDS,
    Comparison,
    Deployment,
    Event,
    ModelMetadata,
    ModelNameSummary,
    ModelQuery,
    Row,
    Score,
    utc_text,
)  # fmt: skip
from ..rules import comparison, intake, metrics
from .context import Context
from .files import artifact_keys
from .model_records import leaders, ranking, record, require, summary
from .promotion import predecessor


def only_name(queries: Queries, model_name: str | None) -> str | None:
    """The name that is meant: the one given, or the only one there is; None in an empty registry.

    Raises:
        InvalidInput: none was given and there are several, which do different jobs.
    """
    if model_name is not None:
        return model_name
    names = versions.names(queries)
    if len(names) > 1:
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        raise InvalidInput(
            f"the registry holds {len(names)} model names ({shown}), which do different tasks; give one of them: "
            f"model_name={names[0]!r}"
        )
    return names[0] if names else None


def best_model_id(context: Context, model_name: str | None) -> str | None:
    """See ``Registry.get_best_model_id``."""
    name = only_name(context.database, model_name)
    return None if name is None else leaders(context.database, name).best


def metadata(context: Context, model_id: str) -> ModelMetadata:
    """See ``Registry.get_metadata``."""
    row = require(context.database, model_id)
    return record(context, row, leaders(context.database, row["model_name"]).best)


def comparison_rows(context: Context, query: ModelQuery) -> list[Row]:
    """See ``Registry.get_model_comparison``."""
    _check_bounds(query.limit, query.offset)
    rows = versions.summaries(context.database, query)
    leading = {name: leaders(context.database, name) for name in {versions.name_of(row) for row in rows}}
    # All documents in one: reading ten thousand small ones one by one takes three times as long.
    documents = json.loads(f"[{','.join(map(versions.metrics_of, rows))}]")
    measured = [{} if text == "{}" else json.loads(text) for text in map(versions.measured_of, rows)]
    return [summary(row, own, ours, leading) for row, own, ours in zip(rows, documents, measured, strict=True)]


def models(context: Context, query: ModelQuery) -> list[ModelMetadata]:
    """See ``Registry.list_models``."""
    _check_bounds(query.limit, query.offset)
    rows = versions.page(context.database, query)
    best = {name: leaders(context.database, name).best for name in {row["model_name"] for row in rows}}
    return [record(context, row, best[row["model_name"]]) for row in rows]


def _check_bounds(limit: int | None, offset: int) -> None:
    for what, number in (("limit", limit), ("offset", offset)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**62):
            raise InvalidInput(f"{what} is {number!r:.80}; give a whole number of 0 or more")


def count(context: Context, query: ModelQuery) -> int:
    """See ``Registry.count_models``."""
    return versions.count(context.database, query)


def names(context: Context) -> list[str]:
    """See ``Registry.model_names``."""
    return versions.names(context.database)


def metric_names(context: Context, model_name: str | None) -> list[str]:
    """See ``Registry.metric_names``."""
    found = versions.metric_names(context.database, model_name)
    return [name for name in METRIC_FIELDS if name in found] + [name for name in found if name not in METRIC_FIELDS]


def lower_is_better(context: Context, metric: str, model_name: str | None) -> bool:
    """See ``Registry.lower_is_better``."""
    policy = context.configuration().policy(model_name or "")
    return metrics.lower_is_better(metrics.canonical(metric), policy.lower_is_better)


def distinct(context: Context, column: str, model_name: str | None) -> list[str]:
    """See ``Registry.model_types`` and ``Registry.evaluation_sets``."""
    return versions.distinct(context.database, column, model_name)


def summaries(context: Context) -> list[ModelNameSummary]:
    """See ``Registry.summaries``."""
    found = []
    for row in versions.totals(context.database):
        name = row["model_name"]
        best = leaders(context.database, name).best
        current = deployed.current(context.database, name)
        champion = None if current is None else record(context, require(context.database, current.model_id), best)
        found.append(
            ModelNameSummary(
                name, row["versions"], int(row["quarantined"]), row["last_registered_at"], champion, current, best
            )
        )
    return found


def explain_score(context: Context, model_id: str) -> Score:
    """See ``Registry.explain_score``."""
    known = record(context, require(context.database, model_id))
    return ranking(context.configuration().policy(known.model_name), known)[0]


def compare(context: Context, model_ids: Sequence[str]) -> Comparison:
    """See ``Registry.compare``."""
    if not isinstance(model_ids, (list, tuple)) or not all(isinstance(each, str) for each in model_ids):
        raise InvalidInput(f"model_ids is {model_ids!r:.80}; give a list of 2 to 10 ids")
    ids = list(dict.fromkeys(model_ids))
    if not 2 <= len(ids) <= 10:
        raise InvalidInput(f"{len(ids)} different models are given; give 2 to 10")
    configuration = context.configuration()
    return comparison.compare(
        [metadata(context, each) for each in ids], lambda name: configuration.policy(name).lower_is_better
    )


def deployments(context: Context, model_name: str | None) -> list[Deployment]:
    """See ``Registry.deployments``."""
    return deployed.listed(context.database, model_name)


def champion_at(context: Context, model_name: str, when: datetime | str) -> str | None:
    """See ``Registry.champion_at``."""
    found = deployed.at(context.database, model_name, utc_text(intake.moment(when)))
    return None if found is None else found.model_id


def rollback_target(context: Context, model_name: str) -> str | None:
    """See ``Registry.rollback_target``."""
    if deployed.current(context.database, model_name) is None:
        return None
    return predecessor(context.database, model_name)


def events(
    context: Context,
    model_name: str | None,
    since: datetime | str | None,
    limit: int | None,
    model_id: str | None,
    kinds: Sequence[str] | None,
    actor: str | None,
    offset: int,
) -> list[Event]:
    """See ``Registry.events``."""
    _check_bounds(limit, offset)
    start = None if since is None else utc_text(intake.moment(since))
    return chain.listed(context.database, model_name, start, limit, model_id, kinds, actor, offset)


def count_events(
    context: Context, model_name: str | None, model_id: str | None, kinds: Sequence[str] | None, actor: str | None
) -> int:
    """See ``Registry.count_events``."""
    return chain.count(context.database, model_name, model_id, kinds, actor)


def verify_events(context: Context) -> int | None:
    """See ``Registry.verify_events``."""
    return chain.first_break(context.database)


def revision(context: Context) -> int:
    """See ``Registry.revision``."""
    return chain.newest(context.database)


def artifact_bytes(context: Context, model_id: str, which: str) -> bytes:
    """See ``Registry.read_artifact``."""
    return context.store.cached(*_file(context, model_id, which))


#: A presigned address is valid for so many seconds at most.
_LONGEST_ADDRESS = 3_600


def open_artifact(context: Context, model_id: str, which: str) -> IO[bytes]:
    """See ``Registry.open_artifact``."""
    key, digest = _file(context, model_id, which)
    known = packed.find(context.database, key)
    if known is not None and known.sha256 != digest:
        return io.BytesIO(context.store.cached(key, digest))
    return context.store.open(key)


def artifact_address(context: Context, model_id: str, which: str, seconds: int) -> str | None:
    """See ``Registry.artifact_address``."""
    if not 1 <= seconds <= _LONGEST_ADDRESS:
        raise InvalidInput(f"seconds is {seconds}; give 1 to {_LONGEST_ADDRESS:,}")
    key, digest = _file(context, model_id, which)
    known = packed.find(context.database, key)
    # What lies there compressed has other bytes than those that were registered.
    return None if known is not None and known.sha256 != digest else context.store.presigned(key, seconds)


def _file(context: Context, model_id: str, which: str) -> tuple[str, str]:
    """The key of a file of a version, and its sha256."""
    if which not in ("model", "scaler"):
        raise InvalidInput(f"which is {which!r:.80}; allowed are 'model' and 'scaler'")
    row = require(context.database, model_id)
    known = record(context, row)
    keys = artifact_keys(row, known.model_sha256, known.scaler_sha256)
    if which == "scaler" and len(keys) == 1:
        raise ModelNotFound(f"{model_id} was registered without a scaler")
    return keys[0 if which == "model" else 1]
