"""Everything hostile that the tests make, through every entrance: ``python -m benchmarks.hostile [--minutes 15]``.

A process stands for the one that serves people; it is handed one thing after the other, and watched from outside.
Printed, by kind: how many files, how often they were tried, what came of it, and what must not be: code that ran,
processes that ended, errors without a sentence, other threads held for more than a second, calls without an end, more
than 256 MB of memory. A good file goes first, and has to come into use by every entrance: what no good file passes
proves nothing of bad ones.
"""

from __future__ import annotations

import argparse
import io
import os
import pickle
import random
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.watched import Seen, Watched
from registry_core import NotEligible, Registry, RegistryError
from registry_core.actions.maintenance import backup, transfer
from registry_core.artifacts import mlmodel
from tests import hostile
from tests.actions.test_adopt import put
from tests.artifacts.inspection import differing, floods, misfits, natives
from tests.artifacts.inspection.corpus import bad_artifacts
from tests.elsewhere import REACHING, Reaching, another_user, foreign_registry, own_module, rewritten
from tests.entrances import ENTRANCES, METADATA, Scene, Site, enter
from tests.fitted import forest
from tests.hostile_archives import archives
from tests.hostile_folders import TRICKS

MOST_SECONDS, MOST_BYTES = 1.0, 256_000_000
PAGE = "upload page"
#: What a model in the sandbox does when it is asked, beside what takes it as long as it may.
ACTS = tuple(act for act in hostile.ACTS if act not in ("doze_and_leave", "calls"))

#: A verb for the process, and what it is called with.
Task = tuple[str, Any, Any]


@dataclass
class Point:
    """One kind of hostile things: each with the tasks it is tried by; and what came of them."""

    name: str
    files: list[tuple[str, list[Task]]]
    outcomes: Counter[str] = field(default_factory=Counter)
    reached: int = 0
    executed: int = 0
    ended: int = 0
    raised: int = 0
    frozen: int = 0
    hold_seconds: float = 0.0
    grown_bytes: int = 0

    @property
    def fails(self) -> bool:
        """Whether something happened that must not, or was not tried."""
        missing = self.reached < len(self.files)
        wrong = missing or self.executed or self.ended or self.raised or self.frozen
        return bool(wrong or self.grown_bytes > MOST_BYTES)


def points(marker: Path) -> list[Point]:
    """All kinds. What runs anything creates ``marker``."""
    ways = [*ENTRANCES, PAGE]

    def models(files: Sequence[tuple[str, bytes]]) -> list[tuple[str, list[Task]]]:
        return [(label, [("model", way, data) for way in ways]) for label, data in files]

    boosters = [*natives.bad_xgboost(), *(each for each in differing.files() if each[0].startswith("XGBoost"))]
    boosters.append(("a class somebody trusts, which ends whoever loads it", hostile.crashing_file().getvalue()))
    rest = [each for each in differing.files() if not each[0].startswith("XGBoost")]
    # Of the table of bad inputs, the first of each line that would do something when it is loaded.
    live = {bad.name[:2]: (bad.name, bad.data) for bad in reversed(bad_artifacts(marker)) if bad.live}
    foreign: list[tuple[str, list[Task]]] = [(name, [("foreign", name, way) for way in FOREIGN]) for name in REACHING]
    names = [trick.__name__ for trick in TRICKS]
    folders: list[tuple[str, list[Task]]] = [(name, [("trick", name, way) for way in FOLDERS]) for name in names]
    acts: list[tuple[str, list[Task]]] = [(act, [("act", act, "")]) for act in ACTS]
    restored, imported = (archives(module.KIND, module.VERSION) for module in (backup, transfer))
    packed: list[tuple[str, list[Task]]] = [
        (label, [("archive", "restore", restored[label]), ("archive", "import", imported[label])]) for label in restored
    ]
    return [
        Point("0 files that run something", models([live[line] for line in sorted(live)])),
        Point("1 folders with their own settings", foreign),
        Point("2 boosters that crash", models(boosters)),
        Point("3 read in two ways", models(rest)),
        Point("4 freeze or fill", models([*floods.files()])),
        Point("5 parts that do not fit", models([*misfits.files()])),
        Point("6 links, pipes, devices, holes", folders),
        Point("10 answers of a sandbox", acts),
        Point("11 archives", packed),
    ]


# The rest happens in the process that is watched.


