"""Somebody tidies up and changes how the registry ranks, in a real browser."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from registry_core import Registry

from .conftest import Visitor

pytestmark = pytest.mark.browser

Enter = Callable[[], Visitor]


def accessible(visitor: Visitor, page: Page, *shades: str) -> None:
    """Everyone can read all of it, in both shades."""
    for shade in shades or ("light", "dark"):
        page.emulate_media(color_scheme="dark" if shade == "dark" else "light")
        found: list[tuple[str, list[str]]] = []
        # A page is drawn for the shade its script was told of, and what is being drawn anew is faded: looked at again
        # after a reload such a finding is gone, any other stays.
        for _ in range(4):
            visitor.settle()
            # What the pointer happens to rest on is shown in another colour.
            page.mouse.move(0, 0)
            violations = Axe().run(page).response["violations"]
            found = [(each["id"], [node["target"] for node in each["nodes"]][:2]) for each in violations]
            if not found:
                break
            page.reload()
        assert not found


@pytest.mark.full
def test_a_cleanup_from_its_plan_is_undone_from_the_trash(visitor: Enter, filled: Registry) -> None:
    filled.configure(
        max_models_to_keep=1,
        retention={"keep_best": 0, "keep_newest": 0, "keep_champions": False},
        actor="anna",
        reason="little room",
    )
    goes = sorted(item.model_id for item in filled.plan_cleanup("Churn").of("trash"))
    assert len(goes) == 2
    anna = visitor()
    page = anna.visit("/maintenance?model=Churn")
    expect(page.get_by_text("2 versions to the trash (")).to_be_visible()
    accessible(anna, page)

    # all are ticked; one is left out, and taken in again
    button = page.get_by_role("button", name="Move 2 versions to the trash")
    expect(button).to_be_enabled()
    table = page.locator(".st-key-cleanup-table .dvn-scroller")
    table.click(position={"x": 16, "y": 33 + 16})
    expect(page.get_by_role("button", name="Move 1 version to the trash")).to_be_visible()
    anna.settle()
    table.click(position={"x": 16, "y": 33 + 16})
    button.click()
    expect(page.get_by_role("dialog")).to_contain_text("they can be restored; then their files are deleted")
    anna.confirm("Clean up", "more than we need")
    expect(page.get_by_text("2 versions in the trash")).to_be_visible()
    assert sorted(each.model_id for each in filled.trash()) == goes

    # the plan has nothing left, and the trash gives them back
    expect(page.get_by_text("Nothing to remove: the policy keeps every version")).to_be_visible()
    page.get_by_role("radio", name="Trash").click()
    page.wait_for_url("**part=Trash**")
    anna.settle()
    page.locator(".st-key-trash-table .dvn-scroller").click(position={"x": 16, "y": 16})
    page.get_by_role("button", name="Restore 2 versions").click()
    anna.confirm("Restore", "needed after all")
    expect(page.get_by_text("2 versions restored from the trash")).to_be_visible()
    expect(page.get_by_text("The trash is empty")).to_be_visible()
    assert filled.trash() == []
    assert filled.get_metadata(goes[0]).status == "registered"

    # the other parts can be read by everyone as well, and show what they found
    page.get_by_role("radio", name="Space").click()
    expect(page.locator(".js-plotly-plot")).to_be_visible()
    anna.settle()
    accessible(anna, page, "light")
    page.get_by_role("radio", name="Verify").click()
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_text("Integrity verified")).to_be_visible()
    page.get_by_role("radio", name="Backup").click()
    page.get_by_role("button", name="Make a backup").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download the backup").click()
    assert waiting.value.suggested_filename.endswith(".tar")


@pytest.mark.full
def test_weights_are_changed_with_their_preview_saved_and_reverted(visitor: Enter, filled: Registry) -> None:
    champion = filled.get_active_model_id("Churn")
    before = filled.configuration().to_dict()
    best = filled.get_best_model_id("Churn")
    anna = visitor()
    page = anna.visit("/settings?model=Churn")
    anna.act_as("carla")
    preview = page.locator(".st-key-ranking-preview")
    expect(preview).to_contain_text("is the best. Change a weight")
    accessible(anna, page)

    quality = page.get_by_role("spinbutton", name="Data quality")
    quality.fill("0")
    quality.press("Enter")
    page.get_by_role("spinbutton", name="AUC").fill("0.9")
    page.get_by_role("spinbutton", name="AUC").press("Enter")
    expect(preview).to_contain_text("would stay the best")
    expect(preview).to_contain_text("Saving does not change the champion 1.1.0")
    expect(page.get_by_text("1 change not saved")).to_be_visible()
    assert filled.configuration().to_dict() == before

    # what somebody else saves meanwhile is told, and not overwritten
    page.get_by_role("button", name="Save …").click()
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_visible()
    filled.configure(selection_margin=0.01, actor="bert", reason="calm")
    anna.confirm("Save", "quality says little here")
    expect(page.get_by_role("dialog")).to_contain_text("The settings were changed meanwhile")
    page.get_by_role("button", name="Close and review").click()
    page.get_by_role("button", name="Show new settings, keep mine").click()
    expect(page.get_by_role("spinbutton", name="AUC")).to_have_value("0.9")
    page.get_by_role("button", name="Save …").click()
    anna.confirm("Save", "quality says little here")
    expect(page.get_by_text("Saved: 1 setting changed.")).to_be_visible()
    assert filled.policy("Churn").performance_weight == {"accuracy": 0.4, "auc": 0.9, "f1_score": 0.2}
    assert (filled.get_active_model_id("Churn"), filled.get_best_model_id("Churn")) == (champion, best)
    saved = filled.events(limit=1)[0]
    assert (saved.actor, saved.reason) == ("carla", "quality says little here")

    # back to how it was at the beginning, from the history
    page.get_by_role("radio", name="History").click()
    page.wait_for_url("**section=History**")
    anna.settle()
    accessible(anna, page, "dark")
    first = filled.events(kinds=["configured"])[-1]
    page.locator(f".st-key-settings-event-{first.event_id}").get_by_role("button", name="Revert to this").click()
    expect(page.get_by_role("dialog")).to_contain_text("Data quality 0.1 (registry-wide)")
    anna.confirm("Revert", "as it was")
    expect(page.get_by_text("Reverted: 2 settings changed.")).to_be_visible()
    assert filled.configuration().to_dict() == before
