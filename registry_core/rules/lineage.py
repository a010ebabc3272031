"""Where versions come from, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def facts(lineage: Mapping[str, Any]) -> dict[str, Any]:
    """What a comparison lists of a version's lineage, each by the name people read.

    >>> facts({"commit": "0123456789abcdef", "uncommitted_changes": True, "packages": {"numpy": "2.3.1"}})
    {'git commit': '0123456789ab, with uncommitted changes', 'package numpy': '2.3.1'}
    """
    known: dict[str, Any] = {"training script": lineage.get("script"), "git commit": _commit(lineage)}
    known["Python"] = lineage.get("python")
    known |= {f"package {name}": version for name, version in lineage.get("packages", {}).items()}
    data = lineage.get("training_data", {})
    known["training data"] = data.get("sha256", "")[:12] or None
    known["training rows"] = data.get("rows")
    known["training columns"] = tuple(data["columns"]) if "columns" in data else None
    known["training period"] = f"{data['from']} to {data['until']}" if "from" in data else None
    known = {name: value for name, value in known.items() if value is not None}
    return {**known, "lineage": "self-reported"} if known and lineage.get("self_reported") else known


def _commit(lineage: Mapping[str, Any]) -> str | None:
    commit = lineage.get("commit")
    if commit is None:
        return None
    changes = lineage.get("uncommitted_changes")
    if changes is False:
        return f"{commit[:12]}"
    return f"{commit[:12]}, {'with uncommitted changes' if changes is True else 'uncommitted changes unknown'}"
