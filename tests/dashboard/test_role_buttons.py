"""Every button for every role, on one's own version and on another person's: the table was written by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from registry_core import Registry
from tests.role_buttons import BUTTONS, ROLES, team

from .test_people import signs_in

Open = Callable[..., AppTest]


@pytest.mark.parametrize(
    "role", [pytest.param(role, marks=[] if role in ("reviewer", "operator") else pytest.mark.full) for role in ROLES]
)
def test_a_role_has_its_buttons_and_no_other(
    own: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    made = team(own)
    signs_in(monkeypatch, made.people[role])
    for place, expected in BUTTONS.items():
        page, _, query = made.addresses[place].partition("?")
        app = open_page(page, **dict(each.split("=") for each in query.split("&")))
        assert not app.exception
        enabled = {each.label: not each.disabled for each in app.button}
        wrong = [
            label for label, letters in expected.items() if enabled.get(label, False) is not (ROLES[role] in letters)
        ]
        assert wrong == [], place
