"""The address and what is chosen on a page <-> a typed query. Plain functions; no page reads its widgets raw."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from hashlib import blake2b
from typing import Any

from registry_core import ModelQuery

PAGE_SIZE = 50
MOST_COMPARED = 5
NAMES = 20

#: What the filter "Status" offers, in the words of the table, and what each asks of the catalog.
STATUSES: Mapping[str, Mapping[str, Any]] = {
    "Current": {"status": ["registered", "disqualified"]},
    "Eligible": {"eligible": True},
    "Quarantined": {"artifact": "quarantined", "status": ["registered", "rejected", "archived", "disqualified"]},
    "Rejected": {"status": "rejected"},
    "Disqualified": {"status": "disqualified"},
    "Archived": {"status": "archived"},
    "Trashed": {"status": "trashed"},
    "Purged": {"status": "purged"},
    "All": {},
}

#: The fixed orders; every metric of the model name is offered besides.
ORDERS: Mapping[str, str] = {
    "Score": "composite_score",
    "Version": "version",
    "Registered": "registered_at",
    "Trained": "training_timestamp",
}


#: How the column of a metric begins: no metric, however it is called, takes the place of another column.
METRIC_COLUMN = "metric:"
#: What the catalog orders by under these names is a field of the model, never a metric called like it.
FIELDS_OF_MODELS = frozenset({*ORDERS.values(), "model_id"})


@dataclass(frozen=True)
class Board:
    """The leaderboard that is asked for: which models, in what order, which page."""

    name: str
    search: str = ""
    types: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    status: str = "Current"
    order_by: str = "composite_score"
    descending: bool = True
    page: int = 1

    @property
    def where(self) -> dict[str, Any]:
        """The filter as the core takes it."""
        wanted: dict[str, Any] = dict(STATUSES.get(self.status, {}))
        if self.search.strip():
            wanted["search"] = self.search.strip()
        if self.types:
            wanted["model_type"] = list(self.types)
        if self.sets:
            wanted["evaluation_set"] = list(self.sets)
        return wanted

    @property
    def by_merit(self) -> bool:
        """Whether the best come first, so that a version that cannot be promoted has no rank."""
        return self.order_by not in FIELDS_OF_MODELS - {"composite_score"}

    @property
    def filtered(self) -> bool:
        """Whether anything is left out on purpose."""
        return bool(self.search.strip() or self.types or self.sets or self.status != "Current")

    def pages(self, total: int) -> int:
        """How many pages that many models fill; an empty board has one."""
        return max(1, -(-total // PAGE_SIZE))

    def models(self) -> ModelQuery:
        """The page as the core takes it."""
        offset = PAGE_SIZE * (max(1, self.page) - 1)
        return ModelQuery(self.name, self.order_by, self.descending, PAGE_SIZE, offset, self.where)

    def fingerprint(self, revision: int) -> str:
        """A short word for these rows in this order. A table keyed by it forgets a selection made by position."""
        return blake2b(repr((self, revision)).encode(), digest_size=6).hexdigest()


def order_column(label: str, metrics: Sequence[str], labels: Mapping[str, str]) -> str:
    """The column behind the label of an order; the score for one that is unknown."""
    if label in ORDERS:
        return ORDERS[label]
    return next((name for name in metrics if labels.get(name) == label), "composite_score")


def by_header(column: str, order_by: str, *, descending: bool) -> tuple[str, bool] | None:
    """The order a click on a column's header asks for: the catalog's column, and whether the highest come first.

    Another column begins with the highest, the present one turns round. None for a column nothing is ordered by.
    """
    wanted = ORDERS.get(column, column.removeprefix(METRIC_COLUMN) if column.startswith(METRIC_COLUMN) else None)
    if wanted is None:
        return None
    return wanted, not descending if wanted == order_by else True


@dataclass(frozen=True)
class Log:
    """The events that are asked for."""

    name: str | None = None
    kinds: tuple[str, ...] = ()
    actor: str = ""
    page: int = 1
    conditions: dict[str, Any] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        wanted: dict[str, Any] = {"model_name": self.name}
        if self.kinds:
            wanted["kinds"] = list(self.kinds)
        if self.actor.strip():
            wanted["actor"] = self.actor.strip()
        object.__setattr__(self, "conditions", wanted)

    def pages(self, total: int) -> int:
        return max(1, -(-total // PAGE_SIZE))

    @property
    def offset(self) -> int:
        return PAGE_SIZE * (max(1, self.page) - 1)


def ids(text: str | None) -> list[str]:
    """The model ids of an address (``?select=a,b``), each once, no more than can be compared."""
    found = [each for each in (text or "").split(",") if each]
    return list(dict.fromkeys(found))[:MOST_COMPARED]


def moment(day: date, clock: time, where: tzinfo) -> datetime:
    """A day and a time as the viewer's zone has them, in UTC."""
    return datetime.combine(day, clock, tzinfo=where).astimezone(UTC)


class DuplicateKey(ValueError):
    """A JSON object gives a key twice: which of the two is meant, nobody can tell."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise DuplicateKey(f"gives {json.dumps(twice)} more than once: keep one of them")
    return found


def json_object(text: str | bytes, what: str = "the metadata") -> dict[str, Any]:
    """A JSON object somebody typed or uploaded.

    Raises:
        ValueError: it is none; the message says where it goes wrong.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except DuplicateKey as error:
        raise ValueError(f"{what} {error}") from error
    except RecursionError as error:
        raise ValueError(f"{what} is JSON nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{what} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f'{what} holds {type(found).__name__}; an object such as {{"name": 1}} is needed')
    return found


def _label(text: str) -> Any:
    """A label as it was typed: a number where it is one."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def upload_metadata(
    *,
    name: str | None,
    kind: str | None,
    measured: str | None,
    version: str,
    metrics: Mapping[str, float | None],
    further: str,
    inputs: str,
    classes: str = "",
    parameters: str,
    samples: int | None,
    is_ensemble: bool,
    description: str,
    tags: str,
) -> dict[str, Any]:
    """What was typed into the upload form, as the arguments of ``register_model``. What is empty is left out.

    Raises:
        ValueError: a field that holds JSON does not.
    """
    known = {metric: value for metric, value in metrics.items() if value is not None}
    if further.strip():
        known |= json_object(further, "Further metrics")
    fields: dict[str, Any] = {
        "model_name": (name or "").strip(),
        "model_type": (kind or "").strip(),
        "performance_metrics": known,
        "evaluation_set": (measured or "").strip() or None,
        "version": version.strip() or None,
        "feature_names": [line.strip() for line in inputs.splitlines() if line.strip()],
        "classes": [_label(each.strip()) for each in classes.split(",") if each.strip()],
        "hyperparameters": json_object(parameters, "Hyperparameters") if parameters.strip() else {},
        "description": description.strip() or None,
        "tags": [tag.strip() for tag in tags.split(",") if tag.strip()],
        "training_info": {"training_samples": samples, "is_ensemble": True if is_ensemble else None},
    }
    fields["training_info"] = {key: value for key, value in fields["training_info"].items() if value is not None}
    return {key: value for key, value in fields.items() if value not in (None, "", [], {}) or key.startswith("model_")}
