from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from registry_core import ArtifactAltered, Conflict, InvalidInput, Registry
from registry_core.actions.serve import archive
from registry_core.catalog.telemetry import archives, predictions, streams
from tests.clock import Clock
from tests.traffic import experiment, fitted, register, rows

INPUTS, TRUTH = rows()


def traffic(registry: Registry, clock: Clock, days: int = 4) -> None:
    """100 predictions a day, 90 of them labelled; a shadow beside them."""
    register(registry)
    experiment(registry, register(registry, 0.8, fitted(sign=-1)), mode="shadow")
    predictor = registry.predictor("Churn", log="sync")
    for day in range(days):
        part = slice(100 * (day % 4), 100 * (day % 4) + 100)
        answer = predictor.predict_proba(INPUTS[part], [f"u{n}" for n in range(100)])
        registry.record_outcomes(prediction_ids=answer.prediction_ids[:90], labels=TRUTH[part][:90])
        clock.tick(days=1)


def counted(registry: Registry) -> list[int]:
    tables = ("predictions", "shadow_answers", "outcomes")
    return [registry._context.telemetry.query(f"SELECT count(*) AS n FROM {each}")[0]["n"] for each in tables]


def test_old_predictions_leave_and_are_read_all_the_same(registry: Registry, clock: Clock) -> None:
    traffic(registry, clock)
    before, windows = registry.prediction_history("Churn"), registry.performance_history()
    assert len(before) == 800
    assert registry.archive_performance() == 0
    assert registry.archive_performance(older_than_days=1) == 300
    assert counted(registry) == [100, 100, 90]
    pd.testing.assert_frame_equal(registry.prediction_history("Churn"), before)
    assert registry.performance_history() == windows
    assert registry.archive_performance(1) == 0
    middle = registry.prediction_history("Churn", since="2025-08-01T00:00:00", until="2025-08-02T12:00:00")
    assert len(middle) == 200
    clock.tick(days=90)
    assert registry.archive_performance() == 100
    pd.testing.assert_frame_equal(registry.prediction_history("Churn"), before)
    assert counted(registry) == [0, 0, 0]
    told = registry.record_outcomes({int(before["prediction_id"].iloc[-1]): 1})
    assert told.unknown == (before["prediction_id"].iloc[-1],)
    with pytest.raises(InvalidInput, match="older_than_days"):
        registry.archive_performance(-1)


def test_files_are_plain_parquet(sqlite_registry: Registry, clock: Clock, registry_folder: Path) -> None:
    traffic(sqlite_registry, clock, 2)
    assert sqlite_registry.archive_performance(0) == 200
    (path,) = (registry_folder / "archive" / "predictions" / "Churn").iterdir()
    frame = pd.read_parquet(path)
    assert list(frame.columns) == list(archive.COLUMNS)
    assert len(frame) == 400
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ArtifactAltered, match="SHA-256"):
        sqlite_registry.prediction_history("Churn")


