"""Every method has a route or a reason; every answer is the same at the other end; every error too."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate
from starlette.testclient import TestClient

import registry_core
from registry_core import (
    AnswersDiffer,
    ArtifactMissing,
    CatalogBusy,
    ChampionChanged,
    GatesFailed,
    InvalidMetric,
    ModelNotFound,
    NotAllowed,
    NotFound,
    Registry,
    RegistryError,
    SandboxFailure,
    SandboxIncomplete,
    StorageError,
)
from registry_core.gates import Gate, GateReport
from registry_core.http_api.application import Server, application
from registry_core.rules.access import NEEDS, OWNER_ONLY
from registry_core.wire.methods import NOT_SERVED, methods_of
from registry_core.wire.problems import error_of, problem
from registry_core.wire.records import to_document
from tests.actions.test_access_matrix import EXPECTED, LETTERS, Facts, _call
from tests.http_api.serving import token


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    folder = tmp_path_factory.mktemp("facts")
    with Registry(folder / "registry", actor="the owner") as registry:
        facts = Facts(registry, folder)
        for model_id in (facts.theirs, facts.second):
            registry.evaluate(model_id, "rows")
        registry.configure("Churn", outcome_values={"miss": -50, "false_alarm": -5}, reason="agreed")
        yield facts


@pytest.fixture
def client(facts: Facts) -> Iterator[TestClient]:
    server = Server(lambda: facts.registry)
    with TestClient(application(server)) as client:
        yield client


def test_every_method_has_a_route_or_a_reason(client: TestClient) -> None:
    public = {name for name, _ in inspect.getmembers(Registry, callable) if not name.startswith("_")} - {"close"}
    assert public == NEEDS.keys() | OWNER_ONLY
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    routes = {path.removeprefix("/api/v1/") for path in paths}
    further = {
        "uploads",
        "uploads/{upload}",
        "checks/{check}",
        "changes",
        "events/stream",
        "metrics",
        "artifacts/{model_id}/{which}",
    }
    assert routes == (NEEDS.keys() - NOT_SERVED.keys()) | further
    assert NOT_SERVED.keys() <= NEEDS.keys()
    assert all(because.strip() for because in NOT_SERVED.values())
    # What changes something is never a GET.
    assert {name for name in routes - further if "get" in paths[f"/api/v1/{name}"]} <= {
        name for name, method in methods_of(Registry).items() if method.reads
    }


def test_reading_methods_change_nothing() -> None:
    """What may be sent again at will is what a viewer may call, and what looks at people or at a file."""
    changing = {name for name, method in methods_of(Registry).items() if not method.reads}
    assert {"promote", "configure", "check_health", "verify", "optimize", "record_outcomes", "upload"} <= changing
    for name in NEEDS.keys() - NOT_SERVED.keys() - changing:
        named = inspect.signature(getattr(Registry, name)).parameters
        assert "reason" not in named, name


@pytest.mark.full
def test_the_document_of_the_api_is_valid(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    validate(document)
    operations = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(operations) == len({*operations})


# These check files in a sandbox, take a file, or change what the others read.
_LEFT_OUT = {
    "check_gates", "verdict", "verify_answers", "verify_all_answers", "load_model", "load_active_model", "evaluate_all",
    "load_best_model", "losing_slices", "open_artifact", "preview_table", "inspect", "unknown_classes", "plan_cleanup",
    "space",
}  # fmt: skip


@pytest.mark.parametrize("verb", sorted({*methods_of(Registry)} & {*EXPECTED} - _LEFT_OUT))
def test_an_answer_is_the_same_record_at_the_other_end(facts: Facts, verb: str) -> None:
    method = methods_of(Registry)[verb]
    if not method.reads:
        return
    answer = _call(verb)(facts.registry, facts)
    document = to_document(answer, method.answer)
    again = method.answer.validate_json(document)
    assert to_document(again, method.answer) == document
    # What a curve says beside its points has no type of its own, and its tuples are lists then.
    assert again == answer or verb == "curves"


class _Sending:
    """Takes the arguments of a call as the matrix gives them, and sends them to the server."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        def send(*given: Any, **named: Any) -> Any:
            described = inspect.signature(getattr(Registry, verb))
            bound = dict(described.bind(None, *given, **named).arguments)
            del bound["self"]
            bound.pop("expected", None)  # whoever reads the matrix gives another thing than an experiment
            if verb in _DOWNLOADS:
                return self._client.get(f"/api/v1/artifacts/{bound['model_id']}/model")
            further = bound.pop("changes", bound.pop("arguments", {}))
            for name in methods_of(Registry)[verb].files:
                if name in bound:
                    bound[name] = self._uploaded(bound[name])
            return self._client.post(
                f"/api/v1/{verb}",
                content=to_document({**bound, **further}),
                headers={"content-type": "application/json"},
            )

        return send

    def _uploaded(self, file: Any) -> dict[str, str]:
        data = file.read() if hasattr(file, "read") else b"a\n1\n"
        upload = self._client.post("/api/v1/uploads").json()["upload"]
        self._client.patch(f"/api/v1/uploads/{upload}", content=data, headers={"upload-offset": "0"})
        return {"upload": upload, "sha256": hashlib.sha256(data).hexdigest(), "name": "rows.csv"}


