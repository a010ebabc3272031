"""The settings page's fields: one for each setting, by its kind; what they say goes into the draft at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import messages
from dashboard.views.settings.draft import RANKS, Draft, together
from dashboard.views.settings.schema import (
    BY_PATH,
    GATES,
    INHERITED,
    LISTS,
    MONITORING,
    RANKING,
    RETENTION,
    bound_label,
    described,
)
from registry_core import Setting

#: Behind a label: other than the default; other than what is saved.
OTHER, UNSAVED = "◆", "●"
LEGEND = f"{OTHER} differs from the default  ·  {UNSAVED} changed, not saved. ? explains a field."
#: The weights a field each is drawn for; more come by "Add a metric".
WIDE = 210


def ranking(draft: Draft, name: str, view: session.View) -> None:
    """Weights and what else decides on places."""
    weights(draft, BY_PATH["performance_weight"], name, view)
    if draft.model_name is None:
        weights(draft, BY_PATH["regression_weight"], name, view)
    asked = [each for each in RANKING if each.key in RANKS and each.kind != "weights"]
    _fields(draft, asked, {"lower_is_better": metrics(name, view)}, "places")


def choosing(draft: Draft, name: str, view: session.View) -> None:
    """What decides on who becomes champion."""
    messages.section("Champion selection")
    known = [each.name for each in view.benchmarks(name)]
    # A benchmark belongs to one model name.
    asked = [each for each in RANKING if each.key not in RANKS and (each.path != "benchmark" or draft.model_name)]
    _fields(draft, asked, {"benchmark": known}, "chosen")


def gates(draft: Draft, name: str, view: session.View) -> None:
    """What is asked before a promotion."""
    group(draft, GATES, "Promotion requirements", metrics(name, view))


def retention(draft: Draft, name: str, view: session.View) -> None:
    """Which versions are kept."""
    group(draft, RETENTION, "Retention", ())
    st.caption("The champion, the rollback target, challengers and pinned versions are always kept.")


def monitoring(draft: Draft, name: str, view: session.View) -> None:
    """How live traffic is watched."""
    group(draft, MONITORING, "Monitoring", metrics(name, view))


def metrics(name: str, view: session.View) -> list[str]:
    """The metrics known under a model name, as they are reported."""
    return [each for each in view.metric_names(name) if not each.startswith(formatting.MEASURED)]


def group(draft: Draft, settings: Sequence[Setting], title: str, names: Sequence[str]) -> None:
    """The settings of one kind, switches last, so that numbers stand in line."""
    messages.section(title)
    key = next(each.key for each in settings if each.name)
    whose = st.container()
    _fields(draft, settings, {each.path: names for each in settings if each.kind in ("name", "bounds")}, key)
    # Drawn last, since it says what the fields say.
    with whose:
        _whose(draft, key)


def _fields(draft: Draft, settings: Sequence[Setting], offered: Mapping[str, Sequence[str]], key: str) -> None:
    """Short fields beside each other, then switches, then lists."""
    short = [each for each in settings if each.kind not in ("switch", "bounds", *LISTS)]
    with st.grid(min_column_width=WIDE, gap="medium", key=f"grid-{key}") as grid:
        for setting in short:
            with grid.cell():
                one(draft, setting, offered.get(setting.path, ()))
    for kinds in (("switch",), ("bounds", *LISTS)):
        for setting in settings:
            if setting.kind in kinds:
                one(draft, setting, offered.get(setting.path, ()))


def weights(draft: Draft, setting: Setting, name: str, view: session.View) -> None:
    """A number for each weighted metric, and a way to weigh another one."""
    head = st.container()
    given: Mapping[str, float] = draft.value(setting)
    added: list[str] = st.session_state.setdefault(f"added-{draft.edition}-{draft.model_name}-{setting.path}", [])
    # What is set to 0 stays in its place.
    shown = list(dict.fromkeys([*draft.seen_value(setting), *given, *added]))
    found = {}
    with st.grid(min_column_width=118, gap="small", key=f"grid-{setting.path}") as grid:
        for metric in shown:
            with grid.cell():
                found[metric] = st.number_input(
                    formatting.escaped(formatting.metric(metric)),
                    min_value=0.0,
                    max_value=1000.0,
                    value=float(given.get(metric, 0.0)),
                    step=0.05,
                    format="%.3g",
                    key=_key(draft, f"{setting.path}.{metric}"),
                )
    draft.put(setting, {metric: weight for metric, weight in found.items() if weight})
    with head:
        messages.section(f"{setting.label}{_marks(draft, setting)}")
        _whose(draft, setting.key)
    total = sum(found.values())
    used = {formatting.metric(each) for each in shown}
    others = [each for each in metrics(name, view) if formatting.metric(each) not in used]
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    left.selectbox(
        "Add a metric",
        others,
        index=None,
        format_func=formatting.metric,
        accept_new_options=True,
        placeholder="any reported metric",
        key=_key(draft, f"{setting.path}-add"),
        on_change=_add,
        args=(draft, setting),
    )
    less = [formatting.metric(each) for each in shown if view.lower_is_better(name, each)]
    right.caption(
        f"The weights add up to **{total:g}**. A metric with weight 0 is ignored."
        + (f" Minimized: {formatting.escaped(', '.join(less))}, with a negative weight." if less else "")
    )


def _add(draft: Draft, setting: Setting) -> None:
    chosen = st.session_state.get(_key(draft, f"{setting.path}-add"))
    if chosen:
        st.session_state[f"added-{draft.edition}-{draft.model_name}-{setting.path}"].append(str(chosen).strip())
        st.session_state[_key(draft, f"{setting.path}-add")] = None


def _whose(draft: Draft, key: str) -> None:
    """Whether a model name has its own or inherits, and the way back."""
    name, keys = draft.model_name, together(key)
    if all(draft.inherits(each) for each in keys):
        st.caption(
            f"**{INHERITED.capitalize()}.** A change here makes all of them specific to "
            f"{formatting.escaped(name or '')}."
        )
        return
    touched = any(BY_PATH[path].key in keys for path in draft.values)
    own = any(draft.own(each) and each not in draft.back for each in keys)
    part = "Partly overridden" if any(draft.inherits(each) for each in keys) else "Overridden"
    settings = [each for each in BY_PATH.values() if each.key in keys]
    usual = all(_plain(draft.value(each)) == _plain(each.default) for each in settings)
    if name is None and usual:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if name is not None:
            st.caption(
                f"**{part} for {formatting.escaped(name)}**" + ("" if own or not touched else ", once saved") + "."
            )
        st.button(
            "Reset to defaults" if name is None else "Inherit registry-wide settings",
            key=_key(draft, f"back-{key}"),
            icon=":material/settings_backup_restore:",
            type="tertiary",
            on_click=draft.take_back,
            args=(key,),
        )


def one(draft: Draft, setting: Setting, names: Sequence[str]) -> None:
    """One field with its label, unit, range and meaning."""
    key = _key(draft, setting.path)
    if key in st.session_state:
        # Before the field is drawn: its label says whether it is changed.
        draft.put(setting, _meant(draft, setting, st.session_state[key]))
    value = draft.value(setting)
    common: dict[str, Any] = {
        "label": setting.full_label + _marks(draft, setting),
        "help": described(setting),
        "key": key,
    }
    if not setting.name and draft.model_name is not None:
        whose = INHERITED if draft.inherits(setting.key) else f"overrides of {draft.model_name}"
        common["help"] = f"{formatting.sentence(whose)} {common['help']}"
    options = (
        list(dict.fromkeys([*(setting.choices or names), *([value] if isinstance(value, str) else value or ())]))
        if _listed(setting)
        else []
    )
    common |= (
        {"options": options, "placeholder": setting.empty or "off", "accept_new_options": not setting.choices}
        if _listed(setting)
        else {}
    )
    if setting.kind == "switch":
        st.toggle(value=bool(value), **common)
    elif setting.kind == "whole":
        st.number_input(
            value=int(value), min_value=int(setting.low), max_value=int(setting.high), step=int(setting.step), **common
        )
    elif setting.kind == "number":
        st.number_input(
            value=None if value is None else float(value),
            min_value=0.0,
            max_value=float(setting.high),
            step=float(setting.step),
            format="%.6g",
            placeholder=setting.empty or "off",
            **common,
        )
    elif setting.kind == "choice":
        values = list(setting.choices)
        st.selectbox(
            options=values, index=values.index(value), format_func=lambda each: setting.choices[each], **common
        )
    elif setting.kind == "name":
        st.selectbox(index=options.index(value) if value else None, **common)
    elif setting.kind in LISTS:
        st.multiselect(default=list(value), **common)
    else:
        chosen = st.multiselect(default=list(value), format_func=lambda each: bound_label(setting, each), **common)
        _bounds(draft, setting, value, chosen)
    draft.put(setting, _meant(draft, setting, st.session_state[key]))


def _listed(setting: Setting) -> bool:
    return setting.kind in ("name", "bounds", *LISTS)


def _meant(draft: Draft, setting: Setting, typed: Any) -> Any:
    """The setting's value by what its field holds."""
    if setting.kind in LISTS:
        return tuple(typed)
    if setting.kind == "bounds":
        known: Mapping[str, float] = draft.value(setting)
        keys = {metric: _key(draft, f"{setting.path}.{metric}") for metric in typed}
        return {metric: float(st.session_state.get(key, known.get(metric, 0.0)) or 0.0) for metric, key in keys.items()}
    return setting.default if typed is None and not setting.optional else typed


