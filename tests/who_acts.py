"""The console command with a page that says only who acts: ``python -m tests.who_acts dashboard FOLDER``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit

from registry_core.cli import main

PAGE = Path(__file__).with_name("who_acts_page.py")

if __name__ == "__main__":
    theirs = streamlit.App

    def app(script: Path, **options: Any) -> streamlit.App:
        return theirs(PAGE, **options)

    streamlit.App = app  # pyrefly: ignore[bad-assignment]
    main()
