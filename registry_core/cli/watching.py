"""The verbs of the watch: outcomes, health, alerts, and watching all the time."""

from __future__ import annotations

import csv
import dataclasses
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from registry_core import Alert, HealthReport, InvalidInput, Registry, StorageError

from .console import Session, actor_option, check_name, main, sentence, shared
from .output import number, pairs, table, visible, when

#: So many outcomes are recorded in one go.
_BATCH = 50_000


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="With units: whose predictions; may be left out while there is only one model name.")
@shared
def outcomes(session: Session, file: Path, name: str | None) -> None:
    """Record what came of predictions, from a CSV file.

    Its columns are prediction_id and label, or unit, time and label. Telling an outcome twice does no harm.
    """
    recorded = repeated = 0
    contradictory: list[int] = []
    unknown: list[Any] = []
    acted: list[str] = []
    with session.open() as registry:
        for rows in _batches(file):
            labels = [_value(row["label"]) for row in rows]
            if "prediction_id" in rows[0]:
                keys = [row["prediction_id"] for row in rows]
                found = registry.record_outcomes(prediction_ids=[_id(each) for each in keys], labels=labels)
                unknown += found.unknown
            else:
                keys = [row["unit"] for row in rows]
                found = registry.record_outcomes(
                    units=keys, at=[row["time"] for row in rows], labels=labels, model_name=name
                )
                unknown += [keys[place] for place in found.unknown]
            recorded, repeated = recorded + found.recorded, repeated + found.repeated
            contradictory += found.contradictory
            acted += found.acted
    document = {
        "recorded": recorded, "repeated": repeated, "contradictory": contradictory, "unknown": unknown, "acted": acted,
    }  # fmt: skip
    lines = [f"{recorded:,} outcomes recorded" + (f", {repeated:,} were known" if repeated else "")]
    if contradictory:
        lines.append(f"{len(contradictory):,} contradict what was told before, which stays: {_some(contradictory)}")
    if unknown:
        lines.append(f"{len(unknown):,} belong to no prediction: {_some(unknown)}")
    session.answer(document, [*lines, *(visible(each) for each in acted)])


def _some(values: list[Any]) -> str:
    return visible(", ".join(map(str, values[:5]))) + (", ..." if len(values) > 5 else "")


