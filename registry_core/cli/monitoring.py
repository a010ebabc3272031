"""The commands of monitoring: outcomes, health, alerts, watch."""

from __future__ import annotations

import csv
import dataclasses
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from registry_core import Alert, HealthReport, InvalidInput, Registry, StorageError

from .console import Session, check_name, main, sentence, shared
from .options import model_name_option, options_of
from .output import count, number, pairs, table, visible, when

#: Outcomes recorded in one call.
_BATCH = 50_000


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@model_name_option("With units: model name of the predictions. Optional with a single model name.")
@shared
def outcomes(session: Session, file: Path, model_name: str | None) -> None:
    """Record outcomes of predictions from a CSV file.

    The columns are prediction_id and label, or unit, time and label. An outcome that is already recorded is skipped.
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
                result = registry.record_outcomes(prediction_ids=[_id(each) for each in keys], labels=labels)
                unknown += result.unknown
            else:
                keys = [row["unit"] for row in rows]
                result = registry.record_outcomes(
                    units=keys, at=[row["time"] for row in rows], labels=labels, model_name=model_name
                )
                unknown += [keys[place] for place in result.unknown]
            recorded, repeated = recorded + result.recorded, repeated + result.repeated
            contradictory += result.contradictory
            acted += result.acted
    document = {
        "recorded": recorded, "repeated": repeated, "contradictory": contradictory, "unknown": unknown, "acted": acted,
    }  # fmt: skip
    lines = [f"{count(recorded, 'outcome')} recorded" + (f", {repeated:,} already recorded" if repeated else "")]
    if contradictory:
        lines.append(f"{len(contradictory):,} contradict the recorded label, which is kept: {_some(contradictory)}")
    if unknown:
        lines.append(f"{len(unknown):,} match no prediction: {_some(unknown)}")
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
                    f"{file} has the columns {', '.join(there)[:200] or 'none'}. Required are prediction_id and label, "
                    "or unit, time and label"
                )
            rows: list[dict[str, str]] = []
            for row in reader:
                if None in row or None in row.values():
                    raise InvalidInput(
                        f"line {reader.line_num} of {file} has another number of columns than the header. Correct it"
                    )
                rows.append(row)
                if len(rows) == _BATCH:
                    yield rows
                    rows = []
            if rows:
                yield rows
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror}). Check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{file} is not a CSV file in UTF-8: {error}. Save it as one") from error


def _id(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InvalidInput(
            f"prediction_id is {text!r:.80}, which is not an integer. Use the ids that the predictor returned"
        ) from error


def _value(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


@main.command()
@click.argument("model_name")
@shared
def health(session: Session, model_name: str) -> None:
    """Check the health of the champion of MODEL_NAME, and take the configured actions."""
    with session.open() as registry:
        report = registry.check_health(model_name)
    session.answer(dataclasses.asdict(report), health_lines(report))


def health_lines(report: HealthReport) -> list[str]:
    """A report as text."""
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
        ("predictions", f"{report.predictions:,}, {report.failures:,} failed requests"),
        (report.shown_metric, value),
        ("baseline", _baseline(report)),
    ]
    if report.detector is not None:
        shown = "-" if report.detector.log10_value is None else f"{report.detector.log10_value:.1f}"
        rows.append(("detector", f"{shown}, alarm at {report.detector.log10_alarm:.1f}: {report.detector.sentence}"))
        if report.detector.notices:
            rows.append(("sensitivity", report.detector.notices))
    if report.comparison is not None:
        rows.append(("previous champion", f"{report.comparison.standby}: {report.comparison.sentence}"))
    if report.maturity:
        rows.append(("label delay", report.maturity))
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
        lines += ["", "Actions taken:", *(f"  {visible(each)}" for each in report.acted)]
    if report.alerts:
        lines += ["", *alerts_table(report.alerts)]
    return lines


def _baseline(report: HealthReport) -> str:
    if report.baseline is not None:
        return f"{number(report.baseline.value)}: {report.baseline.source}"
    there, needed = report.baseline_labels or (0, 0)
    return f"none yet: {there:,} of {needed:,} production labels required"


def alerts_table(alerts: tuple[Alert, ...] | list[Alert]) -> list[str]:
    """Alerts, one per row."""
    rows = [
        [
            alert.alert_id,
            alert.severity,
            alert.model_name,
            alert.kind.replace("_", " "),
            alert.status if alert.acknowledged_by is None else f"{alert.status} ({alert.acknowledged_by})",
            when(alert.opened_at),
            alert.text if not alert.resolution else f"{alert.text} -> {alert.resolution}",
        ]
        for alert in alerts
    ]
    return table(["id", "severity", "model name", "kind", "status", "opened (UTC)", "details"], rows, right=["id"])


@main.command()
@options_of(Registry.alerts)
@click.option("--all", "every", is_flag=True, help="Include resolved alerts.")
@click.option("--acknowledge", type=int, metavar="ID", help="Acknowledge this alert.")
@click.option("--resolve", type=int, metavar="ID", help="Resolve this alert.")
@options_of(Registry.acknowledge, note="With --acknowledge or --resolve: note, kept with the event.")
@shared
def alerts(
    session: Session,
    model_name: str | None,
    every: bool,
    acknowledge: int | None,
    resolve: int | None,
    note: str,
    actor: str | None,
) -> None:
    """List, acknowledge or resolve alerts."""
    if acknowledge is not None and resolve is not None:
        raise InvalidInput("--acknowledge and --resolve exclude each other. Give one of them")
    with session.open() as registry:
        if model_name is not None:
            check_name(registry, model_name)
        if acknowledge is not None:
            listed = [registry.acknowledge(acknowledge, actor=actor, note=note)]
        elif resolve is not None:
            listed = [registry.resolve_alert(resolve, actor=actor, reason=note)]
        else:
            listed = registry.alerts(model_name, every)
    unsent = [
        f"  alert {alert.alert_id} to {visible(sent.address)}: {visible(sent.failure)}"
        for alert in listed
        for sent in alert.notifications
        if sent.failure
    ]
    lines = alerts_table(listed) if listed else ["No alerts."]
    lines += ["", "Undelivered notifications:", *unsent] if unsent else []
    session.answer({"alerts": [dataclasses.asdict(alert) for alert in listed]}, lines)


@main.command()
@model_name_option("Only this model name. Default: all.")
@click.option("--every", default=60.0, show_default=True, type=click.FloatRange(1, 86_400), help="Interval in seconds.")
@click.option("--once", is_flag=True, help="Check once and exit.")
@shared
def watch(session: Session, model_name: str | None, every: float, once: bool) -> None:
    """Monitor champions and experiments, and send pending notifications, until interrupted.

    The same checks run whenever outcomes are recorded. This command runs them when no outcomes arrive as well. Where
    several run for one registry, on any machine, one checks; another takes over when it ends.
    """
    if session.json and not once:
        raise InvalidInput("--json prints one document. Give --once as well")
    with session.open() as registry:
        if model_name is not None:
            check_name(registry, model_name)
        if once:
            reports = _round(registry, model_name)
            document = {report.model_name: dataclasses.asdict(report) for report in reports}
            session.answer(document, [line for report in reports for line in _brief(report)] or ["No models yet."])
            return
        lead = _Lead(registry, "watch" if model_name is None else f"watch {model_name}", _LEASE * every)
        try:
            while True:
                began = time.monotonic()
                _report(registry, model_name, lead)
                time.sleep(max(every - (time.monotonic() - began), 0.0))
        except KeyboardInterrupt:
            # Ctrl+C is how it is meant to end.
            click.echo("Stopped.", err=True)
        finally:
            with suppress(StorageError):
                registry.give_up_lead(lead.task, lead.held)


#: After so many intervals without a check, another process takes over.
_LEASE = 3.0


@dataclasses.dataclass
class _Lead:
    """Whether this process checks, or another one."""

    registry: Registry
    task: str
    seconds: float
    held: int = 0
    waited: bool = False

    def news(self) -> list[str] | None:
        """None where this process leads; otherwise what is to be said: once, that it waits."""
        self.held = self.registry.lead(self.task, min(self.seconds, 86_400.0), self.held)
        if self.held:
            self.waited = False
            return None
        said, self.waited = self.waited, True
        return [] if said else ["Another process watches this registry. This one takes over when it ends."]


def _report(registry: Registry, name: str | None, lead: _Lead) -> None:
    try:
        lines = lead.news()
        if lines is None:
            lines = [line for report in _round(registry, name) for line in _brief(report)]
    except StorageError as error:
        # The database may be back at the next check; the log shows that it was gone.
        lines = [f"check failed: {visible(sentence(error))}"]
    at = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    for line in lines:
        click.echo(f"{at}  {line}")


def _round(registry: Registry, only: str | None) -> list[HealthReport]:
    reports = [
        registry.check_health(model_name) for model_name in ([only] if only is not None else registry.model_names())
    ]
    registry.send_notifications()
    return reports


def _brief(report: HealthReport) -> list[str]:
    lines = [f"{visible(report.model_name)}  {report.state}: {visible(report.sentence)}"]
    return [*lines, *(f"{visible(report.model_name)}  action: {visible(sentence)}" for sentence in report.acted)]
