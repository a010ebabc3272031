"""The console command where it measures and judges: benchmarks, evaluations, gates, reviews, trust."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from registry_core import Evaluation, Registry
from registry_core.cli import console, main
from tests.commands import answer, on_a_terminal, process, refused, run
from tests.fitted import FEATURES, forest, logistic
from tests.strangers import MAJORITY, stranger_file

ASKED = {"accuracy": 0.9, "auc": 0.9, "f1_score": 0.9}


class Files(NamedTuple):
    """A registry of Cancer with a benchmark, and the files it was made of."""

    registry: Path
    holdout: Path
    trusted: Path
    stranger: Path
    refused: Path

    def ids(self) -> tuple[str, str, str]:
        """The champion, a model as good, and one that always answers the same, quarantined."""
        with Registry(self.registry) as registry:
            forest_id, logistic_id, majority_id = (
                each.model_id for each in registry.list_models("Cancer", order_by="version", descending=False)
            )
        return forest_id, logistic_id, majority_id


def put(registry: Registry, model: Any, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "model_name": "Cancer", "model_type": "Model", "performance_metrics": ASKED, "feature_names": FEATURES,
        "training_info": {"data_quality_score": 1.0},
    }  # fmt: skip
    return registry.register_model(model, **{**fields, **changes})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once, since a model is measured in a process of its own."""
    folder = tmp_path_factory.mktemp("made")
    data = load_breast_cancer(as_frame=True).frame
    data = data.assign(size=np.where(data["mean radius"] > 14, "large", "small"))
    data.iloc[300:].to_csv(folder / "holdout.csv", index=False)
    joblib.dump(forest(), folder / "forest.joblib")
    (folder / "majority.joblib").write_bytes(stranger_file().read())
    (folder / "evil.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with Registry(folder / "registry", actor="bert") as registry:
        registry.configure(auto_evaluate=False, reason="by hand")
        model, scaler = logistic()
        put(registry, forest())
        put(registry, model, scaler_obj=scaler)
        fields = {"model_name": "Cancer", "model_type": "Majority", "feature_names": FEATURES}
        majority = registry.upload(folder / "majority.joblib", metadata=fields)
        registry.add_benchmark(
            "holdout", "Cancer", folder / "holdout.csv", "target", features=FEATURES, slices=["size"],
            thresholds={"accuracy": 0.95},
        )  # fmt: skip
        registry.evaluate_all("Cancer")
        assert registry.evaluate(majority).status == "measured"
    return folder


@pytest.fixture
def cancer(made: Path, tmp_path: Path) -> Files:
    """A copy to change: everything is measured, the one in quarantine too."""
    folder = tmp_path / "copy"
    shutil.copytree(made, folder)
    names = ("registry", "holdout.csv", "forest.joblib", "majority.joblib", "evil.pkl")
    return Files(*(folder / name for name in names))


def columns(text: str) -> dict[str, list[str]]:
    """The lines of a table by their first word."""
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}


# benchmarks and files


def test_benchmarks(registry_folder: Path, made: Path) -> None:
    data = str(made / "holdout.csv")
    words = ["benchmark", "add", "holdout", "--model-name", "Cancer", "--data", data, "--target", "target"]
    more = ["--features", ", ".join(FEATURES[:3]), "--slice", "size", "--threshold", "accuracy=0.9"]
    refused(registry_folder, 2, "InvalidInput", *words, "--slice", "region")
    refused(registry_folder, 2, "InvalidInput", *words, "--threshold", "accuracy=much")
    refused(registry_folder, 2, "InvalidMetric", *words, "--threshold", "accuracy=90")
    added = answer(registry_folder, *words, *more, "--task", "classification", "--actor", "anna", "--reason", "agreed")
    assert (added["rows"], added["features"], added["slices"]) == (269, FEATURES[:3], ["size"])
    assert (added["thresholds"], added["added_by"]) == ({"accuracy": 0.9}, "anna")
    refused(registry_folder, 4, "StateConflict", *words, *more)
    assert answer(registry_folder, "benchmark", "list", "--model-name", "Cancer")["benchmarks"] == [added]
    assert answer(registry_folder, "benchmark", "list", "--model-name", "Churn")["benchmarks"] == []
    text = run(registry_folder, "benchmark", "list").stdout
    assert all(word in text for word in ("holdout", "classification", "269", "size", "accuracy=0.9", "anna"))
    assert "No benchmarks" in run(registry_folder, "benchmark", "list", "--model-name", "Churn").stdout
    words[2] = "second"
    assert "evaluate --all --model-name Cancer" in run(registry_folder, *words).stdout


