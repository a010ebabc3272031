"""A real browser that tells when something was painted, by the page's own clock."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Tables are drawn on a canvas: what text was drawn since the last act is what a reader can see. What somebody does is
#: noted with the time the browser gave the event, before any script of the page has seen it.
_RECORDER = """(() => {
  const drawn = new Set();
  const bench = window.__bench = {acted: 0, drawn};
  const original = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
    drawn.add(String(text));
    return original.call(this, text, ...rest);
  };
  for (const kind of ['pointerdown', 'input'])
    addEventListener(kind, event => { bench.acted = event.timeStamp; drawn.clear(); }, true);
})()"""

#: Looks at each frame; once all holds, the frame after it shows it for certain.
_WATCH = """(wanted) => new Promise((resolve, reject) => {
  const {drawn, acted} = window.__bench;
  const deadline = performance.now() + wanted.patience;
  const text = selector => document.querySelector(selector)?.textContent ?? '';
  const holds = () => {
    const app = document.querySelector('[data-testid=stApp]');
    if (wanted.heading && !text('h1').startsWith(wanted.heading)) return false;
    if (wanted.painted && !drawn.has(wanted.painted)) return false;
    if (wanted.shown && !new RegExp(wanted.shown[1]).test(text(wanted.shown[0]))) return false;
    if (wanted.gone && document.querySelector(wanted.gone)) return false;
    if (wanted.settled && (!app || app.dataset.testScriptState === 'running'
        || document.querySelector('[data-stale=true]'))) return false;
    return true;
  };
  const look = () => {
    if (holds()) requestAnimationFrame(() => resolve((performance.now() - acted) / 1000));
    else if (performance.now() > deadline) reject(new Error('not painted in time: ' + JSON.stringify(wanted)));
    else requestAnimationFrame(look);
  };
  look();
})"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium without a window.

    Raises:
        ModuleNotFoundError: there is no Playwright.
    """
    from playwright.sync_api import sync_playwright

    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = next((Path(found) for name in names if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visitor:
    """One person with a browser of their own, who was never here before: nothing is cached."""

    context: BrowserContext
    page: Page
    received: int = 0

    def __post_init__(self) -> None:
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._take))

    def _take(self, payload: str | bytes) -> None:
        self.received += len(payload)

    def watch(self, **wanted: Any) -> float:
        """The seconds from the last act, or from the start of the page, until all that is wanted was painted."""
        wanted.setdefault("patience", 20_000)
        return float(self.page.evaluate(_WATCH, wanted))

    def visit(self, address: str, **wanted: Any) -> float:
        """Open a page by its address."""
        self.page.goto(address, wait_until="commit", timeout=60_000)
        return self.watch(**wanted)

    def follow(self, name: str, **wanted: Any) -> float:
        """Follow the navigation."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        return self.watch(heading=wanted.pop("heading", name), settled=True, **wanted)

    def turn(self, way: str, **wanted: Any) -> float:
        """Go to the next ("Next") or the previous ("Prev") page of the table."""
        self.page.get_by_test_id(f"stPagination{way}").click()
        return self.watch(**wanted)

    def tick(self, row: int, **wanted: Any) -> float:
        """Select a row of the leaderboard, or take the selection back."""
        scroller = self.page.locator(".st-key-leaderboard .dvn-scroller")
        scroller.click(position={"x": 16, "y": 33 * (row + 1) + 16})
        return self.watch(**wanted)

    def search(self, text: str, **wanted: Any) -> float:
        """Type into the search field."""
        field = self.page.get_by_role("textbox", name="Search")
        if text:
            field.press_sequentially(text)
        else:
            field.fill("")
        return self.watch(**wanted)

    def choose(self, option: str, **wanted: Any) -> float:
        """Choose one of several buttons."""
        self.page.get_by_test_id("stMain").get_by_role("radio", name=option, exact=True).click()
        return self.watch(**wanted)


@contextmanager
def visitor(browser: Browser) -> Iterator[Visitor]:
    """A new visitor."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
    try:
        context.set_default_timeout(20_000)
        context.add_init_script(_RECORDER)
        yield Visitor(context, context.new_page())
    finally:
        context.close()
