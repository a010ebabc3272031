"""From a new version to a champion: the steps of registration, each with what came of it."""

from __future__ import annotations

from ..catalog import access, deployments, events, experiments, models
from ..catalog.database import Queries
from ..errors import RegistryError
from ..events import EventKind
from ..evidence import Evaluation
from ..policies import Policy
from ..records import Decision, ModelMetadata
from ..rules import selection
from ..signature import AnswersCheck
from . import benchmarks, foreign, gates, verdict
from .answer_checks import require_answers
from .context import AUTO, Context
from .deploy import deploy
from .model_records import record, require


def decide_at_once(
    context: Context, policy: Policy, queries: Queries, metadata: ModelMetadata, answers: AnswersCheck | None = None
) -> Decision:
    """The decision while a model is registered: where the registry measures for itself, it waits for that."""
    waits = benchmarks.counting(queries, metadata.model_name, policy) if policy.auto_evaluate else None
    if waits is not None and metadata.artifact == "trusted":
        return Decision(False, f"the version awaits its evaluation on {waits.name}", waits.name)
    return decide(context, queries, metadata, answers)


def decide(context: Context, queries: Queries, metadata: ModelMetadata, answers: AnswersCheck | None) -> Decision:
    """Whether a new model takes the champion's place: it may be chosen, beats it, and passes every gate.

    ``answers`` is what came of asking the loaded model; None where that is not done yet, as in a preview.
    """
    policy = context.configuration(queries).policy(metadata.model_name)
    unfit = selection.why_not_eligible(metadata.status, metadata.artifact)
    if unfit is not None:
        return Decision(False, unfit)
    if metadata.origin == "upload" and policy.rank_by == "reported":
        return Decision(
            False, "its metrics are self-reported, since the file was uploaded: a person has to promote the version"
        )
    if policy.rank_by == "reported" and access.has_people(queries):
        return Decision(
            False,
            "its metrics are self-reported, and people sign in to this registry: a person has to promote the version, "
            "or an admin sets rank_by to evaluated metrics",
        )
    current = deployments.current(queries, metadata.model_name)
    champion = (models.find(queries, current.model_id) if current else None) or {}
    decision = selection.challenge(
        metadata.composite_score,
        metadata.score_note,
        metadata.ranked_on or None,
        models.display_name(queries, current.model_id) if current else None,
        champion.get("score"),
        champion.get("ranked_on") or None,
        policy.selection_margin,
    )
    if decision.promote and not policy.auto_select_best:
        return Decision(False, f"{decision.because}; auto_select_best is off, so a person has to promote the version")
    undecided = foreign.why_undecided(context, queries, metadata.model_name) if decision.promote else None
    if undecided is not None:
        return Decision(False, f"{decision.because}, but {undecided}")
    running = experiments.current(queries, metadata.model_name) if decision.promote else []
    if running:
        # A new champion would end the experiment, and with it what its traffic was spent on.
        number = running[-1].experiment_id
        return Decision(
            False,
            f"{decision.because}, but experiment {number} is running: promote the version, or start an experiment "
            "with it afterwards",
        )
    if decision.promote:
        failures = gates.of_candidate(context, queries, metadata, answers).failures
        if failures:
            failed = "; ".join(f"{gate.label}: {gate.because}" for gate in failures)
            return Decision(False, f"{decision.because}, but gates failed: {failed}")
    return decision


def steps(metadata: ModelMetadata, evaluation: Evaluation | None, decision: Decision) -> list[dict[str, str]]:
    """The five steps of the registration process in their order, each with its outcome in words."""
    reported = metadata.all_metrics()
    if evaluation is None:
        measured = "the model name has no benchmark: the reported metrics count"
    elif evaluation.status == "failed":
        measured = f"the evaluation on {evaluation.benchmark} failed: {evaluation.because}"
    else:
        values = ", ".join(f"{name} {each.value:.4f}" for name, each in list(evaluation.metrics.items())[:3])
        measured = f"evaluated on {evaluation.rows:,} rows of {evaluation.benchmark}: {values}"
    outcomes = {
        "model training": f"{len(reported)} metrics reported" if reported else "no metrics reported",
        "performance validation": measured,
        "registration": f"version {metadata.version}, its file is {metadata.artifact}",
        "automatic evaluation": decision.because,
        "promotion": "the version is champion now" if decision.promote else "the champion stays",
    }
    return [{"step": step, "outcome": outcome} for step, outcome in outcomes.items()]


def measure_and_choose(context: Context, model_id: str, name: str, actor: str) -> None:
    """Measure a newly registered model on a benchmark, and put it into production if it earned that."""
    from . import evaluate

    row = require(context.database, model_id)
    benchmark = benchmarks.chosen(context.database, row["model_name"], name)
    assert benchmark is not None
    evaluation = None
    revision = -1
    try:
        evaluation = evaluate.measured(context, row, benchmark, actor, "registered")
        gates.ask(context, row)
        revision = events.newest(context.database)
        decision = _decide_again(context, context.database, model_id)
        if decision.promote:
            require_answers(context, row)
    except RegistryError as error:
        # The model is kept by now: whoever registered it gets its id, and the record says what went wrong.
        decision = Decision(False, f"the version could not be evaluated on {name}: {error}")
    with context.database.transaction() as transaction:
        metadata = record(context, require(transaction, model_id))
        if decision.promote and events.newest(transaction) != revision:
            decision = _decide_again(context, transaction, model_id)
        events.append(
            transaction,
            now=context.now(),
            kind=EventKind.CONSIDERED,
            actor=AUTO,
            reason=decision.because,
            model_name=metadata.model_name,
            model_id=model_id,
            after={"promoted": decision.promote, "steps": steps(metadata, evaluation, decision)},
        )
        if decision.promote:
            now, because = context.now(), decision.because
            seen = verdict.judge(context, transaction, require(transaction, model_id))
            deploy(
                context,
                transaction,
                now,
                EventKind.PROMOTED,
                metadata.model_name,
                model_id,
                AUTO,
                because,
                verdict=seen,
            )
            if not row["vouched"]:
                models.update(transaction, model_id, vouched=1)


def _decide_again(context: Context, queries: Queries, model_id: str) -> Decision:
    row = require(queries, model_id)
    known = record(context, row)
    return decide(context, queries, known, gates.answers_of(queries, row, known))
