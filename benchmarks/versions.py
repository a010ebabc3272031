"""Registered under one scikit-learn, loaded under another: the same answers, or refused in words. Never anything else.

    python -m benchmarks.versions                          makes an environment for each version, some minutes at first
    python -m benchmarks.versions --environments FOLDER    keeps them there for the next time

Each environment has the numpy, scipy and pandas of its time. What is refused is what scikit-learn itself fails at or
answers differently; the reasons stand below the table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = {
    "1.6": ("scikit-learn==1.6.1", "numpy==2.0.2", "scipy==1.13.1", "pandas==2.2.3"),
    "1.7": ("scikit-learn==1.7.2", "numpy==2.2.6", "scipy==1.15.3", "pandas==2.3.3"),
    "1.8": ("scikit-learn==1.8.*", "numpy==2.3.*", "scipy==1.16.*", "pandas==2.3.3"),
    "1.9": ("scikit-learn==1.9.1", "numpy==2.4.6", "scipy==1.17.1", "pandas==3.1.1"),
}
_CORE = ("click>=8.1", "fsspec>=2024.6", "joblib>=1.6,<2", "sqlite-utils>=4.2,<5")


def python_of(folder: Path, version: str) -> Path:
    """The Python of an environment, which is made when it is missing."""
    place = folder / version
    python = place / "bin" / "python"
    if not (place / "made").exists():
        print(f"making the environment of scikit-learn {version} ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *VERSIONS[version], *_CORE], check=True)
        (place / "made").touch()
    return python


def step(python: Path, verb: str, folder: Path) -> str:
    """Run a step in an environment; what it printed."""
    command = [str(python), "-m", "benchmarks.version_steps", verb, str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1800)
    if done.returncode:
        raise SystemExit(f"{verb} in {python} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def main() -> None:
    """Print the matrix, then why what was refused was refused; exit code 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, help="where the environments are kept")
    parser.add_argument("--only", nargs="*", default=list(VERSIONS), help="such as 1.6 1.9")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        kept = options.environments or Path(scratch) / "environments"
        kept.mkdir(parents=True, exist_ok=True)
        kept = kept.resolve()
        pythons = {version: python_of(kept, version) for version in options.only}
        results = {}
        for there, python in pythons.items():
            origin = Path(scratch) / f"registered-{there}"
            step(python, "register", origin)
            for here, other in pythons.items():
                copy = Path(scratch) / f"{there}-{here}"
                shutil.copytree(origin, copy)
                results[there, here] = json.loads(step(other, "load", copy).splitlines()[-1])
    raise SystemExit(_print(options.only, results))


def _print(versions: list[str], results: dict[tuple[str, str], dict[str, dict[str, str]]]) -> int:
    kinds = list(next(iter(results.values())))
    pairs = list(results)
    print("| kind | " + " | ".join(f"{there} → {here}" for there, here in pairs) + " |")
    print("|---|" + "---|" * len(pairs))
    for kind in kinds:
        print(f"| {kind} | " + " | ".join(results[pair][kind]["outcome"] for pair in pairs) + " |")
    counts = Counter(each["outcome"] for found in results.values() for each in found.values())
    own = Counter(results[version, version][kind]["outcome"] for version in versions for kind in kinds)
    print(f"\n{len(kinds)} kinds x {len(pairs)} pairs of versions: {dict(counts)}")
    print(f"registered and loaded under one version: {dict(own)}")
    said: dict[str, list[str]] = {}
    for (there, here), found in results.items():
        for kind, each in found.items():
            if each["outcome"] != "same":
                said.setdefault(f"{each['outcome']}: {each['because']}", []).append(f"{kind} {there} → {here}")
    for because, cells in said.items():
        print(f"\n{', '.join(cells)}\n    {because[:600]}")
    return int(any(outcome in counts for outcome in ("wrong", "bare error")))


if __name__ == "__main__":
    main()
