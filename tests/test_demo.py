"""The demo: filled once, looked at from all sides."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from registry_core import InvalidInput, Registry
from registry_core.demo import empty, fill, holds_demo
from tests import prepared
from tests.conftest import DEMO_NOW as NOW
from tests.processes import until

NAMES = ["DiabetesProgression", "DigitParity", "LateArrival", "OffuttRain", "TumourScreen"]


@pytest.fixture(scope="module")
def filled(filled_demo: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder of a filled demo, and what was said while it was filled."""
    folder = tmp_path_factory.mktemp("demo") / "registry"
    shutil.copytree(filled_demo[0], folder)
    return folder, filled_demo[1]


@pytest.fixture
def demo(filled: tuple[Path, list[str]]) -> Iterator[Registry]:
    """The filled demo, opened; tests do not change it."""
    with Registry(filled[0]) as registry:
        yield registry


def test_it_holds_what_a_registry_goes_through(demo: Registry) -> None:
    assert demo.model_names() == NAMES
    models = demo.list_models()
    assert 20 <= len(models) <= 30
    assert all(demo.get_active_model_id(name) for name in NAMES)
    assert len({each.training_timestamp[:10] for each in models}) > 15
    kinds = {event.kind for event in demo.events(limit=None)}
    assert kinds >= {"registered", "uploaded", "promoted", "rolled_back", "rejected", "archived", "configured"}
    assert len({event.actor for event in demo.events(limit=None)}) >= 4
    assert demo.verify_events() is None


def test_the_history_spreads_over_months_and_ends_now(demo: Registry) -> None:
    times = [datetime.fromisoformat(event.at) for event in reversed(demo.events(limit=None))]
    assert times == sorted(times)
    assert times[0] < NOW - timedelta(days=180)
    assert NOW - timedelta(hours=6) < times[-1] <= NOW


def test_some_were_promoted_automatically_and_some_by_a_person(demo: Registry) -> None:
    actors = {each.actor for name in NAMES for each in demo.deployments(name)}
    assert {"auto", "anna.kovacs", "jonas.okafor"} <= actors


def test_a_challenger_that_is_worse_is_refused(demo: Registry) -> None:
    refused = [
        event for event in demo.events("OffuttRain", limit=None) if "does not beat" in event.after.get("because", "")
    ]
    assert refused
    deployed = {each.model_id for each in demo.deployments("OffuttRain")}
    assert not deployed & {event.model_id for event in refused}


def test_the_rollback_quotes_what_was_measured(demo: Registry) -> None:
    (event,) = demo.events(kinds=["rolled_back"])
    failed = demo.get_metadata(str(event.before["champion"]))
    assert failed.status == "disqualified"
    assert event.model_id == demo.champion_at("OffuttRain", event.at)

    from registry_core.demo.datasets import Weather
    from registry_core.demo.training import measure

    later = Weather.read().years(1995, 1996)
    for model_id in (failed.model_id, str(event.model_id)):
        model, scaler, _ = demo.load_model(model_id)
        measured = measure((model, scaler), later)
        assert f"accuracy {measured['accuracy']:.3f}, F1 {measured['f1_score']:.3f}" in event.reason
    model, scaler, metadata = demo.load_model(failed.model_id)
    assert metadata.accuracy is not None
    assert measure((model, scaler), later)["accuracy"] < metadata.accuracy - 0.1


def test_one_is_quarantined_one_rejected_and_one_not_comparable(demo: Registry) -> None:
    (quarantined,) = demo.list_models(where={"artifact": "quarantined"})
    assert (quarantined.model_name, quarantined.registered_by) == ("OffuttRain", "partner-lab")
    (rejected,) = demo.list_models(where={"status": "rejected"})
    assert "accuracy" in rejected.status_reason
    rows = demo.get_model_comparison(None, "OffuttRain")
    assert [row["evaluation_set"] for row in rows if not row["comparable"]] == ["offutt-holdout-1970s"]


def test_policies_of_single_model_names(demo: Registry) -> None:
    assert demo.policy("TumourScreen").performance_weight["recall"] == 0.5
    assert not demo.policy("OffuttRain").auto_select_best
    assert demo.policy("DigitParity").ensemble_bonus == 0


def test_a_three_way_tie_in_accuracy(demo: Registry) -> None:
    tied = [
        each for each in demo.list_models("TumourScreen") if each.model_type in {"SVC", "MLP", "LogisticRegression"}
    ]
    assert len({each.accuracy for each in tied}) == 1
    assert len({each.auc for each in tied}) == 3


def test_a_score_by_hand(demo: Registry) -> None:
    champion = demo.get_metadata(str(demo.get_active_model_id("OffuttRain")))
    model, scaler, _ = demo.load_model(champion.model_id)

    from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

    from registry_core.demo.datasets import Weather

    holdout = Weather.read().years(1990, 1994, derived=True)
    inputs = scaler.transform(holdout.inputs)
    answer, share = model.predict(inputs), model.predict_proba(inputs)[:, 1]
    by_hand = 1.05 * (
        0.4 * accuracy_score(holdout.target, answer)
        + 0.3 * roc_auc_score(holdout.target, share)
        + 0.2 * f1_score(holdout.target, answer)
        + 0.1 * Weather.read().years(1949, 1978).quality
    )
    assert champion.is_ensemble
    assert champion.composite_score == pytest.approx(by_hand, abs=1e-12)


def test_the_data_are_those_described() -> None:
    from registry_core.demo.datasets import Weather

    weather = Weather.read()
    assert len(weather.rain) == 18_159
    assert weather.rain.mean() == pytest.approx(0.31, abs=0.01)
    assert (~weather.plausible).sum() == 34
    assert len(weather.years(1949, 2030)) == 18_159 - 34
    assert weather.years(1949, 1978, derived=True).inputs.shape[1] == 11


