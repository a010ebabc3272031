"""Rows: a registry whose files are in a bucket, and every answer of the store is 50 ms late."""

from __future__ import annotations

import itertools
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from benchmarks import estimators
from benchmarks.bench import Bench
from benchmarks.table import Check, Row, number, shown
from benchmarks.timing import quantile
from benchmarks.together import crew
from registry_core import Registry
from registry_core.artifacts.places import Bucket
from tests import object_store
from tests.object_store import ObjectStore
from tests.servers import private_postgres

#: By how many seconds the store is late.
LATE = 0.05
#: A bare client puts as many objects as a registration does, about as large.
_SIZES = (1_200, 1_100, 2_300)
_ROUNDS = 3
_BUCKET = "s3://team/registry"


@contextmanager
def _environment(bench: Bench, endpoint: str) -> Iterator[None]:
    known = {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "team", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1", "MODEL_REGISTRY_CACHE": str(bench.new_folder("cache")),
    }  # fmt: skip
    with patch.dict(os.environ, known):
        yield


def _register(registry: Registry, name: str, place: int) -> str:
    model, scaler = estimators.regression()
    return registry.register_model(
        model,
        scaler,
        model_name=name,
        model_type="LogisticRegression",
        performance_metrics=estimators.metrics(place),
        training_info={"training_samples": 500, "data_quality_score": 0.97},
        hyperparameters={"C": 1.0},
        evaluation_set="holdout",
    )


@contextmanager
def writer(catalog: str) -> Iterator[Callable[[int], object]]:
    """A process that registers versions of a name of its own."""
    name = f"writer-{os.getpid()}"
    with Registry(catalog, artifacts=_BUCKET, actor="benchmark") as registry:
        # What is looked up once a process is not what is measured.
        _register(registry, name, 0)
        yield lambda place: _register(registry, name, place)


@contextmanager
def client(_: str) -> Iterator[Callable[[int], object]]:
    """A process that puts the objects of a registration one after another, by the same driver."""
    bucket, numbers = Bucket(_BUCKET), itertools.count()

    def put(_: int) -> None:
        for size in _SIZES:
            bucket.name({f"bare/{os.getpid()}-{next(numbers)}": b"x" * size}, new=False)

    put(0)
    yield put


def requests(bench: Bench) -> list[Row]:
    """One writer: what it asks of the store, and which locks of the catalog are held while it waits for an answer."""
    store, seconds, per_registration = ObjectStore(late=LATE), list[float](), list[int]()
    held: list[str] = []
    looks = 0
    done = threading.Event()
    with private_postgres() as catalog, store.running(), _environment(bench, store.address):

        def look() -> None:
            import psycopg

            nonlocal looks
            with psycopg.connect(catalog, autocommit=True) as connection:
                while not done.is_set():
                    before = store.under_way
                    rows = connection.execute(
                        "SELECT locktype || ' ' || mode FROM pg_locks WHERE granted AND pid <> pg_backend_pid() "
                        "AND mode <> 'AccessShareLock' AND locktype <> 'virtualxid'"
                    ).fetchall()
                    # Under way before the question and the same after the answer: so it was all the time.
                    if before and store.under_way == before:
                        looks += 1
                        held.extend(lock for (lock,) in rows)
                    time.sleep(0.001)

        with Registry(catalog, artifacts=_BUCKET, actor="benchmark") as registry:
            _register(registry, "one", 0)
            looking = threading.Thread(target=look, daemon=True)
            looking.start()
            for place in range(1, bench.size.registrations + 1):
                asked, start = len(store.asked), time.perf_counter()
                _register(registry, "one", place)
                seconds.append(time.perf_counter() - start)
                per_registration.append(len(store.asked) - asked)
            done.set()
            looking.join()
    most = max(per_registration)
    return [
        Row(
            "bucket-requests",
            f"register in a bucket that answers {LATE * 1000:.0f} ms late",
            statistics.median(seconds),
            LATE,
            statistics.median(seconds) / LATE,
            target="<= 3 requests, no lock of the catalog held during one",
            checks=[
                Check(f"{most} requests", most <= 3),
                Check(f"{len(held)} locks seen in {looks} looks during requests", looks > 0 and not held),
            ],
            notes=[
                f"{most} requests a registration of two files, in parallel; {len(held)} locks of the catalog seen in "
                f"{looks:,} looks at pg_locks while a request was under way; p95 {shown(quantile(seconds, 0.95), 's')}"
            ],
        )
    ]


def together(bench: Bench) -> list[Row]:
    """Writers of different names at once, beside one alone, and beside as many that put bare objects."""
    clients, times = bench.size.clients, max(2, bench.size.registrations // 2)
    rates: dict[str, list[float]] = {"ours": [], "limit": [], "alone": []}
    errors: list[str] = []
    rounds = 1 if bench.size.rounds < 10 else _ROUNDS
    with (
        private_postgres() as catalog,
        object_store.process(LATE) as endpoint,
        _environment(bench, endpoint),
        crew(clients) as many,
        crew(1) as single,
    ):
        Registry(catalog, artifacts=_BUCKET).close()
        for _ in range(rounds):
            for what, team, task in (("limit", many, client), ("alone", single, writer), ("ours", many, writer)):
                rate, _, wrong = team.do(task, catalog, times)
                rates[what].append(rate)
                errors += wrong
        with Registry(catalog, artifacts=_BUCKET) as registry:
            whole = registry.verify_events() is None
    ours, limit, alone = (statistics.median(rates[what]) for what in ("ours", "limit", "alone"))
    goal = min(10 * alone, 0.8 * limit)
    return [
        Row(
            "bucket-together",
            f"{clients} processes registering different names in a bucket that answers {LATE * 1000:.0f} ms late",
            ours,
            limit,
            ours / limit,
            unit="per second",
            target=">= 10x one process, or >= 80% of bare puts, whichever is lower; no error",
            checks=[
                Check(f"{number(ours)}/s instead of >= {number(goal)}/s", ours >= goal),
                Check(f"{len(errors)} errors", not errors),
                Check("the audit log is invalid", whole),
            ],
            notes=[
                f"one process alone {number(alone)}/s, so {number(ours / alone)}x; {clients} bare clients put three "
                f"objects each {number(limit)}/s, so {number(ours / limit)}x; {len(errors)} errors"
                + (f", such as {errors[0]}" if errors else "")
            ],
        )
    ]
