"""The verdict read in every place that shows it: ``python -m benchmarks.verdicts``.

Model names are made at random: good, equal and bad models; with and without a champion, a benchmark, an evaluation of
either; rejected, archived, disqualified; with gates on metrics, margins, slices and approval; reported as they are or
better. Of each version the verdict of the core is read again from the model page, the leaderboard, Compare, the
Overview, the dialog of a promotion, the command line and the event of the promotion. Each place has to show the same
word with the same numbers. The same seed makes the same situations.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from streamlit.testing.v1 import AppTest

from dashboard import formatting, served
from registry_core import NotEligible, PromotionVerdict, Registry, RegistryError
from registry_core.cli import main as command

APP = Path(__file__).resolve().parents[1] / "dashboard" / "app.py"
COUNT, SEED = 200, 0
ROWS = 160
#: How far a model looks at what decides: near 1 it is good, at 0 it knows nothing.
SKILLS = (0.0, 0.3, 0.6, 0.9, 0.9, 1.0)
GATES: tuple[dict[str, Any], ...] = (
    {}, {}, {}, {"approval": True}, {"minimum_metrics": {"accuracy": 0.7}}, {"not_worse_than_champion": 0.05},
    {"slice_floors": {"accuracy": 0.6}}, {"minimum_metrics": {"accuracy": 0.99}, "approval": True},
)  # fmt: skip


@dataclass
class Result:
    """What was read: ``words`` counts the verdicts, ``places`` the places read, ``wrong`` says what did not agree."""

    words: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def make(registry: Registry, chance: random.Random, name: str) -> list[str]:
    """The versions of one model name, in a situation drawn at random; ids, oldest first."""
    draws = np.random.default_rng(chance.randrange(1 << 30))
    gates = dict(chance.choice(GATES))
    registry.configure(auto_evaluate=False, auto_select_best=False, gates=gates, model_name=name, reason="drawn")
    made = [_register(registry, chance, draws, name) for _ in range(chance.randint(2, 4))]
    if chance.random() < 0.85:
        signal, noise = draws.normal(size=ROWS), draws.normal(size=ROWS)
        frame = pd.DataFrame({"signal": signal, "noise": noise, "left": (signal > 0).astype(int)})
        frame["region"] = draws.choice(["N", "S"], ROWS)
        slices = ["region"] if chance.random() < 0.7 else []
        registry.add_benchmark("holdout", name, frame, "left", features=["signal", "noise"], slices=slices)
        for model_id in made:
            if chance.random() < 0.8:
                registry.evaluate(model_id)
    for model_id in made:
        if chance.random() < 0.3:
            registry.review(model_id, "approved", "drawn", actor="carla")
    if chance.random() < 0.8:
        with suppress(NotEligible):
            registry.promote(made[0], actor="anna", reason="the first", override=True)
    for model_id in made[1:]:
        verb = chance.choice(("", "", "", "", "reject", "archive", "disqualify"))
        if verb:
            getattr(registry, verb)(model_id, actor="bert", reason="drawn")
    return made


def _register(registry: Registry, chance: random.Random, draws: np.random.Generator, name: str) -> str:
    skill = chance.choice(SKILLS)
    rows = draws.normal(size=(200, 2))
    told = skill * rows[:, 0] + (1 - skill) * draws.normal(size=200) > 0
    columns = ["signal", "noise"] if chance.random() < 0.9 else ["signal", "noise", "age"]
    rows = np.hstack([rows, draws.normal(size=(200, len(columns) - 2))])
    model = LogisticRegression().fit(rows, told.astype(int))
    model_id: str = registry.register_model(
        model,
        model_name=name,
        model_type="LogisticRegression",
        performance_metrics={**dict.fromkeys(("auc", "f1_score"), 0.8), "accuracy": chance.choice((0.6, 0.8, 0.999))},
        training_info={"training_samples": 200, "data_quality_score": 0.9},
        feature_names=columns,
    )
    return model_id


def read(registry: Registry, folder: Path, name: str, model_ids: list[str], result: Result) -> None:
    """Read the verdict of each version in every place, and note what differs from the core's."""
    champion = registry.get_active_model_id(name)
    board = _table(_page("leaderboard", model=name))
    overview = _page("overview")
    names = overview.dataframe[0].value.set_index("Model name")
    verdicts = registry.verdicts(model_ids)
    for model_id in model_ids:
        # The model page loads what nobody loaded yet, which may change what the gates say: it comes first.
        page = _text(_page("model", id=model_id))
        verdict = registry.verdict(model_id)
        result.words[verdict.word] += 1
        told = json.loads(_command(folder, "gates", model_id, "--json"))["verdict"]
        places = {
            "the same asked for many": registry.verdicts([model_id])[model_id] == verdict,
            "model page": _said(page, verdict),
            "command line": (told["word"], told["sentence"]) == (verdict.word, verdict.sentence),
        }
        # Archived ones are listed when they are asked for.
        if model_id in board.index:
            places["leaderboard"] = _in_row(board.loc[model_id], verdicts[model_id])
        if champion is not None and champion != model_id:
            places["Compare"] = _said(_text(_page("compare", model=name, ids=f"{champion},{model_id}")), verdict)
        if (best := str(names.loc[name, "Best version"])).startswith(f"{registry.get_metadata(model_id).version}:"):
            listed = verdict.word != "better" or _said(_text(overview), verdict)
            places["Overview"] = best.endswith(f" {formatting.VERDICTS[verdict.word]} {verdict.word}") and listed
        _dialog(model_id, verdict, places)
        for place, agrees in places.items():
            result.places[place] += 1
            if not agrees:
                result.wrong.append(f"{place}: {name} {model_id}: {verdict.word}: {verdict.sentence}")
    _event(registry, model_ids, result)


