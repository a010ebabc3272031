"""Times as telemetry keeps them: whole microseconds since 1970 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ..records import utc_text
from ..rules import intake

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MINUTE = 60_000_000
DAY = 1440 * MINUTE


def microseconds(moment: datetime) -> int:
    """An aware moment as a number."""
    return (moment - _START) // _MICROSECOND


def given(moment: Any) -> int:
    """What a caller gave as a moment (without a zone in local time), as a number; raises as ``intake.moment`` does."""
    return microseconds(intake.moment(moment))


def moment(number: int) -> datetime:
    """A number as an aware moment."""
    return _START + timedelta(microseconds=number)


def text(number: int) -> str:
    """A number as the registry writes times."""
    return utc_text(moment(number))
