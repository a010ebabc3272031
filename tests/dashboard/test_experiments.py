"""Experiments in words, frames and figures: who is winning, whether that can be believed, what may be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from dashboard.views.experiments import charts as experiment_charts
from dashboard.views.experiments import frames as experiment_frames
from dashboard.views.experiments import sentences
from registry_core import (
    Arm,
    ArmTraffic,
    ChallengerReport,
    Effect,
    EffectPoint,
    Event,
    Experiment,
    ExperimentReport,
    Guardrail,
)

from .conftest import validated

VERSIONS = {"A": "1.0.0", "B": "1.0.1", "C": "1.0.2"}


def made(**changes: Any) -> Experiment:
    fields: dict[str, Any] = {
        "experiment_id": 7, "model_name": "Churn", "champion_id": "A", "arms": (Arm("B", 0.05),), "mode": "split",
        "status": "running", "salt": "s", "metric": "accuracy", "alpha": 0.05, "stages": (), "stage": 0,
        "stage_since": "2026-01-01T00:00:00+00:00", "started_at": "2026-01-01T00:00:00+00:00", "started_by": "anna",
        "reason": "",
    }  # fmt: skip
    return Experiment(**{**fields, **changes})


def effect(low: float, high: float, **changes: Any) -> Effect:
    fields: dict[str, Any] = {"value": (low + high) / 2, "low": low, "high": high, "log_e": 4.0, "log_e_worse": -1.0}
    return Effect("accuracy", "split", 900, 100, True, **{**fields, **changes})


def judged(found: Effect, challenger: str = "B", **changes: Any) -> ChallengerReport:
    champion = ArmTraffic("A", "champion", 1000, 0, 900, 0.9, 0.85)
    own = ArmTraffic(challenger, "split", 100, 2, 80, 0.8, 0.9)
    fields: dict[str, Any] = {"status": "running", "points": (), "step": "wait", "gates": ()}
    whole = {**fields, **changes}
    return ChallengerReport(
        challenger, whole["status"], 0.05, "", champion, own, found, None, whole["points"], whole["step"],
        whole["gates"], "",
    )  # fmt: skip


def told(*challengers: ChallengerReport, **changes: Any) -> str:
    arms = tuple(Arm(each.challenger_id, 0.05, each.status) for each in challengers)
    found = made(**{"arms": arms, **changes})
    return sentences.headline(ExperimentReport(found, "", challengers, None, None, None, ""), VERSIONS)


def test_the_headline() -> None:
    assert told(judged(effect(0.01, 0.03))) == "1.0.1 is winning: better than 1.0.0 by 2.0 pp of accuracy (1.0 to 3.0)"
    assert told(judged(effect(-0.03, -0.01))) == "1.0.0 is winning: 1.0.1 is worse by 2.0 pp of accuracy (1.0 to 3.0)"
    assert told(judged(effect(-0.01, 0.03))) == "No winner yet: 1.0.1 shows +1.0 pp of accuracy (−1.0 to +3.0)"
    missing = Effect("accuracy", "split", 3, 1, False, "Not enough labels yet")
    assert told(judged(missing)) == "Too early to say whether 1.0.1 is better than 1.0.0"
    several = judged(effect(0.01, 0.03)), judged(effect(-0.01, 0.02), "C")
    assert told(*several) == "1 of 2 challengers are better than 1.0.0; 1.0.1 has the largest difference, +2.0 pp"
    assert told(judged(missing), judged(missing, "C")).startswith("Too early to say whether any of 2 challengers")
    assert told(judged(effect(-0.03, -0.01)), judged(effect(-0.03, -0.01), "C")).startswith("1.0.0 is winning: all 2")
    over: dict[str, Any] = {"ended_at": "2026-01-02T00:00:00+00:00"}
    assert told(judged(missing), status="refused", **over) == "1.0.1 refused as harmful"
    won = judged(effect(0.01, 0.03), status="promoted")
    assert told(won, status="promoted", **over) == "1.0.1 won against 1.0.0 and was promoted"


def test_evidence_in_words() -> None:
    assert sentences.evidence(None, 20, "x") == "Not known yet"
    assert sentences.evidence(-1.0, 20, "x").startswith("None so far (e-value 0.37; 20 is required)")
    assert sentences.evidence(np.log(5), 20, "both were equal") == (
        "Not enough: if both were equal, chance would come this far in at most 1 of 5 experiments; 1 of 20 is required"
    )
    assert sentences.evidence(np.log(200), 20, "x").startswith("Strong: ")
    assert "more than a million" in sentences.evidence(900.0, 20, "x")


def test_labels_that_are_compared() -> None:
    assert sentences.labels(replace(effect(-0.01, 0.02), kind="shadow")) == "100 of the same rows"


def test_the_ramp() -> None:
    usual = ("shadow", 0.01, 0.5, 1.0)
    found = sentences.steps(made(stages=usual, stage=1))
    assert [(each.name, each.state) for each in found] == [
        ("shadow", "done"),
        ("1%", "now"),
        ("50%", "to do"),
        ("promotion", "to do"),
    ]
    ended = made(stages=usual, stage=1, status="stopped", ended_at="2026-01-02T00:00:00+00:00")
    assert [each.state for each in sentences.steps(ended)] == ["done", "done", "skipped", "skipped"]
    won = sentences.steps(replace(ended, status="promoted"))
    assert [each.state for each in won] == ["done", "done", "skipped", "done"]
    drawn = experiment_charts.ramp(found)
    assert drawn.count("<li") == 4
    assert drawn.count("aria-current") == 1


def test_stages_as_typed() -> None:
    assert sentences.stages_from("Shadow, 1%, 5 ,100") == ["shadow", 0.01, 0.05, 1.0]
    with pytest.raises(ValueError, match="“soon” is not a stage"):
        sentences.stages_from("soon")


def test_the_split_as_drawn() -> None:
    found = made(arms=(Arm("B", 0.05), Arm("C", 0.2)))
    shades = {"A": "#000001", "B": "#000002", "C": "#000003"}
    names = {**VERSIONS, "B": "<b>"}
    drawn = experiment_charts.split(found, names, shades)
    assert "flex-grow:75.0000" in drawn
    assert "1.0.0 ★</b> 75%" in drawn
    assert "&lt;b&gt;</b> 5%" in drawn
    paused = experiment_charts.split(replace(found, status="paused"), VERSIONS, shades)
    assert "1.0.0 ★</b> 100%" in paused
    assert paused.count("no requests while paused") == 2
    whole = experiment_charts.split(replace(found, arms=(Arm("B", 1.0),)), VERSIONS, shades)
    assert "★" not in whole


def test_the_effect_over_time() -> None:
    points = tuple(
        EffectPoint(f"2026-01-01T{hour:02}:00:00+00:00", 10 * hour, *band)
        for hour, band in enumerate([(None, None, None), (0.02, -0.4, 0.5), (0.02, -0.01, 0.05), (0.03, 0.01, 0.05)])
    )
    each = judged(effect(0.01, 0.05), points=points)
    frame = experiment_frames.over_time(each, UTC)
    assert frame["value"].tolist() == pytest.approx([2.0, 2.0, 3.0])
    assert sentences.course(each, frame, made(), VERSIONS).endswith("above zero since 01 Jan, 03:00")
    assert sentences.course(each, frame.iloc[:2], made(), VERSIONS).endswith("still spans zero")
    assert sentences.course(each, frame.iloc[:0], made(), VERSIONS).endswith("insufficient data")
    low, high = experiment_charts.extent(frame)
    assert -2 < low < 0 < 5 < high < 7
    figure = validated(experiment_charts.over_time(frame, "#d55e00", "pp"))
    assert figure.layout.yaxis.range == (low, high)
    assert [each.text for each in figure.layout.annotations] == ["<b>+3.0</b><br>+1.0 to<br>+5.0", "equal"]
    assert experiment_charts.ticks(-3, 11) == {"tickvals": [0, 5, 10], "ticktext": ["0", "+5", "+10"]}
    assert experiment_charts.ticks(-0.02, 0.011)["ticktext"][0] == "−0.02"


def test_all_challengers_in_one_figure() -> None:
    challengers = judged(effect(0.01, 0.03)), judged(effect(-0.01, 0.02), "C")
    arms = (Arm("B", 0.05), Arm("C", 0.05, "withdrawn"))
    report = ExperimentReport(made(arms=arms), "", challengers, None, None, None, "")
    frame = experiment_frames.now(report, VERSIONS)
    assert frame["says"].tolist() == ["▲ better", "≈ no clear difference"]
    assert frame["written"].tolist() == ["+2.0 pp (+1.0 to +3.0)", "+0.5 pp (−1.0 to +2.0)"]
    assert len(validated(experiment_charts.now(frame, ["#d55e00", "#1a9e78"], "pp")).data) == 2
    table = experiment_frames.arms(report, VERSIONS)
    assert table["Role"].tolist() == ["★ champion", "◐ serves 5%", "□ withdrawn"]
    assert table["Value"].tolist() == pytest.approx([85, 90, 90])
    assert sentences.believed(report)[1] == ("○", "4 failed requests")
    more = replace(report, failures=Guardrail("failures", "more", ((9, 0), (9, 4)), (4.0,), "", (True,)))
    assert sentences.believed(more)[1] == ("✕", "fails more often: 4 requests")


def test_what_happened() -> None:
    before = {"experiment": 7, "mode": "shadow", "shares": {"B": 0.0}}
    after = {"experiment": 7, "mode": "split", "shares": {"B": 0.05}, "overridden": {"labels": "3 of 100 labels"}}
    event = Event(
        9, "2026-01-01T00:00:00+00:00", "experiment_advanced", "Churn", None, "anna", "B is fine", before, after, ""
    )
    frame = experiment_frames.history([event], VERSIONS, datetime(2026, 1, 1, 1, tzinfo=UTC), UTC)
    assert frame["Reason"].tolist() == ["B is fine"]
    assert frame["Change"].tolist() == ["shadow → split; 1.0.1: 0% → 5%; gates overridden: labels: 3 of 100 labels"]
    over = made(ended_at="2026-01-01T00:00:00+00:00", ended_by="anna", status="stopped", verdict="B was slow")
    past = experiment_frames.past([over], VERSIONS, datetime(2026, 1, 1, 1, tzinfo=UTC))
    assert past[["Result", "Challengers", "Verdict"]].to_numpy().tolist() == [["■ stopped", "1.0.1", "B was slow"]]
