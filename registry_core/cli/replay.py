"""The commands that replay real data: a year in simulated time, and live traffic for the demo."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import click

from registry_core import InvalidInput

from .console import NoRegistry, Session, is_registry, main
from .output import visible


@main.command()
@click.argument("folder", type=click.Path(file_okay=False))
@click.option(
    "--series",
    type=click.Choice(["flights", "weather"]),
    default="flights",
    show_default=True,
    help="Flights from New York, March to December 2013, or 45 years of weather.",
)
@click.option("--shuffled", is_flag=True, help="Shuffle the rows: without change over time, no alert is expected.")
@click.option(
    "--broken-feed", is_flag=True, help="Flights only: a feature that every model uses is missing from November on."
)
def replay(folder: str, series: str, shuffled: bool, broken_feed: bool) -> None:
    """Replay a real series into a new registry in FOLDER, week by week, and print the registry's automatic actions.

    Outcomes arrive one week after their predictions. Models are registered when the series reaches their date. All
    else is automatic: shadow runs, promotions, refusals, alerts and rollbacks. A second run gives the same events.
    """
    from ..demo import replay as series_of

    target = Path(folder)
    if target.exists() and any(target.iterdir()):
        raise InvalidInput(f"{folder} is not empty. Give a new folder for the replay")
    if series == "flights":
        series_of.flights(target, _echo, shuffled=shuffled, broken_feed=broken_feed)
    elif broken_feed:
        raise InvalidInput("--broken-feed applies to flights. Omit it, or omit --series weather")
    else:
        series_of.weather(target, _echo, shuffled=shuffled)
    click.echo(f"Open it: model-registry dashboard {visible(folder)}")


@main.command()
@click.argument("folder", default="model_registry_demo", type=click.Path(file_okay=False))
@click.option("--rate", default=60.0, show_default=True, type=click.FloatRange(0.1, 5000), help="Flights per second.")
@click.option(
    "--delay", default=10.0, show_default=True, type=click.FloatRange(0, 3600), help="Delay of outcomes in seconds."
)
@click.option("--from-day", default=None, type=click.IntRange(0, 364), help="First day of 2013.")
@click.option("--days", default=None, type=click.IntRange(1, 365), help="Number of days. Default: all that remain.")
@click.option("--until-input-ends", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def traffic(
    folder: str,
    rate: float,
    delay: float,
    from_day: int | None,
    days: int | None,
    until_input_ends: bool,
    as_json: bool,
) -> None:
    """Send real flights to the champion of LateArrival in the demo registry FOLDER, until they end or Ctrl+C.

    Open Champion / challenger and Health in the dashboard meanwhile. In December (--from-day 343) frost sets in, which
    a model trained in summer has never seen.
    """
    from ..demo.traffic import FIRST, play

    if not is_registry(folder):
        raise NoRegistry(f"no registry at {folder}. Create a demo: model-registry demo {folder}")
    first = FIRST if from_day is None else from_day
    last = 365 if days is None else min(365, first + days)
    session = Session(folder, None, as_json)
    say = _ignore if as_json else _echo
    stopped = _input_ended() if until_input_ends else lambda: False
    try:
        count = play(folder, say, rate=rate, delay=delay, first=first, last=last, stopped=stopped)
    except KeyboardInterrupt:
        # Ctrl+C is the ordinary end.
        click.echo("Stopped.", err=True)
        return
    session.answer({"folder": str(Path(folder).absolute()), "answered": count}, [f"{count:,} flights scored."])


def _ignore(line: str) -> None:
    """What a machine need not read."""


def _echo(line: str) -> None:
    click.echo(visible(line))


def _input_ended() -> Callable[[], bool]:
    """Whether whoever holds the other end of the input is gone."""
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended.is_set
