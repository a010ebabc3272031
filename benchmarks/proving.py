"""Rows: what a proof of answers costs, beside the same call with the proof left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from benchmarks import estimators
from benchmarks.bench import NAME, Bench, register
from benchmarks.registering import void
from benchmarks.table import Row, at_most, number
from registry_core import Registry
from registry_core.actions import answer_checks, proofs
from registry_core.catalog import proofs as stored
from registry_core.signature import UNKNOWN, AnswersCheck, Proof


@contextmanager
def left_out() -> Iterator[None]:
    """Registrations and loads that ask no model anything."""

    def nothing(*_: Any, **__: Any) -> None:
        return None

    unasked = proofs.Asked(Proof(UNKNOWN, "none"), None, None)
    with (
        patch.object(proofs, "of_object", lambda *_, **__: unasked),
        patch.object(proofs, "read_back", lambda *given: AnswersCheck("agrees", "", given[-1], "registration")),
        patch.object(stored, "insert", nothing),
        patch.object(stored, "insert_check", nothing),
        patch.object(answer_checks, "check_loaded", nothing),
    ):
        yield


def registering(bench: Bench) -> list[Row]:
    """A logistic regression with its scaler, registered with its proof."""
    numbers = itertools.count(1)
    with Registry(bench.new_folder("registry"), actor="benchmark") as registry:
        register(registry, 0, scaled=True)

        def plain() -> None:
            with left_out():
                register(registry, next(numbers), scaled=True)

        contestants = {"with": lambda: void(register(registry, next(numbers), scaled=True)), "without": plain}
        times = bench.race(contestants, seconds=2 * bench.size.seconds, block=5)
    ratio = times.ratio("with", "without")
    return [
        Row(
            "register-proof",
            "the same with its proof of answers; the limit is the call without",
            times.median("with"),
            times.median("without"),
            ratio,
            target="<= 1.15x the one without",
            checks=at_most("with / without", ratio, 1.15),
            spread=times.spread("without"),
        )
    ]


def loading(bench: Bench) -> list[Row]:
    """The champion loaded for the first time in a process that has its libraries."""
    folder = bench.new_folder("registry")
    with Registry(folder, actor="benchmark") as registry:
        register(registry, 0, scaled=True)
        estimators.question()

        def first() -> None:
            registry._loader._objects.clear()
            registry._loader._answers.clear()
            registry.load_active_model(NAME)

        def plain() -> None:
            with left_out():
                first()

        times = bench.race({"with": first, "without": plain}, seconds=bench.size.seconds, block=5)
    ours, without = times.median("with") or 0.0, times.median("without") or 0.0
    return [
        Row(
            "load-proof",
            "load a champion first, with 32 example rows asked; the limit is the load without",
            ours,
            without,
            times.ratio("with", "without"),
            target="<= 5 ms more",
            checks=at_most("milliseconds more", 1000 * (ours - without), 5),
            notes=[f"{number(1000 * (ours - without))} ms more for 32 rows"],
            spread=times.spread("without"),
        )
    ]
