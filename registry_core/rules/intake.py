"""What somebody hands in for registration: checked, bounded, and brought into one spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sized
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from ..errors import InvalidInput, InvalidMetric, InvalidName, InvalidVersion
from ..records import METRIC_FIELDS, STATE_FIELDS, Submission
from ..version import Version
from .metrics import MOST_METRICS, checked
from .readable import name_of
from .readable import plain as plain

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", *(f"COM{n}" for n in range(1, 10)), *(f"LPT{n}" for n in range(1, 10))}
)

#: Limits, in characters or items. A model id becomes part of a file name, which may hold 255 bytes.
MOST_VERSION = 999_999_999
MOST_ID, MOST_FEATURES, MOST_DOCUMENT, MOST_TEXT, MOST_TAGS = 230, 100_000, 4_000_000, 20_000, 50
MOST_CLASSES = 100_000
#: Of a file, in bytes: it is read into memory whole, to be hashed, inspected and loaded as the same bytes.
MOST_FILE = 4_000_000_000

#: What identifies one registration or is computed by it: dropped when a sidecar file is handed in again.
_COMPUTED = STATE_FIELDS | {
    "model_id", "model_file_path", "scaler_file_path", "model_sha256", "scaler_sha256", "model_bytes", "scaler_bytes",
    "registered_at", "registered_by", "origin", "inspection", "reference", "signature", "lineage",
}  # fmt: skip
_ARGUMENTS = frozenset(
    {
        "model_name", "model_type", "performance_metrics", "training_info", "feature_names", "hyperparameters",
        "version", "evaluation_set", "description", "tags",
    }
)  # fmt: skip
_FLAT = frozenset(
    {*METRIC_FIELDS, "metrics", "training_timestamp", "training_samples", "is_ensemble", "task", "classes", "libraries"}
)


#: Every key ``submission`` knows.
ACCEPTED = _ARGUMENTS | _FLAT | _COMPUTED


def check_name(name: Any, what: str) -> str:
    """A model name, type or id that may become part of a path.

    Raises:
        InvalidName: anything but 1 to 128 ASCII letters, digits and ``. _ -`` that begin with a letter or digit.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidName(
            f"{what} {name!r:.160} cannot be used: give 1 to 128 ASCII letters, digits, dots, underscores and "
            "hyphens, beginning with a letter or digit"
        )
    if ".." in name or name.endswith(".") or name.split(".")[0].upper() in _DEVICES:
        raise InvalidName(f"{what} {name!r} cannot be used: omit '..', a dot at the end, and device names such as CON")
    return name


def submission(fields: Mapping[str, Any]) -> Submission:
    """Check the arguments of ``register_model``, or a sidecar file's content, given by name.

    Raises:
        InvalidInput: an unknown key, or a value that cannot be accepted; the message names it.
    """
    if not isinstance(fields, Mapping):
        raise InvalidInput(f"metadata is {type(fields).__name__}; give a mapping from names to values")
    for key in fields:
        if key not in ACCEPTED:
            allowed = ", ".join(sorted(_ARGUMENTS | _FLAT))
            raise InvalidInput(f"metadata key {key!r:.80} is unknown; allowed are {allowed}")
    for key in ("model_name", "model_type"):
        if not fields.get(key):
            raise InvalidName(f"{key} is missing: give it, such as {key}={_EXAMPLE[key]!r}")
    info = dict(_mapping(fields, "training_info"))
    flat = {key: fields[key] for key in _FLAT & fields.keys() if fields[key] is not None}
    metrics = _metrics(fields, flat, info)
    said = {
        key: flat.get(key, info.pop(key, None))
        for key in ("training_timestamp", "training_samples", "is_ensemble", "task")
    }
    samples = said["training_samples"]
    if samples is not None:
        if isinstance(samples, bool) or (not isinstance(samples, int) and not hasattr(samples, "__index__")):
            raise InvalidInput(f"training_samples is {samples!r:.80}; give a whole number of rows")
        samples = int(samples)
        if not 0 <= samples < 2**62:
            raise InvalidInput(f"training_samples is {samples}; give a number of rows from 0 to 2**62")
    if said["is_ensemble"] is not None and plain(said["is_ensemble"]) not in (True, False):
        raise InvalidInput(f"is_ensemble is {said['is_ensemble']!r:.80}; allowed are true and false")
    if said["task"] is not None and said["task"] not in ("classification", "regression"):
        raise InvalidInput(f"task is {said['task']!r:.80}; allowed are 'classification' and 'regression'")
    names = _texts(fields.get("feature_names"), "feature_names", MOST_FEATURES, 1000)
    written = sum(map(len, names))
    if written > MOST_DOCUMENT:
        raise InvalidInput(
            f"feature_names has {written} characters in total; the maximum is {MOST_DOCUMENT}: shorten the names"
        )
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"feature_names contains {twice!r:.80} twice; give each feature its own name")
    evaluation_set = fields.get("evaluation_set")
    version = fields.get("version")
    return Submission(
        model_name=check_name(fields["model_name"], "model_name"),
        model_type=check_name(fields["model_type"], "model_type"),
        metrics=metrics,
        training_info=_document(info, "training_info"),
        feature_names=names,
        hyperparameters=_document(_mapping(fields, "hyperparameters"), "hyperparameters"),
        version=None if version is None else _version(version),
        evaluation_set=None if evaluation_set in (None, "") else check_text(evaluation_set, "evaluation_set", 200),
        description=check_text(fields.get("description") or "", "description", MOST_TEXT),
        tags=tuple(dict.fromkeys(_texts(fields.get("tags"), "tags", MOST_TAGS, 64))),
        training_timestamp=None if said["training_timestamp"] in (None, "") else moment(said["training_timestamp"]),
        training_samples=samples,
        is_ensemble=None if said["is_ensemble"] is None else bool(said["is_ensemble"]),
        task=said["task"],
        classes=_classes(flat.get("classes", ())),
        libraries={str(key): str(value) for key, value in _document(_mapping(flat, "libraries"), "libraries").items()},
    )


