"""The commands that show models, deployments and events."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from registry_core import (
    Evaluation,
    ModelMetadata,
    NoModelAvailable,
    Registry,
    RegistryError,
    Score,
)

from .console import STORAGE, Session, check_name, main, shared
from .evidence import (
    gates_document,
    gates_summary,
    reported_and_measured,
)
from .options import options_of
from .output import number, pairs, table, visible, when

_METRICS = ("accuracy", "auc", "f1_score")
_ORIGINS = {"pipeline": "from Python", "upload": "uploaded file"}


@main.command("list")
@options_of(Registry.get_model_comparison)
@click.option(
    "--order-by",
    default="composite_score",
    show_default=True,
    metavar="FIELD",
    help="composite_score, registered_at, training_timestamp, model_id, version, a metric (auc), or measured:auc.",
)
@click.option("--ascending", is_flag=True, help="Ascending order.")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(min=0), help="Maximum number of rows; 0 means all."
)
@click.option("--offset", default=0, type=click.IntRange(min=0), help="Number of rows to skip.")
@click.option(
    "--status",
    type=click.Choice(["registered", "rejected", "archived", "disqualified", "trashed", "purged", "quarantined"]),
    help="Only models with this status.",
)
@click.option("--search", help="Text in the id, type, description or tags.")
@click.option("--gates", is_flag=True, help="Add the promotion gates of each model (slower).")
@shared
def list_models(
    session: Session,
    model_name: str | None,
    order_by: str,
    ascending: bool,
    limit: int,
    offset: int,
    status: str | None,
    search: str | None,
    gates: bool,
) -> None:
    """List models by composite score, with reported and measured metrics."""
    where: dict[str, Any] = {}
    if status is not None:
        where["artifact" if status == "quarantined" else "status"] = status
    if search:
        where["search"] = search
    with session.open() as registry:
        rows = registry.get_model_comparison(
            limit or None, model_name, order_by=order_by, descending=not ascending, offset=offset, where=where
        )
        total = registry.count_models(model_name, where=where)
        if gates:
            rows = [{**row, "gates": _gates(registry, row["model_id"])} for row in rows]
    session.answer({"models": rows, "total": total}, _leaderboard(rows, total, order_by))


def _leaderboard(rows: list[dict[str, Any]], total: int, order_by: str) -> list[str]:
    if not rows:
        return ["No models." if not total else f"No models at this offset, {total} in total."]
    metrics = _shown(rows, "metrics", order_by)
    measured = _shown(rows, "measured", order_by.removeprefix("measured:"))
    ours = [f"measured {name}" for name in measured]
    lines = table(
        [
            *("model_id", "version", "score", *metrics, *ours, "state", "evaluation set"),
            *(["measured on"] if measured else []),
            *(["gates"] if "gates" in rows[0] else []),
            "registered (UTC)",
        ],
        [
            [
                row["model_id"],
                row["version"],
                number(row["composite_score"]),
                *(number(row["metrics"].get(name)) for name in metrics),
                *(number(row["measured"].get(name)) for name in measured),
                _state(row),
                row["evaluation_set"] or "-",
                *([row["measured_on"] or "-"] if measured else []),
                *([row["gates"]["summary"]] if "gates" in row else []),
                when(row["registered_at"]),
            ]
            for row in rows
        ],
        right=["version", "score", *metrics, *ours],
    )
    return (
        lines
        if len(rows) == total
        else [*lines, "", f"{len(rows)} of {total} models. --limit and --offset show others."]
    )


def _shown(rows: list[dict[str, Any]], kind: str, order_by: str) -> list[str]:
    """The metrics with a column of their own: the usual ones, and the one the rows are ordered by."""
    known = {name for row in rows for name in row[kind]}
    names = [name for name in _METRICS if name in known] or sorted(known - {"data_quality_score"})[:3]
    return [*names, order_by] if order_by in known and order_by not in names else names


def _state(row: dict[str, Any]) -> str:
    if row["is_active"]:
        return "champion, overridden" if row["override_note"] else "champion"
    if row["artifact"] == "quarantined":
        return "quarantined"
    if row["status"] != "registered":
        return str(row["status"])
    if not row["eligible"]:
        return "not approved"
    if row["is_best"]:
        return "best"
    return "" if row["comparable"] else "not comparable"


@main.command()
@click.argument("model_id")
@shared
def show(session: Session, model_id: str) -> None:
    """Show one model: reported and measured metrics, promotion gates, and the score breakdown."""
    with session.open() as registry:
        metadata = registry.get_metadata(model_id)
        score = registry.explain_score(model_id)
        evaluations = registry.evaluations(model_id)
        gates, waits = _gates(registry, model_id), waits_for_approval(registry, metadata)
    document = {
        **metadata.to_dict(),
        "score": dataclasses.asdict(score),
        "evaluation": dataclasses.asdict(evaluations[0]) if evaluations else None,
        "gates": gates,
        "waits_for_approval": waits,
    }
    lines = [*_description(metadata, evaluations, gates["summary"], waits), "", *_metrics(metadata, evaluations)]
    session.answer(document, [*lines, "", *_score(metadata, score)])


def waits_for_approval(registry: Registry, metadata: ModelMetadata) -> bool:
    """Whether its metrics are self-reported and unverified: it is not chosen automatically."""
    if metadata.status != "registered" or metadata.artifact != "trusted":
        return False
    where = {"search": metadata.model_id, "eligible": False}
    return any(
        version.model_id == metadata.model_id for version in registry.list_models(metadata.model_name, where=where)
    )


def _gates(registry: Registry, model_id: str) -> dict[str, Any]:
    """The gates with a summary; gates that cannot be checked must not hide the rest of a model."""
    try:
        report = registry.check_gates(model_id)
    except RegistryError as error:
        return {"summary": f"not checked: {error}"}
    return {**gates_document(report), "summary": gates_summary(report)}


def _metrics(metadata: ModelMetadata, evaluations: list[Evaluation]) -> list[str]:
    on = metadata.measured_on
    evaluation = next(
        (evaluation for evaluation in evaluations if evaluation.status == "measured" and evaluation.benchmark == on),
        None,
    )
    return reported_and_measured(metadata, evaluation.metrics if evaluation else {})


def _description(metadata: ModelMetadata, evaluations: list[Evaluation], gates: str, waits: bool) -> list[str]:
    state: str = "champion" if metadata.is_active else "best, not champion" if metadata.is_best else metadata.status
    if waits and not metadata.is_active:
        state = "not approved: `model-registry review` approves it, `model-registry promote` promotes it"
    info = {**metadata.training_info, **metadata.extra}
    rows: list[tuple[str, Any]] = [
        ("model_id", metadata.model_id),
        ("version", metadata.version),
        ("state", state + (f": {metadata.status_reason}" if metadata.status_reason else "")),
        *([("overridden", metadata.override_note)] if metadata.override_note else []),
        ("gates", gates),
        ("file", f"{metadata.artifact}, {metadata.model_bytes} bytes, sha256 {metadata.model_sha256}"),
        ("inspection", _inspection(metadata)),
        ("trained", f"{when(metadata.training_timestamp)} UTC on {_known(metadata.training_samples)} rows"),
        ("registered", f"{when(metadata.registered_at)} UTC by {metadata.registered_by}, {_ORIGINS[metadata.origin]}"),
        ("evaluation set", _known(metadata.evaluation_set)),
        ("measured on", _known(metadata.measured_on)),
        *([("last evaluation", _tried(evaluations[0]))] if evaluations else []),
        ("features", f"{len(metadata.feature_names)}: {', '.join(metadata.feature_names)}"),
        ("hyperparameters", json.dumps(metadata.hyperparameters, ensure_ascii=False)),
        *((name, value if isinstance(value, str) else json.dumps(value)) for name, value in info.items()),
        ("tags", ", ".join(metadata.tags) or "-"),
        ("description", metadata.description or "-"),
    ]
    return pairs((visible(name), value) for name, value in rows)


def _inspection(metadata: ModelMetadata) -> str:
    """The result of the static scan at registration; imports may have been trusted since then."""
    inspection = metadata.inspection
    if not inspection:
        return "-"
    unknown = ", ".join(inspection.get("unknown", ()))
    if unknown and metadata.artifact == "trusted":
        return f"trusted since registration: {unknown}"
    return f"{inspection['because']}{f': {unknown} (see trust)' if unknown else ''}"


def _tried(evaluation: Evaluation) -> str:
    return f"{when(evaluation.at)} UTC on {evaluation.benchmark}, {evaluation.status}: {evaluation.because}"


def _known(value: Any) -> Any:
    return "-" if value is None else value


def _score(metadata: ModelMetadata, score: Score) -> list[str]:
    if score.value is None:
        return [f"composite score: {visible(score.note)}"]
    rows = [[term.metric, number(term.weight), number(term.value), number(term.contribution)] for term in score]
    if metadata.is_ensemble:
        rows.append(["ensemble bonus", "", "", number(score.ensemble_bonus)])
    rows.append(["composite score", "", "", number(score.value)])
    rule = [visible(score.rule)] if score.rule else []
    return [
        *table(["score", "weight", "value", "contribution"], rows, right=["weight", "value", "contribution"]),
        *rule,
    ]


@main.command()
@click.argument("model_name")
@click.option("--at", metavar="TIME", help="Time in the past: 2026-03-01T12:00 (local time), or ...T12:00Z (UTC).")
@shared
def champion(session: Session, model_name: str, at: str | None) -> None:
    """Print the id of the champion, now or at a given time."""
    with session.open() as registry:
        check_name(registry, model_name)
        model_id = registry.get_active_model_id(model_name) if at is None else registry.champion_at(model_name, at)
    if model_id is None:
        raise NoModelAvailable(
            f"{model_name} has no champion. Promote a model"
            if at is None
            else f"{model_name} had no champion at {at:.40}. `model-registry deployments` shows when it had one"
        )
    session.answer({"model_name": model_name, "model_id": model_id, "at": at}, [visible(model_id)])


@main.command()
@click.argument("model_name")
@shared
def deployments(session: Session, model_name: str) -> None:
    """List the deployments of a model name, newest first."""
    with session.open() as registry:
        check_name(registry, model_name)
        intervals = registry.deployments(model_name)
    rows = [
        [
            when(deployment.started_at),
            when(deployment.ended_at),
            deployment.model_id,
            deployment.actor,
            deployment.reason,
        ]
        for deployment in intervals
    ]
    session.answer(
        {"deployments": [dataclasses.asdict(deployment) for deployment in intervals]},
        table(["from (UTC)", "to (UTC)", "model_id", "actor", "reason"], rows) if rows else ["No deployments."],
    )


@main.command()
@click.option("--kind", "kinds", multiple=True, help="Only this kind, such as promoted; repeatable.")
@click.option("--since", metavar="TIME", help="Start time: 2026-03-01T12:00 (local time), or ...T12:00Z (UTC).")
@options_of(Registry.events, model_id="Only this model.", actor="Only events by this actor.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(min=0), help="Maximum number of rows; 0 means all."
)
@shared
def events(
    session: Session,
    model_name: str | None,
    model_id: str | None,
    actor: str | None,
    kinds: tuple[str, ...],
    since: str | None,
    limit: int,
) -> None:
    """List events, newest first."""
    with session.open() as registry:
        log = registry.events(
            model_name, since, limit or None, model_id=model_id, kinds=list(kinds) or None, actor=actor
        )
    rows = [
        [
            event.event_id,
            when(event.at),
            event.kind,
            event.actor,
            event.model_id or event.model_name or "-",
            event.reason,
        ]
        for event in log
    ]
    session.answer(
        {"events": [dataclasses.asdict(event) for event in log]},
        table(["id", "time (UTC)", "event", "actor", "model", "reason"], rows, right=["id"])
        if rows
        else ["No events."],
    )


@main.command("verify-events")
@shared
def verify_events(session: Session) -> None:
    """Verify the audit log: recompute the hash chain of all events, which shows altered and missing ones."""
    with session.open() as registry:
        broken, total = registry.verify_events(), registry.count_events()
    text = f"audit log intact: {total} events" if broken is None else f"audit log altered at event {broken}"
    session.answer({"intact": broken is None, "events": total, "first_broken": broken}, [text])
    if broken is not None:
        click.get_current_context().exit(STORAGE)
