"""The demo with live traffic in a real browser: from shadow to production, into the frost of December, and back."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from registry_core import Registry

from .conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAME = "LateArrival"


@contextmanager
def flights(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Traffic by the command its users start; it stops by itself when its input ends."""
    command = [sys.executable, "-m", "registry_core", "traffic", str(folder), "--until-input-ends", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.communicate()


def decide(page: Page, button: str, reason: str) -> None:
    page.get_by_test_id("stMain").get_by_role("button", name=button, exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog).to_have_count(0)


def share(page: Page, percent: str, reason: str) -> None:
    page.get_by_test_id("stMain").get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("spinbutton").fill(percent)
    dialog.get_by_role("spinbutton").press("Tab")
    expect(dialog.locator(".split").last).to_contain_text(f"{percent}%")
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name="Share", exact=True).click()
    expect(page.get_by_text(f"Challengers serve {percent}% of the requests of {NAME} now")).to_be_visible()


def labels(page: Page) -> int:
    """The challenger's labels as the page shows them."""
    cell = page.locator(".st-key-table-arms").get_by_test_id("glide-cell-4-1")
    return int((cell.text_content() or "0").replace(",", ""))


def winter(anna: Visitor, folder: Path, steady: str, challenger: str) -> None:
    """In December it has never seen such cold: the model before, which has, is put back, and nobody has to be awake."""
    page = anna.page
    anna.go("Settings")
    with flights(folder, "--rate", "150", "--delay", "0.5", "--from-day", "343", "--days", "16") as december:
        # At this rate they last longer than a window of the demo: what raised an alarm is not what decides after it.
        with Registry(folder) as registry:
            while december.poll() is None and not registry.events(NAME, kinds=["rolled_back"]):
                time.sleep(0.5)
        said = december.communicate()[0]
    anna.go("Health")
    expect(page.get_by_text("Rolled back automatically").first).to_be_visible()
    assert "Worse than its baseline" in said
    assert " pp more accurate than the champion" in said
    with Registry(folder) as registry:
        assert f"{registry.get_metadata(steady).display_name} was " in said
        assert registry.get_active_model_id(NAME) == steady
        assert registry.get_metadata(challenger).status == "disqualified"
        (event,) = registry.events(NAME, kinds=["rolled_back"])
        assert event.actor == "auto"
    expect(page.get_by_test_id("stMain").get_by_text("automatically").first).to_be_visible()
    anna.go("Activity")
    expect(page.get_by_test_id("stMain").locator("body, *").get_by_text("Rolled back").first).to_be_attached()


# The longest story: replays tell it without a browser, and the pages it goes through have stories of their own.
@pytest.mark.full
def test_from_shadow_into_the_frost_and_back(
    browser: Browser,
    dashboard_server: Callable[..., str],
    filled_demo: tuple[Path, list[str]],
    tmp_path: Path,
) -> None:
    folder = tmp_path / "demo"
    shutil.copytree(filled_demo[0], folder)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    anna = Visitor(context, dashboard_server(folder))
    page = anna.visit(f"/experiments?model={NAME}")

    # what the demo began is stopped, and the same challenger starts anew in shadow
    decide(page, "Stop", "Begun anew to watch it from the start")
    with Registry(folder) as registry:
        steady = str(registry.get_active_model_id(NAME))
        challenger = registry.experiments(NAME)[0].arms[0].challenger_id
    page = anna.visit(f"/model?id={challenger}")
    decide(page, "Start experiment", "It knows this summer")
    expect(page.get_by_text("scores the same rows; its predictions are not served")).to_be_visible()
    page.evaluate("window.sameDocument = true")

    # what somebody is typing is left alone by what arrives meanwhile
    page.get_by_test_id("stMain").get_by_role("button", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("half a rea")
    with flights(folder, "--rate", "400", "--delay", "1"):
        # numbers arrive without a reload
        page.wait_for_function(
            "() => Number((document.querySelector('.st-key-table-arms [data-testid=glide-cell-4-1]')?.textContent"
            " ?? '0').replace(',', '')) > 500",
            polling=500,
        )
        before = labels(page)
        expect(dialog.get_by_label("Reason")).to_have_value("half a rea")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        share(page, "20", "It did well beside the champion")
        share(page, "50", "Nobody complained")
        expect(page.locator(".st-key-table-arms")).to_contain_text("serves 50%")
        assert before > 500
    decide(page, "Promote", "As good as the champion, and smoother")
    expect(page.get_by_text("was promoted").first).to_be_visible()
    assert page.evaluate("window.sameDocument")

    winter(anna, folder, steady, challenger)
    context.close()
    # A download that a page offered may be gone when the browser asks for it after the page was left.
    assert not [each for each in anna.trouble if "/media/" not in each and "Download Button source" not in each]
