"""A model of a class no list knows: its files are quarantined until somebody trusts the name."""

from __future__ import annotations

import io
import sys
from types import ModuleType
from typing import Any

import joblib
import numpy as np


class Majority:
    """Answers the same for every row."""

    classes_ = np.array([0, 1])

    def __init__(self, answer: int = 1) -> None:
        self.answer = answer

    def predict(self, inputs: Any) -> Any:
        """(n,) of the one answer."""
        return np.full(len(inputs), self.answer)

    def predict_proba(self, inputs: Any) -> Any:
        """(n, 2): all on the one answer."""
        return np.tile(np.eye(2)[self.answer], (len(inputs), 1))


MAJORITY = f"{Majority.__module__}.Majority"


def stranger_file() -> io.BytesIO:
    """A joblib file of it, open for reading."""
    content = io.BytesIO()
    joblib.dump(Majority(), content)
    content.seek(0)
    return content


def of_absent_library() -> Any:
    """A model whose class can be written and, once ``forget_library`` was called, no longer be read."""
    module = ModuleType("a_library_that_is_not_here")
    sys.modules[module.__name__] = module
    kind = type("Model", (Majority,), {"__module__": module.__name__})
    module.Model = kind  # pyrefly: ignore[missing-attribute]
    return kind()


def forget_library() -> None:
    """Take it away."""
    sys.modules.pop("a_library_that_is_not_here", None)
