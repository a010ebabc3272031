"""What a hard kill leaves behind: ``python -m benchmarks.killed --times 200``.

A process serves, keeps what it answered, records outcomes, promotes and rolls back, until it is killed with signal 9 at
a random moment (seeded; when exactly the system gets to it is chance). After each kill the folder is opened and
checked, and the next process goes on in it. ``tests/test_killed_while_serving.py`` does the same a few times.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.kill import Killed, Kills, Report, Where, kills, main
from registry_core import Arm, EventKind, Experiment, Registry
from registry_core.actions import windows
from registry_core.actions.serve.log import CAPACITY
from registry_core.catalog import events, experiments
from registry_core.catalog.telemetry import streams

NAME = "Churn"


@dataclass
class Found(Kills):
    """What all kills together came to."""

    answered: int = 0
    lost: int = 0
    most_lost: int = 0
    oldest_lost: float = 0.0
    outcomes: int = 0
    told: int = 0
    rollbacks: int = 0
    promotions: int = 0


def inputs(chance: np.random.Generator, count: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows of three inputs, and their truth."""
    rows = chance.normal(size=(count, 3))
    return rows, (rows[:, 0] + 0.5 * chance.normal(size=count) > 0).astype(int)


def prepare(where: Where) -> None:
    """Two models of one name, and a shadow of the first."""
    rows, truth = inputs(np.random.default_rng(0), 500)
    with where.open() as registry:
        ids = [
            registry.register_model(
                LogisticRegression(C=weight).fit(rows, truth),
                model_name=NAME,
                model_type="Model",
                performance_metrics=dict.fromkeys(("accuracy", "auc", "f1_score"), 0.9 - place / 10),
                training_info={"data_quality_score": 1.0},
            )
            for place, weight in enumerate((1.0, 0.5, 0.1))
        ]
        with registry._context.database.transaction() as transaction:
            seq, at = events.append(
                transaction, now=registry._context.now(), kind=EventKind.EXPERIMENT_STARTED, actor="anna", reason="",
                model_name=NAME,
            )  # fmt: skip
            shadow = Experiment(
                seq, NAME, ids[0], (Arm(ids[2], 0.0),), "shadow", "running", "salt", "accuracy", 0.05, (), 0, at, at,
                "anna", "",
            )  # fmt: skip
            experiments.insert(transaction, shadow)


def serve(where: Where, seed: int, report: Report) -> None:
    """Serve until killed, reporting what was done: an answer after it was given, an outcome after it was kept."""
    chance = random.Random(seed)
    numbers = np.random.default_rng(seed)
    log: Literal["batch", "sync"] = chance.choice(("batch", "batch", "sync"))
    registry = where.open()
    first, second = (each.model_id for each in registry.list_models(NAME, order_by="accuracy", limit=2))
    predictor = registry.predictor(NAME, log=log)
    waiting: list[tuple[list[int], list[int]]] = []
    report(log=log)
    while True:
        act = chance.random()
        if act < 0.6:
            rows, truth = inputs(numbers, chance.choice((1, 1, 20, 300)))
            units = [f"u{chance.randrange(500)}" for _ in rows] if chance.random() < 0.5 else None
            ids = predictor.predict_proba(rows, units).prediction_ids.tolist()
            report(first=ids[0], count=len(ids), at=time.time())
            waiting.append((ids, truth.tolist()))
        elif act < 0.92 and waiting:
            ids, truth_of = waiting[chance.randrange(len(waiting))]
            result = registry.record_outcomes(prediction_ids=ids, labels=truth_of)
            report(told=ids, recorded=result.recorded)
        else:
            champion = registry.get_active_model_id(NAME)
            if registry.get_metadata(second).status == "disqualified":
                registry.reinstate(second, reason="again")
            elif champion == first:
                registry.promote(second, reason="better")
            else:
                registry.rollback(NAME, reason="worse")


def check(where: Where, killed: Killed, found: Found) -> None:
    """Open what was left behind, and note whatever is wrong with it."""
    lines = killed.lines
    with where.open() as registry:
        telemetry = registry._context.telemetry
        wrong = list(_wrong_in_catalog(registry))
        wrong += _wrong_in_windows(registry)
        kept = {each for (each,) in telemetry.tuples("SELECT prediction_id FROM predictions")}
        true = {each for (each,) in telemetry.tuples("SELECT prediction_id FROM outcomes")}
        found.outcomes, found.rollbacks = len(true), registry.count_events(kinds=["rolled_back"])
        found.promotions = registry.count_events(kinds=["promoted"])
    answers = [line for line in lines if "first" in line]
    gone = [line for line in answers if line["first"] not in kept]
    lost = sum(line["count"] for line in gone)
    if gone and gone != answers[-len(gone) :]:
        wrong.append("an answer was lost that is older than one that was kept")
    if any(line["first"] + line["count"] - 1 not in kept for line in answers if line not in gone):
        wrong.append("half of a call's answers were kept")
    if lost > 2 * CAPACITY or (lost and lines[0]["log"] == "sync"):
        wrong.append(f"{lost} answers were lost")
    told = {each for line in lines if "told" in line for each in line["told"]}
    if told - true:
        wrong.append(f"{len(told - true)} outcomes were lost that had been confirmed")
    found.answered += sum(line["count"] for line in answers)
    found.told += len(told)
    found.lost += lost
    found.most_lost = max(found.most_lost, lost)
    if gone:
        found.oldest_lost = max(found.oldest_lost, killed.moment - gone[0]["at"])
    found.wrong.extend(f"after kill {found.kills}: {each}" for each in wrong)


