"""What engines that come and go do to services: ``python -m benchmarks.away --times 50``.

A pipeline registers and promotes, two services predict and record outcomes, all in PostgreSQL with a bucket, each in a
process of its own. Meanwhile PostgreSQL is stopped and started, the way to it is cut or slow, and the bucket refuses:
one of these at a time, so many times, at moments drawn from a seed. Services have to answer throughout; what was
confirmed has to be there in the end, and the registry has to verify.
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
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch
from urllib.parse import urlsplit

import numpy as np

from benchmarks.killed_upkeep import fitted, inputs
from registry_core import Conflict, Predictor, Registry, StorageError
from tests.object_store import ObjectStore
from tests.servers import Postgres, postgres
from tests.way import Way, way_to

NAME = "Churn"
#: Seconds that an engine is away, and is there again before the next one goes.
_AWAY, _THERE = (0.1, 3.0), (0.3, 1.5)
#: Seconds that each piece of what passes between takes, where the way is slow.
_LATE = 0.05


@dataclass
class Found:
    """What it came to; ``wrong`` has a sentence for each fault."""

    times: Counter[str] = field(default_factory=Counter)
    registered: int = 0
    promoted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    predictions: int = 0
    not_stored: int = 0
    outcomes: int = 0
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)


def _register(registry: Registry, number: int) -> str:
    return registry.register_model(
        fitted(number % 9),
        model_name=NAME,
        model_type="Logistic",
        performance_metrics=dict.fromkeys(("accuracy", "auc", "f1_score"), 0.5 + number % 40 / 100),
        training_info={"data_quality_score": 1.0},
    )


def pipeline(address: dict[str, Any], say: Any, stopped: Any) -> None:
    """Register and promote; what is refused because an engine is away, is tried again later."""
    confirmed: list[str] = []
    promoted, number, registry = 0, 10, None
    refused = Counter[str]()
    while not stopped():
        try:
            registry = registry or Registry(**address, actor="pipeline")
            confirmed.append(_register(registry, number))
            registry.promote(confirmed[-1], reason="newest", override=True)
            promoted += 1
        except (StorageError, Conflict) as error:
            refused[type(error).__name__] += 1
            time.sleep(0.1)
        number += 1
    say(confirmed=confirmed, promoted=promoted, refused=refused)


def _begun(address: dict[str, Any], overflow: str) -> tuple[Registry, Predictor]:
    """A service that begins while an engine is away begins again, as whoever runs it would have it do."""
    while True:
        try:
            registry = Registry(**address, actor="service")
            return registry, registry.predictor(NAME, overflow=overflow)
        except StorageError:
            time.sleep(0.1)


def service(address: dict[str, Any], overflow: str, say: Any, stopped: Any) -> None:
    """Predict all the time, and record outcomes whenever that is possible."""
    registry, predictor = _begun(address, overflow)
    chance = np.random.default_rng(os.getpid())
    given: list[int] = []
    unstored = calls = recorded = 0
    slowest, wrong = 0.0, list[str]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        # From its first contact on, it has ids for an hour.
        while not given:
            given += [each for each in predictor.predict(inputs()[:1]).prediction_ids.tolist() if each]
        while not stopped():
            rows = inputs()[: int(chance.integers(1, 40))]
            begun = time.perf_counter()
            try:
                ids = predictor.predict(rows).prediction_ids.tolist()
            except Exception as error:
                wrong.append(f"a service did not answer: {type(error).__name__}: {error}")
                continue
            slowest, calls = max(slowest, time.perf_counter() - begun), calls + 1
            unstored += ids.count(0)
            given += [each for each in ids if each]
            if calls % 20 == 0:
                with suppress(StorageError):
                    some = given[-200:]
                    recorded += registry.record_outcomes(prediction_ids=some, labels=[1] * len(some)).recorded
            time.sleep(0.005)
    registry.close()
    say(given=given, unstored=unstored, calls=calls, outcomes=recorded, slowest=slowest, wrong=wrong)


class Process:
    """A process that works until it is told to stop. It is made before there is anything to work with: what is made
    later, such as the way to a server, it would hold open."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        hear, self._speak = os.pipe()
        self._listen, answer = os.pipe()
        self._child = os.fork()
        if not self._child:
            os.close(self._speak)
            _work(work, arguments, hear, answer)
        os.close(hear)
        os.close(answer)

    def begin(self, address: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        """Tell it where to work."""
        os.write(self._speak, json.dumps([address, environment]).encode() + b"\n")
        os.close(self._speak)

    def kill(self) -> None:
        """End it with signal 9."""
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)

    def end(self) -> dict[str, Any]:
        """Tell it to stop, and what it says in the end."""
        os.kill(self._child, signal.SIGTERM)
        return self.said()

    def said(self) -> dict[str, Any]:
        """What it says when it has ended by itself."""
        with os.fdopen(self._listen, "rb") as pipe:
            said = pipe.read()
        os.waitpid(self._child, 0)
        found: dict[str, Any] = json.loads(said or b'{"wrong": ["a process said nothing"]}')
        return found


def _work(work: Callable[..., None], arguments: Sequence[Any], hear: int, answer: int) -> NoReturn:
    ended: list[int] = []
    parent = os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: ended.append(1))

    def say(**what: Any) -> None:
        with os.fdopen(answer, "wb", closefd=False) as pipe:
            pipe.write(json.dumps(what).encode())

    try:
        told = b""
        # Processes that were made later hold the other end open.
        while not told.endswith(b"\n"):
            piece = os.read(hear, 65536) if select.select([hear], [], [], 1.0)[0] else None
            if piece == b"" or os.getppid() != parent:
                os._exit(0)  # whoever would have told it is gone
            told += piece or b""
        address, environment = json.loads(told)
        os.environ.update(environment)
        work(address, *arguments, say, lambda: bool(ended) or os.getppid() != parent)
    except BaseException as error:
        say(wrong=[f"a process ended: {type(error).__name__}: {error}"])
    finally:
        os._exit(0)