def _batches(file: Path) -> Iterator[list[dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            there = reader.fieldnames or []
            if "label" not in there or not ("prediction_id" in there or {"unit", "time"} <= {*there}):
                raise InvalidInput(
                    f"{file} has the columns {', '.join(there)[:200] or 'none'}; prediction_id and label are needed, "
                    "or unit, time and label"
                )
            rows: list[dict[str, str]] = []
            for row in reader:
                if None in row or None in row.values():
                    raise InvalidInput(f"line {reader.line_num} of {file} has another number of columns than its first")
                rows.append(row)
                if len(rows) == _BATCH:
                    yield rows
                    rows = []
            if rows:
                yield rows
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{file} is no CSV in UTF-8: {error}") from error


def _id(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InvalidInput(f"prediction_id is {text!r:.80}, not a whole number") from error


def _value(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


@main.command()
@click.argument("name")
@shared
def health(session: Session, name: str) -> None:
    """Look at the champion of NAME, do what the settings want done, and say how it stands."""
    with session.open() as registry:
        found = registry.check_health(name)
    session.answer(dataclasses.asdict(found), health_lines(found))


def health_lines(report: HealthReport) -> list[str]:
    """A report for people."""
    lines = [f"{report.state.upper()}: {visible(report.sentence)}"]
    if report.model_id is None:
        return lines
    value, done = "no labels yet", report.performance
    if done is not None and report.shown_metric in done.metrics:
        interval = done.intervals.get(report.shown_metric)
        value = number(done.metrics[report.shown_metric])
        value += f" ({number(interval[0])} to {number(interval[1])})" if interval else ""
        value += f" over {done.labelled:,} labels, {when(done.since)} to {when(done.until)} UTC"
    rows: list[tuple[str, Any]] = [
        ("champion", f"{report.model_id} since {when(report.since)} UTC"),
        ("predictions", f"{report.predictions:,}, {report.failures:,} calls not answered"),
        (report.shown_metric, value),
        ("held against", _baseline(report)),
    ]
    if report.detector is not None:
        shown = "-" if report.detector.log10_value is None else f"{report.detector.log10_value:.1f}"
        rows.append(("detector", f"{shown}, alarm at {report.detector.log10_alarm:.1f}: {report.detector.sentence}"))
        if report.detector.notices:
            rows.append(("it", report.detector.notices))
    if report.comparison is not None:
        rows.append(("version before", f"{report.comparison.standby}: {report.comparison.sentence}"))
    if report.maturity:
        rows.append(("labels count", report.maturity))
    rows += [("threshold", each.sentence) for each in report.limits]
    if report.estimate is not None:
        rows.append(("estimate", report.estimate.sentence))
    rows += [("slice", line) for line in report.slice_sentences]
    rows += [("drift", each.sentence) for each in report.drift[:5]]
    if report.last_rollback is not None:
        last = report.last_rollback
        rows.append(("last rollback", f"{when(last.at)} UTC by {last.actor}: {last.from_id} to {last.to_id}"))
    lines += ["", *pairs(rows)]
    if report.acted:
        lines += ["", "Done just now:", *(f"  {visible(each)}" for each in report.acted)]
    if report.alerts:
        lines += ["", *alerts_table(report.alerts)]
    return lines


def _baseline(report: HealthReport) -> str:
    if report.baseline is not None:
        return f"{number(report.baseline.value)}: {report.baseline.source}"
    there, needed = report.baseline_labels or (0, 0)
    return f"nothing yet: {there:,} of {needed:,} labels in production make a baseline"


def alerts_table(found: tuple[Alert, ...] | list[Alert]) -> list[str]:
    """Alerts below each other."""
    rows = [
        [
            each.alert_id,
            each.severity,
            each.model_name,
            each.kind.replace("_", " "),
            each.status if each.acknowledged_by is None else f"{each.status} ({each.acknowledged_by})",
            when(each.opened_at),
            each.text if not each.resolution else f"{each.text} -> {each.resolution}",
        ]
        for each in found
    ]
    return table(["id", "", "model name", "about", "status", "opened (UTC)", "what"], rows, right=["id"])


@main.command()
@click.option("--name", help="Of this model name only.")
@click.option("--all", "every", is_flag=True, help="Those that are over as well.")
@click.option("--acknowledge", type=int, metavar="ID", help="Say that you have seen this one.")
@click.option("--resolve", type=int, metavar="ID", help="Say that the trouble of this one is over.")
@click.option("--note", default="", help="With either, what you want to say; kept with the event.")
@actor_option
@shared
def alerts(
    session: Session,
    name: str | None,
    every: bool,
    acknowledge: int | None,
    resolve: int | None,
    note: str,
    actor: str | None,
) -> None:
    """List what a person should know of, or say that you do."""
    if acknowledge is not None and resolve is not None:
        raise InvalidInput("say --acknowledge or --resolve, one at a time")
    with session.open() as registry:
        if name is not None:
            check_name(registry, name)
        if acknowledge is not None:
            found = [registry.acknowledge(acknowledge, actor=actor, note=note)]
        elif resolve is not None:
            found = [registry.resolve_alert(resolve, actor=actor, reason=note)]
        else:
            found = registry.alerts(name, every)
    unsent = [
        f"  alert {each.alert_id} to {visible(sent.address)}: {visible(sent.failure)}"
        for each in found
        for sent in each.notifications
        if sent.failure
    ]
    lines = alerts_table(found) if found else ["No alerts."]
    lines += ["", "Not sent yet:", *unsent] if unsent else []
    session.answer({"alerts": [dataclasses.asdict(each) for each in found]}, lines)


@main.command()
@click.option("--name", help="This model name only; all by default.")
@click.option(
    "--every", default=60.0, show_default=True, type=click.FloatRange(1, 86_400), help="Seconds between two looks."
)
@click.option("--once", is_flag=True, help="Look once and end.")
@shared
def watch(session: Session, name: str | None, every: float, once: bool) -> None:
    """Look after champions and experiments, and send what alerts wait to be sent, until interrupted.

    The same is done whenever outcomes are recorded; this does it also where nobody records any.
    """
    if session.json and not once:
        raise InvalidInput("--json prints one document; say --once as well")
    with session.open() as registry:
        if name is not None:
            check_name(registry, name)
        if once:
            found = _round(registry, name)
            document = {each.model_name: dataclasses.asdict(each) for each in found}
            session.answer(document, [line for each in found for line in _brief(each)] or ["No models yet."])
            return
        try:
            while True:
                began = time.monotonic()
                _report(registry, name)
                time.sleep(max(every - (time.monotonic() - began), 0.0))
        except KeyboardInterrupt:
            # Ctrl+C is how it is meant to end.
            click.echo("Stopped.", err=True)


def _report(registry: Registry, name: str | None) -> None:
    try:
        lines = [line for each in _round(registry, name) for line in _brief(each)]
    except StorageError as error:
        # It may be there again at the next look; whoever reads the log sees that it was not.
        lines = [f"could not look: {visible(sentence(error))}"]
    at = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    for line in lines:
        click.echo(f"{at}  {line}")


def _round(registry: Registry, name: str | None) -> list[HealthReport]:
    found = [registry.check_health(each) for each in ([name] if name is not None else registry.model_names())]
    registry.send_notifications()
    return found


def _brief(report: HealthReport) -> list[str]:
    lines = [f"{visible(report.model_name)}  {report.state}: {visible(report.sentence)}"]
    return [*lines, *(f"{visible(report.model_name)}  done: {visible(each)}" for each in report.acted)]
