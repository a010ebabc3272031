"""Alerts: the buttons that say somebody has seen one or that it is over, and the dialog behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import decision_dialog, messages
from dashboard.views.health import sentences
from registry_core import Alert, RegistryError

#: verb -> (button, icon, dialog title)
VERBS: dict[str, tuple[str, str, str]] = {
    "acknowledge": ("Acknowledge", ":material/visibility:", "Acknowledge this alert"),
    "resolve": ("Resolve", ":material/task_alt:", "Resolve this alert"),
}
#: What the registry dealt with before it told: to have seen it ends it.
DEALT_WITH = ("rolled_back", "challenger_stopped")


@dataclass
class Request:
    """What somebody is about to say of an alert, as they saw it."""

    verb: Literal["acknowledge", "resolve"]
    alert: Alert
    text: str
    failure: str | None = None


def ask(verb: Literal["acknowledge", "resolve"], alert: Alert, text: str) -> None:
    """Open the dialog in the next run of the application; ``text`` is the alert's, as the page shows it."""
    st.session_state.pop("request", None)
    st.session_state["alert_request"] = Request(verb, alert, text)
    st.session_state.pop("alert-note", None)
    st.session_state["decided_by"] = session.actor()


def _forget() -> None:
    st.session_state.pop("alert_request", None)


def buttons(alert: Alert, text: str) -> None:
    """Acknowledge and Resolve for one alert. Drawn within a part that refreshes itself."""
    choices: list[Literal["acknowledge", "resolve"]] = ["acknowledge"] if alert.status == "open" else []
    if alert.kind not in DEALT_WITH:
        choices.append("resolve")
    for verb in choices:
        label, icon, _ = VERBS[verb]
        if st.button(label, key=f"{verb}-{alert.alert_id}", icon=icon):
            ask(verb, alert, text)
            # A dialog belongs to the whole application: one of a part would go with the part's next refresh.
            st.rerun(scope="app")


def open_dialog() -> bool:
    """Draw the dialog that was asked for. Called once a run, by the application; whether there is one."""
    return decision_dialog.draw("alert_request", VERBS, _decide, _forget)


def _says(request: Request) -> str:
    alert = request.alert
    if request.verb == "resolve":
        return (
            "It counts as over for everyone, and leaves the list of open alerts. Production stays as it is. There is "
            "no undo; where the trouble goes on, the next evidence of it opens another alert."
        )
    if alert.kind in DEALT_WITH:
        return (
            "It tells of something the registry has dealt with already, so it is over once somebody has seen it. "
            "Production stays as it is. It stays on record, and this cannot be undone."
        )
    return (
        "Everyone sees that you know of it. It stays open until its trouble is over, or somebody resolves it. "
        "Production stays as it is. It stays on record, and this cannot be undone."
    )


def _decide(request: Request) -> None:
    alert = request.alert
    st.markdown(
        f"**{formatting.escaped(sentences.title(alert))}** in **{formatting.escaped(alert.model_name)}**, "
        f"opened {messages.when(alert.opened_at)}"
    )
    st.markdown(formatting.escaped(request.text))
    st.caption(_says(request))
    problem = st.container()
    resolves = request.verb == "resolve"
    with st.form("alert-decision", border=False):
        note = st.text_area(
            "Why it is over (required; it is kept with the alert)" if resolves else "Note (kept with the alert)",
            key="alert-note",
            max_chars=2000,
            height=90,
            placeholder="What was found, and what was done" if resolves else "Who looks into it, and where",
        )
        who = st.text_input("Your name (required)", key="decided_by", max_chars=100).strip()
        label, icon, _ = VERBS[request.verb]
        confirmed = st.form_submit_button(label, type="primary", icon=icon)
    if confirmed:
        said = (note or "").strip()
        if not who:
            request.failure = "Say who you are: a name is required. Nothing was changed."
        elif resolves and not said:
            request.failure = "Say why it is over: a reason is required. Nothing was changed."
        else:
            _carry_out(request, said, who)
    if request.failure:
        with problem:
            messages.show("warning", request.failure)


def _carry_out(request: Request, said: str, who: str) -> None:
    registry, number = session.open_registry(), request.alert.alert_id
    try:
        if request.verb == "resolve":
            registry.resolve_alert(number, actor=who, reason=said)
        else:
            registry.acknowledge(number, actor=who, note=said)
    except RegistryError as error:
        request.failure = f"Nothing was changed. {formatting.escaped(formatting.sentence(str(error)))}"
        return
    _forget()
    session.act_as(who)
    done = "resolved" if request.verb == "resolve" else "acknowledged"
    title = formatting.escaped(sentences.title(request.alert))
    messages.post("success", f"The alert is {done}: {title}.")
    st.rerun()
