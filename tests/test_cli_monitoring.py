"""The console command's verbs of live traffic."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from registry_core import HealthReport, Registry, SliceState
from registry_core.cli.monitoring import health_lines
from tests.actions.watch.live_traffic import Mistakes, register
from tests.clock import Clock
from tests.commands import ROOT, answer, refused, run
from tests.processes import until


@pytest.fixture
def two(sqlite_registry: Registry, clock: Clock) -> list[str]:
    """A champion and a challenger."""
    ids = []
    for accuracy in (0.9, 0.8):
        ids.append(register(sqlite_registry, accuracy))
        clock.tick(60)
    return ids


def test_an_experiment_from_start_to_end(
    registry_folder: Path, sqlite_registry: Registry, clock: Clock, two: list[str]
) -> None:
    assert "No running experiments" in run(registry_folder, "experiment", "list").stdout
    started = answer(registry_folder, "experiment", "start", "Churn", two[1], "--reason", "newer", "--actor", "anna")
    number = str(started["experiment_id"])
    assert (started["mode"], started["started_by"], started["arms"][0]["challenger_id"]) == ("shadow", "anna", two[1])
    assert answer(registry_folder, "experiment", "share", number, "0.5")["arms"][0]["share"] == 0.5
    assert answer(registry_folder, "experiment", "share", number, f"{two[1]}=0.4")["arms"][0]["share"] == 0.4
    assert answer(registry_folder, "experiment", "pause", number)["status"] == "paused"
    assert "running, split" in run(registry_folder, "experiment", "resume", number).stdout
    message = refused(registry_folder, 4, "StateConflict", "experiment", "resume", number)
    assert "is running; there is nothing to resume" in message
    Mistakes(sqlite_registry)(1000, {two[0]: 0.3})
    text = run(registry_folder, "experiment", "report", number).stdout
    assert "Challenger is better by" in text
    assert "No sample-ratio mismatch" in text
    report = answer(registry_folder, "experiment", "report", number)
    assert report["challengers"][0]["effect"]["verdict"] == "better"
    assert len(answer(registry_folder, "experiment", "list", "--name", "Churn")["experiments"]) == 1
    promoted = answer(registry_folder, "experiment", "promote", number, "--reason", "it won")
    assert (promoted["model_id"], promoted["previous_champion"]) == (two[1], two[0])
    assert answer(registry_folder, "experiment", "list")["experiments"] == []
    assert "promoted" in run(registry_folder, "experiment", "list", "--all").stdout
    assert "ended at" in refused(registry_folder, 4, "StateConflict", "experiment", "stop", number, "--reason", "late")


def test_stages_and_what_cannot_be(registry_folder: Path, two: list[str]) -> None:
    stages = "shadow,0.05,1.0"
    number = str(answer(registry_folder, "experiment", "start", "Churn", two[1], "--stages", stages)["experiment_id"])
    early = run(registry_folder, "experiment", "advance", number)
    assert early.exit_code == 8
    assert "cannot advance yet" in early.stderr
    assert "FAILED" in early.stderr
    words = ("experiment", "advance", number, "--override", "--reason", "in a hurry")
    assert answer(registry_folder, *words)["stage"] == 1
    assert answer(registry_folder, "experiment", "stop", number, "--reason", "enough")["status"] == "stopped"
    refused(registry_folder, 3, "NotFound", "experiment", "report", "99999")
    refused(registry_folder, 2, "InvalidInput", "experiment", "start", "Churn", two[1], "--share", "much")
    refused(registry_folder, 2, "InvalidInput", "experiment", "start", "Churn", two[1], "--share", "0.1")
    refused(registry_folder, 3, "ModelNotFound", "experiment", "list", "--name", "Nobody")
    assert run(registry_folder, "experiment", "start", "Churn").exit_code == 2


def test_outcomes_health_and_alerts(
    registry_folder: Path, tmp_path: Path, sqlite_registry: Registry, two: list[str]
) -> None:
    sqlite_registry.configure("Churn", monitoring={"thresholds": {"accuracy": 0.8}, "threshold_labels": 100})
    served, labels = Mistakes(sqlite_registry).serve(200, {}, 0.3)
    file = tmp_path / "outcomes.csv"
    rows = [f"{number},{label}" for number, label in zip(served.prediction_ids.tolist(), labels, strict=True)]
    file.write_text("\n".join(["prediction_id,label", *rows, "7,1"]))
    told = answer(registry_folder, "outcomes", str(file))
    assert (told["recorded"], told["repeated"], told["unknown"]) == (200, 0, [7])
    assert "below 0.8" in told["acted"][0]
    text = run(registry_folder, "outcomes", str(file)).stdout
    assert "0 outcomes recorded, 200 already recorded" in text
    by_unit = tmp_path / "units.csv"
    by_unit.write_text("unit,time,label\nunit 3,2030-01-01T00:00:00,1\nnobody,2030-01-01T00:00:00,1\n")
    assert answer(registry_folder, "outcomes", str(by_unit))["unknown"] == ["nobody"]

    text = run(registry_folder, "health", "Churn").stdout
    assert text.startswith("WARNING: ")
    assert "none yet: 200 of 1,000 production labels required" in text
    document = answer(registry_folder, "health", "Churn")
    assert (document["state"], document["labelled"], document["limits"][0]["state"]) == ("warning", 200, "beyond")
    (alert,) = answer(registry_folder, "alerts")["alerts"]
    assert "threshold" in run(registry_folder, "alerts", "--name", "Churn").stdout
    number = str(alert["alert_id"])
    seen = answer(registry_folder, "alerts", "--acknowledge", number, "--actor", "anna", "--note", "I look at it")
    assert (seen["alerts"][0]["status"], seen["alerts"][0]["acknowledged_by"]) == ("acknowledged", "anna")
    refused(registry_folder, 4, "StateConflict", "alerts", "--acknowledge", number)
    refused(registry_folder, 3, "NotFound", "alerts", "--acknowledge", "99999")
    refused(registry_folder, 2, "InvalidInput", "alerts", "--acknowledge", number, "--resolve", number)
    assert answer(registry_folder, "alerts", "--resolve", number)["alerts"][0]["status"] == "resolved"
    assert answer(registry_folder, "alerts")["alerts"] == []
    assert len(answer(registry_folder, "alerts", "--all")["alerts"]) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n", "has the columns a, b"),
        (b"", "has the columns none"),
        (b"prediction_id,label\n1\n", "another number of columns"),
        (b"prediction_id,label\nx,1\n", "not an integer"),
        (b"prediction_id,label\n\xff,1\n", "not a CSV file in UTF-8"),
    ],
)
def test_outcomes_that_cannot_be_read(
    registry_folder: Path, tmp_path: Path, two: list[str], content: bytes, message: str
) -> None:
    file = tmp_path / "outcomes.csv"
    file.write_bytes(content)
    assert message in refused(registry_folder, 2, "InvalidInput", "outcomes", str(file))


def test_watching_once(registry_folder: Path, two: list[str]) -> None:
    result = run(registry_folder, "watch", "--once")
    assert result.exit_code == 0
    assert result.stdout.startswith("Churn  unknown: ")
    assert answer(registry_folder, "watch", "--once", "--name", "Churn")["Churn"]["state"] == "unknown"
    result = run(registry_folder, "watch", "--json")
    assert result.exit_code == 2
    assert "Give --once as well" in result.stderr


def test_of_two_that_watch_one_checks_until_it_ends(registry_folder: Path, two: list[str], tmp_path: Path) -> None:
    def watching(out: Path) -> subprocess.Popen[bytes]:
        with out.open("w") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", "registry_core", "watch", "--every", "1", "--registry", str(registry_folder)],
                stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
            )  # fmt: skip

    first, second = tmp_path / "first", tmp_path / "second"
    leader = watching(first)
    until(lambda: first.read_text().count("Churn  unknown") >= 2)
    waiting = watching(second)
    until(lambda: "Another process watches" in second.read_text())
    before = first.read_text().count("Churn  unknown")
    until(lambda: first.read_text().count("Churn  unknown") >= before + 2)
    assert "Churn" not in second.read_text()
    leader.send_signal(signal.SIGINT)
    assert leader.wait(30) == 0
    assert first.read_text().endswith("Stopped.\n")
    until(lambda: second.read_text().count("Churn  unknown") >= 1)
    assert second.read_text().count("Another process watches") == 1
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(30) == 0


def test_health_lists_slices_that_became_worse_and_counts_the_others() -> None:
    report = HealthReport(
        "Churn", "2026-03-01T00:00:00+00:00", "warning", "so and so", "model-a", since="2026-02-01T00:00:00+00:00",
        slices=(
            SliceState("region = north", 120, 0.4, "Worse than its baseline", "worse"),
            SliceState("region = south", 900, 0.9, "No alarm", "well"),
            SliceState("region = east", 900, 0.9, "No alarm", "well"),
            SliceState("region = west", 9, 0.9, "9 labels", "no baseline"),
        ),
    )  # fmt: skip
    lines = [line.split("slice", 1)[1].strip() for line in health_lines(report) if line.strip().startswith("slice")]
    assert lines == [
        "region = north: Worse than its baseline",
        "2 slices: no sign of degradation",
        "1 slice: no baseline yet",
    ]
