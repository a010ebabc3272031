"""A server in a process of its own, and the remote client: what a pipeline and a service do, and what may go wrong."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import signal
import stat
import time
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pandas as pd
import pytest

from registry_core import (
    ArtifactAltered,
    ChampionChanged,
    InvalidInput,
    ModelNotFound,
    NotAllowed,
    Registry,
    StorageError,
)
from tests.fitted import FEATURES, forest, logistic, register
from tests.http_api.serving import Serving, serving, token
from tests.processes import until
from tests.servers import PATIENCE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("served")
    with serving(folder / "registry", folder / "log.txt") as server:
        yield server


@pytest.fixture(scope="module")
def own(server: Serving) -> Iterator[Registry]:
    with Registry(server.folder, actor="the owner") as registry:
        yield registry


@pytest.fixture
def remote(server: Serving, own: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("MODEL_REGISTRY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MODEL_REGISTRY_TOKEN", token(own, "contributor", "operator", "downloader", "admin"))
    with Registry(server.address) as registry:
        yield registry


@pytest.fixture
def raw(server: Serving, own: Registry) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {token(own, 'contributor', 'downloader', 'operator')}"}
    with httpx2.Client(base_url=f"{server.address}/api/v1", headers=headers, timeout=PATIENCE) as client:
        yield client


def test_from_a_pipeline_to_a_service(remote: Registry, own: Registry) -> None:
    assert isinstance(remote, Registry)
    first, second = register(remote, model_name="Journey"), register(remote, 0.95, model_name="Journey")
    assert remote.get_metadata(second) == own.get_metadata(second)
    assert remote.get_metadata(second).origin == "upload"
    assert own.events(model_id=second)[0].actor == "pipeline"
    rows, labels = _rows()
    holdout = rows.assign(target=labels)
    benchmark = remote.add_benchmark("holdout", "Journey", holdout, "target")
    assert benchmark == own.benchmarks("Journey")[0]
    evaluation = remote.evaluate(second, "holdout")
    assert (evaluation.status, evaluation.metrics["accuracy"].value > 0.9) == ("measured", True)
    assert remote.evaluate(first, "holdout").status == "measured"
    assert remote.check_gates(second).passed
    assert remote.promote(second, reason="better").model_id == second
    model, scaler, metadata = remote.load_active_model("Journey")
    assert metadata == remote.get_metadata(second)
    assert (model.predict(scaler.transform(rows[:20].to_numpy())) == labels[:20]).mean() > 0.8
    assert remote.load_active_model("Journey")[0] is model
    own.promote(first, reason="back", override=True)
    assert remote.load_active_model("Journey", fresh=True)[2].model_id == first
    own.promote(second, reason="again", override=True)
    until(lambda: remote.load_active_model("Journey")[2].model_id == second)
    with pytest.raises(ChampionChanged) as changed:
        remote.promote(first, expected_champion=first)
    assert (changed.value.expected, changed.value.actual) == (first, second)
    with pytest.raises(ModelNotFound, match="no model has the id 'absent'"):
        remote.get_metadata("absent")
    assert remote.read_artifact(second) == own.read_artifact(second)
    assert len(remote.list_models("Journey")) == 2


def _rows() -> tuple[pd.DataFrame, Any]:
    from sklearn.datasets import load_breast_cancer

    inputs, target = load_breast_cancer(return_X_y=True)
    return pd.DataFrame(inputs[:200], columns=FEATURES), target[:200]


def test_the_origin_of_a_version_goes_with_it_and_no_row_does(remote: Registry, own: Registry) -> None:
    model, scaler = logistic()
    rows, labels = _rows()
    model_id = remote.register_model(
        model, scaler, model_name="Origin", model_type="LogisticRegression", feature_names=FEATURES,
        reference=rows.to_numpy(), training_data=rows.assign(target=labels),
    )  # fmt: skip
    with Registry(own.location) as local:
        local_id = local.register_model(
            model, scaler, model_name="Origin", model_type="LogisticRegression", feature_names=FEATURES,
            reference=rows.to_numpy(), training_data=rows.assign(target=labels),
        )  # fmt: skip
    sent, known = own.get_metadata(model_id), own.get_metadata(local_id)
    assert sent.reference == known.reference
    lineage = dict(sent.lineage)
    assert lineage.pop("self_reported")
    assert "stayed on the machine" in lineage["training_data"].pop("rows_unknown")
    assert lineage == known.lineage
    assert "**lineage:** self-reported" in str(own.export_model_card(model_id))
    refused = {"model_name": "Origin", "model_type": "x"}
    with pytest.raises(InvalidInput, match=r"lineage.training_data has the field 'rows_themselves'"):
        remote.upload(
            io.BytesIO(pickle.dumps(model)), metadata=refused,
            lineage={"training_data": {"sha256": "0" * 64, "rows_themselves": [[1]]}},
        )  # fmt: skip


def test_what_is_said_is_understood_as_in_this_process(
    remote: Registry, own: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Estimators as hyperparameters, and times without a zone: those of the client's machine."""
    model, scaler = logistic()
    said: dict[str, Any] = {
        "model_name": "Said", "model_type": "LogisticRegression", "hyperparameters": {"inner": forest(), "n": {3, 1}},
    }  # fmt: skip
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        at = datetime(2026, 3, 1, 12)
        ids = [
            registry.register_model(model, scaler, training_info={"training_timestamp": when}, **said)
            for registry in (remote, own)
            for when in (at, at.isoformat())
        ]
        assert remote.champion_at("Said", datetime.now()) == own.champion_at("Said", datetime.now())
    finally:
        monkeypatch.undo()
        time.tzset()
    found = [own.get_metadata(each) for each in ids]
    assert {each.training_timestamp for each in found} == {"2026-03-01T03:00:00.000000+00:00"}
    assert found[0].hyperparameters == found[2].hyperparameters


