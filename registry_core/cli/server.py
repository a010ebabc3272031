"""The commands of the HTTP API: serve it, and sign in to a server."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Literal

import click

from registry_core import InvalidInput, Registry, RegistryError, log_as, sign_in_to

from .console import Session, interactive, main, shared
from .options import log_option
from .output import visible


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8502, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on.")
@click.option("--certificate", type=click.Path(exists=True, dir_okay=False), help="TLS certificate (PEM).")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="Key of the certificate (PEM).")
@click.option(
    "--allow-remote", is_flag=True, help="Allow a --host that other machines reach without TLS: a proxy has to have it."
)
@click.option(
    "--uploads",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for files that are being uploaded. Default: in the registry's folder.",
)
@log_option
@shared
def serve(
    session: Session,
    host: str,
    port: int,
    certificate: str | None,
    key: str | None,
    allow_remote: bool,
    uploads: Path | None,
    log: Literal["text", "json"] | None,
) -> None:
    """Serve the HTTP API until interrupted, without the dashboard, which has it under the same path."""
    missing = [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise InvalidInput(
            f"the HTTP API requires {' and '.join(missing)}: pip install 'model-registry-dashboard[api]'"
        )
    from ..http_api.server import serve as run

    if log is not None:
        log_as(log)
    with session.open(create=True) as registry:
        registry.keep_sending()
        run(
            registry, host, port, certificate=certificate, key=key, allow_remote=allow_remote,
            uploads=uploads,
            announce=lambda address: session.answer(
                {"address": address, "registry": registry.location},
                [f"HTTP API of {visible(registry.location)} on {address}/api/v1 (Ctrl+C stops it)"],
            ),
        )  # fmt: skip


@main.command()
@click.argument("address", metavar="URL")
@click.option("--token-file", type=click.File("r"), help="File with the token; - reads the standard input.")
@click.option("--remove", is_flag=True, help="Remove the stored token of the server.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
def login(address: str, token_file: IO[str] | None, remove: bool, as_json: bool) -> None:
    """Store the token for the server at URL, in a file that only this user can read.

    The token is asked for, or read from --token-file; as an argument, other users of the machine could see it.
    """
    session = Session(address, None, as_json)
    if remove:
        path = sign_in_to(address, "")
        session.answer({"removed": address, "file": str(path)}, [f"Removed the token for {visible(address)}."])
        return
    if token_file is not None:
        token = token_file.read().strip()
    elif interactive():
        token = click.prompt("Token", hide_input=True, err=True).strip()
    else:
        token = sys.stdin.readline().strip()
    try:
        with Registry(address, token=token) as registry:
            names = registry.model_names()
    except RegistryError as error:
        raise InvalidInput(f"the token was not stored: {error}") from error
    path = sign_in_to(address, token)
    session.answer(
        {"stored": address, "file": str(path), "model_names": names},
        [f"Stored the token for {visible(address)} in {visible(str(path))}; it sees {len(names)} model names."],
    )
