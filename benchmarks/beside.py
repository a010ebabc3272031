"""One visitor beside another: how long pages take while somebody uploads and promotes files that crash, hang and bloat.

    python -m benchmarks.beside [--rounds 20]

Two browsers at one dashboard. The first goes from page to page, once while it is alone and once while the second, in a
process of its own, uploads one bad file after the other and tries to promote what was stored. Times are from the click
to the drawn page, by the page's own clock.
"""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench import NAME, register
from benchmarks.browser import Visitor, chromium, visitor
from benchmarks.peer import ROOT
from benchmarks.served import dashboard
from benchmarks.timing import quantile
from registry_core import Registry
from tests import hostile
from tests.artifacts.inspection import floods
from tests.artifacts.inspection.corpus import bad_artifacts

TOUR = (("Overview", ""), ("Leaderboard", ""), ("Trends", ""))
#: The 95th of 100 pages beside an uploader, over that of a visitor alone.
MOST = 2.0
#: Of each of these lines of the list of bad files, one is uploaded: programs, bombs, floods, lying lengths.
LINES = ("01 ", "33 ", "34 ", "35 ")


def tour(guest: Visitor, rounds: int) -> list[float]:
    """The seconds each page took, from the click until it was drawn."""
    return [guest.follow(page, heading=heading) for _ in range(rounds) for page, heading in TOUR]


def files(folder: Path) -> list[Path]:
    """Files that crash whoever loads them, hang, or fill and freeze whoever reads them."""
    found = {"crashes.pkl": hostile.crashing_file().getvalue(), "hangs.pkl": pickle.dumps(hostile.Model("sleep"))}
    found["large.pkl"] = pickle.dumps({number: [number] for number in range(2_000_000)})
    for bad in bad_artifacts(folder / "mark"):
        if bad.name.startswith(LINES):
            found.setdefault(f"{bad.name[:2]}.pkl", bad.data)
    for number, (_, data) in enumerate(floods.files()):
        found[f"flood {number}.pkl"] = data
    for name, data in found.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in found]


def upload(address: str, paths: list[Path], until: Path) -> None:
    """Upload one file after the other and try to promote what was stored, until the file ``until`` is there."""
    with chromium() as browser, visitor(browser) as guest:
        page, count = guest.page, 0
        page.set_default_timeout(120_000)
        while not until.exists():
            page.goto(f"{address}/upload?model={NAME}")
            page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(paths[count % len(paths)])
            said = page.get_by_text("It is refused.")
            said.or_(page.get_by_text("Trusted.")).or_(page.get_by_text("It will be quarantined.")).first.wait_for()
            count += 1
            print(count, flush=True)
            if said.is_visible():
                continue
            page.get_by_role("combobox", name="Model type").click()
            page.get_by_role("option").first.click()
            page.get_by_test_id("stMain").get_by_role("button", name="Upload", exact=True).last.click()
            page.get_by_role("button", name="Open the model").click()
            promote = page.get_by_test_id("stMain").get_by_role("button", name="Promote", exact=True)
            promote.wait_for()
            if promote.is_enabled():
                promote.click()
                dialog = page.get_by_role("dialog")
                dialog.get_by_label("Reason").fill("let us try")
                dialog.get_by_role("button", name="Promote").click()
                dialog.get_by_text("Tick the override").wait_for()


@contextmanager
def uploader(address: str, paths: list[Path], folder: Path) -> Iterator[list[int]]:
    """Somebody who uploads, in a process of their own; what is given holds how many files it were, in the end."""
    until, count = folder / "enough", list[int]()
    command = [sys.executable, "-m", "benchmarks.beside", "--upload", address, str(until), *map(str, paths)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield count
        finally:
            until.touch()
            lines = process.communicate()[0].split()
            count.append(int(lines[-1]) if lines else 1)
    if process.returncode:
        raise RuntimeError("the one who uploads failed; see above")


def main(given: list[str] | None = None) -> int:
    """Measure, print, and say by the exit code whether the target is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beside", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="how often the visitor goes through the pages")
    parser.add_argument("--upload", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if options.upload:
        address, until, *paths = options.upload
        upload(address, list(map(Path, paths)), Path(until))
        return 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with Registry(folder / "registry", actor="benchmark") as registry:
            registry.configure(trusted_globals=[hostile.ENDS], reason="a class of the team's own that crashes")
            for number in range(20):
                register(registry, number)
            champion = registry.get_active_model_id(NAME)
        with dashboard(folder / "registry", folder / "server") as server, chromium() as browser:
            with visitor(browser) as guest:
                guest.visit(server.address, heading="", settled=True)
                tour(guest, 3)
                alone = tour(guest, options.rounds)
                with uploader(server.address, files(folder), folder) as count:
                    beside = tour(guest, options.rounds)
            survived = server.process.poll() is None
        with Registry(folder / "registry") as registry:
            unchanged = registry.get_active_model_id(NAME) == champion
    quiet, busy = quantile(alone, 0.95), quantile(beside, 0.95)
    print(f"pages of a visitor alone, p95: {quiet:.3f} s of {len(alone)}")
    print(f"beside an uploader of {count[0]} bad files, p95: {busy:.3f} s of {len(beside)}, {busy / quiet:.2f}x")
    print(f"the server went on: {survived}; the champion stayed: {unchanged}; slowest page {max(beside):.2f} s")
    return 0 if survived and unchanged and busy <= MOST * quiet else 1


if __name__ == "__main__":
    sys.exit(main())
