"""What visitors may upload together, and that it is given back."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from dashboard import uploads
from dashboard.ui import messages, upload_fields
from dashboard.uploads import GRACE_SECONDS, Quota, UploadQuota


class Runtime:
    """Streamlit's runtime as far as uploads ask it."""

    def __init__(self) -> None:
        self.uploaded_file_mgr = MemoryUploadedFileManager("/_stcore/upload_file")
        self.active = {"anna", "bert"}
        self.closed: list[str] = []

    def is_active_session(self, session_id: str) -> bool:
        return session_id in self.active

    def close_session(self, session_id: str) -> None:
        self.closed.append(session_id)

    def store(self, session_id: str, size: int, file_id: str = "file") -> None:
        self.uploaded_file_mgr.add_file(session_id, UploadedFileRec(file_id, "name", "type", b"x" * size))


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    runtime = Runtime()
    monkeypatch.setattr(uploads, "get_instance", lambda: runtime)
    return runtime


@pytest.fixture
def client(runtime: Runtime) -> TestClient:
    """Uploads of at most 100 bytes a session and 150 together, stored as Streamlit does it."""

    async def stored(scope: Scope, receive: Receive, send: Send) -> None:
        _, session, file_id = scope["path"].rsplit("/", 2)
        runtime.store(session, len((await receive()).get("body", b"")), file_id)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return TestClient(UploadQuota(stored, Quota(session_bytes=100, total_bytes=150)))


def put(client: TestClient, session: str, file_id: str, size: int) -> int:
    return client.put(f"/_stcore/upload_file/{session}/{file_id}", content=b"x" * size).status_code


def test_a_session_has_a_quota_and_all_have_one(client: TestClient, runtime: Runtime) -> None:
    quota = client.app.quota  # pyrefly: ignore[missing-attribute]
    files = runtime.uploaded_file_mgr
    assert put(client, "anna", "first", 60) == put(client, "anna", "second", 41) == 204
    assert quota.held(files) == {"anna": 60}, "the second is not stored"
    assert quota.refusal("first") is None
    assert re.search(r"limited to 100 B.*would have 101 B.*Remove a file", quota.refusal("second"))
    assert put(client, "bert", "third", 91) == 204
    assert "150 B" in quota.refusal("third")
    assert put(client, "bert", "fourth", 90) == put(client, "anna", "empty", 0) == 204
    files.remove_session_files("bert")
    assert put(client, "anna", "fifth", 40) == 204
    assert quota.held(files) == {"anna": 100}


def test_what_is_arriving_counts(runtime: Runtime) -> None:
    quota = Quota(session_bytes=100, total_bytes=100)
    with quota.arriving("anna", 60), quota.arriving("anna", 30):
        assert quota.held(runtime.uploaded_file_mgr) == {"anna": 90}
        assert quota.refuse(runtime.uploaded_file_mgr, "anna", 11)
        assert quota.refuse(runtime.uploaded_file_mgr, "bert", 11)
        assert quota.refuse(runtime.uploaded_file_mgr, "anna", 10) is None
    assert quota.held(runtime.uploaded_file_mgr) == {}


def test_an_upload_says_its_length(client: TestClient, runtime: Runtime) -> None:
    answer = client.put("/_stcore/upload_file/anna/file", content=iter([b"x"]))
    assert (answer.status_code, runtime.uploaded_file_mgr.file_storage) == (411, {})


def test_who_is_gone_for_good_gives_back_what_was_held(runtime: Runtime) -> None:
    quota = Quota()
    files = runtime.uploaded_file_mgr
    runtime.store("anna", 10)
    runtime.store("bert", 10)
    runtime.active = {"bert"}
    assert quota.sweep(files, runtime, 0.0) == []
    runtime.active = {"anna", "bert"}
    assert quota.sweep(files, runtime, GRACE_SECONDS) == [], "the connection came back"
    runtime.active = {"bert"}
    assert quota.sweep(files, runtime, GRACE_SECONDS + 1.0) == []
    assert quota.sweep(files, runtime, 2 * GRACE_SECONDS + 1.0) == runtime.closed == ["anna"]
    assert quota.held(files) == {"bert": 10}


def test_a_page_says_what_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(messages, "show", lambda tone, text: said.append(text))
    monkeypatch.setattr(uploads, "QUOTA", Quota())
    uploads.QUOTA.remember("refused", "Too much")
    kept, refused = (
        UploadedFile(UploadedFileRec(file_id, "name", "type", b""), FileURLs()) for file_id in ("kept", "refused")
    )
    assert [upload_fields.taken(file) for file in (None, refused, kept)] == [None, None, kept]
    assert said == ["Too much"]


def test_refusals_do_not_pile_up() -> None:
    quota = Quota()
    for number in range(1100):
        quota.remember(str(number), "Too much.")
    assert (quota.refusal("99"), quota.refusal("100")) == (None, "Too much.")