def test_each_step_is_said(filled_demo: tuple[Path, list[str]]) -> None:
    folder, said = filled_demo
    assert len(said) > 25
    assert all("\n" not in line for line in said)
    assert str(folder) in said[-1]


def test_nothing_is_left_beside_it(filled_demo: tuple[Path, list[str]]) -> None:
    folder, _ = filled_demo
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]
    assert not [each.name for each in folder.iterdir() if each.name.endswith(("-wal", "-shm"))]


def test_a_filled_folder_is_left_alone(filled: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(filled[0], folder)
    before = {each: each.stat().st_mtime_ns for each in folder.rglob("*")}
    said: list[str] = []
    fill(folder, said.append)
    assert len(said) == 1
    assert "already filled" in said[0]
    assert {each: each.stat().st_mtime_ns for each in folder.rglob("*")} == before


def test_it_can_be_emptied(filled: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(filled[0], folder)
    empty(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work", encoding="utf-8")
    with pytest.raises(InvalidInput, match="exists and is not a demo"):
        fill(tmp_path, lambda line: None)
    with pytest.raises(InvalidInput, match="is not a demo"):
        empty(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_registry_of_somebody_is_refused(tmp_path: Path) -> None:
    Registry(tmp_path / "mine").close()
    with pytest.raises(InvalidInput, match="exists and is not a demo"):
        fill(tmp_path / "mine", lambda line: None)


def test_an_error_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    lines = 0

    def stop(line: str) -> None:
        nonlocal lines
        lines += 1
        if lines == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "demo", stop)
    assert list(tmp_path.iterdir()) == []


class Enough(Exception):
    """The next fill has begun as ever; how it goes on takes as long as all of the demo."""


@pytest.mark.slow
def test_a_killed_fill_is_not_taken_for_a_filled_one_and_the_next_comes_out_as_ever(
    filled_demo: tuple[Path, list[str]], demo: Registry, tmp_path: Path, full: bool
) -> None:
    folder = tmp_path / "demo"
    code = f"import registry_core.demo as d; d.fill({str(folder)!r}, lambda line: print(line, flush=True))"
    output = tmp_path.parent / "output.txt"
    process = prepared.Program(["-c", code], output)
    until(lambda: output.exists() and output.read_text().count("\n") >= 3)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    output.unlink()
    assert not holds_demo(folder)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".demo.filling-")

    # The next one fills the folder all the same, and takes away what was left once it is old enough.
    old = time.time() - 3600
    os.utime(left, (old, old))
    # Into an empty folder that is there already, too.
    folder.mkdir()
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if not full and len(said) == 5:
            raise Enough

    with nullcontext() if full else pytest.raises(Enough):
        fill(folder, say, NOW)
    assert holds_demo(folder) == full
    assert [each.name for each in tmp_path.iterdir()] == ["demo"]
    assert said[:5] == filled_demo[1][:5]
    if not full:
        return
    with Registry(folder) as again:
        for name in NAMES:
            first, second = (
                [(each.model_id, each.version, each.all_metrics(), each.status) for each in registry.list_models(name)]
                for registry in (demo, again)
            )
            assert first == second


def test_the_registry_measured_what_it_may_load(demo: Registry) -> None:
    (benchmark,) = demo.benchmarks("OffuttRain")
    rows = demo.get_model_comparison(None, "OffuttRain")
    kept = [row for row in rows if row["status"] != "trashed"]
    assert len(kept) == len(rows) - 1
    assert all(bool(row["measured"]) == (row["artifact"] == "trusted") for row in kept)
    assert {row["measured_on"] for row in rows if row["measured"]} == {benchmark.name}
    champion = demo.get_metadata(str(demo.get_active_model_id("OffuttRain")))
    assert champion.override_note.startswith("anna.kovacs overrode 1 failed gate")
    assert "Same features as the champion" in champion.override_note
    best = demo.get_model_comparison(1, "OffuttRain", order_by="measured:accuracy")[0]["model_id"]
    assert [review.actor for review in demo.reviews(best)] == ["jonas.okafor"]


@pytest.mark.parametrize("name", ["OffuttRain", "LateArrival"])
def test_every_section_of_a_comparison_with_the_champion_shows_something(demo: Registry, name: str) -> None:
    champion = str(demo.get_active_model_id(name))
    ranked = demo.get_model_comparison(None, name, order_by="measured:accuracy")
    closest = next(row["model_id"] for row in ranked if row["measured"] and row["model_id"] != champion)
    for model_id in (closest, champion):
        (evaluation,) = demo.evaluations(model_id)
        assert evaluation.in_training is not None
        assert evaluation.in_training.found == 0
        assert demo.outcome_value(model_id).curve.best.value < 0
        (groups,) = demo.fairness(model_id).values()
        assert len(groups.groups) > 1
        assert demo.feature_impact(model_id) is not None
    assert demo.losing_slices(closest).searched
    impact = demo.feature_impact(closest)
    assert impact is not None
    assert impact.champion is not None


def test_the_card_of_rain_is_written(demo: Registry) -> None:
    text = demo.model_card(str(demo.get_active_model_id("OffuttRain"))).text
    assert all((text.purpose, text.limits, text.owner, text.risk_tier))


def test_every_name_has_a_benchmark_on_which_its_versions_are_evaluated(demo: Registry) -> None:
    for name in NAMES:
        benchmark = demo.counting_benchmark(name)
        assert benchmark is not None, name
        champion = demo.get_active_model_id(name)
        assert champion is not None
        found = demo.evaluations(champion)
        assert any(each.fingerprint == benchmark.fingerprint and each.status == "measured" for each in found), name
