from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from registry_core import Registry
from tests.actions.maintenance.lived import NAME, live, put, tables
from tests.clock import Clock


def test_every_field_is_as_it_was_while_others_read(registry: Registry, clock: Clock) -> None:
    # Measuring takes a second, and where the rows lie makes no difference to it.
    measured = "://" not in registry.location
    ids = live(registry, clock, measured=measured)
    anna = registry.add_person("anna")
    registry.grant(anna.grantee, "admin")
    registry.create_token("nightly", ["contributor"], owner=("links", "anna"))
    registry.request_review(ids[3], ("links", "anna"))
    registry.add_webhook("ci", "env:NO_SUCH_HOOK")
    assert registry.test_webhook("ci").failure
    registry.set_webhook("ci", enabled=False)
    session = registry.open_session(anna.principal())
    assert registry.begin_request("anna", "key", "sha256") is None
    count = registry.count_models()
    before, seen, stop = tables(registry), set(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            found = registry.get_active_model_id(NAME), registry.count_models(), registry.revision() > 0
            seen.add((*found, registry.get_metadata(ids[4]).status_reason))

    reader = threading.Thread(target=read)
    reader.start()
    told: list[tuple[str, int, int]] = []
    try:
        report = registry.rebuild_index(progress=lambda doing, done, of: told.append((doing, done, of)))
    finally:
        stop.set()
        reader.join()
    assert (report.source, report.exported_at, report.models) == ("catalog", None, count)
    assert (report.changed, report.left_out) == ({}, {})
    assert tables(registry) == before
    assert seen == {(ids[3], count, True, "too slow")}
    assert {what for what, _, _ in told} == {"reading metadata files", "building rows"}
    assert registry.verify_events() is None
    # Whoever was signed in still is, and no call is carried out twice; these are in no copy of the tables.
    assert registry.session(session) == anna.principal()
    assert registry.begin_request("anna", "key", "sha256") is not None
    # No other table was empty, or this would mean less.
    unmeasured = ["benchmarks", "evaluations", "feature_impacts"]
    empty = [name for name, rows in before.items() if not rows]
    assert empty == [*([] if measured else unmeasured), "sessions", "requests"]


def test_what_does_not_follow_from_the_documents_is_mended(registry: Registry, clock: Clock) -> None:
    ids = live(registry, clock, measured=False)
    before = tables(registry)
    with registry._context.database.transaction() as transaction:
        transaction.query("UPDATE models SET search = 'x', score = 9 WHERE model_id = :id", {"id": ids[0]})
        transaction.query("UPDATE models SET patch = 77, stem = 'y', eligible = 1 WHERE model_id = :id", {"id": ids[4]})
        transaction.query("DELETE FROM model_metrics WHERE metric = 'auc'")
    report = registry.rebuild_index(actor="anna", reason="a hand was in it")
    assert report.changed == {"models": 2, "model_metrics": 7 - 1}
    after = tables(registry)
    event = registry.events(limit=1)[0]
    assert (event.kind, event.actor, event.reason) == ("rebuilt", "anna", "a hand was in it")
    assert event.after == {"changed": {"models": 2, "model_metrics": 6}}
    assert after.pop("events")[:-1] == before.pop("events")
    assert after == before
    assert registry.verify_events() is None
    assert registry.rebuild_index().changed == {}


def test_the_catalogs_document_wins_over_a_metadata_file(sqlite_registry: Registry, clock: Clock) -> None:
    ids = live(sqlite_registry, clock, measured=False)
    folder = Path(sqlite_registry.location) / "metadata"
    files = [folder / f"model_{model_id}.json" for model_id in ids]
    files[0].unlink()
    files[1].write_text("{")
    files[2].write_text(files[2].read_text().replace('"accuracy": 0.9', '"accuracy": 0.1'))
    (folder / "model_nobody.json").write_text("{}")
    before = tables(sqlite_registry)
    report = sqlite_registry.rebuild_index()
    assert report.changed == {}
    assert tables(sqlite_registry) == before
    assert set(report.left_out) == {f"metadata/{file.name}" for file in (*files[:3], folder / "model_nobody.json")}
    assert "is missing" in report.left_out[f"metadata/{files[0].name}"]
    assert "SHA-256 differs" in report.left_out[f"metadata/{files[2].name}"]
    assert "no version" in report.left_out["metadata/model_nobody.json"]


def test_a_document_the_catalog_lost_comes_from_its_file(sqlite_registry: Registry, clock: Clock) -> None:
    ids = live(sqlite_registry, clock, measured=False)
    before = tables(sqlite_registry)
    with sqlite_registry._context.database.transaction() as transaction:
        seqs = dict(transaction.tuples("SELECT model_id, seq FROM models"))
        transaction.query("DELETE FROM model_documents WHERE model_seq = :seq", {"seq": seqs[ids[0]]})
        transaction.query(
            "UPDATE model_documents SET metadata = :text WHERE model_seq = :seq",
            {"text": json.dumps({"model_id": ids[0], "model_name": "a", "model_type": "b"}), "seq": seqs[ids[1]]},
        )
        transaction.query("DELETE FROM model_documents WHERE model_seq = :seq", {"seq": seqs[ids[2]]})
    (Path(sqlite_registry.location) / "metadata" / f"model_{ids[2]}.json").unlink()
    report = sqlite_registry.rebuild_index()
    assert report.changed["model_documents"] == 3
    assert [name.rpartition("_")[2] for name in report.left_out] == [ids[1].rpartition("_")[2], "120300.json"]
    after = tables(sqlite_registry)
    lost = seqs[ids[2]]
    assert [row for row in after["model_documents"] if row[0] != lost] == [
        row for row in before["model_documents"] if row[0] != lost
    ]
    # Of what was lost everywhere the row, its metrics and the digest in the event are left.
    known = sqlite_registry.get_metadata(ids[2])
    assert (known.accuracy, known.status) == (0.9, "disqualified")
    assert known.metrics == {"log_loss": pytest.approx(0.1)}
    assert after["models"] == before["models"]
    sqlite_registry.load_model(ids[2])


def test_a_registration_in_between_is_not_lost(sqlite_registry: Registry, clock: Clock) -> None:
    first = put(sqlite_registry, 0.9)
    added: list[str] = []

    def register(what: str, done: int, total: int) -> None:
        if what == "reading metadata files" and not added:
            clock.tick(60)
            added.append(put(sqlite_registry, 0.8))

    report = sqlite_registry.rebuild_index(progress=register)
    assert (report.models, report.changed, report.left_out) == (2, {}, {})
    assert {each.model_id for each in sqlite_registry.list_models()} == {first, *added}
