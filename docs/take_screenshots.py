"""Take a picture of every page into docs/images: light and dark at 1440x900, and as wide as a phone.

    python docs/take_screenshots.py

Needs the `test` extra and a Chromium; fills a demo registry in a temporary folder, and leaves nothing else behind.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT))

from registry_core import Registry  # noqa: E402
from registry_core.demo import fill  # noqa: E402
from tests.conftest import CHROMIUM_OPTIONS  # noqa: E402
from tests.servers import running_dashboard  # noqa: E402

SIZES = {"light": (1440, 900), "dark": (1440, 900), "phone": (390, 844)}
#: Enough for flat surfaces and a few lines, and a third of the bytes.
COLOURS = 256


def pages(registry: Registry) -> dict[str, str]:
    """Each picture's name and address: the name with most versions, and what measures best beside its champion."""
    name = max(registry.summaries(), key=lambda each: each.versions).model_name
    champion = registry.get_active_model_id(name)
    by_measured = registry.get_model_comparison(3, name, order_by="measured:accuracy", where={"eligible": True})
    best = next(row["model_id"] for row in by_measured if row["model_id"] != champion)
    first = registry.get_model_comparison(3, name)
    selected = ",".join(row["model_id"] for row in first)
    return {
        "overview": f"/?model={name}",
        "leaderboard": f"/leaderboard?model={name}",
        "compare": f"/leaderboard?model={name}&select={selected}",
        "model": f"/model?model={name}&id={best}",
        "versus": f"/compare?model={name}&ids={champion},{best}",
        "benchmarks": f"/benchmarks?model={name}",
        "trends": f"/trends?model={name}",
        "experiments": "/experiments?model=LateArrival",
        "health": "/health?model=LateArrival",
        "upload": f"/upload?model={name}",
        "maintenance": f"/maintenance?model={name}",
        "settings": f"/settings?model={name}",
        "activity": f"/activity?model={name}",
    }


def settle(page: Page) -> None:
    """Wait until the script has run and the charts are drawn."""
    page.locator("h1").wait_for()
    unfinished = "[data-testid=stStatusWidget], [data-stale=true], [data-testid=stSkeleton]"
    page.wait_for_function(f"() => !document.querySelector('{unfinished}')")
    page.wait_for_timeout(1500)


def save(picture: bytes, target: Path) -> None:
    """Write a PNG with few colours."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


def take(browser: Browser, address: str, wanted: dict[str, str]) -> None:
    for shade, (width, height) in SIZES.items():
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if shade == "dark" else "light",
            timezone_id="UTC",
        )
        page = context.new_page()
        for name, path in wanted.items():
            page.goto(f"{address}{path}")
            settle(page)
            if name == "settings":
                weight = page.get_by_role("spinbutton").first
                weight.fill("0")
                weight.press("Enter")
                settle(page)
            if name == "compare":
                page.get_by_text("side by side").scroll_into_view_if_needed()
                page.wait_for_timeout(500)
            save(page.screenshot(), IMAGES / f"{name}-{shade}.png")
            if name == "model":
                decision = page.get_by_test_id("stMain").get_by_role("button", name="Promote", exact=True)
                if decision.count() and decision.is_enabled():
                    decision.click()
                    page.get_by_role("dialog").get_by_label("Reason").wait_for()
                    page.wait_for_timeout(1000)
                    save(page.screenshot(), IMAGES / f"promote-{shade}.png")
        context.close()


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        location = Path(folder) / "demo"
        fill(location)
        with Registry(location) as registry:
            wanted = pages(registry)
        with running_dashboard(location) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_OPTIONS)
            take(browser, address, wanted)
            browser.close()
    for picture in sorted(IMAGES.glob("*.png")):
        print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size / 1000:.0f} kB")


def chromium() -> Path | None:
    """The Chromium or Chrome of this machine; None means the one Playwright downloaded."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((Path(found) for name in names if (found := shutil.which(name))), None)


if __name__ == "__main__":
    main()
