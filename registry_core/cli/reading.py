"""The verbs that change nothing."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from registry_core import Comparison, ModelMetadata, NoModelAvailable, Score

from .console import STORAGE, Session, check_name, main, shared
from .output import number, pairs, table, visible, when

_METRICS = ("accuracy", "auc", "f1_score")


@main.command("list")
@click.option("--name", help="Only this model name.")
@click.option(
    "--order-by",
    default="composite_score",
    show_default=True,
    metavar="WHAT",
    help="composite_score, registered_at, training_timestamp, model_id, version, or any metric.",
)
@click.option("--ascending", is_flag=True, help="Smallest first.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=0), help="How many; 0 means all.")
@click.option("--offset", default=0, type=click.IntRange(min=0), help="How many to leave out first.")
@click.option(
    "--status",
    type=click.Choice(["registered", "rejected", "archived", "disqualified", "quarantined"]),
    help="Only these.",
)
@click.option("--search", help="Text in the id, type, description or tags.")
@shared
def list_models(
    session: Session,
    name: str | None,
    order_by: str,
    ascending: bool,
    limit: int,
    offset: int,
    status: str | None,
    search: str | None,
) -> None:
    """List models, the best first."""
    where: dict[str, Any] = {}
    if status is not None:
        where["artifact" if status == "quarantined" else "status"] = status
    if search:
        where["search"] = search
    with session.open() as registry:
        rows = registry.get_model_comparison(
            limit or None, name, order_by=order_by, descending=not ascending, offset=offset, where=where
        )
        total = registry.count_models(name, where=where)
    session.answer({"models": rows, "total": total}, _leaderboard(rows, total, order_by))


def _leaderboard(rows: list[dict[str, Any]], total: int, order_by: str) -> list[str]:
    if not rows:
        return ["no models" if not total else f"no models here; {total} before this page"]
    metrics = [name for name in _METRICS if any(row[name] is not None for row in rows)]
    if not metrics:
        metrics = sorted({name for row in rows for name in row["metrics"]} - {"data_quality_score"})[:3]
    if order_by not in metrics and any(order_by in row["metrics"] for row in rows):
        metrics.append(order_by)
    lines = table(
        ["model_id", "version", "score", *metrics, "state", "measured on", "registered (UTC)"],
        [
            [
                row["model_id"],
                row["version"],
                number(row["composite_score"]),
                *(number(row["metrics"].get(name)) for name in metrics),
                _state(row),
                row["evaluation_set"] or "-",
                when(row["registered_at"]),
            ]
            for row in rows
        ],
        right=["version", "score", *metrics],
    )
    return lines if len(rows) == total else [*lines, "", f"{len(rows)} of {total}; see --limit and --offset"]


def _state(row: dict[str, Any]) -> str:
    if row["is_active"]:
        return "champion"
    if row["artifact"] == "quarantined":
        return "quarantined"
    if row["status"] != "registered":
        return str(row["status"])
    if row["is_best"]:
        return "best"
    return "" if row["comparable"] else "not comparable"


@main.command()
@click.argument("model_id")
@shared
def show(session: Session, model_id: str) -> None:
    """Show one model, with its score taken apart."""
    with session.open() as registry:
        metadata = registry.get_metadata(model_id)
        score = registry.explain_score(model_id)
    document = {**metadata.to_dict(), "score": dataclasses.asdict(score)}
    session.answer(document, [*_description(metadata), "", *_score(metadata, score)])


def _description(metadata: ModelMetadata) -> list[str]:
    state = "champion" if metadata.is_active else "best, not champion" if metadata.is_best else metadata.status
    info = {**metadata.training_info, **metadata.extra}
    rows: list[tuple[str, Any]] = [
        ("model_id", metadata.model_id),
        ("version", metadata.version),
        ("state", state + (f": {metadata.status_reason}" if metadata.status_reason else "")),
        ("file", f"{metadata.artifact}, {metadata.model_bytes} bytes, sha256 {metadata.model_sha256}"),
        ("trained", f"{when(metadata.training_timestamp)} UTC on {_known(metadata.training_samples)} rows"),
        ("registered", f"{when(metadata.registered_at)} UTC by {metadata.registered_by}"),
        ("measured on", _known(metadata.evaluation_set)),
        *((name, number(value)) for name, value in metadata.all_metrics().items()),
        ("inputs", f"{len(metadata.feature_names)}: {', '.join(metadata.feature_names)}"),
        ("hyperparameters", json.dumps(metadata.hyperparameters, ensure_ascii=False)),
        *((name, value if isinstance(value, str) else json.dumps(value)) for name, value in info.items()),
        ("tags", ", ".join(metadata.tags) or "-"),
        ("description", metadata.description or "-"),
    ]
    return pairs((visible(name), value) for name, value in rows)


def _known(value: Any) -> Any:
    return "-" if value is None else value


def _score(metadata: ModelMetadata, score: Score) -> list[str]:
    if score.value is None:
        return [f"composite score: {visible(score.note)}"]
    rows = [[term.metric, number(term.weight), number(term.value), number(term.contribution)] for term in score]
    if metadata.is_ensemble:
        rows.append(["ensemble bonus", "", "", number(score.ensemble_bonus)])
    rows.append(["composite score", "", "", number(score.value)])
    return table(["score", "weight", "value", "counts"], rows, right=["weight", "value", "counts"])


@main.command()
@click.argument("model_ids", nargs=-1, required=True, metavar="MODEL_ID MODEL_ID [...]")
@shared
def compare(session: Session, model_ids: tuple[str, ...]) -> None:
    """Compare two or more models: every metric, and what of their inputs and hyperparameters differs."""
    with session.open() as registry:
        comparison = registry.compare(model_ids)
    document = {
        "models": [each.to_dict() for each in comparison.models],
        "metrics": [dataclasses.asdict(each) for each in comparison.metrics],
        "differences": dict(comparison.differences),
        "comparable": comparison.comparable,
        "note": comparison.note,
    }
    session.answer(document, _comparison(comparison))


def _comparison(comparison: Comparison) -> list[str]:
    letters = [chr(ord("A") + index) for index in range(len(comparison.models))]
    lines = [f"{letter}  {visible(each.model_id)}" for letter, each in zip(letters, comparison.models, strict=True)]
    if comparison.note:
        lines += ["", visible(comparison.note)]
    scores = [each.composite_score for each in comparison.models]
    rows = [["composite_score", *map(number, scores)]]
    for metric in comparison.metrics:
        name = metric.metric + (" (less is better)" if metric.lower_is_better else "")
        marks = ["*" if index == metric.best else " " for index in range(len(letters))]
        rows.append([name, *(number(value) + mark for value, mark in zip(metric.values, marks, strict=True))])
    lines += ["", *table(["metric", *letters], rows, right=letters), "* best"]
    if comparison.differences:
        lines += ["", "different:"]
        for name, values in comparison.differences.items():
            shown = (value if isinstance(value, str) else json.dumps(value, default=str) for value in values)
            lines += [f"  {visible(name)}"]
            lines += [f"    {letter}  {visible(value)}" for letter, value in zip(letters, shown, strict=True)]
    return lines


@main.command()
@click.argument("name")
@click.option("--at", metavar="WHEN", help="Who was it then: 2026-03-01T12:00 (UTC unless it says otherwise).")
@shared
def champion(session: Session, name: str, at: str | None) -> None:
    """Print the id of the model in production, now or at a moment."""
    with session.open() as registry:
        check_name(registry, name)
        model_id = registry.get_active_model_id(name) if at is None else registry.champion_at(name, at)
    if model_id is None:
        raise NoModelAvailable(f"{name} has no champion; promote a model" if at is None else f"{name} had none then")
    session.answer({"model_name": name, "model_id": model_id, "at": at}, [visible(model_id)])


@main.command()
@click.argument("name")
@shared
def deployments(session: Session, name: str) -> None:
    """Show which model was in production from when to when, the newest first."""
    with session.open() as registry:
        check_name(registry, name)
        found = registry.deployments(name)
    rows = [[when(each.started_at), when(each.ended_at), each.model_id, each.actor, each.reason] for each in found]
    session.answer(
        {"deployments": [dataclasses.asdict(each) for each in found]},
        table(["from (UTC)", "to (UTC)", "model_id", "actor", "reason"], rows) if rows else ["never deployed"],
    )


@main.command()
@click.option("--name", help="Only this model name.")
@click.option("--model-id", help="Only this model.")
@click.option("--kind", "kinds", multiple=True, help="Only this kind, such as promoted; may be given several times.")
@click.option("--since", metavar="WHEN", help="Not before: 2026-03-01T12:00 (UTC unless it says otherwise).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=0), help="How many; 0 means all.")
@shared
def events(
    session: Session, name: str | None, model_id: str | None, kinds: tuple[str, ...], since: str | None, limit: int
) -> None:
    """Show what happened, the newest first."""
    with session.open() as registry:
        found = registry.events(name, since, limit or None, model_id=model_id, kinds=list(kinds) or None)
    rows = [
        [each.event_id, when(each.at), each.kind, each.actor, each.model_id or each.model_name or "-", each.reason]
        for each in found
    ]
    session.answer(
        {"events": [dataclasses.asdict(each) for each in found]},
        table(["id", "when (UTC)", "what", "actor", "model", "reason"], rows, right=["id"]) if rows else ["no events"],
    )


@main.command("verify-events")
@shared
def verify_events(session: Session) -> None:
    """Recompute the events' chain of hashes; an event changed or taken out afterwards does not fit any more."""
    with session.open() as registry:
        broken, total = registry.verify_events(), registry.count_events()
    text = f"{total} events, all fit" if broken is None else f"event {broken} does not fit: the record was altered"
    session.answer({"intact": broken is None, "events": total, "first_broken": broken}, [text])
    if broken is not None:
        click.get_current_context().exit(STORAGE)