def test_inspecting_needs_no_registry_and_makes_none(registry_folder: Path, made: Path) -> None:
    for name, code, verdict in (
        ("forest.joblib", 0, "trusted"),
        ("majority.joblib", 6, "quarantined"),
        ("evil.pkl", 2, "refused"),
    ):
        result = run(registry_folder, "inspect", str(made / name), "--json")
        assert (result.exit_code, json.loads(result.stdout)["verdict"]) == (code, verdict)
        assert verdict in run(registry_folder, "inspect", str(made / name)).stdout
    found = json.loads(run(registry_folder, "inspect", str(made / "majority.joblib"), "--json").stdout)
    assert found["unknown"] == [MAJORITY]
    text = run(registry_folder, "inspect", str(made / "majority.joblib")).stdout
    assert text.endswith(f"imports that are not trusted:\n  {MAJORITY}\n")
    assert "RandomForestClassifier" in run(registry_folder, "inspect", str(made / "forest.joblib")).stdout
    refused(registry_folder, 3, "NoRegistry", "inspect", str(made / "forest.joblib"), "--model-name", "Cancer")
    assert not registry_folder.exists()


def test_register_tells_that_a_refused_file_is_not_kept(registry_folder: Path, made: Path) -> None:
    words = ("register", str(made / "evil.pkl"), "--name", "Cancer", "--type", "Tree")
    assert "os.system" in refused(registry_folder, 2, "InvalidInput", *words)
    assert answer(registry_folder, "list")["total"] == 0


def test_an_upload_is_ranked_by_what_was_measured(cancer: Files) -> None:
    run(cancer.registry, "config", "set", "rank_by=measured", "auto_evaluate=true", "--name", "Cancer")
    words = ["register", str(cancer.trusted), "--name", "Cancer", "--type", "Forest", "--data-quality", "1"]
    text = run(cancer.registry, *words, "--features", ",".join(FEATURES)).stdout
    assert "ranked by its metrics on holdout" in text
    assert "awaits" not in text


# measuring


def test_evaluate_prints_intervals_and_slices(cancer: Files) -> None:
    first, _, _ = cancer.ids()
    result = run(cancer.registry, "evaluate", first, "--benchmark", "holdout", "--seconds", "50")
    assert result.exit_code == 0, result.output
    with Registry(cancer.registry) as registry:
        kept = registry.evaluations(first)[0]
    accuracy = kept.metrics["accuracy"]
    assert columns(result.stdout)["accuracy"] == [
        f"{accuracy.value:.4f}", f"{accuracy.low:.4f}", "to", f"{accuracy.high:.4f}",
    ]  # fmt: skip
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if " to " in line}
    assert len({lines[name].index(" to ") for name in ("accuracy", "auc", "f1_score")}) == 1
    assert columns(result.stdout)["size=large"][0] == "94"


def test_a_failed_evaluation_says_why(cancer: Files) -> None:
    with Registry(cancer.registry) as registry:
        model_id = put(registry, LogisticRegression().fit([[0.0], [1.0]], [0, 1]), feature_names=["shoe size"])
    result = run(cancer.registry, "evaluate", model_id)
    assert result.exit_code == 9
    assert "no column 'shoe size'" in result.stdout
    machine = run(cancer.registry, "evaluate", model_id, "--json")
    assert (machine.exit_code, json.loads(machine.stdout)["status"]) == (9, "failed")
    assert "failed: holdout: the rows have no column" in run(cancer.registry, "show", model_id).stdout
    everything = ("evaluate", "--all", "--model-name", "Cancer")
    assert run(cancer.registry, *everything).stdout.startswith("Nothing to do")
    result = run(cancer.registry, *everything, "--again")
    assert result.exit_code == 9
    assert "2 evaluated, 1 failed" in result.stdout
    assert not result.stderr


