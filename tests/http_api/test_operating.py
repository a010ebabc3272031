"""What an operator sees of a server: whether it can work, its log, its figures and its traces."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from registry_core import Registry
from registry_core.http_api.application import Server
from registry_core.http_api.server import whole
from tests import prepared
from tests.fitted import register
from tests.http_api.serving import token
from tests.object_store import ObjectStore
from tests.way import way_to


@pytest.fixture
def registry(registry_folder: Path) -> Iterator[Registry]:
    with Registry(registry_folder, actor="the owner") as registry:
        yield registry


@pytest.fixture(scope="module")
def serve() -> Callable[[Registry], TestClient]:
    """A client of a server over a registry. The application takes seconds to make, so all tests have the same."""
    served: list[Registry] = []
    application = whole(Server(lambda: served[-1]))

    def client_of(registry: Registry) -> TestClient:
        served.append(registry)
        return TestClient(application, base_url="http://127.0.0.1")

    return client_of


Serve = Callable[[Registry], TestClient]


def _fresh(registry: Registry, seconds: float = 2.0) -> dict[str, str]:
    """What is found without what was found within the last second."""
    registry._context._parts.clear()
    return dict(registry.readiness(seconds).engines)


@pytest.mark.postgres
def test_each_engine_that_is_away_is_named(serve: Serve, fresh_postgres: str, endpoint: ObjectStore) -> None:
    found = urlsplit(fresh_postgres)
    assert found.hostname is not None
    assert found.port is not None
    with way_to(found.hostname, found.port) as way:
        address = fresh_postgres.replace(f":{found.port}", f":{way.port}")
        with Registry(address, artifacts="s3://team/registry") as registry, serve(registry) as client:
            register(registry)
            assert client.get("/readyz").json()["engines"] == {"catalog": "ok", "live traffic": "ok", "store": "ok"}
            way.cut()
            wrong = _fresh(registry)
            assert "cannot be reached" in wrong["catalog"]
            assert "cannot be reached" in wrong["live traffic"]
            assert wrong["store"] == ""
            assert client.get("/readyz").status_code == 503
            assert client.get("/healthz").status_code == 200
            way.mend()
            way.silence()
            assert _fresh(registry, 0.2)["catalog"] == "no answer within 0.2 s"
            way.mend()
            endpoint.refuse = (403, "InvalidAccessKeyId")
            wrong = _fresh(registry)
            assert (wrong["catalog"], wrong["live traffic"]) == ("", "")
            assert "the store refuses the credentials" in wrong["store"]
            endpoint.refuse = None
            assert not any(_fresh(registry).values())


def test_a_folder_that_is_gone(registry: Registry, registry_folder: Path) -> None:
    register(registry)
    shutil.move(registry_folder / "models", registry_folder.with_name("models"))
    assert _fresh(registry)["store"] == "", "it is made when something is stored"
    shutil.rmtree(registry_folder)
    assert "its folder is missing" in _fresh(registry)["store"]


def test_a_request_has_an_id_and_a_line_without_what_is_in_it(
    serve: Serve, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    secret = token(registry, "viewer")
    model_id = register(registry)
    caplog.set_level("INFO", "model_registry")
    with serve(registry) as client:
        headers = {"authorization": f"Bearer {secret}", "x-request-id": "build-17"}
        answer = client.get("/api/v1/get_metadata", params={"model_id": model_id}, headers=headers)
        assert (answer.status_code, answer.headers["x-request-id"]) == (200, "build-17")
        made = client.get(f"/api/v1/absent/{secret}", headers={"x-request-id": "two\twords"}).headers["x-request-id"]
        assert len(made) == 16
    first, second = (vars(record) for record in caplog.records if record.name == "model_registry.requests")
    assert (first["request_id"], first["route"], first["status"]) == ("build-17", "/api/v1/get_metadata", 200)
    assert "token" in first["caller"]
    assert (second["request_id"], second["route"], second["status"], second["caller"]) == (made, "other", 404, "")
    assert secret not in str(first) + str(second)
    assert model_id not in str(first)


def test_an_error_that_nobody_foresaw_has_the_id_of_its_request(
    serve: Serve, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Registry) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(Registry, "revision", fail)
    with serve(registry) as client:
        answer = client.get("/api/v1/revision", headers={"x-request-id": "build-18"})
        assert answer.status_code == 500
        assert "log under build-18" in answer.json()["detail"]


def test_figures_are_of_what_the_caller_sees(serve: Serve, registry: Registry) -> None:
    register(registry)
    register(registry, model_name="Fraud")
    everything = token(registry, "viewer")
    one = registry.create_token("one name", ["viewer"], "Churn", owner=("links", "anna")).secret
    with serve(registry) as client:

        def figures(secret: str) -> dict[str, float]:
            answer = client.get("/api/v1/metrics", headers={"authorization": f"Bearer {secret}"})
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            lines = [line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#")]
            return {name: float(value) for name, value in lines}

        assert client.get("/api/v1/metrics").status_code == 401
        whole = figures(everything)
        assert whole["model_registry_versions"] == 2
        assert whole['model_registry_engine_ready{engine="store"}'] == 1
        assert whole['model_registry_open_alerts{severity="critical"}'] == 0
        assert figures(one)["model_registry_versions"] == 1
        asked = 'model_registry_request_seconds_count{method="GET",route="/api/v1/metrics",status="200"}'
        assert figures(everything)[asked] >= 2
        assert not any("Churn" in name for name in whole)


def test_a_request_is_a_span_of_its_callers_trace(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(trace, "get_tracer", lambda name: provider.get_tracer(name))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    with TestClient(whole(Server(lambda: registry)), base_url="http://127.0.0.1") as client:
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        client.get("/api/v1/revision", headers={"traceparent": parent})
    (span,) = [each for each in spans.get_finished_spans() if each.name == "GET API"]
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == parent.split("-")[1]
    assert span.attributes is not None
    assert span.attributes["http.route"] == "/api/v1/revision"
    assert span.attributes["http.response.status_code"] == 200


def test_a_server_without_opentelemetry_says_so_and_answers(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    with TestClient(whole(Server(lambda: registry)), base_url="http://127.0.0.1") as client:
        assert client.get("/api/v1/revision").status_code == 200
    assert "pip install 'model-registry-dashboard[tracing]'" in caplog.text


def test_a_server_logs_lines_of_json(registry_folder: Path) -> None:
    Registry(registry_folder).close()
    code = """
import os, sys, threading, urllib.request
from registry_core import Registry, log_as
from registry_core.http_api.server import serve

def ask(address):
    # A line is written once its answer was sent.
    for _ in range(2):
        urllib.request.urlopen(f"{address}/api/v1/revision").read()
    os._exit(0)

log_as("json")
announce = lambda address: threading.Thread(target=ask, args=(address,)).start()
serve(Registry(sys.argv[1]), port=0, announce=announce)
"""
    done = prepared.run(["-c", code, str(registry_folder)])
    line, *_ = [json.loads(line) for line in done.stdout.splitlines() if '"route"' in line]
    assert (line["level"], line["route"], line["status"], line["caller"]) == ("INFO", "/api/v1/revision", 200, "local")
    assert line["time"]
