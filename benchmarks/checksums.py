"""What row checksums cost: ``python -m benchmarks.checksums``.

Two registries do the same in turn, one of them without the triggers that keep the checksums. A ratio is taken within
one round, and the median of the rounds is printed: below 1.05, checksums cost less than 5%.
"""

from __future__ import annotations

import argparse
import itertools
import sqlite3
import statistics
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.bench import NAME, register
from benchmarks.timing import Contestant, Times, interleaved
from registry_core import Registry

WITH, WITHOUT = "with", "without"


def drop_triggers(folder: Path) -> int:
    """Take the triggers of row checksums from a registry's catalog; how many there were."""
    with closing(sqlite3.connect(folder / "registry.db")) as connection, connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'row_sums_%'"
            )
        ]
        for name in names:
            connection.execute(f"DROP TRIGGER {name}")
    return len(names)


def measure(space: Path, seconds: float, rounds: int = 1000) -> dict[str, Times]:
    """Time each action in both registries.

    Args:
        space: an empty folder.
        seconds: how long each action is repeated.
        rounds: how often at most.

    Returns:
        action -> times, ``with`` and ``without`` triggers.

    Raises:
        RuntimeError: a catalog has no triggers to compare with.
    """
    results: dict[str, Times] = {}
    with ExitStack() as stack:
        registries = {}
        for name in (WITH, WITHOUT):
            registries[name] = registry = stack.enter_context(Registry(space / name, actor="benchmark"))
            register(registry, 0)
        if not drop_triggers(space / WITHOUT):
            raise RuntimeError("the catalog has no triggers of row checksums")
        numbers = {name: itertools.count(1) for name in registries}

        def registering(name: str) -> Contestant:
            def run() -> None:
                register(registries[name], next(numbers[name]))

            return run

        def pinning(name: str) -> Contestant:
            model_id = registries[name].list_models(NAME, limit=1)[0].model_id

            def run() -> None:
                registries[name].pin(model_id, reason="measured")
                registries[name].unpin(model_id)

            return run

        for action, make in (("register a model", registering), ("pin and unpin a version", pinning)):
            contestants = {name: make(name) for name in registries}
            results[action] = interleaved(contestants, seconds=seconds, rounds=rounds, least=1, block=5)
    return results


def main() -> None:
    """Print the times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each action is repeated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as space:
        results = measure(Path(space), options.seconds)
    print(
        "| action | rounds | with (ms) | without (ms) | ratio | middle half of the ratios |\n|---|---|---|---|---|---|"
    )
    for action, times in results.items():
        kept, bare, ratios = times.median(WITH), times.median(WITHOUT), times.ratios(WITH, WITHOUT)
        if kept is not None and bare is not None and len(ratios) > 1:
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(
                f"| {action} | {len(ratios)} | {kept * 1000:.2f} | {bare * 1000:.2f} | {middle:.3f} | "
                f"{low:.2f} to {high:.2f} |"
            )


if __name__ == "__main__":
    main()
