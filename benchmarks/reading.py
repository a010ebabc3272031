"""Rows: asking and deciding in registries with few and with many versions."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.bare import BareFolder
from benchmarks.bench import NAME, Bench
from benchmarks.filling import bulk
from benchmarks.peer import PeerFailed, PeerProcess
from benchmarks.table import Peer, Row, at_most, drift, number, shown, within
from benchmarks.timing import Contestant, Times, repeated
from registry_core import Registry

_TEN = """
    SELECT m.seq, m.model_id, m.model_name, m.model_type, m.score, m.metrics, m.registered_at
    FROM models m WHERE m.model_name = ? AND m.score IS NOT NULL ORDER BY m.score DESC, m.seq LIMIT 10
"""


def plain(folder: Path) -> sqlite3.Connection:
    """A second, bare connection to a registry's catalog."""
    return sqlite3.connect(folder / "registry.db", isolation_level=None)


def top(bench: Bench) -> list[Row]:
    """The ten best by a metric and by the score."""
    rows: list[Row] = []
    first: float | None = None
    for versions in (*bench.size.versions, *bench.size.bulk):
        folder = bulk(bench, versions) if versions in bench.size.bulk else bench.filled(versions)
        with Registry(folder) as registry, closing(plain(folder)) as connection:
            contestants: dict[str, Contestant] = {
                "ours": repeated(lambda: registry.get_model_comparison(10, NAME, order_by="accuracy")),
                "score": repeated(lambda: registry.get_model_comparison(10, NAME)),
                "limit": repeated(lambda: connection.execute(_TEN, (NAME,)).fetchall()),
            }
            times = bench.race(contestants, seconds=bench.size.seconds / 3)
        ours, ratio = times.median("ours"), times.ratio("ours", "limit")
        assert ours is not None
        checks = within(ours, 0.5e-3)
        target = "<= 0.5 ms"
        if first is None:
            first = ours
        else:
            target += ", flat"
            checks += at_most(f"{number(ours / first)}x of the time at the fewest versions", ours / first, 1.5)
        peers = _peer_top(bench, versions, ours) if versions in bench.size.versions else []
        rows.append(
            Row(
                f"top-{versions}",
                f"top 10 by a metric of {versions:,} versions",
                ours,
                times.median("limit"),
                ratio,
                peers=peers,
                target=target,
                checks=checks,
                notes=[f"by the score: {shown(times.median('score'), 's')}", *drift(times.median("limit"), 30e-6)],
                spread=times.spread("limit"),
            )
        )
    return rows


def _peer_top(bench: Bench, versions: int, ours: float) -> list[Peer]:
    peer = bench.peer_filled(versions)
    if peer is None:
        return []
    found = []
    try:
        for how in ("documented", "tuned by ANALYZE"):
            if how != "documented":
                peer.ask("analyze")
            quickest = {each: min(peer.seconds("top", how=each) for _ in range(3)) for each in ("models", "runs")}
            way = min(quickest, key=lambda each: quickest[each])
            found.append(Peer(f"{how}, its {way}", quickest[way], quickest[way] / ours))
            others = ", ".join(f"{shown(value, 's')} its {each}" for each, value in quickest.items() if each != way)
            bench.lines.append(f"MLflow's top 10 of {versions:,}, {how}, the slower way: {others}")
    except PeerFailed as error:
        bench.lines.append(f"MLflow's top 10: {error}")
    return found


def everything(bench: Bench) -> list[Row]:
    """All versions with their metrics, as a DataFrame."""
    try:
        import pandas
    except ModuleNotFoundError:
        return [Row("frame", "all versions as a DataFrame", notes=["not measured: there is no pandas"])]
    versions = bench.size.many
    folder = bench.filled(versions)

    def frame() -> None:
        rows = registry.get_model_comparison(None, NAME)
        table = pandas.DataFrame([{**row["metrics"], **row} for row in rows])
        assert len(table) == versions

    with Registry(folder) as registry, closing(plain(folder)) as connection:
        contestants: dict[str, Contestant] = {
            "ours": frame,
            "records": lambda: _drop(registry.get_model_comparison(None, NAME)),
            "limit": lambda: _drop(connection.execute("SELECT * FROM models").fetchall()),
        }
        times = bench.race(contestants)
    ours, ratio = times.median("ours"), times.ratio("ours", "limit")
    assert ours is not None
    peers: list[Peer] = []
    notes = [f"as records: {shown(times.median('records'), 's')}"]
    peer = bench.peer_filled(versions)
    if peer is not None:
        try:
            answer = peer.ask("every", how="versions")
            peers.append(Peer("version by version (200, multiplied)", answer["seconds"], answer["seconds"] / ours))
            notes.append(f"MLflow's versions without metrics: {shown(answer['listing'], 's')}")
            seconds = peer.seconds("every", how="runs")
            peers.append(Peer("as runs", seconds, seconds / ours))
        except PeerFailed as error:
            bench.lines.append(f"MLflow's versions as a DataFrame: {error}")
    scale = max(1.0, versions / 10_000)
    return [
        Row(
            "frame",
            f"all {versions:,} versions with metrics as a DataFrame",
            ours,
            times.median("limit"),
            ratio,
            peers=peers,
            target="<= 150 ms",
            checks=within(ours, 0.15 * scale),
            notes=[*notes, *drift(times.median("limit"), 20e-3 * versions / 10_000)],
            spread=times.spread("limit"),
        )
    ]


