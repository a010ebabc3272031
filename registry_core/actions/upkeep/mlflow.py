"""TODO."""

from __future__ import annotations

import os
from collections.abc import Collection

from ...upkeep import ImportReport, Progress
from ..rooms import Rooms


def import_mlflow(
    rooms: Rooms,
    database: str | os.PathLike[str],
    artifacts: str | os.PathLike[str] | None,
    model_names: Collection[str] | None,
    actor: str | None,
    reason: str,
    progress: Progress | None,
) -> ImportReport:
    """See ``Registry``."""
    raise NotImplementedError
