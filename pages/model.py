"""One version: what it is, how it compares with the champion, and whether it should go live."""

import streamlit as st

from dashboard import controls, dossier, downloads, evidence, notices, session
from registry_core import ModelNotFound

view = session.view()
name = session.model_name()
if name is None:
    notices.heading("Model", "What one version is, and whether it should go live.")
    notices.empty_registry()
    st.stop()

try:
    model = dossier.choose(name, view)
except ModelNotFound as error:
    notices.heading("Model", "What one version is, and whether it should go live.")
    notices.explain(error)
    st.stop()
if model is None:
    notices.heading("Model", "What one version is, and whether it should go live.")
    notices.show("info", "This model name has no version yet.")
    st.stop()

champion = view.champion(model.model_name)
compared = champion is not None and champion.model_id != model.model_id
comparison = view.compare([model.model_id, champion.model_id]) if champion and compared else None

dossier.title(model, notices.now())
if model.status in ("trashed", "purged"):
    dossier.put_away(model, view)
else:
    dossier.verdict(model, champion, comparison, view)
evidence.override(model)
controls.decisions(model, view)
if model.status not in ("trashed", "purged"):
    evidence.trust(model, view)
    evidence.gates(model, view)

left, right = st.columns([2, 3], gap="large")
with left:
    dossier.score(model, champion, view)
with right:
    dossier.metrics(model, champion, comparison)
evidence.measurement(model, view)
dossier.made_of(model, champion, view)
dossier.origin(model)
downloads.offer(model, view)
evidence.reviews(model, view)
dossier.timeline(model, view)