def test_many_rows_leave_in_several_files(
    sqlite_registry: Registry, clock: Clock, registry_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic(sqlite_registry, clock)
    before = sqlite_registry.prediction_history("Churn")
    monkeypatch.setattr(archive, "MOST_ROWS", 130)
    assert sqlite_registry.archive_performance(0) == 400
    assert len(list((registry_folder / "archive" / "predictions" / "Churn").iterdir())) == 4
    pd.testing.assert_frame_equal(sqlite_registry.prediction_history("Churn"), before)


def test_killed_between_the_file_and_its_rows_nothing_is_lost_or_doubled(
    sqlite_registry: Registry, clock: Clock, registry_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic(sqlite_registry, clock)
    before = sqlite_registry.prediction_history("Churn")

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(archives, "replace", die)
        with pytest.raises(Killed):
            sqlite_registry.archive_performance(1)
    assert len(list((registry_folder / "archive" / "predictions" / "Churn").iterdir())) == 1
    pd.testing.assert_frame_equal(sqlite_registry.prediction_history("Churn"), before)
    # Told in between, so the file that was written is not the whole truth.
    late = before[before["truth"].isna()]["prediction_id"].iloc[0]
    assert sqlite_registry.record_outcomes({int(late): 1}).recorded == 1
    after = sqlite_registry.prediction_history("Churn")
    assert sqlite_registry.archive_performance(1) == 300
    assert len(list((registry_folder / "archive" / "predictions" / "Churn").iterdir())) == 1
    pd.testing.assert_frame_equal(sqlite_registry.prediction_history("Churn"), after)


def test_an_outcome_told_while_rows_leave_is_not_lost(
    sqlite_registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic(sqlite_registry, clock)
    before = sqlite_registry.prediction_history("Churn")
    late = int(before[before["truth"].isna()]["prediction_id"].iloc[0])
    original = archive._to_parquet
    told: list[int] = []

    def tell(frame: pd.DataFrame) -> bytes:
        if not told:
            told.append(sqlite_registry.record_outcomes({late: 1}).recorded)
        return original(frame)

    monkeypatch.setattr(archive, "_to_parquet", tell)
    assert sqlite_registry.archive_performance(0) == 400
    after = sqlite_registry.prediction_history("Churn").set_index("prediction_id")
    assert told == [1]
    assert list(after.loc[[late], "truth"]) == [1, 1]
    assert np.isclose(after["truth"].notna().sum(), 2 * 361)


def test_two_archive_at_once_while_predictions_go_on(
    registry: Registry, catalog_url: dict[str, Any], registry_folder: Path, clock: Clock
) -> None:
    register(registry)
    predictor = registry.predictor("Churn", log="sync")
    running = [True]

    def archiving() -> int:
        with Registry(**catalog_url, clock=clock) as other:
            gone = 0
            while running[0]:
                gone += other.archive_performance(0)
            return gone

    ids: list[int] = []
    with ThreadPoolExecutor(2) as threads:
        found = [threads.submit(archiving) for _ in range(2)]
        try:
            for _ in range(60):
                answer = predictor.predict(INPUTS[:50])
                ids += answer.prediction_ids.tolist()
                registry.record_outcomes(prediction_ids=answer.prediction_ids[:5], labels=TRUTH[:5])
                clock.tick(1)
                time.sleep(0.01)
        finally:
            running[0] = False
        gone = sum(each.result() for each in found)
    gone += registry.archive_performance(0)
    assert gone == len(ids)
    assert counted(registry) == [0, 0, 0]
    assert registry.prediction_history("Churn")["prediction_id"].tolist() == sorted(ids)
    # Whoever came too late has removed his file.
    noted = registry._context.telemetry.query("SELECT file FROM archives")
    files = (registry_folder / "archive" / "predictions" / "Churn").iterdir()
    assert {Path(each["file"]).name for each in noted} == {each.name for each in files}


def test_another_archives_more_of_the_same_rows_in_between(
    sqlite_registry: Registry, clock: Clock, registry_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traffic(sqlite_registry, clock)
    before = sqlite_registry.prediction_history("Churn")
    original = archive._to_parquet
    others: list[int] = []

    def overtaken(frame: pd.DataFrame) -> bytes:
        if not others:
            others.append(0)
            others.append(sqlite_registry.archive_performance(1))
        return original(frame)

    monkeypatch.setattr(archive, "_to_parquet", overtaken)
    assert sqlite_registry.archive_performance(2) == 0
    assert others == [0, 300]
    assert len(list((registry_folder / "archive" / "predictions" / "Churn").iterdir())) == 1
    pd.testing.assert_frame_equal(sqlite_registry.prediction_history("Churn"), before)


def test_rows_that_are_in_a_file_already_are_not_filed_again(sqlite_registry: Registry, clock: Clock) -> None:
    traffic(sqlite_registry, clock, 1)
    telemetry = sqlite_registry._context.telemetry
    row = telemetry.tuples("SELECT * FROM predictions ORDER BY prediction_id LIMIT 1")[0]
    assert sqlite_registry.archive_performance(0) == 100
    with telemetry.transaction() as transaction:
        transaction.insert("predictions", predictions.COLUMNS, [row])
    with pytest.raises(Conflict, match="restore telemetry"):
        sqlite_registry.archive_performance(0)


def test_labels_of_older_versions_that_no_column_holds(sqlite_registry: Registry, clock: Clock) -> None:
    traffic(sqlite_registry, clock, 1)
    with sqlite_registry._context.telemetry.transaction() as transaction:
        known = streams.labels(transaction, "Churn")
        streams.add_labels(transaction, "Churn", [10**400, float("inf")], known)
        transaction.query(f"UPDATE outcomes SET truth = {len(known)}")
    before = sqlite_registry.prediction_history("Churn")
    assert before["truth"].iloc[0] == str(10**400)
    assert sqlite_registry.archive_performance(0) == 100
    pd.testing.assert_frame_equal(sqlite_registry.prediction_history("Churn"), before)


def test_a_name_without_predictions(sqlite_registry: Registry) -> None:
    register(sqlite_registry)
    assert list(sqlite_registry.prediction_history("Churn").columns) == list(archive.COLUMNS)
    assert len(sqlite_registry.prediction_history("Churn")) == 0
