"""The prediction check of the champion with the installed libraries: a difference opens a critical alert."""

from __future__ import annotations

from contextlib import suppress

from ...catalog import alerts, models
from ...errors import ArtifactError
from ...records import Deployment
from ...signature import AnswersCheck
from .. import answer_checks
from ..alert import open_alert
from ..context import Context
from ..model_records import record, require
from .champion import close_if_over

WRONG = ("differs", "fails")


def asked(context: Context, current: Deployment, *, thorough: bool) -> AnswersCheck | None:
    """What came of asking the champion here; where nobody did, it is asked now if the look is ``thorough``."""
    row = require(context.database, current.model_id)
    if thorough:
        # Bytes that are missing or altered are a finding of verify, and an alert of whoever serves.
        with suppress(ArtifactError):
            return answer_checks.ensure(context, row)
    return answer_checks.known_check(context.database, row, record(context, row))


def words(champion: str, found: AnswersCheck) -> str:
    """What is wrong with the predictions of a champion, by its name, and what to do."""
    return (
        f"{champion} does not return the predictions of its registration: {found.because}. Install the library "
        "versions it was registered with, or train and register the model again with the installed ones"
    )


def look(context: Context, current: Deployment, *, thorough: bool) -> list[str]:
    """Open and close the alert about the champion's answers; what was done, in sentences."""
    found, now = asked(context, current, thorough=thorough), context.now()
    key = f"answers:{current.deployment_id}"
    held = alerts.unresolved(context.database, current.model_name, key)
    named = models.display_name(context.database, current.model_id)
    if found is not None and found.status in WRONG and held is None:
        text = words(named, found)
        with context.database.transaction() as transaction:
            opened = open_alert(
                context, transaction, now, model_name=current.model_name, model_id=current.model_id, kind="answers",
                severity="critical", key=key, text=text, evidence={"environment": dict(found.environment)},
            )  # fmt: skip
        return [text] if opened else []
    if held is not None and found is not None and found.status == "agrees":
        text = "its predictions match those of its registration again"
        with context.database.transaction() as transaction:
            close_if_over(context, transaction, held, text)
        return [f"{named}: {text}"]
    return []
