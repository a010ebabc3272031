"""What a server logs, and how."""

from __future__ import annotations

import logging
import sys
from typing import Literal

_FIELDS = {"asctime": "time", "levelname": "level", "name": "logger"}


def log(form: Literal["text", "json"]) -> None:
    """See ``http_api.log_as``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("model_registry").setLevel(logging.INFO)


def _json() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    return JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=_FIELDS)