def _version(text: Any) -> str:
    version = Version.parse(text)
    if max(version) > MOST_VERSION:
        raise InvalidVersion(f"version {version} is too large: the maximum of each part is {MOST_VERSION}")
    return str(version)


def _classes(value: Any) -> tuple[Any, ...]:
    found = plain(value)
    if not isinstance(found, list):
        raise InvalidInput(f"classes is {type(value).__name__}; give a list of the classes of the model")
    if len(found) > MOST_CLASSES:
        raise InvalidInput(f"classes has {len(found)} entries; at most {MOST_CLASSES} are stored")
    _check_size(found, "classes")
    return tuple(found)


_EXAMPLE = {"model_name": "GreyhoundPredictor", "model_type": "RandomForest"}


def _metrics(fields: Mapping[str, Any], flat: Mapping[str, Any], info: dict[str, Any]) -> dict[str, float]:
    given: dict[Any, Any] = {}
    for source in (
        _mapping(fields, "performance_metrics"),
        _mapping(fields, "metrics"),
        {key: flat[key] for key in METRIC_FIELDS if key in flat},
        {key: info.pop(key) for key in ("data_quality_score", "data_quality") if key in info},
    ):
        given.update(source)
    metrics: dict[str, float] = {}
    said: dict[str, str] = {}
    for key, value in given.items():
        if value is None:
            continue
        name, number = checked(key, value)
        if metrics.setdefault(name, number) != number:
            raise InvalidMetric(
                f"metric {name} is given twice: {said[name]} = {given[said[name]]:g} and {key} = {value:g} are the "
                "same metric; give one of them"
            )
        said[name] = key
    if len(metrics) > MOST_METRICS:
        raise InvalidMetric(f"{len(metrics)} metrics are given; at most {MOST_METRICS} are stored")
    return metrics


def moment(value: Any) -> datetime:
    """A point in time from a datetime, ISO 8601 text or the seed's ``20250731_120000``, in UTC.

    One without a zone is meant in the local time of this process, as ``datetime.now()`` gives it.

    Raises:
        InvalidInput: it is none of these.
    """
    if isinstance(value, str):
        for read in (datetime.fromisoformat, lambda text: datetime.strptime(text, "%Y%m%d_%H%M%S")):
            try:
                value = read(value)
                break
            except ValueError:
                continue
    if not isinstance(value, datetime):
        raise InvalidInput(f"{value!r:.80} is not a time; write it as 2026-03-01T12:00:00+00:00")
    try:
        return value.astimezone(UTC)
    except (OverflowError, ValueError, TypeError) as error:
        raise InvalidInput(f"{value!r:.80} is not a time within the years 1 to 9999 in UTC") from error


def _mapping(fields: Mapping[str, Any], key: str) -> Mapping[Any, Any]:
    value = fields.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{key} is {type(value).__name__}; give a mapping from names to values")
    return value


def check_text(value: Any, what: str, most: int) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{what} is {value!r:.80}; give text")
    if len(value) > most:
        raise InvalidInput(f"{what} has {len(value)} characters; at most {most} are stored")
    if "\0" in value or not _encodable(value):
        raise InvalidInput(f"{what} contains a NUL character or half of a surrogate pair; remove it")
    return value


def _encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in text)


def _texts(value: Any, what: str, most: int, longest: int) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, (str, bytes, Mapping, set, frozenset)) or not isinstance(value, Iterable):
        why = "; a set has no order" if isinstance(value, (set, frozenset)) else ""
        raise InvalidInput(f"{what} is {type(value).__name__}{why}; give a list of texts")
    dimensions = getattr(value, "ndim", 1)
    if dimensions != 1:
        raise InvalidInput(f"{what} has {dimensions} dimensions; give a plain list of texts")
    entries = list(islice(value, most + 1))
    if len(entries) > most:
        count = len(value) if isinstance(value, Sized) else "more"
        raise InvalidInput(f"{what} has {count} entries; at most {most} are stored")
    return tuple(
        check_text(each if isinstance(each, str) else name_of(each), f"an entry of {what}", longest) for each in entries
    )


def _document(value: Mapping[Any, Any], what: str) -> dict[str, Any]:
    document: dict[str, Any] = plain(value)
    _check_size(document, what)
    return document


def _check_size(document: Any, what: str) -> None:
    size = len(json.dumps(document))
    if size > MOST_DOCUMENT:
        raise InvalidInput(f"{what} takes {size} characters as JSON; the maximum is {MOST_DOCUMENT}")
