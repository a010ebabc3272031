"""The console command: what it prints, its exit codes, and when it asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import pytest
from click.testing import CliRunner

from registry_core import Registry
from registry_core.cli import console, main
from registry_core.cli.output import table, visible
from tests.clock import Clock
from tests.commands import ROOT, answer, on_a_terminal, process, refused, run
from tests.fitted import logistic, register, score
from tests.strangers import MAJORITY, stranger_file


@pytest.fixture
def two(sqlite_registry: Registry, clock: Clock) -> tuple[str, str]:
    """The ids of two models of Churn: the first is champion, the second is worse."""
    first = register(sqlite_registry, 0.9)
    clock.tick(60)
    return first, register(sqlite_registry, 0.8)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A model somebody made elsewhere."""
    path = tmp_path / "model.joblib"
    joblib.dump(logistic()[0], path)
    return path


# reading


def test_list(registry_folder: Path, two: tuple[str, str]) -> None:
    result = run(registry_folder, "list")
    assert result.exit_code == 0
    heading, first, second = result.stdout.splitlines()
    assert heading.split()[:3] == ["model_id", "version", "score"]
    assert first.split()[:4] == [two[0], "1.0.0", f"{score(0.9):.4f}", "0.9000"]
    assert "champion" in first
    assert second.startswith(two[1])
    assert first.index("0.9000") == second.index("0.8000")


def test_list_as_json_in_pages(registry_folder: Path, two: tuple[str, str]) -> None:
    document = answer(registry_folder, "list", "--ascending", "--limit", "1")
    assert document["total"] == 2
    assert [each["model_id"] for each in document["models"]] == [two[1]]
    assert answer(registry_folder, "list", "--offset", "1")["models"][0]["model_id"] == two[1]
    assert answer(registry_folder, "list", "--search", "nowhere")["models"] == []
    assert answer(registry_folder, "list", "--status", "rejected")["total"] == 0
    assert answer(registry_folder, "list", "--name", "Churn", "--order-by", "registered_at")["total"] == 2
    assert "1 of 2" in run(registry_folder, "list", "--limit", "1").stdout


def test_show(registry_folder: Path, two: tuple[str, str]) -> None:
    text = run(registry_folder, "show", two[0]).stdout
    assert f"{score(0.9):.4f}" in text
    assert "0.4000  0.9000        0.3600" in text
    document = answer(registry_folder, "show", two[0])
    assert document["version"] == "1.0.0"
    assert document["score"]["value"] == pytest.approx(score(0.9))
    assert document["score"]["terms"][0]["metric"] == "accuracy"


def test_show_says_why_there_is_no_score(registry_folder: Path, sqlite_registry: Registry) -> None:
    assert "accuracy" in run(registry_folder, "show", register(sqlite_registry, None)).stdout


def test_compare(registry_folder: Path, two: tuple[str, str]) -> None:
    text = run(registry_folder, "compare", *two).stdout
    assert f"A  {two[0]}" in text
    assert "0.9000*" in text
    assert answer(registry_folder, "compare", *two)["metrics"][0]["best"] == 0
    refused(registry_folder, 2, "InvalidInput", "compare", two[0])


def test_champion_and_deployments(registry_folder: Path, two: tuple[str, str]) -> None:
    assert run(registry_folder, "champion", "Churn").stdout == two[0] + "\n"
    assert answer(registry_folder, "champion", "Churn", "--at", "2025-07-31T13:00")["model_id"] == two[0]
    refused(registry_folder, 5, "NoModelAvailable", "champion", "Churn", "--at", "2020-01-01")
    assert "Churn" in refused(registry_folder, 3, "ModelNotFound", "champion", "Chrun")
    refused(registry_folder, 2, "InvalidInput", "champion", "Churn", "--at", "yesterday")
    assert two[0] in run(registry_folder, "deployments", "Churn").stdout
    assert answer(registry_folder, "deployments", "Churn")["deployments"][0]["ended_at"] is None


