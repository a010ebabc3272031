"""A champion that fails to answer: an alert, once for one trouble."""

from __future__ import annotations

from dataclasses import dataclass

from ...catalog import alerts, deployments, models
from ..alert import open_alert
from ..context import Context
from ..watch import act_on_findings


@dataclass(frozen=True)
class Failing:
    """Who failed, who answered instead (nobody could, where it is None), and how often in a row by now."""

    model_name: str
    model_id: str
    fallback: str | None
    calls: int
    error: str

    def tell(self, context: Context) -> None:
        """Open the alert, unless it is open or another champion answers by now, and let the watch act on it."""
        key = f"champion_failing:{self.model_id}"
        if alerts.unresolved(context.database, self.model_name, key) is not None:
            return
        named = models.display_name(context.database, self.model_id)
        instead = "the fallback failed too"
        if self.fallback:
            instead = f"{models.display_name(context.database, self.fallback)} serves instead"
        often = "1 request" if self.calls == 1 else f"{self.calls} requests in a row"
        with context.database.transaction() as transaction:
            current = deployments.current(transaction, self.model_name)
            if current is None or current.model_id != self.model_id:
                return
            open_alert(
                context,
                transaction,
                context.now(),
                model_name=self.model_name,
                kind="champion_failing",
                severity="critical",
                key=key,
                text=f"{named} failed {often} ({self.error:.500}); {instead}. "
                "Roll back, repair its environment, or check the rows that were sent",
                model_id=self.model_id,
                evidence={"calls": self.calls, "error": self.error[:500], "stand_in": self.fallback},
            )
        act_on_findings.look(context, self.model_name)
