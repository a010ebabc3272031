"""Rows: the HTTP API and the remote client, beside the same work in one process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks import estimators
from benchmarks.bench import NAME, Bench, register
from benchmarks.peer import ROOT, PeerFailed, PeerProcess, environment
from benchmarks.served import Server, free_port, serving
from benchmarks.table import Check, Peer, Row, at_most, number
from benchmarks.timing import Contestant, repeated
from registry_core import Registry, RegistryError
from registry_core.artifacts import formats
from registry_core.wire.methods import method_of

if TYPE_CHECKING:
    from registry_core.actions.serve.predictor import Predictor

#: Resident bytes of a server and of a client while a file of any size passes through them.
MOST_MEMORY = 300e6
_MLFLOW = "MLflow's server"
_FIELDS = {"model_name": NAME, "model_type": "LogisticRegression", "evaluation_set": "holdout"}


@contextmanager
def _served(folder: Path, place: Path, port: int | None = None) -> Iterator[Server]:
    port = port or free_port()
    command = [sys.executable, "-m", "registry_core", "serve", "--registry", str(folder), "--port", str(port)]
    with serving(command, port, "/healthz", {**os.environ, "PYTHONPATH": str(ROOT)}, place) as server:
        yield server


@contextmanager
def _caching(folder: Path) -> Iterator[None]:
    """The cache of a remote client in a folder of its own."""
    with patch.dict(os.environ, {"MODEL_REGISTRY_CACHE": str(folder), "MODEL_REGISTRY_TOKEN": ""}):
        yield


def _rows(count: int) -> Any:
    return estimators.holdout().drop(columns="target").iloc[:count].to_numpy()


def _metadata(at: int) -> dict[str, Any]:
    return {**_FIELDS, "performance_metrics": estimators.metrics(at), "training_info": {"data_quality_score": 0.97}}


@contextmanager
def _mlflow_server(bench: Bench) -> Iterator[PeerProcess | None]:
    """MLflow connected to a server of its own, with SQLite and a local folder; None where it does not start."""
    if bench.peer is None or bench.mlflow_python is None:
        yield None
        return
    folder, port = bench.new_folder("mlflow-server"), free_port()
    folder.mkdir(parents=True)
    command = [
        str(bench.mlflow_python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    with ExitStack() as stack:
        try:
            server = stack.enter_context(serving(command, port, "/health", environment(), folder))
            bench.peer.ask("connect", address=server.address)
            bench.peer.ask("register", what="regression", how="tuned")  # what is imported on the way
        except (PeerFailed, RuntimeError) as error:
            bench.lines.append(f"MLflow's server left out: {error}")
            yield None
            return
        yield bench.peer


def registering(bench: Bench) -> list[Row]:
    """Register through a server: until it is received, and until it may be promoted."""
    folder, eligible = bench.new_folder("http"), []
    upload, (model, scaler) = method_of(Registry, "upload"), estimators.regression()
    with (
        Registry(bench.new_folder("local"), actor="benchmark") as local,
        Registry(folder, actor="benchmark"),
        _served(folder, bench.new_folder("server")) as server,
        Registry(server.address) as remote,
        _mlflow_server(bench) as peer,
    ):
        connection: Any = remote._connection  # pyrefly: ignore[missing-attribute]
        numbers = iter(range(1, 1_000_000))

        def received() -> float:
            at = next(numbers)
            start = time.perf_counter()
            files = {}
            for name, each in (("model_file", model), ("scaler_file", scaler)):
                path = bench.folder / f"{name}.pkl"
                path.write_bytes(formats.dumps(each))
                files[name] = connection.upload(path, name)
            check = connection._post(upload, {**files, "metadata": _metadata(at)}).json()["check"]
            seconds = time.perf_counter() - start
            # What is being checked would compete with what is measured next.
            while connection.get(f"/checks/{check}", wait=25).json()["state"] == "received":
                continue
            eligible.append(time.perf_counter() - start)
            return seconds

        def in_process() -> None:
            register(local, next(numbers), scaled=True)

        contestants: dict[str, Contestant] = {"ours": received, "local": in_process}
        if peer is not None:
            mlflow = peer
            contestants[_MLFLOW] = lambda: mlflow.seconds("register", what="regression", how="tuned")
        times = bench.race(contestants, rounds=bench.size.registrations, every={_MLFLOW: 3})
    ratio, theirs = times.ratio("ours", "local"), times.median(_MLFLOW)
    return [
        Row(
            "http-register",
            "register over HTTP until it is received (limit: the same in one process)",
            times.median("ours"),
            times.median("local"),
            ratio,
            target="<= 3x in one process",
            checks=at_most("over HTTP / in one process", ratio, 3.0),
            peers=[] if theirs is None else [Peer("its server", theirs, times.ratio(_MLFLOW, "ours"))],
            notes=[f"checked and registered after {number(1000 * median(eligible))} ms, of two at a time"],
            spread=times.spread("local"),
        )
    ]


def again(bench: Bench) -> list[Row]:
    """Ask a server's client for the best model while nothing changes."""
    folder = bench.new_folder("http")
    with Registry(folder, actor="benchmark") as local:
        register(local, 1, scaled=True)
        with (
            _served(folder, bench.new_folder("server")) as server,
            _caching(bench.new_folder("cache")),
            Registry(server.address) as remote,
        ):
            times = bench.race({
                "ours": repeated(lambda: remote.load_best_model(NAME)),
                "local": repeated(lambda: local.load_best_model(NAME)),
            })  # fmt: skip
    ours = times.median("ours")
    return [
        Row(
            "http-again",
            "load_best_model again, behind a server (limit: in one process)",
            ours,
            times.median("local"),
            times.ratio("ours", "local"),
            target="<= 20 us",
            checks=at_most("seconds", ours, 20e-6, "slower than 20 us"),
            spread=times.spread("local"),
        )
    ]