def test_files_and_tables(remote: Registry, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(forest()))
    rows, labels = _rows()
    table = tmp_path / "holdout-2026.csv"
    rows.assign(target=labels).to_csv(table, index=False)
    assert remote.inspect(path).verdict == "trusted"
    assert remote.preview_table(table, target="target").rows == 200
    with path.open("rb") as file:
        model_id = remote.upload(
            file,
            metadata={"model_name": "Files", "model_type": "Forest", "feature_names": FEATURES},
            holdout=table,
            target="target",
            input_example=rows[:3],
        )
    assert remote.get_metadata(model_id).measured_on is not None
    assert [each.name for each in remote.benchmarks("Files")] == ["holdout-2026"]


def test_what_is_refused(remote: Registry, own: Registry, tmp_path: Path) -> None:
    marker = tmp_path / "touched"
    before = own.count_models()
    hostile = io.BytesIO(pickle.dumps(_Touches(str(marker))))
    with pytest.raises(InvalidInput, match="system"):
        remote.upload(hostile, metadata={"model_name": "Hostile", "model_type": "x"})
    with pytest.raises(InvalidInput, match="accuracy"):
        register(remote, 7.0, model_name="Hostile")
    assert not marker.exists()
    assert own.count_models() == before
    with pytest.raises(InvalidInput, match="not available through a server"):
        remote.backup(tmp_path / "backup.zip")
    with pytest.raises(InvalidInput, match="whoever owns"):
        remote.has_people()
    with pytest.raises(InvalidInput, match="knows who acts"):
        remote.promote("x", actor="another")


class _Touches:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_without_a_token_or_a_role(server: Serving, own: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODEL_REGISTRY_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(server.folder.parent / "no-config"))
    viewer = token(own, "viewer")
    with Registry(server.address) as nobody, pytest.raises(NotAllowed, match="send a valid token"):
        nobody.model_names()
    with Registry(server.address, token=viewer) as registry, pytest.raises(NotAllowed, match="operator"):
        registry.promote(register(own, model_name="NotTheirs"))
    with pytest.raises(InvalidInput, match="unencrypted"):
        Registry("http://registry.example", token=viewer)