#: Methods that return objects or files: through a server, a download.
_DOWNLOADS = ("load_model", "read_artifact")


@pytest.mark.parametrize(
    "letter", [each if each in "vcs" else pytest.param(each, marks=pytest.mark.full) for each in LETTERS]
)
def test_each_role_may_call_what_the_matrix_says(facts: Facts, letter: str) -> None:
    """People by their sessions, a service by its token."""
    person = None if letter == "s" else facts.people[letter].principal()
    server = Server(lambda: facts.registry, session=lambda cookies: person, required=lambda: True)
    with TestClient(application(server)) as client:
        if letter == "s":
            secret = facts.registry.create_token("t", ["serve"], owner=("links", "c")).secret
            client.headers["authorization"] = f"Bearer {secret}"
        sending: Any = _Sending(client)
        wrong, called = [], set()
        for verb, letters in EXPECTED.items():
            if verb in NOT_SERVED.keys() - {*_DOWNLOADS}:
                continue
            answer: Any = _call(verb)(sending, facts)
            called.add(verb)
            refused = answer.status_code == 403 or "has no role on it" in answer.text
            if refused == (letter in letters) or answer.status_code >= 500:
                wrong.append(f"{verb}: {answer.status_code} {answer.text[:100]}")
    assert not wrong, "\n".join(wrong)
    assert EXPECTED.keys() - called <= NOT_SERVED.keys() - {*_DOWNLOADS}
    assert facts.registry.get_active_model_id("Churn") == facts.theirs


