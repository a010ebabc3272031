"""The settings page's frame: for whom, which section, what is not saved, and what others changed meanwhile."""

from __future__ import annotations

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import controls, messages
from dashboard.views.settings import decisions
from dashboard.views.settings import fields as settings_fields
from dashboard.views.settings.draft import Draft
from dashboard.views.settings.schema import BY_PATH
from registry_core import InvalidConfiguration

#: Those of the whole registry: no model name has settings of its own there.
OF_ALL = ("People", "Webhooks")
SECTIONS = (*settings_fields.SECTIONS, *OF_ALL, "History")


def choose(name: str, view: session.View) -> tuple[Draft, str]:
    """Whose settings, and which; both stand in the address."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    section = left.segmented_control(
        "Section", list(SECTIONS), default="Ranking", required=True, key="section", bind="query-params"
    )
    whose: str | None = "This name"
    # A role and a webhook say themselves on which names.
    if section not in OF_ALL:
        whose = right.segmented_control(
            "Scope",
            ["This name", "All names"],
            default="This name",
            required=True,
            key="whose",
            bind="query-params",
            help=f"This name: {formatting.escaped(name)}, selected at the top. All names: the default for names "
            "without overrides",
        )
    return _draft(None if whose == "All names" else name, view), section or "Ranking"


def _draft(name: str | None, view: session.View) -> Draft:
    """What was typed for a model name or for all, as far as it is not saved."""
    drafts: dict[str | None, Draft] = st.session_state.setdefault("settings-drafts", {})
    now = view.registry.configuration()
    if name not in drafts:
        newest = view.history(name, 1) if name is not None else []
        task = view.metadata(newest[-1]["model_id"]).task if newest else None
        drafts[name] = Draft(name, now, task)
    draft = drafts[name]
    if draft.seen.to_dict() != now.to_dict() and not draft.changed:
        draft.move_to(now)
    return draft


def save_bar(draft: Draft, view: session.View, *, fields: bool) -> None:
    """What is not saved, Save and Discard; below, what others changed meanwhile."""
    problem = None
    try:
        changes = draft.differences()
    except InvalidConfiguration as error:
        changes, problem = [], error
    now = view.registry.configuration()
    others = draft.seen.to_dict() != now.to_dict()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        if changes:
            st.markdown(f"{settings_fields.UNSAVED} **{formatting.count(len(changes), 'change')} not saved**")
        elif fields:
            st.caption(settings_fields.LEGEND)
        with st.container(horizontal=True, gap="small", width="content"):
            if draft.changed:
                st.button("Discard", key="discard", icon=":material/undo:", on_click=_discard, args=(draft,))
            if not fields and not draft.changed:
                return
            controls.button(
                "Save …",
                "configure",
                draft.model_name,
                view,
                key="save",
                icon=":material/save:",
                type="primary" if changes else "secondary",
                disabled=not changes or others,
                help=_why_not(changes=bool(changes or problem), others=others),
                on_click=decisions.ask_to_save,
                args=(draft,),
            )
    if any(BY_PATH[path].kind == "weights" and not value for path, value in draft.values.items()):
        messages.show("error", "Set at least one weight above 0.")
    elif problem is not None:
        messages.explain(problem)
    if others:
        _changed_meanwhile(draft, view)


def _why_not(*, changes: bool, others: bool) -> str | None:
    """Why nothing can be saved, where the page does not say it already."""
    if others:
        return "The settings were changed meanwhile: review the new ones first."
    return None if changes else "No unsaved change."


def _changed_meanwhile(draft: Draft, view: session.View) -> None:
    last = next(iter(view.settings_events(1, 0)), None)
    who = f" by **{formatting.escaped(last.actor)}**, {messages.when(last.at)}" if last else ""
    messages.show(
        "warning",
        f"The settings were changed{who}, after you began. Your changes are kept; review the new settings before you "
        "save.",
    )
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Show new settings, keep mine",
            key="take-over",
            icon=":material/refresh:",
            on_click=draft.move_to,
            args=(view.registry.configuration(),),
        )


def _discard(draft: Draft) -> None:
    draft.values, draft.back = {}, set()
    draft.edition += 1
