"""The command group, the options all commands share, and how errors become exit codes."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from registry_core import (
    ArtifactError,
    Conflict,
    GatesFailed,
    InvalidInput,
    ModelNotFound,
    NoModelAvailable,
    NotEligible,
    NotFound,
    Registry,
    RegistryError,
    StorageError,
    __version__,
)

from .evidence import gate_lines, gates_document
from .output import visible, write, write_json

#: Files by which a folder is known as a registry, or as one without a catalog that is about to be adopted.
TRACES = ("registry.db", "model_index.json", "registry_config.json", "metadata")


class NoRegistry(RegistryError):
    """There is no registry at that location, and a command that only reads does not create one."""


class Stopped(RegistryError):
    """Ctrl+C was pressed; the message says what is done."""


DONE, UNEXPECTED, INVALID, NOT_FOUND, CONFLICT, UNAVAILABLE, ARTIFACT, STORAGE, GATES, UNMEASURED = range(10)

# The first that fits counts: some errors have two ancestors among these.
_CODES: tuple[tuple[type[RegistryError], int], ...] = (
    (NoRegistry, NOT_FOUND),
    (NotFound, NOT_FOUND),
    (Conflict, CONFLICT),
    (GatesFailed, GATES),
    (NotEligible, UNAVAILABLE),
    (NoModelAvailable, UNAVAILABLE),
    (ArtifactError, ARTIFACT),
    (StorageError, STORAGE),
    (InvalidInput, INVALID),
)

EXIT_CODES = """\b
Exit codes:
  0  done
  1  unexpected error, or not confirmed
  2  invalid usage or input, including a refused file
  3  model, model name, experiment, alert or registry not found
  4  conflict: changed in the meantime, or not allowed in the model's state
  5  model not eligible, or no model available
  6  model file missing, altered, quarantined or not loadable
  7  storage error: disk, permissions, database, or a damaged audit log
  8  a promotion gate or a rollout gate fails
  9  evaluation failed
"""


def exit_code(error: RegistryError) -> int:
    """The exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), UNEXPECTED)