def test_interrupted_it_goes_on_where_it_was(cancer: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    with Registry(cancer.registry) as registry:
        new = [put(registry, forest()) for _ in range(3)]
    whole = Registry.evaluate_all

    def interrupted(self: Registry, *words: Any, progress: Any, **how: Any) -> list[Evaluation]:
        def stop(done: int, of: int, last: Evaluation) -> None:
            progress(done, of, last)
            if done == 2:
                raise KeyboardInterrupt

        return whole(self, *words, progress=stop, **how)

    words = ("evaluate", "--all", "--model-name", "Cancer", "--jobs", "1")
    with monkeypatch.context() as patch:
        patch.setattr(Registry, "evaluate_all", interrupted)
        result = run(cancer.registry, *words)
    assert result.exit_code == 1
    assert "stopped after 2 of 3" in result.stderr
    assert "the same command resumes" in result.stderr
    done = answer(cancer.registry, *words)["evaluations"]
    assert [(each["model_id"], each["status"]) for each in done] == [(new[2], "measured")]
    assert answer(cancer.registry, *words)["evaluations"] == []


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_bar_on_a_terminal_and_control_c(cancer: Files, tmp_path: Path) -> None:
    with Registry(cancer.registry) as registry:
        for _ in range(40):
            put(registry, forest())
    words = ["evaluate", "--all", "--model-name", "Cancer", "--jobs", "1", "--registry", str(cancer.registry)]
    code, shown = on_a_terminal(words, b"\x03", tmp_path, asked=b"#")
    assert code == 1, shown
    assert "evaluating  [" in shown
    assert "of 40. Results are stored" in shown


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate",),
        ("evaluate", "--all"),
        ("evaluate", "x", "--all", "--model-name", "Cancer"),
        ("evaluate", "x", "--model-name", "Cancer"),
        ("evaluate", "--all", "--model-name", "Cancer", "--seconds", "3"),
        ("evaluate", "--all", "--model-name", "Cancer", "--allow-incomplete"),
        ("evaluate", "x", "--again"),
        ("evaluate", "x", "--jobs", "2"),
        ("evaluate", "x", "--seconds", "0"),
        ("compare", "a", "b", "--benchmark", "holdout"),
        ("compare", "a", "b", "c", "--measured"),
        ("review", "x", "perhaps", "--text", "y"),
        ("review", "x", "approve"),
        ("trust", "x"),
    ],
)
def test_words_that_do_not_go_together(registry_folder: Path, words: tuple[str, ...]) -> None:
    assert "--help" in refused(registry_folder, 2, "UsageError", *words)


def test_what_is_not_there(cancer: Files) -> None:
    first, _, _ = cancer.ids()
    refused(cancer.registry, 3, "ModelNotFound", "evaluate", "--all", "--model-name", "Cancre")
    assert "holdout" in refused(cancer.registry, 2, "InvalidInput", "evaluate", first, "--benchmark", "none")
    for verb in ("evaluate", "gates", "reviews"):
        refused(cancer.registry, 3, "ModelNotFound", verb, "nobody")


def test_compare_measured(cancer: Files) -> None:
    first, second, majority = cancer.ids()
    text = run(cancer.registry, "compare", first, majority, "--measured").stdout
    assert "B is worse than the champion 1.0.0 on the same 269 rows" in text
    assert columns(text)["accuracy"][-1] == "worse"
    assert "\nsize=large: accuracy  " in text
    assert "\nsize=large: recall" not in text
    document = answer(cancer.registry, "compare", first, majority, "--measured", "--benchmark", "holdout")
    found = document["differences"]["accuracy"]
    assert found["low"] < found["value"] < found["high"] < 0
    assert found["verdict"] == document["slices"]["size=large"]["accuracy"]["verdict"] == "worse"
    assert document["only_first_right"] - document["only_second_right"] == round(-found["value"] * 269)
    assert "in none of 2 slices" in run(cancer.registry, "compare", first, first, "--measured").stdout
    assert "--measured" in run(cancer.registry, "compare", first, second).stdout
    with Registry(cancer.registry) as registry:
        new = put(registry, forest())
    assert "not evaluated" in refused(cancer.registry, 2, "InvalidInput", "compare", first, new, "--measured")