def test_events(registry_folder: Path, two: tuple[str, str]) -> None:
    found = answer(registry_folder, "events", "--kind", "promoted", "--name", "Churn")["events"]
    assert [(each["kind"], each["actor"], each["model_id"]) for each in found] == [("promoted", "auto", two[0])]
    assert answer(registry_folder, "events", "--since", "2030-01-01")["events"] == []
    assert len(answer(registry_folder, "events", "--model-id", two[1], "--limit", "0")["events"]) == 1
    assert "promoted" in run(registry_folder, "events").stdout


def test_verify_events(registry_folder: Path, sqlite_registry: Registry) -> None:
    register(sqlite_registry)
    assert answer(registry_folder, "verify-events") == {"intact": True, "events": 3, "first_broken": None}
    sqlite_registry.close()

    import sqlite3

    connection = sqlite3.connect(registry_folder / "registry.db")
    connection.execute("UPDATE events SET actor = 'nobody' WHERE kind = 'registered'")
    connection.commit()
    connection.close()
    result = run(registry_folder, "verify-events")
    assert result.exit_code == 7
    assert "altered" in result.stdout


# deciding


def test_promote_checks_what_the_caller_saw(registry_folder: Path, two: tuple[str, str]) -> None:
    words = ("promote", two[1], "--reason", "tried by hand")
    assert two[0] in refused(registry_folder, 4, "ChampionChanged", *words, "--expected-champion", "none")
    assert run(registry_folder, "champion", "Churn").stdout.strip() == two[0]
    document = answer(registry_folder, *words, "--expected-champion", two[0], "--actor", "anna")
    assert (document["model_id"], document["actor"], document["previous_champion"]) == (two[1], "anna", two[0])
    # The present champion stays what it is: no change, and no error.
    assert answer(registry_folder, *words) == {**document, "previous_champion": two[1]}
    assert "UTC; nothing changed" in run(registry_folder, *words).stdout


def test_rollback(registry_folder: Path, two: tuple[str, str]) -> None:
    words = ("rollback", "Churn", "--reason", "it fails")
    refused(registry_folder, 5, "NoModelAvailable", *words)
    run(registry_folder, "promote", two[1], "--reason", "tried by hand")
    assert f"{two[0]} is champion" in run(registry_folder, *words).stdout
    assert answer(registry_folder, "show", two[1])["status"] == "disqualified"
    refused(registry_folder, 3, "ModelNotFound", "rollback", "Chrun", "--reason", "x")
    refused(registry_folder, 5, "NotEligible", "promote", two[1], "--reason", "again")


def test_undoing_a_promotion(registry_folder: Path, two: tuple[str, str]) -> None:
    words = ("undo-promotion", "Churn", "--reason", "too early")
    refused(registry_folder, 5, "NoModelAvailable", *words)
    run(registry_folder, "promote", two[1], "--reason", "tried by hand")
    refused(registry_folder, 4, "ChampionChanged", *words, "--expected-champion", two[0])
    assert f"{two[0]} is champion" in run(registry_folder, *words).stdout
    assert answer(registry_folder, "show", two[1])["status"] == "registered"


def test_the_other_states(registry_folder: Path, two: tuple[str, str]) -> None:
    for verb, status in (
        ("reject", "rejected"),
        ("restore", "registered"),
        ("archive", "archived"),
        ("restore", "registered"),
        ("disqualify", "disqualified"),
        ("reinstate", "registered"),
    ):
        assert answer(registry_folder, verb, two[1], "--reason", "because")["status"] == status
    refused(registry_folder, 4, "StateConflict", "reject", two[0], "--reason", "it is the champion")
    refused(registry_folder, 2, "UsageError", "reject", two[1])
    refused(registry_folder, 3, "ModelNotFound", "archive", "nobody")