def test_an_upload_that_was_cut_goes_on(raw: httpx2.Client) -> None:
    data = b"a,target\n" + b"1.25,0\n3.5,1\n" * 150_000
    digest = hashlib.sha256(data).hexdigest()
    upload = raw.post("/uploads").json()["upload"]

    def cut() -> Iterator[bytes]:
        yield data[:1_500_000]
        # What the server has not taken from the network yet is lost with the connection.
        with httpx2.Client(base_url=raw.base_url, headers=raw.headers, timeout=PATIENCE) as other:
            until(lambda: int(other.head(f"/uploads/{upload}").headers["upload-offset"]))
        raise OSError("the cable was pulled")

    with pytest.raises(OSError, match="cable"):
        raw.patch(f"/uploads/{upload}", content=cut(), headers={"upload-offset": "0"})
    asked = {"data": {"upload": upload, "sha256": digest, "name": "rows.csv"}}
    early = raw.post("/preview_table", json=asked)
    assert (early.status_code, "send the rest" in early.json()["detail"]) == (422, True)
    wrong = raw.patch(f"/uploads/{upload}", content=data, headers={"upload-offset": "0"})
    assert (wrong.status_code, "continue with Upload-Offset" in wrong.json()["detail"]) == (409, True)
    arrived = int(raw.head(f"/uploads/{upload}").headers["upload-offset"])
    assert 0 < arrived <= 1_500_000
    rest = raw.patch(f"/uploads/{upload}", content=data[arrived:], headers={"upload-offset": str(arrived)})
    assert (rest.status_code, rest.headers["upload-offset"]) == (204, str(len(data)))
    altered = raw.post("/preview_table", json={"data": {"upload": upload, "sha256": "0" * 64}})
    assert (altered.status_code, "SHA-256" in altered.json()["detail"]) == (422, True)
    reading = raw.post("/preview_table", json=asked).json()
    assert (reading["rows"], reading["source"]) == (300_000, "rows.csv")
    # It was used, and is gone.
    assert raw.head(f"/uploads/{upload}").status_code == 404


def test_uploads_belong_to_their_caller(raw: httpx2.Client, server: Serving, own: Registry) -> None:
    upload = raw.post("/uploads").json()["upload"]
    other = {"authorization": f"Bearer {token(own, 'contributor')}"}
    assert httpx2.head(f"{server.address}/api/v1/uploads/{upload}", headers=other, timeout=PATIENCE).status_code == 404
    assert raw.delete(f"/uploads/{upload}").status_code == 204


