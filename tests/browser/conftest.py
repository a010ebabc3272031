"""A registry with a little history, the dashboard over it, and a browser that notices what goes wrong."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, TimeoutError, expect
from sklearn.linear_model import LogisticRegression

from registry_core import Registry

# Nothing is timed: these end a wait for what never comes.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)

# On a deep link Streamlit looks for its server below the page's own address first; these two are its misses.
PROBES = ("/_stcore/health", "/_stcore/host-config")


#: What moves arrives at once and moves once: without a graphics card, drawing a spinner takes a processor's time.
STILL = """addEventListener("DOMContentLoaded", () => {
    const style = document.createElement("style");
    style.textContent = `*, *::before, *::after {
        animation-duration: 1ms !important; animation-iteration-count: 1 !important; transition-duration: 1ms !important
    }`;
    document.head.append(style);
})"""


#: Another address of the same application; done when the script of that page has begun.
LEAVE = """address => new Promise(begun => {
    const app = document.querySelector('[data-testid=stApp]');
    const watching = new MutationObserver(() => {
        if (app.dataset.testScriptState === 'running') { watching.disconnect(); begun(); }
    });
    watching.observe(app, {attributes: true});
    history.pushState({}, '', address);
    dispatchEvent(new PopStateEvent('popstate'));
})"""


def fitted(further: int = 0) -> LogisticRegression:
    """A model of two features, and of so many more that say nothing."""
    rows = ([0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1])
    return LogisticRegression().fit([[*row, *[0.0] * further] for row in rows], [0, 1, 0, 1])


def model_file() -> bytes:
    content = io.BytesIO()
    joblib.dump(fitted(), content)
    return content.getvalue()


@pytest.fixture
def filled(registry_folder: Path) -> Iterator[Registry]:
    """Churn with four versions, champion 1.1.0; the third is better, but nobody has promoted it."""
    registry = Registry(registry_folder, actor="anna")
    registry.configure(auto_select_best=False, actor="anna", reason="a person decides")
    for number, (kind, accuracy) in enumerate((("Ridge", 0.80), ("Forest", 0.85), ("Forest", 0.88), ("Ridge", 0.70))):
        model_id = registry.register_model(
            fitted(),
            model_name="Churn",
            model_type=kind,
            performance_metrics={"accuracy": accuracy, "auc": accuracy, "f1_score": accuracy},
            training_info={"data_quality_score": 0.9, "training_timestamp": f"2026-01-0{number + 1}T12:00:00+00:00"},
            feature_names=["age", "visits"],
            evaluation_set="holdout",
        )
        if number < 2:
            registry.promote(model_id, reason="set up")
    yield registry
    registry.close()


@dataclass
class Visitor:
    """One person at one browser window.

    Attributes:
        trouble: what a page must not do, as it was noticed.
        clicks: how often they had to click.
        beside: another address to which a page of theirs may lead.
    """

    context: BrowserContext
    address: str
    trouble: list[str] = field(default_factory=list)
    clicks: int = 0
    beside: str = ""

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE)
        self.context.add_init_script(STILL)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.trouble.append(f"page error: {error}"))
        self.page.on("response", lambda answer: self._answered(answer.status, answer.url))
        self.page.on("request", lambda request: self._asked(request.url))

    def _heard(self, kind: str, text: str) -> None:
        # A 404 is judged by its address, in _answered.
        if kind == "error" and "404 (Not Found)" not in text:
            self.trouble.append(f"console: {text}")

    def _answered(self, status: int, url: str) -> None:
        if status >= 400 and not url.endswith(PROBES):
            self.trouble.append(f"{status} from {url}")

    def _asked(self, url: str) -> None:
        own = self.address.replace("http://", "")
        elsewhere = () if not self.beside else (f"{self.beside}/",)
        if not url.startswith((f"http://{own}", f"ws://{own}", "data:", "blob:", *elsewhere)):
            self.trouble.append(f"request to {url}")

    def visit(self, path: str = "/") -> Page:
        """Come to an address of the dashboard: at first by loading it, from then on as the browser's own Back does.

        A browser without a graphics card spends four seconds on a load, most of them on Streamlit's script.
        """
        if self.page.url.startswith(self.address) and self.page.get_by_test_id("stApp").is_visible():
            self.page.evaluate(LEAVE, f"{self.address}{path}")
            self.settle()
        else:
            self.page.goto(f"{self.address}{path}")
            self._drawn()
        return self.page

    def reload(self) -> None:
        self.page.reload()
        self._drawn()

    def _drawn(self) -> None:
        # Before the first words of a page it looks settled, because nothing has begun.
        expect(self.page.locator("h1")).to_be_visible()
        self.settle()

    def settle(self) -> None:
        """Wait until the script has run and the page has taken it in."""
        self.page.wait_for_function(
            "() => !document.querySelector('[data-testid=stStatusWidget]')"
            " && !document.querySelector('[data-stale=true]')"
            " && document.querySelector('[data-testid=stApp]').dataset.testScriptState !== 'running'",
            # By default it would be asked at every frame, which a browser without a graphics card would have to draw.
            polling=100,
        )

    def go(self, page: str) -> None:
        """Follow the navigation."""
        self.page.get_by_test_id("stSidebarNav").get_by_role("link", name=page, exact=True).click()
        expect(self.page.get_by_test_id("stSidebarNav").locator("[aria-current=page]")).to_contain_text(page)
        self.settle()

    def select(self, row: int) -> None:
        """Tick a row of the leaderboard, counted from 0."""
        before = self.page.url
        table = self.page.locator(".st-key-leaderboard .dvn-scroller")
        deadline = time.monotonic() + PATIENCE / 1000
        while self.page.url == before:
            assert time.monotonic() < deadline, "no click on the row was taken"
            # A table that is just being drawn anew takes no click; whoever sees that clicks again.
            table.click(position={"x": 16, "y": 33 * (row + 1) + 16})
            with suppress(TimeoutError):
                self.page.wait_for_url(lambda url: url != before, timeout=15_000)
        self.settle()

    def decide(self, button: str, reason: str) -> None:
        """Open a decision, give the reason and confirm."""
        self.click(self.page.get_by_test_id("stMain").get_by_role("button", name=button, exact=True))
        self.confirm(button, reason)

    def confirm(self, button: str, reason: str) -> None:
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Reason").fill(reason)
        self.click(dialog.get_by_role("button", name=button))

    def click(self, target: Locator) -> None:
        """Click what can be seen without knowing where to look, and count it."""
        target.scroll_into_view_if_needed()
        target.click()
        self.clicks += 1

    def tab_to(self, target: Locator) -> None:
        """Press Tab until the focus is on something."""
        expect(target).to_be_visible()
        for _ in range(100):
            self.page.keyboard.press("Tab")
            if target.evaluate("element => element === document.activeElement"):
                return
        raise AssertionError(f"Tab does not lead to {target}")

    def enter_on(self, target: Locator) -> None:
        """Come to something by Tab and press Enter there."""
        self.tab_to(target)
        self.page.keyboard.press("Enter")

    def act_as(self, name: str) -> None:
        who = self.page.get_by_role("textbox", name="Acting as")
        who.fill(name)
        who.press("Enter")
        self.settle()


@pytest.fixture
def visitor(
    browser: Browser, dashboard_server: Callable[..., str], filled: Registry, registry_folder: Path
) -> Iterator[Callable[[], Visitor]]:
    """``visitor()`` is another person with a browser of their own; at the end nobody may have met trouble."""
    address = dashboard_server(registry_folder)
    visitors: list[Visitor] = []

    def enter() -> Visitor:
        # Drawing what moves is a fifth of what a page costs a browser without a graphics card.
        context = browser.new_context(
            viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin", reduced_motion="reduce"
        )
        visitors.append(Visitor(context, address))
        return visitors[-1]

    yield enter
    for each in visitors:
        each.context.close()
    assert not [trouble for each in visitors for trouble in each.trouble]