def _disturbed(what: str, server: Postgres, way: Way, store: ObjectStore, seconds: float) -> None:
    match what:
        case "PostgreSQL stopped":
            server.stop()
            time.sleep(seconds)
            server.start()
        case "the way to PostgreSQL cut":
            way.cut()
            time.sleep(seconds)
            way.mend()
        case "the way to PostgreSQL slow":
            way.late = _LATE
            time.sleep(seconds)
            way.late = 0.0
        case "the bucket refuses":
            store.refuse = (503, "SlowDown")
            time.sleep(seconds)
            store.refuse = None


_KINDS = ("PostgreSQL stopped", "the way to PostgreSQL cut", "the way to PostgreSQL slow", "the bucket refuses")


def run(place: Path, times: int, seed: int = 0) -> Found:
    """Disturb so often, and look what is left."""
    for number in range(9):
        fitted(number)
    found, chance, store = Found(), random.Random(seed), ObjectStore()
    first, working = Process(_first), [
        Process(service, str(place / "first")), Process(service, str(place / "second")), Process(pipeline),
    ]  # fmt: skip
    with postgres() as server, store.running():
        parts = urlsplit(server.address)
        assert parts.hostname is not None
        assert parts.port is not None
        environment = {
            "AWS_ENDPOINT_URL": store.address, "AWS_ACCESS_KEY_ID": "team", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "2", "MODEL_REGISTRY_CACHE": str(place / "cache"),
        }  # fmt: skip
        with patch.dict(os.environ, environment), way_to(parts.hostname, parts.port) as way:
            address = {
                "location": server.address.replace(f":{parts.port}/", f":{way.port}/"),
                "artifacts": "s3://team/registry",
            }
            first.begin(address, environment)
            found.wrong += first.said().get("wrong", [])
            for each in working:
                each.begin(address, environment)
            time.sleep(3)
            for _ in range(times):
                what = chance.choice(_KINDS)
                found.times[what] += 1
                _disturbed(what, server, way, store, chance.uniform(*_AWAY))
                time.sleep(chance.uniform(*_THERE))
            time.sleep(3)
            said = [each.end() for each in working]
            _check(address, said, place, found)
    return found


def _first(address: dict[str, Any], say: Any, _: Any) -> None:
    with Registry(**address) as registry:
        registry.configure(monitoring={"on_degradation": "off"}, reason="by hand")
        for number in range(2):
            _register(registry, number)
    say()


def _check(address: dict[str, Any], said: list[dict[str, Any]], place: Path, found: Found) -> None:
    for folder in ("first", "second"):
        # What a service could not store before it ended, the next one does.
        with Registry(**address) as registry:
            registry.predictor(NAME, overflow=place / folder).flush()
        if left := [each.name for each in (place / folder).iterdir()]:
            found.wrong.append(f"predictions wait in a folder still: {left}")
    with Registry(**address) as registry:
        history = registry.prediction_history(NAME)
        stored = Counter(history[history.role != "shadow"].prediction_id.tolist())
        versions = {each.model_id for each in registry.list_models(NAME)}
        for each in said:
            found.wrong += each.get("wrong", [])
            given = each.get("given", [])
            found.predictions += len(given)
            found.not_stored += each.get("unstored", 0)
            found.calls += each.get("calls", 0)
            found.outcomes += each.get("outcomes", 0)
            found.slowest = max(found.slowest, each.get("slowest", 0.0))
            found.promoted += each.get("promoted", 0)
            found.refused.update(each.get("refused", {}))
            found.registered += len(each.get("confirmed", []))
            if lost := [one for one in given if one not in stored]:
                found.wrong.append(f"{len(lost)} predictions with an id were lost")
            if lost_versions := {*each.get("confirmed", [])} - versions:
                found.wrong.append(f"confirmed versions were lost: {lost_versions}")
        if twice := [one for one, count in stored.items() if count > 1]:
            found.wrong.append(f"{len(twice)} predictions were stored twice")
        serving = [each for each in registry.deployments(NAME) if each.ended_at is None]
        if len(serving) != 1:
            found.wrong.append(f"{len(serving)} champions")
        if registry.verify_events() is not None:
            found.wrong.append(f"the audit log breaks at {registry.verify_events()}")
        found.wrong += [
            f"verify finds {each.kind} {each.subject}: {each.text}"
            for each in registry.verify().findings
            if each.severity == "error"
        ]


def main() -> None:
    """Print what it came to, and exit with 1 after a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = run(Path(place), options.times, options.seed)
    if options.json:
        print(json.dumps(vars(found)))
    else:
        rows = [
            ("disturbances", ", ".join(f"{count} x {what}" for what, count in found.times.items())),
            ("registrations; promotions", f"{found.registered:,}; {found.promoted:,}"),
            ("refused because an engine was away, or in conflict", f"{dict(found.refused)}"),
            ("calls answered; slowest", f"{found.calls:,}; {found.slowest:.2f} s"),
            ("predictions with an id; without", f"{found.predictions:,}; {found.not_stored:,}"),
            ("outcomes", f"{found.outcomes:,}"),
            ("wrong", f"{len(found.wrong)}"),
        ]
        print("| what | found |\n|---|---|")
        print("\n".join(f"| {what} | {value} |" for what, value in rows))
    for fault in found.wrong:
        print(fault, file=sys.stderr)
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
