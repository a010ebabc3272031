"""The least a Streamlit app can be that a visitor can do the same on: run by `streamlit run`, without a registry.

The same steps in the same browser, over fifty rows that never change and a chart of a hundred and twenty points: what
it takes is Streamlit's, the browser's and the machine's own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

NAME = "Benchmark"
VERSIONS = 120
PAGE_SIZE = 50


@st.cache_data
def versions() -> pd.DataFrame:
    numbers = np.random.default_rng(0).random((VERSIONS, 5))
    frame = pd.DataFrame(numbers, columns=["Accuracy", "AUC", "F1", "Precision", "Recall"])
    frame.insert(0, "#", range(1, VERSIONS + 1))
    frame.insert(1, "Version", [f"1.0.{number}" for number in range(VERSIONS)])
    frame["Model id"] = [f"model_{number:07d}" for number in range(VERSIONS)]
    return frame


def leaderboard() -> None:
    st.title("Leaderboard")
    everything = versions()
    sought = st.text_input("Search", live="400ms")
    found = everything[everything["Model id"].str.contains(sought, regex=False)] if sought else everything
    st.text(f"{len(found):,} of {len(everything):,} versions")
    page = st.pagination(max(1, -(-len(found) // PAGE_SIZE)), key=f"page-{sought}")
    rows = found.iloc[PAGE_SIZE * (page - 1) : PAGE_SIZE * page]
    with st.container(key="leaderboard"):
        state = st.dataframe(
            rows,
            hide_index=True,
            key=f"rows-{sought}-{page}",
            on_select="rerun",
            selection_mode="multi-row",
            height=622,
            row_height=33,
        )
    for place in state["selection"]["rows"]:
        with st.container(key="selected"):
            st.text(f"{rows['Version'].iloc[place]} is selected")


def trends() -> None:
    # Where a chart is needed only: this page is what loads it.
    import plotly.graph_objects as go

    st.title("Trends")
    along = st.segmented_control("Along", ["Versions", "Time"], default="Versions", required=True)
    figure = go.Figure(go.Scatter(x=list(range(VERSIONS)), y=versions()["Accuracy"], mode="markers"))
    figure.update_xaxes(title="order of registration" if along == "Versions" else "date of registration")
    st.plotly_chart(figure, key="chart")


def text(title: str) -> None:
    st.title(title)
    st.text("Nothing is here.")


def activity() -> None:
    text("Activity")


def overview() -> None:
    text("Overview")


def model() -> None:
    text(NAME)


if __name__ == "__main__":
    st.set_page_config(layout="wide")
    pages = [st.Page(each, title=each.__name__.title()) for each in (trends, activity, overview, model)]
    st.navigation([st.Page(leaderboard, title="Leaderboard", default=True), *pages]).run()
