"""Which files belong to a version, and whether they are still there."""

from __future__ import annotations

import errno

from ..errors import ArtifactMissing, ArtifactQuarantined
from ..file_keys import model_files
from ..records import ModelMetadata, Row


def artifact_keys(row: Row, model_sha256: str, scaler_sha256: str | None) -> list[tuple[str, str]]:
    """The keys of a model's files with their digests: the model's first, then the scaler's if it has one.

    Raises:
        ArtifactMissing: they were purged.
    """
    check_not_purged(row["model_id"], row.get("status", ""), row.get("status_reason", ""))
    model, scaler = model_files(row["model_id"])
    return [(model, model_sha256), *([] if scaler_sha256 is None else [(scaler, scaler_sha256)])]


def check_not_purged(model_id: str, status: str, status_reason: str) -> None:
    """Whether a model's files may be asked for.

    Raises:
        ArtifactMissing: they were purged; when and by whom.
    """
    if status == "purged":
        gone = purged(model_id, status_reason)
        raise ArtifactMissing(errno.ENOENT, f"{gone}; register the model again")


def check_loadable(known: ModelMetadata) -> None:
    """Whether a version's files may be loaded.

    Raises:
        ArtifactMissing: they were purged.
        ArtifactQuarantined: they import what nobody trusted.
    """
    check_not_purged(known.model_id, known.status, known.status_reason)
    if known.artifact == "quarantined":
        unknown = ", ".join(known.inspection.get("unknown", ())) or "imports that are not trusted"
        raise ArtifactQuarantined(
            f"{known.model_id} is quarantined and not loaded: its file imports {unknown}; review that code, then trust "
            "the imports, or register a model without them"
        )


def purged(model_id: str, status_reason: str) -> str:
    """What became of the files of a purged version, when and by whom, in a sentence."""
    return f"{model_id} was purged {status_reason}: its files were deleted permanently"