def test_config(registry_folder: Path, two: tuple[str, str]) -> None:
    answer(registry_folder, "config", "set", "selection_margin=0.01", 'performance_weight={"accuracy": 1}')
    settings = answer(registry_folder, "config", "show")
    assert settings["selection_margin"] == 0.01
    assert settings["performance_weight"] == {"accuracy": 1.0}
    assert answer(registry_folder, "show", two[0])["composite_score"] == pytest.approx(0.9)
    run(registry_folder, "config", "set", "auto_select_best=false", "--name", "Churn", "--actor", "anna")
    assert answer(registry_folder, "config", "show", "--name", "Churn")["auto_select_best"] is False
    assert "Churn (overrides the values above):" in run(registry_folder, "config", "show").stdout
    answer(registry_folder, "config", "set", "selection_margin=null")
    assert answer(registry_folder, "config", "show")["selection_margin"] == 0
    refused(registry_folder, 2, "InvalidConfiguration", "config", "set", "colour=red")
    refused(registry_folder, 2, "InvalidInput", "config", "set", "actor=anna")
    refused(registry_folder, 2, "InvalidInput", "config", "set", "selection_margin")


# registering


def test_register_from_options(registry_folder: Path, model_file: Path, tmp_path: Path) -> None:
    scaler = tmp_path / "scaler.joblib"
    joblib.dump(logistic()[1], scaler)
    words = ["register", str(model_file), "--scaler", str(scaler), "--name", "Churn", "--type", "LogisticRegression"]
    words += [
        "--metric",
        "accuracy=0.91",
        "--metric",
        "auc=0.9",
        "--metric",
        "f1_score=0.8",
        "--metric",
        "log_loss=0.3",
    ]
    words += ["--training-samples", "569", "--data-quality", "0.99", "--features", "a, b,c", "--param", "C=0.5"]
    words += [
        "--param",
        "solver=lbfgs",
        "--evaluation-set",
        "holdout",
        "--version",
        "2.1.0",
        "--tag",
        "x",
        "--tag",
        "y",
    ]
    words += ["--description", "from elsewhere", "--actor", "anna", "--reason", "as agreed"]
    document = answer(registry_folder, *words)
    assert (document["artifact"], document["origin"]) == ("trusted", "upload")
    assert (document["accuracy"], document["metrics"]) == (0.91, {"log_loss": 0.3})
    assert document["hyperparameters"] == {"C": 0.5, "solver": "lbfgs"}
    assert (document["feature_names"], document["tags"]) == (["a", "b", "c"], ["x", "y"])
    assert (document["version"], document["registered_by"]) == ("2.1.0", "anna")
    assert document["scaler_file_path"]
    refused(registry_folder, 4, "VersionTaken", *words)
    refused(registry_folder, 5, "NoModelAvailable", "champion", "Churn")
    assert "not approved" in run(registry_folder, "list").stdout
    assert "not approved" in run(registry_folder, "show", document["model_id"]).stdout
    answer(registry_folder, "promote", document["model_id"], "--reason", "I answer for it")
    assert run(registry_folder, "champion", "Churn").stdout.strip() == document["model_id"]
    assert answer(registry_folder, "show", document["model_id"])["waits_for_approval"] is False


