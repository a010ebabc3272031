"""Two releases on one registry: a newer one changes the tables while this one reads, writes and serves."""

from __future__ import annotations

import json
import signal
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from registry_core import CatalogBusy, Registry, StorageError
from registry_core.catalog.postgres import PostgresDatabase
from registry_core.catalog.schema import REGISTRY, Schema
from tests import prepared
from tests.processes import until
from tests.servers import stop
from tests.traffic import fitted, register, rows

pytestmark = pytest.mark.slow
_REFUSED = r"was opened by a newer release of Model Registry .it knows .*0099_further, this is .*install that release"

#: The next release: further columns and tables, an event of a further kind, and the same work in them.
_NEWER = """
import json, os, sys, time
from registry_core import Registry
from registry_core.catalog import migrations
from registry_core.catalog.telemetry import schema
migrations.MIGRATIONS["0099_further"] = (
    "ALTER TABLE benchmarks ADD COLUMN further TEXT NOT NULL DEFAULT 'none'",
    "ALTER TABLE alerts ADD COLUMN further INTEGER NOT NULL DEFAULT 7",
    "ALTER TABLE events ADD COLUMN further TEXT",
    "CREATE TABLE further (seq INTEGER PRIMARY KEY, what TEXT NOT NULL)",
    *{more},
)
schema.MIGRATIONS["telemetry_0099_further"] = (
    "ALTER TABLE streams ADD COLUMN further INTEGER NOT NULL DEFAULT 0", *{telemetry_more},
)
from tests.traffic import fitted, register, rows
address = json.loads(sys.argv[1])
with Registry(**address, actor="newer") as registry:
    registry._context.telemetry
    print("upgraded", flush=True)
    if {serves}:
        registry.promote(register(registry, 0.52), reason="newer", override=True)
        predictor = registry.predictor("Churn")
        predictor.predict(rows(20)[0])
        predictor.flush()
    print("served", flush=True)
    end = sys.argv[2]
    while not os.path.exists(end):
        time.sleep(0.05)
    print(json.dumps({{
        "versions": sorted(each.model_id for each in registry.list_models()),
        "findings": [each.text for each in registry.verify().findings],
        "further": registry._context.database.query("SELECT name, further FROM benchmarks"),
        "chain": registry.verify_events(),
    }}), flush=True)
"""


class Newer:
    """The next release, in a process of its own."""

    def __init__(self, place: Path, address: dict[str, Any], *, more: tuple[str, ...] = (), raw: bool = False) -> None:
        self._output, self._end = place / "newer.txt", place / "end"
        telemetry = ("ALTER TABLE predictions ADD COLUMN further INTEGER NOT NULL DEFAULT 0",) if raw else ()
        # What it writes is written by this release's statements, which know no further column of raw rows.
        code = _NEWER.format(more=more, telemetry_more=telemetry, serves=not raw)
        given = {name: str(value) for name, value in address.items()}
        self.program = prepared.Program(["-c", code, json.dumps(given), str(self._end)], self._output)

    def said(self, what: str) -> bool:
        """Whether it came so far.

        Raises:
            AssertionError: it ended before.
        """
        text = self._output.read_text() if self._output.exists() else ""
        assert what in text or self.program.poll() is None, text
        return what in text

    def found(self) -> dict[str, Any]:
        """What it finds in the end."""
        self._end.touch()
        assert not self.program.wait(180), self._output.read_text()
        found: dict[str, Any] = json.loads(self._output.read_text().strip().rpartition("\n")[2])
        return found


@pytest.fixture
def newer(tmp_path: Path, place: dict[str, Any]) -> Iterator[Callable[..., Newer]]:
    started: list[Newer] = []

    def start(**how: Any) -> Newer:
        started.append(Newer(tmp_path, place, **how))
        return started[-1]

    yield start
    for each in started:
        stop(each.program, signal.SIGTERM)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    if request.param == "sqlite":
        return {"location": tmp_path / "registry"}
    return {"location": request.getfixturevalue("fresh_postgres"), "artifacts": tmp_path / "files"}


