"""The sign-in file: the address of the dashboard, how long sessions last, and who says who a person is."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dashboard.middleware import is_loopback
from registry_core import InvalidConfiguration

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: The keys of each table of the file, with the types of their values. The table without a name is the file itself.
_KEYS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "": {"public_url": str, "session": dict, "openid": dict, "proxy": dict},
    "session": {"idle_hours": (int, float), "hours": (int, float)},
    "openid": {"issuer": str, "client_id": str, "client_secret_env": str, "groups_claim": str, "label": str},
    "proxy": {"header": str, "name_header": str, "groups_header": str, "addresses": list, "issuer": str},
}
_REQUIRED = {"": {"public_url"}, "openid": {"issuer", "client_id"}, "proxy": {"header", "addresses", "issuer"}}
_TYPES: dict[Any, str] = {str: "a text", dict: "a table", list: "a list of texts", (int, float): "a number"}
_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)
_MOST_HOURS = 24 * 30


@dataclass(frozen=True)
class Session:
    """How long somebody stays signed in, in hours: without a request, and at most."""

    idle_hours: float = 4
    hours: float = 12


@dataclass(frozen=True)
class OpenID:
    """An OpenID Connect provider. Without a secret the dashboard is a public client, which PKCE protects."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    groups_claim: str = "groups"
    label: str = ""


@dataclass(frozen=True)
class Proxy:
    """A proxy that has signed people in, and names them in a header of its requests.

    Attributes:
        addresses: from where its requests come; the headers of all others are removed.
        issuer: the URL under which its people are known to the registry.
        groups_header: names of groups, separated by commas.
    """

    header: str
    addresses: tuple[Network, ...]
    issuer: str
    name_header: str = ""
    groups_header: str = ""

    def sends(self, address: str) -> bool:
        """Whether a request comes from the proxy."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        ip = getattr(ip, "ipv4_mapped", None) or ip
        return any(ip in network for network in self.addresses)


@dataclass(frozen=True)
class Configuration:
    """How people sign in. Without a file: by links, under a loopback address.

    Attributes:
        public_url: the address as users type it, without a path; empty without a file.
    """

    public_url: str = ""
    session: Session = Session()
    openid: OpenID | None = None
    proxy: Proxy | None = None

    @property
    def has_tls(self) -> bool:
        """Whether browsers reach the dashboard through TLS."""
        return self.public_url.startswith("https://")

    @property
    def host(self) -> str:
        """The host name of the public address; empty without a file."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def cookie(self) -> str:
        """The name of the session's cookie. Browsers take ``__Host-`` only with TLS, from this very host."""
        return "__Host-model-registry" if self.has_tls else "model-registry"


