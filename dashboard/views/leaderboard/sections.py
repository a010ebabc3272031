"""The leaderboard's parts: its standing in a sentence, the table, and what a selection shows below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from dashboard import formatting, navigation, session
from dashboard.queries import Board, ids
from dashboard.ui import charts, evaluating, figures, frames, messages, model_decisions, promotion_verdict, tables
from dashboard.views.leaderboard import filters
from dashboard.views.leaderboard import frames as board_frames
from registry_core import ModelMetadata, Registry

Rows = list[dict[str, Any]]
#: The field of versions beside the table, and how often something was chosen in it.
FIELD, CHOSEN = "board-versions", "board-chosen"


def standing(name: str, total: int, champion: ModelMetadata | None, asked: Board, view: session.View) -> None:
    """How many versions are shown, and what they are measured by."""
    everything = view.count(name, {}) if asked.filtered or asked.status != "All" else total
    of = "" if everything == total else f"{total:,} of "
    shown = f"{of}{formatting.count(everything, 'version')}"
    if champion is None:
        st.markdown(f"{shown}. **There is no champion**: nothing serves production.")
        return
    st.markdown(
        f"{shown}. Champion: **{champion.version}**, score **{formatting.number(champion.composite_score)}** "
        f"({formatting.escaped(champion.ranked_on or formatting.UNNAMED_SET)})."
    )


def read(asked: Board, view: session.View) -> Rows:
    """The rows of one page, straight from the catalog, each with its ``rank``; the champion comes first.

    In an order of merit, versions that cannot be promoted come last, without a rank.
    """
    query = asked.models()
    size, offset, where = query.limit or 0, query.offset, query.where

    def rows(limit: int, offset: int, where: Mapping[str, Any]) -> Rows:
        return view.registry.get_model_comparison(
            limit, query.model_name, order_by=query.order_by, descending=query.descending, offset=offset, where=where
        )

    apart = asked.by_merit and "eligible" not in where
    found = rows(size, offset, {**where, "eligible": True} if apart else where)
    found = [{**row, "rank": offset + place} for place, row in enumerate(found, 1)]
    if apart and len(found) < size:
        ranked = view.count(query.model_name, {**where, "eligible": True})
        others = rows(size - len(found), max(0, offset - ranked), {**where, "eligible": False})
        found += [{**row, "rank": None} for row in others]
    return sorted(found, key=lambda row: not row["is_active"])


def mixed_sets(rows: Rows, champion: ModelMetadata | None, view: session.View) -> None:
    """Say it when the page holds numbers that may not be held against each other, and offer to measure them alike."""
    sets = sorted({row["ranked_on"] or formatting.UNNAMED_SET for row in rows})
    if len(sets) < 2:
        return
    other = sum(not row["comparable"] for row in rows)
    tail = (
        f" {formatting.count(other, 'row')} marked ≠ cannot be ranked against the champion."
        if champion
        else " Filter by one of them to rank."
    )
    messages.show(
        "warning",
        f"This page mixes {len(sets)} evaluation sets ({formatting.escaped(', '.join(sets[:4]))}): scores on different "
        f"sets do not compare.{tail}",
    )
    name = rows[0]["model_name"]
    benchmark = view.benchmark(name)
    if benchmark:
        evaluating.measure_all(name, benchmark, view)
    else:
        st.page_link(
            "../pages/benchmarks.py", label="Add a benchmark to evaluate them alike", icon=":material/add_chart:"
        )


def table(rows: Rows, asked: Board, champion: ModelMetadata | None, view: session.View) -> list[str]:
    """Draw the rows and give the ids of those selected."""
    metrics = view.metric_names(asked.name)
    order = [row["model_id"] for row in rows]
    verdicts = promotion_verdict.of_many(order, view)
    found = board_frames.leaderboard(rows, metrics, champion, messages.now(), verdicts=verdicts)
    frame = tables.order_in_view(found, asked.order_by)
    # Streamlit keeps a selection by position: under the same key it would jump to whatever stands there now.
    key = f"board-{asked.fingerprint(view.revision)}-{st.session_state.get(CHOSEN, 0)}"
    wanted = ids(st.query_params.get("select"))
    columns = tables.board_columns(frame, metrics, asked.order_by, descending=asked.descending)
    columns["Version"] = st.column_config.ButtonColumn(
        "Version", width=84, pinned=True, alignment="left", key="board-open", on_click=_open, args=(asked.name, order)
    )
    with st.container(key="leaderboard"):
        state = st.dataframe(
            frame,
            key=key,
            hide_index=True,
            column_config=columns,
            on_select=partial(filters.follow_header, key, asked),
            # With columns to select, a click on a header reaches us, and does not sort this page alone.
            selection_mode=["multi-row", "single-column"],
            selection_default={"selection": {"rows": [order.index(each) for each in wanted if each in order]}},
            placeholder=formatting.MISSING,
            height=tables.height(len(frame)),
            row_height=tables.ROW_HEIGHT,
            alt=f"Versions of {asked.name}, best first",
        )
    selected = [order[place] for place in state["selection"]["rows"] if place < len(order)]
    _remember(selected)
    return selected


def choose(rows: Rows, selected: Sequence[str]) -> None:
    """The same selection as a field: a table takes no row by Tab and Enter."""
    versions = {row["model_id"]: row["version"] for row in rows}
    st.session_state[FIELD] = list(selected)
    st.multiselect(
        "Selected versions",
        list(versions),
        key=FIELD,
        format_func=versions.__getitem__,
        select_all=False,
        placeholder="Select rows of the table, or choose versions here",
        on_change=_choose,
        label_visibility="collapsed",
    )


def _choose() -> None:
    """Select in the table what was chosen in the field: by the address, which a new table takes its selection from."""
    _remember(st.session_state[FIELD])
    st.session_state[CHOSEN] = st.session_state.get(CHOSEN, 0) + 1


def _open(name: str, order: Sequence[str]) -> None:
    """Leave for the version whose number was clicked."""
    navigation.go("model", name, order[st.session_state["board-open"].row])


def _remember(selected: Sequence[str]) -> None:
    """Keep the selection in the address, where a reload and a shared link find it."""
    text = ",".join(selected)
    if text and st.query_params.get("select") != text:
        st.query_params["select"] = text
    elif not text and "select" in st.query_params:
        del st.query_params["select"]


def export_button(asked: Board, view: session.View) -> None:
    """The whole filter as CSV, read when somebody clicks."""
    st.download_button(
        "Export CSV",
        data=partial(_export, view.registry, asked, view.metric_names(asked.name)),
        file_name=f"{asked.name}_leaderboard.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        help="Every version that fits the filters, not only this page",
    )


def _export(registry: Registry, asked: Board, metrics: Sequence[str]) -> bytes:
    rows = registry.get_model_comparison(
        None, asked.name, order_by=asked.order_by, descending=asked.descending, where=asked.where
    )
    return frames.csv(board_frames.export(rows, metrics))


def one(model_id: str, view: session.View) -> None:
    """The selected version: what it is, and what can be done with it."""
    model = view.metadata(model_id)
    with st.container(border=True, key="selected"):
        title, actions = st.columns([3, 2], vertical_alignment="center")
        with title:
            st.markdown(f"**{model.version}** · {model.model_type} · {formatting.status(model)}")
            verdict = promotion_verdict.of_version(model, view)
            st.markdown(promotion_verdict.sentence(verdict))
        with actions.container(horizontal=True, horizontal_alignment="right"):
            st.button(
                "Open version",
                key="open",
                icon=":material/open_in_full:",
                on_click=navigation.go,
                args=("model", model.model_name, model_id),
            )
            model_decisions.main_decision(model, verdict, view)


def several(selected: Sequence[str], view: session.View) -> None:
    """Two to five versions side by side."""
    comparison = view.compare(selected)
    champion = view.champion(comparison.models[0].model_name)
    messages.section(f"{len(selected)} versions side by side")
    if comparison.comparable:
        st.caption(formatting.escaped(comparison.note))
    else:
        messages.show("warning", formatting.escaped(comparison.note))
    st.button(
        "Open Compare",
        key="compare",
        icon=":material/compare_arrows:",
        on_click=navigation.compare,
        args=(comparison.models[0].model_name, list(selected)),
    )
    labels = frames.column_labels(comparison.models)
    frame = frames.metric_comparison(comparison)
    left, right = st.columns([3, 2])
    with left:
        tables.metrics(frame, key="side-by-side", alt="Metrics of the selected versions")
        differing = frames.differences(comparison)
        if len(differing):
            st.markdown("**Other differences**")
            tables.plain(differing, key="differences", alt="Differences in type, features and hyperparameters")
        else:
            st.caption("Type, features, classes and hyperparameters are the same.")
    with right:
        shades = charts.colours(selected, champion.model_id if champion else None)
        figure = charts.side_by_side(frame[frame["Metric"] != "Score"], labels, shades)
        figures.show(figure, key="side-by-side-chart", alt="The same metrics as dots on a line")