class Console(click.Group):
    """The group of commands: an error becomes one line on stderr and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run one command and end the process."""
        words = list(sys.argv[1:] if args is None else args)
        for stream in (sys.stdout, sys.stderr):
            # A terminal that knows few letters must not turn a name into a crash.
            getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
        try:
            code = super().main(words, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            self._fail(words, "UsageError", _usage(error), INVALID)
        except click.Abort:
            self._fail(words, "Stopped", "stopped", UNEXPECTED)
        except GatesFailed as error:
            self._refuse(words, error)
        except RegistryError as error:
            self._fail(words, type(error).__name__, sentence(error), exit_code(error))
        except Exception as error:
            if not _wants_json(words):
                raise
            self._fail(words, type(error).__name__, str(error), UNEXPECTED)
        sys.exit(code if isinstance(code, int) else DONE)

    def _refuse(self, words: Sequence[str], error: GatesFailed) -> NoReturn:
        report, message = error.report, str(error)
        if not _wants_json(words):
            # The table gives the reasons; the whole message would repeat them.
            click.echo("\n".join([*gate_lines(report.gates), ""]), err=True)
            message = (
                f"{error.what}: {len(report.failures)} of {len(report.gates)} gates "
                "fail. Follow the remedy below each, or give --override with a --reason, which is recorded permanently"
            )
        self._fail(words, type(error).__name__, message, GATES, gates=gates_document(report)["gates"])

    def _fail(self, words: Sequence[str], kind: str, message: str, code: int, **further: Any) -> NoReturn:
        if _wants_json(words):
            click.echo(json.dumps({"error": kind, "message": message, **further}), err=True)
        else:
            click.echo(f"Error: {visible(message)}", err=True)
        sys.exit(code)


def _wants_json(words: Sequence[str]) -> bool:
    # Looked up in the words themselves: when they cannot be parsed there are no options to ask.
    return "--json" in words[: words.index("--") if "--" in words else None]


def _usage(error: click.ClickException) -> str:
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "model-registry"
    return f"{error.format_message().rstrip('.')}; `{path} --help` shows the usage"


def sentence(error: RegistryError) -> str:
    """The text of an error, without the number an operating system error puts before it."""
    return str(getattr(error, "strerror", None) or error)


@click.group(
    cls=Console,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="model-registry")
def main() -> None:
    """Store, rank, promote and monitor trained models, and roll back when a champion degrades.

    Every command takes --registry (a folder, or postgresql://... with --artifacts; the environment variable
    MODEL_REGISTRY sets the default) and --json, which prints one JSON document, or on stderr {"error": ...,
    "message": ...}. Times are shown in UTC. A time given without a time zone is local time.
    """


@dataclass(frozen=True)
class Session:
    """The registry's location, and the output format."""

    location: str
    artifacts: str | None
    json: bool

    def open(self, *, create: bool = False, take_over_settings: bool = True) -> Registry:
        """Open the registry. A folder is created only with ``create``.

        Raises:
            NoRegistry: there is no registry at the location.
        """
        if not create and not is_registry(self.location):
            raise NoRegistry(
                f"no registry at {self.location}. Give its folder with --registry, register a model to create one, "
                "or run `model-registry demo`"
            )
        return Registry(self.location, artifacts=self.artifacts, take_over_settings=take_over_settings)

    def answer(self, document: Any, lines: Iterable[str]) -> None:
        """Print the document as JSON, or the lines as text."""
        if self.json:
            write_json(document)
        else:
            write(lines)

    def asks(self, yes: bool) -> bool:
        """Whether to ask for confirmation: on a terminal, without --yes and --json."""
        return not yes and not self.json and interactive()


def interactive() -> bool:
    """Whether the input is a terminal."""
    return sys.stdin.isatty()


def ask(lines: Iterable[str]) -> None:
    """Show the change and ask for confirmation; ends the command when it is declined."""
    click.echo("\n".join(lines), err=True)
    if not click.confirm("Continue?", err=True):
        click.echo("Nothing was changed.", err=True)
        click.get_current_context().exit(UNEXPECTED)


class Line:
    """A progress line on stderr, overwritten at each step."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        share = f" {100 * done // total} %" if total else ""
        text = f"{visible(what)}{share}"
        if text != self._last:
            click.echo("\r" + text.ljust(len(self._last)), err=True, nl=False)
            self._last = text

    def close(self) -> None:
        """Clear the line."""
        if self._last:
            click.echo("\r" + " " * len(self._last) + "\r", err=True, nl=False)


@contextmanager
def shown(session: Session) -> Iterator[Line | None]:
    """A progress line where stderr is a terminal, else None."""
    if session.json or not sys.stderr.isatty():
        yield None
        return
    line = Line()
    try:
        yield line
    finally:
        line.close()


def is_registry(location: str) -> bool:
    """Whether there is a registry; a database is assumed to hold one until it is opened."""
    if "://" in location and not location.startswith("file://"):
        return True
    folder = Path(location.removeprefix("file://")).expanduser()
    return any((folder / name).exists() for name in TRACES)


def shared(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options every command has; the command receives them as a ``Session``."""

    @functools.wraps(function)
    def run(registry: str, artifacts: str | None, as_json: bool, **values: Any) -> None:
        function(Session(registry, artifacts, as_json), **values)

    options = (
        click.option(
            "--registry",
            "-r",
            metavar="FOLDER_OR_URL",
            envvar="MODEL_REGISTRY",
            default="model_registry",
            show_default=True,
            help="Registry folder or database URL.",
        ),
        click.option(
            "--artifacts",
            metavar="FOLDER_OR_URL",
            envvar="MODEL_REGISTRY_ARTIFACTS",
            help="With a database URL: folder or bucket of the model files.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text."),
    )
    for option in reversed(options):
        run = option(run)
    return run


def yes_option(function: Callable[..., None]) -> Callable[..., None]:
    """``--yes``, for the commands that ask for confirmation."""
    return click.option("--yes", is_flag=True, help="Do not ask for confirmation.")(function)


def check_name(registry: Registry, model_name: str) -> None:
    """Check that a model name exists.

    Raises:
        ModelNotFound: no model has that name.
    """
    names = registry.model_names()
    if model_name not in names:
        known = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "") if names else "none yet"
        raise ModelNotFound(f"no model has the name {model_name!r:.160}. Model names: {known}")
