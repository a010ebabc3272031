"""Registries with something in them, quickly, and the pages run without a browser."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
import streamlit as st
from sklearn.linear_model import LogisticRegression
from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from dashboard import served, server
from dashboard.ui.figures import Figure
from registry_core import Registry
from tests.clock import Clock

#: What is folded on the page of a model, by its name in the address.
FOLDED = ("made-of", "model-card", "self-reported", "artifacts", "history")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def _packages_read_once() -> Iterator[None]:
    """Every run of a page reads the metadata of all installed packages, a second each time; they stay the same."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(scope="session", autouse=True)
def _as_it_is_served() -> None:
    """Pages run under the options of the dashboard, whose collection of garbage takes longer than most pages."""
    for name, value in server.settings("127.0.0.1", 0).items():
        if name.startswith(("runner.", "browser.")):
            config.set_option(name, value)


@cache
def fitted() -> LogisticRegression:
    return LogisticRegression().fit([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.8, 0.1]], [0, 1, 0, 1])


def validated(figure: Figure) -> go.Figure:
    """A figure as Plotly validates it: a property that Plotly does not know raises ValueError."""
    return go.Figure(figure.to_dict())


def register(registry: Registry, accuracy: float | None = 0.8, model: Any = None, **fields: Any) -> str:
    """One small model; what is not said is ordinary."""
    metrics = {"accuracy": accuracy, "auc": 0.85, "f1_score": 0.8} if accuracy is not None else {"auc": 0.85}
    arguments: dict[str, Any] = {
        "model_name": "Churn",
        "model_type": "LogisticRegression",
        "performance_metrics": metrics,
        "training_info": {"data_quality_score": 0.9, "training_samples": 400},
        "feature_names": ["age", "visits"],
        "evaluation_set": "holdout-1",
    }
    return registry.register_model(fitted() if model is None else model, **{**arguments, **fields})


@pytest.fixture(autouse=True)
def _own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page run by Streamlit becomes this process's main module; processes that are spawned later would import it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="session")
def made_several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], datetime]:
    """The folder of what `several` shows, its model ids, and the time then; made once, each test gets a copy."""
    folder, clock, made = tmp_path_factory.mktemp("several") / "registry", Clock(), {}
    steps: list[tuple[str, float | None, dict[str, Any]]] = [
        ("first", 0.80, {}),
        ("second", 0.85, {"hyperparameters": {"C": 2}, "description": "<b>bold</b> *stars* $x$ :material/home:"}),
        ("third", 0.82, {"model_type": "Ridge", "tags": ["nightly"]}),
        ("elsewhere", 0.99, {"evaluation_set": "holdout-2"}),
        ("scoreless", None, {}),
        ("rejected", 0.70, {}),
        ("archived", 0.71, {}),
        ("other", 0.60, {"model_name": "Races"}),
    ]
    with Registry(folder, clock=clock, actor="anna") as registry:
        for name, accuracy, fields in steps:
            clock.tick(days=2)
            made[name] = register(registry, accuracy, **fields)
        registry.reject(made["rejected"], actor="bert", reason="overfits")
        registry.archive(made["archived"], actor="bert", reason="old")
    return folder, made, clock.now


@pytest.fixture
def own(request: pytest.FixtureRequest, registry_folder: Path, clock: Clock) -> Iterator[Registry]:
    """A registry in a folder, which the pages show: empty, or with what `several` tells of."""
    if "several" in request.fixturenames:
        folder, _, clock.now = request.getfixturevalue("made_several")
        shutil.copytree(folder, registry_folder)
    registry = Registry(registry_folder, clock=clock, actor="anna")
    served.serve_from(str(registry_folder))
    yield registry
    registry.close()
    served.close()
    st.cache_resource.clear()


@pytest.fixture
def several(own: Registry, made_several: tuple[Path, dict[str, str], datetime]) -> dict[str, str]:
    """Two model names; the first with a champion, a rejected, an archived, a scoreless and a quarantined version."""
    del own
    return dict(made_several[1])


@pytest.fixture
def open_page() -> Callable[..., AppTest]:
    """``open_page("trends", model="Churn")`` runs the application with that page and that address.

    What is folded on the page of a model is open, unless the address says otherwise. Plotly must know each property of
    the charts.
    """

    def run(page: str = "overview", /, **address: str) -> AppTest:
        app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=120)
        unfolded = dict.fromkeys(FOLDED, "true") if page == "model" else {}
        for name, value in {**unfolded, **address}.items():
            app.query_params[name] = value
        if page != "overview":
            app.switch_page(f"../pages/{page}.py")
        app.run()
        for chart in app.get("plotly_chart"):
            go.Figure(json.loads(chart.proto.spec))
        return app

    return run
