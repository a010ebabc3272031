"""A team in a real browser: invited, uploaded, reviewed, promoted, each by whoever may, and all of it recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect

from registry_core import Grantee, Registry
from tests.identity_provider import CLIENT, SECRET, Provider, running_provider
from tests.servers import free_port, running_dashboard

from .conftest import PATIENCE, Visitor, model_file

pytestmark = pytest.mark.browser

Enter = Callable[[], Visitor]


def sign_in(visitor: Visitor, link: str) -> Page:
    """Open a sign-in link and press its button."""
    page = visitor.page
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    visitor._drawn()
    return page


def choose(page: Page, field: Locator, option: str) -> None:
    """Choose in a list. One that was just opened may be drawn anew and closed; whoever sees that opens it again."""
    offered = page.get_by_role("option", name=option, exact=True)
    deadline = time.monotonic() + PATIENCE / 1000
    while True:
        field.click()
        try:
            offered.click(timeout=10_000)
            return
        except TimeoutError:
            if time.monotonic() > deadline:
                raise


def invite(admin: Visitor, name: str, role: str) -> str:
    """Add a person with a role on all names; the link they sign in with."""
    page = admin.page
    if not page.get_by_role("textbox", name="Name", exact=True).is_visible():
        page.get_by_text("Add a person").click()
    form = page.get_by_test_id("stForm").filter(has_text="Add and create a sign-in link")
    form.get_by_role("textbox", name="Name", exact=True).fill(name)
    choose(page, form.get_by_role("combobox", name="Roles"), role)
    page.keyboard.press("Escape")
    form.get_by_role("textbox", name="Reason").fill("joins the team")
    form.get_by_role("button", name="Add and create a sign-in link").click()
    shown = page.locator(".st-key-new-secret")
    expect(shown).to_contain_text(name)
    link = shown.locator("code").inner_text().strip()
    shown.get_by_role("button", name="I have copied it").click()
    expect(shown).to_be_hidden()
    admin.settle()
    return link


def is_refused(page: Page, button: str, role: str) -> None:
    """The button says which role it needs."""
    refused = page.get_by_test_id("stMain").get_by_role("button", name=button, exact=True).first
    expect(refused).to_be_disabled()
    refused.hover(force=True)
    expect(page.get_by_text(f"requires the role {role} on Churn").first).to_be_visible()


def write_review(page: Page, text: str) -> None:
    """An approval, up to its button."""
    page.get_by_test_id("stMain").get_by_role("button", name="Review", exact=True).click()
    page.get_by_role("textbox", name="What did you look at?").fill(text)


def test_a_team_uploads_reviews_and_promotes_each_by_whoever_may(
    visitor: Enter, filled: Registry, tmp_path: Path
) -> None:
    filled.configure(gates={"same_inputs": False}, reason="callers send every feature")
    ada = filled.add_person("ada")
    filled.grant(ada.grantee, "admin")
    admin = visitor()
    sign_in(admin, f"{admin.address}/sign-in/link#{filled.sign_in_link('links', 'ada')}")
    page = admin.visit("/settings?section=People")
    expect(page.get_by_text("Signed in as ada")).to_be_visible()
    links = {
        name: invite(admin, name, role)
        for name, role in (("carl", "Contributor"), ("rita", "Reviewer"), ("otto", "Operator"))
    }

    # The contributor uploads; nothing on the way to production is theirs.
    carl = visitor()
    sign_in(carl, links["carl"])
    page = carl.visit("/upload")
    file = tmp_path / "model.pkl"
    file.write_bytes(model_file())
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(file)
    expect(page.get_by_text("Trusted.")).to_be_visible()
    choose(page, page.get_by_role("combobox", name="Model type"), "Ridge")
    expect(page.get_by_text("Champion: 1.1.0 stays")).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("button", name="Upload", exact=True).last.click()
    page.get_by_role("button", name="Open the model").click()
    carl.settle()
    (uploaded,) = [each for each in filled.list_models("Churn") if each.origin == "upload"]
    is_refused(page, "Promote", "operator")
    page.get_by_role("button", name="Request review").click()
    choose(page, page.get_by_role("combobox", name="Reviewer"), "rita")
    page.get_by_role("textbox", name="What to look at").fill("its file")
    page.get_by_role("button", name="Request", exact=True).click()
    expect(page.get_by_text("Requested from rita by carl")).to_be_visible()

    # The reviewer is told, and approves.
    rita = visitor()
    page = sign_in(rita, links["rita"])
    expect(page.get_by_text("carl requests your review of")).to_be_visible()
    expect(page).to_have_title("(1) Model Registry")
    page.locator(".st-key-attention").get_by_role("button", name="Review").click()
    rita.settle()
    write_review(page, "read the scan")
    page.get_by_role("button", name="Send review").click()
    expect(page.get_by_text("approved by rita").first).to_be_visible()

    # The operator promotes.
    otto = visitor()
    sign_in(otto, links["otto"])
    page = otto.visit(f"/model?id={uploaded.model_id}")
    otto.click(page.get_by_test_id("stMain").get_by_role("button", name="Promote", exact=True).first)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Your name")).to_be_hidden()
    dialog.get_by_label("Reason").fill("approved")
    otto.click(dialog.get_by_role("button", name="Promote"))
    expect(page.get_by_text("is now the champion of Churn")).to_be_visible()
    assert filled.get_active_model_id("Churn") == uploaded.model_id

    # All of it is under Activity, with the right names.
    acts = {
        (event.kind, event.actor, event.principal)
        for event in filled.events(limit=None)
        if event.kind in ("person_added", "uploaded", "review_requested", "review_approved", "promoted")
        and event.principal
    }
    assert acts == {
        (kind, name, f'["person", "links", "{name}"]')
        for kind, name in (
            ("person_added", "ada"), ("uploaded", "carl"), ("review_requested", "carl"), ("review_approved", "rita"),
            ("promoted", "otto"),
        )
    }  # fmt: skip
    page = admin.visit("/activity?model=Churn")
    expect(page.get_by_test_id("stMain")).to_contain_text("otto")

    # Demoted while the page is open: the next click is refused.
    page = otto.visit(f"/model?id={uploaded.model_id}")
    roll_back = page.get_by_test_id("stMain").get_by_role("button", name="Roll back", exact=True).first
    expect(roll_back).to_be_enabled()
    (person,) = [each for each in filled.people() if each.name == "otto"]
    filled.revoke(person.grantee, "operator")
    roll_back.click()
    otto.settle()
    if (dialog := page.get_by_role("dialog")).is_visible():
        dialog.get_by_label("Reason").fill("too late")
        dialog.get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("otto").first).to_be_visible()
    assert filled.get_active_model_id("Churn") == uploaded.model_id

    # Signed out everywhere: the next click asks for a sign-in.
    filled.close_sessions("links", "carl", reason="laptop lost")
    carl.page.get_by_test_id("stSidebarNav").get_by_role("link", name="Trends", exact=True).click()
    expect(carl.page.get_by_text("You are signed out")).to_be_visible()
    carl.trouble = [each for each in carl.trouble if "401" not in each and "303" not in each]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def by_provider(
    browser: Browser, provider: Provider, filled: Registry, registry_folder: Path, tmp_path: Path
) -> Iterator[Callable[[str], Visitor]]:
    """``by_provider(name)`` is a person who signed in on the provider's page."""
    port = free_port()
    settings = tmp_path / "sign-in.toml"
    settings.write_text(
        f'public_url = "http://127.0.0.1:{port}"\n[openid]\nissuer = "{provider.issuer}"\nlabel = "Corp"\n'
        f'client_id = "{CLIENT}"\nclient_secret_env = "TEST_OF_SIGN_IN"\n'
    )
    visitors: list[Visitor] = []

    def enter(name: str) -> Visitor:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        visitor = Visitor(context, address, beside=provider.issuer)
        visitors.append(visitor)
        visitor.page.goto(address)
        visitor.page.get_by_role("link", name="Sign in with Corp").click()
        visitor.page.get_by_role("button", name=f"I am {name}").click()
        visitor._drawn()
        expect(visitor.page.get_by_text(f"Signed in as {name}")).to_be_visible()
        return visitor

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_OF_SIGN_IN", SECRET)
        with running_dashboard(registry_folder, "--sign-in", str(settings), port=port) as address:
            yield enter
            for each in visitors:
                each.context.close()
    assert not [trouble for each in visitors for trouble in each.trouble]


