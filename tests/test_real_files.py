"""The command that tries published model files, on a wheel made here."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks import real_files
from benchmarks.real_packages import Package, Unavailable, models_in

ROWS = np.random.default_rng(0).normal(size=(60, 3))
LABELS = (ROWS[:, 0] > 0).astype(int)


class Dangerous:
    """Runs a program where it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


def dumped(thing: Any) -> bytes:
    content = io.BytesIO()
    joblib.dump(thing, content)
    return content.getvalue()


def wheel(folder: Path) -> Path:
    scaler = StandardScaler().fit(ROWS)
    older = CalibratedClassifierCV(LogisticRegression()).fit(ROWS, LABELS)
    del older.estimator
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("older.joblib", dumped(older))
    path = folder / "some_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/model.joblib", dumped(LogisticRegression().fit(scaler.transform(ROWS), LABELS)))
        archive.writestr("data/scaler.joblib", dumped(scaler))
        archive.writestr("../outside.pkl", pickle.dumps(Dangerous()))
        archive.writestr("data/older.zip", inner.getvalue())
        archive.writestr("setup.py", "raise SystemExit")
    return path


PACKAGE = Package(
    "some-package",
    "1.0",
    only=("*.joblib", "*.pkl", "*/older.zip!*"),
    scalers={"data/model.joblib": "data/scaler.joblib"},
)


def test_files_are_uploaded_promoted_and_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(tmp_path)
    monkeypatch.setattr(real_files, "PACKAGES", (PACKAGE,))
    assert real_files.main(["--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "3 files of 1 packages (0 not to be had)" in said
    assert "2 trusted, 1 refused" in said
    assert "1 agrees, 1 fails" in said
    assert "live:     1 | with faults: 0" in said
    assert [path.name for path in tmp_path.iterdir()] == ["some_package-1.0-py3-none-any.whl"]


def test_a_file_that_is_no_wheel_is_said(tmp_path: Path) -> None:
    path = tmp_path / "some_package-1.0-py3-none-any.whl"
    path.write_bytes(b"nothing")
    with pytest.raises(Unavailable, match="cannot be read"):
        list(models_in(PACKAGE, path))