def _wrong_in_catalog(registry: Registry) -> Iterator[str]:
    if registry.verify_events() is not None:
        yield f"the chain of events breaks at {registry.verify_events()}"
    serving_now = [each for each in registry.deployments(NAME) if each.ended_at is None]
    if len(serving_now) != 1:
        yield f"{len(serving_now)} champions"
    listed = registry.events(limit=None)[::-1]
    status = dict.fromkeys((each.model_id for each in registry.list_models(NAME)), "registered")
    champion = None
    for place, event in enumerate(listed):
        if event.kind in ("promoted", "rolled_back"):
            champion = event.model_id
        if event.kind == "rolled_back":
            # What else ended with it may stand in between.
            after = {(each.kind, each.model_id) for each in listed[place + 1 : place + 10]}
            if ("disqualified", event.before["champion"]) not in after:
                yield f"half a rollback: event {event.event_id}"
        if "status" in event.after and event.model_id is not None:
            status[event.model_id] = event.after["status"]
    if [champion] != [each.model_id for each in serving_now]:
        yield f"{serving_now} serves, the events say {champion}"
    if status != {each.model_id: each.status for each in registry.list_models(NAME)}:
        yield "a model's status is not what the events say"


def _wrong_in_windows(registry: Registry) -> Iterator[str]:
    telemetry = registry._context.telemetry
    yield from (each.text for each in telemetry.check())
    among = streams.listed(telemetry)
    rows = dict(telemetry.tuples("SELECT stream, count(*) FROM predictions GROUP BY stream"))
    rows.update(telemetry.tuples("SELECT stream, count(*) FROM shadow_answers GROUP BY stream"))
    joined = "JOIN outcomes o ON o.prediction_id = p.prediction_id GROUP BY stream"
    labelled = dict(telemetry.tuples(f"SELECT stream, count(*) FROM predictions p {joined}"))
    labelled.update(telemetry.tuples(f"SELECT stream, count(*) FROM shadow_answers p {joined}"))
    tables: tuple[Literal["windows", "days"], ...] = ("windows", "days")
    for table in tables:
        counted = dict.fromkeys(among, 0)
        known = dict.fromkeys(among, 0)
        for seq, _, _, sums in windows.read(telemetry, among, table=table):
            counted[seq] += sums.predictions
            known[seq] += sums.labelled
        for seq in among:
            if (counted[seq], known[seq]) != (rows.get(seq, 0), labelled.get(seq, 0)):
                there = f"{rows.get(seq, 0)} and {labelled.get(seq, 0)}"
                yield f"{table} count {counted[seq]} predictions and {known[seq]} labelled, there are {there}"
    columns = telemetry.tuples("SELECT coalesce(sum(labelled), 0) FROM windows")[0][0]
    if columns != sum(labelled.values()):
        yield f"the windows' columns have {columns} labelled"
    pairs = telemetry.tuples("SELECT coalesce(sum(pairs), 0) FROM paired_windows")[0][0]
    if pairs != sum(count for seq, count in labelled.items() if among[seq].role == "shadow"):
        yield f"{pairs} pairs"


def run(where: Where, times: int, seed: int = 0) -> Found:
    """Kill so often, each time another process in the same registry."""
    maker = os.fork()
    if not maker:
        # In a process of its own: one that has fitted a model may have threads, which no fork takes along.
        code = 1
        try:
            prepare(where)
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(maker, 0)[1]:
        raise RuntimeError("the registry could not be prepared")
    found = Found()
    for killed in kills(partial(serve, where), times, seed, found):
        check(where, killed, found)
    return found


def table(found: Found) -> list[tuple[str, str]]:
    """What the command prints."""
    return [
        ("predictions answered; lost with the last moment", f"{found.answered:,}; {found.lost:,}"),
        ("most lost by one kill", f"{found.most_lost:,} rows, the oldest {found.oldest_lost:.2f} s old"),
        ("outcomes confirmed; kept", f"{found.told:,}; {found.outcomes:,}"),
        ("promotions; rollbacks", f"{found.promotions:,}; {found.rollbacks:,}"),
    ]


if __name__ == "__main__":
    main(__doc__, 200, run, table)
