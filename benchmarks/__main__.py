"""The command: everything in one run, one table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import (
    bucket,
    compute,
    evidence,
    http,
    installing,
    pages,
    proving,
    reading,
    registering,
    serving,
    together,
)
from benchmarks.bench import Bench, Size, machine
from benchmarks.table import Result, Row

PARTS: dict[str, Callable[[Bench], list[Row]]] = {
    "register-lr": registering.regression,
    "register-rf": registering.forest,
    "register-data": registering.training_data,
    "register-proof": proving.registering,
    "load-proof": proving.loading,
    "syncs": registering.syncs,
    "top": reading.top,
    "frame": reading.everything,
    "promote": reading.promote,
    "champion": reading.champion,
    "load-again": serving.again,
    "load-new": serving.new_process,
    "import": serving.importing,
    "evidence": evidence.evidence,
    "compute": compute.compute,
    "install": installing.install,
    "together": together.registering,
    "first-open": together.first_open,
    "bucket-requests": bucket.requests,
    "bucket-together": bucket.together,
    "http-register": http.registering,
    "http-again": http.again,
    "http-first": http.first,
    "http-together": http.together,
    "http-upload": http.upload,
    "http-killed": http.killed,
    "start": pages.start,
    "pages": pages.pages,
}

HOW = (
    "Written by `make bench` in one run. Compared programs run in turns: MLflow, as documented and tuned, in an "
    "environment of its own; the dashboard in a real Chromium with an empty cache. Times are medians unless p95 is "
    "named. The limit is the least work that the same task can take on this machine, such as writing and syncing the "
    "same bytes, or a bare Streamlit app."
)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--mlflow-python", type=Path, metavar="PATH", help="the Python of an environment with MLflow")
    parser.add_argument("--quick", action="store_true", help="a first impression: 1,000 versions, short comparisons")
    parser.add_argument(
        "--large",
        action="store_true",
        help="1,000,000 versions as well, 100,000 in the dashboard (filled by SQL); a minute of clients, a server "
        "that is killed 20 times, an upload of 3.9 GB",
    )
    parser.add_argument("--install", action="store_true", help="install into clean environments (minutes, downloads)")
    parser.add_argument("--only", action="append", choices=list(PARTS), metavar="ROW", help=", ".join(PARTS))
    parser.add_argument("--versions", metavar="N,N", help="how many versions to ask about (default 1000,10000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write a page: table, misses, notes")
    return parser.parse_args(given)


def size(options: argparse.Namespace) -> Size:
    """How much to measure."""
    versions = tuple(int(each) for each in options.versions.split(",")) if options.versions else None
    bulk = (1_000_000,) if options.large else ()
    pages = (100, 10_000, 100_000) if options.large else (100, 10_000)
    if options.quick:
        return Size(
            versions or (100, 1_000), bulk, (100, 1_000), visits=3, sessions=10,
            seconds=2, registrations=15, openings=8, starts=3, peer_openings=1, evaluations=20,
            client_seconds=5.0, kills=2, upload_bytes=100_000_000,
        )  # fmt: skip
    if options.large:
        return Size(
            versions or (1_000, 10_000), bulk, pages, client_seconds=60.0, kills=20, upload_bytes=3_900_000_000
        )  # fmt: skip
    return Size(versions or (1_000, 10_000), bulk, pages)


def run(bench: Bench, parts: Sequence[str]) -> Result:
    """Measure these parts."""
    result = Result(machine(), lines=bench.lines)
    if bench.mlflow_python is None:
        bench.lines.append("MLflow left out: name its Python with --mlflow-python PATH")
    elif bench.peer is not None:
        result.machine += f"; MLflow {bench.peer.version} with SQLite and a local folder"
    for part in parts:
        start, load = time.monotonic(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
        bench.say(f"{part} ...")
        try:
            rows = PARTS[part](bench)
        except Exception as error:
            # One part that fails must not take the others' numbers with it; the exit code tells.
            rows = [Row(part, part, notes=[f"FAILED: {type(error).__name__}: {error}"])]
        result.rows += rows
        bench.say(f"{part}: {time.monotonic() - start:.0f} s (load before {load:.1f}) "
                  + "; ".join(row.result for row in rows if row.result))  # fmt: skip
    noisy = [row.what for row in result.rows if row.spread > 0.5]
    if noisy:
        bench.lines.append(f"~ noisy: the limit's own times lay far apart for {', '.join(noisy)}")
    return result


def main(given: Sequence[str] | None = None) -> int:
    """Run, print, write."""
    options = arguments(given)
    python = options.mlflow_python
    if python is not None and not python.exists():
        print(f"MLflow is left out: there is no {python}", file=sys.stderr)
        python = None

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="registry-bench-", ignore_cleanup_errors=True) as folder:
        # Not resolved: the link of an environment is what makes it one.
        bench = Bench(size(options), Path(folder), python and python.absolute(), say, options.install)
        try:
            result = run(bench, options.only or list(PARTS))
        finally:
            bench.close()
    text = result.to_markdown()
    print(text)
    if options.markdown:
        options.markdown.write_text(result.to_page(HOW), encoding="utf-8")
    if options.json:
        options.json.write_text(result.to_json(), encoding="utf-8")
    return int(any("FAILED" in note for row in result.rows for note in row.notes))


if __name__ == "__main__":
    sys.exit(main())
