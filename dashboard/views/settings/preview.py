"""How the ranking would be under settings that are not saved: in a sentence, and version by version."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import messages, tables
from dashboard.ui.columns import Column
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
    tables.records(ranking_columns(mine.champion), ranking(mine), key="ranking", alt=f"Present and new ranks of {name}")
    ranked = sum(each.rank_after is not None for each in mine.changes)
    if ranked > MOST:
        st.caption(f"The best {MOST} of {formatting.count(ranked, 'version')} with a rank, and the champion.")
    _lost(mine)
    if draft.model_name is None and changes and len(found) > 1:
        _others({each: found[each] for each in found if each != name})


def sentences(found: RankingPreview, *, changed: bool) -> list[str]:
    """What it comes to, in Markdown."""
    versions = {each.model_id: each.version for each in found.changes}
    best = versions.get(found.best_after or "")
    if not changed:
        said = f"**{best}** is the best." if best else "No eligible version has a score."
        return [f"{said} Change a weight to preview the new ranks."]
    moved = sum(_moved(each) for each in found.changes)
    lines = []
    if best is None:
        lines.append(":orange[▲ No version would have a score.] No version could be promoted automatically.")
    elif found.best_after != found.best_before:
        old = versions.get(found.best_before or "")
        lines.append(
            f":material/swap_vert: **{best}** would be the best" + (f", instead of **{old}**." if old else ".")
        )
    else:
        lines.append(f"**{best}** would stay the best.")
    lines[0] += (
        f" {formatting.count(moved, 'version')} of {len(found.changes):,} would change rank."
        if moved
        else (" No version would change its rank.")
    )
    champion = versions.get(found.champion or "")
    if champion:
        score = next(each.score_after for each in found.changes if each.model_id == found.champion)
        beaten = (
            f"its score would be {formatting.number(score)}"
            if score is not None
            else ("it would have no score, so new versions would not be promoted automatically")
        )
        lines.append(
            f"Saving does not change the champion **{champion}**. New versions are compared with it under the new "
            f"settings; {beaten}."
        )
    else:
        lines.append("Saving does not promote a version: the model name still has no champion.")
    return lines


def _moved(each: RankingChange) -> bool:
    return each.rank_before != each.rank_after


def move(each: RankingChange) -> str:
    """A move by word and arrow."""
    if each.rank_before is None or each.rank_after is None:
        if each.rank_before == each.rank_after:
            return formatting.MISSING
        return "✕ unranked" if each.rank_after is None else "✚ new"
    steps = each.rank_before - each.rank_after
    return "= stays" if not steps else f"▲ up {steps:,}" if steps > 0 else f"▼ down {-steps:,}"


def ranking(found: RankingPreview) -> list[RankingChange]:
    """The best then, and the champion wherever it would be."""
    shown = [each for each in found.changes if each.rank_after is not None][:MOST]
    if all(each.model_id != found.champion for each in shown):
        shown += [each for each in found.changes if each.model_id == found.champion]
    return shown


def ranking_columns(champion: str | None) -> tuple[Column[RankingChange], ...]:
    """The columns of ranks now and then; a star marks the champion."""
    return (
        Column("Version", lambda each: f"{each.version}{' ★' if each.model_id == champion else ''}", 72, pinned=True),
        Column("Rank now", lambda each: each.rank_before, 70, "ordinal"),
        Column("New rank", lambda each: each.rank_after, 72, "ordinal", help="Rank with these settings"),
        Column("Change", move, 88),
        Column("Score now", lambda each: each.score_before, 74, "number", scale="score"),
        Column("New score", lambda each: each.score_after, 74, "number", scale="score"),
        Column("Difference", _gap, 76, "difference"),
    )


def _gap(each: RankingChange) -> float | None:
    return None if each.score_after is None or each.score_before is None else each.score_after - each.score_before


def _losers(found: RankingPreview) -> list[RankingChange]:
    return [each for each in found.changes if each.score_before is not None and each.score_after is None]


def _lost(found: RankingPreview) -> None:
    """Who would lose the score, and why."""
    lost = _losers(found)
    if not lost:
        return
    why: dict[str, list[str]] = {}
    for each in lost:
        why.setdefault(each.note_after or "no score", []).append(each.version)
    lines = [
        f"- {', '.join(versions[:8])}"
        + (f" and {len(versions) - 8:,} more" if len(versions) > 8 else "")
        + f" ({formatting.escaped(note)})"
        for note, versions in sorted(why.items(), key=lambda item: -len(item[1]))[:5]
    ]
    said = f"**{formatting.count(len(lost), 'version')} would lose {'its' if len(lost) == 1 else 'their'} score:**"
    messages.show("warning", "\n".join([said, "", *lines]))


#: The columns of what registry-wide settings do to a model name.
_OTHERS: tuple[Column[tuple[str, RankingPreview]], ...] = (
    Column("Model name", lambda each: formatting.visible(each[0]), 150, pinned=True),
    Column("Best now", lambda each: _version(each[1], each[1].best_before), 84),
    Column("New best", lambda each: _version(each[1], each[1].best_after), 84),
    Column("Rank changes", lambda each: sum(_moved(change) for change in each[1].changes), 70, "count"),
    Column("Scores lost", lambda each: len(_losers(each[1])), 120, "count"),
)


def _version(found: RankingPreview, model_id: str | None) -> str:
    return next((each.version for each in found.changes if each.model_id == model_id), formatting.MISSING)


def _others(found: Mapping[str, RankingPreview]) -> None:
    """What registry-wide settings do to the other model names."""
    with st.expander(f"The other {formatting.count(len(found), 'model name')}"):
        tables.records(_OTHERS, list(found.items()), key="other-names", alt="Effect on the other model names")