def test_measured_beside_reported(cancer: Files) -> None:
    first, _, _ = cancer.ids()
    with Registry(cancer.registry) as registry:
        measured = registry.get_metadata(first).measured
    heading, line = run(
        cancer.registry, "list", "--gates", "--order-by", "version", "--limit", "1"
    ).stdout.splitlines()[:2]
    assert "measured accuracy  measured auc" in heading
    assert "  accuracy" not in heading
    text = run(cancer.registry, "list", "--order-by", "measured:log_loss", "--ascending").stdout
    assert "measured log_loss" in text
    assert text.index("accuracy") < text.index("measured accuracy")
    (row,) = [each for each in answer(cancer.registry, "list")["models"] if each["model_id"] == first]
    assert row["measured"] == measured
    assert "gates" not in row
    assert "failed: File scan, Prediction check, Holdout accuracy, Same features as the champion" in line
    text = run(cancer.registry, "show", first).stdout
    metrics = columns(text[text.index("metric    ") : text.index("score  ")])
    for name in ("accuracy", "auc"):
        assert metrics[name][:2] == ["0.9000", f"{measured[name]:.4f}"]
    document = answer(cancer.registry, "show", first)
    assert document["evaluation"]["metrics"]["accuracy"]["value"] == measured["accuracy"]
    assert document["gates"]["passed"]


# judging


def test_gates(cancer: Files) -> None:
    _, second, majority = cancer.ids()
    result = run(cancer.registry, "gates", second)
    assert result.exit_code == 0, result.output
    assert "all gates passed" in result.stdout
    assert answer(cancer.registry, "gates", second)["passed"] is True
    result = run(cancer.registry, "gates", majority)
    assert result.exit_code == 8
    assert result.stdout.count("FAILED") == 4
    assert "-> review the code of these imports" in result.stdout
    # A file that was never loaded has shown neither answers nor features.
    assert "FAILED  Prediction check" in result.stdout
    assert "FAILED  Same features as the champion" in result.stdout
    machine = run(cancer.registry, "gates", majority, "--json")
    gates = json.loads(machine.stdout)["gates"]
    assert machine.exit_code == 8
    assert [each["name"] for each in gates if not each["passed"]] == [
        "artifact",
        "answers",
        "holdout accuracy",
        "same inputs",
    ]


def test_reviews(cancer: Files) -> None:
    _, second, _ = cancer.ids()
    nasty = "fine\x1b[2J"
    assert "No reviews yet" in run(cancer.registry, "reviews", second).stdout
    refused(cancer.registry, 2, "InvalidInput", "review", second, "approve", "--text", "mine", "--actor", "bert")
    said = answer(cancer.registry, "review", second, "reject", "--text", nasty, "--actor", "anna")
    assert (said["verdict"], said["actor"], said["text"]) == ("rejected", "anna", nasty)
    assert (
        "approved by carl" in run(cancer.registry, "review", second, "approve", "--text", "x", "--actor", "carl").stdout
    )
    answer(cancer.registry, "review", second, "comment", "--text", "x")
    found = answer(cancer.registry, "reviews", second)["reviews"]
    assert [each["verdict"] for each in found] == ["rejected", "approved", "comment"]
    assert "fine\\x1b[2J" in run(cancer.registry, "reviews", second).stdout


