"""Are we getting better: a metric over versions or time, with the champion's line and every change of champion."""

import streamlit as st

from dashboard import charts, frames, notices, session, tables, wording
from dashboard.session import HISTORY

view = session.view()
notices.heading("Trends", "Whether versions get better, and what the champion has been worth from change to change.")

name = session.model_name()
if name is None:
    notices.empty_registry()
    st.stop()

labels = {wording.metric(each): each for each in ["composite_score", *view.metric_names(name)]}
left, right = st.columns([2, 3], vertical_alignment="bottom")
label = left.selectbox("Metric", list(labels), key="metric", bind="query-params")
axis = right.segmented_control(
    "Along", ["Versions", "Time"], default="Versions", required=True, key="axis", bind="query-params"
)
metric = labels[label]

rows = view.history(name)
points = frames.trend(rows, metric)
if points.empty:
    notices.show("info", f"No version of {name} has this metric yet. Choose another one above.")
    st.stop()

rollbacks = {each.at for each in view.rollbacks(name)}
line = frames.champion_line(points, view.deployments(name), sorted(rollbacks), notices.now())
lower = view.lower_is_better(name, metric)
notices.section(frames.trend_sentence(points, line, label, lower_is_better=lower))
if len(rows) == HISTORY:
    st.caption(f"The newest {HISTORY:,} versions are drawn.")
if points["set"].nunique() > 1:
    notices.show(
        "warning", "These versions were measured on several evaluation sets: a step may be the set, not the model."
    )
figure = charts.trend(points, line, label, by_time=axis == "Time")
st.plotly_chart(
    figure, config=charts.CONFIG, key="trend-chart", alt=f"{label} of every version with the champion's line"
)

notices.section("Changes of champion")
if len(line):
    tables.changes(line, label, notices.now(), notices.viewer_zone())
else:
    st.caption("No version with this metric has been champion.")
