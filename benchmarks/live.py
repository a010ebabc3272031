"""What serving costs beside the bare model: ``python -m benchmarks.live``.

Overhead is the predictor's call minus the scaler's and the model's, both measured in turns; rates are those of whole
calls, their model included, until everything lies in the database. Everything is seeded.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.timing import interleaved
from registry_core import Arm, EventKind, Experiment, Registry
from registry_core.actions import timestamps, windows
from registry_core.actions.serve.recording import Labels
from registry_core.actions.timestamps import microseconds
from registry_core.catalog import events, experiments
from registry_core.catalog.telemetry import partitions, predictions, streams
from registry_core.catalog.telemetry import windows as stored
from registry_core.catalog.telemetry.streams import BLOCK_BITS, Stream
from registry_core.policies import MonitoringPolicy
from registry_core.rules.live import sums

NAME, INPUTS, BATCH = "Churn", 12, 10_000
NOW = datetime(2026, 3, 1, tzinfo=UTC)

Line = tuple[str, str, str]
Form = Literal["array", "frame", "dicts"]


def data(rows: int, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows of twelve inputs, and their truth."""
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(rows, INPUTS)) * 3 + 1
    return inputs, (inputs[:, :4].sum(axis=1) + 3 * chance.normal(size=rows) > 4).astype(int)


def framed(inputs: NDArray[Any]) -> pd.DataFrame:
    """The same rows with names of their columns."""
    return pd.DataFrame(inputs, columns=[f"x{n}" for n in range(INPUTS)])


@contextmanager
def registry(
    *,
    share: float = 0.0,
    shadow: float | None = None,
    named: bool = False,
    address: Mapping[str, Any] | None = None,
    **options: Any,
) -> Iterator[Registry]:
    """A registry with a champion, its scaler and its reference.

    Args:
        share: of a challenger.
        shadow: the part of the rows that the champion's predecessor scores as well; None for a champion without one.
        named: the model knows its features by name.
        address: where it is; a folder of its own by default.
    """
    rows, truth = data(2_000)
    inputs: Any = framed(rows) if named else rows
    scaler = StandardScaler().fit(inputs)
    if named:
        scaler.set_output(transform="pandas")
    with (
        tempfile.TemporaryDirectory() as folder,
        Registry(**(address or {"location": Path(folder) / "registry"}), **options) as made,
    ):
        ids = [
            made.register_model(
                LogisticRegression(C=weight).fit(scaler.transform(inputs), truth),
                scaler,
                model_name=NAME,
                model_type="LogisticRegression",
                performance_metrics=dict.fromkeys(("accuracy", "auc", "f1_score"), 0.9 - place / 10),
                training_info={"data_quality_score": 1.0},
                reference=inputs,
            )
            for place, weight in enumerate((1.0, 0.1))
        ]
        if share:
            split(made, ids, share)
        if shadow is not None:
            made.configure(monitoring={"standby_sample": shadow}, reason="benchmark")
            for model_id in reversed(ids):
                made.promote(model_id, reason="benchmark")
        yield made


def split(made: Registry, ids: list[str], share: float) -> None:
    """Give the second model a share."""
    with made._context.database.transaction() as transaction:
        seq, at = events.append(
            transaction,
            now=made._context.now(),
            kind=EventKind.EXPERIMENT_STARTED,
            actor="bench",
            reason="",
            model_name=NAME,
        )
        arms = (Arm(ids[1], share),)
        new = Experiment(
            seq, NAME, ids[0], arms, "split", "running", "salt", "accuracy", 0.05, (), 0, at, at, "bench", ""
        )
        experiments.insert(transaction, new)


