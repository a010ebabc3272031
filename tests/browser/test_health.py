"""A champion becomes worse while somebody looks at its health page, in a real browser."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from registry_core import Predictor, Registry
from tests.clock import Clock

from .conftest import Visitor

pytestmark = pytest.mark.browser

Enter = Callable[[], Visitor]


def serve(registry: Registry, predictor: Predictor, rows: int, wrong: float = 0.0) -> None:
    """Ask, and tell the truth: as answered, but for a share."""
    random = np.random.default_rng(rows)
    answer = predictor.predict_proba(random.random((rows, 2)))
    said = answer.values.argmax(axis=1)
    truth = np.where(random.random(rows) < wrong, 1 - said, said)
    registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=truth)


def two_good_days(folder: Path) -> None:
    """What Churn's champion answered before: labels enough for a baseline."""
    past = Clock(datetime.now(UTC) - timedelta(days=2))
    with Registry(folder, clock=past) as earlier:
        serve(earlier, earlier.predictor("Churn", log="sync"), 300)
        past.tick(days=1)
        serve(earlier, earlier.predictor("Churn", log="sync"), 310, wrong=0.02)


@pytest.mark.full
def test_a_decline_and_its_rollback_appear_by_themselves(
    visitor: Enter, filled: Registry, registry_folder: Path
) -> None:
    # All versions are the same model, so that there is nothing to be compared.
    watch = {"baseline_labels": 300, "minimum_labels": 100, "overdispersion_icc": 0.0, "act_without_comparison": True}
    filled.configure(monitoring=watch, actor="anna", reason="a short test")
    before = filled.get_active_model_id("Churn")
    two_good_days(registry_folder)
    predictor = filled.predictor("Churn", log="sync")

    anna = visitor()
    page = anna.visit("/health?model=Churn")
    anna.act_as("carla")
    expect(page.locator(".st-key-health-state")).to_contain_text("Healthy")
    expect(page.get_by_text("Accuracy of 1.1.0 is 0.9")).to_be_visible()
    page.get_by_role("radio", name="24 h").click()
    page.wait_for_url("**range=24+h**")
    page.evaluate("window.stayed = true")

    # it gets worse, and nobody touches the page
    for part in range(6):
        serve(filled, predictor, 100 + part, wrong=0.5)
    assert filled.get_active_model_id("Churn") != before
    expect(page.locator(".st-key-health-state")).to_contain_text("Critical")
    expect(page.locator(".st-key-health-state")).to_contain_text("Churn 1.1.0 was rolled back to Churn 1.0.0")
    told = page.locator(".st-key-health-moves").get_by_role("listitem").first
    expect(told).to_contain_text("✕ Rolled back to 1.0.0 instead of 1.1.0")
    expect(told).to_contain_text("automatically: Churn 1.1.0: Worse than its baseline")

    # what somebody writes stays while the page behind goes on
    page.get_by_role("button", name="Acknowledge").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Note").fill("the feed was broken")
    read = page.locator(".st-key-health-state").get_by_text("live, read at")
    seen = read.inner_text()
    expect(read).not_to_have_text(seen)
    expect(dialog.get_by_label("Note")).to_have_value("the feed was broken")
    dialog.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_text("The alert is acknowledged")).to_be_visible()
    expect(page.locator(".st-key-health-state")).not_to_contain_text("Critical")
    assert page.evaluate("window.stayed")
    assert "range=24" in page.url
    assert filled.alerts("Churn") == []
    assert filled.alerts("Churn", resolved=True)[0].acknowledged_by == "carla"

    # everyone can read all of it, and a button in what refreshes itself leads elsewhere
    for shade in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if shade == "dark" else "light")
        anna.settle()
        # The page's theme reaches its headings a moment later.
        shown = page.get_by_test_id("stApp").evaluate("each => getComputedStyle(each).color")
        for heading in page.locator("[data-heading-text]").all():
            expect(heading).to_have_css("color", shown)
        violations = Axe().run(page).response["violations"]
        assert not [(each["id"], [node["target"] for node in each["nodes"]][:2]) for each in violations]
    page.get_by_role("button", name="Open 1.1.0").click()
    expect(page.locator("h1")).to_have_text("Churn 1.1.0")
