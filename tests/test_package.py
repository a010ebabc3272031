"""What is shipped: both archives build, hold everything, and the wheel alone runs outside of the clone."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("registry_core", "dashboard", "pages")

pytestmark = pytest.mark.slow


def build(kind: str, folder: Path) -> Path:
    """Build without isolation: the test extra holds the build backend, so nothing is downloaded."""
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = folder.iterdir()
    return archive


def shipped() -> set[str]:
    """Every file of the packages that is not a tool's."""
    return {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def run(*arguments: str, site: Path, cwd: Path) -> str:
    """Run the console command of the installed wheel, with this environment's libraries but not this clone."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, str(site / "bin" / "model-registry"), *arguments],
        cwd=cwd,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_runs_alone(tmp_path: Path) -> None:
    wheel = build("wheel", tmp_path / "dist")
    with zipfile.ZipFile(wheel) as archive:
        assert shipped() <= set(archive.namelist())

    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    words = ["install", "--quiet", "--no-compile", "--no-deps", "--no-index", "--target"]
    install = [sys.executable, "-m", "pip", *words, str(site)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    # The clone is installed in this environment too: make sure that it is the wheel that runs.
    where = "import registry_core, dashboard; print(registry_core.__file__, dashboard.__file__)"
    python = [sys.executable, "-c", where]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    loaded = subprocess.run(python, cwd=elsewhere, env=environment, check=True, capture_output=True, text=True).stdout
    assert str(ROOT) not in loaded

    assert "dashboard" in run("--help", site=site, cwd=elsewhere)
    # The first lines of the demo need the data and the lists that are shipped; `test_demo` has all of it.
    command = [sys.executable, str(site / "bin" / "model-registry"), "demo", "demo_folder", "--no-dashboard"]
    with subprocess.Popen(command, cwd=elsewhere, env=environment, stdout=subprocess.PIPE, text=True) as filling:
        assert filling.stdout is not None
        said = [filling.stdout.readline() for _ in range(5)]
        filling.kill()
    assert all(said), said


def test_the_source_archive_holds_everything(tmp_path: Path) -> None:
    archive = build("sdist", tmp_path / "dist")
    with tarfile.open(archive) as content:
        names = {name.partition("/")[2] for name in content.getnames()}
    assert shipped() <= names
    assert {
        "Makefile",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "constraints.txt",
        "pyproject.toml",
        "requirements/demo.txt",
    } <= names
    assert {".ci/run", "tests/conftest.py", "tests/setup/browser.sh", "tests/setup/postgres.sh"} <= names