def test_trust_shows_the_names_and_asks(cancer: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _, majority = cancer.ids()
    words = ("trust", majority, "--reason", "read its code")
    assert MAJORITY in refused(cancer.registry, 2, "InvalidInput", *words)
    with monkeypatch.context() as patch:
        patch.setattr(console, "interactive", lambda: True)
        result = run(cancer.registry, *words, input="n\n")
        assert result.exit_code == 1
        assert f"  {MAJORITY} is a class, defined in " in result.stderr
        assert answer(cancer.registry, "show", majority)["artifact"] == "quarantined"
        assert run(cancer.registry, *words, input="y\n").exit_code == 0
    assert answer(cancer.registry, "show", majority)["artifact"] == "trusted"
    assert f"trusted since registration: {MAJORITY}" in run(cancer.registry, "show", majority).stdout
    assert run(cancer.registry, "inspect", str(cancer.stranger), "--model-name", "Cancer").exit_code == 0
    assert run(cancer.registry, "inspect", str(cancer.stranger)).exit_code == 6
    refused(cancer.registry, 4, "StateConflict", *words, "--yes")
    refused(cancer.registry, 4, "StateConflict", "trust", first, "--reason", "x", "--yes")


def test_trust_without_a_question(cancer: Files) -> None:
    _, _, majority = cancer.ids()
    document = answer(cancer.registry, "trust", majority, "--reason", "read its code", "--yes", "--actor", "anna")
    assert (document["trusted"], document["artifact"]) == ([MAJORITY], "trusted")
    event = answer(cancer.registry, "events", "--kind", "configured", "--limit", "1")["events"][0]
    assert (event["actor"], event["reason"]) == ("anna", "read its code")


def test_a_failing_gate_lists_all_and_an_override_is_seen(cancer: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _, majority = cancer.ids()
    words = ("promote", majority, "--reason", "the other one is too slow", "--actor", "anna")
    refused(cancer.registry, 5, "NotEligible", *words, "--override")
    answer(cancer.registry, "trust", majority, "--reason", "read its code", "--yes")
    result = run(cancer.registry, *words)
    assert result.exit_code == 8
    assert not result.stdout
    assert "passed  Same features as the champion" in result.stderr
    assert "FAILED  Holdout accuracy" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert "--override" in result.stderr.splitlines()[-1]
    machine = run(cancer.registry, *words, "--json")
    document = json.loads(machine.stderr)
    assert (machine.exit_code, document["error"]) == (8, "GatesFailed")
    assert [each["name"] for each in document["gates"] if not each["passed"]] == ["holdout accuracy"]
    refused(cancer.registry, 2, "InvalidInput", "promote", majority, "--reason", "", "--override")

    monkeypatch.setattr(console, "interactive", lambda: True)
    assert "Continue?" not in run(cancer.registry, *words).stderr
    result = run(cancer.registry, *words, "--override", input="n\n")
    assert result.exit_code == 1
    assert "These gates fail:" in result.stderr
    assert "FAILED  Holdout accuracy" in result.stderr
    assert "Same features" not in result.stderr
    assert run(cancer.registry, "champion", "Cancer").stdout.strip() == first
    assert run(cancer.registry, *words, "--override", input="y\n").exit_code == 0
    assert "champion, overridden" in run(cancer.registry, "list").stdout
    assert "anna overrode 1 failed gate" in run(cancer.registry, "show", majority).stdout


def test_answers_that_are_gone_fail_a_gate_and_hide_nothing(cancer: Files) -> None:
    first, second, _ = cancer.ids()
    run(cancer.registry, "config", "set", 'gates={"not_worse_than_champion": 0.1}', "--name", "Cancer")
    assert "6 of 6 passed" in run(cancer.registry, "show", second).stdout
    for path in (cancer.registry / "evaluations").iterdir():
        path.write_bytes(b"x")
    result = run(cancer.registry, "show", second)
    assert result.exit_code == 0
    assert "5 of 6 passed; failed: Not worse than the champion" in result.stdout
    assert run(cancer.registry, "list", "--gates").exit_code == 0
    assert "4 of 4 passed" in run(cancer.registry, "show", first).stdout


@pytest.mark.full
def test_exit_codes_of_real_processes(cancer: Files, tmp_path: Path) -> None:
    _, second, majority = cancer.ids()
    place = ("--registry", str(cancer.registry))
    cases: list[tuple[int, tuple[str, ...]]] = [
        (0, ("gates", second, *place)),
        (2, ("inspect", str(cancer.refused), *place)),
        (6, ("inspect", str(cancer.stranger), *place)),
        (8, ("gates", majority, *place)),
        (9, ("evaluate", second, "--seconds", "0.001", *place)),
    ]
    for code, words in cases:
        done = process(*words, cwd=tmp_path)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        assert not done.stderr


def test_every_verb_explains_itself() -> None:
    for words in (["benchmark", "add"], ["evaluate"], ["inspect"], ["gates"], ["review"], ["trust"], ["promote"]):
        text = CliRunner().invoke(main, [*words, "--help"]).stdout
        assert "--registry" in text
    text = CliRunner().invoke(main, ["register", "--help"]).stdout
    assert all(word in text for word in ("trusted", "quarantined", "refused", "rank_by=measured"))