def test_register_says_which_names_keep_a_file_quarantined(registry_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "majority.joblib"
    path.write_bytes(stranger_file().read())
    words = ("register", str(path), "--name", "Churn", "--type", "Majority", "--metric", "accuracy=0.9")
    text = run(registry_folder, *words).stdout
    assert f"\n  {MAJORITY}\n" in text
    (model,) = answer(registry_folder, "list", "--status", "quarantined")["models"]
    assert f"model-registry trust {model['model_id']}" in text
    refused(registry_folder, 5, "NotEligible", "promote", model["model_id"], "--reason", "x")
    shown = run(registry_folder, "show", model["model_id"]).stdout
    assert "0 of 2 passed; failed: File scan, Prediction check" in shown
    assert f"{MAJORITY} (see trust)" in shown


def test_register_from_a_file_that_options_win_over(registry_folder: Path, model_file: Path, tmp_path: Path) -> None:
    metadata = tmp_path / "metadata.json"
    fields = {"model_name": "Churn", "model_type": "Tree", "performance_metrics": {"accuracy": 0.5}}
    metadata.write_text(json.dumps(fields), encoding="utf-8")
    words = ("register", str(model_file), "--metadata", str(metadata), "--type", "Forest", "--metric", "accuracy=0.6")
    text = run(registry_folder, *words).stdout
    assert "The file is trusted" in text
    assert "it awaits review" in text
    (model,) = answer(registry_folder, "list")["models"]
    assert (model["model_type"], model["accuracy"]) == ("Forest", 0.6)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is not JSON"),
        ("[1]", "holds list"),
        ("[" * 100_000, "is not JSON"),
        ('{"model_name": "a", "model_type": "b", "colour": 1}', "colour"),
        ('{"model_name": "../a", "model_type": "b"}', "model_name"),
        ('{"model_name": "a", "model_type": "b", "accuracy": NaN}', "accuracy"),
        ('{"model_name": "a", "model_type": "b", "performance_metrics": 3}', "performance_metrics"),
        ("\xff", "is not JSON"),
        pytest.param(" " * 16_000_001, "metadata.json is larger", id="large"),
    ],
)
def test_metadata_that_cannot_be_accepted(
    registry_folder: Path, model_file: Path, tmp_path: Path, content: str, words: str
) -> None:
    metadata = tmp_path / "metadata.json"
    metadata.write_bytes(content.encode("latin-1"))
    result = run(registry_folder, "register", str(model_file), "--metadata", str(metadata))
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_metrics_and_files_that_cannot_be_accepted(registry_folder: Path, model_file: Path, tmp_path: Path) -> None:
    named = ("register", str(model_file), "--name", "Churn", "--type", "Tree")
    for metric in ("accuracy=nan", "accuracy=93", "accuracy=high", "accuracy", "=1"):
        assert run(registry_folder, *named, "--metric", metric).exit_code == 2
    empty = tmp_path / "empty.joblib"
    empty.touch()
    refused(registry_folder, 2, "InvalidInput", "register", str(empty), "--name", "Churn", "--type", "Tree")
    refused(
        registry_folder, 2, "UsageError", "register", str(tmp_path / "none.joblib"), "--name", "Churn", "--type", "T"
    )
    assert answer(registry_folder, "list")["total"] == 0


# where the registry is


@pytest.mark.parametrize(
    "words",
    [["list"], ["show", "x"], ["events"], ["champion", "x"], ["promote", "x", "--reason", "y"], ["config", "show"]],
)
def test_what_only_reads_makes_no_folder(registry_folder: Path, words: list[str]) -> None:
    assert "model-registry demo" in refused(registry_folder, 3, "NoRegistry", *words)
    assert not registry_folder.exists()


def test_the_place_comes_from_the_environment(registry_folder: Path, two: tuple[str, str], tmp_path: Path) -> None:
    done = process("champion", "Churn", cwd=tmp_path, MODEL_REGISTRY=str(registry_folder))
    assert (done.returncode, done.stdout, done.stderr) == (0, two[0] + "\n", "")


def test_a_folder_that_is_a_file(tmp_path: Path, model_file: Path) -> None:
    words = ("register", str(model_file), "--name", "Churn", "--type", "Tree")
    message = refused(model_file, 7, "StorageError", *words)
    assert not message.startswith("[Errno")


@pytest.mark.postgres
def test_a_registry_in_a_database(fresh_postgres: str, registry_folder: Path) -> None:
    with Registry(fresh_postgres, artifacts=registry_folder) as registry:
        model_id = register(registry)
    words = ["champion", "Churn", "--registry", fresh_postgres, "--artifacts", str(registry_folder)]
    assert CliRunner().invoke(main, words).stdout == model_id + "\n"
    assert CliRunner().invoke(main, words[:4]).exit_code == 2


# the process


