"""Where the registry lies: who may write there, and what came along with it."""

from __future__ import annotations

import os
import shlex

from ... import rights
from ...errors import StorageError
from ...notices import Remedy
from .. import foreign
from .checks import Findings, Look, error, warning


def place(look: Look) -> Findings:
    """Not everybody may write the folder."""
    folder = look.context.location
    text = rights.open_to_everybody(folder) if os.path.isdir(folder) else None
    if text is not None:
        yield warning("place", folder, text, Remedy(f"chmod o-w {shlex.quote(folder)}", command=True))


def origin(look: Look) -> Findings:
    """Decisions about trust were made or accepted here."""
    try:
        found = foreign.pending_in(look.context, look.catalog)
    except StorageError as problem:
        yield error(
            "origin",
            "key",
            str(problem),
            "give this user read permission for the key, or import it: model-registry key import",
        )
        return
    if found:
        text = "trust decisions of another installation are not accepted here"
        yield warning("origin", look.context.location, text, Remedy("model-registry accept", command=True))