def test_a_key_that_is_sent_twice_is_carried_out_once(raw: httpx2.Client, own: Registry) -> None:
    model_id = register(own, model_name="Keys")
    headers = {"idempotency-key": "archive-it"}
    first = raw.post("/archive", json={"model_id": model_id, "reason": "old"}, headers=headers)
    assert first.status_code == 200
    own.restore(model_id, reason="by the owner")
    again = raw.post("/archive", json={"model_id": model_id, "reason": "old"}, headers=headers)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")
    assert own.get_metadata(model_id).status != "archived"
    other = raw.post("/archive", json={"model_id": model_id, "reason": "other"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "InvalidInput")
    # What failed changed nothing, and may succeed later with the same key.
    restoring = {"idempotency-key": "restore-it"}
    assert raw.post("/restore", json={"model_id": model_id}, headers=restoring).status_code == 409
    own.archive(model_id, reason="again")
    assert raw.post("/restore", json={"model_id": model_id}, headers=restoring).status_code == 200


def test_downloads_in_parts(raw: httpx2.Client, own: Registry) -> None:
    model_id = register(own, model_name="Parts")
    data, path = own.read_artifact(model_id), f"/artifacts/{model_id}/model"
    whole = raw.get(path)
    tag = whole.headers["etag"]
    assert (whole.content, tag) == (data, f'"{hashlib.sha256(data).hexdigest()}"')
    part = raw.get(path, headers={"range": "bytes=10-19", "if-range": tag})
    assert (part.status_code, part.content) == (206, data[10:20])
    assert raw.get(path, headers={"range": "bytes=-5"}).content == data[-5:]
    assert raw.get(path, headers={"range": "bytes=10-", "if-range": '"other"'}).content == data
    assert raw.get(path, headers={"range": f"bytes={len(data)}-"}).status_code == 416
    assert raw.get(path, headers={"if-none-match": tag}).status_code == 304
    assert raw.get("/artifacts/absent/model").status_code == 404


def test_a_file_that_is_altered_is_not_loaded(remote: Registry, server: Serving, own: Registry) -> None:
    model_id = register(own, model_name="Altered")
    path = server.folder / "models" / f"model_{model_id}.pkl"
    data = path.read_bytes()
    path.write_bytes(data[:-10] + bytes(10))
    with pytest.raises(ArtifactAltered, match="altered on its way"):
        remote.load_model(model_id)
    path.write_bytes(data)
    assert remote.load_model(model_id)[2].model_id == model_id


def test_a_service_goes_on_while_the_server_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_REGISTRY_CACHE", str(tmp_path / "cache"))
    with serving(tmp_path / "registry", tmp_path / "log.txt") as server, Registry(server.folder) as own:
        first, second = register(own), register(own, 0.95)
        own.promote(first, reason="first", override=True)
        with Registry(server.address) as service:
            model = service.load_active_model("Churn")[0]
            server.end(signal.SIGKILL)
            with pytest.warns(RuntimeWarning, match="does not answer"):
                assert service.load_active_model("Churn", fresh=True)[0] is model
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # said once
                assert service.load_active_model("Churn", fresh=True)[0] is model
            with pytest.raises(StorageError, match="does not answer"):
                service.promote(second)
            own.promote(second, reason="meanwhile", override=True)
            server.start()
            assert until(lambda: service.load_active_model("Churn", fresh=True)[2].model_id == second)


@pytest.mark.full
def test_a_service_that_starts_while_the_server_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_REGISTRY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("registry_core.remote.connection._TRIES", 2)
    with serving(tmp_path / "registry", tmp_path / "log.txt") as server, Registry(server.folder) as own:
        first, second = register(own), register(own, 0.95)
        own.promote(first, reason="first", override=True)
        secret = token(own, "downloader")
        with Registry(server.address, token=secret) as service:
            rows = _rows()[0].to_numpy()
            model, scaler, metadata = service.load_active_model("Churn")
            expected = model.predict(scaler.transform(rows))
            assert service.load_best_model("Churn")[2].model_id == second
        assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "cache").glob("*.answer")} == {0o600}
        server.end(signal.SIGKILL)
        with Registry(server.address, token=secret) as service:
            with pytest.warns(RuntimeWarning, match="last known"):
                model, scaler, known = service.load_active_model("Churn")
            assert (known, (model.predict(scaler.transform(rows)) == expected).all()) == (metadata, True)
            assert service.load_best_model("Churn")[2].model_id == second
            with pytest.raises(StorageError, match="does not answer"):
                service.load_model(second)
            with pytest.raises(StorageError, match="does not answer"):
                service.model_names()
            own.promote(second, reason="meanwhile", override=True)
            server.start()
            assert until(lambda: service.load_active_model("Churn")[2].model_id == second)
        server.end(signal.SIGKILL)
        # What one caller was answered is no answer to another.
        with (
            Registry(server.address, token="mr_another") as other,
            pytest.raises(StorageError, match="does not answer"),
        ):
            other.load_active_model("Churn")


def test_events_as_they_happen(raw: httpx2.Client, own: Registry) -> None:
    model_id = register(own, model_name="Streamed")
    last = own.revision()
    own.pin(model_id, reason="one")

    def read(after: int, count: int) -> list[tuple[int, str]]:
        found, at = [], 0
        with raw.stream("GET", "/events/stream", headers={"last-event-id": str(after)}) as answer:
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    at = int(line[4:])
                if line.startswith("event: "):
                    found.append((at, line[7:]))
                if len(found) == 1 and count == 2:
                    own.unpin(model_id, reason="while it is read")
                    count = -2  # once
                if len(found) == abs(count):
                    return found
        raise AssertionError("the stream ended")

    first, second = read(last, 2)
    assert [first[1], second[1]] == ["pinned", "unpinned"]
    assert read(first[0], 1) == [second]


