"""What a sender says of a model's origin, beside its file: checked and bounded like all that comes from outside."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from ..errors import InvalidInput
from .intake import MOST_FEATURES, check_text

_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOST_PACKAGES, _SHORT, _LONG = 200, 255, 1_000
#: Of a reference: features, bins of each, and rows behind them; see ``actions.serve.drifting`` and ``live.drift``.
_MOST_REFERENCES, _MOST_BINS, _MOST_ROWS = 200, 50, 1 << 53


def lineage(said: Mapping[str, Any]) -> dict[str, Any]:
    """The lineage that a sender states, in the form of ``ModelMetadata.lineage``; ``self_reported`` marks it.

    Raises:
        InvalidInput: a field that no lineage has, or one with an invalid value.
    """
    known = dict(said)
    packages = _mapping(known.pop("packages", {}), "lineage.packages")
    if len(packages) > _MOST_PACKAGES:
        raise InvalidInput(f"lineage.packages has {len(packages)} entries; at most {_MOST_PACKAGES} are stored")
    found: dict[str, Any] = {
        name: check_text(known.pop(name), f"lineage.{name}", _SHORT) for name in ("script", "python") if name in known
    }
    if "commit" in known:
        found["commit"] = _matching(known.pop("commit"), _COMMIT, "lineage.commit", "the hash of a commit")
    if "uncommitted_changes" in known:
        found["uncommitted_changes"] = known.pop("uncommitted_changes")
        if not isinstance(found["uncommitted_changes"], bool):
            raise InvalidInput("lineage.uncommitted_changes is not true or false; give one of them, or omit it")
    found["packages"] = {
        check_text(name, "a name in lineage.packages", _SHORT): check_text(
            version, f"lineage.packages[{name!r:.80}]", _SHORT
        )
        for name, version in packages.items()
    }
    if "training_data" in known:
        found["training_data"] = _training_data(_mapping(known.pop("training_data"), "lineage.training_data"))
    _refuse_others(known, "lineage")
    return {**found, "self_reported": True}


def _training_data(said: Mapping[str, Any]) -> dict[str, Any]:
    known, what = dict(said), "lineage.training_data"
    found: dict[str, Any] = {"sha256": _matching(known.pop("sha256", None), _SHA256, f"{what}.sha256", "a SHA-256")}
    for name in ("bytes", "rows"):
        if name in known:
            found[name] = _count(known.pop(name), f"{what}.{name}")
    if "columns" in known:
        columns = _listed(known.pop("columns"), f"{what}.columns", MOST_FEATURES)
        found["columns"] = [check_text(each, f"an entry of {what}.columns", _LONG) for each in columns]
    for name in ("from", "until", "rows_unknown"):
        if name in known:
            found[name] = check_text(known.pop(name), f"{what}.{name}", _LONG)
    if ("from" in found) != ("until" in found):
        raise InvalidInput(f"{what} has only one of from and until; give both, or neither")
    _refuse_others(known, what)
    return found


def reference(said: Mapping[str, Any]) -> dict[str, Any]:
    """The reference for feature drift that a sender computed, in the form of ``ModelMetadata.reference``.

    Raises:
        InvalidInput: it is not such a reference.
    """
    known = dict(said)
    features = _listed(known.pop("features", []), "reference.features", _MOST_REFERENCES)
    found: dict[str, Any] = {
        "rows": _count(known.pop("rows", None), "reference.rows"),
        "features": [_distribution(each, f"reference.features[{place}]") for place, each in enumerate(features)],
    }
    names = [each["feature"] for each in found["features"]]
    if any(each["kind"] == "score" for each in found["features"]) or len({*names}) != len(names):
        raise InvalidInput("reference.features has a score, or a feature twice; give each feature once")
    if "score" in known:
        found["score"] = _distribution(known.pop("score"), "reference.score")
        if found["score"]["kind"] != "score":
            raise InvalidInput("reference.score is not of the kind 'score'; give the distribution of the scores")
    _refuse_others(known, "reference")
    return found


def _distribution(said: Any, what: str) -> dict[str, Any]:
    """Bins of a feature or of the score, see ``rules.live.drift.FeatureReference``."""
    known = dict(_mapping(said, what))
    kind = known.pop("kind", None)
    if kind not in ("number", "category", "score"):
        raise InvalidInput(f"{what}.kind is {kind!r:.80}; give 'number', 'category' or 'score'")
    edges = _listed(known.pop("edges", []), f"{what}.edges", _MOST_BINS)
    if any(isinstance(each, bool) or not isinstance(each, int | float) or not math.isfinite(each) for each in edges):
        raise InvalidInput(f"{what}.edges has an entry that is not a finite number; give the upper edges of the bins")
    if any(after <= before for before, after in pairwise(edges)):
        raise InvalidInput(f"{what}.edges are not ascending; sort them")
    categories = _listed(known.pop("categories", []), f"{what}.categories", _MOST_BINS)
    found = {
        "feature": check_text(known.pop("feature", None), f"{what}.feature", _LONG),
        "kind": kind,
        "edges": [float(each) for each in edges],
        "categories": [check_text(each, f"an entry of {what}.categories", _LONG) for each in categories],
        "counts": [
            _count(each, f"an entry of {what}.counts")
            for each in _listed(known.pop("counts", []), f"{what}.counts", _MOST_BINS + 2)
        ],
    }
    if len({*found["categories"]}) != len(categories) or bool(edges if kind == "category" else categories):
        raise InvalidInput(f"{what} has a category twice, or edges and categories that do not belong to its kind")
    bins = len(categories or edges) + 2
    if len(found["counts"]) != bins:
        raise InvalidInput(f"{what}.counts has {len(found['counts'])} entries; its bins are {bins}")
    _refuse_others(known, what)
    return found


def _mapping(said: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(said, Mapping) or not all(isinstance(each, str) for each in said):
        raise InvalidInput(f"{what} is {type(said).__name__}; give a mapping from names to values")
    return said


def _listed(said: Any, what: str, most: int) -> list[Any]:
    if not isinstance(said, (list, tuple)):
        raise InvalidInput(f"{what} is {type(said).__name__}; give a list")
    if len(said) > most:
        raise InvalidInput(f"{what} has {len(said)} entries; at most {most} are stored")
    return list(said)


def _count(said: Any, what: str) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or not 0 <= said <= _MOST_ROWS:
        raise InvalidInput(f"{what} is {said!r:.80}; give a count, 0 or more")
    return said


def _matching(said: Any, form: re.Pattern[str], what: str, wanted: str) -> str:
    if not isinstance(said, str) or not form.fullmatch(said):
        raise InvalidInput(f"{what} is {said!r:.80}; give {wanted} in lower-case hexadecimal")
    return said


def _refuse_others(known: Mapping[str, Any], what: str) -> None:
    if known:
        raise InvalidInput(f"{what} has the field {sorted(known)[0]!r:.80}, which is unknown; leave it out")
