"""A registry behind a server of the HTTP API, with the methods of ``Registry`` itself."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import InvalidInput
from . import tokens


def is_address(location: object) -> bool:
    """Whether a location is that of a server."""
    return isinstance(location, str) and location.startswith(("https://", "http://"))


def sign_in_to(address: str, token: str) -> Path:
    """Store the token for a server in a file that only this user can read; an empty token removes it.

    Returns:
        the file.

    Raises:
        InvalidInput: it is no address of a server, or the file cannot be read.
    """
    if not is_address(address):
        raise InvalidInput(f"{address!r:.200} is no address of a server; give one such as https://registry.example")
    return tokens.keep(address, token)


def class_of(kind: type) -> type[Any]:
    """The class of a registry behind a server, made of the class of the registry itself.

    Raises:
        InvalidInput: the libraries that it needs are not installed.
    """
    missing = [name for name in ("httpx2", "pydantic") if find_spec(name) is None]
    if missing:
        raise InvalidInput(
            f"the address of a server requires {' and '.join(missing)}: pip install 'model-registry-dashboard[remote]'"
        )
    from .registry import remote_class

    return remote_class(kind)
