"""Rows that follow from others: columns, metrics and scores from documents, evidence and settings."""

from __future__ import annotations

from collections import defaultdict

from ...catalog import dump
from ...records import Row
from . import indexing
from .checks import BACKUP, MEND, Findings, Look, differing, error

_COLUMNS = {table.name: table.columns for table in dump.tables()}


def derived(look: Look) -> Findings:
    """The columns and metrics of every version are those of its document, its evidence and the policy."""
    look.checked["models"] = len(look.rows("models"))
    mendable = look.sound("model_documents", "settings")
    for model_id, columns, metrics in expected(look):
        if isinstance(columns, str):
            yield error(
                "derived", model_id, f"the metadata of {model_id} in the catalog cannot be used: {columns}", BACKUP
            )
            continue
        wrong = [*columns, *(["its metrics"] if metrics is not None else [])]
        if wrong:
            text = f"the catalog row of {model_id} contradicts its metadata: {', '.join(wrong)}"
            yield error("derived", model_id, text, MEND if mendable else BACKUP, repairable=mendable)


def expected(look: Look) -> list[tuple[str, Row | str, Row | None]]:
    """Of each version its id, the columns that ought to be others, and its metrics where they ought to be others.

    A text in place of columns says why its document cannot be used.
    """
    documents = {row["model_seq"]: row["metadata"] for row in look.rows("model_documents")}
    metrics: dict[int, Row] = defaultdict(dict)
    names: dict[int, set[str]] = defaultdict(set)
    for row in look.rows("model_metrics"):
        metrics[row["model_seq"]][row["metric"]] = row["value"]
        names[row["model_seq"]].add(row["model_name"])
    found: list[tuple[str, Row | str, Row | None]] = []
    for row in look.rows("models"):
        if not look.wants(row["model_id"]) or row["seq"] not in documents:
            continue
        index, document = indexing.Index(), documents[row["seq"]]
        try:
            index.add(look.configuration, row, indexing.metadata_of(row["model_id"], document), document)
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            found.append((row["model_id"], str(problem)[:300], None))
            continue
        new = dict(zip(_COLUMNS["models"], index.models[0], strict=True))
        values = {metric: value for _, _, metric, value in index.model_metrics}
        same = metrics[row["seq"]] == values and names[row["seq"]] <= {new["model_name"]}
        found.append((row["model_id"], differing(row, new), None if same else values))
    known = {row["seq"] for row in look.rows("models")}
    stray = sorted(metrics.keys() - known)
    found += [(f"model_metrics {seq}", "its version is missing", None) for seq in stray]
    return found
