"""The seam to what watches live traffic."""

from __future__ import annotations

from ..alert import open_alert
from ..watch.look import look
from ..watch.observe import observe

__all__ = ["look", "observe", "open_alert"]
