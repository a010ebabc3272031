"""Evaluations, gates and comparisons as text and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from registry_core import (
    Benchmark,
    Difference,
    Evaluation,
    Gate,
    GateReport,
    Inspection,
    Measured,
    ModelMetadata,
    TableReading,
)

from .output import number, pairs, table, visible, when

#: The count of a slice's rows stands among its metrics.
_ROWS = "rows"


def interval(measured: Measured | Difference | None) -> str:
    """The 95% confidence interval; a dash where there is none."""
    if measured is None or measured.low is None or measured.high is None:
        return "-"
    return f"{number(measured.low)} to {number(measured.high)}"


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """One evaluation: every metric with its interval, then the slices."""
    took = evaluation.row_microseconds
    lines = [
        f"{visible(evaluation.model_id)} on {visible(evaluation.benchmark)}: {visible(evaluation.because)}"
        + (f", {took:,.0f} µs per row" if took is not None else "")
    ]
    if evaluation.metrics:
        rows = [[name, number(metric.value), interval(metric)] for name, metric in evaluation.metrics.items()]
        lines += ["", *table(["metric", "measured", "95% CI"], rows, right=["measured"])]
    if evaluation.slices:
        main = next(iter(evaluation.metrics))
        rows = [
            [f"{column}={value}", f"{metrics[_ROWS].value:.0f}", number(metrics[main].value), interval(metrics[main])]
            for column, values in evaluation.slices.items()
            for value, metrics in values.items()
            if main in metrics and _ROWS in metrics
        ]
        lines += ["", *table(["slice", _ROWS, main, "95% CI"], rows, right=[_ROWS, main])]
    if evaluation.in_training is not None:
        warning = "Warning: " if evaluation.in_training.found else ""
        lines += ["", f"{warning}{evaluation.in_training.sentence}."]
    if evaluation.unenforced:
        lines += ["", "This machine cannot enforce every limit of the sandbox:"]
        lines += [f"  {visible(limit)}" for limit in evaluation.unenforced]
    return lines


def evaluations_table(evaluations: Iterable[Evaluation]) -> list[str]:
    """Several evaluations below each other, each with its first metric."""
    rows = []
    for evaluation in evaluations:
        main, value = next(iter(evaluation.metrics.items()), ("-", None))
        rows.append(
            [
                evaluation.model_id,
                evaluation.status,
                main,
                number(None if value is None else value.value),
                interval(value),
                evaluation.because,
            ]
        )
    return table(["model_id", "status", "metric", "measured", "95% CI", "details"], rows, right=["measured"])


def reported_and_measured(metadata: ModelMetadata, measured: Mapping[str, Measured]) -> list[str]:
    """Every metric, reported and measured."""
    reported = metadata.all_metrics()
    rows = [
        [
            name,
            number(reported.get(name)),
            number(measured[name].value if name in measured else None),
            interval(measured.get(name)),
        ]
        for name in dict.fromkeys([*reported, *measured])
    ]
    return table(["metric", "reported", "measured", "95% CI"], rows, right=["reported", "measured"])


def gate_lines(gates: Iterable[Gate]) -> list[str]:
    """Every gate with its result; the remedy below a failed one."""
    rows = []
    for gate in gates:
        rows.append(["passed" if gate.passed else "FAILED", gate.label, gate.because])
        if gate.remedy and not gate.passed:
            rows.append(["", "", f"-> {gate.remedy}"])
    return table(["result", "gate", "details"], rows)


def gates_summary(report: GateReport) -> str:
    """How many gates pass, and the names of those that fail."""
    failed = ", ".join(gate.label for gate in report.failures)
    passed = f"{len(report.gates) - len(report.failures)} of {len(report.gates)} passed"
    return f"{passed}; failed: {failed} (see gates)" if failed else passed


def gates_document(report: GateReport) -> dict[str, Any]:
    """The report as JSON."""
    return {**dataclasses.asdict(report), "passed": report.passed}


def differences_document(differences: Mapping[str, Difference]) -> dict[str, Any]:
    """Differences as JSON, each with its verdict."""
    return {
        name: {**dataclasses.asdict(difference), "verdict": difference.verdict}
        for name, difference in differences.items()
    }


def differences_lines(
    differences: Mapping[str, Difference], slices: Mapping[str, Mapping[str, Difference]]
) -> list[str]:
    """Every difference with its interval, and the slices in which the second model is worse."""
    headings = ["B minus A", "difference", "95% CI", "B is"]
    rows = [[name, *_change(difference), difference.verdict] for name, difference in differences.items()]
    lines = table(headings, rows, right=["difference"])
    worse = [
        [f"{name}: {metric}", *_change(difference), f"{difference.rows:,}"]
        for name, metrics in slices.items()
        for metric, difference in metrics.items()
        if difference.verdict == "worse"
    ]
    if worse:
        lines += ["", *table(["B is worse in", "difference", "95% CI", "rows"], worse, right=["difference"])]
    elif slices:
        lines += ["", f"B is significantly worse in none of {len(slices)} slices."]
    return lines


def _change(difference: Difference) -> tuple[str, str]:
    return f"{difference.value:+.4f}", f"{difference.low:+.4f} to {difference.high:+.4f}"


def inspection_lines(inspection: Inspection) -> list[str]:
    """The result of the scan of a file, and the file's own description."""
    rows: list[tuple[str, Any]] = [
        ("verdict", f"{inspection.verdict}: {inspection.because}"),
        ("format", inspection.format),
        ("estimator", inspection.estimator or "-"),
        ("features", "-" if inspection.inputs is None else inspection.inputs),
        ("libraries", ", ".join(f"{name} {version}" for name, version in inspection.libraries.items()) or "-"),
    ]
    lines = pairs(rows)
    if inspection.unknown:
        lines += ["", "imports that are not trusted:", *(f"  {visible(name)}" for name in inspection.unknown)]
    return lines