@pytest.mark.full
def test_groups_of_a_provider_give_roles_and_take_them(
    by_provider: Callable[[str], Visitor], provider: Provider, filled: Registry
) -> None:
    third, fourth = [each.model_id for each in filled.list_models("Churn") if not each.is_active][:2]
    provider.people = {
        "carl": {"sub": "1", "name": "carl", "groups": ["contributors"]},
        "rita": {"sub": "2", "name": "rita", "groups": ["reviewers", "readers"]},
    }
    filled.grant(Grantee("group", provider.issuer, "admins"), "admin")
    for group, role in (("contributors", "contributor"), ("reviewers", "reviewer"), ("readers", "viewer")):
        filled.grant(Grantee("group", provider.issuer, group), role, "Churn")

    carl = by_provider("carl")
    is_refused(carl.visit(f"/model?id={third}"), "Promote", "operator")

    rita = by_provider("rita")
    page = rita.visit(f"/model?id={third}")
    write_review(page, "read the scan")
    page.get_by_role("button", name="Send review").click()
    expect(page.get_by_text("approved by rita").first).to_be_visible()
    (review,) = filled.events(kinds=["review_approved"])
    assert review.principal == f'["person", "{provider.issuer}", "2"]'

    # The group's role is taken back while the page is open: the next click is refused.
    page = rita.visit(f"/model?id={fourth}")
    expect(page.get_by_test_id("stMain").get_by_role("button", name="Reject", exact=True)).to_be_enabled()
    write_review(page, "read it as well")
    filled.revoke(Grantee("group", provider.issuer, "reviewers"), "reviewer", "Churn")
    page.get_by_role("button", name="Send review").click()
    is_refused(page, "Reject", "reviewer")
    assert filled.reviews(fourth) == []
