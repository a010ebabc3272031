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


class Clicks:
    """A pointer that counts; a picture is taken before each click where a folder is given."""

    def __init__(self, page: Page, pictures: Path | None = None) -> None:
        self.page, self.count, self._pictures = page, 0, pictures

    def on(self, target: Locator) -> None:
        """Click what can be seen without knowing where to look."""
        target.scroll_into_view_if_needed()
        if self._pictures is not None:
            self.page.screenshot(path=self._pictures / f"{self.count}.png")
        target.click()
        self.count += 1


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


def test_from_an_alert_on_a_phone_to_the_rollback_takes_four_taps(
    visitor: Enter, filled: Registry, registry_folder: Path
) -> None:
    watch = {
        "baseline_labels": 300, "minimum_labels": 100, "overdispersion_icc": 0.0, "act_without_comparison": True,
        "on_degradation": "suggest",
    }  # fmt: skip
    filled.configure(monitoring=watch, actor="anna", reason="a person decides at night")
    before = filled.get_active_model_id("Churn")
    two_good_days(registry_folder)
    predictor = filled.predictor("Churn", log="sync")
    for part in range(4):
        serve(filled, predictor, 100 + part, wrong=0.5)
    assert [each.kind for each in filled.alerts("Churn")]

    dora = visitor()
    dora.page.set_viewport_size({"width": 390, "height": 844})
    page = dora.visit("/")
    clicks = Clicks(page)
    name = page.get_by_test_id("stMain").get_by_text("Churn")
    expect(name.first).to_be_visible()
    assert in_sight(page, name.first)
    clicks.on(page.get_by_test_id("stMain").get_by_role("button", name="Health").first)
    expect(page.locator("h1")).to_have_text("Health of Churn")
    back = page.get_by_role("button", name="Roll back").first
    expect(back).to_be_visible()
    assert in_sight(page, back)
    clicks.on(back)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Churn")
    dialog.get_by_label("Reason").fill("half of the answers are wrong since noon")
    confirm = dialog.get_by_role("button", name="Roll back")
    assert in_sight(page, confirm)
    clicks.on(confirm)
    expect(page.get_by_text("is rolled back")).to_be_visible()
    assert filled.get_active_model_id("Churn") != before
    assert clicks.count <= 4
    assert not filled.alerts("Churn")
