"""Who is signed in to the dashboard."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import streamlit as st

from dashboard import served
from dashboard.sign_in import sessions
from registry_core import Principal


def current() -> Principal | None:
    """Who acts in this run of a page; None where people do not have to sign in.

    The catalog is asked each time. Where the session is over, or was revoked, the run ends here with a link to sign in.
    """
    if not sessions.is_on():
        return None
    principal = sessions.principal(sessions.secret_of(st.context.cookies))
    if principal is None:
        _explain()
        st.stop()
    return principal


def sign_out() -> None:
    """Close the session of whoever acts: at the next run nobody is signed in, in none of this browser's tabs."""
    if secret := sessions.secret_of(st.context.cookies):
        served.registry().close_session(secret)


def _explain() -> None:
    address = urlsplit(st.context.url or "/")
    here = quote((address.path or "/") + (f"?{address.query}" if address.query else ""), safe="")
    # Nothing but what every page has loaded: without a session the browser cannot fetch another of Streamlit's scripts.
    st.warning(
        f"You are signed out. What you entered on this page was not saved. [Sign in](/sign-in?next={here}) in another "
        "tab, or reload this page.",
        icon=":material/lock:",
    )
