"""The table of buttons by role in a real browser, with people who signed in by their links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from registry_core import Registry
from tests.role_buttons import BUTTONS, ROLES, Team, team

from .conftest import Visitor
from .test_people import sign_in

# The same table runs through the pages alone in tests/dashboard.
pytestmark = [pytest.mark.browser, pytest.mark.full]

#: What is pressed before a button shows.
_OPENERS = {"Send review": "Review", "Request": "Request review"}
#: Where forms are folded.
_FOLDED = ("people", "the benchmark")


@pytest.fixture
def filled(registry_folder: Path) -> Iterator[Registry]:
    with Registry(registry_folder, actor="owner") as registry:
        yield registry


@pytest.fixture
def made(filled: Registry) -> Team:
    return team(filled)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_its_buttons_and_no_other(
    visitor: Callable[[], Visitor], filled: Registry, made: Team, role: str
) -> None:
    person = visitor()
    sign_in(person, f"{person.address}/sign-in/link#{filled.sign_in_link('links', made.people[role].subject)}")
    for place, expected in BUTTONS.items():
        page = person.visit(f"/{made.addresses[place]}")
        for folded in page.locator("details:not([open]) > summary").all()[::-1] if place in _FOLDED else ():
            folded.click()
        for label, letters in expected.items() - {"Save the card": "cr"}.items():
            _check(page, label, allowed=ROLES[role] in letters, drawn=place != "people" and label != "Request")


def _check(page: Page, label: str, *, allowed: bool, drawn: bool) -> None:
    """Whether a button can be pressed; one that cannot is drawn all the same, with its reason, except in some forms."""
    opener = _OPENERS.get(label)
    if opener is not None and (allowed or drawn):
        page.get_by_role("button", name=opener, exact=True).first.click()
    found = page.get_by_role("button", name=label, exact=True)
    if allowed:
        expect(found.first).to_be_enabled()
    elif drawn:
        expect(found.first).to_be_disabled()
    else:
        expect(found).to_have_count(0)
    if opener is not None:
        page.keyboard.press("Escape")
