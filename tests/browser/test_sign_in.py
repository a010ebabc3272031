"""People sign in with a link, in a real browser: light, dark, and on a telephone."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from registry_core import Person, Registry

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 640}
DESK = {"width": 1280, "height": 720}


@pytest.fixture
def anna(filled: Registry) -> Person:
    """The first person, an admin."""
    person = filled.add_person("Anna")
    filled.grant(person.grantee, "admin")
    return person


def accessible(page: Page) -> None:
    assert [each["id"] for each in Axe().run(page).response["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@dataclass
class Arrival:
    """A browser of its own in front of a dashboard where people sign in, and what its page complains about."""

    context: BrowserContext
    address: str
    registry: Registry
    person: Person
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def link(self) -> str:
        """A new sign-in link."""
        secret = self.registry.sign_in_link(self.person.issuer, self.person.subject)
        return f"{self.address}/sign-in/link#{secret}"

    def sessions(self) -> list[Any]:
        """The cookies of sessions."""
        return [each for each in self.context.cookies() if each.get("name") == "model-registry"]


@pytest.fixture
def arrive(
    browser: Browser, dashboard_server: Callable[..., str], filled: Registry, anna: Person, registry_folder: Path
) -> Iterator[Callable[..., Arrival]]:
    """``arrive(**options)``: the options are those of the browser's context."""
    with ExitStack() as contexts:

        def at(**options: Any) -> Arrival:
            context = browser.new_context(**options)
            contexts.callback(context.close)
            return Arrival(context, dashboard_server(registry_folder), filled, anna)

        yield at


@pytest.fixture
def signed_in(arrive: Callable[..., Arrival]) -> Arrival:
    """Anna, by a link."""
    arrival = arrive()
    arrival.page.goto(arrival.link())
    arrival.page.get_by_role("button", name="Sign in").click()
    expect(arrival.page.get_by_text("Signed in as Anna")).to_be_visible()
    return arrival


@pytest.mark.parametrize(
    ("size", "shade"),
    [
        pytest.param(PHONE, "dark", id="phone-dark"),
        pytest.param(DESK, "light", id="desk-light"),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.full),
        pytest.param(DESK, "dark", id="desk-dark", marks=pytest.mark.full),
    ],
)
def test_every_form_of_the_page_can_be_read_and_used_by_everybody(
    arrive: Callable[..., Arrival], shade: str, size: dict[str, int]
) -> None:
    arrival = arrive(color_scheme=shade, viewport=size)
    page, address = arrival.page, arrival.address
    page.goto(f"{address}/leaderboard?model=Churn")
    expect(page).to_have_url(f"{address}/sign-in?next=%2Fleaderboard%3Fmodel%3DChurn")
    expect(page.get_by_role("heading", name="Sign in to Model Registry")).to_be_visible()
    accessible(page)
    page.goto(f"{address}/sign-in/link")
    expect(page.get_by_role("alert")).to_contain_text("This address is incomplete")
    expect(page.get_by_role("button")).to_be_hidden()
    accessible(page)
    once = arrival.link()
    page.goto(once)  # the same page, with the secret: it takes it
    expect(page.get_by_role("alert")).to_be_hidden()
    page.reload()  # looking at a link does not use it up
    accessible(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stApp")).to_be_visible()
    assert page.url.startswith(f"{address}/")
    assert "sign-in" not in page.url
    assert arrival.complaints == []
    arrival.context.clear_cookies()
    page.goto("about:blank")
    page.goto(once)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("it was used")
    accessible(page)


def test_scripts_of_a_page_cannot_read_the_session_and_signing_out_ends_it(signed_in: Arrival) -> None:
    (cookie,) = signed_in.sessions()
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Lax"
    page = signed_in.page
    assert str(cookie.get("value")) not in page.evaluate("document.cookie")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("alert")).to_contain_text("You are signed out")
    page.reload()
    expect(page.get_by_role("heading", name="Sign in to Model Registry")).to_be_visible()
    assert signed_in.sessions() == []
