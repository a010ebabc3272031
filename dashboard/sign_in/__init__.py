"""Who is signed in to the dashboard."""

from __future__ import annotations

from registry_core import Principal


def current() -> Principal | None:
    """Who acts in this run of a page; None where nobody has to sign in."""
    return None


def sign_out() -> None:
    """Close the session of whoever acts: at the next run nobody is signed in."""
