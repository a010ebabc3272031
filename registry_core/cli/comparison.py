"""The command that compares models."""

from __future__ import annotations

import dataclasses
import json

import click

from registry_core import Comparison

from .console import Session, main, shared
from .evidence import differences_document, differences_lines
from .output import number, table, visible


@main.command()
@click.argument("model_ids", nargs=-1, required=True, metavar="MODEL_ID MODEL_ID [...]")
@click.option("--measured", is_flag=True, help="Compare the second model with the first on the same benchmark rows.")
@click.option(
    "--benchmark", metavar="NAME", help="With --measured: benchmark. Default: the active benchmark, else the newest."
)
@shared
def compare(session: Session, model_ids: tuple[str, ...], measured: bool, benchmark: str | None) -> None:
    """Compare two or more models: metrics, features and hyperparameters."""
    if measured:
        if len(model_ids) != 2:
            raise click.UsageError("--measured compares two models. Give the baseline first")
        _compare_measured(session, *model_ids, benchmark)
        return
    if benchmark is not None:
        raise click.UsageError("--benchmark requires --measured")
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


def _compare_measured(session: Session, first: str, second: str, benchmark: str | None) -> None:
    with session.open() as registry:
        paired = registry.compare_measured(first, second, benchmark)
    document = {
        "benchmark": paired.benchmark,
        "models": [first, second],
        "verdict": paired.sentence,
        "differences": differences_document(paired.differences),
        "slices": {name: differences_document(differences) for name, differences in paired.slices.items()},
        "changed_rows": len(paired.disagreements.changed),
        "only_first_right": paired.disagreements.only_first_right,
        "only_second_right": paired.disagreements.only_second_right,
    }
    lines = [f"A  {visible(first)}", f"B  {visible(second)}", "", f"B is {visible(paired.sentence)}.", ""]
    session.answer(document, [*lines, *differences_lines(paired.differences, paired.slices)])


def _comparison(comparison: Comparison) -> list[str]:
    letters = [chr(ord("A") + index) for index in range(len(comparison.models))]
    lines = [f"{letter}  {visible(each.model_id)}" for letter, each in zip(letters, comparison.models, strict=True)]
    if comparison.note:
        lines += ["", visible(comparison.note)]
    scores = [each.composite_score for each in comparison.models]
    rows = [["composite_score", *map(number, scores)]]
    for metric in comparison.metrics:
        name = metric.metric + (" (lower is better)" if metric.lower_is_better else "")
        marks = ["*" if index == metric.best else " " for index in range(len(letters))]
        rows.append([name, *(number(value) + mark for value, mark in zip(metric.values, marks, strict=True))])
    for name in dict.fromkeys(name for each in comparison.models for name in each.measured):
        rows.append([f"measured {name}", *(f"{number(each.measured.get(name))} " for each in comparison.models)])
    lines += ["", *table(["metric", *letters], rows, right=letters), "* best"]
    if len({each.measured_on for each in comparison.models if each.measured_on}) == 1 and len(letters) == 2:
        lines += ["--measured compares them on the same rows, with confidence intervals"]
    if comparison.differences:
        lines += ["", "Differences:"]
        for name, values in comparison.differences.items():
            shown = (value if isinstance(value, str) else json.dumps(value, default=str) for value in values)
            lines += [f"  {visible(name)}"]
            lines += [f"    {letter}  {visible(value)}" for letter, value in zip(letters, shown, strict=True)]
    return lines
