"""Kill a working process with signal 9 at random moments: what ``benchmarks.killed`` and ``killed_upkeep`` share.

The process reports what it does in lines of JSON, so that what it confirmed before it died can be compared with what it
left behind. Moments are drawn from a seed; when exactly the system delivers the signal is chance.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from registry_core import Registry
from tests import object_store
from tests.servers import private_postgres

#: Writes one line of the report.
Report = Callable[..., None]

#: The share of processes that are killed at work; the others are killed while they still open the folder.
_AT_WORK = 0.9
#: A process lives at most so many seconds after its start, or after its first line.
_LONGEST_START, _LONGEST_WORK = 0.1, 0.8


@dataclass(frozen=True)
class Where:
    """A registry that processes are killed in: what opens it, and a folder for whatever else they write.

    ``folder`` is that of the registry, where it has one.
    """

    address: dict[str, Any]
    place: Path
    folder: Path | None = None

    def open(self, **arguments: Any) -> Registry:
        """Open it."""
        return Registry(**self.address, **arguments)


@contextmanager
def where(on: str) -> Iterator[Where]:
    """A place for a registry: in a folder, in PostgreSQL with a folder, or in PostgreSQL with a bucket."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = place / "registry"
        if on == "folder":
            yield Where({"location": folder}, place, folder)
            return
        catalog = stack.enter_context(private_postgres())
        if on == "postgres":
            yield Where({"location": catalog, "artifacts": folder}, place, folder)
            return
        stack.enter_context(patch.dict(os.environ, {
            "AWS_ENDPOINT_URL": stack.enter_context(object_store.process(0.0)), "AWS_ACCESS_KEY_ID": "team",
            "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1",
            "MODEL_REGISTRY_CACHE": stack.enter_context(tempfile.TemporaryDirectory()),
        }))  # fmt: skip
        yield Where({"location": catalog, "artifacts": "s3://team/registry"}, place)


PLACES = ("folder", "postgres", "bucket")


@dataclass
class Kills:
    """What all kills of a run came to; ``wrong`` has a sentence for each fault."""

    kills: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Killed:
    """A process that was killed: the moment (seconds since 1970), and the lines it reported until then."""

    moment: float
    lines: list[dict[str, Any]]


def kills(work: Callable[[int, Report], None], times: int, seed: int, result: Kills) -> Iterator[Killed]:
    """Start ``work(seed, report)`` in a process and kill it, so many times; counts the kills in ``result``.

    A process that ends by itself, or reports that it failed, is a fault.
    """
    for number in range(times):
        own = seed * 1_000 + number
        code, killed = _kill(work, own)
        result.kills += 1
        if code != -signal.SIGKILL:
            result.wrong.append(f"process {number} ended by itself with {code}")
        result.wrong += [f"process {number}: {line['failed']}" for line in killed.lines if "failed" in line]
        yield killed


def _kill(work: Callable[[int, Report], None], seed: int) -> tuple[int, Killed]:
    """Let a process work for a random time; its exit code, and what it left."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _work(work, seed, writer)
    os.close(writer)
    chance = random.Random(seed + 1_000_000)
    written = b""
    try:
        if chance.random() < _AT_WORK:
            while b"\n" not in written:
                written += os.read(reader, 65536) or b"\n"
        deadline = time.monotonic() + chance.uniform(0.0, _LONGEST_WORK if written else _LONGEST_START)
        while (left := deadline - time.monotonic()) > 0:
            if select.select([reader], [], [], left)[0]:
                part = os.read(reader, 65536)
                written += part
                if not part:
                    break
        moment = time.time()
        os.kill(child, signal.SIGKILL)
        while part := os.read(reader, 65536):
            written += part
    finally:
        os.close(reader)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    # The last line may have been cut.
    return code, Killed(moment, [json.loads(line) for line in written.splitlines() if line.endswith(b"}")])


def _work(work: Callable[[int, Report], None], seed: int, writer: int) -> None:
    def report(**line: Any) -> None:
        os.write(writer, f"{json.dumps(line)}\n".encode())

    try:
        work(seed, report)
    except BaseException as error:
        report(failed=f"{type(error).__name__}: {error}")
    finally:
        os._exit(1)


_Result = TypeVar("_Result", bound=Kills)


def main(
    description: str | None,
    times: int,
    run: Callable[[Where, int, int], _Result],
    table: Callable[[_Result], list[tuple[str, str]]],
) -> None:
    """The command of a benchmark of kills: run it, print its table or its JSON, and exit with 1 after a fault.

    Args:
        times: how many kills, where the command does not say it.
        run: (where, times, seed) -> what came of it.
        table: the rows to print, besides the numbers of kills and of faults.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--times", type=int, default=times)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--on", choices=PLACES, default="folder", help="servers of their own are started")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with where(options.on) as place:
        result = run(place, options.times, options.seed)
    if options.json:
        print(json.dumps(vars(result)))
    else:
        rows = [("kills", f"{result.kills:,}"), *table(result), ("wrong", f"{len(result.wrong)}")]
        print("| what | found |\n|---|---|")
        print("\n".join(f"| {what} | {value} |" for what, value in rows))
    for fault in result.wrong:
        print(fault, file=sys.stderr)
    sys.exit(bool(result.wrong))
