"""Rows: the dashboard in a real browser, with few versions and with many."""

from __future__ import annotations

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.bench import NAME, Bench
from benchmarks.browser import Visitor, chromium, visitor
from benchmarks.filling import bulk
from benchmarks.peer import PeerFailed, environment
from benchmarks.served import Server, bare_app, dashboard, free_port, serving, sessions
from benchmarks.table import Peer, Row, Unit, at_most, number, shown
from benchmarks.timing import quantile
from registry_core import Registry

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: In the order they are visited, so that no page follows itself; the heading each is known by.
TOUR = (("Activity", ""), ("Overview", ""), ("Model", NAME), ("Leaderboard", ""))
#: On a page of the table there are so many rows.
PAGE_SIZE = 50
_BACK = (("Next", 2), ("Prev", 1))
_TURNS = (("Next", 2), ("Next", 3), ("Prev", 2), ("Prev", 1))
#: The sessions opened before those that count: what all share is loaded with them.
WARMING = 5
#: In the place of a number of versions: the least Streamlit app, which is the limit.
BARE = 0

#: What is timed, how it is called in the table, and the most its 95th of 100 may take.
STEPS: dict[str, tuple[str, float]] = {
    "first": ("first visit to a painted leaderboard, nothing cached", 1.2),
    "between": ("from page to page, drawn to the end but for charts", 0.5),
    "paging": ("to another page of the table, painted", 0.25),
    "select": ("a row selected, what can be done with it shown", 0.3),
    "search": ("live search, from the last key to the painted table", 0.8),
    "chart": ("the first chart in a tab, from the click on its page", 1.4),
    "later": ("a later chart, from the click that changes it", 0.2),
}


