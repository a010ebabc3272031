"""Good model files changed at random, looked into and used: ``python -m benchmarks.mutants``.

Each mutant is looked into in a process that stands for the registry's own; what passes as trusted is loaded in the
sandbox and asked for predictions there. Printed are the names that a trusted mutant imports without having been
reported, the processes that ended outside the sandbox (both have to be none), how many ended inside it, and the most
time and memory that one look took, the hostile files of the tests among them. The same seed gives the same mutants.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.watched import Watched
from registry_core.artifacts import formats
from registry_core.artifacts.inspection import inspect
from registry_core.artifacts.sandbox import Form, Limits, Worker
from registry_core.errors import SandboxFailure
from tests.artifacts.inspection import differing, floods, misfits, mutations

CORPORA = (differing, floods, misfits)
COUNT, SEED = 24_000, 0
LIMITS = Limits(seconds=20, memory_bytes=1 << 30)
#: The most that one look may take: seconds of a processor, and bytes of memory beside the file itself.
MOST_SECONDS, MOST_BYTES = 1.0, 256 << 20


@dataclass(frozen=True)
class Case:
    """What is changed: the bytes of a good file, or a fitted model; and rows that it can be asked."""

    name: str
    good: Any
    form: Form
    features: bytes


@dataclass(frozen=True)
class Look:
    """What came of looking into one mutant."""

    verdict: str
    unreported: tuple[str, ...]
    seconds: float


def cases() -> list[Case]:
    """Good files of every format, and fitted models of every kind."""
    files = [(f"file {place}", data) for place, data in enumerate(mutations.sources())]
    return [*_asked(files, lambda data: formats.load(data, "a good file")), *_asked(mutations.models(), lambda it: it)]


def _asked(goods: Any, open_good: Any) -> Iterator[Case]:
    questions: list[tuple[Form, Any, bytes]] = [(form, rows, _packed(rows)) for form, rows in mutations.questions()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, good in goods:
            for form, rows, packed in questions:
                with suppress(Exception):
                    handed = rows.iloc[:, 0].to_numpy(dtype=object) if form == "text" else rows
                    open_good(good).predict(handed)
                    yield Case(name, good, form, packed)
                    break
            else:
                yield Case(name, good, questions[0][0], questions[0][2])


def _packed(rows: Any) -> bytes:
    buffer = io.BytesIO()
    if isinstance(rows, np.ndarray):
        np.save(buffer, rows)
    else:
        rows.to_feather(buffer)
    return buffer.getvalue()


def changed(case: Case, chance: random.Random) -> bytes:
    """One mutant of a case."""
    if not isinstance(case.good, bytes):
        return mutations.reshaped(case.good, chance)
    if chance.random() < 0.5:
        return mutations.within(case.good, chance)
    return mutations.mutant(case.good, mutations.drawn(chance))


def _inspector() -> Callable[[bytes], Look]:
    return _look


def _look(data: bytes) -> Look:
    begun = time.process_time()
    found = inspect(data, "a mutant")
    seconds = time.process_time() - begun
    unreported: set[str] = set()
    if found.verdict == "trusted" and found.format.startswith(("pickle", "joblib")):
        unreported = mutations.resolved(data) - set(found.names)
    return Look(found.verdict, tuple(sorted(unreported)), seconds)


def run(count: int, seed: int, say: Any = print) -> int:
    """Make, look into and use so many mutants; the exit code is 1 when what has to be none is not."""
    chance, everything = random.Random(seed), cases()
    watched, verdicts, unreported = Watched(_inspector), Counter[str](), Counter[str]()
    used: Counter[str] = Counter()
    crashes: Counter[str] = Counter()
    slowest = largest = 0.0
    begun = time.monotonic()
    with Worker(limits=LIMITS, require_all=False) as worker:
        for done in range(count):
            case = everything[done % len(everything)]
            data = changed(case, chance)
            seen = watched.handle(data)
            if seen is None:
                say(f"  ENDED the process that looks into it: mutant {done} of {case.name}")
                continue
            look: Look = seen.outcome
            verdicts[look.verdict] += 1
            unreported.update(look.unreported)
            unreported.update(seen.ran)
            slowest, largest = max(slowest, look.seconds), max(largest, seen.grown_bytes)
            if look.verdict != "trusted":
                continue
            outcome = _use(worker, data, case)
            used[outcome] += 1
            if outcome == "ended the process":
                crashes[case.name] += 1
            if done % 1000 == 999:
                say(f"  {done + 1:,} after {time.monotonic() - begun:.0f} s")
    hostile = [watched.handle(data) for corpus in CORPORA for _, data in corpus.files()]
    watched.close()
    believed = sum(seen is not None and seen.outcome.verdict == "trusted" for seen in hostile)
    slowest = max([slowest, *(seen.outcome.seconds for seen in hostile if seen)])
    largest = max([largest, *(seen.grown_bytes for seen in hostile if seen)])
    say(f"{count:,} mutants of {len(everything)} good files and models, seed {seed}: {_listed(verdicts)}")
    names = f"{sum(unreported.values())} {sorted(unreported) or ''}"
    say(f"names that trusted mutants import unreported, programs and connections begun: {names}")
    say(f"processes ended outside the sandbox: {watched.ended}; hanging: {watched.hung}")
    say(f"trusted mutants in the sandbox: {_listed(used)}")
    if crashes:
        say(f"  which ended it: {_listed(crashes)}")
    say(f"{len(hostile)} files made to differ, to flood or not to fit: {believed} trusted")
    say(f"the longest look {slowest:.3f} s, the most memory {largest / (1 << 20):.0f} MiB")
    held = (
        not unreported
        and not watched.ended
        and not watched.hung
        and not believed
        and slowest <= MOST_SECONDS
        and largest <= MOST_BYTES
    )
    return 0 if held else 1


def _use(worker: Worker, data: bytes, case: Case) -> str:
    try:
        worker.predict(data, None, case.features, form=case.form, timed=False)
        return "answered"
    except SandboxFailure as failure:
        if "killed by signal" in failure.reason or "in the middle" in failure.reason:
            return "ended the process"
        if "memory" in failure.reason:
            return "needed too much memory"
        return "took too long" if "longer than" in failure.reason or "second" in failure.reason else "said an error"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.most_common())


def main(given: list[str] | None = None) -> int:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"how many mutants (default {COUNT:,})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"which ones (default {SEED})")
    options = parser.parse_args(given)
    return run(options.count, options.seed)


if __name__ == "__main__":
    sys.exit(main())
