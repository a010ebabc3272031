"""What the upload page says where a file is not scanned, not checked, or given up while it waits."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib
import pytest
from streamlit.runtime.scriptrunner_utils.script_run_context_attr import SCRIPT_RUN_CONTEXT_ATTR_NAME
from streamlit.testing.v1 import AppTest

from registry_core import Registry
from registry_core.artifacts.sandbox import places
from registry_core.artifacts.sandbox.inspecting import INSPECTOR
from registry_core.artifacts.sandbox.places import Places
from tests.dashboard.conftest import fitted, register
from tests.processes import until

Open = Callable[..., AppTest]


@pytest.fixture
def page(own: Registry, open_page: Open, tmp_path: Path) -> AppTest:
    """The page with a good file and its metadata, not run yet."""
    register(own)
    joblib.dump(fitted(), tmp_path / "winner.pkl")
    app = open_page("upload", model="Churn")
    app.file_uploader(key="model-file-0").set_value(("winner.pkl", (tmp_path / "winner.pkl").read_bytes(), ""))
    app.selectbox(key="upload-type").set_value("LogisticRegression")
    return app


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Places]:
    """``crowded(waiting)``: somebody else has the only place from now on, and so many may wait for it."""

    def crowd(waiting: int) -> Places:
        # Whoever has one place of these has it for good.
        taken = Places(0, waiting=waiting)
        monkeypatch.setattr(places, "PLACES", taken)
        return taken

    return crowd


@contextmanager
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process of the sandbox starts, and those that are there stay."""
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", "/nowhere")
        yield


def said(app: AppTest) -> str:
    return " ".join(each.value.replace("\\", "") for kind in (app.error, app.warning, app.info) for each in kind)


def test_a_process_that_does_not_start(own: Registry, page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    INSPECTOR.stop()
    with no_room(monkeypatch):
        page.run()
        assert "winner.pkl was not scanned.** The sandbox cannot have a folder in /nowhere" in said(page)
        assert "set TMPDIR to another folder" in said(page)
        assert page.button(key="upload").disabled
    page.button(key="scan-Model").click().run()
    assert not page.error
    # It is scanned by the process that is there by now, and not loaded by another.
    with no_room(monkeypatch):
        page.button(key="upload").click().run()
    assert "Its predictions are not checked yet" in said(page)
    assert own.answers_check(page.session_state["uploaded"]) is None


def test_a_full_queue(own: Registry, page: AppTest, crowded: Callable[[int], Places]) -> None:
    page.run()
    crowded(0)
    page.button(key="upload").click().run()
    assert "Nothing was stored. The sandbox is busy" in said(page)
    assert "try again in a minute" in said(page)
    page.text_input(key="upload-version").set_value("2.0.0").run()
    assert "cancelled" not in said(page)
    assert own.count_models() == 1


def test_who_leaves_gives_up_the_place_and_is_told_so(
    own: Registry, page: AppTest, crowded: Callable[[int], Places]
) -> None:
    page.run()
    line = crowded(9)

    def leave() -> None:
        until(lambda: line.waiting)
        # Those of one run, some of which only count the seconds, share its context.
        contexts = [getattr(thread, SCRIPT_RUN_CONTEXT_ATTR_NAME, None) for thread in threading.enumerate()]
        next(context for context in contexts if context is not None).script_requests.request_stop()

    visitor = threading.Thread(target=leave)
    visitor.start()
    page.button(key="upload").click().run()
    visitor.join()
    assert line.waiting == 0
    page.run()
    assert "The upload of winner.pkl** was cancelled. Nothing was stored." in said(page).replace("of **", "of ")
    assert own.count_models() == 1
    page.run()
    assert "cancelled" not in said(page)
