"""What people come for, done with few clicks and without looking for it: each click is counted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from registry_core import Registry

from .conftest import Visitor
from .test_health import serve, two_good_days

pytestmark = pytest.mark.browser

Enter = Callable[[], Visitor]


def in_sight(page: Page, target: Locator) -> bool:
    """Whether the whole of it is on the screen without scrolling."""
    box, size = target.bounding_box(), page.viewport_size
    assert size is not None
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


def test_whether_a_version_should_replace_the_champion_is_answered_on_one_screen(
    visitor: Enter, filled: Registry
) -> None:
    best = str(filled.list_models("Churn")[0].model_id)
    chance = np.random.default_rng(0).random(200)
    rows = pd.DataFrame({"age": chance, "visits": 1 - chance, "left": (chance < 0.5).astype(int)})
    filled.add_benchmark("holdout", "Churn", rows, "left", features=["age", "visits"])
    for each in filled.list_models("Churn"):
        filled.evaluate(each.model_id)
    verdict = filled.verdict(best)
    page = visitor().visit(f"/model?id={best}")
    answer = page.get_by_text(f"{verdict.word.capitalize()}.").first
    for seen in (
        page.locator("h1"),
        answer,
        page.get_by_role("button", name="Promote").first,
        page.get_by_text(f"All {len(verdict.gates)} promotion gates passed"),
        page.locator(".strip").first,
        page.get_by_text("No review yet"),
    ):
        expect(seen).to_be_visible()
        assert in_sight(page, seen), seen


def acknowledge_by_keyboard(anna: Visitor) -> None:
    """From the first page to an acknowledged alert by Tab, Enter and the letters of the note."""
    page = anna.visit("/")
    anna.enter_on(page.get_by_test_id("stMain").get_by_role("button", name="Health").first)
    expect(page.locator("h1")).to_have_text("Health of Churn")
    anna.settle()
    anna.enter_on(page.get_by_role("button", name="Acknowledge").first)
    dialog = page.get_by_role("dialog")
    anna.tab_to(dialog.get_by_label("Note"))
    page.keyboard.type("the desk looks into it")
    anna.enter_on(dialog.get_by_role("button", name="Acknowledge"))
    expect(page.get_by_text("The alert is acknowledged")).to_be_visible()


def promote_by_keyboard(anna: Visitor, version: str) -> None:
    """From any page to a promoted version by Tab, Enter, and the letters of the version and the reason."""
    page = anna.page
    anna.enter_on(page.get_by_test_id("stSidebarNav").get_by_role("link", name="Leaderboard"))
    expect(page.locator("h1")).to_have_text("Leaderboard")
    anna.settle()
    anna.tab_to(page.get_by_role("combobox", name="Selected versions"))
    page.keyboard.type(version)
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator(".st-key-selected")).to_contain_text(version)
    anna.settle()
    anna.enter_on(page.locator(".st-key-selected").get_by_role("button", name="Promote"))
    dialog = page.get_by_role("dialog")
    anna.tab_to(dialog.get_by_label("Reason"))
    page.keyboard.type("steadier than the one before")
    anna.enter_on(dialog.get_by_role("button", name="Promote"))
    expect(page.get_by_text(f"{version} is now the champion of Churn.")).to_be_visible()


@pytest.fixture
def alerted(filled: Registry, registry_folder: Path) -> Registry:
    """Half of the champion's latest answers were wrong, and nothing has been done about it yet."""
    watch = {
        "baseline_labels": 300, "minimum_labels": 100, "overdispersion_icc": 0.0, "act_without_comparison": True,
        "on_degradation": "suggest",
    }  # fmt: skip
    filled.configure(monitoring=watch, actor="anna", reason="a person decides at night")
    two_good_days(registry_folder)
    predictor = filled.predictor("Churn", log="sync")
    for part in range(4):
        serve(filled, predictor, 100 + part, wrong=0.5)
    assert [each.kind for each in filled.alerts("Churn")]
    return filled


def test_from_an_alert_on_a_phone_to_the_rollback_takes_four_taps(visitor: Enter, alerted: Registry) -> None:
    before = alerted.get_active_model_id("Churn")
    dora = visitor()
    dora.page.set_viewport_size({"width": 390, "height": 844})
    page = dora.visit("/")
    name = page.get_by_test_id("stMain").get_by_text("Churn")
    expect(name.first).to_be_visible()
    assert in_sight(page, name.first)
    dora.click(page.get_by_test_id("stMain").get_by_role("button", name="Health").first)
    expect(page.locator("h1")).to_have_text("Health of Churn")
    back = page.get_by_role("button", name="Roll back").first
    expect(back).to_be_visible()
    assert in_sight(page, back)
    dora.click(back)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Churn")
    dialog.get_by_label("Reason").fill("half of the answers are wrong since noon")
    confirm = dialog.get_by_role("button", name="Roll back")
    assert in_sight(page, confirm)
    dora.click(confirm)
    expect(page.get_by_text("is rolled back")).to_be_visible()
    assert alerted.get_active_model_id("Churn") != before
    assert dora.clicks <= 4
    assert not alerted.alerts("Churn")


@pytest.mark.full
def test_a_keyboard_is_enough(visitor: Enter, alerted: Registry) -> None:
    anna = visitor()
    acknowledge_by_keyboard(anna)
    assert any(each.acknowledged_at for each in alerted.alerts("Churn"))
    promote_by_keyboard(anna, "1.1.1")
    assert alerted.get_metadata(str(alerted.get_active_model_id("Churn"))).version == "1.1.1"