def test_strangers_and_unknown_paths(facts: Facts, client: TestClient) -> None:
    revision = facts.registry.revision()
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic eA=="}):
        for path in (
            "model_names",
            "revision",
            "changes",
            "events/stream",
            "uploads/x",
            "artifacts/x/model",
            "checks/x",
        ):
            answer = client.get(f"/api/v1/{path}", headers=headers)
            assert answer.status_code in (401, 405), path
        answer = client.post("/api/v1/model_names", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/api/v1/close").status_code == 404
    assert client.post("/api/v1/open_session").status_code == 404
    assert client.get("/api/v1/").json()["type"] == "NotFound"
    assert facts.registry.revision() == revision


def test_arguments_are_checked(facts: Facts, client: TestClient) -> None:
    headers = {"authorization": f"Bearer {token(facts.registry, 'viewer', 'operator', owner='c')}"}

    def ask(path: str, **sent: Any) -> tuple[int, str]:
        answer = client.request("POST" if sent else "GET", f"/api/v1/{path}", headers=headers, **sent)
        return answer.status_code, answer.json().get("detail", "")

    assert ask("get_metadata") == (
        422,
        "get_metadata: model_id is invalid: Field required; /api/v1/openapi.json describes the arguments",
    )
    assert "nonsense is invalid" in ask("model_names?nonsense=1")[1]
    assert "actor is invalid" in ask("promote", json={"model_id": facts.second, "actor": "another"})[1]
    assert ask("events?limit=many")[0] == 422
    assert (
        ask(
            "promote",
            content=b"[",
        )[0]
        == 422
    )
    assert ask("promote", content=b" " * 33_000_000)[0] == 413


def test_a_call_without_a_body(facts: Facts, client: TestClient) -> None:
    secret = token(facts.registry, "viewer", owner="c")
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    for name, method in methods_of(Registry).items():
        if any(each.is_required() for each in method.arguments.model_fields.values()):
            for content in (None, b"null"):
                answer = client.post(f"/api/v1/{name}", content=content, headers=headers)
                assert (answer.status_code, answer.json()["type"]) == (422, "InvalidInput"), name


def test_lists_are_bounded_and_name_the_next_page(facts: Facts, client: TestClient) -> None:
    headers = {"authorization": f"Bearer {token(facts.registry, 'viewer', owner='c')}"}
    whole = client.get("/api/v1/events?limit=1000", headers=headers).json()
    first = client.get("/api/v1/events?limit=2", headers=headers)
    assert [each["event_id"] for each in first.json()] == [each["event_id"] for each in whole[:2]]
    following = first.headers["link"].partition(">")[0].removeprefix("<")
    second = client.get(following, headers=headers)
    assert [each["event_id"] for each in second.json()] == [each["event_id"] for each in whole[2:4]]
    rest = client.get(f"/api/v1/events?limit=1000&offset={len(whole) - 1}", headers=headers)
    assert len(rest.json()) >= 1
    assert "link" not in rest.headers


_GATES = GateReport("m", "Churn", (Gate("tests", False, "it fails", "make it pass"),))
_ERRORS = [
    (ModelNotFound("no model has the id 'x'"), 404),
    (NotFound("no alert"), 404),
    (NotAllowed("you may not"), 403),
    (InvalidMetric("accuracy is 7"), 422),
    (ChampionChanged("Churn", "a", "b", "anna", "2026-01-01"), 409),
    (GatesFailed(_GATES), 409),
    (AnswersDiffer("m", "3 of 4 differ"), 409),
    (ArtifactMissing(2, "the file is missing"), 410),
    (SandboxFailure("m", "crashed", "the end"), 503),
    (SandboxIncomplete(("memory", "network")), 503),
    (CatalogBusy(11, "another process holds the lock"), 503),
    (StorageError(28, "no space left"), 507),
    (StorageError(13, "cannot be written"), 500),
]


@pytest.mark.parametrize(("error", "status"), _ERRORS, ids=lambda each: type(each).__name__)
def test_errors_are_the_same_at_the_other_end(error: RegistryError, status: int) -> None:
    document = problem(error)
    again = error_of(document)
    assert document["status"] == status
    assert (type(again), str(again)) == (type(error), str(error))
    assert {name: value for name, value in vars(again).items() if name != "title"} == vars(error)
    assert getattr(again, "errno", None) == getattr(error, "errno", None)


def test_every_public_error_has_a_status() -> None:
    kinds = [each for each in vars(registry_core).values() if inspect.isclass(each) and issubclass(each, RegistryError)]
    assert len(kinds) > 20
    for kind in kinds:
        made = kind.__new__(kind)
        made.args = (0, "x")
        assert 400 <= problem(made)["status"] < 600


def test_an_unknown_error_is_one_of_the_registry() -> None:
    assert type(error_of({"type": "NewerError", "detail": "something new"})) is RegistryError
