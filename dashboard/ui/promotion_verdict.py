"""The core's verdict on a version, as pages and dialogs show it: one word with its shape, its sentence, what to do."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import formatting
from dashboard.session import View
from dashboard.ui import messages
from registry_core import ModelMetadata, PromotionVerdict

TONES: dict[str, messages.Tone] = {
    "champion": "success",
    "blocked": "error",
    "not evaluated": "info",
    "worse": "warning",
    "inconclusive": "info",
    "better": "success",
    "no champion": "success",
}


def of_version(model: ModelMetadata, view: View) -> PromotionVerdict:
    """The verdict on a version. One whose predictions were never checked here is loaded in the sandbox first."""
    # The gates do the loading, and say so while it takes.
    view.gates(model.model_id)
    return view.shared.recall(view.revision, ("verdict", model.model_id), lambda: view.registry.verdict(model.model_id))


def of_many(model_ids: Sequence[str], view: View) -> dict[str, PromotionVerdict]:
    """The verdicts on many versions, as far as they are known without loading one."""
    return view.shared.recall(view.revision, ("verdicts", *model_ids), lambda: view.registry.verdicts(list(model_ids)))


def sentence(verdict: PromotionVerdict) -> str:
    """Word, reasons and the next step as Markdown."""
    said = formatting.escaped(formatting.sentence(verdict.sentence))
    head = f"**{formatting.VERDICTS[verdict.word]} {verdict.word.capitalize()}.** {said}"
    return f"{head} {formatting.escaped(verdict.next_step)}".rstrip()


def show(verdict: PromotionVerdict) -> None:
    """The verdict in a box, and what was reported otherwise than it was evaluated."""
    messages.show(TONES[verdict.word], sentence(verdict))
    if verdict.self_reported:
        flags = "; ".join(each.sentence for each in verdict.self_reported[:3])
        more = len(verdict.self_reported) - 3
        tail = f"; {more} more" if more > 0 else ""
        st.caption(f":orange[▲] {formatting.escaped(formatting.sentence(flags + tail))}")
