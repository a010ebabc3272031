"""The verbs of measuring: benchmarks, evaluations, and what a file holds before it is kept."""

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
    actor_option,
    check_name,
    is_registry,
    main,
    reason_option,
    shared,
)
from .evidence import benchmarks_table, evaluation_lines, evaluations_table, inspection_lines, reading_lines
from .output import visible


@main.group()
def benchmark() -> None:
    """Add or list the holdout sets the registry measures models on."""


@benchmark.command("preview")
@click.argument("data", type=click.Path(exists=True, dir_okay=False))
@click.option("--model-name", help="Whose signature says how columns are read.")
@click.option("--target", metavar="COLUMN", help="The column with the labels: its classes are counted.")
@shared
def benchmark_preview(session: Session, data: str, model_name: str | None, target: str | None) -> None:
    """Show how a table is read, before any of it counts; nothing is kept. It needs no registry.

    A file is recognised by its content: CSV with any delimiter, encoding and decimal sign, Parquet, Arrow or Feather,
    and JSON lines, compressed by gzip, bz2, xz, zip or zstd or not at all.
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
@click.option("--model-name", required=True, help="Whose models it measures.")
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A table, as `benchmark preview` shows it; a copy is kept.",
)
@click.option("--target", required=True, metavar="COLUMN", help="The truth; no model is ever shown it.")
@click.option("--features", metavar="A,B,C", help="The columns a model may be shown; all but the target by default.")
@click.option(
    "--slice", "slices", multiple=True, metavar="COLUMN", help="Take metrics apart by it; as often as needed."
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="METRIC=VALUE",
    help="A gate: the least a model must reach (the most, of an error); as often as needed.",
)
@click.option("--task", type=click.Choice(["classification", "regression"]), help="Told from the target when left out.")
@reason_option(required=False)
@actor_option
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
    task: Any,
    reason: str,
    actor: str | None,
) -> None:
    """Keep a holdout set; its rows never change afterwards."""
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
            task=task,
            actor=actor,
            reason=reason,
        )
    session.answer(
        dataclasses.asdict(added),
        [
            *reading_lines(reading),
            "",
            f"{visible(name)} is kept: {added.task} of {visible(target)}, {added.rows:,} rows, "
            f"{len(added.features)} inputs. New models of {visible(model_name)} are measured on it.",
            f"Those that are there: model-registry evaluate --all --model-name {visible(model_name)}",
        ],
    )


@benchmark.command("list")
@click.option("--model-name", help="Only those of this model name.")
@shared
def benchmark_list(session: Session, model_name: str | None) -> None:
    """List the benchmarks, the newest first."""
    with session.open() as registry:
        found = registry.benchmarks(model_name)
    session.answer(
        {"benchmarks": [dataclasses.asdict(each) for each in found]},
        benchmarks_table(found) if found else ["no benchmarks; `model-registry benchmark add` keeps one"],
    )


@main.command()
@click.argument("model_file", type=click.Path(exists=True, dir_okay=False))
@click.option("--model-name", help="The model name it is meant for: its policy may trust further names.")
@shared
def inspect(session: Session, model_file: str, model_name: str | None) -> None:
    """Look into a model file; nothing in it is run, and it is not kept. It needs no registry.

    The exit code is 0 when the file is trusted, 6 when it would be quarantined, 2 when it is refused.
    """
    found = _inspected(session, model_file, model_name)
    session.answer(dataclasses.asdict(found), inspection_lines(found))
    click.get_current_context().exit({"trusted": DONE, "quarantined": ARTIFACT}.get(found.verdict, INVALID))


def _inspected(session: Session, model_file: str, model_name: str | None) -> Inspection:
    if model_name is not None or is_registry(session.location):
        with session.open() as registry:
            return registry.inspect(model_file, model_name)
    # What is trusted by default is asked of an empty registry.
    with TemporaryDirectory() as folder, Registry(folder) as registry:
        return registry.inspect(model_file)


@main.command()
@click.argument("model_id", required=False)
@click.option("--all", "everything", is_flag=True, help="Every trusted version that was not tried yet.")
@click.option("--model-name", help="With --all: of which model name.")
@click.option("--benchmark", "on", metavar="NAME", help="The one the policy names by default, else the newest.")
@click.option("--again", is_flag=True, help="With --all: those tried before as well.")
@click.option("--jobs", type=click.IntRange(1, 64), help="With --all: how many at once, 2 by default.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True, max=86_400),
    help="The most MODEL_ID may take, 60 by default.",
)
@click.option(
    "--allow-incomplete",
    is_flag=True,
    help="Let a quarantined MODEL_ID run although this machine lacks a wall of the sandbox.",
)
@reason_option(required=False)
@actor_option
@shared
def evaluate(
    session: Session,
    model_id: str | None,
    everything: bool,
    model_name: str | None,
    on: str | None,
    again: bool,
    jobs: int | None,
    seconds: float | None,
    allow_incomplete: bool,
    reason: str,
    actor: str | None,
) -> None:
    """Measure MODEL_ID, or --all models of a name, on a benchmark.

    A model answers in a process of its own that is walled in and sees no truth. One that crashes, hangs or answers
    nonsense is a failed evaluation: kept with what it did, and the exit code is 9. With --all each result is kept at
    once: interrupted and started again, it goes on where it was.
    """
    if everything == (model_id is not None) or everything != (model_name is not None):
        raise click.UsageError("name either MODEL_ID, or --all with --model-name")
    if everything and (seconds is not None or allow_incomplete):
        raise click.UsageError("--seconds and --allow-incomplete are for one MODEL_ID; leave them out with --all")
    if not everything and (again or jobs is not None):
        raise click.UsageError("--again and --jobs are for --all; one MODEL_ID is measured again each time")
    with session.open() as registry:
        if model_id is not None:
            found = [
                registry.evaluate(
                    model_id, on, seconds=seconds, allow_incomplete=allow_incomplete, actor=actor, reason=reason
                )
            ]
        else:
            assert model_name is not None
            check_name(registry, model_name)
            found = _evaluate_all(
                session, registry, model_name, on, again=again, jobs=jobs or 2, actor=actor, reason=reason
            )
    failed = sum(each.status == "failed" for each in found)
    if everything:
        session.answer({"evaluations": [dataclasses.asdict(each) for each in found]}, _summary(found, failed))
    else:
        session.answer(dataclasses.asdict(found[0]), evaluation_lines(found[0]))
    if failed:
        click.get_current_context().exit(UNMEASURED)


def _evaluate_all(
    session: Session, registry: Registry, model_name: str, on: str | None, *, again: bool, **how: Any
) -> list[Evaluation]:
    # Nobody sees a bar that goes into a file, and a machine did not ask for one.
    shown = sys.stderr.isatty() and not session.json
    done = of = 0
    with click.progressbar(length=1, label="measuring", file=sys.stderr if shown else io.StringIO()) as bar:

        def progress(count: int, total: int, _: Evaluation) -> None:
            nonlocal done, of
            done, of = count, total
            bar.length = total
            bar.update(count - bar.pos)

        try:
            return registry.evaluate_all(model_name, on, again=again, progress=progress, **how)
        except KeyboardInterrupt:
            counted = f"after {done} of {of}" if of else "before the first was done"
            then = "measures all again" if again else "goes on with the rest"
            raise Stopped(f"stopped {counted}; what was measured is kept, and the same command {then}") from None


def _summary(found: list[Evaluation], failed: int) -> list[str]:
    if not found:
        return ["nothing to do: every trusted version was tried on it; --again measures them again"]
    return [*evaluations_table(found), "", f"{len(found) - failed} measured, {failed} failed"]
