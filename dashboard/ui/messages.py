"""What every page says in the same way: its heading, messages that outlive a rerun, empty states, errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal

import streamlit as st

from dashboard import formatting, session
from registry_core import ModelNotFound, RegistryError, StorageError

Tone = Literal["success", "info", "warning", "error"]
ICONS: dict[str, str] = {
    "success": ":material/check_circle:",
    "info": ":material/info:",
    "warning": ":material/warning:",
    "error": ":material/error:",
}
HOW_TO_REGISTER = """from registry_core import Registry

registry = Registry("{location}")
registry.register_model(
    model_obj=model,
    model_name="{name}",
    model_type="RandomForest",
    performance_metrics={{"accuracy": 0.91, "auc": 0.95, "f1_score": 0.90}},
    training_info={{"training_samples": 12000, "data_quality_score": 0.97}},
    evaluation_set="holdout-2026-01",
)"""


@dataclass
class Message:
    """A message that stays until it is dismissed; ``undo`` takes back what it tells of.

    It is shown on the pages of ``model_name``, or of every name where that is None; where it has a ``model_id``, not on
    the page of another version.
    """

    tone: Tone
    text: str
    undo: Callable[[], None] | None = None
    undo_label: str = "Undo"
    number: int = 0
    model_name: str | None = None
    model_id: str | None = None


def post(
    tone: Tone,
    text: str,
    undo: Callable[[], None] | None = None,
    undo_label: str = "Undo",
    *,
    model_id: str | None = None,
    everywhere: bool = False,
) -> None:
    """Say something on top of the page from the next run on. A new message takes the place of the last.

    Args:
        tone: the colour and the shape.
        text: Markdown; somebody's words in it have to be escaped.
        undo: takes back what the message tells of.
        undo_label: the label of the button that does so.
        model_id: the version it is about; the page of another version does not show it.
        everywhere: shown on the pages of every model name, not only of the present one.
    """
    number = st.session_state.get("message_number", 0) + 1
    st.session_state["message_number"] = number
    name = None if everywhere else session.model_name()
    st.session_state["messages"] = [Message(tone, text, undo, undo_label, number, name, model_id)]


def show_messages(model_id: str | None = None) -> None:
    """Draw what was posted, with Undo where there is one. ``model_id`` is the version the page is about, if it is."""
    for message in list(st.session_state.get("messages", [])):
        if message.model_name not in (None, session.model_name()):
            continue
        if None not in (message.model_id, model_id) and message.model_id != model_id:
            continue
        with st.container(key=f"message-{message.number}", horizontal=True, vertical_alignment="center", gap="small"):
            show(message.tone, message.text)
            if message.undo:
                st.button(
                    message.undo_label, key=f"undo-{message.number}", icon=":material/undo:", on_click=message.undo
                )
            st.button(
                "Dismiss", key=f"dismiss-{message.number}", type="tertiary", on_click=_dismiss, args=(message.number,)
            )


def _dismiss(number: int) -> None:
    st.session_state["messages"] = [each for each in st.session_state.get("messages", []) if each.number != number]


def show(tone: Tone, text: str) -> None:
    """A coloured box with a shape of its own. ``text`` is Markdown: somebody's words in it have to be escaped."""
    {"success": st.success, "info": st.info, "warning": st.warning, "error": st.error}[tone](text, icon=ICONS[tone])


def heading(title: str, tells: str) -> None:
    """The page's title and the line that says what it tells."""
    st.title(title, anchor=False)
    st.caption(tells)


def section(title: str, tells: str = "", *, anchor: str | None = None) -> None:
    """A heading within a page; links lead to it by its ``anchor``."""
    st.header(title, anchor=anchor or False)
    if tells:
        st.caption(tells)


def explain(error: RegistryError) -> None:
    """An error in the registry's words, with the way out."""
    said = formatting.escaped(formatting.sentence(str(error)))
    if isinstance(error, ModelNotFound):
        show("warning", said)
        st.page_link("../pages/leaderboard.py", label="Open the leaderboard", icon=":material/leaderboard:")
    elif isinstance(error, StorageError):
        show("error", f"The registry cannot be read. {said}")
        st.button("Try again", icon=":material/refresh:")
    else:
        show("error", said)


def empty_registry() -> None:
    """What to do in a registry that holds nothing yet."""
    with st.container(border=True):
        section(
            "No model is registered yet", "Upload a model file, or register a model from the pipeline that trains it."
        )
        st.page_link("../pages/upload.py", label="Upload a model file", icon=":material/upload_file:")
        location = session.registry().location
        st.code(HOW_TO_REGISTER.format(location=location, name="GreyhoundPredictor"), language=None)


def now() -> datetime:
    return datetime.now(UTC)


def viewer_zone() -> tzinfo:
    """The time zone of whoever looks at the page."""
    return formatting.zone(st.context.timezone)


def when(text: str | None) -> str:
    """A time as pages write it: how long ago, and the exact one in the viewer's zone."""
    return f"{formatting.ago(text, now())} ({formatting.exact(text, viewer_zone())})"


@st.fragment(run_every=15)
def freshness(seen: int) -> None:
    """Say when others have changed something since this page was read, and offer to read it again."""
    behind = session.registry().revision() - seen
    if behind > 0:
        if st.button(f"{formatting.count(behind, 'update')}, refresh", icon=":material/refresh:", key="reread"):
            st.rerun()
    else:
        st.caption(f"Up to date at {now().astimezone(viewer_zone()):%H:%M:%S}")
