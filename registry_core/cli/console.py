"""The group, what all its verbs share, and how errors become exit codes."""

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

#: What a folder holds that is a registry, or one in the seed's layout that is about to be adopted.
TRACES = ("registry.db", "model_index.json", "registry_config.json", "metadata")


class NoRegistry(RegistryError):
    """There is no registry at that place, and a verb that only reads makes none."""


class Stopped(RegistryError):
    """Somebody pressed Ctrl+C; the message says what is done."""


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
  1  something unexpected, or you said no
  2  bad usage, or input that cannot be accepted: a refused file too
  3  no such model, model name, experiment, alert or registry
  4  conflict: somebody was faster, or the verb does not fit the model's state
  5  not eligible, or nothing to choose from
  6  a model's file is missing, altered, quarantined or does not load
  7  storage: disk, rights, database, or an event record that does not fit its chain
  8  a gate before production, or before an experiment's next stage, fails
  9  a model could not be measured
"""


def exit_code(error: RegistryError) -> int:
    """The code that stands for an error."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), UNEXPECTED)


class Console(click.Group):
    """The group of verbs: an error becomes one line on stderr and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run one verb and end the process."""
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
            # The table says why; the whole message would say it twice.
            click.echo("\n".join([*gate_lines(report.gates), ""]), err=True)
            message = (
                f"{error.what}: {len(report.failures)} of {len(report.gates)} gates "
                "fail. Do what stands below each, or say --override with a --reason, which stays visible"
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
    return f"{error.format_message().rstrip('.')}; `{path} --help` shows what is allowed"


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
    """Keep trained models, rank them, put the best into production, and take it back when it fails.

    Every verb takes --registry (a folder, or postgresql://... with --artifacts; MODEL_REGISTRY sets it for all)
    and --json, which prints one JSON document, or on stderr {"error": ..., "message": ...}. Times are shown in
    UTC; a time you give without a zone is local time.
    """


@dataclass(frozen=True)
class Session:
    """Where the registry is, and whether a machine reads the answer."""

    location: str
    artifacts: str | None
    json: bool

    def open(self, *, create: bool = False, take_over_settings: bool = True) -> Registry:
        """Open the registry; one in a folder is made only when ``create`` says so.

        Raises:
            NoRegistry: there is none.
        """
        if not create and not is_registry(self.location):
            raise NoRegistry(
                f"no registry at {self.location}; name its folder with --registry, register a model to make one, "
                "or run `model-registry demo`"
            )
        return Registry(self.location, artifacts=self.artifacts, take_over_settings=take_over_settings)

    def answer(self, document: Any, lines: Iterable[str]) -> None:
        """Print the document for a machine, or the lines for a person."""
        if self.json:
            write_json(document)
        else:
            write(lines)

    def asks(self, yes: bool) -> bool:
        """Whether to ask before production changes: a person sits there and has not said yes already."""
        return not yes and not self.json and interactive()


def interactive() -> bool:
    """Whether a person can answer."""
    return sys.stdin.isatty()


def ask(lines: Iterable[str]) -> None:
    """Show what changes and ask; ends the command when the answer is no."""
    click.echo("\n".join(lines), err=True)
    if not click.confirm("Go on?", err=True):
        click.echo("Nothing was changed.", err=True)
        click.get_current_context().exit(UNEXPECTED)


class Line:
    """One line on stderr that says how far long work is, written over and over."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        share = f" {100 * done // total} %" if total else ""
        text = f"{visible(what)}{share}"
        if text != self._last:
            click.echo("\r" + text.ljust(len(self._last)), err=True, nl=False)
            self._last = text

    def close(self) -> None:
        """Leave an empty line to write on."""
        if self._last:
            click.echo("\r" + " " * len(self._last) + "\r", err=True, nl=False)


@contextmanager
def shown(session: Session) -> Iterator[Line | None]:
    """What to tell how far it is: a line, for a person who watches."""
    if session.json or not sys.stderr.isatty():
        yield None
        return
    line = Line()
    try:
        yield line
    finally:
        line.close()


def is_registry(location: str) -> bool:
    """Whether something is there; a database is asked by opening it."""
    if "://" in location and not location.startswith("file://"):
        return True
    folder = Path(location.removeprefix("file://")).expanduser()
    return any((folder / each).exists() for each in TRACES)


def shared(function: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options all have; it receives them as a ``Session``."""

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
            help="The registry's folder, or its database address.",
        ),
        click.option(
            "--artifacts", metavar="FOLDER_OR_URL", help="With a database address: where the models' files are."
        ),
        click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text."),
    )
    for option in reversed(options):
        run = option(run)
    return run


def actor_option(function: Callable[..., None]) -> Callable[..., None]:
    """``--actor``, for the verbs that change something."""
    return click.option("--actor", help="Who does it; the operating system's user by default.")(function)


def reason_option(required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """``--reason``, for the verbs that change something."""
    text = "Why; kept with the event."
    # To click a default of None is a default, and what has one is never missing.
    return (
        click.option("--reason", required=True, help=text)
        if required
        else click.option("--reason", default="", help=text)
    )


def yes_option(function: Callable[..., None]) -> Callable[..., None]:
    """``--yes``, for the verbs that ask when a person sits there."""
    return click.option("--yes", is_flag=True, help="Do not ask, even on a terminal.")(function)


def check_name(registry: Registry, model_name: str) -> None:
    """Tell a model name nobody uses from one without an answer.

    Raises:
        ModelNotFound: no model carries it.
    """
    names = registry.model_names()
    if model_name not in names:
        known = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "") if names else "none yet"
        raise ModelNotFound(f"no model carries the name {model_name!r:.160}; there are: {known}")
