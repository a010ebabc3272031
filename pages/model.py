"""One version: whether it should take the champion's place, and all that this rests on."""

import streamlit as st

from dashboard import session
from dashboard.ui import folded, messages, model_decisions, promotion_verdict
from dashboard.views.model import card, decision, details, evaluation, insights, summary
from registry_core import ModelNotFound

TELLS = "Should this version take the champion's place, and what does that rest on?"

view = session.view()
name = session.model_name()
if name is None:
    messages.heading("Model", TELLS)
    messages.empty_registry()
    st.stop()

try:
    model = summary.choose(name, view)
except ModelNotFound as error:
    messages.heading("Model", TELLS)
    messages.explain(error)
    st.stop()
if model is None:
    messages.heading("Model", TELLS)
    messages.show("info", "This model name has no version yet.")
    st.stop()

champion = view.champion(model.model_name)
compared = champion is not None and champion.model_id != model.model_id
comparison = view.compare([model.model_id, champion.model_id]) if champion and compared else None

summary.title(model, messages.now())
offered = False
if model.status in ("trashed", "purged"):
    summary.put_away(model, view)
    model_decisions.decisions(model, view)
else:
    verdict = promotion_verdict.of_version(model, view)
    promotion_verdict.show(verdict)
    model_decisions.decisions(model, view, verdict)
    decision.columns(model, verdict, view)
    offered = verdict.evaluate is not None
insights.links(model, view)
evaluation.override(model)
evaluation.trust(model, view)

evaluation.measurement(model, view, offered=offered)
details.changed(comparison)
insights.sections(model, champion, view)
folded.section("Features and hyperparameters", "made-of", details.made_of, model, champion, view)
evaluation.reviews(model, view)
folded.section("Model card", "model-card", card.card, model, view)
folded.section(
    "Self-reported metrics and score (unverified)",
    "self-reported",
    summary.self_reported,
    model,
    champion,
    comparison,
    view,
)
folded.section("Artifacts and lineage", "artifacts", details.artifacts, model, view)
folded.section("Version history", "history", details.timeline, model, view)
