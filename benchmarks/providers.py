"""Sign-in with OpenID providers that others wrote: `python -m benchmarks.providers` installs, starts and uses each.

A dashboard is served, a person signs in on the provider's own page, and the registry says who came with which groups.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from registry_core import Grantee, Registry
from tests.servers import free_port, running_dashboard, stop

PATIENCE = 60
CLIENT, SECRET = "model-registry", "a secret of at least 32 characters"
ALICE: dict[str, Any] = {"sub": "alice", "name": "Alice", "email": "a@example.org", "groups": ["ml", "ops"]}

_NODE = """
import { Provider } from 'oidc-provider';
const { issuer, port, redirect, client, secret, person } = JSON.parse(process.argv[2]);
const provider = new Provider(issuer, {
  clients: [{ client_id: client, client_secret: secret, redirect_uris: [redirect] }],
  claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email'] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ ...person, sub: id }) }),
});
provider.listen(port, '127.0.0.1');
"""


class Missing(Exception):
    """A provider cannot be tried on this machine; the text says why."""


@dataclass(frozen=True)
class Place:
    """Where a provider is installed and listens, and where it sends browsers back to."""

    folder: Path
    port: int
    redirect: str

    @property
    def issuer(self) -> str:
        """As the provider calls itself."""
        return f"http://127.0.0.1:{self.port}"


def oidc_provider_mock(place: Place) -> tuple[str, list[str], str]:
    """Install PyPI's oidc-provider-mock: its version, the command that starts it, and its issuer."""
    bin_ = place.folder / "venv" / "bin"
    _run(sys.executable, "-m", "venv", str(place.folder / "venv"))
    _run(str(bin_ / "pip"), "install", "--quiet", "oidc-provider-mock")
    code = "from importlib.metadata import version; print(version('oidc-provider-mock'))"
    release = _run(str(bin_ / "python"), "-c", code).strip()
    words = ["--port", str(place.port), "--user-claims", json.dumps(ALICE)]
    return release, [str(bin_ / "oidc-provider-mock"), *words], f"http://localhost:{place.port}"


def node_oidc_provider(place: Place) -> tuple[str, list[str], str]:
    """Install npm's oidc-provider, see ``oidc_provider_mock``."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise Missing("npm is not installed; install Node.js to try it")
    _run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(place.folder), "oidc-provider")
    release = json.loads((place.folder / "node_modules/oidc-provider/package.json").read_text())["version"]
    (place.folder / "provider.mjs").write_text(_NODE)
    settings = {
        "issuer": place.issuer,
        "port": place.port,
        "redirect": place.redirect,
        "client": CLIENT,
        "secret": SECRET,
        "person": ALICE,
    }
    return str(release), ["node", str(place.folder / "provider.mjs"), json.dumps(settings)], place.issuer


PROVIDERS: dict[str, Callable[[Place], tuple[str, list[str], str]]] = {
    "oidc-provider-mock": oidc_provider_mock,
    "oidc-provider": node_oidc_provider,
}


class _Forms(HTMLParser):
    """The first form of a page: where it goes, and its fields."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = given.get("action", "")
        if tag == "input" and given.get("name"):
            self.fields.setdefault(given["name"], given.get("value", ""))


def sign_in(address: str) -> requests.Response:
    """Sign in as a browser would: every form of the provider is filled with Alice's name, and sent."""
    with requests.Session() as browser:
        answer = browser.get(f"{address}/sign-in/openid?next=/model", timeout=PATIENCE)
        for _ in range(5):
            if answer.url.startswith(address):
                break
            form = _Forms()
            form.feed(answer.text)
            typed = {name: "alice" if name in ("login", "sub") else value for name, value in form.fields.items()}
            answer = browser.post(urljoin(answer.url, form.action), {**typed, "password": "x"}, timeout=PATIENCE)
    return answer


def trial(name: str, folder: Path) -> str:
    """Install, start and use one provider; one line about it."""
    port = free_port()
    place = Place(folder, free_port(), f"http://127.0.0.1:{port}/sign-in/callback")
    release, command, issuer = PROVIDERS[name](place)
    settings = folder / "sign-in.toml"
    settings.write_text(
        f'public_url = "http://127.0.0.1:{port}"\n[openid]\nissuer = "{issuer}"\nclient_id = "{CLIENT}"\n'
        'client_secret_env = "SECRET_OF_PROVIDERS"\n'
    )
    os.environ["SECRET_OF_PROVIDERS"] = SECRET
    with Registry(folder / "registry", actor="owner") as registry, _running(command, folder, issuer):
        registry.grant(Grantee("group", issuer, "ml"), "operator")
        with running_dashboard(folder / "registry", "--sign-in", str(settings), port=port) as address:
            answer = sign_in(address)
        came = registry.events(kinds=["signed_in"])
        if not came:
            return f"{name} {release}: not signed in; {answer.url} answered {answer.status_code}: {answer.text[:300]!r}"
        (person,) = registry.people()
        groups = tuple(came[0].after["groups"])
        acting = registry.as_principal(person.principal(groups))
        may = "may promote by a group" if acting.may("promote", "Churn").allowed else "MAY NOT PROMOTE"
    return f"{name} {release}: {person.name} signed in, groups {', '.join(groups)}; {may}; {answer.status_code}"


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def _running(command: list[str], folder: Path, issuer: str) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(f"{issuer}/.well-known/openid-configuration"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Missing(f"it does not start: {(folder / 'log').read_text(errors='replace')[-500:]}")
            time.sleep(0.1)
        yield
    finally:
        stop(process, signal.SIGTERM)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=PATIENCE).ok
    except requests.ConnectionError:
        return False


def main() -> None:
    """Try every provider, and print a line for each."""
    for name in PROVIDERS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                print(trial(name, Path(folder)), flush=True)
            except Missing as error:
                print(f"{name}: not tried, {error}", flush=True)
            except subprocess.CalledProcessError as error:
                print(f"{name}: not installed: {error.stderr[-500:]}", flush=True)


if __name__ == "__main__":
    main()