def _dialog(model_id: str, verdict: PromotionVerdict, places: dict[str, bool]) -> None:
    app = _page("model", id=model_id)
    buttons = [each for each in app.button if each.key == f"promote-{model_id}" and not each.disabled]
    if buttons and verdict.word != "champion":
        places["dialog"] = _said(_text(buttons[0].click().run()), verdict, 2)


def _event(registry: Registry, model_ids: list[str], result: Result) -> None:
    """Promote the last version that can be: its event keeps the verdict as it stood."""
    for model_id in reversed(model_ids):
        verdict = registry.verdict(model_id)
        if verdict.word == "champion":
            continue
        try:
            registry.promote(model_id, actor="anna", reason="drawn", override=bool(verdict.failures))
        except RegistryError:
            continue
        event = registry.events(model_id=model_id, kinds=["promoted"], limit=1)[0]
        result.places["event"] += 1
        if event.after["verdict"] != {"word": verdict.word, "sentence": verdict.sentence}:
            result.wrong.append(f"event: {model_id}: {verdict.sentence} was kept as {event.after['verdict']}")
        return


def _page(page: str, /, **address: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=120)
    for key, value in address.items():
        app.query_params[key] = value
    if page != "overview":
        app.switch_page(f"../pages/{page}.py")
    return app.run()


def _text(app: AppTest) -> str:
    if app.exception:
        raise RuntimeError(f"the page failed: {app.exception[0].value}")
    kinds = ("markdown", "caption", "success", "info", "warning", "error", "header", "subheader", "title")
    return " ".join(str(getattr(each, "value", "")) for kind in kinds for each in app.get(kind)).replace("\\", "")


def _said(text: str, verdict: PromotionVerdict, times: int = 1) -> bool:
    whole = f"{verdict.word.capitalize()}.** {formatting.sentence(verdict.sentence)}"
    return text.count(whole) >= times


def _table(app: AppTest) -> pd.DataFrame:
    for each in app.dataframe:
        if "Verdict" in each.value.columns:
            table: pd.DataFrame = each.value
            return table.set_index("Model id")
    return pd.DataFrame()


def _in_row(row: Any, verdict: PromotionVerdict) -> bool:
    gates = f"{len(verdict.gates) - len(verdict.failures)} of {len(verdict.gates)}"
    value = "" if verdict.evaluated is None else formatting.number(verdict.evaluated.value)
    return bool(
        row["Verdict"].endswith(f" {verdict.word}")
        and row["Gates"] == gates
        and str(row.get("Evaluated", formatting.MISSING)).startswith(value or formatting.MISSING)
    )


def _command(folder: Path, *words: str) -> str:
    return CliRunner().invoke(command, [*words, "--registry", str(folder)]).stdout


def run(count: int, seed: int, folder: Path) -> Result:
    """So many situations or a few more, each model name in a registry of its own, read in every place."""
    result, chance = Result(), random.Random(seed)
    while sum(result.words.values()) < count:
        own = folder / f"registry-{len(list(folder.iterdir()))}"
        with Registry(own, actor="anna") as registry:
            served.serve_from(str(own))
            try:
                read(registry, own, "Churn", make(registry, chance, "Churn"), result)
            finally:
                served.close()
                st.cache_resource.clear()
    return result


def main(given: list[str] | None = None) -> int:
    """Read the options, run and print; the exit code is 1 where a place differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"how many versions (default {COUNT})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"which ones (default {SEED})")
    options = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as place:
        result = run(options.count, options.seed, Path(place))
    for each in result.wrong:
        print("DIFFERS", each)
    print(f"{sum(result.words.values())} versions, seed {options.seed}: {_listed(result.words)}")
    print(f"read in: {_listed(result.places)}; {len(result.wrong)} differ")
    return 1 if result.wrong else 0


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {count}" for what, count in counts.most_common())


if __name__ == "__main__":
    sys.exit(main())