@dataclass
class Figures:
    """What was measured at one number of versions."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    received: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    processor: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class Known:
    """What the pages will show, asked of the registry itself."""

    home: str
    versions: tuple[str, ...]
    pages: int
    #: What is searched for, what is said about it then, and the best that is found.
    sought: str
    found: str
    best_found: str


def known(bench: Bench, versions: int) -> Known:
    """The first rows of the leaderboard, and those of a search."""
    with Registry(bulk(bench, versions)) as registry:
        first = tuple(str(row["version"]) for row in registry.get_model_comparison(PAGE_SIZE, NAME))
        sought = _sought(versions)
        where = {"search": sought}
        (best,) = registry.get_model_comparison(1, NAME, where=where)
        count = registry.count_models(NAME, where=where)
    found = f"{count:,} of {versions:,} versions"
    return Known("/leaderboard", first, -(-versions // PAGE_SIZE), sought, found, str(best["version"]))


def known_bare() -> Known:
    """What the bare app shows."""
    from benchmarks import bare_pages

    everything = bare_pages.versions()
    versions = tuple(everything["Version"])
    return Known("/", versions[:PAGE_SIZE], 3, "_000011", f"10 of {len(versions)} versions", versions[110])


def _sought(versions: int) -> str:
    """Part of an id that about a hundredth of all versions have."""
    return f"_{versions // 2:07d}"[:-2] if versions >= 200 else f"{versions // 2:07d}"


def start(bench: Bench) -> list[Row]:
    """From the command to a painted leaderboard, and what the server holds in memory."""
    if (reason := _without()) is not None:
        return [Row("start", "dashboard: start of the server", notes=[reason])]
    versions = max(bench.size.pages)
    registry = bulk(bench, versions)
    seconds, listening, fresh, rest, each, drawn = [], [], [], [], [], []
    peers: list[Peer] = []
    peer_memory: list[Peer] = []
    notes: list[str] = []
    with chromium() as browser:
        for _ in range(max(1, bench.size.starts // 3)):
            with dashboard(registry, bench.new_folder("server")) as server:
                listening.append(time.monotonic() - server.started)
                fresh.append(server.memory() or 0.0)
                with visitor(browser) as guest:
                    guest.visit(f"{server.address}/leaderboard", heading="Leaderboard", painted="1.0.0", settled=True)
                    seconds.append(time.monotonic() - server.started)
                time.sleep(1)
                rest.append(server.memory() or 0.0)
                with ExitStack() as held:
                    held.enter_context(sessions(server, "leaderboard", WARMING))
                    before = server.memory() or 0.0
                    drawn.append(held.enter_context(sessions(server, "leaderboard", bench.size.sessions)))
                    each.append(((server.memory() or 0.0) - before) / bench.size.sessions)
        try:
            peers, peer_memory, notes = _peer(bench, browser, statistics.median(seconds))
        except (PeerFailed, RuntimeError) as error:
            bench.lines.append(f"MLflow's server left out: {error}")
    if not all(rest):
        bench.lines.append("memory and processor time of the dashboard: not told by this system")
    ours, held_bytes, session = (statistics.median(values) for values in (seconds, rest, each))
    return [
        Row(
            "start",
            f"dashboard: start of the server to a painted leaderboard, {versions:,} versions",
            ours,
            peers=peers,
            target="<= 4 s",
            checks=at_most("", ours, 4, f"{shown(ours, 's')} instead of <= 4 s"),
            notes=[f"median of {len(seconds)}; it listens after {shown(statistics.median(listening), 's')}", *notes],
        ),
        Row(
            "start-memory",
            "dashboard: memory of the server at rest",
            held_bytes,
            unit="bytes",
            peers=[Peer(peer.how, peer.value, peer.value / held_bytes) for peer in peer_memory if held_bytes],
            target="<= 200 MB",
            checks=at_most("", held_bytes or None, 200e6, f"{shown(held_bytes, 'bytes')} instead of <= 200 MB"),
            notes=[f"resident, after a visitor has left; before the first {shown(statistics.median(fresh), 'bytes')}"],
        ),
        Row(
            "start-session",
            "dashboard: memory of each further session",
            session,
            unit="bytes",
            target="<= 0.3 MB",
            checks=at_most("", session if all(rest) else None, 0.3e6, f"{number(session / 1e6)} MB instead of <= 0.3"),
            notes=[
                f"{min(drawn)} of {bench.size.sessions} WebSocket sessions drew the leaderboard and stayed open, "
                f"after {WARMING} that do not count"
            ],
        ),
    ]


def _peer(bench: Bench, browser: Browser, ours: float) -> tuple[list[Peer], list[Peer], list[str]]:
    """MLflow's server with one worker and no jobs, and its page of one model name."""
    versions = bench.size.many
    peer = bench.peer_filled(versions)
    if peer is None:
        return [], [], []
    port, folder = free_port(), bench.folder / "mlflow" / f"filled-{versions}"
    command = [
        *(str(peer.python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--default-artifact-root", str(folder / "artifacts")),
    ]
    wanted = {"shown": ["body", r"Version \d"], "patience": 60_000}
    with serving(command, port, "/health", environment(), bench.new_folder("mlflow-server")) as server:
        address = f"{server.address}/#/models/{NAME}"
        with visitor(browser) as guest:
            guest.visit(address, **wanted)
            seconds = time.monotonic() - server.started
        memory = server.memory()
        pages = []
        for _ in range(3):
            with visitor(browser) as guest:
                pages.append(guest.visit(address, **wanted))
    note = f"MLflow's page of {versions:,} versions, nothing cached: {shown(statistics.median(pages), 's')}"
    how = "one worker, jobs off"
    return [Peer(how, seconds, seconds / ours)], [Peer(how, memory)] if memory else [], [note]


def _without() -> str | None:
    """Why there is no browser, if there is none."""
    try:
        import playwright.sync_api
        import streamlit
    except ModuleNotFoundError as error:
        return f"not measured: there is no {error.name}"
    del playwright, streamlit
    return None


def pages(bench: Bench) -> list[Row]:
    """Every step a reader waits for, at each number of versions in turns."""
    if (reason := _without()) is not None:
        return [Row("pages", "dashboard: pages", notes=[reason])]
    sizes = bench.size.pages
    expected = {versions: known(bench, versions) for versions in sizes}
    expected[BARE] = known_bare()
    figures = {versions: Figures() for versions in expected}
    chance = random.Random(0)
    with ExitStack() as stack:
        browser = stack.enter_context(chromium())
        servers = {
            versions: stack.enter_context(dashboard(bulk(bench, versions), bench.new_folder("server")))
            for versions in sizes
        }
        servers[BARE] = stack.enter_context(bare_app(bench.new_folder("bare")))
        # What the server loads with its first visitor belongs to its start; a single visit is no measurement anyway.
        for versions, server in servers.items() if bench.size.visits > 1 else ():
            _round(browser, server, expected[versions], Figures())
        for _ in range(bench.size.visits):
            for versions in chance.sample([*servers], len(servers)):
                _round(browser, servers[versions], expected[versions], figures[versions])
    return [
        *(_step(step, versions, figures) for step in STEPS for versions in sizes),
        *(row for versions in sizes for row in _reruns(versions, figures)),
    ]


def _round(browser: Browser, server: Server, expected: Known, figures: Figures) -> None:
    """One visitor, from the first page to the last."""
    seconds = figures.seconds
    with visitor(browser) as guest:
        seconds["first"].append(
            guest.visit(
                f"{server.address}{expected.home}", heading="Leaderboard", painted=expected.versions[0], settled=True
            )
        )
        again = f"{server.address}{expected.home}?model={NAME}"
        seconds["again"].append(guest.visit(again, heading="Leaderboard", painted=expected.versions[0], settled=True))
        with _counted(figures, "paging", server, guest) as reruns:
            for way, page in _TURNS if expected.pages > 2 else 2 * _BACK:
                rank = str(PAGE_SIZE * (page - 1) + 1)
                seconds["paging"].append(guest.turn(way, painted=rank))
                guest.watch(settled=True)
                reruns.append(1)
        with _counted(figures, "select", server, guest) as reruns:
            for row in (2, 5, 9):
                seconds["select"].append(guest.tick(row, shown=[".st-key-selected", expected.versions[row]]))
                guest.watch(settled=True)
                guest.tick(row, gone=".st-key-selected", settled=True)
                reruns += [1, 1]
        seconds["search"].append(
            guest.search(expected.sought, painted=expected.best_found, shown=["body", expected.found])
        )
        guest.watch(settled=True)
        guest.search("", painted=expected.versions[0], settled=True)
        seconds["between"].append(guest.follow("Trends"))
        seconds["chart"].append(guest.watch(shown=[".js-plotly-plot .xtitle", "order of registration"]))
        guest.watch(settled=True)
        for option, title in (("Time", "date of registration"), ("Versions", "order of registration")):
            seconds["later"].append(guest.choose(option, shown=[".js-plotly-plot .xtitle", title]))
            guest.watch(settled=True)
        with _counted(figures, "between", server, guest) as reruns:
            for name, heading in TOUR:
                painted = {"painted": expected.versions[0]} if name == "Leaderboard" else {}
                seconds["between"].append(guest.follow(name, heading=heading or name, **painted))
                reruns.append(1)


@contextmanager
def _counted(figures: Figures, what: str, server: Server, guest: Visitor) -> Iterator[list[int]]:
    """Count bytes and processor time; whoever asks appends to the list with every run of the script it caused."""
    reruns: list[int] = []
    received, before = guest.received, server.seconds()
    yield reruns
    after = server.seconds()
    figures.received[what].append((guest.received - received) // len(reruns))
    if before is not None and after is not None:
        figures.processor[what].append((after - before) / len(reruns))


def _step(step: str, versions: int, figures: dict[int, Figures]) -> Row:
    what, most = STEPS[step]
    times = figures[versions].seconds[step]
    slow, middle = quantile(times, 0.95), statistics.median(times)
    checks = at_most("", slow, most, f"p95 {shown(slow, 's')} instead of <= {shown(most, 's')}")
    target = f"p95 <= {shown(most, 's')}"
    notes = [f"median {shown(middle, 's')} of {len(times)}"]
    bare = figures[BARE].seconds[step]
    fewest = min(each for each in figures if each != BARE)
    if versions != fewest:
        growth = middle / statistics.median(figures[fewest].seconds[step])
        target += ", within 25% of the fewest"
        checks += at_most("", growth, 1.25, f"{number(growth)}x the median of {fewest:,} versions instead of <= 1.25x")
        notes = [f"{notes[0]}, {number(growth)}x that of {fewest:,} versions"]
    if step == "first":
        again = figures[versions].seconds["again"]
        notes.append(
            f"with the files in the browser's cache: median {shown(statistics.median(again), 's')}, "
            f"p95 {shown(quantile(again, 0.95), 's')}; the bare app's "
            f"{shown(statistics.median(figures[BARE].seconds['again']), 's')}"
        )
    return Row(
        f"pages-{step}-{versions}",
        f"dashboard, {versions:,} versions: {what} (p95)",
        slow,
        quantile(bare, 0.95),
        middle / statistics.median(bare),
        target=target,
        checks=checks,
        notes=notes,
    )


def _reruns(versions: int, every: dict[int, Figures]) -> list[Row]:
    """What one run of the script costs: the row is of another page of the table, which sends most."""
    rows = []
    figures, bare = every[versions], every[BARE]
    kinds: tuple[tuple[str, str, dict[str, list[Any]], dict[str, list[Any]], float, Unit], ...] = (
        ("bytes", "received over the WebSocket", dict(figures.received), dict(bare.received), 40e3, "bytes"),
        ("cpu", "processor time of the server", dict(figures.processor), dict(bare.processor), 25e-3, "s"),
    )
    for key, what, values, least, most, unit in kinds:
        if not values.get("paging"):
            continue
        # The system counts processor time in hundredths of a second: only the sum of many reruns says something.
        mean = {name: statistics.fmean(each) for name, each in values.items()}
        ours = mean["paging"]
        others = (("select", "selecting a row and back"), ("between", "from page to page"))
        rows.append(
            Row(
                f"pages-{key}-{versions}",
                f"dashboard, {versions:,} versions: {what}, a rerun",
                ours,
                statistics.fmean(least["paging"]),
                ours / statistics.fmean(least["paging"]),
                unit=unit,
                target=f"<= {shown(most, unit)}",
                checks=at_most("", ours, most, f"{shown(ours, unit)} instead of <= {shown(most, unit)}"),
                notes=[
                    "another page of the table; " + ", ".join(f"{name} {shown(mean[it], unit)}" for it, name in others)
                ],
            )
        )
    return rows