def overhead(
    rows: int,
    rounds: int,
    *,
    share: float = 0.0,
    units: bool = False,
    shadow: float | None = None,
    form: Form = "array",
) -> tuple[float, float, float]:
    """Seconds of the bare call, of the predictor's, and of what it takes longer: medians.

    The bare model is called with a DataFrame where the predictor is given dicts.
    """
    with registry(share=share, shadow=shadow, named=form != "array") as made:
        inputs: Any = data(rows, 1)[0]
        if form != "array":
            inputs = framed(inputs)
        given = inputs.to_dict("records") if form == "dicts" else inputs
        names = [f"customer {n}" for n in range(rows)] if units else None
        model, scaler, _ = made.load_active_model(NAME)
        predictor = made.predictor(NAME)

        def bare() -> None:
            model.predict_proba(scaler.transform(inputs))

        def served() -> None:
            predictor.predict_proba(given, names)

        for _ in range(5):
            bare()
            served()
        times = interleaved({"bare": bare_of(bare), "served": bare_of(served)}, seconds=0, least=rounds, rounds=rounds)
        longer = [times.rounds["served"][n] - times.rounds["bare"][n] for n in times.rounds["bare"]]
        return times.median("bare") or 0.0, times.median("served") or 0.0, statistics.median(longer)


def bare_of(call: Callable[[], None]) -> Callable[[], float | None]:
    """A contestant that leaves the timing to its caller."""

    def run() -> None:
        call()

    return run


