"""A team in a real browser: invited, uploaded, reviewed, promoted, each by whoever may, and all of it recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from registry_core import Registry

from .conftest import Visitor, model_file

pytestmark = pytest.mark.browser

Enter = Callable[[], Visitor]


def sign_in(visitor: Visitor, link: str) -> Page:
    """Open a sign-in link and press its button."""
    page = visitor.page
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    visitor._drawn()
    return page


def choose(page: Page, field: str, option: str) -> None:
    page.get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=option, exact=True).click()


def invite(admin: Visitor, name: str, role: str) -> str:
    """Add a person with a role on all names; the link they sign in with."""
    page = admin.page
    if not page.get_by_role("textbox", name="Name", exact=True).is_visible():
        page.get_by_text("Add a person").click()
    form = page.get_by_test_id("stForm").filter(has_text="Add and create a sign-in link")
    form.get_by_role("textbox", name="Name", exact=True).fill(name)
    form.get_by_role("combobox", name="Roles").click()
    page.get_by_role("option", name=role, exact=True).click()
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
    choose(page, "Model type", "Ridge")
    expect(page.get_by_text("Champion: 1.1.0 stays")).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("button", name="Upload", exact=True).last.click()
    page.get_by_role("button", name="Open the model").click()
    carl.settle()
    (uploaded,) = [each for each in filled.list_models("Churn") if each.origin == "upload"]
    promote = page.get_by_test_id("stMain").get_by_role("button", name="Promote", exact=True).first
    expect(promote).to_be_disabled()
    promote.hover(force=True)
    expect(page.get_by_text("requires the role operator on Churn").first).to_be_visible()
    page.get_by_role("button", name="Request review").click()
    choose(page, "Reviewer", "rita")
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
    page.get_by_test_id("stMain").get_by_role("button", name="Review", exact=True).click()
    page.get_by_role("textbox", name="What did you look at?").fill("read the scan")
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