#: The imports of a service are not what is measured: it has loaded its libraries.
_FIRST = """
import sys, time, httpcore2, sklearn.linear_model, sklearn.preprocessing
import registry_core.registry, registry_core.remote.registry
start = time.perf_counter()
from registry_core import Registry
with Registry(sys.argv[1]) as registry:
    registry.load_active_model(sys.argv[2])
    print(time.perf_counter() - start)
"""


def first(bench: Bench) -> list[Row]:
    """Load the champion in a new process, of files in the cache."""
    folder = bench.new_folder("http")
    with Registry(folder, actor="benchmark") as local:
        register(local, 1, scaled=True)
    with _served(folder, bench.new_folder("server")) as server, _caching(bench.new_folder("cache")):

        def loading(location: str) -> Contestant:
            def run() -> float:
                command = [sys.executable, "-c", _FIRST, location, NAME]
                environment = {**os.environ, "PYTHONPATH": str(ROOT)}
                return float(subprocess.run(command, capture_output=True, check=True, env=environment).stdout)

            run()  # fills the cache, and makes the first check
            return run

        times = bench.race(
            {"ours": loading(server.address), "local": loading(str(folder))}, rounds=bench.size.starts
        )  # fmt: skip
    ratio = times.ratio("ours", "local")
    return [
        Row(
            "http-first",
            "first load from the cache behind a server, libraries imported (limit: from a folder)",
            times.median("ours"),
            times.median("local"),
            ratio,
            target="<= 1.2x from a folder",
            checks=at_most("cache / folder", ratio, 1.2),
            spread=times.spread("local"),
        )
    ]


@dataclass
class _Work:
    """What clients did at once: seconds until all were ready, calls a second from then on, and what went wrong."""

    ready: float
    rate: float
    calls: int
    wrong: list[str]


