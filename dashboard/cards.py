"""The overview's parts: the line of totals and the card of a model name."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import notices, session, wording
from registry_core import ModelNameSummary

#: How many versions the small chart of a card shows.
SPARK = 40


def totals(summaries: Sequence[ModelNameSummary]) -> None:
    """The registry in one sentence, and what waits for somebody."""
    versions = sum(each.versions for each in summaries)
    waiting = sum(each.quarantined for each in summaries)
    without = [each.model_name for each in summaries if each.champion is None]
    st.markdown(f"{wording.count(len(summaries), 'model name')} with {wording.count(versions, 'version')}.")
    if waiting:
        notices.show(
            "info",
            f"{wording.count(waiting, 'file')} quarantined. {wording.QUARANTINE}",
        )
    if without:
        shown = ", ".join(without[:5]) + (" …" if len(without) > 5 else "")
        notices.show("warning", f"No champion, so `load_active_model` fails: {shown}.")


def model_name(summary: ModelNameSummary, view: session.View) -> None:
    """One model name at a glance."""
    name, champion = summary.model_name, summary.champion
    with st.container(border=True, height="stretch", key=f"card-{name}"):
        st.header(name, anchor=False)
        scores = [row["composite_score"] for row in view.history(name, SPARK) if row["composite_score"] is not None]
        if champion and summary.deployment:
            st.metric(
                f"Score of champion {champion.version}, {champion.model_type}",
                wording.number(champion.composite_score),
                chart_data=scores if len(scores) > 1 else None,
                chart_type="line",
                help=f"The line shows the scores of the newest {len(scores)} versions with a score, oldest first.",
            )
            st.markdown(
                f"In production for {wording.lasted(summary.deployment.started_at, None, notices.now())}, "
                f"put there by {wording.escaped(summary.deployment.actor)}",
                help="Since " + wording.exact(summary.deployment.started_at, notices.viewer_zone()),
            )
        else:
            st.markdown("**No champion.** Promote a version, or register one with a score.")
        facts = [wording.count(summary.versions, "version")]
        if summary.quarantined:
            facts.append(f"{wording.QUARANTINED[0]} {summary.quarantined} quarantined")
        facts.append(f"last registered {wording.ago(summary.last_registered_at, notices.now())}")
        st.caption(" · ".join(facts))
        if champion and summary.best_model_id not in (None, champion.model_id):
            better = view.metadata(str(summary.best_model_id))
            st.markdown(
                f":material/trending_up: Version **{better.version}** scores higher: "
                f"{wording.number(better.composite_score)}"
            )
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Leaderboard",
                key=f"board-{name}",
                icon=":material/leaderboard:",
                on_click=session.go,
                args=("leaderboard", name),
            )
            if champion:
                st.button(
                    f"Champion {champion.version}",
                    key=f"champion-{name}",
                    icon=":material/deployed_code:",
                    on_click=session.go,
                    args=("model", name, champion.model_id),
                )
