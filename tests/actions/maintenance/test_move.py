"""A registry moves while it is used, there and back, and nothing is missing or different."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from registry_core import InvalidInput, MoveReport, Registry, StateConflict, StorageError, Unreachable, move
from registry_core.catalog import moved
from registry_core.cli import main
from tests import traffic
from tests.actions.maintenance import whole
from tests.clock import Clock
from tests.disks import small_disk
from tests.object_store import ObjectStore
from tests.processes import until

pytestmark = pytest.mark.slow


def held(registry: Registry) -> tuple[Any, ...]:
    """All rows but the mark of a move, and all files."""
    rows = whole.rows(registry)
    rows["settings"] = [row for row in rows["settings"] if row[0] != moved.MOVED_TO]
    rows["counters"] = [row for row in rows["counters"] if not row[0].startswith(moved.MOVED)]
    files = {key: digest for key, digest in whole.files(registry).items() if not key.endswith("model_history.json")}
    return rows, files


def exported(registry: Registry, folder: Path) -> list[bytes]:
    """The exported index and history, of one moment whenever they are written."""
    registry._context.clock = lambda: datetime(2026, 1, 1, tzinfo=UTC)
    registry.export_index(folder)
    return [(folder / f"model_{name}.json").read_bytes() for name in ("index", "history")]


@pytest.fixture
def there(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """A database with files in a bucket, with a full run; else with files in a folder."""
    url = request.getfixturevalue("fresh_postgres")
    if request.config.getoption("--full"):
        return {"location": url, "artifacts": f"{request.getfixturevalue('bucket')}/registry"}
    return {"location": url, "artifacts": tmp_path / "files"}


class Busy:
    """A service and a pipeline that go on until they are told that their registry moved."""

    def __init__(self, **where: Any) -> None:
        self.registered: list[str] = []
        self.predicted: list[int] = []
        self.refusals: list[str] = []
        self._where = where
        self._threads = [threading.Thread(target=act) for act in (self._register, self._predict)]

    def __enter__(self) -> Busy:
        for thread in self._threads:
            thread.start()
        until(lambda: self.registered and self.predicted)
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive()

    def _register(self) -> None:
        with Registry(**self._where, actor="pipeline") as registry:
            while True:
                try:
                    self.registered.append(traffic.register(registry, 0.5))
                except StorageError as error:
                    self.refusals.append(str(error))
                    return

    def _predict(self) -> None:
        inputs, truth = traffic.rows(20)
        with Registry(**self._where, actor="service") as registry:
            predictor = registry.predictor("Churn", log="sync")
            while True:
                try:
                    ids = predictor.predict(inputs).prediction_ids
                    registry.record_outcomes(prediction_ids=ids, labels=truth)
                    self.predicted += ids.tolist()
                except StorageError as error:
                    self.refusals.append(str(error))
                    return


@pytest.mark.postgres
def test_there_and_back_with_traffic_running(clock: Clock, tmp_path: Path, there: dict[str, Any]) -> None:
    here = {"location": tmp_path / "registry"}
    with Registry(**here, clock=clock) as registry:
        whole.fill(registry, clock)
    told: set[str] = set()
    with Busy(**here) as busy:
        report = move(
            here["location"], there["location"], artifacts=there["artifacts"], progress=lambda step, *_: told.add(step)
        )
    assert {"files", "round 1", "verifying"} <= told
    assert (report.left_out, report.findings, report.kept) == ({}, (), False)
    assert len(busy.refusals) == 2
    for refusal in busy.refusals:
        assert refusal.startswith("this registry was moved to postgresql://")
        assert refusal.endswith("and can only be read here: open it there")
    with Registry(**here) as old, Registry(**there) as new:
        assert held(old) == held(new)
        first = exported(new, tmp_path / "first")
        # The history of the old place also says where it moved to.
        assert exported(old, tmp_path / "old")[0] == first[0]
        assert {*busy.registered} <= {each.model_id for each in new.list_models("Churn")}
        assert {*busy.predicted} <= {*new.prediction_history("Churn").prediction_id.tolist()}
        assert (report.predictions, report.models) == (len(held(new)[0]["predictions"]), new.count_models())
        assert new.verify_events() is None
        # Reads go on at the old place, and the new one takes rows.
        assert old.load_active_model("Churn")[2].model_id == old.get_active_model_id("Churn")
        with pytest.raises(StorageError, match="was moved to postgresql://"):
            old.review(busy.registered[0], "comment", "late")
        new.review(busy.registered[0], "comment", "in time")
    with Busy(**there) as busy:
        back = move(there["location"], here["location"], source_artifacts=there["artifacts"])
    assert back.findings == ()
    with Registry(**here) as old, Registry(**there) as new:
        assert held(old) == held(new)
        assert exported(old, tmp_path / "back")[0] == exported(new, tmp_path / "again")[0]
        assert {*busy.registered} <= {each.model_id for each in old.list_models("Churn")}
        old.review(busy.registered[0], "comment", "at home")
        assert old.verify().clean


@pytest.mark.postgres
def test_an_export_is_identical_at_each_place(clock: Clock, tmp_path: Path, fresh_postgres: str) -> None:
    with Registry(tmp_path / "registry", clock=clock) as registry:
        whole.fill(registry, clock)
        before, first = held(registry), exported(registry, tmp_path / "export")
    kept = move(tmp_path / "registry", fresh_postgres, artifacts=tmp_path / "files", keep=True)
    assert kept.kept
    move(fresh_postgres, tmp_path / "home", source_artifacts=tmp_path / "files")
    with Registry(tmp_path / "home") as home, Registry(tmp_path / "registry") as registry:
        assert held(home) == before
        assert exported(home, tmp_path / "second") == first
        # What was kept can be written.
        registry.review(registry.list_models()[0].model_id, "comment", "here")


MOVER = """
import os, signal, sys
from registry_core import move
left = int(sys.argv[3])
def told(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
move(sys.argv[1], sys.argv[2], progress=told)
"""


def test_a_move_that_is_killed_is_resumed(clock: Clock, tmp_path: Path, full: bool) -> None:
    with Registry(tmp_path / "registry", clock=clock) as registry:
        whole.fill(registry, clock)
        before = held(registry)
    steps: list[str] = []
    move(tmp_path / "registry", tmp_path / "probe", keep=True, progress=lambda step, *_: steps.append(step))
    for at in range(1, len(steps) + 1) if full else (1, len(steps) // 2, len(steps)):
        target = tmp_path / f"target-{at}"
        command = [sys.executable, "-c", MOVER, str(tmp_path / "registry"), str(target), str(at)]
        ended = subprocess.run(command, cwd=Path(__file__).parents[3], env=dict(os.environ), timeout=120, check=False)
        assert ended.returncode == -signal.SIGKILL
        with pytest.raises(StateConflict, match=r"another registry was being moved|holds a registry"):
            move(_another(tmp_path, at), target)
        report = move(tmp_path / "registry", target)
        assert (report.findings, report.left_out) == ((), {})
        with Registry(target) as there:
            assert held(there) == before
            assert not (target / "moving.json").exists()
        # It comes home for the next kill.
        move(target, tmp_path / "registry")
        with Registry(tmp_path / "registry") as home:
            assert held(home) == before


def test_a_move_that_is_killed_between_its_two_marks_is_resumed(clock: Clock, tmp_path: Path) -> None:
    with Registry(tmp_path / "registry", clock=clock) as registry:
        whole.fill(registry, clock)
        before = held(registry)
        with registry._context.telemetry.transaction() as transaction:
            mark = {"name": f"{moved.MOVED}{tmp_path / 'there'}"}
            transaction.query("INSERT INTO counters (name, value) VALUES (:name, 1)", mark)
        inputs, _ = traffic.rows(5)
        with pytest.raises(StorageError, match=r"was moved to .*there and"):
            registry.predictor("Churn", log="sync").predict(inputs)
    assert move(tmp_path / "registry", tmp_path / "there").findings == ()
    with Registry(tmp_path / "there") as there:
        assert held(there) == before
        there.predictor("Churn", log="sync").predict(inputs)


def _another(tmp_path: Path, number: int) -> Path:
    with Registry(tmp_path / f"another-{number}") as registry:
        traffic.register(registry, 0.5)
    return tmp_path / f"another-{number}"


def test_a_complete_move_is_verified_again_and_overwrites_nothing(clock: Clock, tmp_path: Path) -> None:
    with Registry(tmp_path / "registry", clock=clock) as registry:
        whole.fill(registry, clock)
    words = ("move", str(tmp_path / "registry"), str(tmp_path / "there"), "--json")
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["kept"], document["findings"], document["models"]) == (False, [], 3)
    with Registry(tmp_path / "there") as there:
        later = traffic.register(there, 0.7)
    again = move(tmp_path / "registry", tmp_path / "there")
    assert (again.locked_seconds, again.findings) == (0.0, ())
    with Registry(tmp_path / "there") as there:
        assert there.get_metadata(later).model_id == later
    with pytest.raises(StateConflict, match=r"was moved to .*there; move it from there"):
        move(tmp_path / "registry", tmp_path / "elsewhere")


def test_a_registry_without_traffic_takes_none_after_its_move(tmp_path: Path) -> None:
    with Registry(tmp_path / "registry") as registry:
        traffic.register(registry, 0.5)
        report = move(tmp_path / "registry", tmp_path / "there")
        assert (report.models, report.predictions, report.outcomes) == (1, 0, 0)
        inputs, _ = traffic.rows(5)
        with pytest.raises(StorageError, match=r"was moved to .*there and can only be read here"):
            registry.predictor("Churn", log="sync").predict(inputs)
        assert registry.verify().clean


def test_places_that_cannot_be_moved_to(clock: Clock, tmp_path: Path) -> None:
    with Registry(tmp_path / "registry", clock=clock) as registry:
        traffic.register(registry, 0.5)
    for target, kind, text in (
        (tmp_path / "registry", InvalidInput, "source and target are both"),
        (_another(tmp_path, 1), StateConflict, "already holds a registry; name an empty place"),
    ):
        with pytest.raises(kind, match=text):
            move(tmp_path / "registry", target)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    with pytest.raises(StateConflict, match=r"notes\.txt exists already; name an empty folder or bucket"):
        move(tmp_path / "registry", tmp_path / "used")
    with pytest.raises(InvalidInput, match="holds no registry"):
        move(tmp_path / "nothing", tmp_path / "there")
    assert not (tmp_path / "nothing").exists()


def test_a_full_disk_stops_the_move_and_leaves_the_source(clock: Clock, tmp_path: Path) -> None:
    with Registry(tmp_path / "registry", clock=clock) as registry:
        whole.fill(registry, clock)
        registry._context.store.write("models/large.pkl", b"")
        traffic.register(registry, 0.5, description="x" * 10)
        before = held(registry)
    with small_disk(tmp_path / "disk", "600k") as disk:
        with pytest.raises(StorageError, match=r"no space left|disk is full|free some space"):
            move(tmp_path / "registry", disk / "there")
        subprocess.run(["mount", "-o", "remount,size=60m", str(disk)], check=True)
        with Registry(tmp_path / "registry") as registry:
            assert held(registry) == before
            traffic.register(registry, 0.6)
        assert move(tmp_path / "registry", disk / "there").findings == ()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "NoSuchBucket", "the bucket does not exist"),
        (403, "SignatureDoesNotMatch", "the store refuses the credentials"),
        (403, "RequestTimeTooSkewed", "the clock of this machine differs from the store's clock"),
    ],
)
def test_a_bucket_that_refuses_is_said_and_the_source_goes_on(
    endpoint: ObjectStore, fresh_postgres: str, clock: Clock, tmp_path: Path, status: int, code: str, said: str
) -> None:
    with Registry(tmp_path / "registry", clock=clock) as registry:
        whole.fill(registry, clock)

    def refuse(step: str, done: int, total: int) -> None:
        endpoint.refuse = (status, code)

    with pytest.raises(StorageError, match=said):
        move(tmp_path / "registry", fresh_postgres, artifacts="s3://team/ours", progress=refuse)
    with pytest.raises(StorageError, match=said):
        move(tmp_path / "registry", fresh_postgres, artifacts="s3://team/ours")
    with Registry(tmp_path / "registry") as registry:
        traffic.register(registry, 0.6)
    endpoint.refuse = None
    assert isinstance(move(tmp_path / "registry", fresh_postgres, artifacts="s3://team/ours"), MoveReport)
    with Registry(fresh_postgres, artifacts="s3://team/ours") as there:
        assert there.count_models() == 4


@pytest.mark.postgres
@pytest.mark.parametrize("wrong", ["source", "target"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("registry@", "nobody:secret@"), 'role "nobody" does not exist'),
        (("/postgres?", "/none?"), 'database "none" does not exist'),
    ],
)
def test_a_database_that_refuses_is_said_and_the_source_goes_on(
    fresh_postgres: str, tmp_path: Path, wrong: str, change: tuple[str, str], said: str
) -> None:
    place = fresh_postgres.replace(*change)
    assert place != fresh_postgres
    folder = tmp_path / "registry"
    with Registry(folder) as registry:
        traffic.register(registry, 0.5)
    with pytest.raises(
        Unreachable, match=rf"refuses the connection \({said}.*correct the user, the password"
    ) as raised:
        if wrong == "target":
            move(folder, place, artifacts=tmp_path / "files")
        else:
            move(place, tmp_path / "there", source_artifacts=tmp_path / "files")
    assert "secret" not in str(raised.value)
    assert not (tmp_path / "there" / "models").exists()
    assert move(folder, fresh_postgres, artifacts=tmp_path / "files").findings == ()
