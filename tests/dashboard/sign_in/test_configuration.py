"""The sign-in file: what it says, and a sentence for everything it says wrong."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from dashboard import server
from dashboard.sign_in import configuration
from dashboard.sign_in.configuration import Configuration, OpenID, Proxy, Session
from registry_core import InvalidConfiguration, InvalidInput, Registry

URL = 'public_url = "https://models.example.org"\n'
OPENID = f'{URL}[openid]\nissuer = "https://id.example.org"\nclient_id = "registry"\n'
PROXY = f'{URL}[proxy]\nheader = "X-User"\naddresses = ["127.0.0.1"]\nissuer = "https://proxy.example.org"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sign-in.toml"


def read(file: Path, text: str) -> Configuration:
    file.write_text(text)
    return configuration.read(file)


def test_openid(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_SECRET", "very secret")
    text = f'{OPENID}client_secret_env = "OIDC_SECRET"\ngroups_claim = "roles"\nlabel = "Corp"\n[session]\nhours = 8\n'
    found = read(file, text)
    assert found == Configuration(
        "https://models.example.org",
        Session(idle_hours=4, hours=8),
        OpenID("https://id.example.org", "registry", "very secret", "roles", "Corp"),
    )
    assert "very secret" not in repr(found)
    assert (found.has_tls, found.host) == (True, "models.example.org")


def test_proxy(file: Path) -> None:
    found = read(file, f'{PROXY}groups_header = "X-Groups"\n')
    assert found.proxy == Proxy(
        "X-User", (ip_network("127.0.0.1"),), "https://proxy.example.org", groups_header="X-Groups"
    )


def test_links_only(file: Path) -> None:
    found = read(file, 'public_url = "http://localhost:8501/"')
    assert found == Configuration("http://localhost:8501")
    assert not found.has_tls


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "public_url is missing"),
        ("public_url = 3", "public_url is 3; give a text"),
        ('public_url = "models.example.org"', "give an address such as"),
        ('public_url = "ftp://models.example.org"', "give an address such as"),
        ('public_url = "https://anna@models.example.org"', "give an address such as"),
        ('public_url = "https://models.example.org:port"', "public_url is"),
        ('public_url = "https://models.example.org/registry"', "without a path"),
        ('public_url = "http://models.example.org"', "without TLS people sign in on this machine only"),
        (f"{URL}publik = 1", "'publik' is not a setting; allowed: public_url, session, openid, proxy"),
        (f"{URL}session = 3", "session is 3; give a table"),
        (f"{URL}[session]\nhours = true", "hours is True; give a number"),
        (f"{URL}[session]\nhours = 0", "hours is 0; give hours above 0"),
        (f"{URL}[session]\nhours = -1", "give hours above 0"),
        (f"{URL}[session]\nhours = nan", "give hours above 0"),
        (f"{URL}[session]\nidle_hours = inf", "give hours above 0"),
        (f"{URL}[session]\nhours = 721", "up to 720"),
        (f"{URL}[session]\nminutes = 3", "'minutes' is not a setting; allowed: idle_hours, hours"),
        (f'{URL}[openid]\nissuer = "https://id.example.org"', "client_id is missing"),
        (OPENID.replace("https://id", "http://id"), "give its https address"),
        (f'{OPENID}client_secret = "s"', "'client_secret' is not a setting"),
        (f'{OPENID}client_secret_env = "NOT_SET_ANYWHERE"', "no environment variable of that name"),
        (f'{OPENID}groups_claim = ["a"]', "groups_claim is .* give a text"),
        (f"{OPENID}[proxy]\n", "header is missing|addresses is missing"),
        (OPENID + PROXY.removeprefix(URL), "exclude each other"),
        (PROXY.replace('["127.0.0.1"]', '"127.0.0.1"'), "give a list of texts"),
        (PROXY.replace('["127.0.0.1"]', "[1]"), "give a list of texts"),
        (PROXY.replace('["127.0.0.1"]', "[]"), "addresses is missing"),
        (PROXY.replace("127.0.0.1", "proxy.local"), "give IP addresses or networks"),
        (PROXY.replace("127.0.0.1", "0.0.0.0/0"), "every address"),
        (PROXY.replace("127.0.0.1", "10.0.0.1/8"), "give IP addresses or networks"),
        (PROXY.replace("X-User", "X User"), "give a header such as"),
        (PROXY.replace("X-User", "X_User"), "give a header such as"),
        (f'{PROXY}name_header = "x-user"', "names one header twice"),
        ("public_url = ", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(file: Path, text: str, sentence: str) -> None:
    with pytest.raises(InvalidConfiguration, match=sentence) as refused:
        read(file, text)
    assert str(file) in str(refused.value)


def test_no_file_and_no_text(file: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="cannot be read"):
        configuration.read(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidConfiguration, match="cannot be read"):
        configuration.read(file)


def test_other_machines_need_tls(file: Path, own: Registry) -> None:
    file.write_text('public_url = "http://localhost:8501"')
    with pytest.raises(InvalidInput, match="--sign-in FILE with an https public_url"):
        server.serve(own.location, host="0.0.0.0", sign_in=file)
    own.add_person("Anna")
    with pytest.raises(InvalidInput, match="without TLS people sign in on this machine only"):
        server.serve(own.location, host="0.0.0.0", port=0, allow_remote=True)
