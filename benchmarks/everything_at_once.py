"""Everything at once: ``python -m benchmarks.everything_at_once --seconds 60``.

Eight processes register, promote, roll back, reject, restore, clean up, compress, export, rebuild, verify, back up,
predict, record outcomes, configure, list, compare and load, all in one registry. What one of them is told that is no
result has to be a conflict that the verbs state; anything else is wrong. In the end the registry is verified.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.kill import PLACES, where
from benchmarks.killed_upkeep import NAMES, fitted, inputs, scaler
from registry_core import (
    ChampionChanged,
    Conflict,
    GatesFailed,
    NoModelAvailable,
    NotEligible,
    Predictor,
    Registry,
    RegistryError,
    StateConflict,
    VersionTaken,
)

PROCESSES = 8
#: What a verb may answer because others were at work: each is stated in its docstring.
STATED = (ChampionChanged, VersionTaken, StateConflict, Conflict, GatesFailed, NotEligible, NoModelAvailable)


@dataclass
class Found:
    """What all processes together came to."""

    processes: int = 0
    seconds: float = 0.0
    done: Counter[str] = field(default_factory=Counter)
    conflicts: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    versions: int = 0
    events: int = 0
    predictions: int = 0
    slowest: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class Worker:
    """One process: its registry, its predictors, and what it did."""

    def __init__(self, address: dict[str, Any], place: Path, number: int, seed: int) -> None:
        self.chance = random.Random(seed * 100 + number)
        self.registry = Registry(**address, actor=f"process {number}")
        self.place, self.number = place, number
        self.predictors: dict[str, Predictor] = {}
        self.found = Found()
        self.told: list[int] = []

    def work(self, seconds: float) -> None:
        """Do one thing after the other."""
        end = time.monotonic() + seconds
        verbs, weights = zip(*_WEIGHTS.items(), strict=True)
        while time.monotonic() < end:
            verb = self.chance.choices(verbs, weights)[0]
            name = self.chance.choice(NAMES)
            begun = time.monotonic()
            try:
                _VERBS[verb](self, name)
                self.found.done[verb] += 1
            except STATED as error:
                self.found.conflicts[f"{verb}: {type(error).__name__}"] += 1
            except Exception as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                stated = "" if isinstance(error, RegistryError) else " (not an error of the registry)"
                self.found.wrong.append(
                    f"{verb}: {type(error).__name__}{stated}: {error} [{Path(where.filename).name}:{where.lineno}]"
                )
            took = time.monotonic() - begun
            self.found.slowest[verb] = max(self.found.slowest.get(verb, 0.0), took)

    def one(self, name: str, *states: str) -> str:
        """Some version of the name in one of these states, or any."""
        listed = [each.model_id for each in self.registry.list_models(name) if each.status in states or not states]
        if not listed:
            raise NoModelAvailable(f"no version of {name} is {' or '.join(states)}")
        return self.chance.choice(listed)

    def register(self, name: str) -> None:
        """Register one of a few classifiers."""
        number = self.chance.randrange(9)
        self.registry.register_model(
            fitted(number),
            scaler() if number % 3 == 0 else None,
            model_name=name,
            model_type="Logistic",
            performance_metrics=dict.fromkeys(("accuracy", "auc", "f1_score"), self.chance.random()),
            training_info={"data_quality_score": 1.0},
            hyperparameters={"padding": "x" * 2000},
        )

    def promote(self, name: str) -> None:
        """Promote, saying which champion was seen."""
        seen = self.registry.get_active_model_id(name)
        self.registry.promote(self.one(name, "registered"), expected_champion=seen, reason="better")

    def predict(self, name: str) -> None:
        """Let the champion answer."""
        if name not in self.predictors:
            self.predictors[name] = self.registry.predictor(name, log="batch")
        answer = self.predictors[name].predict(inputs()[: self.chance.choice((1, 5, 60))])
        self.told += answer.prediction_ids.tolist()
        self.found.predictions += len(answer.prediction_ids)

    def outcomes(self, name: str) -> None:
        """Say what was true."""
        if self.told:
            some, self.told = self.told[:200], self.told[200:]
            self.registry.record_outcomes(prediction_ids=some, labels=[self.chance.randrange(2) for _ in some])

    def back_up(self, name: str) -> None:
        """Back up, and see that it is a registry."""
        path = self.place / f"backup-{self.number}-{self.chance.randrange(10**9)}.tar"
        try:
            self.registry.backup(path)
            if self.chance.random() < 0.3:
                with Registry.from_backup(path, path.with_suffix(""), actor="anna") as restored:
                    self.must_be_clean(restored, "the restored backup")
        finally:
            path.unlink(missing_ok=True)

    def verify(self, name: str) -> None:
        """Verify while everybody else goes on."""
        self.must_be_clean(self.registry, "the living registry")

    def must_be_clean(self, registry: Registry, what: str) -> None:
        """Findings here are nothing but files that somebody is writing right now."""
        for each in registry.verify().findings:
            self.found.findings[each.kind] += 1
            if each.severity == "error":
                self.found.wrong.append(f"verify of {what}: {each.kind} {each.subject}: {each.text}")

    def clean_up(self, name: str) -> None:
        """Carry out a plan, of a name or of all."""
        self.registry.cleanup(self.registry.plan_cleanup(self.chance.choice((name, None))), reason="tidy")

    def configure(self, name: str) -> None:
        """Change what changes scores, or the cleanup."""
        if self.chance.random() < 0.5:
            self.registry.configure(ensemble_bonus=round(self.chance.random(), 3), reason="try")
        else:
            automatic = {"keep_best": 2, "trash_days": 0, "automatic": self.chance.random() < 0.5}
            self.registry.configure(name, retention=automatic, reason="try")

    def load(self, name: str) -> None:
        """Load the champion, the best one, and another."""
        self.registry.load_active_model(name)
        model, scales, _ = self.registry.load_model(self.one(name, "registered", "archived"))
        model.predict(inputs() if scales is None else scales.transform(inputs()))
        self.registry.load_best_model(name)

    def look(self, name: str) -> None:
        """What a page reads."""
        self.registry.get_model_comparison(limit=10, model_name=name)
        ids = [each.model_id for each in self.registry.list_models(name, limit=3)]
        if len(ids) > 1:
            self.registry.compare(ids)
        self.registry.events(name, limit=20)
        self.registry.plan_cleanup()
        self.registry.space()

    def health(self, name: str) -> None:
        """How the champion does."""
        self.registry.check_health(name)


_VERBS: dict[str, Callable[[Worker, str], object]] = {
    "register": Worker.register,
    "promote": Worker.promote,
    "roll back": lambda w, name: w.registry.rollback(name, reason="worse"),
    "reinstate": lambda w, name: w.registry.reinstate(w.one(name, "disqualified"), reason="again"),
    "reject": lambda w, name: w.registry.reject(w.one(name, "registered"), reason="no"),
    "archive": lambda w, name: w.registry.archive(w.one(name, "registered"), reason="old"),
    "restore": lambda w, name: w.registry.restore(w.one(name, "rejected", "archived", "trashed"), reason="yes"),
    "delete": lambda w, name: w.registry.delete(w.one(name), reason="old"),
    "purge": lambda w, name: w.registry.purge(w.one(name, "trashed"), reason="gone"),
    "pin": lambda w, name: w.registry.pin(w.one(name, "registered"), reason="audit"),
    "unpin": lambda w, name: w.registry.unpin(w.one(name), reason="audit is over"),
    "clean up": Worker.clean_up,
    "compress": lambda w, name: w.registry.compress(0, reason="small"),
    "export": lambda w, name: w.registry.export_index(),
    "rebuild": lambda w, name: w.registry.rebuild_index(reason="check"),
    "verify": Worker.verify,
    "repair": lambda w, name: w.registry.verify(repair=True),
    "back up": Worker.back_up,
    "optimize": lambda w, name: w.registry.optimize(),
    "predict": Worker.predict,
    "outcomes": Worker.outcomes,
    "health": Worker.health,
    "configure": Worker.configure,
    "load": Worker.load,
    "look": Worker.look,
}
_WEIGHTS = {
    "register": 8, "promote": 6, "roll back": 2, "reinstate": 3, "reject": 2, "archive": 2, "restore": 4, "delete": 3,
    "purge": 1, "pin": 1, "unpin": 2, "clean up": 3, "compress": 2, "export": 2, "rebuild": 2, "verify": 2, "repair": 1,
    "back up": 1, "optimize": 1, "predict": 12, "outcomes": 6, "health": 1, "configure": 2, "load": 6, "look": 4,
}  # fmt: skip


def prepare(address: dict[str, Any]) -> None:
    """A few versions of each name, kept few by a policy."""
    with Registry(**address, actor="anna") as registry:
        registry.configure(
            max_models_to_keep=12, retention={"keep_best": 2, "trash_days": 0, "keep_champions": False}, reason="small"
        )
        registry.configure(monitoring={"on_degradation": "suggest"}, reason="by hand")
        for name in NAMES:
            for number in range(4):
                registry.register_model(
                    fitted(number),
                    model_name=name,
                    model_type="Logistic",
                    performance_metrics=dict.fromkeys(("accuracy", "auc", "f1_score"), 0.5 + number / 100),
                    training_info={"data_quality_score": 1.0},
                )


def _in_a_process(address: dict[str, Any], place: Path, number: int, seed: int, seconds: float, say: int) -> None:
    found = Found()
    try:
        worker = Worker(address, place, number, seed)
        found = worker.found
        worker.work(seconds)
        worker.registry.close()
    except BaseException as error:
        found.wrong.append(f"process {number} ended: {type(error).__name__}: {error}")
    with os.fdopen(say, "wb") as pipe:
        pipe.write(json.dumps(vars(found)).encode())


def run(address: dict[str, Any], place: Path, seconds: float, seed: int = 0, processes: int = PROCESSES) -> Found:
    """Let them all at it, and verify what they leave."""
    for number in range(9):
        fitted(number)
    scaler()
    prepare(address)
    started = []
    for number in range(processes):
        listen, say = os.pipe()
        child = os.fork()
        if not child:
            with suppress(BaseException):
                os.close(listen)
                _in_a_process(address, place, number, seed, seconds, say)
            os._exit(0)
        os.close(say)
        started.append((child, listen))
    found = Found(processes, seconds)
    for number, (child, listen) in enumerate(started):
        with os.fdopen(listen, "rb") as pipe:
            said = pipe.read()
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            found.wrong.append(f"process {number} ended with {code}")
        each = json.loads(said or b"{}")
        for what in ("done", "conflicts", "findings"):
            getattr(found, what).update(each.get(what, {}))
        for verb, took in each.get("slowest", {}).items():
            found.slowest[verb] = max(found.slowest.get(verb, 0.0), took)
        found.predictions += each.get("predictions", 0)
        found.wrong += each.get("wrong", ["it said nothing"])
    _verified(address, found)
    return found


def _verified(address: dict[str, Any], found: Found) -> None:
    with Registry(**address, actor="anna") as registry:
        report = registry.verify()
        found.wrong += [
            f"in the end verify finds {each.kind} {each.subject}: {each.text}"
            for each in report.findings
            if each.severity != "note"
        ]
        if registry.verify_events() is not None:
            found.wrong.append(f"the chain of events breaks at {registry.verify_events()}")
        for each in registry.list_models():
            if each.status not in ("trashed", "purged"):
                try:
                    registry.load_model(each.model_id)
                except Exception as error:
                    found.wrong.append(f"{each.model_id} ({each.status}): {type(error).__name__}: {error}")
        for name in NAMES:
            champions = [each for each in registry.deployments(name) if each.ended_at is None]
            if len(champions) != 1:
                found.wrong.append(f"{len(champions)} champions of {name}")
        found.versions, found.events = registry.count_models(), registry.revision()


def main() -> None:
    """Print what was done and refused, as a table or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--on", choices=PLACES, default="folder", help="servers of their own are started")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with where(given.on) as there:
        found = run(there.address, there.place, given.seconds, given.seed, given.processes)
    if given.json:
        print(json.dumps(vars(found)))
    else:
        print("| verb | done | conflicts | slowest |\n|---|---|---|---|")
        for verb in _VERBS:
            own = [
                f"{count:,} {kind.partition(': ')[2]}"
                for kind, count in sorted(found.conflicts.items())
                if kind.startswith(f"{verb}: ")
            ]
            slowest = found.slowest.get(verb, 0.0)
            print(f"| {verb} | {found.done[verb]:,} | {', '.join(own) or 'none'} | {slowest:.2f} s |")
        total, refused = sum(found.done.values()), sum(found.conflicts.values())
        print(f"| all | {total:,} | {refused:,} | |")
        print(
            f"\n{found.processes} processes, {found.seconds:g} s: {found.versions:,} versions, {found.events:,} "
            f"events, {found.predictions:,} predictions; while it went on, verify found "
            f"{dict(found.findings) or 'nothing'}; {len(found.wrong)} wrong."
        )
    for line, count in Counter(found.wrong).most_common(60):
        print(f"{count} x {line}", file=sys.stderr)
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
