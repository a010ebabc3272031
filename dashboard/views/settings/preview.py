"""How the ranking would be under settings that are not saved: in a sentence, and version by version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import formatting, session
from dashboard.ui import messages, tables
from dashboard.views.settings.draft import RANKS, Draft
from registry_core import RankingChange, RankingPreview

MOST = 15


def preview(draft: Draft, name: str, view: session.View) -> None:
    """The chosen model name's best versions, now and then."""
    changes = {key: value for key, value in draft.changes().items() if key in RANKS}
    found = view.preview_configuration(draft.model_name, changes)
    messages.section(f"Effect on {formatting.escaped(name)}")
    mine = found.get(name)
    if mine is None or not mine.changes:
        st.caption("No version is registered under this name yet.")
        return
    for sentence in sentences(mine, changed=bool(changes)):
        st.markdown(sentence)
    frame = ranking(mine)
    form, width = tables.number_format(pd.concat([frame["Score now"], frame["Score then"]]))
    gap, gap_width = tables.number_format(frame["Change"], difference=True)
    columns: dict[str, Any] = {
        "Version": st.column_config.TextColumn("Version", width=84, pinned=True),
        "Now": st.column_config.NumberColumn("Now", width=50, help="Rank now"),
        "Then": st.column_config.NumberColumn("Then", width=50, help="Rank with these settings"),
        "Move": st.column_config.TextColumn("Move", width=96),
        "Score now": st.column_config.NumberColumn("Score now", format=form, width=max(80, width)),
        "Score then": st.column_config.NumberColumn("Score then", format=form, width=max(82, width)),
        "Change": st.column_config.NumberColumn("Change", format=gap, width=max(74, gap_width)),
    }
    tables.plain(frame, key="ranking", alt=f"Places of {name} now and then", columns=columns)
    ranked = sum(each.rank_after is not None for each in mine.changes)
    if ranked > MOST:
        st.caption(f"The best {MOST} of {formatting.count(ranked, 'version')} with a place, and the champion.")
    _lost(mine)
    if draft.model_name is None and changes and len(found) > 1:
        _others({each: found[each] for each in found if each != name})


def sentences(found: RankingPreview, *, changed: bool) -> list[str]:
    """What it comes to, in Markdown."""
    versions = {each.model_id: each.version for each in found.changes}
    best = versions.get(found.best_after or "")
    if not changed:
        said = f"**{best}** is the best." if best else "No version may be chosen and has a score."
        return [f"{said} Change a weight to see who would move."]
    moved = sum(_moved(each) for each in found.changes)
    lines = []
    if best is None:
        lines.append(":orange[▲ No version would have a score.] Nothing could be chosen any more.")
    elif found.best_after != found.best_before:
        old = versions.get(found.best_before or "")
        lines.append(
            f":material/swap_vert: **{best}** would be the best" + (f", instead of **{old}**." if old else ".")
        )
    else:
        lines.append(f"**{best}** would stay the best.")
    lines[0] += (
        f" {formatting.count(moved, 'version')} of {len(found.changes):,} would change place."
        if moved
        else (" No version would change its place.")
    )
    champion = versions.get(found.champion or "")
    if champion:
        score = next(each.score_after for each in found.changes if each.model_id == found.champion)
        beaten = (
            f"its score would be {formatting.number(score)}"
            if score is not None
            else ("it would have no score, so a person would have to decide on every successor")
        )
        lines.append(
            f"Saving promotes nobody: champion **{champion}** stays. Whoever is registered from then on is held "
            f"against it by the new settings; {beaten}."
        )
    else:
        lines.append("Saving promotes nobody: there is no champion, and there would be none by it.")
    return lines


def _moved(each: RankingChange) -> bool:
    return each.rank_before != each.rank_after


def move(each: RankingChange) -> str:
    """A move by word and arrow."""
    if each.rank_before is None or each.rank_after is None:
        if each.rank_before == each.rank_after:
            return formatting.MISSING
        return "✕ no place" if each.rank_after is None else "✚ new"
    steps = each.rank_before - each.rank_after
    return "= stays" if not steps else f"▲ up {steps:,}" if steps > 0 else f"▼ down {-steps:,}"


def ranking(found: RankingPreview) -> pd.DataFrame:
    """The best then, and the champion wherever it would be."""
    shown = [each for each in found.changes if each.rank_after is not None][:MOST]
    if all(each.model_id != found.champion for each in shown):
        shown += [each for each in found.changes if each.model_id == found.champion]
    gaps = [
        each.score_after - each.score_before if each.score_after is not None and each.score_before is not None else None
        for each in shown
    ]
    return pd.DataFrame(
        {
            "Version": [f"{each.version}{' ★' if each.model_id == found.champion else ''}" for each in shown],
            "Now": pd.array([each.rank_before for each in shown], dtype="Int64"),
            "Then": pd.array([each.rank_after for each in shown], dtype="Int64"),
            "Move": [move(each) for each in shown],
            "Score now": _numbers(each.score_before for each in shown),
            "Score then": _numbers(each.score_after for each in shown),
            "Change": _numbers(gaps),
        }
    )


def _numbers(values: Iterable[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _lost(found: RankingPreview) -> None:
    """Who would lose the score, and why."""
    lost = [each for each in found.changes if each.score_before is not None and each.score_after is None]
    if not lost:
        return
    why: dict[str, list[str]] = {}
    for each in lost:
        why.setdefault(formatting.why_no_score(each.note_after), []).append(each.version)
    lines = [
        f"- {formatting.escaped(note)}: {', '.join(versions[:8])}"
        + (f" and {len(versions) - 8:,} more" if len(versions) > 8 else "")
        for note, versions in sorted(why.items(), key=lambda item: -len(item[1]))[:5]
    ]
    said = f"**{formatting.count(len(lost), 'version')} would lose {'its' if len(lost) == 1 else 'their'} score:**"
    messages.show("warning", "\n".join([said, "", *lines]))


def _others(found: Mapping[str, RankingPreview]) -> None:
    """What registry-wide settings do to the other model names."""
    rows = []
    for name, each in found.items():
        versions = {change.model_id: change.version for change in each.changes}
        rows.append(
            {
                "Model name": name,
                "Best now": versions.get(each.best_before or "", formatting.MISSING),
                "Best then": versions.get(each.best_after or "", formatting.MISSING),
                "Moves": sum(_moved(change) for change in each.changes),
                "Lose their score": sum(
                    change.score_before is not None and change.score_after is None for change in each.changes
                ),
            }
        )
    with st.expander(f"The other {formatting.count(len(rows), 'model name')}"):
        tables.plain(pd.DataFrame(rows), key="other-names", alt="What it does to the other model names")
