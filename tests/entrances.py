"""Every way by which the bytes of a model come into a registry, or out of it into use.

``Site.make`` builds a registry in which each of them leads to one file: that of the earlier champion of ``Churn``,
which a promotion, a rollback, an undo, an experiment and the watch over the present champion would all use. An entrance
is called with a ``Scene``, a copy of that registry in which the file holds other bytes, and says what came of it:

- ``refused``: nothing of the file is used, and what was there before is still in use;
- ``held``: it is stored, and neither loaded nor promoted;
- ``used``: it was taken for a model like any other.
"""

from __future__ import annotations

import io
import json
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from click.testing import CliRunner

from registry_core import Experiment, Registry, RegistryError
from registry_core.catalog import row_checksums
from registry_core.cli import main
from tests import hostile
from tests.actions.test_adopt import put
from tests.actions.watch.live_traffic import Mistakes, champions
from tests.clock import Clock
from tests.elsewhere import another_user
from tests.traffic import rows

Outcome = Literal["refused", "held", "used"]
NAME = "Churn"
METADATA = {
    "model_name": NAME,
    "model_type": "Model",
    "performance_metrics": dict.fromkeys(("accuracy", "auc", "f1_score"), 1.0),
    "feature_names": ["first", "second"],
}
# Few labels make a baseline, and the champion has become worse than it.
WATCH = {"baseline_labels": 300, "minimum_labels": 200, "overdispersion_icc": 0.0, "act_without_comparison": True}


class Thief:
    """Somebody who may write into the folder and the catalog, and makes a registered model's file another one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._catalog = sqlite3.connect(folder / "registry.db")
        row_checksums.connect(self._catalog)

    def close(self) -> None:
        self._catalog.close()

    def put(self, model_id: str, data: bytes, which: str = "model") -> None:
        """The file gets these bytes, and the catalog their sha256."""
        (self._folder / "models" / f"{which}_{model_id}.pkl").write_bytes(data)
        with self._catalog:
            self._catalog.execute(
                "UPDATE model_documents SET metadata = json_set(metadata, ?, ?, ?, ?) "
                "WHERE model_seq = (SELECT seq FROM models WHERE model_id = ?)",
                (f"$.{which}_sha256", sha256(data).hexdigest(), f"$.{which}_bytes", len(data), model_id),
            )

    def trust(self, model_id: str) -> None:
        """The catalog says that there was nothing to find."""
        with self._catalog:
            self._catalog.execute("UPDATE models SET artifact = 'trusted', eligible = 1 WHERE model_id = ?", [model_id])


@dataclass(frozen=True)
class Site:
    """A registry with two champions one after the other; the second became worse, and nobody has acted on it."""

    folder: Path
    first: str
    second: str
    now: datetime

    @classmethod
    def make(cls, folder: Path) -> Site:
        """Build it."""
        clock = Clock()
        with Registry(folder, clock=clock, actor="anna") as registry:
            registry.configure(trusted_globals=[hostile.ENDS], reason="a class of the team's own")
            registry.configure(NAME, monitoring={**WATCH, "on_degradation": "suggest"}, reason="watch it")
            inputs, truth = rows(40)
            table = pd.DataFrame(inputs, columns=["first", "second"]).assign(answer=truth)
            first, second = champions(registry, clock, 2)
            registry.add_benchmark("holdout", NAME, table, "answer")
            traffic = Mistakes(registry, clock)
            for rate in [0.1] * 4 + [0.6] * 4:
                traffic(100, default=rate)
            assert registry.check_health(NAME).alerts
            registry.configure(NAME, monitoring={**WATCH, "on_degradation": "act"}, reason="act by itself")
            clock.tick(3600)
        return cls(folder, first, second, clock.now)

    def original(self) -> bytes:
        """The first one's file."""
        return (self.folder / "models" / f"model_{self.first}.pkl").read_bytes()

    def good(self) -> bytes:
        """The same, written in another way: it answers as before, and nobody has seen it."""
        return pickle.dumps(pickle.loads(self.original()), protocol=4)


@dataclass(frozen=True)
class Scene:
    """A copy of a site in ``folder`` in which the file of the first champion holds ``data``; beside it is room."""

    site: Site
    folder: Path
    data: bytes

    @classmethod
    @contextmanager
    def of(cls, site: Site, data: bytes, room: Path) -> Iterator[Scene]:
        """A new one below an empty folder, which is empty again afterwards."""
        folder = room / "registry"
        shutil.copytree(site.folder, folder)
        with closing(Thief(folder)) as thief:
            thief.put(site.first, data)
        try:
            yield cls(site, folder, data)
        finally:
            for path in list(room.iterdir()):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def open(self) -> Registry:
        """The registry, an hour after its last call."""
        return Registry(self.folder, clock=Clock(self.site.now), actor="bert")

    def file(self) -> Path:
        """The bytes as a file outside of the registry."""
        path = self.folder.with_name("winner.pkl")
        path.write_bytes(self.data)
        return path


def stored(registry: Registry, model_id: str) -> Outcome:
    """What became of bytes that were stored as a version: somebody loads it and promotes it."""
    if registry.get_metadata(model_id).artifact == "quarantined":
        return "held"
    try:
        registry.load_model(model_id)
        registry.promote(model_id, override=True, reason="now")
    except RegistryError:
        return "held"
    return "used"


def came_into_use(registry: Registry, site: Site) -> Outcome:
    """Whether the first one is champion again."""
    return "used" if registry.get_active_model_id(NAME) == site.first else "refused"


