"""Are we getting better: a metric over versions or time, with the champion's line and every change of champion."""

import streamlit as st

from dashboard import formatting, session
from dashboard.session import HISTORY
from dashboard.ui import charts, figures, frames, messages
from dashboard.views import trends

view = session.view()
messages.heading("Trends", "One metric over versions or time, with the champion's line and every deployment.")

name = session.model_name()
if name is None:
    messages.empty_registry()
    st.stop()

named = formatting.metric_labels(view.metric_names(name), taken=("Score",))
labels = {"Score": "composite_score", **{label: metric for metric, label in named.items()}}
left, right = st.columns([2, 3], vertical_alignment="bottom")
label = left.selectbox("Metric", list(labels), key="metric", bind="query-params")
axis = right.segmented_control(
    "X axis", ["Versions", "Time"], default="Versions", required=True, key="axis", bind="query-params"
)
metric = labels[label]

rows = view.history(name)
shown = {row["model_id"] for row in rows}
# The champions besides, however long ago they were registered: without them their line would be wrong.
deployed = view.deployed(name)
older = [row for row in deployed if row["model_id"] not in shown]
points = frames.trend([*older, *rows], metric)
if points.empty:
    messages.show("info", f"No version of {name} has this metric yet. Choose another one above.")
    st.stop()

rollbacks = {each.at for each in view.rollbacks(name)}
versions = {row["model_id"]: row["version"] for row in deployed}
line = frames.champion_line(points, view.deployments(name), sorted(rollbacks), messages.now(), versions)
lower = view.lower_is_better(name, metric)
messages.section(formatting.escaped(frames.trend_sentence(points, line, label, lower_is_better=lower)))
if len(line) and line["value"].isna().iloc[-1]:
    champion = view.champion(name)
    now_serving = f"The present champion {champion.version} has no such metric" if champion else "There is no champion"
    st.caption(f"{now_serving}: the champion's line ends where the last one that had it was replaced.")
if view.count(name, {}) > len(rows):
    st.caption(
        f"The newest {HISTORY:,} versions are drawn"
        + (", and the older ones that have been champion." if older else ".")
    )
if len(points) > charts.MOST_POINTS:
    st.caption(
        f"{charts.MOST_POINTS} of {len(points):,} versions are dots, evenly spread, the best and the worst included."
    )
if points["set"].nunique() > 1:
    messages.show(
        "warning",
        "These versions were measured on several evaluation sets: a step may come from the set, not from the model.",
    )
figure = charts.trend(points, line, label, by_time=axis == "Time")
trends.live_in_trend(figure, name, metric, points, view, by_time=axis == "Time")
figures.show(figure, key="trend-chart", alt=f"{label} of every version with the champion's line")

messages.section("Deployment history")
if len(line):
    trends.deployments(line, label)
else:
    st.caption("No version with this metric has been champion.")