def _drop(answer: object) -> None:
    """Let an answer go, so that the clock of the caller counts."""


def promote(bench: Bench) -> list[Row]:
    """A promotion."""
    versions = bench.size.many
    folder = bench.filled(versions)
    bare = BareFolder(bench.new_folder("bare"))
    with Registry(folder, actor="benchmark") as registry:
        pair = [row["model_id"] for row in registry.get_model_comparison(3, NAME)][1:]
        turn = [0]

        def ours() -> None:
            turn[0] += 1
            registry.promote(pair[turn[0] % 2], reason="benchmark")

        ours()
        keys = [registry.get_metadata(each).model_file_path for each in pair]

        def limit_and_load() -> None:
            bare.commit()
            _verify(keys[turn[0] % 2])

        contestants: dict[str, Contestant] = {"ours": ours, "limit": bare.commit, "loaded": limit_and_load}
        _add_peer(bench, versions, contestants, "promote")
        times = bench.race(contestants, every={"MLflow": 5}, block=10)
    bare.close()
    ratio = times.ratio("ours", "limit")
    return [
        Row(
            "promote",
            f"promote, {versions:,} versions",
            times.median("ours"),
            times.median("limit"),
            ratio,
            peers=_peers(times),
            target="<= 3x limit",
            checks=at_most("ours / limit", ratio, 3),
            notes=[
                f"the limit with the file read, hashed and loaded, as every promotion does: "
                f"{shown(times.median('loaded'), 's')}, ours {number(times.ratio('ours', 'loaded') or 0)}x of that"
            ],
            spread=times.spread("limit"),
        )
    ]


def _verify(path: str) -> None:
    import io
    from hashlib import sha256

    import joblib

    data = Path(path).read_bytes()
    sha256(data).hexdigest()
    joblib.load(io.BytesIO(data))


def champion(bench: Bench) -> list[Row]:
    """Which model is the champion."""
    versions = bench.size.many
    folder = bench.filled(versions)
    with Registry(folder) as registry, closing(plain(folder)) as connection:
        pair = [row["model_id"] for row in registry.get_model_comparison(2, NAME)]
        turn = [0]
        other = Registry(folder, actor="benchmark")

        def changed() -> float:
            import time

            turn[0] += 1
            current = registry.get_active_model_id(NAME)
            other.promote(next(each for each in pair if each != current))
            start = time.perf_counter()
            registry.get_active_model_id(NAME)
            return time.perf_counter() - start

        question = "SELECT model_id FROM deployments WHERE model_name = ? AND ended_at IS NULL"
        contestants: dict[str, Contestant] = {
            "ours": repeated(lambda: registry.get_active_model_id(NAME), 0.005),
            "limit": repeated(lambda: connection.execute(question, (NAME,)).fetchone(), 0.005),
            "changed": changed,
        }
        _add_peer(bench, versions, contestants, "champion")
        times = bench.race(contestants, seconds=bench.size.seconds / 2, every={"MLflow": 10})
        other.close()
    ours = times.median("ours")
    assert ours is not None
    return [
        Row(
            "champion",
            "which is the champion",
            ours,
            times.median("limit"),
            times.ratio("ours", "limit"),
            peers=_peers(times),
            target="<= 100 us",
            checks=within(ours, 100e-6),
            notes=[
                f"the first call after a promotion by another process: {shown(times.median('changed'), 's')}",
                *drift(times.median("limit"), 5e-6),
            ],
            spread=times.spread("limit"),
        )
    ]


def _add_peer(bench: Bench, versions: int, contestants: dict[str, Contestant], action: str) -> None:
    peer = bench.peer_filled(versions)
    if peer is None:
        return
    arguments: dict[str, Any] = {"version": 2} if action == "promote" else {}
    try:
        peer.ask(action, **arguments)
        contestants["MLflow"] = _asking(peer, action, arguments)
    except PeerFailed as error:
        bench.lines.append(f"MLflow left out of {action}: {error}")


def _asking(peer: PeerProcess, action: str, arguments: dict[str, Any]) -> Contestant:
    return lambda: peer.seconds(action, **arguments)


def _peers(times: Times) -> list[Peer]:
    seconds = times.median("MLflow")
    return [] if seconds is None else [Peer("", seconds, times.ratio("MLflow", "ours"))]
