"""Which files the rows of a registry claim, read from the rows as they pass by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ...file_keys import benchmark_file, metadata_file
from ..files import artifact_keys


class Claim(NamedTuple):
    """What is known of a file: the sha256 and bytes of its content, None where nobody wrote them down, and whose it is.

    Sidecar files have no sha256: those that were adopted with their folder say the same in other words. Files of a
    version in the ``trash`` may go away at any moment.
    """

    sha256: str | None
    size: int | None
    model_id: str | None
    trash: bool = False


class Claims:
    """Files by their keys. Tables are shown in the order of the schema."""

    def __init__(self) -> None:
        self.files: dict[str, Claim] = {}
        self._models: dict[int, tuple[str, str]] = {}

    def see(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Take note of what some rows of a table claim; of most tables they claim nothing."""
        read = {
            "models": self._model,
            "model_documents": self._document,
            "benchmarks": self._benchmark,
            "evaluations": self._evaluation,
            "archives": self._archive,
        }.get(table)
        if read is not None:
            for row in rows:
                read(dict(zip(columns, row, strict=True)))

    def _model(self, row: dict[str, Any]) -> None:
        self._models[row["seq"]] = row["model_id"], row["status"]

    def _document(self, row: dict[str, Any]) -> None:
        model_id, status = self._models.pop(row["model_seq"])
        self.files[metadata_file(model_id)] = Claim(None, None, model_id)
        document = json.loads(row["metadata"])
        sizes = (document.get("model_bytes"), document.get("scaler_bytes"))
        keys = artifact_keys({"model_id": model_id}, document["model_sha256"], document.get("scaler_sha256"))
        for (key, digest), size in zip(keys, sizes, strict=False):
            # A folder may have been adopted whose file was missing already.
            if digest and status != "purged":
                self.files[key] = Claim(digest, size, model_id, status == "trashed")

    def _benchmark(self, row: dict[str, Any]) -> None:
        self.files[benchmark_file(row["fingerprint"])] = Claim(row["file_sha256"], None, None)

    def _evaluation(self, row: dict[str, Any]) -> None:
        if row["answers"] is not None:
            self.files[row["answers"]] = Claim(row["answers_sha256"], None, None)

    def _archive(self, row: dict[str, Any]) -> None:
        self.files[row["file"]] = Claim(row["file_sha256"], None, None)
