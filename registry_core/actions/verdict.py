"""Collecting what the verdict on a version stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from ..catalog.database import Queries
from ..errors import ArtifactError
from ..evidence import Difference
from ..gates import PromotionVerdict
from ..records import Row
from ..rules import verdict
from . import answer_checks, gates, pairs
from .context import Context
from .model_records import record, require, require_many


def of_version(context: Context, model_id: str) -> PromotionVerdict:
    """See ``Registry.verdict``."""
    row = require(context.database, model_id)
    gates.ask(context, row)
    return judge(context, context.database, row)


def of_many(context: Context, model_ids: Sequence[str]) -> dict[str, PromotionVerdict]:
    """See ``Registry.verdicts``."""
    with context.database.snapshot() as queries:
        rows = require_many(queries, model_ids)
        names = {row["model_name"] for row in rows.values()}
        standings = {name: gates.standing(context, queries, name) for name in names}
        return {
            model_id: judge(context, queries, rows[model_id], standings[rows[model_id]["model_name"]])
            for model_id in model_ids
        }


def judge(context: Context, queries: Queries, row: Row, standing: gates.Standing | None = None) -> PromotionVerdict:
    """The verdict by what is known now: nothing is loaded or evaluated for it."""
    model = record(context, row)
    against = standing or gates.standing(context, queries, model.model_name)
    answers = answer_checks.known_check(queries, row, model)
    found = gates.candidate(context, queries, model, answers, against, compared=True)
    report = gates.check_candidate(queries, found, against)
    theirs = against.champion_evaluation
    slices: Mapping[str, Mapping[str, Difference]] = {}
    if found.differences and found.evaluation is not None and theirs is not None and against.benchmark is not None:
        with suppress(ArtifactError):
            slices = pairs.Pair(context, theirs, found.evaluation).slices(against.benchmark)
    return verdict.judge(
        verdict.Evidence(
            model, found.champion, report, against.policy.gate_policy, against.benchmark, found.measured,
            theirs is not None, found.differences or {}, slices,
            unchecked=answers is None and row["status"] != "purged",
        )
    )  # fmt: skip
