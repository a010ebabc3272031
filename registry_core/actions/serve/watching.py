"""The seam to what watches live traffic."""

from __future__ import annotations

from ..alert import open_alert
from ..watch.act_on_findings import look
from ..watch.standby import chosen, every_row

__all__ = ["chosen", "every_row", "look", "open_alert"]
