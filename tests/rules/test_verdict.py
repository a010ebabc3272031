"""The verdict on a version: forty situations with the word written by hand, and what it says in each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core.evidence import Benchmark, Difference, Evaluation, Measured
from registry_core.gate_policy import GatePolicy
from registry_core.gates import Gate, GateReport
from registry_core.records import ModelMetadata
from registry_core.rules.verdict import Evidence, judge, self_reported, worse_slices

BENCHMARK = Benchmark(
    "holdout", "Churn", "classification", "left", ("age",), ("region",), {}, 1530, "f1", "2026", "ann"
)
EVALUATED = Evaluation(
    7, "Churn_b", "holdout", "f1", "2026", "ann", "measured", "", 1530, {"accuracy": Measured(0.91, 0.9, 0.92)}
)
BETTER = Difference("accuracy", 0.018, 0.009, 0.027, 1530, False)
WORSE = Difference("accuracy", -0.05, -0.08, -0.02, 1530, False)
UNCLEAR = Difference("accuracy", 0.004, -0.006, 0.014, 1530, False)
EQUAL = Difference("accuracy", 0.0, 0.0, 0.0, 1530, False)
LESS_LOSS = Difference("log_loss", -0.02, -0.03, -0.01, 1530, True)
MORE_LOSS = Difference("log_loss", 0.02, 0.01, 0.03, 1530, True)

ARTIFACT = Gate("artifact", True, "its file is trusted")
ANSWERS = Gate("answers", False, "12 of 32 answers differ", "use the libraries it was registered with", False)
INPUTS = Gate("same inputs", False, "8 features, the champion has 11", "train it on what Churn 1.0.0 takes")
APPROVAL = Gate("approval", False, "nobody approved it", "ask somebody else for a review", fix="review")
UNMEASURED = Gate(
    "benchmark", False, "the version has no evaluation on holdout", "evaluate the version on holdout", fix="evaluate"
)
CRASHED = Gate("benchmark", False, "measuring it on holdout failed: it crashed", "mend what that says")
SLICE = Gate("slices accuracy", False, "accuracy 0.7 for region=N (41 rows)", "train with more rows of region=N")
NO_SLICE = Gate("slices accuracy", False, "no slice was measured", "evaluate it on one with slices", fix="evaluate")
MARGIN = Gate("not worse than the champion", False, "at most 0.022 worse, 0.020 allowed", "more rows", fix="more rows")
QUALITY = Gate("data quality", False, "data quality 0.5 as reported, at least 0.9 asked", "train it on better data")
HIDDEN = Gate("artifact", False, "its file is quarantined: x", "have somebody trust them", fix="trust")


def version(model_id: str = "Churn_b", **changes: Any) -> ModelMetadata:
    number = {"Churn_a": "1.0.0"}.get(model_id, "1.1.0")
    return ModelMetadata(model_id, **{"model_name": "Churn", "model_type": "Forest", "version": number, **changes})


CHAMPION = version("Churn_a", is_active=True)


class Situation(NamedTuple):
    """What is known of a version, and the verdict somebody wrote down for it."""

    word: str
    action: str
    says: str
    changes: dict[str, Any]
    gates: tuple[Gate, ...] = (ARTIFACT,)


COMPARED: dict[str, Any] = {"evaluation": EVALUATED, "champion_evaluated": True}
FIRST: dict[str, Any] = {"champion": None, "evaluation": EVALUATED}


def by(difference: Difference, **further: Any) -> dict[str, Any]:
    return {**COMPARED, "differences": {difference.metric: difference}, **further}


SITUATIONS = [
    # it serves
    Situation("champion", "", "is the champion", {"model": version(is_active=True), "champion": None}),
    Situation("champion", "", "is the champion", {"model": version(is_active=True), **by(WORSE)}, (INPUTS, APPROVAL)),
    # its state stands in the way, whatever was evaluated
    Situation("blocked", "restore", "it is rejected", {"model": version(status="rejected"), **by(BETTER)}),
    Situation("blocked", "restore", "it is archived", {"model": version(status="archived"), **by(BETTER)}),
    Situation("blocked", "restore", "it is trashed", {"model": version(status="trashed")}),
    Situation("blocked", "restore", "it is disqualified", {"model": version(status="disqualified"), **by(BETTER)}),
    Situation("blocked", "", "it is purged", {"model": version(status="purged")}),
    Situation("blocked", "trust", "quarantined", {"model": version(artifact="quarantined")}, (HIDDEN,)),
    Situation("blocked", "trust", "quarantined", {"model": version(artifact="quarantined"), **by(BETTER)}, (HIDDEN,)),
    # a gate that no evaluation mends
    Situation("blocked", "", "12 of 32 answers differ", {}, (ARTIFACT, ANSWERS)),
    Situation("blocked", "", "12 of 32 answers differ", by(BETTER), (ARTIFACT, ANSWERS)),
    Situation("blocked", "override", "8 features", {}, (ARTIFACT, INPUTS)),
    Situation("blocked", "override", "8 features", by(BETTER), (ARTIFACT, INPUTS)),
    Situation("blocked", "override", "8 features", by(UNCLEAR), (ARTIFACT, INPUTS)),
    Situation("blocked", "override", "data quality", {}, (ARTIFACT, QUALITY, UNMEASURED)),
    Situation("blocked", "", "2 of 3 gates", {}, (ARTIFACT, ANSWERS, CRASHED)),
    Situation("blocked", "override", "it crashed", {}, (ARTIFACT, CRASHED)),
    Situation("blocked", "override", "region=N", by(BETTER), (ARTIFACT, SLICE)),
    # better, and something that can be mended is missing
    Situation("blocked", "review", "nobody approved it; it is better than", by(BETTER), (ARTIFACT, APPROVAL)),
    Situation("blocked", "review", "not clearly different from", by(UNCLEAR), (ARTIFACT, APPROVAL)),
    Situation("blocked", "review", "2 of 3 gates", by(BETTER), (ARTIFACT, APPROVAL, SLICE)),
    Situation("blocked", "evaluate", "no slice was measured", by(BETTER), (ARTIFACT, NO_SLICE)),
    # nothing to compare
    Situation("not evaluated", "", "Churn has no benchmark", {"benchmark": None}),
    Situation("not evaluated", "evaluate", "has no evaluation on holdout", {}),
    Situation("not evaluated", "evaluate", "no evaluation on holdout", {}, (ARTIFACT, UNMEASURED)),
    Situation("not evaluated", "evaluate", "no evaluation", {}, (ARTIFACT, UNMEASURED, APPROVAL, NO_SLICE)),
    Situation("not evaluated", "evaluate", "champion Churn 1.0.0 has no evaluation", {"evaluation": EVALUATED}),
    Situation("not evaluated", "evaluate", "was not compared with it", COMPARED),
    Situation("not evaluated", "evaluate", "not checked with the installed", by(BETTER, unchecked=True)),
    Situation("not evaluated", "evaluate", "no evaluation", {"champion": None}),
    Situation(
        "not evaluated", "evaluate", "self-reported score is 0.9000 against 0.8000 of the champion (unverified)",
        {"model": version(composite_score=0.9), "champion": replace(CHAMPION, composite_score=0.8)},
    ),
    Situation(
        "not evaluated", "", "has no auc, the primary metric", by(BETTER, policy=GatePolicy(primary_metric="auc"))
    ),
    # worse
    Situation("worse", "", "worse than the champion Churn 1.0.0: -5.0 pp accuracy", by(WORSE)),
    Situation("worse", "", "-5.0 pp", by(WORSE), (ARTIFACT, APPROVAL)),
    Situation("worse", "", "-5.0 pp", by(WORSE), (ARTIFACT, MARGIN, INPUTS)),
    Situation("worse", "", "+0.02 log_loss", by(MORE_LOSS)),
    # better
    Situation("better", "promote", "+1.8 pp accuracy, 95% interval +0.9 to +2.7, on the same 1,530 rows", by(BETTER)),
    Situation("better", "promote", "-0.02 log_loss", by(LESS_LOSS)),
    # inconclusive
    Situation("inconclusive", "experiment", "not clearly better or worse", by(UNCLEAR)),
    Situation("inconclusive", "experiment", "+0.0 pp", by(EQUAL)),
    Situation("inconclusive", "experiment", "+0.4 pp", by(UNCLEAR), (ARTIFACT, MARGIN)),
    # without a champion
    Situation("no champion", "promote", "no champion to compare", FIRST),
    Situation("blocked", "review", "nobody approved it", FIRST, (ARTIFACT, APPROVAL)),
]  # fmt: skip


def evidence(situation: Situation) -> Evidence:
    base = Evidence(version(), CHAMPION, GateReport("Churn_b", "Churn_a", situation.gates), GatePolicy(), BENCHMARK)
    return replace(base, **situation.changes)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda each: f"{each.word}: {each.says}")
def test_the_verdict_is_the_one_written_by_hand(situation: Situation) -> None:
    found = judge(evidence(situation))
    assert (found.word, found.action) == (situation.word, situation.action)
    assert situation.says in found.sentence
    assert found.next_step or found.word == "champion"
    whom = {"evaluate": "Churn_a" if "the champion Churn 1.0.0 has no evaluation" in found.sentence else "Churn_b"}
    assert found.evaluate == whom.get(found.action)


def test_slices_are_named_and_counted_with_what_chance_alone_would_give() -> None:
    slices = {
        "region=N": {"accuracy": Difference("accuracy", -0.2, -0.3, -0.1, 41, False)},
        "region=S": {"accuracy": Difference("accuracy", 0.02, -0.01, 0.05, 1480, False)},
    }
    assert worse_slices(slices, "accuracy") == ("region=N",)
    found = judge(evidence(Situation("better", "promote", "", by(BETTER, slices=slices))))
    assert found.worse_slices == ("region=N",)
    assert "worse in slice region=N" in found.sentence
    assert found.next_step == "Promote it: its gate passes. Look at slice region=N first."
    # z = 2.2 alone would be called worse, beside 39 others without a difference it is one of those chance gives
    slight = {"accuracy": Difference("accuracy", -0.022, -0.022 - 0.0196, -0.022 + 0.0196, 100, False)}
    none = {"accuracy": Difference("accuracy", 0.0, -0.0196, 0.0196, 100, False)}
    assert worse_slices({"a": slight}, "accuracy") == ("a",)
    assert worse_slices({"a": slight, **{f"b{each}": none for each in range(39)}}, "accuracy") == ()


def test_a_loss_is_worse_where_it_is_higher() -> None:
    more = Difference("log_loss", 0.2, 0.1, 0.3, 60, True)
    assert worse_slices({"region=N": {"log_loss": more}}, "log_loss") == ("region=N",)
    assert worse_slices({"region=N": {"log_loss": more}}, "accuracy") == ()


def test_what_was_reported_outside_of_what_was_evaluated_is_flagged() -> None:
    (flag,) = self_reported(version(accuracy=0.97, f1_score=0.9), EVALUATED)
    assert (flag.metric, flag.reported) == ("accuracy", 0.97)
    assert "0.9700 is outside the evaluated 95% interval, 0.9000 to 0.9200" in flag.sentence
    assert self_reported(version(accuracy=0.9, f1_score=0.1), EVALUATED) == ()
    assert self_reported(version(accuracy=0.97), None) == ()


differences = st.tuples(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1)).map(
    lambda each: Difference("accuracy", each[0], each[0] - each[1], each[0] + each[2], 100, False)
)
gates = st.lists(
    st.sampled_from([ARTIFACT, ANSWERS, INPUTS, APPROVAL, UNMEASURED, SLICE, MARGIN, QUALITY]), unique=True
)


@given(differences, gates, st.booleans(), st.booleans())
def test_nothing_unknown_or_failing_is_ever_called_better_and_to_be_promoted(
    difference: Difference, failing: list[Gate], evaluated: bool, compared: bool
) -> None:
    found = judge(
        Evidence(
            version(), CHAMPION, GateReport("Churn_b", "Churn_a", tuple(failing)), GatePolicy(), BENCHMARK,
            EVALUATED if evaluated else None, compared, {"accuracy": difference} if compared and evaluated else {},
        )
    )  # fmt: skip
    if found.word in ("better", "inconclusive", "worse"):
        assert evaluated
        assert compared
        assert found.difference == difference
        assert found.word == ("inconclusive" if difference.verdict == "no clear difference" else difference.verdict)
    if found.action == "promote":
        assert not found.failures
    assert found.sentence
    assert found.next_step