def test_a_retried_upload_is_registered_once(raw: httpx2.Client, own: Registry) -> None:
    data = pickle.dumps(logistic()[0])
    upload = raw.post("/uploads").json()["upload"]
    raw.patch(f"/uploads/{upload}", content=data, headers={"upload-offset": "0"})
    file = {"upload": upload, "sha256": hashlib.sha256(data).hexdigest(), "name": "model.pkl"}
    asked = {"model_file": file, "metadata": {"model_name": "Retried", "model_type": "x"}}
    answers = [raw.post("/upload", json=asked, headers={"idempotency-key": "once"}) for _ in range(2)]
    assert [each.status_code for each in answers] == [202, 202]
    assert answers[0].json() == answers[1].json() == {"check": "once", "state": "received"}
    found = until(lambda: [each for each in [raw.get("/checks/once?wait=20").json()] if each["state"] != "received"])[0]
    assert own.get_metadata(found["model_id"]).model_name == "Retried"
    assert own.count_models("Retried") == 1
    assert raw.post("/upload", json=asked, headers={"idempotency-key": "once"}).status_code == 202
    assert own.count_models("Retried") == 1
    assert raw.get("/checks/absent").status_code == 404


def test_webhooks_from_elsewhere(remote: Registry, own: Registry, raw: httpx2.Client) -> None:
    """A webhook is added, tested and removed through the server, which sends what other processes left."""
    made = remote.add_webhook("ci", "env:NO_SUCH_HOOK", kinds=["pinned"], reason="the bot")
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert [each.name for each in remote.webhooks()] == ["ci"]
    tested = remote.test_webhook("ci")
    assert tested.failure.startswith("the environment variable NO_SUCH_HOOK is not set")
    assert remote.webhook_deliveries("ci") == [tested]
    model_id = register(own, 0.8, model_name="Hooked")
    own._context.on_news = lambda: None
    own.pin(model_id, reason="keep")
    (waiting,) = until(lambda: [each for each in remote.webhook_deliveries("ci") if each.attempts and each.event_id])
    assert (waiting.kind, waiting.model_name, waiting.state) == ("pinned", "Hooked", "waiting")
    assert remote.resend_delivery(waiting.delivery_id).attempts == waiting.attempts + 1
    assert raw.post("/add_webhook", json={"name": "x", "address": "env:X"}).status_code == 403
    remote.remove_webhook("ci", reason="done")
    assert remote.webhooks() == []


def test_the_secret_of_a_webhook_is_not_repeated(server: Serving, own: Registry) -> None:
    """A call that is sent again is carried out once; what it said is said again, unless that was a secret."""
    headers = {"authorization": f"Bearer {token(own, 'admin')}"}
    with httpx2.Client(base_url=f"{server.address}/api/v1", headers=headers, timeout=PATIENCE) as client:

        def send(path: str, key: str, **arguments: Any) -> httpx2.Response:
            return client.post(f"/{path}", json={"name": "once", **arguments}, headers={"idempotency-key": key})

        first, again = (send("add_webhook", "a", address="env:X") for _ in range(2))
        assert first.json()["secret"].startswith("whsec_")
        assert (again.status_code, "shown once" in again.json()["detail"]) == (409, True)
        first, again = (send("set_webhook", "b", enabled=False) for _ in range(2))
        assert first.json() == again.json()
        assert (first.status_code, first.json()["secret"]) == (200, None)
        first, again = (send("set_webhook", "c", rotate_secret=True) for _ in range(2))
        assert (first.status_code, again.status_code) == (200, 409)
        kept = str(own._context.database.query("SELECT answer FROM requests"))
        assert first.json()["secret"] not in kept
        assert send("remove_webhook", "d").status_code == 200
