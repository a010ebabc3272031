"""The sign-in page: plain HTML in the look of the dashboard, whose colours come from the same file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from starlette.responses import HTMLResponse, Response

_HERE = Path(__file__).resolve().parent
_ASSETS = _HERE / "assets"
_DASHBOARD = _HERE.parent
#: A page about who somebody is belongs into no cache.
NOT_KEPT = {"Cache-Control": "no-store"}

_KINDS = {"style.css": "text/css", "link.js": "text/javascript", "icon.svg": "image/svg+xml"}

HEADING = "Sign in to Model Registry"
BY_LINK = (
    "People sign in with a link that an admin of this registry makes for them. Open your link, or ask an admin for one."
)
ADMIN = "Admins make links in Settings > People, or where the registry lies: model-registry user link NAME"
INCOMPLETE = "This address is incomplete: copy the whole link, up to its last letter, and open it again."
NEEDS_SCRIPT = "Signing in with a link requires JavaScript, as the dashboard does. Allow it for this address."
WRONG_LINK = (
    "This link is not valid: it was used, it expired, or it is incomplete. Ask an admin of this registry for a new one."
)
ONE_CLICK = "The link is valid once. Sign in to use it in this browser."
NOT_PROVEN = (
    "{provider} did not confirm who you are. Sign in again; if it happens again, tell an admin of this registry."
)
DENIED = "{provider} did not sign you in. Sign in again, or ask an admin of this registry for a link."
STALE = "This sign-in was already used, is too old, or began in another browser. Sign in again."
UNAVAILABLE = (
    "{provider} does not answer. Try again in a minute; who is signed in stays signed in. The details are in the log "
    "of the dashboard."
)
TOO_MANY = "Too many wrong attempts. Wait {minutes} minutes, then sign in again."
BEHIND_PROXY = "This dashboard is reached at {url}, where its proxy signs you in. Open that address."
NOT_NAMED = "The proxy did not say who you are. Sign in there, then open {url} again."
AT_THE_PROXY = "You are signed out of the dashboard. To end the session at the proxy as well, sign out there."
NEEDS_TLS = (
    "People sign in to this registry, and without TLS that works on this machine only. Start the dashboard with a "
    "sign-in file whose public_url is an https address, behind a proxy with TLS."
)


@dataclass(frozen=True)
class Button:
    """The one thing to do on the page: follow an address, or send the secret behind the ``#`` of this one."""

    label: str
    address: str = ""


def respond(
    sentences: Sequence[str],
    button: Button | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    problem: str = "",
) -> Response:
    """The page with sentences and a button; ``problem`` is what went wrong, above them."""
    content = _template().render(
        heading=HEADING,
        sentences=sentences,
        button=button,
        problem=problem,
        incomplete=INCOMPLETE,
        needs_script=NEEDS_SCRIPT,
    )
    return HTMLResponse(content, status_code=status, headers={**NOT_KEPT, **(headers or {})})


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_ASSETS), autoescape=True, trim_blocks=True)
    return environment.get_template("page.html")


def asset(name: str) -> Response | None:
    """A file the page is made of; None for any other name."""
    return _asset(name) if name in _KINDS else None


@cache
def _asset(name: str) -> Response:
    path = _DASHBOARD / "assets" / name if name == "icon.svg" else _ASSETS / name
    content = path.read_text(encoding="utf-8")
    if name == "style.css":
        content = _colours() + content
    return Response(content, media_type=_KINDS[name], headers={"Cache-Control": "no-cache"})


def _colours() -> str:
    """The colours of both themes as CSS variables."""
    with (_DASHBOARD / "theme.toml").open("rb") as file:
        theme = tomllib.load(file)["theme"]
    names = ("primaryColor", "backgroundColor", "secondaryBackgroundColor", "textColor", "borderColor", "linkColor")
    light, dark = ("".join(f"--{name}: {theme[shade][name]}; " for name in names) for shade in ("light", "dark"))
    return f":root {{ {light}}}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark}}} }}\n"
