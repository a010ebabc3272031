"""Real series played through the public API: the whole story happens by itself, and happens again the same way."""

from __future__ import annotations

from pathlib import Path

import joblib
import pytest

from registry_core import Event, Registry
from registry_core.demo import replay
from tests.actions.test_compute import dask

pytestmark = pytest.mark.slow


def told(folder: Path) -> list[Event]:
    """All events, oldest first."""
    with Registry(folder) as registry:
        assert registry.verify_events() is None
        return registry.events(limit=None)[::-1]


def test_the_whole_story_happens_by_itself(tmp_path: Path) -> None:
    replay.flights(tmp_path, lambda said: None, every=3)
    went_all_the_way(tmp_path)
    was_refused(tmp_path)
    frost_took_it_down(tmp_path)


@pytest.mark.full
def test_the_story_happens_again_the_same_way(tmp_path: Path) -> None:
    once, again = tmp_path / "once", tmp_path / "again"
    said: tuple[list[str], list[str]] = ([], [])
    replay.flights(once, said[0].append, every=3, last=180)
    replay.flights(again, said[1].append, every=3, last=120)
    # The last week is told at once.
    kept = [(event.at, event.kind, event.reason, event.after) for event in told(again) if event.at < "2013-04-30"]
    assert kept == [(event.at, event.kind, event.reason, event.after) for event in told(once)[: len(kept)]]
    assert len(kept) > 5
    assert said[0][:3] == said[1][:3]


@pytest.mark.full
@pytest.mark.parametrize("backend", ["threading", "loky", "dask"])
def test_the_story_is_the_same_whatever_joblib_was_told(tmp_path: Path, backend: str) -> None:
    said: tuple[list[str], list[str]] = ([], [])
    replay.flights(tmp_path / "here", said[0].append, every=6, last=84)
    with dask() if backend == "dask" else joblib.parallel_config(backend=backend, n_jobs=2):
        replay.flights(tmp_path / "there", said[1].append, every=6, last=84)
    here, there = (
        [(event.at, event.kind, event.reason, event.after) for event in told(tmp_path / name)]
        for name in ("here", "there")
    )
    assert (here, said[0]) == (there, said[1])
    with Registry(tmp_path / "here") as first, Registry(tmp_path / "there") as second:
        one, other = (each.prediction_history("LateArrival") for each in (first, second))
    assert len(one) > 1_000
    assert one.equals(other)


def went_all_the_way(folder: Path) -> None:
    events = told(folder)
    first, second, curves, _ = [event.model_id for event in events if event.kind == "registered"]
    way = [event for event in events if event.kind.startswith("experiment_") and event.model_id in (None, second)]
    kinds = [event.kind for event in way]
    assert kinds[0] == "experiment_started"
    assert kinds.count("experiment_advanced") == 3
    assert {event.actor for event in way if event.kind != "experiment_started"} == {"auto"}
    with Registry(folder) as registry:
        spans = registry.deployments("LateArrival")[::-1]
        first_experiment = registry.experiments("LateArrival")[-1]
    assert [each.model_id for each in spans] == [first, second, curves, second]
    assert [each.actor for each in spans[1:]] == ["auto", "auto", "auto"]
    assert first_experiment.status == "promoted"
    assert [arm.challenger_id for arm in first_experiment.arms] == [second]


def was_refused(folder: Path) -> None:
    with Registry(folder) as registry:
        refused = next(each for each in registry.experiments("LateArrival") if each.status == "refused")
        (report,) = registry.experiment_report(refused.experiment_id).challengers
    assert refused.mode == "shadow"
    assert report.effect.value is not None
    assert report.effect.value < 0
    assert report.effect.log_e_worse is not None
    assert report.effect.log_e_worse > 3  # ln 20
    assert "e-value of harm" in report.verdict


def frost_took_it_down(folder: Path) -> None:
    """Rightly: on the days after the alarm the one that was put back made fewer mistakes on the same rows."""
    (rolled,) = [event for event in told(folder) if event.kind == "rolled_back"]
    assert rolled.actor == "auto"
    assert rolled.at.startswith("2013-11")
    assert "Worse than its baseline" in rolled.reason
    back = rolled.after["champion"]
    assert " pp more accurate than the champion" in rolled.reason
    with Registry(folder) as registry:
        assert f"{registry.get_metadata(back).display_name} was " in rolled.reason
        failed = registry.get_metadata(str(rolled.before["champion"]))
        alerts = registry.alerts("LateArrival", resolved=True)
        weeks = registry.performance_history("LateArrival", since="2013-10-29T00:00:00+00:00", every="week")
    assert failed.status == "disqualified"
    assert "rolled_back" in {each.kind for each in alerts}
    wrong = {
        each.model_id: 1 - each.metrics["accuracy"] for each in weeks if each.start < "2013-11-11" and each.metrics
    }
    assert wrong[failed.model_id] > wrong[back] + 0.05


@pytest.mark.full
def test_where_a_feed_breaks_for_every_version_nobody_is_put_back(tmp_path: Path) -> None:
    replay.flights(tmp_path / "registry", lambda said: None, every=3, broken_feed=True)
    with Registry(tmp_path / "registry") as registry:
        alerts = registry.alerts("LateArrival", resolved=True)
        assert {"degradation", "every_version_worse"} <= {each.kind for each in alerts}
        assert registry.events(kinds=["rolled_back"]) == []


@pytest.mark.full
def test_a_series_in_which_nothing_changes_raises_no_alarm(tmp_path: Path) -> None:
    said: list[str] = []
    replay.flights(tmp_path / "registry", said.append, every=6, last=365, shuffled=True)
    assert len(said) == 1  # the first model, and nothing after it
    with Registry(tmp_path / "registry") as registry:
        assert registry.alerts("LateArrival", resolved=True) == []
        assert len(registry.deployments("LateArrival")) == 1
        assert registry.check_health("LateArrival").state == "healthy"
