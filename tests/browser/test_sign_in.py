"""People sign in with a link, in a real browser: light, dark, and on a telephone."""

from collections.abc import Callable
from pathlib import Path

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


def link(address: str, registry: Registry, person: Person) -> str:
    return f"{address}/sign-in/link#{registry.sign_in_link(person.issuer, person.subject)}"


def noticing(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page, and what it complains about."""
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


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
    browser: Browser,
    dashboard_server: Callable[..., str],
    filled: Registry,
    anna: Person,
    registry_folder: Path,
    shade: str,
    size: dict[str, int],
) -> None:
    address = dashboard_server(registry_folder)
    context = browser.new_context(color_scheme="dark" if shade == "dark" else "light", viewport=size)  # type: ignore[arg-type]
    page, complaints = noticing(context)
    page.goto(f"{address}/leaderboard?model=Churn")
    expect(page).to_have_url(f"{address}/sign-in?next=%2Fleaderboard%3Fmodel%3DChurn")
    expect(page.get_by_role("heading", name="Sign in to Model Registry")).to_be_visible()
    accessible(page)
    page.goto(f"{address}/sign-in/link")
    expect(page.get_by_role("alert")).to_contain_text("This address is incomplete")
    expect(page.get_by_role("button")).to_be_hidden()
    accessible(page)
    once = link(address, filled, anna)
    page.goto(once)  # the same page, with the secret: it takes it
    expect(page.get_by_role("alert")).to_be_hidden()
    page.reload()  # looking at a link does not use it up
    accessible(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stApp")).to_be_visible()
    assert page.url.startswith(f"{address}/")
    assert "sign-in" not in page.url
    assert complaints == []
    context.clear_cookies()
    page.goto("about:blank")
    page.goto(once)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("it was used")
    accessible(page)
    context.close()


def test_scripts_of_a_page_cannot_read_the_session(
    browser: Browser, dashboard_server: Callable[..., str], filled: Registry, anna: Person, registry_folder: Path
) -> None:
    address = dashboard_server(registry_folder)
    context = browser.new_context()
    page, _ = noticing(context)
    page.goto(link(address, filled, anna))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_test_id("stApp")).to_be_visible()
    (cookie,) = [each for each in context.cookies() if each.get("name") == "model-registry"]
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Lax"
    assert str(cookie.get("value")) not in page.evaluate("document.cookie")
    context.close()


def test_sign_out_on_a_page(
    browser: Browser, dashboard_server: Callable[..., str], filled: Registry, anna: Person, registry_folder: Path
) -> None:
    address = dashboard_server(registry_folder)
    context = browser.new_context()
    page, _ = noticing(context)
    page.goto(link(address, filled, anna))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Signed in as Anna")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("alert")).to_contain_text("You are signed out")
    page.reload()
    expect(page.get_by_role("heading", name="Sign in to Model Registry")).to_be_visible()
    assert [each for each in context.cookies() if each.get("name") == "model-registry"] == []
    context.close()
