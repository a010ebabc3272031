"""One version: what it is, how it compares with the champion, and whether it should go live."""

import streamlit as st

from dashboard import session
from dashboard.ui import messages, model_decisions
from dashboard.views.model import details, downloads, evaluation, summary
from registry_core import ModelNotFound

view = session.view()
name = session.model_name()
if name is None:
    messages.heading("Model", "What one version is, and whether it should go live.")
    messages.empty_registry()
    st.stop()

try:
    model = summary.choose(name, view)
except ModelNotFound as error:
    messages.heading("Model", "What one version is, and whether it should go live.")
    messages.explain(error)
    st.stop()
if model is None:
    messages.heading("Model", "What one version is, and whether it should go live.")
    messages.show("info", "This model name has no version yet.")
    st.stop()

champion = view.champion(model.model_name)
compared = champion is not None and champion.model_id != model.model_id
comparison = view.compare([model.model_id, champion.model_id]) if champion and compared else None

summary.title(model, messages.now())
if model.status in ("trashed", "purged"):
    summary.put_away(model, view)
else:
    summary.verdict(model, champion, comparison, view)
evaluation.override(model)
model_decisions.decisions(model, view)
if model.status not in ("trashed", "purged"):
    evaluation.trust(model, view)
    evaluation.gates(model, view)

left, right = st.columns([2, 3], gap="large")
with left:
    summary.score(model, champion, view)
with right:
    summary.metrics(model, champion, comparison)
evaluation.measurement(model, view)
details.made_of(model, champion, view)
details.origin(model)
downloads.offer(model, view)
evaluation.reviews(model, view)
details.timeline(model, view)