def begin(room: Path, site: Site, foreign: tuple[Path, str], marker: Path) -> Callable[..., str]:
    """What handles a task there."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(room.with_name("code")))
    from tests.dashboard import upload_page

    ways = {**ENTRANCES, PAGE: upload_page.enter}

    def model(way: str, data: bytes) -> str:
        with Scene.of(site, data, room) as scene:
            return enter(scene, ways[way])

    verbs: dict[str, Callable[[Any, Any], str]] = {
        "model": model,
        "foreign": lambda name, way: _foreign(room, marker, *foreign, name, way),
        "trick": lambda name, way: _trick(room, name, way),
        "act": lambda act, _: _act(room, act, marker),
        "archive": lambda way, data: _archive(room, way, data),
    }

    def handle(verb: str, first: Any, second: Any) -> str:
        # Before, and not after: a process that ended left its room as it was.
        for path in list(room.iterdir()):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        try:
            return verbs[verb](first, second)
        except RegistryError:
            return "refused"
        except Exception as error:
            # Whoever asked gets an error without a sentence, and the process goes on.
            return f"raised {error!r:.200}"

    return handle


FOREIGN: dict[str, Callable[[Registry, str], object]] = {
    "load": lambda registry, model_id: registry.load_model(model_id),
    "load the champion": lambda registry, _: registry.load_active_model("Cancer"),
    "serve": lambda registry, _: registry.predictor("Cancer").predict([[0.0] * 30]),
    "promote": lambda registry, model_id: registry.promote(model_id, reason="now", override=True),
    "roll back": lambda registry, _: registry.rollback("Cancer", reason="now"),
    "undo": lambda registry, _: registry.undo_promotion("Cancer", reason="now"),
    "trust": lambda registry, model_id: registry.trust(model_id, reason="read"),
    "restore": lambda registry, model_id: _moved(registry, model_id, "restore"),
    "import": lambda registry, model_id: _moved(registry, model_id, "import"),
}


def _foreign(room: Path, marker: Path, folder: Path, champion: str, name: str, way: str) -> str:
    """A registry that trusts the name its champion calls is opened, restored or imported."""
    place = room / "registry"
    shutil.copytree(folder, place)
    data = Reaching(name, *(each.format(folder=place) for each in REACHING[name])).file()
    with another_user(folder.with_name("keys")):
        rewritten(place, champion, data, [name])
    try:
        with Registry(place) as registry:
            FOREIGN[way](registry, champion)
            # Whatever went on, the file may still be of no use, and then nothing was done with it.
            registry.load_model(champion)
            return "used"
    finally:
        if (place / "made").exists():
            marker.touch()


def _moved(registry: Registry, model_id: str, way: str) -> None:
    room = Path(registry.location).parent
    if way == "restore":
        registry.backup(room / "backup.tar")
        with Registry.from_backup(room / "backup.tar", room / "restored") as other:
            other.load_model(model_id)
    else:
        registry.export_models(room / "export.tar", [model_id])
        with Registry(room / "other") as other:
            report = other.import_models(room / "export.tar", reason="moving")
            if not report.imported:
                raise NotEligible(f"not imported: {report.skipped}")
            other.load_model(report.imported[model_id])


FOLDERS = ("adopt", "load", "download", "verify", "export", "backup", "MLflow")


def _trick(room: Path, name: str, way: str) -> str:
    """Something else lies where a model's file should."""
    trick = next(each for each in TRICKS if each.__name__ == name)
    outside, place = room / "passwd", room / "registry"
    outside.write_bytes(b"root:x:0:0")
    if way == "MLflow":
        place.mkdir()
        (place / "MLmodel").write_text("flavors:\n  sklearn:\n    pickled_model: model.pkl\n")
        trick(place / "model.pkl", outside)
        mlmodel.read(place)
        return "used"
    if way == "adopt":
        put(place, "A_20250731_120000", forest(), is_active=True)
        path = place / "models" / "model_A_20250731_120000.pkl"
    else:
        with Registry(place) as registry:
            model_id = registry.register_model(forest(), model_name="Cancer", model_type="Forest")
        path = place / "models" / f"model_{model_id}.pkl"
    path.unlink()
    trick(path, outside)
    with Registry(place) as registry:
        if way == "adopt":
            for version in registry.list_models():
                registry.load_model(version.model_id)
            return "used" if registry.list_models() else "refused"
        if way == "verify":
            return "refused" if registry.verify().findings else "used"
        if way == "backup":
            return "refused" if registry.backup(room / "backup.tar").left_out else "used"
        if way == "export":
            registry.export_models(room / "export.tar", [model_id])
        else:
            (registry.load_model if way == "load" else registry.read_artifact)(model_id)
    return "used"


def _act(room: Path, act: str, marker: Path) -> str:
    """A model nobody trusts is measured, and does something else."""
    file = io.BytesIO(pickle.dumps(hostile.Model(act, str(marker))))
    with Registry(room / "registry") as registry:
        registry.configure(auto_evaluate=False, reason="by hand")
        table = {"first": range(10), "second": range(10), "answer": [0, 1] * 5}
        import pandas as pd

        registry.add_benchmark("holdout", "Churn", pd.DataFrame(table), "answer")
        model_id = registry.upload(file, metadata={**METADATA, "model_name": "Churn"})
        assert registry.get_metadata(model_id).artifact == "quarantined"
        found = registry.evaluate(model_id, seconds=2, memory_bytes=1 << 30)
    return "refused" if found.status == "failed" else "used"


def _archive(room: Path, way: str, data: bytes) -> str:
    """An archive is restored or imported."""
    path = room / "archive.tar"
    path.write_bytes(data)
    if way == "restore":
        Registry.from_backup(path, room / "there").close()
    else:
        with Registry(room / "here") as registry:
            registry.import_models(path)
    return "used"


