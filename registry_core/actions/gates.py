"""Gates and what they stand on: two models on the same rows, and what reviewers said."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..catalog import deployments, events, evidence, models
from ..catalog.database import Queries
from ..errors import ArtifactError, InvalidInput
from ..events import EventKind
from ..evidence import Benchmark, Confusion, Curve, Evaluation, Inspection, Paired, Review
from ..gates import Gate, GateReport
from ..insights import Fairness
from ..model_card import UNWRITTEN
from ..policies import Policy
from ..records import ModelMetadata, Row
from ..rules import gates, sentences
from ..rules.intake import check_text
from ..signature import UNKNOWN, AnswersCheck, Signature
from . import (
    answer_checks,
    approvals,
    benchmarks,
    card_text,
    insights,
    proofs,
    review_requests,
    seals,
    separation_of_duties,
    signatures,
)
from .context import Context
from .model_records import eligible, record, require
from .pairs import Pair, kept_answers, latest, measured_both

_MOST_TEXT = 5000
_REVIEWED = {
    "approved": EventKind.REVIEW_APPROVED,
    "rejected": EventKind.REVIEW_REJECTED,
    "comment": EventKind.REVIEW_COMMENT,
}


def check(context: Context, model_id: str) -> GateReport:
    """See ``Registry.check_gates``."""
    row = require(context.database, model_id)
    ask(context, row)
    return report(context, context.database, row)


def ask(context: Context, row: Row) -> None:
    """See to it that what the gates ask of a model's answers, and of the champion's features, is known."""
    if row["artifact"] == "trusted" and row["status"] != "purged":
        # Bytes that are missing or altered are what the artifact gate and the promotion itself speak of.
        with suppress(ArtifactError):
            answer_checks.ensure(context, row)
    answer_checks.complete_champion(context, row["model_name"])


def report(context: Context, queries: Queries, row: Row) -> GateReport:
    """Every gate of a registered model against the champion of its name."""
    model = record(context, row)
    return of_candidate(context, queries, model, answers_of(queries, row, model))


def answers_of(queries: Queries, row: Row, model: ModelMetadata) -> AnswersCheck:
    """What came of asking a registered model here; that nobody did is no proof."""
    found = answer_checks.known_check(queries, row, model)
    if found is not None:
        return found
    because = "its predictions were not checked with the installed libraries"
    return AnswersCheck("fails", because, proofs.environment(model), "sandbox")


@dataclass(frozen=True)
class Standing:
    """What every version of a model name is judged against.

    Attributes:
        policy: the policy of the name.
        champion: its champion; None without one.
        takes: the champion's signature.
        benchmark: the active benchmark; None without one.
        champion_evaluation: the champion's newest evaluation on its present content, where it has metrics.
    """

    policy: Policy
    champion: ModelMetadata | None
    takes: Signature
    benchmark: Benchmark | None
    champion_evaluation: Evaluation | None


def standing(context: Context, queries: Queries, model_name: str) -> Standing:
    """What the versions of a model name are judged against now."""
    policy = context.configuration(queries).policy(model_name)
    current = deployments.current(queries, model_name)
    champion = None if current is None else record(context, require(queries, current.model_id))
    benchmark = benchmarks.counting(queries, model_name, policy)
    theirs = None if champion is None else latest(queries, champion.model_id, benchmark)
    return Standing(
        policy, champion, UNKNOWN if champion is None else signatures.signature(queries, champion), benchmark,
        theirs if theirs is not None and theirs.status == "measured" else None,
    )  # fmt: skip


def of_candidate(
    context: Context, queries: Queries, model: ModelMetadata, answers: AnswersCheck | None = None
) -> GateReport:
    """Every gate of a model, which may not be in the catalog yet: then nothing was measured of it."""
    against = standing(context, queries, model.model_name)
    compared = against.policy.gate_policy.not_worse_than_champion is not None
    return check_candidate(queries, candidate(context, queries, model, answers, against, compared=compared), against)


def candidate(
    context: Context,
    queries: Queries,
    model: ModelMetadata,
    answers: AnswersCheck | None,
    against: Standing,
    *,
    compared: bool,
) -> gates.Candidate:
    """All that is known of a version; with its differences to the champion where it is ``compared``."""
    is_champion = against.champion is not None and against.champion.model_id == model.model_id
    champion, takes = (None, UNKNOWN) if is_champion else (against.champion, against.takes)
    measured, theirs = latest(queries, model.model_id, against.benchmark), against.champion_evaluation
    differences = None
    if compared and champion is not None and theirs is not None and measured and measured.status == "measured":
        # Answers that are gone or altered compare with nothing; the gate then says what to do.
        with suppress(ArtifactError):
            differences = Pair(context, theirs, measured).differences()
    policy = against.policy.gate_policy
    reviews = approvals.reviews(queries, model.model_id, policy) if policy.approval else []
    fairness: tuple[Fairness, ...] = ()
    value = None
    if measured is not None and measured.status == "measured" and against.benchmark is not None:
        if policy.fairness_gaps:
            with suppress(ArtifactError):
                fairness = insights.fairness_of(context, measured, against.benchmark, policy.slice_rows)
        if policy.outcome_value_margin is not None and champion is not None and theirs is not None:
            # Without values, two classes or probabilities nothing is compared, and the gate says so.
            with suppress(ArtifactError, InvalidInput):
                worth = insights.checked_values(model.model_name, against.policy.outcome_values)
                value = insights.value_of(context, measured, theirs, against.benchmark, worth)
    card = card_text.current(queries, model.model_name, model.model_id) if policy.required_card else UNWRITTEN
    return gates.Candidate(
        model, champion, _inspection(model), against.benchmark, measured, differences, reviews, answers,
        signatures.signature(queries, model), takes, fairness, value, card,
    )  # fmt: skip


def check_candidate(queries: Queries, found: gates.Candidate, against: Standing) -> GateReport:
    """Every gate of a version, and whether the benchmark of the settings is there."""
    report, policy = gates.check_gates(found, against.policy.gate_policy), against.policy
    if against.benchmark is None and policy.benchmark is not None:
        there = ", ".join(each.name for each in evidence.benchmarks(queries, found.metadata.model_name)) or "none"
        because = f"the setting 'benchmark' names {policy.benchmark}; existing benchmarks: {there}"
        missing = Gate("benchmark setting", False, because, "correct the setting, or add that benchmark")
        report = GateReport(report.model_id, report.champion_id, (*report.gates, missing))
    return report


def _inspection(model: ModelMetadata) -> Inspection | None:
    """What was found in the file, with the verdict that holds now: somebody may have trusted it since."""
    if not model.inspection:
        return None
    found: dict[str, Any] = {**model.inspection, "verdict": model.artifact}
    if model.artifact == "trusted" and found.get("unknown"):
        names = sentences.listed(list(found["unknown"]))
        found.update(because=f"the imports {names} were trusted after the scan", unknown=())
    return Inspection(**found)


def compare_measured(context: Context, first_id: str, second_id: str, benchmark: str | None) -> Paired:
    """See ``Registry.compare_measured``."""
    from ..rules.pairing import disagreements

    chosen, (first, second) = measured_both(context, (first_id, second_id), benchmark)
    both = Pair(context, first, second)
    (one, two), differences, slices = both.kept, both.differences(), both.slices(chosen)
    policy = context.configuration().policy(chosen.model_name)
    primary = policy.gate_policy.primary_metric or ""
    if primary not in differences:
        primary = next(iter(differences), "")
    worse = [name for name, each in slices.items() if primary in each and each[primary].verdict == "worse"]
    named = record(context, require(context.database, first_id))
    sentence = sentences.verdict_sentence(named.version, differences, worse, primary, serves=named.is_active)
    changed = disagreements(one.task, one.truth, one.answers, two.answers, one.classes)
    return Paired(chosen.name, first, second, differences, slices, changed, sentence, primary)


def curves(context: Context, model_id: str, benchmark: str | None) -> tuple[tuple[Curve, ...], Confusion | None]:
    """See ``Registry.curves``."""
    from ..rules.curves import classification_curves, confusion_matrix

    _, (evaluation,) = measured_both(context, (model_id,), benchmark)
    kept = kept_answers(context, evaluation)
    if kept.task == "regression":
        return (), None
    found: tuple[Curve, ...] = ()
    if kept.answers.probabilities is not None:
        found = classification_curves(kept.truth, kept.answers.probabilities, kept.classes)
    return found, confusion_matrix(kept.truth, kept.answers.predicted, kept.classes)


def review(context: Context, model_id: str, verdict: str, text: str, actor: str | None) -> Review:
    """See ``Registry.review``."""
    who = context.who(actor)
    words = check_text(text, "text", _MOST_TEXT).strip()
    if verdict not in _REVIEWED:
        raise InvalidInput(f"verdict is {verdict!r:.80}; allowed are {', '.join(_REVIEWED)}")
    if not words:
        raise InvalidInput("a review requires a comment: what you checked, and the reason for the verdict")
    with context.database.transaction() as transaction:
        row = require(transaction, model_id)
        if verdict == "approved":
            separation_of_duties.check_approver(context, transaction, row, who)
        seq, at = events.append(
            transaction,
            now=context.now(),
            kind=_REVIEWED[verdict],
            actor=who,
            reason=words,
            model_name=row["model_name"],
            model_id=model_id,
            after={
                "verdict": verdict,
                **(approvals.approved(context, transaction, row) if verdict == "approved" else {}),
            },
        )
        said: Any = verdict
        found = Review(seq, model_id, at, who, said, words)
        evidence.insert_review(transaction, found)
        if verdict != "comment":
            review_requests.answer_requests(context, transaction, model_id, verdict, who, at)
        if verdict == "approved":
            digest = record(context, row).model_sha256
            context.seals.seal(transaction, [seals.approval_of(row["model_name"], model_id, digest, who, at)])
        if verdict == "approved" and not row["vouched"]:
            models.update(transaction, model_id, vouched=1, eligible=eligible(row, vouched=1))
    return found


def reviews(context: Context, model_id: str) -> list[Review]:
    """See ``Registry.reviews``."""
    row = require(context.database, model_id)
    policy = context.configuration().policy(row["model_name"]).gate_policy
    return approvals.reviews(context.database, model_id, policy)