def read(path: Path) -> Configuration:
    """Read a sign-in file (TOML).

    Raises:
        InvalidConfiguration: it cannot be read, or a key or value is not valid; the message names both.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidConfiguration(f"the sign-in file {str(path)!r} cannot be read: {error}") from error
    try:
        return _configuration(document)
    except InvalidConfiguration as error:
        raise InvalidConfiguration(f"sign-in file {str(path)!r}: {error}") from error


def _configuration(document: Mapping[str, Any]) -> Configuration:
    _check(document, "")
    for name in ("session", "openid", "proxy"):
        if name in document:
            _check(document[name], name)
    if "openid" in document and "proxy" in document:
        raise InvalidConfiguration(
            "[openid] and [proxy] exclude each other: either the proxy signs people in, or we do"
        )
    return Configuration(
        public_url=_public_url(document["public_url"]),
        session=_session(document.get("session", {})),
        openid=_openid(document["openid"]) if "openid" in document else None,
        proxy=_proxy(document["proxy"]) if "proxy" in document else None,
    )


def _check(table: Mapping[str, Any], name: str) -> None:
    """Refuse unknown keys, missing ones, and values of another type."""
    keys, where = _KEYS[name], f"[{name}] " if name else ""
    for key, value in table.items():
        if key not in keys:
            raise InvalidConfiguration(f"{where}{key!r} is not a setting; allowed: {', '.join(keys)}")
        expected = keys[key]
        texts = all(isinstance(each, str) for each in value) if expected is list and isinstance(value, list) else True
        if not isinstance(value, expected) or isinstance(value, bool) or not texts:
            raise InvalidConfiguration(f"{where}{key} is {value!r:.100}; give {_TYPES[expected]}")
    for key in sorted(_REQUIRED.get(name, set())):
        if not table.get(key):
            raise InvalidConfiguration(f"{where}{key} is missing; see docs/sign-in.md")


def _public_url(text: str) -> str:
    url = _url(text, "public_url")
    parts = urlsplit(url)
    if parts.path or parts.query:
        raise InvalidConfiguration(f"public_url is {text!r}; the dashboard has an address without a path")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise InvalidConfiguration(
            f"public_url is {text!r}; without TLS people sign in on this machine only. Put a proxy with TLS in front "
            "and give its https address, or give http://localhost:8501"
        )
    return url


def _url(text: str, key: str) -> str:
    """An http or https address without a user name, fragment, or final slash of an empty path."""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  (checked when it is read)
    except ValueError as error:
        raise InvalidConfiguration(f"{key} is {text!r}; {error}") from error
    plain = text.isascii() and text.isprintable() and " " not in text
    if (
        not plain
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or "@" in parts.netloc
        or parts.fragment
    ):
        raise InvalidConfiguration(f"{key} is {text!r}; give an address such as https://models.example.org")
    return text.rstrip("/") if parts.path == "/" and key == "public_url" else text


def _issuer(text: str, table: str) -> str:
    url = _url(text, f"[{table}] issuer")
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise InvalidConfiguration(f"[{table}] issuer is {text!r}; give its https address")
    return url


def _session(table: Mapping[str, Any]) -> Session:
    session = Session(**{key: float(value) for key, value in table.items()})
    for key in ("idle_hours", "hours"):
        if not 0 < getattr(session, key) <= _MOST_HOURS:
            raise InvalidConfiguration(
                f"[session] {key} is {table.get(key)!r}; give hours above 0, up to {_MOST_HOURS} (30 days)"
            )
    return session


def _openid(table: Mapping[str, Any]) -> OpenID:
    if find_spec("authlib") is None:
        raise InvalidConfiguration("[openid] requires Authlib: pip install 'model-registry-dashboard[sign-in]'")
    secret = ""
    if (variable := table.get("client_secret_env")) is not None and not (secret := os.environ.get(variable, "")):
        raise InvalidConfiguration(
            f"[openid] client_secret_env is {variable!r}, and no environment variable of that name holds a secret; set "
            "it before the dashboard starts"
        )
    return OpenID(
        issuer=_issuer(table["issuer"], "openid"),
        client_id=table["client_id"],
        client_secret=secret,
        groups_claim=table.get("groups_claim", "groups"),
        label=table.get("label", ""),
    )


def _proxy(table: Mapping[str, Any]) -> Proxy:
    headers = {key: table[key] for key in ("header", "name_header", "groups_header") if table.get(key)}
    for key, name in headers.items():
        if not _HEADER.fullmatch(name):
            raise InvalidConfiguration(f"[proxy] {key} is {name!r}; give a header such as X-Forwarded-User")
    if len({name.lower() for name in headers.values()}) < len(headers):
        raise InvalidConfiguration("[proxy] names one header twice; user, name and groups each have their own")
    addresses = []
    for text in table["addresses"]:
        try:
            addresses.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise InvalidConfiguration(
                f"[proxy] addresses holds {text!r}; give IP addresses or networks, such as 127.0.0.1 or 10.1.0.0/24"
            ) from error
        if addresses[-1].prefixlen == 0:
            raise InvalidConfiguration(f"[proxy] addresses holds {text!r}, which is every address; name the proxy's")
    return Proxy(addresses=tuple(addresses), issuer=_issuer(table["issuer"], "proxy"), **headers)
