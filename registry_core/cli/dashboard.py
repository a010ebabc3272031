"""The commands that open the dashboard."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Literal

import click

from registry_core import InvalidInput, log_as

from .console import Session, ask, interactive, main, shared, yes_option
from .options import log_option
from .output import visible

_port = click.option(
    "--port", default=8501, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on."
)
_no_browser = click.option("--no-browser", is_flag=True, help="Do not open a browser.")


@main.command()
@click.argument("folder", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@_port
@_no_browser
@click.option(
    "--allow-remote",
    is_flag=True,
    help="Allow a --host that other machines can reach without sign-in: their users can promote and upload.",
)
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Additional host name, for instance behind a proxy; repeatable.",
)
@click.option(
    "--sign-in",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Sign-in file (TOML) for OpenID Connect or a proxy. Without one, people who were added sign in with links.",
)
@log_option
@shared
def dashboard(
    session: Session,
    folder: str | None,
    host: str,
    port: int,
    no_browser: bool,
    allow_remote: bool,
    allowed_hosts: tuple[str, ...],
    sign_in: Path | None,
    log: Literal["text", "json"] | None,
) -> None:
    """Serve the dashboard of FOLDER (or --registry) until interrupted. A missing registry is created."""
    if log is not None:
        log_as(log)
    _serve(
        folder or session.location, host, port, not no_browser, session.artifacts, allow_remote, allowed_hosts, sign_in
    )


@main.command()
@click.argument("folder", default="model_registry_demo", type=click.Path(file_okay=False))
@click.option("--no-dashboard", is_flag=True, help="Only fill the folder; do not open the dashboard.")
@_port
@_no_browser
@click.option("--no-traffic", is_flag=True, help="Do not send flights to LateArrival while the dashboard runs.")
@click.option("--fresh", "--again", is_flag=True, help="Delete an existing demo and fill the folder again.")
@yes_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def demo(
    folder: str,
    no_dashboard: bool,
    port: int,
    no_browser: bool,
    no_traffic: bool,
    fresh: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Fill FOLDER with a demo registry of real models, and open its dashboard.

    The models are trained in a few seconds: rain at Offutt Air Force Base from fifty years of measurements, late
    flights from New York, and three data sets of scikit-learn. An existing demo is reused. While the dashboard runs,
    flights are sent to LateArrival as live traffic, and their outcomes follow.
    """
    # Only here: the demo needs numpy and scikit-learn, and `model-registry --help` should not wait for them.
    from ..demo import empty, fill, holds_demo

    session, target = Session(folder, None, as_json), Path(folder).expanduser()
    if fresh and holds_demo(target):
        if not yes and not as_json and interactive():
            ask([f"The demo in {visible(folder)} will be deleted, with all models registered there since."])
        empty(target)
    filled = not holds_demo(target)
    fill(target, say=lambda line: None if as_json else click.echo(visible(line)))
    if as_json:
        session.answer({"folder": str(target.absolute()), "filled": filled}, [])
    if not no_dashboard:
        with nullcontext() if no_traffic else _flights_coming(target):
            _serve(folder, "127.0.0.1", port, not no_browser, None, False)


@contextmanager
def _flights_coming(folder: Path) -> Iterator[None]:
    """Live traffic by a process of its own, which ends with this one however that ends: its input does."""
    command = [sys.executable, "-m", "registry_core", "traffic", str(folder), "--until-input-ends"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as other:
        try:
            yield
        finally:
            other.communicate()


def _serve(
    location: str,
    host: str,
    port: int,
    open_browser: bool,
    artifacts: str | None,
    allow_remote: bool,
    allowed_hosts: tuple[str, ...] = (),
    sign_in: Path | None = None,
) -> None:
    try:
        from dashboard.server import serve
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"the dashboard requires {error.name}. Install it: pip install 'model-registry-dashboard[dashboard]'"
        ) from error
    try:
        serve(
            location,
            host=host,
            port=port,
            open_browser=open_browser,
            artifacts=artifacts,
            allow_remote=allow_remote,
            allowed_hosts=allowed_hosts,
            sign_in=sign_in,
        )
    except KeyboardInterrupt:
        # Ctrl+C is how it is meant to end.
        click.echo("Stopped.", err=True)
