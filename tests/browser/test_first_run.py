"""The first visit of somebody with a model file and a table, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, expect
from sklearn.linear_model import LogisticRegression

from registry_core import Registry

from .conftest import Visitor

pytestmark = pytest.mark.browser

#: More clicks than that, from an empty registry to a champion with a score, are too many.
MOST_CLICKS = 6


def rows(number: int, seed: int) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    age, visits = chance.random(number), chance.random(number)
    left = np.where(age + 0.3 * chance.standard_normal(number) > 0.5, "yes", "no")
    return pd.DataFrame({"age": age, "visits": visits, "left": left})


def test_from_an_empty_registry_to_a_champion_with_a_score(
    browser: Browser, dashboard_server: Callable[..., str], registry_folder: Path, tmp_path: Path
) -> None:
    train = rows(300, 1)
    joblib.dump(LogisticRegression().fit(train[["age", "visits"]], train["left"]), tmp_path / "churn.joblib")
    rows(200, 2).to_csv(tmp_path / "clinic-3.csv", index=False)

    def look(*sentences: str) -> None:
        for each in sentences:
            expect(page.get_by_text(each)).to_be_visible()

    def choose(file: str, field: str) -> None:
        # A click opens the browser's own dialog, in which the file is chosen.
        with page.expect_file_chooser() as chooser:
            anna.click(page.get_by_role("region", name=field).get_by_test_id("stBaseButton-secondary"))
        chooser.value.set_files(tmp_path / file)

    with Registry(registry_folder, actor="anna") as registry:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        anna = Visitor(context, dashboard_server(registry_folder))
        page = anna.visit()
        look("No model is registered yet")
        anna.click(page.get_by_role("link", name="Upload a model file"))
        look("1. Model file", "Still needed: a model file")
        choose("churn.joblib", "Model file")
        look("Trusted.", "Version 1.0.0")
        choose("clinic-3.csv", "Labelled rows")
        # Everything else is filled in: name, type, target, version.
        look("Classes of left: no", "Champion: this version, if it passes every gate")
        expect(page.get_by_role("combobox", name="Model name of this version")).to_have_value("churn")
        expect(page.get_by_role("combobox", name="Model type")).to_have_value("LogisticRegression")
        expect(page.get_by_text("Still needed")).to_have_count(0)
        anna.click(page.get_by_role("button", name="Upload and evaluate"))
        look(
            "is the champion with a score of",
            "Evaluated on 200 rows of clinic-3",
            "data_quality_score is left out: no evaluation gives it.",
        )
        assert anna.clicks <= MOST_CLICKS
        (model,) = registry.list_models("churn")
        assert model.is_active
        assert model.composite_score is not None
        assert model.ranked_on == "benchmark:clinic-3"
        assert anna.trouble == []
        context.close()