def test_exit_codes_of_real_processes(registry_folder: Path, two: tuple[str, str], tmp_path: Path, full: bool) -> None:
    place = ("--registry", str(registry_folder))
    damaged = registry_folder / "models" / f"model_{two[1]}.pkl"
    damaged.write_bytes(damaged.read_bytes()[:-5] + b"xxxxx")
    cases: list[tuple[int, tuple[str, ...]]] = [
        (0, ("--version",)),
        (2, ("levitate",)),
        (2, ("promote", two[1], *place)),
        (3, ("show", "nobody", *place)),
        (4, ("promote", two[1], "--reason", "x", "--expected-champion", two[1], *place)),
        (5, ("rollback", "Churn", "--reason", "x", *place)),
        (6, ("promote", two[1], "--reason", "x", *place)),
        (7, ("list", "--registry", "postgresql://x@127.0.0.1:1/x", "--artifacts", str(tmp_path))),
    ]
    # Each of them is asserted in this process as well, by `refused`: all end in the same place.
    for code, words in cases if full else cases[::3]:
        done = process(*words, cwd=tmp_path)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        assert (done.stderr.count("\n") == 1) is (code != 0), done.stderr


def test_the_help_explains_the_exit_codes() -> None:
    text = CliRunner().invoke(main, ["--help"]).stdout
    assert all(f"  {code}  " in text for code in range(10))
    for command in main.commands.values():
        assert command.help


def test_help_is_there_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from registry_core.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, env=os.environ.copy()
    )
    loaded = done.stdout.splitlines()[-1].split()
    assert not {"numpy", "sklearn", "joblib", "pandas", "streamlit", "sqlite_utils"} & set(loaded)