def logged(made: Registry, rows: int) -> float:
    """Predictions a second, from the call until they are kept, and scored by a shadow where there is one."""
    inputs, _ = data(BATCH, 2)
    predictor = made.predictor(NAME)
    predictor.predict_proba(inputs)
    predictor.flush()
    start = time.perf_counter()
    for _ in range(rows // BATCH):
        predictor.predict_proba(inputs)
    predictor.flush()
    return rows / (time.perf_counter() - start)


def recorded(made: Registry, rows: int, batch: int, *, units: bool = False, by_unit: bool = False) -> float:
    """Outcomes a second; of predictions with units, or sought by them."""
    inputs, truth = data(batch, 3)
    predictor = made.predictor(NAME)
    names = [f"customer {n}" for n in range(batch)] if units or by_unit else None
    seconds = 0.0
    for _ in range(rows // batch):
        ids = predictor.predict_proba(inputs, names).prediction_ids
        predictor.flush()
        start = time.perf_counter()
        if by_unit:
            made.record_outcomes(model_name=NAME, units=names, at=made._context.now(), labels=truth)
        else:
            made.record_outcomes(prediction_ids=ids, labels=truth)
        seconds += time.perf_counter() - start
    return rows / seconds


def page(rows: int, days: int = 90) -> list[tuple[str, float]]:
    """Seconds of reading what a page about many predictions shows, by what is read."""
    with registry(clock=lambda: NOW) as made:
        fill(made, rows, days)
        since = NOW - timedelta(days=days)
        reads: dict[str, Callable[[], object]] = {
            "by day": lambda: made.performance_history(NAME, since=since, every="day"),
            "by week": lambda: made.performance_history(NAME, since=since, every="week"),
            "by window": lambda: made.performance_history(NAME, since=since),
            "health": lambda: made.check_health(NAME, act=False),
        }
        found = []
        for name, call in reads.items():
            call()
            found.append((name, statistics.median(_seconds(call) for _ in range(7))))
        return found


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def fill(made: Registry, rows: int, days: int) -> None:
    """Predictions of so many days with their truth: windows from the rows through the functions that serve, the rows
    themselves in bulk."""
    telemetry = made._context.telemetry
    chance = np.random.default_rng(4)
    hours = days * 24
    count = rows // hours
    hour = 60 * timestamps.MINUTE
    start = microseconds(NOW) - hours * hour
    model_id = made.get_active_model_id(NAME) or ""
    deployment = made.deployments(NAME)[0].deployment_id
    with telemetry.transaction() as transaction:
        Labels([]).add(transaction, NAME, [0, 1])
        stream = Stream(NAME, model_id, "champion", 0, deployment, "", "classification", 1, "", 60)
        seq = streams.number(transaction, stream)
        for day in range(days):
            stored.store_input_counts(transaction, model_id, start + day * timestamps.DAY, _COUNTS)
    for number in range(hours):
        at = start + number * hour
        truth = (chance.random(count) < 0.3).astype(float)
        scores = 1 / (1 + np.exp(-(2 * truth - 1 + 1.5 * chance.normal(size=count))))
        answers = (scores > 0.5).astype(float)
        ids = (np.int64(at // 1000) << BLOCK_BITS) + np.arange(count)
        with telemetry.transaction() as transaction:
            listed = ids.tolist()
            partitions.cover(transaction, listed[::count])
            when = (at + np.sort(chance.integers(0, hour, count))).tolist()
            units = repeat(None)
            predictions.insert(
                transaction, zip(listed, repeat(seq), when, units, answers.tolist(), scores.tolist(), strict=False)
            )
            predictions.insert_outcomes(transaction, zip(listed, truth.tolist(), repeat(at), strict=False))
            tally = windows.Tally()
            tally.add(stream, seq, at, sums.of_predictions(count, scores))
            tally.add(stream, seq, at, sums.of_outcomes(truth, answers, positive=1.0, scores=scores))
            tally.store(transaction)


_COUNTS = "{" + ", ".join(f'"x{n}": {[400] * 11}' for n in range(INPUTS)) + "}"


def table(lines: list[Line]) -> str:
    """Lines as a markdown table."""
    head = ["| what | measured | target |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {what} | {measured} | {target} |" for what, measured, target in lines)])


def measure(rows: int = 10_000_000, rounds: int = 300, rate_rows: int = 1_000_000, days: int = 90) -> list[Line]:
    """All of it."""
    lines: list[Line] = []
    usual = MonitoringPolicy().standby_sample
    ways: list[tuple[str, dict[str, Any]]] = [
        ("", {}),
        (f", {usual:.0%} of them scored by the predecessor", {"shadow": usual}),
        (", all of them scored by the predecessor", {"shadow": 1.0}),
        (", 5% split", {"share": 0.05}),
        (", 5% split by unit", {"share": 0.05, "units": True}),
    ]
    for how, way in ways:
        single = "one row, which the predecessor scores" if way.get("shadow") == 1.0 else f"one row{how}"
        served = way.get("share") is None and way.get("shadow") != 1.0
        bare, _, longer = overhead(1, rounds, **way)
        lines.append((single, f"{bare * 1e6:.0f} us + {longer * 1e6:.0f} us", "<= 60 us" if served else ""))
        bare, _, longer = overhead(BATCH, max(rounds // 6, 5), **way)
        shown = f"{bare / BATCH * 1e6:.2f} us + {longer / BATCH * 1e6:.2f} us a row"
        lines.append((f"{BATCH:,} rows{how}", shown, "<= 1 us a row" if served else ""))
    forms: tuple[tuple[Form, str], ...] = (("frame", "one row in a DataFrame"), ("dicts", "one row in a dict"))
    for form, what in forms:
        bare, _, longer = overhead(1, rounds, shadow=usual, form=form)
        lines.append(
            (f"{what}, {usual:.0%} scored by the predecessor", f"{bare * 1e6:.0f} us + {longer * 1e6:.0f} us", "")
        )
    with registry() as made:
        lines.append(("predictions answered and kept", f"{logged(made, rate_rows):,.0f}/s", ">= 200,000/s"))
    with registry(shadow=1.0) as made:
        rate = logged(made, rate_rows)
    lines.append(("predictions answered, kept and all scored by the predecessor", f"{rate:,.0f}/s", ""))
    for batch in (100_000, 10_000):
        with registry() as made:
            rate = recorded(made, min(rate_rows, 500_000), min(batch, rate_rows))
        lines.append((f"outcomes in batches of {batch:,}", f"{rate:,.0f}/s", ">= 100,000/s"))
    with registry() as made:
        rate = recorded(made, min(rate_rows, 200_000), min(BATCH, rate_rows), units=True)
    lines.append((f"outcomes with units in batches of {BATCH:,}", f"{rate:,.0f}/s", ""))
    found = page(rows, days)
    together = sum(seconds for name, seconds in found if name in ("by day", "health"))
    for name, seconds in found:
        lines.append((f"{days} days of {rows:,} predictions, {name}", f"{seconds * 1e3:.0f} ms", ""))
    lines.append(("a health page: by day and health", f"{together * 1e3:.0f} ms", "<= 300 ms"))
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="predictions under the health page")
    parser.add_argument("--rounds", type=int, default=300)
    given = parser.parse_args()
    print(table(measure(given.rows, given.rounds)))


if __name__ == "__main__":
    main()
