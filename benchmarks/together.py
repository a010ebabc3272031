"""Rows: several processes at once."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import estimators
from benchmarks.bare import BareFolder
from benchmarks.bench import Bench, register
from benchmarks.peer import PeerFailed
from benchmarks.table import Check, Peer, Row, at_least, at_most, number, shown
from benchmarks.timing import quantile
from registry_core import Registry

#: How many times each side is measured; the middle one counts.
ROUNDS = 5


@contextmanager
def _registry(folder: Path) -> Iterator[Callable[[int], object]]:
    with Registry(folder, actor=f"process {os.getpid()}") as registry:
        yield lambda number: register(registry, number, scaled=True)


@contextmanager
def _probe(folder: Path) -> Iterator[Callable[[int], object]]:
    bare = BareFolder(folder)
    try:
        yield lambda number: bare.register_with_sidecar(estimators.regression())
    finally:
        bare.close()


@contextmanager
def _durable(folder: Path) -> Iterator[Callable[[int], object]]:
    bare = BareFolder(folder)
    try:
        yield lambda number: bare.register_with_sidecar(estimators.regression(), durably=True)
    finally:
        bare.close()


#: What is made ready once, and then done again and again: it gets the number of the time.
Task = Callable[[Any], AbstractContextManager[Callable[[int], object]]]

_TASKS: dict[str, Task] = {"ours": _registry, "limit": _probe, "durable": _durable}


def _work(calls: Connection, barrier: Any) -> None:
    """A process of the crew: does what it is told, together with the others."""
    estimators.regression()
    while (call := calls.recv()) is not None:
        what, folder, number = call
        errors: list[str] = []
        times: list[float] = []
        barrier.wait(60)
        if what == "open":
            start = time.monotonic()
            try:
                Registry(folder).close()
            except Exception as error:  # whatever it is, it is what a user would meet
                errors.append(f"{type(error).__name__}: {error}"[:200])
            calls.send((start, time.monotonic(), times, errors))
            continue
        with (_TASKS[what] if isinstance(what, str) else what)(folder) as act:
            barrier.wait(60)
            start = time.monotonic()
            for each in range(number):
                before = time.perf_counter()
                try:
                    act(each + 1)
                except Exception as error:  # whatever it is, it is what a user would meet
                    errors.append(f"{type(error).__name__}: {error}"[:200])
                times.append(time.perf_counter() - before)
            end = time.monotonic()
        calls.send((start, end, times, errors))


class Crew:
    """Processes that wait for work, so that starting them is not measured."""

    def __init__(self, processes: int) -> None:
        context = multiprocessing.get_context("spawn")
        # Kept: its semaphores are gone as soon as nobody here holds it, perhaps before a process has begun.
        self._barrier = context.Barrier(processes)
        self._calls = []
        self._processes = []
        for _ in range(processes):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, self._barrier), daemon=True)
            process.start()
            there.close()
            self._calls.append(here)
            self._processes.append(process)

    def do(self, what: str | Task, folder: Path | str, number: int = 0) -> tuple[float, list[float], list[str]]:
        """Let all do it at once; the rate of all, the times of each act, and what went wrong.

        Args:
            what: one of the tasks here, or a function of a module.
        """
        for calls in self._calls:
            calls.send((what, folder, number))
        answers = []
        for calls in self._calls:
            if not calls.poll(120):
                raise RuntimeError(f"{what}: a process did not answer within 120 s")
            answers.append(calls.recv())
        span = max(end for _, end, *_ in answers) - min(start for start, *_ in answers)
        times = [each for _, _, times, _ in answers for each in times]
        return len(times) / span, times, [error for *_, errors in answers for error in errors]

    def close(self) -> None:
        """Send them home."""
        for calls, process in zip(self._calls, self._processes, strict=True):
            try:
                calls.send(None)
            except OSError:
                process.kill()
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join()
            calls.close()
            process.close()


@contextmanager
def crew(processes: int) -> Iterator[Crew]:
    """Processes that wait for work."""
    made = Crew(processes)
    try:
        yield made
    finally:
        made.close()


def registering(bench: Bench) -> list[Row]:
    """Eight processes registering real models at once, beside a bare probe and beside one process alone."""
    size = bench.size
    rates: dict[str, list[float]] = {"ours": [], "limit": [], "durable": [], "alone": []}
    slow, middle, probe_slow, probe_middle, errors = [], [], [], [], []
    folder, bare = bench.new_folder("registry"), bench.new_folder("bare")
    with Registry(folder) as registry:
        register(registry, 0, scaled=True)
    BareFolder(bare).close()
    with crew(size.processes) as many, crew(1) as single:
        rounds = 1 if size.rounds < 10 else ROUNDS
        for _ in range(rounds):
            rate, times, wrong = many.do("ours", folder, size.registrations)
            rates["ours"].append(rate)
            slow.append(quantile(times, 0.99))
            middle.append(statistics.median(times))
            errors += wrong
            rate, times, _ = many.do("limit", bare, size.registrations)
            rates["limit"].append(rate)
            probe_slow.append(quantile(times, 0.99))
            probe_middle.append(statistics.median(times))
            rates["durable"].append(many.do("durable", bare, size.registrations)[0])
            rate, _, wrong = single.do("ours", folder, 2 * size.registrations)
            rates["alone"].append(rate)
            errors += wrong
    share = statistics.median(a / b for a, b in zip(rates["ours"], rates["limit"], strict=True))
    durable = statistics.median(a / b for a, b in zip(rates["ours"], rates["durable"], strict=True))
    alone = statistics.median(a / b for a, b in zip(rates["ours"], rates["alone"], strict=True))
    tail = statistics.median(a / b for a, b in zip(slow, middle, strict=True))
    peers = []
    notes = [
        f"one process alone {number(statistics.median(rates['alone']))}/s; probe as safe as ours (folder synced) "
        f"{number(statistics.median(rates['durable']))}/s, ours {number(durable)}x of that; p99 "
        f"{shown(statistics.median(slow), 's')} = {number(tail)}x the median, the probe's "
        f"{shown(statistics.median(probe_slow), 's')} = "
        f"{number(statistics.median(a / b for a, b in zip(probe_slow, probe_middle, strict=True)))}x; "
        f"{len(errors)} errors" + (f", such as {errors[0]}" if errors else "")
    ]
    ours = statistics.median(rates["ours"])
    if bench.peer is not None:
        try:
            answer = bench.peer.ask(
                "together",
                seconds=240,
                folder=str(bench.new_folder("mlflow-together")),
                processes=size.processes,
                each=6,
            )
            peers = [Peer("", answer["rate"], ours / answer["rate"])]
            notes.append(
                f"MLflow's p99 {shown(quantile(answer['times'], 0.99), 's')}, {len(answer['errors'])} errors"
                + (f", such as {answer['errors'][0]}" if answer["errors"] else "")
            )
        except PeerFailed as error:
            bench.lines.append(f"MLflow left out of registering at once: {error}")
    return [
        Row(
            "together",
            f"{size.processes} processes registering at once",
            ours,
            statistics.median(rates["limit"]),
            share,
            unit="per second",
            peers=peers,
            target=">= 50% of the probe, >= 70% of one process alone, p99 <= 20x median, no error",
            checks=[
                *at_least("ours / probe", share, 0.5),
                *at_least("ours / one process alone", alone, 0.7),
                *at_most("p99 / median", tail, 20),
                Check(f"{len(errors)} errors", not errors),
            ],
            notes=notes,
        )
    ]


def first_open(bench: Bench) -> list[Row]:
    """A folder nobody has opened yet, opened by eight processes at once."""
    size = bench.size
    opened, errors = 0, []
    with crew(size.processes) as many:
        for _ in range(size.openings):
            folder = bench.new_folder("opened")
            _, _, wrong = many.do("open", folder)
            with Registry(folder) as registry:
                whole = registry.verify_events() is None
            opened += whole and not wrong
            errors += wrong
    notes = [f"such as {errors[0]}"] if errors else []
    peers = []
    if bench.peer is not None and size.peer_openings:
        try:
            answers = [
                bench.peer.ask("first_open", folder=str(bench.new_folder("mlflow-opened")), processes=size.processes)
                for _ in range(size.peer_openings)
            ]
            good = sum(not each["errors"] for each in answers)
            peers = [Peer("", good / len(answers))]
            notes.append(
                f"MLflow: {good} of {len(answers)} trials without an error"
                + next((f", such as {each['errors'][0][:120]}" for each in answers if each["errors"]), "")
            )
        except PeerFailed as error:
            bench.lines.append(f"MLflow left out of the first opening: {error}")
    return [
        Row(
            "first-open",
            f"first opening by {size.processes} processes at once, share of {size.openings} trials that worked",
            opened / size.openings,
            1,
            unit="",
            peers=peers,
            target="always",
            checks=at_least("share", opened / size.openings, 1),
            notes=notes,
        )
    ]
