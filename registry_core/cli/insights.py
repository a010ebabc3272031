"""The commands that explain an evaluated version: losing slices, fairness, outcome values, feature impact."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from registry_core import (
    Fairness,
    ImpactComparison,
    LosingSlices,
    Measured,
    OutcomeValue,
    Rate,
    Registry,
    ValueCurve,
)

from .arguments import as_number, assignments
from .console import Session, main, shared, shown
from .evaluation import benchmark as benchmark_group
from .evidence import interval
from .options import model_name_option, options_of
from .output import number, table, visible

_BENCHMARK = "Benchmark. Default: the active benchmark."
#: Features that the text output lists; --json has all.
_MOST = 20


@main.command("losing-slices")
@click.argument("model_id")
@options_of(Registry.losing_slices, benchmark=_BENCHMARK)
@shared
def losing_slices(session: Session, model_id: str, benchmark: str | None) -> None:
    """Find the slices in which MODEL_ID loses against the champion.

    All columns of the benchmark are searched on one half of its rows; the other half confirms what is found. The stored
    predictions are used.
    """
    with session.open() as registry:
        found = registry.losing_slices(model_id, benchmark)
    session.answer(dataclasses.asdict(found), _losing_lines(found))


def _losing_lines(found: LosingSlices) -> list[str]:
    lines = [visible(f"{found.sentence[:1].upper()}{found.sentence[1:]}.")]
    if found.slices:
        rows = [
            [each.condition, f"{each.difference.rows:,}", f"{each.difference.value:+.4f}", interval(each.difference)]
            for each in found.slices
        ]
        lines += ["", *table(["worse where", "rows", found.metric, "95% CI"], rows, right=["rows", found.metric])]
    return lines


@main.command()
@click.argument("model_id")
@options_of(Registry.fairness, benchmark=_BENCHMARK)
@shared
def fairness(session: Session, model_id: str, benchmark: str | None) -> None:
    """Compare the groups of protected columns: selection rate, error rates and accuracy of MODEL_ID.

    The stored predictions are used. `benchmark protect` marks columns as protected.
    """
    with session.open() as registry:
        found = registry.fairness(model_id, benchmark)
    if not found:
        lines = ["No group to compare: the benchmark has no protected column, or is a regression."]
    else:
        lines = [line for each in found.values() for line in (*_fairness_lines(each), "")][:-1]
    session.answer({column: dataclasses.asdict(each) for column, each in found.items()}, lines)


def _fairness_lines(found: Fairness) -> list[str]:
    rates = list(found.groups[0].rates)
    rows = [
        [group.name, f"{group.rows:,}", *(_rate(group.rates[rate], found.least) for rate in rates)]
        for group in found.groups
    ]
    gaps = [
        [rate, f"{gap.difference.value:.4f}", interval(gap.difference), _ratio(gap.ratio), gap.highest, gap.lowest]
        for rate, gap in found.gaps.items()
    ]
    lines = [
        visible(f"{found.column}: {found.sentence}."),
        "",
        *table([found.column, "rows", *rates], rows, right=["rows"]),
    ]
    if gaps:
        lines += ["", *table(["rate", "gap", "95% CI", "ratio", "highest", "lowest"], gaps, right=["gap"])]
    return lines


def _rate(rate: Rate, least: int) -> str:
    small = f" ({rate.rows} rows)" if rate.rows < least else ""
    return f"{number(rate.value)}{small}"


def _ratio(ratio: Measured | None) -> str:
    return "-" if ratio is None else f"{ratio.value:.4f}"


@benchmark_group.command("protect")
@click.argument("benchmark")
@model_name_option("Model name of the benchmark.", required=True)
@click.option(
    "--column", "columns", multiple=True, metavar="COLUMN", help="Protected column; repeatable. None: no column."
)
@options_of(Registry.set_protected_columns)
@shared
def benchmark_protect(
    session: Session, benchmark: str, model_name: str, columns: tuple[str, ...], reason: str, actor: str | None
) -> None:
    """Set the protected columns of BENCHMARK, by whose values `fairness` compares groups."""
    with session.open() as registry:
        changed = registry.set_protected_columns(benchmark, model_name, columns, actor=actor, reason=reason)
    named = ", ".join(map(visible, changed.protected)) or "none"
    session.answer(dataclasses.asdict(changed), [f"Protected columns of {visible(benchmark)}: {named}"])


@main.command("outcome-value")
@click.argument("model_id")
@click.option(
    "--value",
    "values",
    multiple=True,
    metavar="OUTCOME=VALUE",
    help="Value of one hit, miss, false_alarm or correct_rejection; repeatable. Default: the setting outcome_values.",
)
@options_of(Registry.outcome_value, benchmark=_BENCHMARK)
@shared
def outcome_value(session: Session, model_id: str, values: tuple[str, ...], benchmark: str | None) -> None:
    """Show the outcome value of MODEL_ID per 1,000 rows by threshold, beside the champion.

    The stored predictions are used. `config set outcome_values=...` keeps the values with the model name.
    """
    given = assignments(values, as_number) or None
    with session.open() as registry:
        found = registry.outcome_value(model_id, benchmark, values=given)
    session.answer(dataclasses.asdict(found), _value_lines(found))


def _value_lines(found: OutcomeValue) -> list[str]:
    worth = ", ".join(f"{name} {amount:g}" for name, amount in found.values.items())
    rows = [_value_row("version", found.curve)]
    if found.champion is not None:
        rows.append(_value_row("champion", found.champion))
    headings = ["", "best threshold", "value per 1,000 rows", "95% CI", "as it predicts"]
    return [
        visible(f"{found.sentence[:1].upper()}{found.sentence[1:]}."),
        f"Positive class {visible(found.positive)}; {worth}; {found.rows:,} rows of {visible(found.benchmark)}.",
        "",
        *table(headings, rows, right=headings[1:3]),
    ]


def _value_row(name: str, curve: ValueCurve) -> list[Any]:
    return [
        name, f"{curve.best_threshold:.4g}", f"{curve.best.value:,.1f}", interval(curve.best),
        f"{curve.predicted.value:,.1f}",
    ]  # fmt: skip


@main.command("feature-impact")
@click.argument("model_id")
@click.option("--compute", is_flag=True, help="Compute it in the sandbox, for the champion too, and store it.")
@options_of(
    Registry.measure_feature_impact,
    types={"repeats": click.IntRange(1, 100), "seed": click.IntRange(0, (1 << 32) - 1)},
    benchmark=_BENCHMARK,
    repeats="With --compute: permutations of each feature.",
    seed="With --compute: seed of the permutations.",
)
@shared
def feature_impact(
    session: Session,
    model_id: str,
    compute: bool,
    benchmark: str | None,
    repeats: int | None,
    seed: int | None,
    reason: str,
    actor: str | None,
) -> None:
    """Show the permutation importance of every feature of MODEL_ID, beside the champion's."""
    how = {name: value for name, value in (("repeats", repeats), ("seed", seed)) if value is not None}
    with session.open() as registry, shown(session) as progress:
        if compute:
            found: ImpactComparison | None = registry.measure_feature_impact(
                model_id, benchmark, progress=progress, actor=actor, reason=reason, **how
            )
        else:
            found = registry.feature_impact(model_id, benchmark)
    document = {"feature_impact": None if found is None else dataclasses.asdict(found)}
    session.answer(document, ["Not computed. Add --compute."] if found is None else _impact_lines(found))


def _impact_lines(found: ImpactComparison) -> list[str]:
    impact, champion = found.impact, found.champion
    rows = [
        [name, number(each.value), interval(each), number(champion.impacts[name].value)]
        if champion is not None and name in champion.impacts
        else [name, number(each.value), interval(each), "-"]
        for name, each in list(impact.impacts.items())[:_MOST]
    ]
    more = len(impact.impacts) - len(rows)
    return [
        visible(f"{found.sentence[:1].upper()}{found.sentence[1:]}."),
        f"Loss of {impact.metric} (baseline {number(impact.baseline)}) on {impact.rows:,} of {impact.of_rows:,} rows, "
        f"{impact.repeats} permutations.",
        "",
        *table(["feature", "impact", "95% CI", "champion"], rows, right=["impact", "champion"]),
        *([f"and {more:,} more, see --json"] if more > 0 else []),
    ]
