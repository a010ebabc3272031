"""The upload page as an entrance: a file is chosen, its preview drawn, and the button pressed where there is one."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from dashboard import served
from tests.entrances import METADATA, NAME, Outcome, Scene, stored

APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"
# Every run of a page reads the metadata of all installed packages; they stay the same.
_SCANNED = manifest_scanner.scan_component_manifests()


def enter(scene: Scene) -> Outcome:
    """Somebody uploads it in the dashboard."""
    with patch.object(manifest_scanner, "scan_component_manifests", lambda: _SCANNED):
        served.serve_from(str(scene.folder))
        try:
            return _upload(scene)
        finally:
            served.close()
            st.cache_resource.clear()


def _upload(scene: Scene) -> Outcome:
    app = AppTest.from_file(str(APP), default_timeout=120)
    app.query_params["model"] = NAME
    app.switch_page("../pages/upload.py").run()
    app.file_uploader(key="model-file-0").set_value(("winner.pkl", scene.data, "application/octet-stream"))
    app.selectbox(key="upload-type").set_value(METADATA["model_type"]).run()
    if app.button(key="upload").disabled:
        assert any("It is refused." in each.value for each in app.error)
        return "refused"
    app.button(key="upload").click().run()
    assert not app.exception
    model_id: str = app.session_state["uploaded"]
    with scene.open() as registry:
        return stored(registry, model_id)
