"""What the page Settings says of decisions that came from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import served
from registry_core import Registry
from tests.elsewhere import foreign_registry
from tests.strangers import MAJORITY

from .test_pages import texts


def test_they_are_shown_and_accepted(tmp_path: Path, open_page: Callable[..., AppTest]) -> None:
    champion = foreign_registry(tmp_path / "theirs", tmp_path / "their keys")
    served.serve_from(str(tmp_path / "theirs"))
    try:
        page = open_page("settings")
        shown = "\n".join(each.value for each in page.code)
        assert f"trusted for all model names: {MAJORITY}" in shown
        assert f"{champion} approved by friend" in shown
        (button,) = [each for each in page.button if each.label == "Accept all"]
        page = button.click().run()
        assert "requires a reason" in texts(page)
        page.text_input(key="accept-reason").input("I asked them")
        (button,) = [each for each in page.button if each.label == "Accept all"]
        page = button.click().run()
        assert not page.exception
        assert "Decisions to confirm" not in texts(page)
        with Registry(tmp_path / "theirs") as registry:
            assert registry.events(kinds=["foreign_accepted"])[0].reason == "I asked them"
    finally:
        served.close()
        st.cache_resource.clear()
