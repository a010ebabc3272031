"""The application's script: navigation, the sidebar, the model name, the page, then the dialog somebody asked for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import streamlit as st
from streamlit.errors import StreamlitAPIException

from dashboard import formatting, navigation, served, session, sign_in
from dashboard.ui import decision_dialog, messages
from registry_core import RegistryError

ASSETS = Path(__file__).resolve().parent / "assets"


def script_of_our_server() -> Path:
    """This file, where our server runs it; anybody else is told how to start."""
    if served.is_known():
        return Path(__file__)
    raise SystemExit(served.HOW_TO_START)


if not served.is_known():
    # `streamlit run` looks for an assignment like this one. Where it finds one it imports the file before it answers
    # anybody; without it, it would answer first and run this only when a visitor comes.
    app = st.App(script_of_our_server())


def draw() -> None:
    st.set_page_config(page_title="Model Registry", page_icon=str(ASSETS / "icon.svg"), layout="wide")
    shade = "dark" if st.context.theme.type == "dark" else "light"
    st.logo(str(ASSETS / f"logo_{shade}.svg"), icon_image=str(ASSETS / "icon.svg"), size="large")
    st.html(ASSETS / "style.css")
    if shade == "dark":
        st.html(ASSETS / "dark.css")
    page = st.navigation(
        [
            st.Page("../pages/overview.py", title="Overview", icon=":material/space_dashboard:", default=True),
            st.Page("../pages/leaderboard.py", title="Leaderboard", icon=":material/leaderboard:"),
            st.Page("../pages/model.py", title="Model", icon=":material/deployed_code:"),
            st.Page("../pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
            st.Page("../pages/trends.py", title="Trends", icon=":material/timeline:"),
            st.Page("../pages/experiments.py", title="Champion / challenger", icon=":material/call_split:"),
            st.Page("../pages/health.py", title="Health", icon=":material/monitor_heart:"),
            st.Page("../pages/benchmarks.py", title="Benchmarks", icon=":material/add_chart:"),
            st.Page("../pages/upload.py", title="Upload", icon=":material/upload_file:"),
            st.Page("../pages/maintenance.py", title="Maintenance", icon=":material/cleaning_services:"),
            st.Page("../pages/activity.py", title="Activity", icon=":material/history:"),
            st.Page("../pages/settings.py", title="Settings", icon=":material/tune:"),
        ]
    )
    navigation.arrive(page.url_path)
    try:
        view = session.view()
        navigation.leave()
        waiting = len(view.review_requests(mine=True)) if session.signed_in() else 0
        if waiting:
            st.set_page_config(page_title=f"({waiting}) Model Registry")
        sidebar(view)
        model_name(view, page.url_path)
        messages.show_messages(st.query_params.get("id") if page.url_path == "model" else None)
        page.run()
        decision_dialog.draw()
    except RegistryError as error:
        messages.explain(error)


def model_name(view: session.View, page: str) -> None:
    """The model name that every page is about, chosen once: it is part of the address and follows from page to page."""
    names = view.names()
    if not names:
        return
    _follow_address(view, names, page)
    if (before := st.session_state.pop("came-back-about", None)) in names:
        st.session_state["model"] = before
    elif st.session_state.get("model") is None and st.query_params.get("model") not in names:
        st.session_state["model"] = names[0]
        # A default of its own would stay out of the address, and a link would change its meaning with a new name. Once
        # the selector is there, this part of the address is its own.
        with suppress(StreamlitAPIException):
            st.query_params["model"] = names[0]
    elif st.session_state.get("model") and "model" not in st.query_params:
        # Whoever leaves a page before it is drawn to its end arrives without it; set anew, it goes there again.
        st.session_state["model"] = st.session_state["model"]
    before = st.session_state.get("model")
    with st.container(key="model-name"):
        st.selectbox(
            "Model name",
            names,
            index=None,
            required=True,
            key="model",
            bind="query-params",
            on_change=_leave_model,
            label_visibility="collapsed",
        )
    if st.session_state["model"] is None:
        # The browser's Back led to an address of before the first page was drawn: without a name, and that counts.
        st.session_state["came-back-about"] = before
        st.rerun()


def sidebar(view: session.View) -> None:
    """What holds on every page: who acts, and whether the page is fresh."""
    with st.sidebar:
        if session.signed_in():
            signed_in()
            messages.freshness(view.revision)
            return
        # Not in the address: whoever opens a link somebody sent would act under the sender's name.
        if "next_actor" in st.session_state:
            st.session_state["actor"] = st.session_state.pop("next_actor")
        st.session_state.setdefault("actor", session.registry().actor)
        st.text_input(
            "Acting as",
            key="actor",
            max_chars=100,
            persist_state="session",
            help="Recorded with every decision. Without sign-in, this name is not verified.",
        )
        messages.freshness(view.revision)


def signed_in() -> None:
    """Who signed in, and the way out."""
    with st.container(key="signed-in"):
        st.markdown(f"Signed in as **{formatting.escaped(session.actor())}**")
        if st.button("Sign out", icon=":material/logout:", key="sign-out"):
            sign_in.sign_out()
            st.rerun()


def _follow_address(view: session.View, names: list[str], page: str) -> None:
    """Let a link to one model or experiment choose its name, and say so when a link names a name that is not there."""
    try:
        if page == "model" and (model_id := st.query_params.get("id")):
            st.session_state["model"] = view.metadata(model_id).model_name
            return
        if page == "experiments" and (number := st.query_params.get("experiment", "")).isdecimal():
            st.session_state["model"] = view.experiment(int(number)).model_name
    except RegistryError:
        return  # the page says that it does not exist
    if st.query_params.get("model") not in (None, *names):
        messages.post(
            "warning",
            "The model name in the address is not in this registry; another one is shown.",
            everywhere=True,
        )


def _leave_model() -> None:
    """Another model name was chosen: the model in the address belongs to the old one."""
    for parameter in ("id", "select", "ids", "experiment"):
        if parameter in st.query_params:
            del st.query_params[parameter]


draw()
