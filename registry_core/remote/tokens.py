"""The tokens of servers: of the environment, or of the file that ``model-registry login`` writes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import InvalidInput

VARIABLE = "MODEL_REGISTRY_TOKEN"


def token_file() -> Path:
    """The file with the tokens of this user, by server."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "model-registry" / "tokens.json"


def token_for(address: str) -> str:
    """The token for a server: that of the environment, else that of the file; empty without one."""
    return os.environ.get(VARIABLE, "") or _stored().get(_server(address), "")


def keep(address: str, token: str) -> Path:
    """Write the token for a server into the file, which only this user can read; an empty token removes it."""
    stored = {**_stored(), _server(address): token}
    path = token_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({server: secret for server, secret in stored.items() if secret}, file)
    aside.replace(path)
    return path


def _stored() -> dict[str, str]:
    path = token_file()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read ({error}); run `model-registry login` again") from error
    return document if isinstance(document, dict) else {}


def _server(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}".lower()
