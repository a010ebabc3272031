"""Alerts: the buttons that say somebody has seen one or that its cause is gone, and what each means."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import controls, decision_dialog, messages
from dashboard.ui.decision_dialog import Choice, Decision, Done
from dashboard.views.health import sentences
from registry_core import Alert

Verb = Literal["acknowledge", "resolve"]
#: verb -> (button, icon, dialog title)
VERBS: dict[str, tuple[str, str, str]] = {
    "acknowledge": ("Acknowledge", ":material/visibility:", "Acknowledge this alert"),
    "resolve": ("Resolve", ":material/task_alt:", "Resolve this alert"),
}


@dataclass(kw_only=True)
class AlertDecision(Decision):
    """What somebody is about to say of an alert; ``text`` is the alert's, as the page shows it."""

    alert: Alert
    text: str

    state: ClassVar[str]

    def describe(self, view: session.View) -> Choice | None:
        """Which alert it is, and what the decision means for everyone."""
        alert = self.alert
        st.markdown(
            f"**{formatting.escaped(sentences.title(alert))}** in **{formatting.escaped(alert.model_name)}**, "
            f"opened {messages.when(alert.opened_at)}"
        )
        st.markdown(formatting.escaped(self.text))
        return self._meaning(view)

    @abstractmethod
    def _meaning(self, view: session.View) -> Choice:
        """What the decision means for everyone, drawn, and how it is carried out."""

    def done(self, result: Any) -> Done:
        """The alert's new state. Nothing takes it back."""
        return Done(f"The alert is {self.state}: {formatting.escaped(sentences.title(self.alert))}.")


class Acknowledge(AlertDecision):
    """Somebody has seen an alert."""

    state: ClassVar[str] = "acknowledged"
    reason_label: ClassVar[str] = "Note (kept with the alert)"
    placeholder: ClassVar[str] = "Who investigates it, and where"
    reason_required: ClassVar[bool] = False

    def _meaning(self, view: session.View) -> Choice:
        number, verb = self.alert.alert_id, view.registry.acknowledge
        stays = (
            "The registry has acted already: acknowledging resolves the alert."
            if self.alert.handled
            else "Everyone sees your acknowledgement. The alert stays open until its cause is gone, or it is resolved."
        )
        st.caption(f"{stays} Production does not change. This is recorded permanently and cannot be undone.")
        return Choice(lambda actor, note, _: verb(number, actor=actor, note=note))


class Resolve(AlertDecision):
    """The cause of an alert is gone."""

    state: ClassVar[str] = "resolved"
    reason_label: ClassVar[str] = "Resolution (required, kept with the alert)"
    placeholder: ClassVar[str] = "What was found, and what was done"

    def _meaning(self, view: session.View) -> Choice:
        number, verb = self.alert.alert_id, view.registry.resolve_alert
        st.caption(
            "The alert closes for everyone. Production does not change. This cannot be undone; if the problem "
            "continues, new evidence opens another alert."
        )
        return Choice(lambda actor, reason, _: verb(number, actor=actor, reason=reason))


def ask(verb: Verb, alert: Alert, text: str) -> None:
    """Open the dialog in the next run of the application; ``text`` is the alert's, as the page shows it."""
    kind = Resolve if verb == "resolve" else Acknowledge
    decision_dialog.ask(kind(*VERBS[verb], alert.model_name, alert=alert, text=text))


def buttons(alert: Alert, text: str) -> None:
    """Acknowledge and Resolve for one alert. Drawn within a part that refreshes itself."""
    choices: list[Verb] = ["acknowledge"] if alert.status == "open" else []
    if not alert.handled:
        choices.append("resolve")
    for verb in choices:
        label, icon, _ = VERBS[verb]
        method = "resolve_alert" if verb == "resolve" else verb
        if controls.button(label, method, alert.model_name, session.view(), key=f"{verb}-{alert.alert_id}", icon=icon):
            ask(verb, alert, text)
            # A dialog belongs to the whole application: one of a part would go with the part's next refresh.
            st.rerun(scope="app")