def test_an_unforeseen_error_is_told_to_machines_as_well(
    registry_folder: Path, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(Registry, "count_models", broken)
    result = run(registry_folder, "list", "--json")
    assert (result.exit_code, json.loads(result.stderr)["error"]) == (1, "ZeroDivisionError")
    assert isinstance(run(registry_folder, "list").exception, ZeroDivisionError)


def test_a_reader_that_goes_away(registry_folder: Path, two: tuple[str, str]) -> None:
    command = f"{sys.executable} -m registry_core list --registry {registry_folder} | true"
    done = subprocess.run(command, shell=True, cwd=ROOT, check=False, capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_nothing_from_outside_reaches_the_terminal_as_a_command(
    registry_folder: Path, sqlite_registry: Registry
) -> None:
    nasty = "red\x1b[31m\x07\nline\u202eback"
    model_id = register(sqlite_registry, description=nasty, tags=["\x1b]0;title\x07"], evaluation_set="set\x9b2J")
    sqlite_registry.promote(register(sqlite_registry, 0.5), reason=nasty)
    for words in (["list"], ["show", model_id], ["events"], ["deployments", "Churn"], ["list", "--name", "\x1b[2J"]):
        text = run(registry_folder, *words).stdout
        assert all(sign.isprintable() or sign == "\n" for sign in text), words
    assert "\\x1b[31m" in run(registry_folder, "show", model_id).stdout
    result = run(registry_folder, "show", "\x1b[31m\n")
    assert "\x1b" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_terminal_that_knows_few_letters(registry_folder: Path, sqlite_registry: Registry, tmp_path: Path) -> None:
    register(sqlite_registry, evaluation_set="set-測試")
    done = process("list", "--registry", str(registry_folder), cwd=tmp_path, PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert "set-\\u6e2c\\u8a66" in done.stdout


def test_aligned_text() -> None:
    assert table(["a", "b"], [["x", 1], ["測試", 22]], right=["b"]) == ["a      b", "x      1", "測試  22"]
    assert visible("a\tb\x00ü") == "a\\tb\\x00ü"


# asking


# pty.fork() warns in a process with threads; the child runs another program at once, so nothing can be locked in it.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_person_is_asked(registry_folder: Path, two: tuple[str, str], tmp_path: Path) -> None:
    words = ["promote", two[1], "--reason", "x", "--registry", str(registry_folder)]
    code, shown = on_a_terminal(words, b"n\n", tmp_path)
    assert code == 1
    assert two[0] in shown
    assert two[1] in shown
    assert "Nothing was changed" in shown
    assert run(registry_folder, "champion", "Churn").stdout.strip() == two[0]
    code, shown = on_a_terminal(words, b"y\n", tmp_path)
    assert code == 0, shown
    assert run(registry_folder, "champion", "Churn").stdout.strip() == two[1]


def test_what_was_shown_is_what_is_changed(
    registry_folder: Path, two: tuple[str, str], sqlite_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = register(sqlite_registry, 0.7)

    def somebody_is_faster(*_: object, **__: object) -> bool:
        sqlite_registry.promote(third, actor="bert", reason="meanwhile")
        return True

    monkeypatch.setattr(console, "interactive", lambda: True)
    monkeypatch.setattr("click.confirm", somebody_is_faster)
    result = run(registry_folder, "promote", two[1], "--reason", "x")
    assert result.exit_code == 4
    assert "bert" in result.stderr
    assert run(registry_folder, "champion", "Churn").stdout.strip() == third


def test_rolling_back_is_asked_as_well(
    registry_folder: Path, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(registry_folder, "promote", two[1], "--reason", "x")
    monkeypatch.setattr(console, "interactive", lambda: True)
    words = ("rollback", "Churn", "--reason", "y")
    result = run(registry_folder, *words, input="n\n")
    assert result.exit_code == 1
    assert "disqualified" in result.stderr
    assert run(registry_folder, *words, "--yes").exit_code == 0
    assert run(registry_folder, *words).exit_code == 5


# opening


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the dashboard would have been asked to serve."""
    calls: list[tuple[Any, ...]] = []

    def serve(location: str, **options: Any) -> None:
        calls.append((location, options))

    monkeypatch.setattr("dashboard.server.serve", serve)
    return calls


def test_dashboard(served: list[tuple[Any, ...]], registry_folder: Path) -> None:
    words = ["dashboard", str(registry_folder), "--port", "8600", "--no-browser"]
    assert CliRunner().invoke(main, words).exit_code == 0
    CliRunner().invoke(main, ["dashboard"], env={"MODEL_REGISTRY": "elsewhere"})
    expected = {"host": "127.0.0.1", "artifacts": None, "allow_remote": False, "allowed_hosts": (), "sign_in": None}
    assert served == [
        (str(registry_folder), {**expected, "port": 8600, "open_browser": False}),
        ("elsewhere", {**expected, "port": 8501, "open_browser": True}),
    ]


def test_dashboard_without_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "dashboard.server", raising=False)
    monkeypatch.setitem(sys.modules, "streamlit", None)
    result = CliRunner().invoke(main, ["dashboard", "--no-browser"])
    assert result.exit_code == 2
    assert "pip install 'model-registry-dashboard[dashboard]'" in result.stderr


def test_demo(served: list[tuple[Any, ...]], registry_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # How it is filled is another test's matter (test_demo.py).
    def fill(folder: Path, say: Any) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "DEMO.md").touch()
        (folder / "registry.db").touch()
        say("filled")

    monkeypatch.setattr("registry_core.demo.fill", fill)
    words = ["demo", str(registry_folder)]
    result = CliRunner().invoke(main, [*words, "--no-dashboard", "--json"])
    assert json.loads(result.stdout) == {"folder": str(registry_folder), "filled": True}
    assert not served
    assert CliRunner().invoke(main, [*words, "--port", "8600", "--no-browser"]).stdout == "filled\n"
    assert (served[0][0], served[0][1]["port"]) == (str(registry_folder), 8600)
    (registry_folder / "mine").touch()
    assert CliRunner().invoke(main, [*words, "--fresh", "--no-dashboard"]).exit_code == 0
    assert not (registry_folder / "mine").exists()


def test_demo_refuses_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    result = CliRunner().invoke(main, ["demo", str(tmp_path), "--fresh", "--no-dashboard"])
    assert result.exit_code == 2
    assert (tmp_path / "thesis.txt").exists()
