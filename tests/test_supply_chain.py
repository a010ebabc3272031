"""What is installed: declared where it is imported, pinned, with the hashes of every file, and its licence known."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NAME = PROJECT["project"]["name"]
OWN = {"registry_core", "dashboard", "pages", "tests", "benchmarks", "docs"}
LOCKS = ("demo", "lock", "sbom", "server", "setup", "test")
#: Which extras somebody has who runs a folder's code. The core imports what an extra brings only where it is used.
EXTRAS = {
    "registry_core": ("evaluation", "postgres", "s3", "notify", "mlflow-import", "demo", "tracing"),
    "dashboard": ("dashboard", "sign-in"),
    "pages": ("dashboard",),
    "tests": ("test",),
    "benchmarks": ("test", "mlflow"),
    "docs": ("test",),
}
#: What a model or its compression needs: the core reads it where the library is there, and no extra brings it.
BRINGS_ITSELF = {"lightgbm", "lz4", "onnx", "onnxruntime", "skops", "xgboost"}


def declared(*extras: str) -> set[str]:
    """The distributions that the project and these extras of it ask for by name."""
    asked = list(PROJECT["project"]["dependencies"])
    for extra in extras:
        for text in PROJECT["project"]["optional-dependencies"][extra]:
            requirement = Requirement(text)
            if canonicalize_name(requirement.name) == NAME:
                asked += declared(*requirement.extras)
            else:
                asked.append(text)
    return {canonicalize_name(Requirement(text).name) for text in asked}


def imported(folder: str) -> dict[str, str]:
    """The foreign top-level modules that a folder's files import, and one place of each."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "data" in path.relative_to(ROOT).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                top = name.partition(".")[0]
                if top not in sys.stdlib_module_names and top not in OWN:
                    found.setdefault(top, f"{path.relative_to(ROOT)}:{node.lineno}")
    return found


@cache
def distributions() -> Mapping[str, list[str]]:
    """Which distributions each installed top-level module comes from."""
    return packages_distributions()


@pytest.mark.parametrize("folder", EXTRAS)
def test_what_is_imported_is_declared(folder: str) -> None:
    known = declared(*EXTRAS[folder]) | (BRINGS_ITSELF if folder == "registry_core" else set())
    missing = {
        module: where
        for module, where in imported(folder).items()
        if not {canonicalize_name(each) for each in distributions().get(module, [module])} & known
        and canonicalize_name(module) not in known
    }
    assert not missing, f"declare in pyproject.toml what these import: {missing}"


@cache
def locked(name: str) -> dict[str, tuple[str, str, int]]:
    """Of each distribution in a lock: its version, its marker, and how many files may be installed."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    found: dict[str, tuple[str, str, int]] = {}
    for block in re.split(r"\n(?=\S)", text.strip()):
        first, *hashes = [line.strip().removesuffix("\\").strip() for line in block.splitlines()]
        requirement = Requirement(first)
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), block
        (pin,) = requirement.specifier
        assert pin.operator == "=="
        found[canonicalize_name(requirement.name)] = (pin.version, str(requirement.marker or ""), len(hashes))
    return found


@cache
def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


@pytest.mark.parametrize("name", LOCKS)
def test_every_lock_has_hashes_and_the_tested_versions(name: str) -> None:
    assert all(hashes for _, _, hashes in locked(name).values())
    tested = constraints()
    other = {each: version for each, (version, _, _) in locked(name).items() if tested.get(each, version) != version}
    assert not other, f"constraints.txt says otherwise; run `make lock`: {other}"


@pytest.mark.parametrize("extra", ["demo", "test"])
def test_locks_hold_what_is_declared(extra: str) -> None:
    missing = declared(extra) - set(locked(extra))
    assert not missing, f"run `make lock`: {missing}"
    here = {name for name, (_, marker, _) in locked(extra).items() if not marker or Marker(marker).evaluate()}
    assert here <= set(constraints()), "pin these in constraints.txt, then run `make lock`"


def test_groups_are_locked() -> None:
    for name, texts in PROJECT["dependency-groups"].items():
        assert {canonicalize_name(Requirement(text).name) for text in texts} <= set(locked(name))


def test_nothing_is_built_by_what_is_not_pinned() -> None:
    backends = {canonicalize_name(Requirement(text).name) for text in PROJECT["build-system"]["requires"]}
    assert backends | {"pip", "setuptools"} <= set(locked("setup"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^LOCKED := .*--require-hashes --no-build-isolation", makefile, flags=re.MULTILINE)
    installs = [line for line in makefile.splitlines() if re.search(r"\$\((PIP|LOCKED)\)|pip install", line)]
    loose = [line for line in installs if "LOCKED" not in line and "--no-index" not in line and ":=" not in line]
    assert [line for line in loose if "mlflow" not in line] == []


def test_every_licence_is_known() -> None:
    rows = re.findall(r"^\| (\S+) \| (\S+) \| (.+) \|$", (ROOT / "docs" / "licenses.md").read_text(), re.MULTILINE)
    listed = {canonicalize_name(name): version for name, version, _ in rows if version[0].isdigit()}
    pins = {name: version for lock in ("demo", "setup") for name, (version, marker, _) in locked(lock).items()
            if not marker}  # fmt: skip
    assert pins.items() <= listed.items(), "run `make sbom`"
    assert not [row for row in rows if "unknown" in row[2].lower()]
