"""What the check of roles costs: a promotion and every page, by the registry itself and as a signed-in person.

``python -m benchmarks.access``: one run, both in turns. A promotion is of two versions that take each other's place. A
page is a whole run of its script in this process, by a person who sees all model names and by one who sees half.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import estimators
from registry_core import Person, Registry, Role

_PAGES = ("overview", "leaderboard", "model", "health", "activity")
_NAMES = 6


def _registered(registry: Registry) -> list[str]:
    ids = []
    model, scaler = estimators.regression()
    for number in range(_NAMES):
        name = f"{'Seen' if number % 2 == 0 else 'Hidden'}-{number}"
        for accuracy in (0.8, 0.81, 0.82):
            ids.append(
                registry.register_model(
                    model, scaler, model_name=name, model_type="LR",
                    performance_metrics={"accuracy": accuracy, "auc": accuracy, "f1_score": accuracy},
                    training_info={"data_quality_score": 0.9},
                )
            )  # fmt: skip
    return ids


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def promotions(registry: Registry, ids: list[str], acting: dict[str, Registry], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of a promotion by each caller, in turns."""
    times: dict[str, list[float]] = {name: [] for name in acting}
    for number in range(rounds):
        for name, caller in acting.items():
            target = ids[1] if registry.get_active_model_id("Seen-0") != ids[1] else ids[2]
            times[name].append(_timed(partial(caller.promote, target, reason=f"round {number}")))
    return times


def pages(folder: Path, people: dict[str, Person | None], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of a run of each page by each caller, in turns."""
    from streamlit.testing.v1 import AppTest

    from dashboard import served, server, sign_in

    del server
    served.serve_from(str(folder))
    root = Path(__file__).resolve().parent.parent
    times: dict[str, dict[str, list[float]]] = {page: {name: [] for name in people} for page in _PAGES}
    opened = {}
    for page in _PAGES:
        for name, person in people.items():
            sign_in.current = (lambda: None) if person is None else person.principal
            app = AppTest.from_file(str(root / "dashboard" / "app.py"), default_timeout=120)
            app.query_params["model"] = "Seen-0"
            if page != "overview":
                app.switch_page(f"../pages/{page}.py")
            opened[page, name] = app.run()
    for _ in range(rounds):
        for page in _PAGES:
            for name, person in people.items():
                sign_in.current = (lambda: None) if person is None else person.principal
                times[page][name].append(_timed(opened[page, name].run))
    served.close()
    return times


def _line(what: str, times: dict[str, list[float]]) -> str:
    own = times["the registry itself"]
    said = [f"{what}: {statistics.median(own):.2f} ms"]
    for name, found in times.items():
        if found is not own:
            ratio = statistics.median(mine / theirs for mine, theirs in zip(found, own, strict=True))
            said.append(f"{name} {statistics.median(found):.2f} ms ({ratio:.2f}x)")
    return "; ".join(said)


def main() -> None:
    """Print a line for the promotion and for each page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.access", description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="promotions and runs of each page by each caller")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MODEL_REGISTRY_KEYS"] = str(Path(folder) / "keys")
        with Registry(Path(folder) / "registry", actor="owner") as registry:
            ids = _registered(registry)
            everything = registry.add_person("sees all")
            half = registry.add_person("sees half")
            for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
                registry.grant(everything.grantee, role)
                registry.grant(half.grantee, role, "Seen-*")
            acting = {
                "the registry itself": registry,
                "who sees all": registry.as_principal(everything.principal()),
                "who sees half": registry.as_principal(half.principal()),
            }
            promotions(registry, ids, acting, 3)
            print(_line("promotion", promotions(registry, ids, acting, rounds)), flush=True)
            callers: dict[str, Person | None] = {
                "the registry itself": None,
                "who sees all": everything,
                "who sees half": half,
            }
            for page, times in pages(Path(folder) / "registry", callers, rounds).items():
                print(_line(f"page {page}", times), flush=True)


if __name__ == "__main__":
    main()
