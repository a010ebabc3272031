"""The leaderboard's controls: filters, order, pages. They live in the address; what they mean is in `queries`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import formatting, navigation, session
from dashboard.queries import FIELDS_OF_MODELS, ORDERS, STATUSES, Board, by_header, order_column

#: What stands in the address, with its values when nothing is chosen.
FIELDS: dict[str, Any] = {
    "q": "",
    "status": "Current",
    "sort": "Score",
    "direction": "Descending",
    "type": [],
    "set": [],
    "page": 1,
}


def _restore(name: str) -> None:
    """Put back what was chosen when this page was last left: Back brings the page without its filters.

    An address that says what it wants is taken at its word.
    """
    kept = st.session_state.get("kept_board", {})
    if not navigation.arrived() or kept.get("name") != name or any(field in st.query_params for field in FIELDS):
        return
    chosen = {field: kept[field] for field in FIELDS if kept.get(field, FIELDS[field]) != FIELDS[field]}
    if chosen:
        # Through the address: after Back, Streamlit takes the fields' values from there and from nowhere else.
        address = {field: value if isinstance(value, list) else str(value) for field, value in chosen.items()}
        st.switch_page("../pages/leaderboard.py", query_params=address)


def keep(name: str) -> None:
    """Remember what is chosen, for when this page is come back to."""
    chosen = {field: st.session_state[field] for field in FIELDS if field in st.session_state}
    st.session_state["kept_board"] = {"name": name, **chosen}


def _first_page() -> None:
    st.session_state["page"] = 1


def board(name: str, view: session.View) -> Board:
    """Draw the filters and give the board they ask for, at its first page."""
    _restore(name)
    metrics = view.metric_names(name)
    # A metric called like a field of every model cannot be asked for by that name.
    labels = formatting.metric_labels((each for each in metrics if each not in FIELDS_OF_MODELS), taken=ORDERS)
    kinds, sets = view.model_types(name), view.evaluation_sets(name)
    # Side by side where there is room, else below each other.
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filters"):
        searched, chosen, types, chosen_sets = _filters(kinds, sets)
        by = st.selectbox(
            "Order by",
            [*ORDERS, *labels.values()],
            key="sort",
            bind="query-params",
            on_change=_first_page,
            width=145,
        )
        way = st.segmented_control(
            "Direction",
            ["Descending", "Ascending"],
            default="Descending",
            required=True,
            key="direction",
            bind="query-params",
            on_change=_first_page,
        )
    return Board(
        name=name,
        search=searched,
        types=tuple(types),
        sets=tuple(chosen_sets),
        status=chosen,
        order_by=order_column(by or "Score", metrics, labels),
        descending=way != "Ascending",
    )


def _filters(kinds: Sequence[str], sets: Sequence[str]) -> tuple[str, str, list[str], list[str]]:
    """What is searched for, the status, the types and the evaluation sets; the last two where there are several."""
    searched = st.text_input(
        "Search",
        key="q",
        bind="query-params",
        placeholder="id, type, description or tag",
        icon=":material/search:",
        on_change=_first_page,
        live="400ms",
        width=225,
    )
    status = st.selectbox(
        "Status",
        list(STATUSES),
        key="status",
        bind="query-params",
        on_change=_first_page,
        help="Current: neither rejected nor archived, in the trash or purged",
        width=125,
    )
    types: list[str] = []
    chosen: list[str] = []
    if len(kinds) > 1:
        types = st.multiselect(
            "Model type",
            kinds,
            key="type",
            bind="query-params",
            placeholder="All types",
            on_change=_first_page,
            width=145,
        )
    if len(sets) > 1:
        chosen = st.multiselect(
            "Evaluation set",
            sets,
            key="set",
            bind="query-params",
            placeholder="All sets",
            on_change=_first_page,
            width=145,
        )
    return searched or "", status or "Current", types, chosen


def follow_header(key: str, asked: Board) -> None:
    """Order the whole board by the column whose header was clicked; the fields and the address follow."""
    columns = st.session_state[key]["selection"]["columns"]
    order = by_header(columns[0], asked.order_by, descending=asked.descending) if columns else None
    if order is None:
        return
    view = session.view()
    labels = formatting.metric_labels(
        (each for each in view.metric_names(asked.name) if each not in FIELDS_OF_MODELS), taken=ORDERS
    )
    names = {column: label for label, column in ORDERS.items()} | labels
    if order[0] in names:
        direction = "Descending" if order[1] else "Ascending"
        st.session_state.update({"sort": names[order[0]], "direction": direction, "page": 1})


def clear() -> None:
    """Take all filters back; the order stays."""
    st.session_state.update({**FIELDS, "sort": st.session_state["sort"], "direction": st.session_state["direction"]})


def clear_button() -> None:
    st.button("Clear filters", key="clear", icon=":material/filter_alt_off:", on_click=clear)