def _clients(bench: Bench, opened: Callable[[], Registry], own: Registry, seconds: _Processor) -> _Work:
    """Let clients register, promote, predict and record, from the moment on when each has predicted once.

    Args:
        seconds: processor seconds that the work took so far, asked when all are ready and in the end.
    """
    done: Counter[str] = Counter()
    wrong: list[str] = []
    lock, versions = threading.Lock(), [register(own, each, scaled=True) for each in (1, 2)]
    before = own.count_models(NAME)
    promoted: set[int] = set()
    inputs, until = _rows(20), [0.0]

    def begin() -> None:
        seconds.begin()
        until[0] = time.monotonic() + bench.size.client_seconds

    start = time.monotonic()
    ready = threading.Barrier(bench.size.clients, begin, timeout=600)

    def predict(registry: Registry, predictor: Predictor, count: Counter[str]) -> None:
        answer = predictor.predict(inputs)
        labels = dict.fromkeys(answer.prediction_ids.tolist(), 0)
        count["predictions"] += len(labels)
        count["outcomes"] += registry.record_outcomes(labels).recorded

    def client(which: int) -> None:
        count: Counter[str] = Counter()
        try:
            with opened() as registry:
                predictor = registry.predictor(NAME)
                predict(registry, predictor, count)
                ready.wait()
                turn = which
                while time.monotonic() < until[0]:
                    turn += 1
                    try:
                        if turn % 40 == 0:
                            register(registry, turn, scaled=True)
                            count["register"] += 1
                        elif turn % 10 == 0:
                            # Who promotes the champion is given its deployment, and changes nothing.
                            made = registry.promote(versions[turn // 10 % 2], reason="in turn", override=True)
                            promoted.add(made.deployment_id)
                        else:
                            predict(registry, predictor, count)
                            count["calls"] += 1
                        count["calls"] += 1
                    except RegistryError as error:
                        if "already" not in str(error):
                            raise
        except Exception as error:  # whatever it is, it is what a user would meet
            ready.abort()
            wrong.append(f"{type(error).__name__}: {error}"[:200])
        with lock:
            done.update(count)

    threads = [threading.Thread(target=client, args=(each,)) for each in range(bench.size.clients)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    seconds.end()
    begun = until[0] - bench.size.client_seconds
    span = time.monotonic() - begun
    history = own.prediction_history(NAME)
    served = history[history.role != "shadow"]
    stored = {
        "register": own.count_models(NAME) - before,
        "predictions": len(served),
        "outcomes": int(served.truth.notna().sum()),
    }
    lost = promoted - {each.deployment_id for each in own.deployments(NAME)}
    wrong += [f"{len(lost)} of {len(promoted)} confirmed promotions are not stored"] * bool(lost)
    wrong += [
        f"{name}: {done[name]} confirmed, {found} stored" for name, found in stored.items() if found != done[name]
    ]
    return _Work(begun - start, done["calls"] / span, done["calls"], wrong)


@dataclass
class _Processor:
    """Processor seconds between two moments: of this process, and of a server."""

    server: Callable[[], float | None] = lambda: 0.0
    _spent: float = 0.0

    def _now(self) -> float:
        return time.process_time() + (self.server() or 0.0)

    def begin(self) -> None:
        self._spent -= self._now()

    def end(self) -> None:
        self._spent += self._now()

    def each(self, work: _Work) -> str:
        return f"{number(1000 * self._spent / max(work.calls, 1))} ms"


def together(bench: Bench) -> list[Row]:
    """Many clients at once, and what became of each confirmed call."""
    folder, size = bench.new_folder("http"), bench.size
    with (
        Registry(folder, actor="benchmark") as own,
        _caching(bench.new_folder("cache")),
        _served(folder, bench.new_folder("server")) as server,
    ):
        served = _Processor(server.seconds)
        ours = _clients(bench, lambda: Registry(server.address), own, served)
    folder, alone = bench.new_folder("local"), _Processor()
    with Registry(folder, actor="benchmark") as own:
        local = _clients(bench, lambda: Registry(folder), own, alone)
    wrong = ours.wrong + local.wrong
    return [
        Row(
            "http-together",
            f"{size.clients} clients register, promote, predict and record for {size.client_seconds:g} s: calls a "
            "second (limit: threads of one process)",
            ours.rate,
            local.rate,
            local.rate / ours.rate if ours.rate else None,
            unit="per second",
            target="no lost update",
            checks=[Check("; ".join(wrong[:3]) or "nothing was lost", not wrong)],
            notes=[
                f"{ours.calls:,} calls; a call takes {served.each(ours)} of a processor, server and client together, "
                f"in one process {alone.each(local)}"
            ],
        ),
        Row(
            "http-ready",
            f"until each of {size.clients} clients that start at once has loaded the champion, with an empty cache, "
            "and predicted (limit: threads of one process)",
            ours.ready,
            local.ready,
            ours.ready / local.ready if local.ready else None,
        ),
    ]


_SENDING = """
import os, sys, httpx2
from registry_core import Registry
with Registry(sys.argv[1]) as registry:
    connection = registry._connection
    sent, cuts = connection._client.patch, [0, 0]
    size = os.path.getsize(sys.argv[2])
    def patch(url, content, headers):
        cuts[0] += 1
        if cuts[1] < 3 and int(headers["upload-offset"]) > size * (cuts[1] + 1) // 4:
            cuts[1] += 1
            def part():
                yield content[: len(content) // 2]
                raise httpx2.WriteError("the cable was pulled")
            return sent(url, content=part(), headers=headers)
        return sent(url, content=content, headers=headers)
    connection._client.patch = patch
    found = connection.upload(sys.argv[2], "model_file")
    arrived = connection._offset(found["upload"])
    status = open("/proc/self/status").read()
    print(cuts[1], arrived, int(status.partition("VmHWM:")[2].split()[0]) * 1024)
    connection._client.delete(f"/uploads/{found['upload']}")
"""


def upload(bench: Bench) -> list[Row]:
    """A file that is cut three times on its way, and the memory of both ends."""
    size, folder, path = bench.size.upload_bytes, bench.new_folder("http"), bench.folder / "large.bin"
    with path.open("wb") as file:
        file.truncate(size)
    Registry(folder).close()
    with _served(folder, bench.new_folder("server")) as server:
        start = time.monotonic()
        sending = subprocess.run(
            [sys.executable, "-c", _SENDING, server.address, str(path)], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "MODEL_REGISTRY_TOKEN": ""},
        )  # fmt: skip
        seconds = time.monotonic() - start
        status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
    path.unlink()
    cuts, arrived, client = map(int, sending.stdout.split())
    memory = max(client, int(status.partition("VmHWM:")[2].split()[0]) * 1024)
    return [
        Row(
            "http-upload",
            f"upload {size / 1e9:g} GB, cut three times: the larger peak memory of server and client",
            memory,
            unit="bytes",
            target="< 300 MB each",
            checks=[
                *at_most("bytes", memory, MOST_MEMORY, "more than 300 MB"),
                Check(f"{cuts} cuts, {arrived:,} of {size:,} bytes arrived", (cuts, arrived) == (3, size)),
            ],
            notes=[f"{number(seconds)} s"],
        )
    ]


def killed(bench: Bench) -> list[Row]:
    """A server that is killed and started while services predict and pipelines register."""
    folder, port, kills = bench.new_folder("http"), free_port(), bench.size.kills
    failures: list[str] = []
    confirmed: list[str] = []
    answered, over = Counter[str](), threading.Event()

    def service(address: str) -> None:
        with Registry(address) as registry:
            predictor = registry.predictor(NAME)
            ready.wait()
            while not over.is_set():
                try:
                    registry.load_active_model(NAME)
                    predictor.predict(_rows(5))
                    answered["calls"] += 2
                except Exception as error:  # a service that does not answer is what is counted
                    failures.append(f"{type(error).__name__}: {error}"[:200])
                time.sleep(0.01)
            done.wait()

    def pipeline(address: str) -> None:
        with Registry(address) as registry:
            ready.wait()
            at = 10
            while not over.is_set():
                at += 1
                try:
                    confirmed.append(register(registry, at))
                except RegistryError:
                    continue  # it was not confirmed

    ready, done = threading.Barrier(4), threading.Event()
    with (
        Registry(folder, actor="benchmark") as own,
        _caching(bench.new_folder("cache")),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", RuntimeWarning)  # the server does not answer: that is the point
        register(own, 1)
        threads: list[threading.Thread] = []
        for number_of in range(kills + 1):
            with _served(folder, bench.new_folder("server"), port) as server:
                if not number_of:
                    threads = [
                        threading.Thread(target=each, args=(server.address,)) for each in (service, service, pipeline)
                    ]
                    for each in threads:
                        each.start()
                    ready.wait(120)
                time.sleep(1.0)
                if number_of < kills:
                    os.killpg(server.process.pid, signal.SIGKILL)
                else:
                    time.sleep(3.0)
                    over.set()
                    done.set()
                    for each in threads:
                        each.join()
        missing = {*confirmed} - {each.model_id for each in own.list_models(NAME)}
        damaged = own.verify().findings
    return [
        Row(
            "http-killed",
            f"a server killed and started {kills} times: services answered meanwhile",
            float(answered["calls"]),
            unit="",
            target="all answered, nothing confirmed lost",
            checks=[
                Check(f"{len(failures)} calls failed: {failures[:1]}", not failures),
                Check(f"{len(missing)} of {len(confirmed)} confirmed versions lost", not missing),
                Check(f"{len(damaged)} findings of verify", not damaged),
            ],
        )
    ]
