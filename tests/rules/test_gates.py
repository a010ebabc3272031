"""The gates before promotion: each alone, and all that fail together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry_core.actions.signatures import of_metadata
from registry_core.errors import InvalidInput
from registry_core.evidence import Benchmark, Difference, Evaluation, Inspection, Measured, Review
from registry_core.gate_policy import GatePolicy
from registry_core.gates import Gate
from registry_core.records import ModelMetadata
from registry_core.rules.gates import Candidate, check_gates

BENCHMARK = Benchmark(
    "holdout-2024", "Churn", "classification", "left", ("age", "plan"), ("region",), {}, 1530, "f1", "2026", "ann"
)
MEASURED = Evaluation(
    7,
    "Churn_b",
    "holdout-2024",
    "f1",
    "2026",
    "ann",
    "measured",
    "",
    1530,
    {"accuracy": Measured(0.912, 0.897, 0.925), "log_loss": Measured(0.31, 0.29, 0.33)},
    {
        "region": {
            "N": {"rows": Measured(41.0), "accuracy": Measured(0.712), "log_loss": Measured(0.5)},
            "S": {"rows": Measured(1480.0), "accuracy": Measured(0.918), "log_loss": Measured(0.3)},
            "W": {"rows": Measured(9.0), "accuracy": Measured(0.2), "log_loss": Measured(2.0)},
        }
    },
    row_microseconds=120.0,
)
GAIN = Difference("accuracy", 0.018, 0.009, 0.027, 1530, False)
LOSS = Difference("log_loss", 0.02, 0.01, 0.03, 1530, True)


def model(model_id: str = "Churn_b", **changes: Any) -> ModelMetadata:
    fields: dict[str, Any] = {
        "model_name": "Churn",
        "model_type": "Forest",
        "feature_names": ["age", "plan"],
        "classes": ["no", "yes"],
        "task": "classification",
        "registered_by": "ann",
        "accuracy": 0.99,
        "metrics": {"wape": 0.1},
        "data_quality_score": 0.9,
        "description": "trees",
        "training_info": {"owner": "team", "ticket": " "},
    }
    return ModelMetadata(model_id, **{**fields, **changes})


CHAMPION = model("Churn_a")


def candidate(metadata: ModelMetadata, champion: ModelMetadata | None = None, *further: Any, **known: Any) -> Candidate:
    """A candidate whose signatures are those of its metadata."""
    known.setdefault("signature", of_metadata(metadata))
    if champion is not None:
        known.setdefault("champion_signature", of_metadata(champion))
    return Candidate(metadata, champion, *further, **known)


FULL = candidate(model(), CHAMPION, None, BENCHMARK, MEASURED, {"accuracy": GAIN, "log_loss": LOSS})


def test_scikit_learns_names_of_metrics_are_understood() -> None:
    measured = replace(MEASURED, metrics={"f1_score": Measured(0.9, 0.8, 0.95)})
    asked = candidate(model(), evaluation=measured, benchmark=BENCHMARK)
    found = gate("minimum f1", GatePolicy(minimum_metrics={"f1": 0.85}), asked)
    assert found.passed
    assert "on 1,530 rows of holdout-2024" in found.because


def gate(name: str, policy: GatePolicy, candidate: Candidate = FULL) -> Gate:
    found = {each.name: each for each in check_gates(candidate, policy).gates}
    assert all(each.because and bool(each.remedy) is not each.passed for each in found.values())
    return found[name]


def test_an_ordinary_registry_promotes() -> None:
    report = check_gates(candidate(model()), GatePolicy())
    assert report.passed
    assert [each.name for each in report.gates] == ["artifact"]
    report = check_gates(candidate(model(), CHAMPION), GatePolicy())
    assert report.passed
    assert report.champion_id == "Churn_a"
    assert [each.name for each in report.gates] == ["artifact", "same inputs"]


def test_all_failures_are_listed_together_and_in_their_order() -> None:
    candidate = Candidate(
        model(artifact="quarantined", feature_names=["plan", "age"], data_quality_score=None, description=""),
        CHAMPION,
        benchmark=replace(BENCHMARK, thresholds={"auc": 0.9}),
    )
    policy = GatePolicy(
        minimum_metrics={"f1_score": 0.8},
        primary_metric="accuracy",
        not_worse_than_champion=0.01,
        slice_floors={"accuracy": 0.8},
        row_microseconds=100,
        minimum_data_quality=0.8,
        required_metadata=("description",),
        approval=True,
        benchmark_required=True,
    )
    report = check_gates(candidate, policy)
    assert not report.passed
    assert report.failures == report.gates
    assert [each.name for each in report.gates] == [
        "artifact",
        "benchmark",
        "minimum f1_score",
        "holdout-2024 auc",
        "not worse than the champion",
        "slices accuracy",
        "same inputs",
        "latency",
        "data quality",
        "metadata",
        "approval",
    ]
    assert all(each.because and each.remedy for each in report.gates)


@pytest.mark.parametrize(
    ("metadata", "inspection", "because"),
    [
        (model(artifact="quarantined"), None, "the file is quarantined"),
        (model(), Inspection("quarantined", "pickle", "2 names", ("a.b", "c.d")), "2 names (a.b and c.d)"),
        (model(), Inspection("refused", "pickle", "it names os.system"), "the file is refused: it names os.system"),
        (model(artifact="quarantined"), Inspection("trusted", "skops", "all known"), "the file is quarantined"),
    ],
)  # fmt: skip
def test_an_untrusted_artifact_always_fails(metadata: ModelMetadata, inspection: Any, because: str) -> None:
    found = gate("artifact", GatePolicy(), Candidate(metadata, inspection=inspection))
    assert not found.passed
    assert because in found.because


@pytest.mark.parametrize(
    ("metric", "asked", "passed", "because"),
    [
        ("accuracy", 0.9, True, "accuracy 0.912 on 1,530 rows of holdout-2024, at least 0.900 required"),
        ("accuracy", 0.912, True, "accuracy 0.912 on 1,530 rows of holdout-2024, at least 0.912 required"),
        ("accuracy", 0.95, False, "accuracy 0.912 on 1,530 rows of holdout-2024, at least 0.950 required"),
        ("accuracy", 0.91204, False, "accuracy 0.91200 on 1,530 rows of holdout-2024, at least 0.91204 required"),
        ("log_loss", 0.4, True, "log_loss 0.310 on 1,530 rows of holdout-2024, at most 0.400 required"),
        ("log_loss", 0.3, False, "log_loss 0.310 on 1,530 rows of holdout-2024, at most 0.300 required"),
        ("wape", 0.2, True, "wape 0.100 (self-reported), at most 0.200 required"),
        ("data_quality", 0.8, True, "data_quality 0.900 (self-reported), at least 0.800 required"),
        ("auc", 0.2, False, "auc was neither evaluated nor reported, at least 0.2 required"),
    ],
)
def test_minimum_metrics(metric: str, asked: float, passed: bool, because: str) -> None:
    found = gate(f"minimum {metric}", GatePolicy(minimum_metrics={metric: asked}, lower_is_better=("wape",)))
    assert (found.passed, found.because) == (passed, because)


def test_thresholds_of_a_benchmark_need_a_measurement_on_it() -> None:
    strict = replace(BENCHMARK, thresholds={"accuracy": 0.9})
    assert gate("holdout-2024 accuracy", GatePolicy(), replace(FULL, benchmark=strict)).passed
    for evaluation in (None, replace(MEASURED, fingerprint="f0"), replace(MEASURED, status="failed", metrics={})):
        found = gate("holdout-2024 accuracy", GatePolicy(), replace(FULL, benchmark=strict, evaluation=evaluation))
        # The 0.99 that were reported do not count here.
        assert not found.passed
        assert found.because == "accuracy was not evaluated on holdout-2024, at least 0.9 required"


@pytest.mark.parametrize(
    ("evaluation", "because"),
    [
        (None, "the version has no evaluation on holdout-2024"),
        (replace(MEASURED, status="failed", because="it answered nan in row 3"), "failed: it answered nan in row 3"),
        (replace(MEASURED, fingerprint="f0"), "used other rows than holdout-2024"),
    ],
)
def test_a_required_benchmark(evaluation: Evaluation | None, because: str) -> None:
    found = gate("benchmark", GatePolicy(benchmark_required=True), replace(FULL, evaluation=evaluation))
    assert not found.passed
    assert because in found.because


@pytest.mark.parametrize(
    ("difference", "margin", "passed"),
    [
        (GAIN, 0.0, True),
        (Difference("accuracy", 0.0, 0.0, 0.0, 1530, False), 0.0, True),
        (Difference("accuracy", 0.004, -0.006, 0.014, 1530, False), 0.005, False),
        (Difference("accuracy", 0.004, -0.006, 0.014, 1530, False), 0.006, True),
        (Difference("rmse", 0.5, -0.5, 1.5, 80, True), 1.0, False),
        (Difference("rmse", -0.5, -1.5, 0.5, 80, True), 1.0, True),
    ],
)
def test_not_worse_than_the_champion(difference: Difference, margin: float, passed: bool) -> None:
    candidate = replace(FULL, differences={difference.metric: difference})
    found = gate("not worse than the champion", GatePolicy(not_worse_than_champion=margin), candidate)
    assert found.passed is passed
    assert "Churn 1.0.0" in found.because


def test_the_sentence_about_the_champion() -> None:
    candidate = replace(FULL, differences={"accuracy": Difference("accuracy", 0.004, -0.006, 0.014, 1530, False)})
    found = gate("not worse than the champion", GatePolicy(not_worse_than_champion=0.005), candidate)
    assert found.because == (
        "+0.4 pp accuracy, 95% interval -0.6 to +1.4, against the champion Churn 1.0.0 on the same 1,530 rows: up to "
        "0.006 worse, 0.005 allowed"
    )


@pytest.mark.parametrize("differences", [None, {}, {"log_loss": LOSS}])
def test_a_comparison_that_is_asked_for_and_missing_fails(differences: Any) -> None:
    policy = GatePolicy(not_worse_than_champion=0.5, primary_metric="accuracy")
    found = gate("not worse than the champion", policy, replace(FULL, differences=differences))
    assert not found.passed
    assert found.because == "the version was not compared with the champion Churn 1.0.0 in accuracy on the same rows"


def test_nobody_is_compared_with_oneself_or_with_nobody() -> None:
    policy = GatePolicy(not_worse_than_champion=0.0)
    for champion in (None, FULL.metadata):
        report = check_gates(replace(FULL, champion=champion, differences=None), policy)
        assert report.passed
        assert report.champion_id is None
        assert "same inputs" not in [each.name for each in report.gates]


def test_slices_with_enough_rows_have_a_floor() -> None:
    found = gate("slices accuracy", GatePolicy(slice_floors={"accuracy": 0.8}))
    assert not found.passed
    assert (
        found.because
        == "accuracy 0.712 for region=N (41 rows), at least 0.8 required in every slice of 30 rows or more"
    )
    found = gate("slices accuracy", GatePolicy(slice_floors={"accuracy": 0.8}, slice_rows=100))
    assert found.passed
    assert "0.918 in the worst of 1 slice, region=S (1,480 rows)" in found.because
    found = gate("slices log_loss", GatePolicy(slice_floors={"log_loss": 0.25}))
    assert "log_loss 0.500 for region=N (41 rows) and 0.300 for region=S (1,480 rows), at most" in found.because
    assert gate("slices auc", GatePolicy(slice_floors={"auc": 0.8})).because.startswith("holdout-2024 has no slice")
    assert not gate("slices auc", GatePolicy(slice_floors={"auc": 0.8}), candidate(model())).passed


@pytest.mark.parametrize(
    ("name", "policy", "candidate", "passed", "because"),
    [
        ("latency", GatePolicy(row_microseconds=200), FULL, True, "median latency 120.0 µs per row"),
        ("latency", GatePolicy(row_microseconds=100), FULL, False, "at most 100.0 required"),
        ("latency", GatePolicy(row_microseconds=100), candidate(model()), False, "was not measured"),
        ("data quality", GatePolicy(minimum_data_quality=0.9), FULL, True, "data quality 0.900 (self-reported)"),
        ("data quality", GatePolicy(minimum_data_quality=0.95), FULL, False, "at least 0.950 required"),
        ("metadata", GatePolicy(required_metadata=("description", "owner")), FULL, True, "description and owner are"),
        ("metadata", GatePolicy(required_metadata=("tags",)), FULL, False, "tags is empty"),
        ("metadata", GatePolicy(required_metadata=("tags", "ticket", "who")), FULL, False, "tags, ticket and who are"),
    ],
)
def test_the_rest(name: str, policy: GatePolicy, candidate: Candidate, passed: bool, because: str) -> None:
    found = gate(name, policy, candidate)
    assert found.passed is passed
    assert because in found.because


def reviews(*said: tuple[str, Any]) -> tuple[Review, ...]:
    return tuple(Review(place, "Churn_b", "2026", actor, verdict, "") for place, (actor, verdict) in enumerate(said))


@pytest.mark.parametrize(
    ("said", "passed", "because"),
    [
        ((), False, "no approval yet"),
        ((("ann", "approved"),), False, "approved only by ann, who registered the version"),
        ((("bob", "comment"),), False, "no approval yet"),
        ((("bob", "approved"),), True, "approved by bob, registered by ann"),
        ((("bob", "approved"), ("eve", "rejected")), False, "rejected by eve"),
        ((("bob", "approved"), ("eve", "rejected"), ("eve", "approved")), True, "approved by bob and eve"),
        ((("bob", "approved"), ("bob", "comment")), True, "approved by bob"),
        ((("bob", "approved"), ("bob", "rejected")), False, "rejected by bob"),
        ((("bob", "approved"), ("ann", "rejected")), False, "rejected by ann"),
    ],
)
def test_approval(said: Any, passed: bool, because: str) -> None:
    found = gate("approval", GatePolicy(approval=True), replace(FULL, reviews=reviews(*said)))
    assert found.passed is passed
    assert because in found.because


def test_an_evaluation_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidInput, match="evaluation 7 is of Churn_b, not of Churn_c"):
        check_gates(replace(FULL, metadata=model("Churn_c")), GatePolicy())
    with pytest.raises(InvalidInput, match="is on holdout-2024, not on other"):
        check_gates(replace(FULL, benchmark=replace(BENCHMARK, name="other")), GatePolicy())
