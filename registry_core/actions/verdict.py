"""Collecting what the verdict on a version stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from ..catalog import deployments, models
from ..catalog.database import Queries
from ..errors import ArtifactError
from ..evidence import Difference, Evaluation, PromotionVerdict
from ..records import ModelMetadata, Row
from ..rules import verdict
from . import answer_checks, benchmarks, gates
from .context import Context
from .model_records import record, require


def of_version(context: Context, model_id: str) -> PromotionVerdict:
    """See ``Registry.verdict``."""
    row = require(context.database, model_id)
    gates.ask(context, row)
    return judge(context, context.database, row)


def of_many(context: Context, model_ids: Sequence[str]) -> dict[str, PromotionVerdict]:
    """See ``Registry.verdicts``."""
    with context.database.snapshot() as queries:
        rows = models.find_many(queries, model_ids)
        for model_id in model_ids:
            if model_id not in rows:
                require(queries, model_id)
        return {model_id: judge(context, queries, rows[model_id]) for model_id in model_ids}


def judge(context: Context, queries: Queries, row: Row) -> PromotionVerdict:
    """The verdict by what is known now: nothing is loaded or evaluated for it."""
    model = record(context, row)
    policy = context.configuration(queries).policy(model.model_name)
    champion = _champion(context, queries, model)
    benchmark = benchmarks.counting(queries, model.model_name, policy)
    own = _evaluated(gates.latest(queries, model.model_id, benchmark))
    theirs = None if champion is None else _evaluated(gates.latest(queries, champion.model_id, benchmark))
    differences: Mapping[str, Difference] = {}
    slices: Mapping[str, Mapping[str, Difference]] = {}
    if own is not None and theirs is not None and benchmark is not None:
        # Answers that are gone or altered compare with nothing: then it is not evaluated.
        with suppress(ArtifactError):
            pair = gates.Pair(context, theirs, own)
            differences = pair.differences()
            slices = pair.slices(benchmark)
    unchecked = row["status"] != "purged" and answer_checks.known_check(queries, row, model) is None
    answers = None if unchecked else gates.answers_of(queries, row, model)
    report = gates.of_candidate(context, queries, model, answers)
    return verdict.judge(
        verdict.Evidence(
            model, champion, report, policy.gate_policy, benchmark, own, theirs is not None, differences, slices,
            unchecked,
        )
    )  # fmt: skip


def _champion(context: Context, queries: Queries, model: ModelMetadata) -> ModelMetadata | None:
    current = deployments.current(queries, model.model_name)
    if current is None or current.model_id == model.model_id:
        return None
    return record(context, require(queries, current.model_id))


def _evaluated(evaluation: Evaluation | None) -> Evaluation | None:
    return evaluation if evaluation is not None and evaluation.status == "measured" else None