class Working:
    """This release at work from several threads, until it is told to stop; a refusal in words is no failure."""

    def __init__(self, registry: Registry) -> None:
        self._registry, self._over = registry, threading.Event()
        self._predictor = registry.predictor("Churn")
        self.registered: list[str] = []
        self.predicted: list[int] = []
        self.labelled: list[int] = []
        self.done, self.refused = Counter[str](), Counter[str]()
        self.failed: list[str] = []
        self._threads = [threading.Thread(target=self._all_the_time, args=(each,)) for each in (
            self._reads, self._registers, self._serves,
        )]  # fmt: skip
        for each in self._threads:
            each.start()

    def _all_the_time(self, work: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                work()
                self.done[work.__name__] += 1
            except CatalogBusy as error:
                # That it should be tried again is an answer to a write alone.
                assert work.__name__ != "_reads"
                self.refused[str(error)] += 1
            except BaseException as error:
                self.failed.append(f"{work.__name__}: {type(error).__name__}: {error}")
                return

    def _reads(self) -> None:
        self._registry.list_models("Churn")
        self._registry.events(limit=50)
        self._registry.deployments("Churn")
        self._registry.performance_history("Churn")
        self._registry.get_active_model_id("Churn")

    def _registers(self) -> None:
        self.registered.append(register(self._registry, 0.55, fitted()))
        self._registry.promote(self.registered[-1], reason="newest", override=True)

    def _serves(self) -> None:
        ids = self._predictor.predict(rows(20)[0]).prediction_ids.tolist()
        self.predicted += ids
        found = self._registry.record_outcomes(prediction_ids=ids, labels=[1] * len(ids))
        assert not found.unknown
        self.labelled += ids

    def more(self) -> bool:
        """Whether each has done something since it was last asked."""
        found, self.done = self.done, Counter()
        return len(found) == len(self._threads)

    def end(self) -> None:
        """Stop."""
        self._over.set()
        for each in self._threads:
            each.join()
        assert self.failed == []


def test_the_release_before_goes_on_while_and_after_a_newer_one_upgrades(
    place: dict[str, Any], newer: Callable[..., Newer]
) -> None:
    with Registry(**place, actor="older") as registry:
        register(registry, 0.9)
        holdout = pd.DataFrame({"a": range(20), "target": [0, 1] * 10})
        registry.add_benchmark("before", "Other", holdout, "target")
        working = Working(registry)
        try:
            # So often that what is prepared is prepared.
            assert until(lambda: len(working.predicted) > 200)
            other = newer()
            assert until(lambda: other.said("served"))
            before = len(working.registered)
            assert until(lambda: working.failed or len(working.registered) > before + 2)
        finally:
            working.end()
        assert all("try again" in each for each in working.refused)
        registry.add_benchmark("after", "Other", holdout, "target")
        assert [each.name for each in registry.benchmarks("Other")] == ["after", "before"]
        with pytest.raises(StorageError, match=_REFUSED):
            Registry(**place)
        # What looks at whole tables does not look at those it does not know.
        for whole in (
            registry.verify,
            registry.rebuild_index,
            lambda: registry.backup(Path(registry.location + ".tar")),
        ):
            with pytest.raises(StorageError, match="newer release"):
                whole()
        registry.predictor("Churn").flush()
        history = registry.prediction_history("Churn")
        history = history[history.role != "shadow"]
        stored = Counter(history.prediction_id.tolist())
        assert {*working.predicted} <= {*stored}
        assert {*stored.values()} == {1}
        assert {*working.labelled} <= {*history[history.truth.notna()].prediction_id.tolist()}
        assert "newer" in {each.actor for each in registry.deployments("Churn")}
    found = other.found()
    assert {*working.registered} <= {*found["versions"]}
    assert (found["findings"], found["chain"]) == ([], None)
    assert found["further"] == [{"name": "before", "further": "none"}, {"name": "after", "further": "none"}]


def test_what_the_release_before_cannot_write_is_refused_in_words(
    place: dict[str, Any], newer: Callable[..., Newer]
) -> None:
    with Registry(**place, actor="older") as registry:
        register(registry, 0.9)
        registry.count_models()
        other = newer(more=("ALTER TABLE reviews RENAME TO remarks",))
        assert until(lambda: other.said("upgraded"))
        with pytest.raises(StorageError, match=_REFUSED):
            registry.reviews(registry.list_models()[0].model_id)
        with pytest.raises(StorageError, match=_REFUSED):
            registry.review(registry.list_models()[0].model_id, "comment", "too short", actor="anna")
        assert registry.count_models() >= 1
        stop(other.program, signal.SIGKILL)


def test_predictions_whose_rows_are_summed_here_are_refused_where_they_have_further_columns(
    tmp_path: Path, newer: Callable[..., Newer], place: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    inputs, _ = rows(20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        registry = Registry(**place, actor="older")
        register(registry, 0.9)
        predictor = registry.predictor("Churn", log="sync")
        predictor.predict(inputs)
        other = newer(raw=True)
        assert until(lambda: other.said("served"))
        if "artifacts" in place:
            predictor.predict(inputs)  # PostgreSQL's rows have no sums
        else:
            # It answers all the same, and says that it does not store.
            with pytest.raises(StorageError, match=r"newer release of Model Registry .it knows telemetry_0099_further"):
                predictor.predict(inputs)
            assert registry.predictor("Churn").predict(inputs).prediction_ids is not None
        with suppress(StorageError):
            registry.close()
    assert other.found()["findings"] == []


@pytest.mark.postgres
def test_an_upgrade_waits_for_who_writes_and_holds_nothing_they_need(fresh_postgres: str) -> None:
    older, upgraded = PostgresDatabase(fresh_postgres), list[PostgresDatabase]()
    further = ("ALTER TABLE models ADD COLUMN further TEXT", "ALTER TABLE settings ADD COLUMN further TEXT")
    schema = Schema(REGISTRY.name, {**REGISTRY.migrations, "0099_further": further}, REGISTRY.lock)
    waiting = "SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database "
    waiting += "WHERE datname = current_database()) AND pid <> pg_backend_pid()"
    upgrade = threading.Thread(target=lambda: upgraded.append(PostgresDatabase(fresh_postgres, schema)))
    try:
        with older.transaction() as transaction:
            transaction.query("UPDATE settings SET value = value")
            upgrade.start()
            assert until(lambda: older.query(waiting)[0]["n"])
            assert transaction.query("SELECT count(*) AS n FROM models") == [{"n": 0}]
        upgrade.join()
        assert upgraded[0].query("SELECT further FROM models") == []
    finally:
        for each in (older, *upgraded):
            each.close()
