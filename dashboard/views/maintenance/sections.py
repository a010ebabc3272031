"""The Maintenance page: the cleanup plan, the trash, storage use."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

import streamlit as st

from dashboard import formatting, live_queries, session
from dashboard.ui import columns as ui_columns
from dashboard.ui import controls, figures, messages, tables
from dashboard.ui.columns import Column
from dashboard.views.maintenance import frames as maintenance_frames
from dashboard.views.maintenance.decisions import VERBS, Verb, ask
from dashboard.views.maintenance.frames import ORDERS, PAGE, WHICH
from registry_core import CleanupPlan, RetentionPolicy, Trashed

T = TypeVar("T")


def cleanup(name: str | None, view: session.View) -> None:
    """The plan, version by version, with a box for each that would go."""
    plan = live_queries.plan_of(name, view)
    messages.section("Cleanup plan")
    st.markdown(_says(plan))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            _policy(name, view) + f" Planned {formatting.ago(plan.made_at, messages.now())}; nothing is removed yet."
        )
        st.button(
            "Edit policy",
            key="to-retention",
            type="tertiary",
            icon=":material/tune:",
            on_click=_to_retention,
        )
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    which = left.segmented_control(
        "Show", list(WHICH), default=WHICH[0], required=True, key="which", bind="query-params", on_change=_first
    )
    order = right.selectbox("Order", list(ORDERS), key="order", bind="query-params", on_change=_first)
    found = maintenance_frames.lines(plan, which or WHICH[0], order or ORDERS[0])
    if not found:
        nothing = "Nothing to remove: the policy keeps every version, and there are no orphaned files."
        messages.show("info", nothing if which == WHICH[0] else "No version matches.")
        return
    buttons, table = st.container(), st.container()
    page = _pager(len(found), "rows")
    shown = found[PAGE * (page - 1) : PAGE * page]
    columns = maintenance_frames.plan(messages.now(), names=name is None)
    if which != WHICH[0]:
        with table:
            tables.records(columns, shown, key="plan", alt=f"{which} of the cleanup plan")
        return
    chosen = _chosen(table, columns, found, shown, plan, name)
    size = sum(line.bytes for line in chosen)
    to_trash = sum(line.what == maintenance_frames.ACTIONS["trash"] for line in chosen)
    further = len(chosen) - to_trash
    label = f"Move {formatting.count(to_trash, 'version')} to the trash" if to_trash else "Clean up"
    if further:
        label += f", {further:,} permanently" if to_trash else f": {further:,} permanently"
    # Above the table, where it is seen; drawn after it, since it says what is ticked there.
    with buttons.container(horizontal=True, vertical_alignment="center"):
        controls.button(
            label,
            "cleanup",
            None,
            view,
            key="cleanup",
            type="primary",
            icon=":material/delete_sweep:",
            disabled=not chosen,
            help=None if chosen else "Select at least one row.",
            on_click=ask,
            args=("cleanup", name),
            kwargs={"plan": plan, "only": tuple(line.key for line in chosen)},
        )
        st.caption(f"{len(chosen):,} of {len(found):,} selected, {formatting.size(size)}.")


def _says(plan: CleanupPlan) -> str:
    to_trash, for_good = plan.of("trash"), plan.of("purge")
    kept = [item for item in plan.of("keep") if item.status != "trashed"]
    in_trash = len(plan.of("keep")) - len(kept)
    parts = []
    if to_trash:
        parts.append(
            f"**{formatting.count(len(to_trash), 'version')}** to the trash ({formatting.size(plan.bytes_to_trash)})"
        )
    if for_good:
        size = formatting.size(sum(item.bytes for item in for_good))
        parts.append(f"**{formatting.count(len(for_good), 'version')}** deleted permanently ({size})")
    if plan.unclaimed:
        size = formatting.size(sum(each.bytes for each in plan.unclaimed))
        parts.append(f"**{formatting.count(len(plan.unclaimed), 'orphaned file')}** deleted ({size})")
    stays = f"{formatting.count(len(kept), 'version')} stay{'s' if len(kept) == 1 else ''}, "
    stays += f"{sum(item.untouchable for item in kept):,} of them protected"
    if in_trash:
        stays += f"; {in_trash:,} {'is' if in_trash == 1 else 'are'} in the trash"
    return f"{'; '.join(parts) or 'Nothing to remove'}. {stays}."


def _policy(name: str | None, view: session.View) -> str:
    if name is None:
        return "By the retention policy of each model name."
    return f"Policy: {kept(view.registry.policy(name).retention_policy)}."


def kept(policy: RetentionPolicy) -> str:
    """What a retention policy keeps, in words."""
    said = f"up to {formatting.count(policy.max_models_to_keep, 'version')}, newest first"
    if policy.max_age_days is not None:
        said += f", up to {formatting.days(policy.max_age_days)} old"
    always = [f"the best {policy.keep_best:,}"] if policy.keep_best else []
    always += [f"the newest {policy.keep_newest:,}"] if policy.keep_newest else []
    always += ["former champions"] if policy.keep_champions else []
    if always:
        said += f"; always {' and '.join(filter(None, (', '.join(always[:-1]), always[-1])))}"
    return f"{said}; trashed versions can be restored for {formatting.days(policy.trash_days)}" + (
        "; cleaned up after every registration" if policy.automatic else ""
    )


def _to_retention() -> None:
    st.session_state["leaving"] = ("settings", {"section": "Retention"})


def _first() -> None:
    st.session_state["rows"] = 1


def _pager(total: int, key: str) -> int:
    pages = max(1, -(-total // PAGE))
    if pages == 1:
        return 1
    return min(pages, st.pagination(pages, key=key, bind="query-params", width=340))


def _chosen(
    table: Any,
    columns: Sequence[Column[maintenance_frames.Line]],
    found: Sequence[maintenance_frames.Line],
    shown: Sequence[maintenance_frames.Line],
    plan: CleanupPlan,
    name: str | None,
) -> list[maintenance_frames.Line]:
    """The lines that stay selected, on all pages: all but those somebody left out."""
    mark = blake2b(repr((name, plan.last_event, len(found))).encode(), digest_size=6).hexdigest()
    kept_mark, left_out = st.session_state.get("cleanup-left", ("", frozenset()))
    if kept_mark != mark:
        left_out = frozenset()
    here = [line.key for line in shown]
    with table, st.container(key="cleanup-table"):
        ticked = selection(columns, shown, here, {key for key in here if key not in left_out}, f"plan-{mark}")
    left_out = (left_out - {*here}) | ({*here} - {*ticked})
    st.session_state["cleanup-left"] = (mark, left_out)
    return [line for line in found if line.key not in left_out]


def selection(
    columns: Sequence[Column[T]], rows: Sequence[T], keys: Sequence[str], ticked: Collection[str], key: str
) -> list[str]:
    """A table with a box for each row; the keys of those that are ticked."""
    frame = ui_columns.frame(columns, rows)
    # Streamlit keeps a selection by position: other rows need another key.
    mark = blake2b(repr(list(keys)).encode(), digest_size=6).hexdigest()
    state = st.dataframe(
        frame,
        key=f"{key}-{mark}",
        hide_index=True,
        column_config=tables.formats(columns, frame),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [place for place, each in enumerate(keys) if each in ticked]}},
        placeholder=formatting.MISSING,
        height=tables.height(len(frame)),
        row_height=tables.ROW_HEIGHT,
        alt="Versions, each with a checkbox",
    )
    return [keys[place] for place in state["selection"]["rows"] if place < len(keys)]


def trash(name: str | None, view: session.View) -> None:
    """What is in the trash, and the way out of it: back, or for good."""
    found = live_queries.trash_of(name, view)
    size = formatting.size(sum(each.bytes for each in found))
    tells = f"{formatting.count(len(found), 'version')}, {size}. Restorable until purged."
    messages.section("Trash", tells if found else "")
    if not found:
        messages.show("info", "The trash is empty. Versions in the trash can be restored until they are purged.")
        return
    table = st.container(key="trash-table")
    page = _pager(len(found), "trashed")
    shown = found[PAGE * (page - 1) : PAGE * page]
    columns = maintenance_frames.trash(messages.now(), messages.viewer_zone(), names=name is None)
    with table:
        ticked = selection(columns, shown, [each.model_id for each in shown], (), "trash")
    chosen = tuple(each for each in shown if each.model_id in ticked)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _trash_button("restore", name, chosen, view, primary=True)
        _trash_button("purge", name, chosen, view, primary=False)
        if not chosen:
            st.caption("Select versions to restore, or to delete before their purge date.")


def _trash_button(
    verb: Verb, name: str | None, chosen: tuple[Trashed, ...], view: session.View, *, primary: bool
) -> None:
    label, icon, _ = VERBS[verb]
    many = f" {formatting.count(len(chosen), 'version')}" if chosen else ""
    controls.button(
        f"{label}{many}",
        verb,
        name,
        view,
        key=f"trash-{verb}",
        icon=icon,
        type="primary" if primary and chosen else "secondary",
        disabled=not chosen,
        help=None if chosen else "Select at least one row.",
        on_click=ask,
        args=(verb, name),
        kwargs={"trashed": chosen},
    )


def space(name: str | None, view: session.View) -> None:
    """What takes the space: drawn, listed, and how to make it less."""
    with st.spinner("Reading the size of every file …"):
        report = live_queries.space_of(view)
    frame = maintenance_frames.space(report)
    largest = frame.iloc[0] if len(frame) else None
    title = f"{formatting.size(report.bytes)} in all"
    if largest is not None:
        whose = "" if largest["name"] == maintenance_frames.WHOLE else f" of {formatting.escaped(largest['name'])}"
        title += f"; largest: {largest['kind']}{whose}, {formatting.size(largest['bytes'])}"
    messages.section(title)
    saved = [
        f"compression saves {formatting.size(report.saved_by_compression)}" if report.saved_by_compression else "",
        f"files stored once save {formatting.size(report.saved_by_sharing)}" if report.saved_by_sharing else "",
    ]
    if any(saved):
        st.caption(formatting.sentence("; ".join(each for each in saved if each)))
    if largest is not None:
        figures.show(maintenance_frames.bars(frame), key="space-chart", alt="Bytes by model name and kind")
        _space_table(frame)
    _compress(name, view)


def _space_table(frame: Any) -> None:
    with st.expander(f"As a table ({formatting.count(len(frame), 'line')})"):
        tables.records(
            maintenance_frames.SPACE, frame.to_dict("records"), key="space", alt="Bytes by model name and kind"
        )


def _compress(name: str | None, view: session.View) -> None:
    usual = view.registry.policy(name or "").retention_policy.compress_after_days
    with st.container(border=True, key="compress-box"):
        whose = "all model names" if name is None else formatting.escaped(name)
        messages.section(
            f"Compress old files of {whose}",
            "Loading and hashes are unaffected. Identical files are stored once.",
        )
        left, right = st.columns([2, 5], vertical_alignment="bottom")
        days = left.number_input(
            "Registered more than (days ago)",
            min_value=0.0,
            max_value=100_000.0,
            value=float(usual if usual is not None else 30),
            step=1.0,
            format="%.6g",
            key="compress-days",
        )
        old = {*live_queries.compressible(name, days, view)}
        size = sum(item.bytes for item in live_queries.plan_of(name, view).items if item.model_id in old)
        with right.container(horizontal=True, vertical_alignment="center"):
            controls.button(
                "Compress",
                "compress",
                name,
                view,
                key="compress",
                icon=":material/compress:",
                disabled=not old,
                help=None if old else "No version is that old, except champions and rollback targets.",
                on_click=ask,
                args=("compress", name),
                kwargs={"days": days},
            )
            st.caption(
                f"Checks {formatting.count(len(old), 'version')} with {formatting.size(size)}. Files that would "
                "shrink by less than 10% are not compressed."
            )
