"""Row: what an installation brings along."""

from __future__ import annotations

import subprocess
import sys
import time
import tomllib
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.peer import ROOT, environment
from benchmarks.table import Check, Peer, Row, shown

#: Run in any environment: how many packages these requirements come to, and the bytes of their files.
_CLOSURE = r"""
import re, sys
from importlib.metadata import PackageNotFoundError, distribution
found, compiled = {}, {}
todo = [(text, ()) for text in sys.argv[1:]]
try:
    from packaging.requirements import Requirement
except ModuleNotFoundError:
    from pip._vendor.packaging.requirements import Requirement
while todo:
    text, extras = todo.pop()
    wanted = Requirement(text)
    marker = wanted.marker
    if marker is not None and not any(marker.evaluate({"extra": each}) for each in (*extras, "")):
        continue
    name = re.sub(r"[-_.]+", "-", wanted.name).lower()
    key = (name, tuple(sorted(wanted.extras)))
    if key in found:
        continue
    try:
        held = distribution(name)
    except PackageNotFoundError:
        print("missing", name, file=sys.stderr)
        continue
    found[key] = compiled[key] = 0
    for file in held.files or ():
        try:
            size = file.locate().stat().st_size
            found[key] += size
            compiled[key] += size if str(file).endswith(".pyc") else 0
        except OSError:
            continue
    todo += [(each, wanted.extras) for each in held.requires or ()]
sizes, bytecode = ({name: size for (name, _), size in each.items()} for each in (found, compiled))
print(len(sizes), sum(sizes.values()), sum(bytecode.values()))
"""


def requirements(extra: str | None = None) -> list[str]:
    """What the project asks for, in its core or with one of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(project["optional-dependencies"][extra] if extra else [])]


def closure(python: str, wanted: list[str], variables: dict[str, str] | None = None) -> tuple[int, int, int]:
    """Packages and bytes of requirements in the environment of a Python, with all they require in turn.

    The last number is how many of the bytes Python compiled when they were installed.
    """
    done = subprocess.run(
        [python, "-c", _CLOSURE, *wanted], capture_output=True, text=True, timeout=60, check=True, env=variables
    )
    packages, size, compiled = map(int, done.stdout.split())
    return packages, size, compiled


def _installed(bench: Bench, what: str) -> tuple[int, int, float]:
    """The same, in a new environment; and the seconds to install."""
    folder = bench.new_folder("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
    python = folder / "bin" / "python"
    listing = [str(python), "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"]
    brought = len(subprocess.run(listing, check=True, capture_output=True, timeout=60).stdout.split())
    before = _bytes(folder)
    start = time.perf_counter()
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "--constraint", str(ROOT / "constraints.txt"), what], check=True, timeout=600)
    seconds = time.perf_counter() - start
    # Of the packages, one is ours.
    packages = len(subprocess.run(listing, check=True, capture_output=True, timeout=60).stdout.split()) - brought - 1
    return packages, _bytes(folder) - before, seconds


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def install(bench: Bench) -> list[Row]:
    """Packages and bytes; counted in this environment, or with ``--install`` in a clean one."""
    notes: list[str] = []
    shares: list[str] = []
    if bench.install:
        bench.say("installing into clean environments ...")
        core_packages, core_bytes, core_seconds = _installed(bench, str(ROOT))
        packages, size, seconds = _installed(bench, f"{ROOT}[dashboard]")
        notes.append(
            f"installed into clean environments (pip's cache as it was): core {shown(core_seconds, 's')}, "
            f"with the dashboard {shown(seconds, 's')}"
        )
    else:
        core_packages, core_bytes, _ = closure(sys.executable, requirements())
        packages, size, compiled = closure(sys.executable, requirements("dashboard"))
        shares.append(f"{shown(compiled, 'bytes')} of it is compiled by Python at installation")
        notes.append("counted from the packages' own records in this environment; --install makes clean ones")
    peers: list[Peer] = []
    peer_packages: list[Peer] = []
    if bench.mlflow_python is not None:
        theirs, bytes_, _ = closure(str(bench.mlflow_python), ["mlflow"], environment())
        peers, peer_packages = [Peer("", bytes_, bytes_ / core_bytes)], [Peer("", theirs, theirs / core_packages)]
        notes.append(f"MLflow's are counted in its environment: {theirs} packages, {shown(bytes_, 'bytes')}")
    return [
        Row(
            "install",
            "packages, core",
            core_packages,
            unit="",
            peers=peer_packages,
            target="<= 20",
            checks=[Check(f"{core_packages} packages instead of <= 20", core_packages <= 20)],
            notes=notes,
        ),
        Row("install", "size installed, core", core_bytes, unit="bytes", peers=peers),
        Row(
            "install-dashboard",
            f"size installed, with the dashboard ({packages} packages)",
            size,
            unit="bytes",
            target="<= 700 MB",
            checks=[Check(f"{shown(size, 'bytes')} instead of <= 700 MB", size <= 700e6)],
            notes=shares,
        ),
    ]
