"""The commands of evaluation: benchmarks, evaluations, and the static scan of a file."""

from __future__ import annotations

import dataclasses
import io
import sys
from tempfile import TemporaryDirectory
from typing import Any

import click

from registry_core import Evaluation, Inspection, Registry

from .arguments import as_number, assignments, names
from .console import (
    ARTIFACT,
    DONE,
    INVALID,
    UNMEASURED,
    Session,
    Stopped,
    check_name,
    is_registry,
    main,
    shared,
)
from .evidence import benchmarks_table, evaluation_lines, evaluations_table, inspection_lines, reading_lines
from .options import model_name_option, options_of
from .output import visible


@main.group()
def benchmark() -> None:
    """Add, preview or list benchmarks: the labelled holdout sets on which models are evaluated."""


@benchmark.command("preview")
@click.argument("data", type=click.Path(exists=True, dir_okay=False))
@options_of(
    Registry.preview_table,
    model_name="Read columns by the signature of this model name.",
    target="Target column; its classes are counted.",
)
@shared
def benchmark_preview(session: Session, data: str, model_name: str | None, target: str | None) -> None:
    """Show how a table is parsed. Nothing is stored, and no registry is required.

    The format is detected from the content: CSV with any delimiter, encoding and decimal sign, Parquet, Arrow, Feather
    or JSON Lines, optionally compressed with gzip, bz2, xz, zip or zstd.
    """
    if model_name is not None or is_registry(session.location):
        with session.open() as registry:
            reading = registry.preview_table(data, model_name, target)
    else:
        with TemporaryDirectory() as folder, Registry(folder) as registry:
            reading = registry.preview_table(data, None, target)
    session.answer(dataclasses.asdict(reading), reading_lines(reading))


@benchmark.command("add")
@click.argument("name")
@model_name_option("Model name whose versions are evaluated on it.", required=True)
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Table file (see `benchmark preview`); the registry stores a copy.",
)
@click.option("--target", required=True, metavar="COLUMN", help="Target column. It is withheld from models.")
@click.option("--features", metavar="A,B,C", help="Feature columns. Default: all columns but the target.")
@click.option(
    "--slice", "slices", multiple=True, metavar="COLUMN", help="Slice column for metrics by value; repeatable."
)
@click.option(
    "--protect",
    "protected",
    multiple=True,
    metavar="COLUMN",
    help="Protected column by whose values `fairness` compares groups; repeatable.",
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="METRIC=VALUE",
    help="Gate: minimum of a metric (maximum where lower is better); repeatable.",
)
@click.option(
    "--task", type=click.Choice(["classification", "regression"]), help="Default: inferred from the target column."
)
@options_of(Registry.add_benchmark)
@shared
def benchmark_add(
    session: Session,
    name: str,
    model_name: str,
    data: str,
    target: str,
    features: str | None,
    slices: tuple[str, ...],
    thresholds: tuple[str, ...],
    protected: tuple[str, ...],
    task: Any,
    reason: str,
    actor: str | None,
) -> None:
    """Add a benchmark. Its rows never change afterwards."""
    with session.open(create=True) as registry:
        reading = registry.preview_table(data, model_name, target)
        added = registry.add_benchmark(
            name,
            model_name,
            data,
            target,
            features=names(features),
            slices=slices,
            thresholds=assignments(thresholds, as_number),
            protected=protected,
            task=task,
            actor=actor,
            reason=reason,
        )
    session.answer(
        dataclasses.asdict(added),
        [
            *reading_lines(reading),
            "",
            f"Benchmark {visible(name)} added: {added.task} of {visible(target)}, {added.rows:,} rows, "
            f"{len(added.features)} features. New versions of {visible(model_name)} are evaluated on it.",
            f"Evaluate existing versions: model-registry evaluate --all --model-name {visible(model_name)}",
        ],
    )


@benchmark.command("list")
@options_of(Registry.benchmarks)
@shared
def benchmark_list(session: Session, model_name: str | None) -> None:
    """List benchmarks, newest first."""
    with session.open() as registry:
        benchmarks = registry.benchmarks(model_name)
    session.answer(
        {"benchmarks": [dataclasses.asdict(benchmark) for benchmark in benchmarks]},
        benchmarks_table(benchmarks) if benchmarks else ["No benchmarks. `model-registry benchmark add` adds one."],
    )


@main.command()
@click.argument("model_file", type=click.Path(exists=True, dir_okay=False))
@options_of(Registry.inspect, model_name="Model name the file is meant for. Its policy may allow further imports.")
@shared
def inspect(session: Session, model_file: str, model_name: str | None) -> None:
    """Scan a model file without executing or storing it. No registry is required.

    The exit code is 0 if the file is trusted, 6 if it would be quarantined, 2 if it is refused.
    """
    inspection = _inspected(session, model_file, model_name)
    session.answer(dataclasses.asdict(inspection), inspection_lines(inspection))
    click.get_current_context().exit({"trusted": DONE, "quarantined": ARTIFACT}.get(inspection.verdict, INVALID))


