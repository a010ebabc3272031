"""An experiment from shadow to production in a real browser, with traffic that arrives while the page is open."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from registry_core import Registry

from .conftest import Visitor

pytestmark = pytest.mark.browser

Enter = Callable[[], Visitor]
CHURN = "Churn_{}_2026010{}_120000"


def traffic(registry: Registry, rows: int, seed: int) -> None:
    """Answers to callers and what came of them: the champion is right in 3 of 4, its challenger always."""
    chance = np.random.default_rng(seed)
    predictor = registry.predictor("Churn", log="sync")
    answer = predictor.predict(chance.random((rows, 2)), [str(unit) for unit in chance.integers(0, 10**9, rows)])
    champion = answer.model_ids == CHURN.format("Forest", 2)
    labels = np.where(champion & (chance.random(rows) < 0.25), 1 - answer.values, answer.values)
    registry.record_outcomes(prediction_ids=answer.prediction_ids, labels=labels)


def decide(page: Page, button: str, reason: str) -> None:
    page.get_by_test_id("stMain").get_by_role("button", name=button, exact=True).click()
    confirm(page, button, reason)


def confirm(page: Page, button: str, reason: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog).to_have_count(0)


def test_from_shadow_to_production_while_traffic_comes(visitor: Enter, filled: Registry) -> None:
    filled.configure(monitoring={"on_degradation": "off"}, reason="people decide")
    anna = visitor()
    challenger = CHURN.format("Forest", 3)

    # from the model's page into shadow
    page = anna.visit(f"/model?id={challenger}")
    page.get_by_test_id("stMain").get_by_role("button", name="Start experiment", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Nothing changes for those who use")).to_contain_text("1.1.1 scores beside 1.1.0")
    confirm(page, "Start experiment", "better on the holdout")
    expect(page.get_by_text("Too early to say whether 1.1.1 is better than 1.1.0").first).to_be_visible()
    expect(page.get_by_text("scores the same rows beside it, answers nothing")).to_be_visible()
    (started,) = filled.experiments("Churn")
    assert f"experiment={started.experiment_id}" in page.url
    page.evaluate("window.sameDocument = true")

    # the numbers arrive by themselves, and leave alone what somebody is typing
    page.get_by_test_id("stMain").get_by_role("button", name="Share", exact=True).click()
    dialog.get_by_label("Reason").fill("half a rea")
    traffic(filled, 400, 1)
    arms = page.locator(".st-key-table-arms")
    expect(arms.get_by_test_id("glide-cell-2-1")).to_have_text("400")
    expect(dialog.get_by_label("Reason")).to_have_value("half a rea")

    # a split, and a larger one
    dialog.get_by_role("spinbutton").fill("20")
    dialog.get_by_role("spinbutton").press("Tab")
    expect(dialog.locator(".split").last).to_contain_text("20%")
    confirm(page, "Share", "it scored well")
    expect(page.get_by_text("Challengers answer 20% of Churn now")).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("button", name="Share", exact=True).click()
    dialog.get_by_role("spinbutton").fill("50")
    dialog.get_by_role("spinbutton").press("Tab")
    expect(dialog.locator(".split").last).to_contain_text("50%")
    confirm(page, "Share", "no complaints")
    assert filled.experiment(started.experiment_id).arms[0].share == 0.5
    for seed in range(4):
        traffic(filled, 500, seed + 2)
    expect(page.get_by_text("1.1.1 is winning: better than 1.1.0 by").first).to_be_visible()
    expect(page.locator(".st-key-verdict")).to_contain_text("traffic dealt as planned")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()

    # the winner into production, everywhere
    decide(page, "Promote", "clearly better on live traffic")
    expect(page.get_by_text("1.1.1 won against 1.1.0 and was promoted")).to_be_visible()
    assert filled.get_active_model_id("Churn") == challenger
    assert page.evaluate("window.sameDocument")
    anna.go("Overview")
    expect(page.get_by_text("Score of champion 1.1.1")).to_be_visible()
    anna.go("Leaderboard")
    expect(page.get_by_text("Champion is 1.1.1")).to_be_visible()
    anna.go("Champion / challenger")
    expect(page.get_by_text("No experiment runs now")).to_be_visible()
    past = page.locator(".st-key-table-past")
    expect(past.get_by_test_id("glide-cell-2-0")).to_have_text("★ promoted")