# And this in the one that watches.


def _print(line: str) -> None:
    print(line, flush=True)


def run(minutes: float, only: Sequence[str] = (), say: Callable[[str], None] = _print) -> int:
    """Try everything, or the kinds of these numbers; the exit code is 1 when something happened that must not, or time
    ran out."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as base:
        return _run(Path(base), minutes, only, say)


def _run(base: Path, minutes: float, only: Sequence[str], say: Callable[[str], None]) -> int:
    os.environ["MODEL_REGISTRY_KEYS"] = str(base / "keys")
    room, marker = base / "room", base / "marker"
    room.mkdir()
    own_module(base / "code", marker)
    site = Site.make(base / "site")
    there = base / "there"
    foreign = there / "registry", foreign_registry(there / "registry", there / "keys")
    watched = Watched(begin, room, site, foreign, marker)
    every = [point for point in points(marker) if not only or point.name.split()[0] in only]
    until = time.monotonic() + 60 * minutes
    begun = time.monotonic()
    try:
        # Twice: what is loaded with the first file stays, and counts for none.
        ways = [*ENTRANCES, PAGE]
        passed = [[watched.handle("model", way, site.good()) for way in ways] for _ in range(2)][1]
        stuck = [way for way, seen in zip(ways, passed, strict=True) if seen is None or seen.outcome != "used"]
        if watched.ended or watched.hung:
            stuck.append("the process")
        for point, label, tasks in _in_turns(every):
            if time.monotonic() > until:
                break
            point.reached += 1
            for task in tasks:
                _note(point, label, task, watched, marker, say)
    finally:
        watched.close()
    say(
        f"a good file came into use by {len(ways) - len(stuck)} of {len(ways)} entrances"
        + "".join(f", not: {way}" for way in stuck)
    )
    _table(every, say)
    say(f"{sum(point.reached for point in every)} files in {(time.monotonic() - begun) / 60:.1f} minutes")
    return 1 if stuck or any(point.fails for point in every) else 0


def _in_turns(every: Sequence[Point]) -> Iterator[tuple[Point, str, list[Task]]]:
    """The files of all kinds, mixed, so that when time runs out each has had its share."""
    mixed = [
        (place / len(point.files), number, point, *file)
        for number, point in enumerate(every)
        for place, file in enumerate(random.Random(0).sample(point.files, len(point.files)))
    ]
    for _, _, point, label, tasks in sorted(mixed, key=lambda each: each[:2]):
        yield point, label, tasks


def _note(point: Point, label: str, task: Task, watched: Watched, marker: Path, say: Callable[[str], None]) -> None:
    ended = watched.ended
    seen: Seen | None = watched.handle(*task)
    what = f"  {point.name}: {label}, {', '.join(each for each in task[1:] if each and isinstance(each, str))}"
    if marker.exists() or (seen is not None and seen.ran):
        point.executed += 1
        say(f"{what}: EXECUTED {'' if seen is None else seen.ran}")
        marker.unlink(missing_ok=True)
    if seen is None:
        word = "ENDED the process" if watched.ended > ended else "made the process HANG"
        point.ended, point.frozen = point.ended + (watched.ended > ended), point.frozen + (watched.ended == ended)
        say(f"{what}: {word}")
        return
    if seen.outcome.startswith("raised"):
        point.raised += 1
        say(f"{what}: {seen.outcome}")
    point.outcomes[seen.outcome.partition(" ")[0]] += 1
    point.hold_seconds = max(point.hold_seconds, seen.hold_seconds)
    point.grown_bytes = max(point.grown_bytes, seen.grown_bytes)
    if seen.hold_seconds > MOST_SECONDS:
        point.frozen += 1
        say(f"{what}: HELD the others for {seen.hold_seconds:.2f} s")
    if seen.grown_bytes > MOST_BYTES:
        say(f"{what}: took {seen.grown_bytes / 1e6:.0f} MB")
    if seen.outcome == "used":
        say(f"{what}: used")


def _table(every: Sequence[Point], say: Callable[[str], None]) -> None:
    heads = (
        "kind",
        "files",
        "tries",
        "refused",
        "held",
        "used",
        "executed",
        "ended",
        "raised",
        "frozen",
        "longest hold",
        "memory",
    )
    cells = [heads] + [
        (
            point.name, f"{point.reached}/{len(point.files)}", str(sum(point.outcomes.values())),
            *(str(point.outcomes[each]) for each in ("refused", "held", "used")),
            *(str(each) for each in (point.executed, point.ended, point.raised, point.frozen)),
            f"{point.hold_seconds * 1000:.0f} ms", f"{point.grown_bytes / 1e6:.0f} MB",
        )
        for point in every
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, *others = (
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        say("  ".join([first, *others]))


def main(given: list[str] | None = None) -> int:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15, help="the longest it may take (default 15)")
    parser.add_argument("--only", nargs="+", default=[], help="the numbers of the kinds to try (default: all)")
    options = parser.parse_args(given)
    return run(options.minutes, options.only)


if __name__ == "__main__":
    sys.exit(main())
