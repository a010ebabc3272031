"""Several servers of one registry: a call is carried out once, whichever of them it is sent to, and whichever ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joblib import dump
from starlette.testclient import TestClient

from registry_core import Registry, Unreachable
from registry_core.actions import requests
from registry_core.following import Following, Wait
from registry_core.http_api import application, calls, checks
from registry_core.http_api.application import Server
from registry_core.http_api.callers import LOCAL, Caller
from registry_core.http_api.calls import Calls
from registry_core.remote.connection import Connection
from registry_core.wire import API_PATH
from tests.clock import Clock
from tests.fitted import logistic, register
from tests.http_api.serving import in_a_thread
from tests.processes import until


@pytest.fixture
def servers(sqlite_registry: Registry, tmp_path: Path) -> Iterator[tuple[TestClient, TestClient]]:
    """Two servers, each with a folder for uploads of its own."""
    made = [Server(lambda: sqlite_registry, uploads=tmp_path / name) for name in ("one", "two")]
    address = f"http://testserver{API_PATH}"
    first, second = (TestClient(application.application(each), base_url=address) for each in made)
    with first, second:
        yield first, second


def _waiting(registry: Registry) -> str:
    """A version that nobody has promoted."""
    register(registry, 0.9)
    return register(registry, 0.5)


def _promote(server: TestClient, model_id: str) -> Any:
    body = {"model_id": model_id, "reason": "newest", "override": True}
    return server.post("promote", json=body, headers={"idempotency-key": "the key"})


def _promotions(registry: Registry, model_id: str) -> int:
    return len(registry.events(model_id=model_id, kinds=["promoted"], limit=None))


_DIGEST = """
from registry_core import Registry
from registry_core.http_api.application import _asked
from registry_core.wire.methods import method_of
method = method_of(Registry, "promote")
named = dict(model_id="a", reason="b", override=True, expected_champion=None)
print(_asked(method, method.arguments(**named)).decode())
"""


def test_a_call_is_the_same_call_in_every_process() -> None:
    """Sets are in another order in each process."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _DIGEST], env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE
        )
        for seed in ("1", "2", "3")
    ]
    said = [each.communicate()[0] for each in started]
    assert {each.returncode for each in started} == {0}
    assert len({*said}) == 1


def test_a_call_under_way_in_another_server_is_waited_for(
    servers: tuple[TestClient, TestClient], sqlite_registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = servers
    model_id = _waiting(sqlite_registry)
    asked: list[Any] = []

    def meanwhile(registry: Registry, *words: Any, **named: Any) -> Any:
        asked.append(_promote(second, model_id))
        return whole(registry, *words, **named)

    whole = Registry.promote
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "promote", meanwhile)
        done = _promote(first, model_id)
    assert done.status_code == 200
    (waits,) = asked
    assert (waits.status_code, waits.headers["retry-after"]) == (409, "1")
    assert "is under way" in waits.json()["detail"]
    again = _promote(second, model_id)
    assert (again.json(), again.headers["idempotent-replayed"]) == (done.json(), "true")
    assert _promotions(sqlite_registry, model_id) == 1