def benchmarks_table(benchmarks: Iterable[Benchmark]) -> list[str]:
    """Benchmarks with their columns and thresholds, one per row."""
    rows = [
        [
            benchmark.model_name,
            benchmark.name,
            benchmark.task,
            benchmark.target,
            f"{benchmark.rows:,}",
            len(benchmark.features),
            ", ".join(benchmark.slices) or "-",
            ", ".join(f"{metric}={value:g}" for metric, value in benchmark.thresholds.items()) or "-",
            when(benchmark.added_at),
            benchmark.added_by,
        ]
        for benchmark in benchmarks
    ]
    headings = ["model name", "benchmark", "task", "target", "rows", "features", "slices", "thresholds"]
    return table([*headings, "added (UTC)", "added by"], rows, right=["rows", "features"])


_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


def reading_lines(reading: TableReading) -> list[str]:
    """How a table is parsed, column by column."""
    parts = [f"{visible(reading.source)}: {reading.format}"]
    if reading.delimiter:
        delimiter = _DELIMITERS.get(reading.delimiter, repr(reading.delimiter))
        parts += [f"delimiter {delimiter}", f"decimal sign {reading.decimal!r}"]
    parts += [f"encoding {reading.encoding}"] if reading.encoding else []
    parts += [f"compression {reading.compression}"] if reading.compression else []
    rows = [
        [column.name, column.kind, f"{column.missing:,}", ", ".join(column.examples) or "-"]
        for column in reading.columns
    ]
    lines = [
        f"{', '.join(parts)}; {reading.rows:,} rows",
        *table(["column", "type", "missing", "first values"], rows, right=["missing"]),
    ]
    if reading.classes:
        counts = ", ".join(f"{visible(label)} {count:,}" for label, count in reading.classes.items())
        lines.append(f"classes of {visible(reading.target)}: {counts}")
    if reading.kinds_from:
        lines.append(f"column types from the signature of {visible(reading.kinds_from)}")
    return [*lines, *(visible(note) for note in reading.notes)]
