"""Evidence before promotion, in a real browser: from uploads and a benchmark to an override and its mark."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect
from sklearn.linear_model import LogisticRegression

from registry_core import Registry, RegistryError
from tests import hostile
from tests.artifacts.inspection import floods
from tests.artifacts.inspection.corpus import bad_artifacts

from .conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Enter = Callable[[], Visitor]
#: Of each of these lines of the list of bad files, one goes through the browser; without ``--full``, of the first.
LINES = ("01 ", "15 ", "33 ")


def rows(number: int, seed: int) -> pd.DataFrame:
    chance = np.random.default_rng(seed)
    age, visits = chance.random(number), chance.random(number)
    left = (age + 0.3 * chance.standard_normal(number) > 0.5).astype(int)
    return pd.DataFrame({"age": age, "visits": visits, "region": np.where(visits > 0.5, "N", "S"), "left": left})


def write(model: Any, path: Path) -> Path:
    joblib.dump(model, path)
    return path


def upload(anna: Visitor, file: Path, accuracy: str) -> None:
    page = anna.page
    anna.go("Upload")
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(file)
    expect(page.get_by_text("Trusted.")).to_be_visible()
    page.get_by_role("combobox", name="Model type").click()
    page.get_by_role("option", name="Forest").click()
    page.get_by_text("Optional: self-reported metrics").click()
    page.get_by_role("spinbutton", name="Accuracy").fill(accuracy)
    page.get_by_role("spinbutton", name="Accuracy").press("Enter")
    anna.settle()
    press(page, "Upload")
    expect(page.get_by_text("Stored as version")).to_be_visible()
    page.get_by_role("button", name="Open the model").click()
    anna.settle()


def press(page: Page, name: str) -> None:
    page.get_by_test_id("stMain").get_by_role("button", name=name, exact=True).last.click()


def look_around(carla: Visitor) -> None:
    """Open the dashboard and two more of its pages."""
    carla.visit()
    for name in ("Leaderboard", "Trends"):
        carla.go(name)
        expect(carla.page.locator("h1")).to_contain_text(name)


@pytest.mark.full
def test_from_two_uploads_and_a_benchmark_to_an_override(visitor: Enter, filled: Registry, tmp_path: Path) -> None:
    train = rows(300, 1)
    good = LogisticRegression().fit(train[["age", "visits"]], train["left"])
    poor = LogisticRegression().fit(
        train[["visits", "age"]].rename(columns={"visits": "age", "age": "visits"}), train["left"]
    )
    anna = visitor()
    page = anna.visit("/upload?model=Churn")
    anna.act_as("carla")
    upload(anna, write(good, tmp_path / "good.joblib"), "0.6")
    upload(anna, write(poor, tmp_path / "poor.joblib"), "0.99")
    uploaded = {
        model.accuracy: model.model_id
        for model in filled.list_models("Churn", where={"search": "Forest"})
        if model.origin == "upload"
    }
    better, worse = uploaded[0.6], uploaded[0.99]

    # the benchmark, with what is asked of every version
    csv = tmp_path / "holdout.csv"
    rows(200, 2).to_csv(csv, index=False)
    anna.go("Benchmarks")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(csv)
    # how it is read is shown before anything counts
    expect(page.get_by_text("200 rows · 4 columns · CSV · delimiter comma")).to_be_visible()
    expect(page.locator(".st-key-holdout-columns").get_by_test_id("glide-cell-1-0")).to_have_text("number")
    expect(page.get_by_text("Classes of left: 0 (106), 1 (94)")).to_be_visible()
    page.get_by_role("textbox", name="Name", exact=True).fill("holdout-2026")
    page.get_by_role("textbox", name="Thresholds").fill('{"accuracy": 0.75}')
    page.get_by_role("button", name="Add benchmark").click()
    expect(page.get_by_text("Benchmark holdout-2026 is kept: 200 rows")).to_be_visible()

    # every version is measured, with a bar that tells how far it is
    press(page, "Evaluate all on holdout-2026")
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    expect(page.get_by_text("6 versions evaluated")).to_be_visible()
    filled.promote(better, actor="bert", reason="measured")

    # the verdict in a sentence, on the same rows
    anna.visit(f"/model?id={worse}")
    expect(page.get_by_text("is worse than the champion").first).to_be_visible()
    expect(page.get_by_text("on the same 200 rows").first).to_be_visible()
    expect(page.locator(".st-key-gates")).to_contain_text("at least 0.75")

    # refused by the gate, overridden with a reason, and marked ever after
    press(page, "Override gates …")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Gate failed: Holdout-2026 accuracy")).to_be_visible()
    anna.confirm("Promote", "the desk insists")
    expect(dialog.get_by_text("Tick the override")).to_be_visible()
    assert filled.get_active_model_id("Churn") == better
    dialog.get_by_text("Override 1 failed gate").click()
    dialog.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("is now the champion of Churn")).to_be_visible()
    assert filled.get_active_model_id("Churn") == worse
    expect(page.get_by_text("Marked at its promotion.")).to_be_visible()
    anna.go("Leaderboard")
    page.get_by_role("textbox", name="Search").fill(worse)
    expect(page.get_by_text("1 of 6 versions")).to_be_visible()
    expect(page.locator(".st-key-leaderboard").get_by_test_id("glide-cell-3-0")).to_have_text("★ champion ⚑")

    # both beside each other
    anna.visit(f"/compare?model=Churn&ids={better},{worse}")
    expect(page.get_by_text("Evaluated on holdout-2026")).to_be_visible()
    expect(page.get_by_text("Both predicted the same 200 rows")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()


def test_bad_files_are_refused_before_anything_is_kept(
    visitor: Enter, filled: Registry, tmp_path: Path, full: bool
) -> None:
    marker = tmp_path / "marker"
    every = bad_artifacts(marker)
    found = [next(bad for bad in every if bad.name.startswith(line)) for line in (LINES if full else LINES[:1])]
    chosen = [(bad.data, bad.expected == "refused") for bad in found]
    # One that would keep whoever reads it busy: here only the process that looks into it is.
    chosen.append((next(floods.files())[1], True))
    anna = visitor()
    page = anna.visit("/upload?model=Churn")
    before = filled.revision()
    for number, (data, refused) in enumerate(chosen):
        file = tmp_path / f"bad{number}.pkl"
        file.write_bytes(data)
        page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(file)
        expected = "It is refused." if refused else "It will be quarantined."
        expect(page.get_by_text(file.name).last).to_be_visible()
        expect(page.get_by_text(expected)).to_be_visible()
        if refused:
            expect(page.get_by_test_id("stMain").get_by_role("button", name="Upload", exact=True).last).to_be_disabled()
        page.get_by_role("button", name=f"Remove {file.name}").click()
        expect(page.get_by_text(expected)).to_have_count(0)
        anna.settle()
    assert filled.revision() == before
    assert not marker.exists()


# The next one is as hard, and `python -m benchmarks.beside` measures both.
@pytest.mark.full
def test_everybody_goes_on_while_a_model_hangs(visitor: Enter, filled: Registry) -> None:
    filled.configure(auto_evaluate=False, reason="by hand")
    filled.add_benchmark("holdout", "Churn", rows(50, 3), "left", features=["age", "visits"])
    content = pickle.dumps(hostile.Model("doze_and_leave", 15.0))
    model_id = filled.upload(io.BytesIO(content), metadata={"model_name": "Churn", "model_type": "Odd"}, actor="bert")
    assert filled.get_metadata(model_id).artifact == "quarantined"
    anna, carla = visitor(), visitor()
    anna.visit(f"/model?id={model_id}")
    press(anna.page, "Evaluate on holdout")
    expect(anna.page.get_by_text("Evaluating in a sandbox")).to_be_visible()
    look_around(carla)
    expect(anna.page.get_by_text("Evaluating in a sandbox")).to_be_visible()
    assert filled.evaluations(model_id) == []
    expect(anna.page.get_by_text("exited early").first).to_be_visible()
    assert filled.evaluations(model_id)[0].status == "failed"


@pytest.mark.full
def test_a_model_that_crashes_when_it_is_loaded_harms_nobody(visitor: Enter, filled: Registry, tmp_path: Path) -> None:
    filled.configure(trusted_globals=[hostile.ENDS], reason="our own class")
    file = tmp_path / "crashing.pkl"
    file.write_bytes(hostile.crashing_file().getvalue())
    champion = filled.get_active_model_id("Churn")
    anna, carla = visitor(), visitor()
    page = anna.visit("/upload?model=Churn")
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(file)
    expect(page.get_by_text("Trusted.")).to_be_visible()
    page.get_by_role("combobox", name="Model type").click()
    page.get_by_role("option", name="Forest").click()
    anna.settle()
    press(page, "Upload")
    carla.visit()
    expect(page.get_by_text("Stored as version")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Open the model").click()
    anna.settle()
    expect(page.locator(".st-key-gates")).to_contain_text("was killed by signal 11")
    # no override passes over a model that does not answer, here or in the core
    expect(page.get_by_role("button", name="Promote", exact=True)).to_be_disabled()
    (crashing,) = [each for each in filled.list_models("Churn") if each.origin == "upload"]
    with pytest.raises(RegistryError):
        filled.promote(crashing.model_id, actor="anna", reason="let us try", override=True)
    carla.go("Activity")
    assert filled.get_active_model_id("Churn") == champion
