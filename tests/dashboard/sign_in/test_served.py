"""The running server: what Streamlit serves is out of reach without a session, and a page asks again at every run."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus

from registry_core import Person, Registry
from tests.servers import PATIENCE, running_dashboard
from tests.visitors import visiting

PROGRAM = ("tests.who_acts",)


@pytest.fixture
def shared(registry_folder: Path) -> Iterator[Registry]:
    """The registry that the server shows."""
    with Registry(registry_folder, actor="owner") as registry:
        yield registry


def ask(address: str, method: str, path: str, body: str = "", **headers: str) -> tuple[int, http.client.HTTPMessage]:
    """One request; the status and the headers of its answer."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers
    finally:
        connection.close()


def signed_in(address: str, registry: Registry, person: Person) -> str:
    """Use a link; gives the cookie."""
    secret = registry.sign_in_link(person.issuer, person.subject)
    form = "application/x-www-form-urlencoded"
    status, headers = ask(address, "POST", "/sign-in/link", f"secret={secret}", Origin=address, Content_Type=form)
    assert status == 303
    return headers["Set-Cookie"].partition(";")[0]


def test_people_come_and_go_while_pages_are_open(registry_folder: Path, shared: Registry) -> None:
    with running_dashboard(registry_folder, program=PROGRAM) as address, visiting(address) as early:
        assert "acting: whoever owns this machine" in early.open("")
        anna = shared.add_person("Anna")
        shared.grant(anna.grantee, "admin")
        assert "You are signed out" in early.open("")

        for method, path in (
            ("GET", "/_stcore/health"),
            ("GET", "/_stcore/host-config"),
            ("GET", "/media/0.csv"),
            ("GET", "/static/index.html"),
            ("GET", "/component/any/index.html"),
            ("PUT", f"/_stcore/upload_file/{early.session_id}/file"),
            ("DELETE", f"/_stcore/upload_file/{early.session_id}/file"),
            ("POST", "/_stcore/auth/login"),
        ):
            status, _ = ask(address, method, path, Origin=address)
            assert status == 401, path
        assert ask(address, "GET", "/model?id=3")[1]["Location"] == "/sign-in?next=%2Fmodel%3Fid%3D3"
        assert ask(address, "GET", "/healthz")[0] == 200
        for cookie in ({}, {"Cookie": "model-registry=invented"}):
            with pytest.raises(InvalidStatus) as refused, visiting(address, headers=cookie):
                pass
            assert refused.value.response.status_code == 403

        cookie = {"Cookie": signed_in(address, shared, anna)}
        with pytest.raises(InvalidStatus) as refused, visiting(address, "http://registry.example", cookie):
            pass
        assert refused.value.response.status_code == 403
        assert ask(address, "GET", "/_stcore/health", **cookie)[0] == 200
        with visiting(address, headers=cookie) as visitor:
            assert "acting: Anna" in visitor.open("")
            assert shared.close_sessions(anna.issuer, anna.subject) == 1
            said = visitor.open("")
            assert "acting" not in said
            assert "You are signed out" in said
            assert "/sign-in?next=" in said
        with pytest.raises(InvalidStatus), visiting(address, headers=cookie):
            pass


def test_where_a_request_comes_from_is_not_a_headers_word(
    registry_folder: Path, shared: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The web server would believe it, from this machine always, and from everywhere with this variable.
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    file = tmp_path / "sign-in.toml"
    text = '[proxy]\nheader = "X-Forwarded-User"\naddresses = ["{}"]\nissuer = "https://proxy.example.org"\n'
    spoofed = {"X_Forwarded_User": "anna", "X_Forwarded_For": "10.0.0.1", "Host": "models.example.org"}
    for listed, status in (("10.0.0.1", 403), ("127.0.0.1", 200)):
        file.write_text('public_url = "https://models.example.org"\n' + text.format(listed))
        with running_dashboard(registry_folder, "--sign-in", str(file), program=PROGRAM) as address:
            assert ask(address, "GET", "/", **spoofed)[0] == status
            assert ask(address, "GET", "/", **{**spoofed, "Host": "other.example.org"})[0] == 400
        assert bool(shared.people()) == (status == 200)