def _inspected(session: Session, model_file: str, model_name: str | None) -> Inspection:
    if model_name is not None or is_registry(session.location):
        with session.open() as registry:
            return registry.inspect(model_file, model_name)
    # An empty registry holds the default allowlist.
    with TemporaryDirectory() as folder, Registry(folder) as registry:
        return registry.inspect(model_file)


@main.command()
@click.argument("model_id", required=False)
@click.option("--all", "everything", is_flag=True, help="All trusted versions without an evaluation.")
@model_name_option("With --all: model name.")
@click.option("--again", is_flag=True, help="With --all: repeat existing evaluations.")
@click.option("--jobs", type=click.IntRange(1, 64), help="With --all: number of parallel evaluations (default 2).")
@options_of(
    Registry.evaluate,
    types={"seconds": click.FloatRange(min=0, min_open=True, max=86_400)},
    benchmark="Benchmark. Default: the active benchmark of the policy, else the newest.",
    seconds="Time limit for MODEL_ID in seconds (default 60).",
    allow_incomplete="Run a quarantined MODEL_ID although this machine lacks part of the sandbox's isolation.",
)
@shared
def evaluate(
    session: Session,
    model_id: str | None,
    everything: bool,
    model_name: str | None,
    benchmark: str | None,
    again: bool,
    jobs: int | None,
    seconds: float | None,
    allow_incomplete: bool,
    reason: str,
    actor: str | None,
) -> None:
    """Evaluate MODEL_ID, or --all versions of a model name, on a benchmark.

    The model runs in a sandbox, without the labels. If it crashes, hangs or returns invalid predictions, the
    evaluation is stored as failed and the exit code is 9. With --all each result is stored at once: an interrupted
    command resumes when it is repeated.
    """
    if everything == (model_id is not None) or everything != (model_name is not None):
        raise click.UsageError("give either MODEL_ID, or --all with --model-name")
    if everything and (seconds is not None or allow_incomplete):
        raise click.UsageError("--seconds and --allow-incomplete apply to one MODEL_ID. Omit them with --all")
    if not everything and (again or jobs is not None):
        raise click.UsageError("--again and --jobs apply to --all. One MODEL_ID is always evaluated again")
    with session.open() as registry:
        if model_id is not None:
            evaluations = [
                registry.evaluate(
                    model_id, benchmark, seconds=seconds, allow_incomplete=allow_incomplete, actor=actor, reason=reason
                )
            ]
        else:
            assert model_name is not None
            check_name(registry, model_name)
            evaluations = _evaluate_all(
                session, registry, model_name, benchmark, again=again, jobs=jobs or 2, actor=actor, reason=reason
            )
    failed = sum(evaluation.status == "failed" for evaluation in evaluations)
    if everything:
        session.answer(
            {"evaluations": [dataclasses.asdict(evaluation) for evaluation in evaluations]},
            _summary(evaluations, failed),
        )
    else:
        session.answer(dataclasses.asdict(evaluations[0]), evaluation_lines(evaluations[0]))
    if failed:
        click.get_current_context().exit(UNMEASURED)


def _evaluate_all(
    session: Session, registry: Registry, model_name: str, on: str | None, *, again: bool, **how: Any
) -> list[Evaluation]:
    # A progress bar is of no use in a file or beside JSON.
    shown = sys.stderr.isatty() and not session.json
    done = of = 0
    with click.progressbar(length=1, label="evaluating", file=sys.stderr if shown else io.StringIO()) as bar:

        def progress(count: int, total: int, _: Evaluation) -> None:
            nonlocal done, of
            done, of = count, total
            bar.length = total
            bar.update(count - bar.pos)

        try:
            return registry.evaluate_all(model_name, on, again=again, progress=progress, **how)
        except KeyboardInterrupt:
            # pyrefly: ignore[redundant-condition]: the progress above changed it
            counted = f"after {done} of {of}" if of else "before the first evaluation was done"
            then = "evaluates all versions again" if again else "resumes"
            raise Stopped(f"stopped {counted}. Results are stored; the same command {then}") from None


def _summary(evaluations: list[Evaluation], failed: int) -> list[str]:
    if not evaluations:
        return ["Nothing to do: every trusted version is evaluated. --again repeats the evaluations."]
    return [*evaluations_table(evaluations), "", f"{len(evaluations) - failed} evaluated, {failed} failed"]
