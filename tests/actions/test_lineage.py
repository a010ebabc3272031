"""Where a version comes from: recorded unasked at its registration, and shown as what differs from the champion."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from registry_core import InvalidInput, Registry
from registry_core.actions import lineage

SCRIPT = """
import sys
from sklearn.dummy import DummyClassifier
from registry_core import Registry
with Registry(sys.argv[1]) as registry:
    registry.register_model(DummyClassifier().fit([[0.0], [1.0]], [0, 1]), model_name="Churn", model_type="Dummy")
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def repository(code: Path) -> Path:
    """A new folder with the training script, committed."""
    code.mkdir()
    (code / "train.py").write_text(SCRIPT)
    git(code, "init", "--quiet")
    git(code, "add", ".")
    git(code, "commit", "--quiet", "--message", "train")
    return code


def test_a_pipeline_leaves_its_commit_script_and_libraries(tmp_path: Path) -> None:
    code, folder = repository(tmp_path / "code"), tmp_path / "registry"
    commit = git(code, "rev-parse", "HEAD")
    run = [sys.executable, str(code / "train.py"), str(folder)]
    subprocess.run(run, check=True, cwd=tmp_path)
    (code / "train.py").write_text(SCRIPT + "# tried something\n")
    subprocess.run(run, check=True, cwd=tmp_path)
    with Registry(folder) as registry:
        second, first = sorted(registry.list_models("Churn"), key=lambda each: each.version, reverse=True)
        changed = registry.compare([second.model_id, first.model_id]).differences
    assert first.lineage["script"] == "train.py"
    assert first.lineage["commit"] == second.lineage["commit"] == commit
    assert (first.lineage["uncommitted_changes"], second.lineage["uncommitted_changes"]) == (False, True)
    assert first.lineage["packages"]["sklearn"] == __import__("sklearn").__version__
    assert changed == {"git commit": (f"{commit[:12]}, with uncommitted changes", commit[:12])}


def test_training_data_is_known_by_its_content(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": [1.0, 2.0], "at": pd.to_datetime(["2026-01-01", "2026-03-01"])})
    found = lineage.of_data(frame)
    assert (found["rows"], found["columns"]) == (2, ["age", "at"])
    assert found["from"].startswith("2026-01-01")
    assert found["until"].startswith("2026-03-01")
    assert lineage.of_data(frame.copy())["sha256"] == found["sha256"]
    assert lineage.of_data(frame.iloc[::-1])["sha256"] != found["sha256"]
    assert lineage.of_data(frame.assign(age=[1.0, 2.5]))["sha256"] != found["sha256"]
    assert lineage.of_data(np.zeros((3, 2)))["rows"] == 3
    file = tmp_path / "train.csv"
    file.write_bytes(b"age\n1\n")
    assert lineage.of_data(file) == {"sha256": hashlib.sha256(b"age\n1\n").hexdigest(), "bytes": 6}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"a": [1]}, "training_data is a dict"),
        (np.zeros(3), "give a DataFrame"),
        ("missing.csv", "'missing.csv' cannot be read"),
        (pd.DataFrame({"a": [{}]}), "cannot be hashed"),
    ],
)
def test_what_is_no_training_data_is_refused_and_nothing_is_kept(data: object, says: str, tmp_path: Path) -> None:
    model = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    with Registry(tmp_path / "registry") as registry:
        with pytest.raises(InvalidInput, match=says):
            registry.register_model(model, model_name="Churn", model_type="Dummy", training_data=data)
        assert registry.model_names() == []


def test_a_folder_without_git_and_a_git_that_fails_are_no_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    lineage._code.cache_clear()
    try:
        assert "commit" not in lineage.of_registration(None)
    finally:
        lineage._code.cache_clear()


@pytest.mark.parametrize("way", ["monitor", "hook", "filter", "included"])
def test_nothing_that_a_repository_names_is_run(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, ran = repository(tmp_path / "code"), tmp_path / "ran"
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    trap.chmod(0o755)
    if way == "monitor":
        git(code, "config", "core.fsmonitor", str(trap))
    elif way == "hook":
        (code / ".git" / "hooks" / "post-index-change").write_bytes(trap.read_bytes())
        (code / ".git" / "hooks" / "post-index-change").chmod(0o755)
    else:
        (code / ".gitattributes").write_text("*.py filter=trap\n")
        file = code / ".git" / ("config" if way == "filter" else "more")
        with file.open("a") as settings:
            settings.write(f'[filter "trap"]\n\tclean = {trap}\n')
        if way == "included":
            git(code, "config", "include.path", "more")
    os.utime(code / "train.py", (1, 1))
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(code / "train.py"), raising=False)
    lineage._code.cache_clear()
    try:
        known = lineage.of_registration(None)
    finally:
        lineage._code.cache_clear()
    assert not ran.exists()
    assert (known["script"], known["commit"]) == ("train.py", git(code, "rev-parse", "HEAD"))
    assert known.get("uncommitted_changes") is {"monitor": False, "hook": False}.get(way)
    # The trap is one: git as it is runs it.
    os.utime(code / "train.py", (2, 2))
    git(code, "status")
    assert ran.exists()
