"""The activity page's parts: the state of the record, the champion's timeline, the filters of the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import streamlit as st

from dashboard import formatting, navigation, session
from dashboard.queries import PAGE_SIZE, Log, moment
from dashboard.ui import frames, messages, strips, tables
from registry_core import Event, EventKind, Registry

#: Above this many events the chain is recomputed when asked for, not whenever something has changed.
CHECKED_UNASKED = 5000


def chain(view: session.View) -> None:
    """Whether the record is whole: every event's hash recomputed."""
    total = view.count_events()
    if total > CHECKED_UNASKED and not st.session_state.get("check-chain"):
        st.button(f"Verify the audit log ({total:,} events)", key="check-chain", icon=":material/link:")
        return
    broken = view.broken_event()
    if broken is None:
        st.markdown(f":material/verified: Audit log intact: {formatting.count(total, 'event')} verified.")
    else:
        messages.show(
            "error",
            f"Audit log damaged: event {broken} does not match its hash: this event or an earlier one was altered. "
            "Compare the audit log with a backup before you rely on it.",
        )


def champions(name: str, view: session.View) -> None:
    """Who served from when to when, and who served at a moment that can be chosen."""
    messages.section(f"Champion timeline of {name}")
    deployments = view.deployments(name)
    if not deployments:
        st.caption("No version has been champion yet.")
        return
    now, zone = messages.now(), messages.viewer_zone()
    versions = {each.model_id: view.version_of(each.model_id) for each in deployments[:200]}
    reigns = frames.reigns(deployments[:200], versions, now)
    left, right = st.columns([1, 2], gap="large")
    with left:
        first = reigns["start"].min().to_pydatetime()
        chosen = st.datetime_input(
            f"Champion at ({getattr(zone, 'key', 'UTC')} time)",
            value=None,
            min_value=(first - timedelta(days=366)).astimezone(zone).replace(tzinfo=None),
            max_value=(now + timedelta(days=1)).astimezone(zone).replace(tzinfo=None),
            key="at",
            bind="query-params",
            format="YYYY-MM-DD",
        )
        when = None
        if chosen is None:
            st.caption("Choose a moment to see the champion at that time, with its metrics.")
        else:
            when = moment(chosen.date(), chosen.time(), zone)
            _served(name, when, view)
    with right:
        latest = reigns.iloc[-1]
        said = f"Champions of {name} over time; the latest is {latest['version']}, for {latest['lasted']}"
        st.html(strips.reigns(reigns, zone, said, when))


def _served(name: str, when: datetime, view: session.View) -> None:
    served = view.registry.champion_at(name, when)
    if served is None:
        messages.show("info", "No version was champion at that time.")
        return
    model = view.metadata(served)
    st.markdown(
        f"Champion at that time: **{model.version}**, a {model.model_type} with score "
        f"{formatting.number(model.composite_score)}."
    )
    st.code(served, language=None)
    known = model.all_metrics()
    if known:
        tables.metrics(frames.metric_list(known, list(known)), key="served", alt="Metrics of the champion at that time")
    st.button(
        "Open this version",
        key="open-served",
        icon=":material/deployed_code:",
        on_click=navigation.go,
        args=("model", name, served),
    )


def _first_page() -> None:
    st.session_state["events"] = 1


def filters(name: str, view: session.View) -> Log:
    """Draw the filters of the log and give what they ask for."""
    whose, what, who = st.columns([2, 3, 2], vertical_alignment="bottom")
    scope = whose.segmented_control(
        "Model names",
        ["This name", "All"],
        default="This name",
        required=True,
        key="scope",
        bind="query-params",
        on_change=_first_page,
    )
    labels = {kind.label: kind for kind in EventKind}
    kinds = what.multiselect(
        "What", list(labels), key="what", bind="query-params", placeholder="Everything", on_change=_first_page
    )
    actor = who.text_input(
        "Who",
        key="who",
        bind="query-params",
        placeholder="Exact name",
        icon=":material/person:",
        on_change=_first_page,
    )
    return Log(name=None if scope == "All" else name, kinds=tuple(labels[each] for each in kinds), actor=actor or "")


def read(asked: Log, page: int, view: session.View) -> list[Event]:
    """One page of events, straight from the catalog."""
    asked = replace(asked, page=page)
    return view.registry.events(limit=PAGE_SIZE, offset=asked.offset, **asked.conditions)


def export_button(asked: Log, view: session.View) -> None:
    """Every event of the filter as CSV, read when somebody clicks."""
    st.download_button(
        "Export CSV",
        data=partial(_export, view.registry, asked),
        file_name="activity.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        help="Every event that matches the filters, with its hash",
    )


def _export(registry: Registry, asked: Log) -> bytes:
    return frames.csv(frames.events_export(registry.events(limit=None, **asked.conditions)))
