"""Which libraries a model's answers depend on, by the modules of its objects."""

import sys
from types import ModuleType

import pytest
import sklearn

from registry_core.artifacts.describe import libraries_of


def test_a_module_under_a_second_name_is_its_own_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """What scikit-learn up to 1.8 does with its compiled losses."""
    monkeypatch.setitem(sys.modules, "_loss", ModuleType("sklearn._loss._loss"))
    found = libraries_of(["sklearn.linear_model", "_loss"])
    assert found["scikit-learn"] == sklearn.__version__
    assert "_loss" not in found


def test_a_module_of_no_distribution_is_told_by_its_code_or_as_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "made_here", ModuleType("made_here"))
    found = libraries_of(["made_here", "tests.strangers", "json"])
    assert found["made_here"] == "without a file"
    assert found["tests.strangers"].startswith("code ")
    assert "json" not in found