def test_a_call_whose_server_ended_before_it_changed_anything_is_carried_out(
    servers: tuple[TestClient, TestClient], sqlite_registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = servers
    model_id = _waiting(sqlite_registry)

    def killed(*words: Any, **named: Any) -> Any:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        # A server that is killed neither answers nor forgets.
        patched.setattr(Registry, "end_request", lambda *words: None)
        patched.setattr(Registry, "promote", killed)
        assert _promote(first, model_id).status_code == 500
    assert _promote(second, model_id).status_code == 409
    clock.tick(11)
    assert _promote(second, model_id).status_code == 200
    assert _promotions(sqlite_registry, model_id) == 1


def test_a_call_whose_server_ended_after_its_change_is_not_carried_out_again(
    servers: tuple[TestClient, TestClient], sqlite_registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = servers
    model_id = _waiting(sqlite_registry)
    with monkeypatch.context() as patched:
        patched.setattr(application, "_keep", lambda *words: None)
        assert _promote(first, model_id).status_code == 200
    assert "under way" in _promote(second, model_id).json()["detail"]
    clock.tick(11)
    said = _promote(second, model_id)
    assert said.status_code == 409
    assert "retry-after" not in said.headers
    assert "took effect, and its server ended before it answered" in said.json()["detail"]
    assert _promotions(sqlite_registry, model_id) == 1


def test_a_server_that_stood_still_changes_nothing_that_another_one_did(
    servers: tuple[TestClient, TestClient], sqlite_registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = servers
    model_id = _waiting(sqlite_registry)
    other: list[Any] = []

    def still(registry: Registry, *words: Any, **named: Any) -> Any:
        clock.tick(11)
        patched.undo()
        other.append(_promote(second, model_id))
        return whole(registry, *words, **named)

    whole = Registry.promote
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "promote", still)
        said = _promote(first, model_id)
    assert [each.status_code for each in other] == [200]
    assert said.status_code in (200, 409)
    assert _promote(first, model_id).json() == other[0].json()
    assert _promotions(sqlite_registry, model_id) == 1


def test_a_call_that_takes_long_is_renewed(
    sqlite_registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "RENEWED", 0.02)
    assert sqlite_registry.begin_request("anna", "key", "sha256") is None
    begun = sqlite_registry.find_request("anna", "key")
    under_way = Calls(lambda: sqlite_registry)
    under_way.add("anna", "key")
    try:
        clock.tick(60)
        assert begun is not None
        assert until(lambda: (found := sqlite_registry.find_request("anna", "key")) and found.under_way)
        under_way.discard("anna", "key")
        clock.tick(60)
        found = sqlite_registry.find_request("anna", "key")
        assert found is not None
        assert not found.under_way
    finally:
        under_way.close()


def test_a_file_whose_server_is_gone_is_sent_again(
    sqlite_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_REGISTRY_TOKEN", "")
    table = tmp_path / "rows.csv"
    table.write_text("a,target\n" + "1.5,0\n2.5,1\n" * 20)
    sent: list[dict[str, str]] = []

    def lost(connection: Connection, file: Any, name: str) -> dict[str, str]:
        sent.append(whole(connection, file, name))
        if len(sent) == 1:
            return {**sent[0], "upload": "x" * 24}
        return sent[-1]

    whole = Connection._send
    monkeypatch.setattr(Connection, "_send", lost)
    with in_a_thread(sqlite_registry) as (address, _), Registry(address) as remote:
        assert remote.preview_table(table, target="target").rows == 40
        with table.open("rb") as file:
            assert remote.preview_table(file, target="target").rows == 40
    # As whole as before.
    assert len({each["sha256"] for each in sent}) == 1
    assert len(sent) == 3


def test_a_check_whose_server_ended_is_made_again(
    sqlite_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_REGISTRY_TOKEN", "")
    monkeypatch.setattr(requests, "LEASE", timedelta(seconds=-1))
    begun: list[tuple[str, Mapping[str, Any]]] = []

    def begin(made: checks.Checks, caller: Caller, key: str, arguments: Mapping[str, Any]) -> Future[None]:
        begun.append((key, arguments))
        if len(begun) == 1:
            return Future()  # nobody makes it
        return whole(made, caller, key, arguments)

    whole = checks.Checks.begin
    monkeypatch.setattr(checks.Checks, "begin", begin)
    with in_a_thread(sqlite_registry) as (address, _), Registry(address) as remote:
        model_id = register(remote)
        assert [each.model_id for each in remote.list_models()] == [model_id]
    assert len({key for key, _ in begun}) == 1
    assert len(begun) == 2


def test_a_check_that_was_taken_for_ended_registers_nothing_twice(sqlite_registry: Registry, tmp_path: Path) -> None:
    dump(logistic()[0], tmp_path / "model.pkl")
    asked = {
        "model_file": tmp_path / "model.pkl",
        "metadata": {"model_name": "Churn", "model_type": "LogisticRegression"},
    }
    assert sqlite_registry.begin_request(LOCAL, "key", "sha256") is None
    # Both servers have it under way; the first one only seemed to have ended.
    for _ in range(2):
        checks._check(sqlite_registry, None, LOCAL, "key", asked)
    (version,) = sqlite_registry.list_models()
    found = sqlite_registry.find_request(LOCAL, "key")
    assert found is not None
    assert json.loads(found.answer or "") == {"state": "registered", "model_id": version.model_id}


def test_a_check_whose_server_ended_once_the_version_was_there_is_registered(
    sqlite_registry: Registry, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump(logistic()[0], tmp_path / "model.pkl")
    asked = {
        "model_file": tmp_path / "model.pkl",
        "metadata": {"model_name": "Churn", "model_type": "LogisticRegression"},
    }
    under_way = Calls(lambda: sqlite_registry)
    found = checks.Checks(sqlite_registry, under_way)
    assert sqlite_registry.begin_request(LOCAL, "key", "sha256") is None
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "end_request", lambda *words: None)
        checks._check(sqlite_registry, None, LOCAL, "key", asked)
    assert found.find(LOCAL, "key")["state"] == "received"
    clock.tick(11)
    (version,) = sqlite_registry.list_models()
    assert found.find(LOCAL, "key") == {"check": "key", "state": "registered", "model_id": version.model_id}


@contextmanager
def _answering(found: list[Callable[[], int]]) -> Iterator[Wait]:
    yield lambda known: found.pop(0)()


def test_a_way_that_was_cut_is_not_a_server_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    away: list[str | None] = []

    def cut() -> int:
        raise Unreachable(5, "cut")

    def answer() -> int:
        away.append(following.away)
        return 7

    def end() -> int:
        away.append(following.away)
        following.close()
        return 8

    monkeypatch.setattr("registry_core.following.PAUSE", 0.01)
    found = [answer, cut, answer, cut, cut, end]
    following = Following(lambda: _answering(found), "the test")
    assert following.ask(lambda: 6) == 6
    assert until(lambda: not found)
    # Another server answered at once; then nobody did, and the server was away.
    assert away == [None, None, "cut"]


def test_an_interrupted_upload_is_known_by_its_file(servers: tuple[TestClient, TestClient]) -> None:
    """The id of an upload is no part of what is asked: the same file sent again is the same call."""
    method = application.methods.method_of(Registry, "upload")

    def asked(upload: str, sha256: str) -> bytes:
        file = {"upload": upload, "sha256": sha256, "name": "model.pkl"}
        return application._asked(method, method.arguments(model_file=file, metadata={"b": 1, "a": 2}))

    assert asked("one", "aa") == asked("two", "aa") != asked("one", "bb")
    body = {"model_file": {"upload": "x" * 24, "sha256": "aa"}}
    missing = servers[0].post("inspect", json=body)
    assert (missing.status_code, missing.json()["details"]) == (404, {"what": "upload"})
