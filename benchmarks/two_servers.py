"""Two servers of the HTTP API behind a proxy, one of them killed at a time: ``python -m benchmarks.two_servers``.

Both serve one registry in PostgreSQL with a bucket; each has a folder for uploads of its own, as on machines of their
own. A proxy gives connections to them in turn. Two services predict and record outcomes, a pipeline registers and
promotes what it registered, an operator promotes one of two versions in turn: remote clients, each in a process of its
own. Meanwhile one server after the other is killed with signal 9 and started again. Services have to answer throughout;
what was confirmed has to be there in the end, once, and the registry has to verify.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
import urllib.request
import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.away import Process
from benchmarks.killed_upkeep import fitted, inputs
from registry_core import Predictor, Registry, RegistryError, Unreachable
from registry_core.cli import main as command
from registry_core.http_api import server as _imported  # noqa: F401 - what servers import
from tests.object_store import ObjectStore
from tests.processes import until
from tests.servers import free_port, postgres
from tests.way import way_to

NAME = "Churn"
#: Seconds that both servers are there before one of them is killed, and that the other is alone at least.
_TOGETHER, _ALONE = (0.5, 2.5), (0.0, 1.0)


@dataclass
class Found:
    """What it came to; ``wrong`` has a sentence for each fault."""

    kills: int = 0
    registered: int = 0
    #: Registrations that were not confirmed, and are there.
    unconfirmed: int = 0
    promoted: int = 0
    calls: int = 0
    predictions: int = 0
    not_stored: int = 0
    outcomes: int = 0
    slowest: float = 0.0
    #: Calls that ended with an error, by what it says.
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def _register(registry: Registry, number: int, what: str) -> str:
    return registry.register_model(
        fitted(number % 9),
        model_name=NAME,
        model_type="Logistic",
        performance_metrics=dict.fromkeys(("accuracy", "auc", "f1_score"), 0.5 + number % 40 / 100),
        training_info={"data_quality_score": 1.0},
        description=f"{what} {number}",
    )


def _said(error: RegistryError) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def pipeline(address: dict[str, Any], say: Any, stopped: Any) -> None:
    """Register, and promote what was registered."""
    registered: dict[str, str] = {}
    deployments: dict[int, str] = {}
    number, refused = 10, Counter[str]()
    with Registry(**address) as registry:
        while not stopped():
            number += 1
            try:
                model_id = _register(registry, number, "pipeline")
                registered[model_id] = f"pipeline {number}"
                made = registry.promote(model_id, reason="newest", override=True)
                deployments[made.deployment_id] = made.model_id
            except RegistryError as error:
                refused[_said(error)] += 1
    say(registered=registered, deployments=deployments, refused=refused)


def operator(address: dict[str, Any], say: Any, stopped: Any) -> None:
    """Promote one of two versions, in turn."""
    deployments: dict[int, str] = {}
    turn, refused = 0, Counter[str]()
    with Registry(**address) as registry:
        versions = sorted(each.model_id for each in registry.list_models(NAME))[:2]
        while not stopped():
            turn += 1
            try:
                made = registry.promote(versions[turn % 2], reason=f"turn {turn}", override=True)
                deployments[made.deployment_id] = made.model_id
            except RegistryError as error:
                refused[_said(error)] += 1
            time.sleep(0.05)
    say(deployments=deployments, refused=refused)


def _begun(address: dict[str, Any], overflow: str) -> tuple[Registry, Predictor]:
    """A service that begins while no server answers begins again, as whoever runs it would have it do."""
    while True:
        with suppress(Unreachable):
            registry = Registry(**address)
            return registry, registry.predictor(NAME, overflow=overflow)


def service(address: dict[str, Any], overflow: str, say: Any, stopped: Any) -> None:
    """Predict all the time, and record outcomes whenever that is possible."""
    registry, predictor = _begun(address, overflow)
    chance = np.random.default_rng(os.getpid())
    given: list[int] = []
    labelled: list[int] = []
    unstored = calls = 0
    refused = Counter[str]()
    slowest, wrong = 0.0, list[str]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
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
                # What waits in the folder meanwhile is unknown, as is said, and its turn comes with the rows before.
                some = (given if calls % 400 == 0 else given[-200:])[-10_000:]
                try:
                    recorded = registry.record_outcomes(prediction_ids=some, labels=[1] * len(some))
                    unknown = {*recorded.unknown}
                    labelled += [each for each in some if each not in unknown]
                except RegistryError as error:
                    refused[_said(error)] += 1
            time.sleep(0.005)
        try:
            registry.close()
        except RegistryError as error:
            refused[_said(error)] += 1
    say(
        given=given, unstored=unstored, calls=calls, labelled=sorted({*labelled}), slowest=slowest, wrong=wrong,
        refused=refused,
    )  # fmt: skip


def serve(address: dict[str, Any], log: str, say: Any, _: Any) -> None:
    """``model-registry serve``, without the seconds that its imports take."""
    with open(log, "ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    options = [word for name, value in address.items() for word in (f"--{name}", value)]
    with suppress(SystemExit):
        command(["serve", *options])
    say()


class _Servers:
    """Two servers, and those that will be started in their places."""

    def __init__(self, place: Path, times: int) -> None:
        # Made before there is anything to serve: what is made later they would hold open.
        self._made = [Process(serve, str(place / f"{number}.log")) for number in range(2 + times)]
        self._running: dict[int, Process] = {}
        self._names = {free_port(): str(place / f"uploads-{number}") for number in range(2)}
        self.ports = tuple(self._names)

    def start(self, address: Mapping[str, str], environment: Mapping[str, str], *ports: int) -> None:
        """Start servers, and wait until they answer."""
        for port in ports:
            self._running[port] = server = self._made.pop()
            server.begin({**address, "uploads": self._names[port], "port": str(port)}, environment)
        for port in ports:
            until(lambda port=port: _answers(port))

    def kill(self, port: int) -> None:
        """Kill one with signal 9."""
        self._running.pop(port).kill()

    def end(self) -> None:
        """End all of them."""
        for server in self._running.values():
            server.end()
        for server in self._made:
            server.kill()


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
        return True
    return False


def run(place: Path, times: int, seed: int = 0, *, quick: bool = False) -> Found:
    """Kill so often, and look what is left; ``quick`` without the pipeline, whose uploads are checked for seconds."""
    for number in range(9):
        fitted(number)
    found, chance, store = Found(), random.Random(seed), ObjectStore()
    working = [Process(service, str(place / "first")), Process(operator)]
    if not quick:
        working += [Process(service, str(place / "second")), Process(pipeline)]
    servers = _Servers(place, times)
    with ExitStack() as stack:
        stack.callback(servers.end)
        engine = stack.enter_context(postgres())
        stack.enter_context(store.running())
        environment = {
            "AWS_ENDPOINT_URL": store.address, "AWS_ACCESS_KEY_ID": "team", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1", "MODEL_REGISTRY_KEYS": str(place / "keys"),
            "MODEL_REGISTRY_CACHE": str(place / "cache"),
        }  # fmt: skip
        stack.enter_context(patch.dict(os.environ, environment))
        own = {"location": engine.address, "artifacts": "s3://team/registry"}
        address = {"registry": own["location"], "artifacts": own["artifacts"]}
        with Registry(**own) as registry:
            registry.configure(monitoring={"on_degradation": "off"}, reason="by hand")
            for number in range(3):
                _register(registry, number, "first")
        servers.start(address, environment, *servers.ports)
        first, second = (("127.0.0.1", port) for port in servers.ports)
        way = stack.enter_context(way_to(*first, second))
        for each in working:
            # Clients know neither the database nor the bucket.
            each.begin(
                {"location": f"http://127.0.0.1:{way.port}"},
                {"MODEL_REGISTRY_CACHE": str(place / "client"), "MODEL_REGISTRY_TOKEN": ""},
            )
        time.sleep(2)
        for number in range(times):
            port = servers.ports[number % 2]
            time.sleep(chance.uniform(*_TOGETHER))
            servers.kill(port)
            found.kills += 1
            time.sleep(chance.uniform(*_ALONE))
            servers.start(address, environment, port)
        time.sleep(1)
        said = [each.end() for each in working]
        _check(own, said, place, found)
    return found


def _check(own: dict[str, Any], said: list[dict[str, Any]], place: Path, found: Found) -> None:
    for folder in ("first", "second"):
        if (place / folder).exists() and (left := [each.name for each in (place / folder).iterdir()]):
            found.wrong.append(f"predictions wait in a folder still: {left}")
    with Registry(**own) as registry:
        history = registry.prediction_history(NAME)
        history = history[history.role != "shadow"]
        stored = Counter(history.prediction_id.tolist())
        labelled = {*history[history.truth.notna()].prediction_id.tolist()}
        versions = {each.model_id: each.description for each in registry.list_models(NAME)}
        deployments = {each.deployment_id: each.model_id for each in registry.deployments(NAME)}
        confirmed: set[str] = set()
        for each in said:
            _compare(each, stored, labelled, versions, deployments, found)
            confirmed |= {*each.get("registered", {})}
        found.unconfirmed = len(versions) - 3 - len(confirmed)
        for what, count in Counter(versions.values()).items():
            if count > 1:
                found.wrong.append(f"{what} was registered {count} times")
        if twice := [one for one, count in stored.items() if count > 1]:
            found.wrong.append(f"{len(twice)} predictions were stored twice")
        serving_now = [each for each in registry.deployments(NAME) if each.ended_at is None]
        if len(serving_now) != 1:
            found.wrong.append(f"{len(serving_now)} champions")
        if registry.verify_events() is not None:
            found.wrong.append(f"the audit log breaks at {registry.verify_events()}")
        found.wrong += [
            f"verify finds {each.kind} {each.subject}: {each.text}"
            for each in registry.verify().findings
            if each.severity == "error"
        ]


def _compare(
    said: dict[str, Any],
    stored: Counter[int],
    labelled: set[int],
    versions: dict[str, str],
    deployments: dict[int, str],
    found: Found,
) -> None:
    """What a client was told, with what is stored."""
    found.wrong += said.get("wrong", [])
    given, outcomes, registered = said.get("given", []), said.get("labelled", []), said.get("registered", {})
    promoted = {int(number): model_id for number, model_id in said.get("deployments", {}).items()}
    found.predictions += len(given)
    found.not_stored += said.get("unstored", 0)
    found.calls += said.get("calls", 0)
    found.outcomes += len(outcomes)
    found.slowest = max(found.slowest, said.get("slowest", 0.0))
    found.registered += len(registered)
    found.promoted += len(promoted)
    found.refused.update(said.get("refused", {}))
    if lost := [one for one in given if one not in stored]:
        found.wrong.append(f"{len(lost)} predictions with an id were lost")
    if lost := [one for one in outcomes if one not in labelled]:
        found.wrong.append(f"{len(lost)} confirmed outcomes were lost")
    if lost_versions := {model_id for model_id, what in registered.items() if versions.get(model_id) != what}:
        found.wrong.append(f"confirmed versions were lost: {lost_versions}")
    if lost_promotions := {one for one, model_id in promoted.items() if deployments.get(one) != model_id}:
        found.wrong.append(f"confirmed promotions were lost: {lost_promotions}")


def main() -> None:
    """Print what it came to, and exit with 1 after a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="one service and an operator, without uploads")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = run(Path(place), options.times, options.seed, quick=options.quick)
    if options.json:
        print(json.dumps(vars(found)))
    else:
        rows = [
            ("servers killed", f"{found.kills}"),
            ("registrations; not confirmed, and complete", f"{found.registered:,}; {found.unconfirmed:,}"),
            ("promotions", f"{found.promoted:,}"),
            ("calls answered; slowest, with the check of a new champion", f"{found.calls:,}; {found.slowest:.2f} s"),
            ("predictions with an id; without", f"{found.predictions:,}; {found.not_stored:,}"),
            ("outcomes", f"{found.outcomes:,}"),
            ("calls that ended with a stated error", f"{found.refused.total()}"),
            ("wrong", f"{len(found.wrong)}"),
        ]
        print("| what | found |\n|---|---|")
        print("\n".join(f"| {what} | {value} |" for what, value in rows))
        for said, count in found.refused.most_common():
            print(f"{count} x {said}")
    for fault in found.wrong:
        print(fault, file=sys.stderr)
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