def _bounds(draft: Draft, setting: Setting, value: Mapping[str, float], chosen: Sequence[str]) -> None:
    """A number for each metric that was chosen."""
    if not chosen:
        return
    with st.grid(min_column_width=118, gap="small", key=f"grid-{setting.path}") as grid:
        for metric in chosen:
            with grid.cell():
                st.number_input(
                    formatting.escaped(f"{bound_label(setting, metric)}, {'value' if setting.choices else 'bound'}"),
                    value=float(value.get(metric, 0.0)),
                    step=0.01,
                    format="%.6g",
                    key=_key(draft, f"{setting.path}.{metric}"),
                )


def _marks(draft: Draft, setting: Setting) -> str:
    other = _plain(draft.value(setting)) != _plain(setting.default)
    return (f" {OTHER}" if other else "") + (f" {UNSAVED}" if setting.path in draft.values else "")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (tuple, list)) else dict(value) if isinstance(value, Mapping) else value


def _key(draft: Draft, what: str) -> str:
    """A field's key: with another edition of the draft it begins anew."""
    return f"setting-{draft.edition}-{'all' if draft.model_name is None else draft.model_name}-{what}"


SECTIONS = {"Ranking": ranking, "Gates": gates, "Retention": retention, "Monitoring": monitoring}