def upload(scene: Scene) -> Outcome:
    """Bytes are handed to ``Registry.upload``."""
    with scene.open() as registry:
        return stored(registry, registry.upload(io.BytesIO(scene.data), metadata=METADATA))


def command(scene: Scene) -> Outcome:
    """A file is named to ``model-registry register``."""
    document = scene.folder.with_name("winner.json")
    document.write_text(json.dumps(METADATA))
    words = ["register", str(scene.file()), "--metadata", str(document), "--json", "--registry", str(scene.folder)]
    done = CliRunner().invoke(main, words)
    if done.exit_code:
        assert json.loads(done.stderr)["error"]
        return "refused"
    with scene.open() as registry:
        return stored(registry, json.loads(done.stdout)["model_id"])


def adopt(scene: Scene) -> Outcome:
    """A folder without a catalog, which calls the file its champion, is opened."""
    place = scene.folder.with_name("adopted")
    put(place, "Model_20250731_120000", scene.data, model_name=NAME, is_active=True)
    with Registry(place) as registry:
        (version,) = registry.list_models(NAME)
        return stored(registry, version.model_id)


def restore(scene: Scene) -> Outcome:
    """A backup from elsewhere is restored."""
    backup, place = scene.folder.with_name("backup.tar"), scene.folder.with_name("restored")
    with scene.open() as registry:
        registry.backup(backup)
    with (
        another_user(scene.folder.with_name("keys")),
        Registry.from_backup(backup, place, clock=Clock(scene.site.now)) as registry,
    ):
        return stored(registry, scene.site.first)


def bring(scene: Scene) -> Outcome:
    """An export from elsewhere is imported."""
    export = scene.folder.with_name("export.tar")
    with scene.open() as registry:
        registry.export_models(export, [scene.site.first])
    with Registry(scene.folder.with_name("other")) as registry:
        report = registry.import_models(export, promote_champions=True, reason="moving")
        if not report.imported:
            return "refused"
        return stored(registry, report.imported[scene.site.first])


def load(scene: Scene) -> Outcome:
    """A version is loaded."""
    with scene.open() as registry:
        registry.load_model(scene.site.first)
    return "used"


def serve(scene: Scene) -> Outcome:
    """It is champion, its file is exchanged, and somebody asks for predictions."""
    with closing(Thief(scene.folder)) as thief:
        thief.put(scene.site.first, scene.site.original())
        with scene.open() as registry:
            registry.promote(scene.site.first, override=True, reason="now")
        thief.put(scene.site.first, scene.data)
    with scene.open() as registry:
        answer = registry.predictor(NAME, log="off").predict(np.zeros((1, 2)))
        return "used" if answer.model_ids.tolist() == [scene.site.first] else "refused"


def evaluate(scene: Scene) -> Outcome:
    """A version is measured on a benchmark."""
    with scene.open() as registry:
        return "used" if registry.evaluate(scene.site.first, "holdout").status == "measured" else "refused"


def promote(scene: Scene) -> Outcome:
    """A version is promoted, over all gates."""
    with scene.open() as registry:
        registry.promote(scene.site.first, override=True, reason="now")
        return came_into_use(registry, scene.site)


def roll_back(scene: Scene) -> Outcome:
    """Somebody rolls back to it."""
    with scene.open() as registry:
        registry.rollback(NAME, reason="fails")
        return came_into_use(registry, scene.site)


def undo(scene: Scene) -> Outcome:
    """The promotion of its successor is undone."""
    with scene.open() as registry:
        registry.undo_promotion(NAME, reason="a mistake")
        return came_into_use(registry, scene.site)


def heal(scene: Scene) -> Outcome:
    """The registry rolls back to it by itself, since the champion became worse."""
    with scene.open() as registry:
        registry.check_health(NAME)
        return came_into_use(registry, scene.site)


def experiment(scene: Scene) -> Outcome:
    """It becomes a challenger."""
    with scene.open() as registry:
        return _answers(registry, registry.start_experiment(NAME, scene.site.first, mode="split", share=0.5), scene)


def running(scene: Scene) -> Outcome:
    """It is a challenger, and its file is exchanged meanwhile."""
    with closing(Thief(scene.folder)) as thief:
        thief.put(scene.site.first, scene.site.original())
        with scene.open() as registry:
            started = registry.start_experiment(NAME, scene.site.first, mode="split", share=0.5)
        thief.put(scene.site.first, scene.data)
    with scene.open() as registry:
        return _answers(registry, started, scene)


def _answers(registry: Registry, started: Experiment, scene: Scene) -> Outcome:
    """Whether the challenger of an experiment answers anybody."""
    predictor = registry.predictor(NAME, log="off")
    answer = predictor.predict(np.zeros((40, 2)), units=[f"{started.experiment_id} {number}" for number in range(40)])
    return "used" if scene.site.first in answer.model_ids.tolist() else "refused"


Entrance = Callable[[Scene], Outcome]
ENTRANCES: dict[str, Entrance] = {
    "upload": upload,
    "command line": command,
    "adopt": adopt,
    "restore": restore,
    "import": bring,
    "load": load,
    "serve": serve,
    "evaluate": evaluate,
    "promote": promote,
    "roll back": roll_back,
    "undo": undo,
    "rollback by health": heal,
    "experiment": experiment,
    "running experiment": running,
}


def enter(scene: Scene, entrance: Entrance) -> Outcome:
    """What comes of it; an error of the registry is a refusal."""
    try:
        return entrance(scene)
    except RegistryError:
        return "refused"
