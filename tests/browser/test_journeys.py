"""What a reviewer does in the dashboard, in a real browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from registry_core import Registry
from tests.strangers import stranger_file

from .conftest import Visitor, fitted

pytestmark = pytest.mark.browser

Enter = Callable[[], Visitor]
CHURN = "Churn_{}_2026010{}_120000"
PAGES = ("Overview", "Leaderboard", "Model", "Trends", "Champion / challenger", "Health", "Upload", "Activity")


def test_from_the_leaderboard_to_a_promotion_a_rollback_and_an_upload(
    visitor: Enter, filled: Registry, tmp_path: Path
) -> None:
    before = CHURN.format("Forest", 2)
    # the best takes another feature besides, and that is allowed
    filled.configure(gates={"same_inputs": False}, actor="anna", reason="callers send every feature")
    best = filled.register_model(
        fitted(further=1),
        model_name="Churn",
        model_type="Forest",
        performance_metrics={"accuracy": 0.9, "auc": 0.9, "f1_score": 0.9},
        training_info={"data_quality_score": 0.9, "training_timestamp": "2026-01-05T12:00:00+00:00"},
        feature_names=["age", "visits", "plan"],
        evaluation_set="holdout",
    )
    anna = visitor()
    page = anna.visit("/leaderboard")
    anna.act_as("carla")
    expect(page.get_by_text("5 versions")).to_be_visible()

    # filter and sort; both stand in the address
    page.get_by_role("textbox", name="Search").fill("Forest")
    expect(page.get_by_text("3 of 5 versions")).to_be_visible()
    assert "q=Forest" in page.url
    page.get_by_role("combobox", name="Order by").click()
    page.get_by_role("option", name="AUC").click()
    page.wait_for_url("**sort=AUC**")
    anna.settle()

    # the champion first, then the best: open that, and promote it with a reason
    anna.select(1)
    page.get_by_role("button", name="Open version").click()
    expect(page.locator("h1")).to_have_text("Churn 2.0.0")
    expect(page.get_by_text("Churn 2.0.0 is not evaluated: Churn has no benchmark")).to_be_visible()
    anna.decide("Promote", "better on everything")
    expect(page.get_by_text("2.0.0 is now the champion of Churn.")).to_be_visible()
    assert filled.get_active_model_id("Churn") == best

    # everywhere
    anna.go("Overview")
    expect(page.locator(".st-key-table-names").get_by_test_id("glide-cell-2-0")).to_have_text("2.0.0")
    anna.go("Leaderboard")
    expect(page.get_by_text("Champion: 2.0.0")).to_be_visible()
    anna.go("Trends")
    expect(page.get_by_text("The champion's score improved from 0.8100 to 0.9000")).to_be_visible()

    # back again
    anna.go("Model")
    anna.clicks = 0
    anna.decide("Roll back", "complaints from the desk")
    expect(page.get_by_text("Churn is rolled back: 1.1.0 serves again")).to_be_visible()
    assert filled.get_active_model_id("Churn") == before
    assert filled.get_metadata(best).status == "disqualified"

    # that was a mistake: it serves again, who sends it rows is told of the feature; and then it was none
    anna.click(page.get_by_role("button", name="Undo the rollback"))
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(filled.input_change(before, best).sentence)).to_be_visible()
    expect(dialog).to_contain_text("plan")
    anna.confirm("Undo the rollback", "the desk had looked at the wrong day")
    expect(page.get_by_text("The rollback is undone")).to_be_visible()
    assert anna.clicks <= 4
    assert filled.get_active_model_id("Churn") == best
    assert filled.get_metadata(best).status == "registered"
    anna.decide("Roll back", "the desk was right")
    expect(page.get_by_text("serves again, 2.0.0 is disqualified")).to_be_visible()

    # a file from outside: shown what will happen, stored, quarantined
    file = tmp_path / "candidate.pkl"
    file.write_bytes(stranger_file().getvalue())
    anna.go("Upload")
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(file)
    page.get_by_role("combobox", name="Model type").click()
    page.get_by_role("option", name="Ridge").click()
    expect(page.get_by_text("Champion: 1.1.0 stays")).to_be_visible()
    expect(page.get_by_text("It will be quarantined.")).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("button", name="Upload", exact=True).last.click()
    expect(page.get_by_text("and quarantined.")).to_be_visible()
    page.get_by_role("button", name="Open the model").click()
    (quarantined,) = filled.list_models("Churn", where={"artifact": "quarantined"})
    expect(page.locator("h1")).to_have_text(quarantined.display_name)
    expect(page.get_by_text("cannot be promoted: its file is quarantined")).to_be_visible()
    expect(page.get_by_role("button", name="Promote", exact=True)).to_be_disabled()
    assert quarantined.registered_by == "carla"

    # and all of it is on record
    anna.go("Activity")
    expect(page.get_by_text("Audit log intact")).to_contain_text("verified")
    kinds = [(event.kind, event.actor) for event in filled.events("Churn", limit=4)]
    assert kinds == [
        ("uploaded", "carla"),
        ("disqualified", "carla"),
        ("rolled_back", "carla"),
        ("rollback_undone", "carla"),
    ]
    cells = page.locator(".st-key-table-events")
    for number, what in enumerate(("Uploaded", "Disqualified", "Rolled back", "Rollback undone")):
        expect(cells.get_by_test_id(f"glide-cell-1-{number}")).to_have_text(what)


def test_two_promote_at_once_and_one_is_told_who_was_faster(visitor: Enter, filled: Registry) -> None:
    anna, bert = visitor(), visitor()
    for each, name, number in ((anna, "anna", 3), (bert, "bert", 1)):
        each.visit(f"/model?id={CHURN.format('Forest' if number == 3 else 'Ridge', number)}")
        each.act_as(name)
        each.click(each.page.get_by_test_id("stMain").get_by_role("button", name="Promote", exact=True))
        expect(each.page.get_by_role("dialog").get_by_text("Same 2 features and 2 classes")).to_be_visible()
    anna.confirm("Promote", "mine is better")
    expect(anna.page.get_by_text("is now the champion")).to_be_visible()
    assert anna.clicks == 2
    bert.confirm("Promote", "mine is older")
    dialog = bert.page.get_by_role("dialog")
    expect(dialog.get_by_text("The champion has changed since you opened this")).to_contain_text("by anna")
    expect(dialog.get_by_label("Reason")).to_have_value("mine is older")
    assert filled.get_active_model_id("Churn") == CHURN.format("Forest", 3)

    # with open eyes it may be decided again: two clicks more than without the conflict
    bert.click(dialog.get_by_role("button", name="Decide again"))
    expect(dialog.get_by_text("returns 1.0.0 instead of 1.1.1")).to_be_visible()
    expect(dialog.get_by_label("Reason")).to_have_value("mine is older")
    bert.click(dialog.get_by_role("button", name="Promote"))
    expect(bert.page.get_by_text("1.0.0 is now the champion")).to_be_visible()
    assert bert.clicks == 4
    assert [event.reason for event in filled.events("Churn", kinds=["promoted"], limit=2)] == [
        "mine is older",
        "mine is better",
    ]
    bert.click(bert.page.get_by_role("button", name="Undo"))
    expect(bert.page.get_by_text("Undone")).to_be_visible()
    assert filled.get_active_model_id("Churn") == CHURN.format("Forest", 3)


def test_a_link_and_a_reload_bring_the_same_view(visitor: Enter) -> None:
    anna = visitor()
    address = f"/leaderboard?model=Churn&q=Ridge&sort=AUC&direction=Ascending&select={CHURN.format('Ridge', 1)}"
    page = anna.visit(address)
    for reload in (False, True):
        if reload:
            anna.reload()
        expect(page.get_by_role("textbox", name="Search")).to_have_value("Ridge")
        expect(page.get_by_text("2 of 4 versions")).to_be_visible()
        expect(page.locator(".st-key-leaderboard").get_by_test_id("glide-cell-2-0")).to_have_text("1.2.0")
        expect(page.locator(".st-key-selected")).to_contain_text("1.0.0")
    anna.go("Trends")
    page.wait_for_url("**model=Churn**")
    page.go_back()
    expect(page.get_by_role("textbox", name="Search")).to_have_value("Ridge")
    # an address without a name, as everybody leaves one behind who came by it
    anna.visit("/settings?section=Gates")
    page.wait_for_url("**/settings?section=Gates&model=Churn")
    expect(page.locator("h1")).to_have_text("Settings")


def test_who_leaves_a_page_before_it_is_drawn_keeps_the_model_name(visitor: Enter, full: bool) -> None:
    anna = visitor()
    for _ in range(4 if full else 1):
        anna.page.goto(f"{anna.address}/leaderboard?model=Churn")
        anna.page.get_by_test_id("stSidebarNav").get_by_role("link", name="Trends", exact=True).click()
        anna.page.wait_for_url("**/trends?model=Churn")


def test_pages_are_accessible(visitor: Enter) -> None:
    anna = visitor()
    found = []
    for shade, pages in (("light", PAGES), ("dark", ("Overview", "Model", "Health"))):
        anna.page.emulate_media(color_scheme="dark" if shade == "dark" else "light")
        # Shades differ in their colours only, and these pages have all of them.
        options = {"runOnly": ["color-contrast"]} if shade == "dark" else {}
        # A page is drawn for the shade its script was told of when it was opened.
        anna.visit()
        for name in pages:
            if name != "Overview":
                anna.go(name)
            for violation in Axe().run(anna.page, options=options).response["violations"]:
                # The first is the small chart in Streamlit's own metric; the second its upload field.
                if violation["id"] not in ("svg-img-alt", "presentation-role-conflict"):
                    found.append((shade, name, violation["id"], [node["target"] for node in violation["nodes"]][:2]))
    assert not found
