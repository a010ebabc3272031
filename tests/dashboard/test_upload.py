"""What the upload page says where a file is not scanned, not checked, or given up while it waits."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from streamlit.runtime.scriptrunner_utils.script_run_context_attr import SCRIPT_RUN_CONTEXT_ATTR_NAME
from streamlit.testing.v1 import AppTest

from registry_core import Registry
from registry_core.artifacts.sandbox import places
from registry_core.artifacts.sandbox.inspecting import INSPECTOR
from registry_core.artifacts.sandbox.places import Places
from tests.dashboard.conftest import fitted, register
from tests.processes import until
from tests.strangers import stranger_file

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
    page.button(key="scan-model").click().run()
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


def table(*columns: str) -> bytes:
    """Labelled rows: features by any name, and the labels in the column that is called by no feature's name."""
    frame = pd.DataFrame(
        {name: [(number * place) % 40 / 40 for number in range(40)] for place, name in enumerate(columns, 1)}
    )
    labels = {name: frame[columns[0]].gt(0.5).map({True: "yes", False: "no"}) for name in ("churned", "left", "c")}
    return frame.assign(**{name: each for name, each in labels.items() if name in columns}).to_csv(index=False).encode()


def choose(app: AppTest, *columns: str) -> AppTest:
    frame = pd.DataFrame([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]], columns=["age", "visits"])
    content = io.BytesIO()
    joblib.dump(LogisticRegression().fit(frame if columns else frame.to_numpy(), ["no", "yes", "no", "yes"]), content)
    app.file_uploader(key="model-file-0").set_value(("Risk score.v2.joblib", content.getvalue(), ""))
    app.run()
    app.file_uploader(key="rows-file-0").set_value(("rows.csv", table(*(columns or ("a", "b", "c"))), "text/csv"))
    return app.run()


def words(app: AppTest) -> str:
    return " ".join(each.value.replace("\\", "") for each in (*app.markdown, *app.success, *app.caption))


def test_a_new_name_is_evaluated_and_the_next_version_on_its_benchmark(own: Registry, open_page: Open) -> None:
    app = choose(open_page("upload"), "visits", "churned", "age")
    assert (app.selectbox(key="upload-name").value, app.selectbox(key="upload-type").value) == (
        "Risk-score", "LogisticRegression",
    )  # fmt: skip
    assert app.button(key="upload").label == "Upload and evaluate"
    assert "Champion: **this version**" in words(app)
    app.button(key="upload").click().run()
    assert not app.exception
    (model,) = own.list_models("Risk-score")
    assert (model.is_active, own.benchmarks("Risk-score")[0].target) == (True, "churned")
    assert f"the champion with a score of **{model.composite_score:.4f}**" in words(app)

    app.button(key="open-uploaded")
    next(each for each in app.button if each.label == "Upload another").click().run()
    app.file_uploader(key="model-file-1").set_value(("again.joblib", own.read_artifact(model.model_id, "model"), ""))
    app.run()
    assert "its active benchmark **rows**, 40 rows" in words(app)
    app.button(key="upload").click().run()
    assert "Stored as version **1.0.1** of **Risk-score**, and evaluated" in words(app)
    assert own.evaluations(app.session_state["uploaded"])[0].rows == 40
    assert own.get_active_model_id("Risk-score") == model.model_id


def test_the_button_evaluates_where_the_settings_leave_that_to_people(own: Registry, open_page: Open) -> None:
    own.configure(auto_evaluate=False, reason="by hand")
    app = choose(open_page("upload"), "age", "visits", "left")
    app.button(key="upload").click().run()
    assert not app.exception
    (evaluation,) = own.evaluations(app.session_state["uploaded"])
    assert evaluation.status == "measured"
    assert "and evaluated" in words(app)


def test_rows_that_come_with_a_quarantined_file_wait(own: Registry, open_page: Open) -> None:
    app = open_page("upload")
    app.file_uploader(key="model-file-0").set_value(("stranger.joblib", stranger_file().getvalue(), ""))
    app.run()
    app.file_uploader(key="rows-file-0").set_value(("rows.csv", table("size", "target"), "text/csv"))
    app.run()
    target = next(each for each in app.selectbox if each.label.startswith("Target column"))
    if target.value is None:
        target.set_value("target").run()
    assert app.button(key="upload").label == "Upload"
    assert "is not loaded or evaluated before its imports are trusted" in words(app)
    app.button(key="upload").click().run()
    assert not app.exception
    assert any("quarantined" in each.value for each in app.warning)
    assert own.evaluations(app.session_state["uploaded"]) == []
    assert [each.name for each in own.benchmarks("stranger")] == ["rows"]


def test_labels_that_are_not_clear_are_asked_for(own: Registry, open_page: Open) -> None:
    app = choose(open_page("upload"))
    assert app.button(key="upload").disabled
    assert "Still needed: the target column of the rows" in words(app)
    target = next(each for each in app.selectbox if each.label.startswith("Target column"))
    target.set_value("c").run()
    assert not app.button(key="upload").disabled
    app.button(key="upload").click().run()
    assert own.benchmarks("Risk-score")[0].target == "c"


def test_what_somebody_chose_is_not_replaced_by_what_a_file_suggests(several: dict[str, str], open_page: Open) -> None:
    app = open_page("upload", model="Churn")
    assert app.selectbox(key="upload-name").value == "Churn"
    app.selectbox(key="upload-name").set_value("Races").run()
    choose(app, "age", "visits", "left")
    assert app.selectbox(key="upload-name").value == "Races"


def test_features_that_the_benchmark_lacks_are_said_before_the_upload(own: Registry, open_page: Open) -> None:
    choose(open_page("upload"), "visits", "churned", "age").button(key="upload").click().run()
    (benchmark,) = own.benchmarks("Risk-score")
    frame = pd.DataFrame([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]], columns=["age", "income"])
    content = io.BytesIO()
    joblib.dump(LogisticRegression().fit(frame, ["no", "yes", "no", "yes"]), content)
    app = open_page("upload", model="Risk-score")
    app.file_uploader(key="model-file-0").set_value(("other.joblib", content.getvalue(), ""))
    app.selectbox(key="upload-type").set_value("LogisticRegression").run()
    assert f"{benchmark.name} lacks 'income', which the version requires" in said(app)
    assert "Version **2.0.0**: its features differ from 1.0.0" in words(app)
    assert app.button(key="upload").label == "Upload"
    app.button(key="upload").click().run()
    assert not app.exception
    assert own.get_metadata(app.session_state["uploaded"]).version == "2.0.0"
    assert [each.status for each in own.evaluations(app.session_state["uploaded"])] != ["measured"]
