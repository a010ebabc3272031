"""Queries about live traffic and files: their answers are shared by all sessions, and kept for seconds.

Traffic does not move the registry's revision, so these answers are also as old as a clock allows. However many look at
a page that refreshes itself, each question is asked once in that time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from dashboard.session import View
from registry_core import (
    Alert,
    CleanupPlan,
    Experiment,
    HealthReport,
    LivePerformance,
    NoModelAvailable,
    SpaceReport,
    Trashed,
    Window,
)

Every = Literal["window", "day", "week"]


def health(view: View, name: str) -> HealthReport:
    """How the champion of a model name stands."""
    return view.shared.recall_briefly(
        ("health", name, view.revision), lambda: view.registry.check_health(name, act=False)
    )


def windows(view: View, name: str, since: datetime | None, every: Every, at_most: int | None = None) -> list[Window]:
    """How the models of a name did in production, oldest first. ``since`` is cut to its minute, to be asked alike."""
    start = since and since.replace(second=0, microsecond=0)
    key = ("windows", name, start, every, at_most, view.revision)
    return view.shared.recall_briefly(
        key, lambda: view.registry.performance_history(name, since=start, every=every, at_most=at_most)
    )


def performance(view: View, name: str, since: datetime | None) -> LivePerformance | None:
    """What all labels of the champion say together, of its deployment since then; None without a champion."""
    start = since and since.replace(second=0, microsecond=0)

    def ask() -> LivePerformance | None:
        try:
            return view.registry.live_performance(name, since=start)
        except NoModelAvailable:
            return None

    return view.shared.recall_briefly(("performance", name, start, view.revision), ask)


def alerts(view: View, name: str | None = None, *, resolved: bool = False) -> list[Alert]:
    """What a person should know of, newest first. Notifications are sent without a change of revision."""
    key = ("alerts", name, resolved, view.revision)
    return view.shared.recall_briefly(key, lambda: view.registry.alerts(name, resolved, limit=100))


def experiments(view: View) -> list[Experiment]:
    """Every experiment that has not ended."""

    def ask() -> list[Experiment]:
        return [each for each in view.registry.experiments() if each.ended_at is None]

    return view.shared.recall_briefly(("experiments", view.revision), ask)


def recent_days(name: str, view: View) -> list[Window]:
    """What was asked of a name in the last three months, by day."""
    return windows(view, name, datetime.now(UTC) - timedelta(days=90), "day")


def versions(name: str, view: View) -> dict[str, str]:
    """The version of every model that has been champion of a name, by id."""
    return {row["model_id"]: row["version"] for row in view.deployed(name)}


#: For so many seconds all sessions share a plan and a picture of the space.
SECONDS = 60.0


def plan_of(name: str | None, view: View) -> CleanupPlan:
    """What the policy would do now."""
    key = ("cleanup plan", name, view.revision)
    return view.shared.recall_briefly(key, lambda: view.registry.plan_cleanup(name), SECONDS)


def compressible(name: str | None, days: float, view: View) -> list[str]:
    """The versions whose files would be compressed, by their ids."""
    key = ("compressible", name, days, view.revision)
    return view.shared.recall_briefly(key, lambda: view.registry.compressible(days, model_name=name), SECONDS)


def trash_of(name: str | None, view: View) -> list[Trashed]:
    """What is in the trash."""
    key = ("trash", name, view.revision)
    return view.shared.recall_briefly(key, lambda: view.registry.trash(name), SECONDS)


def space_of(view: View) -> SpaceReport:
    """What takes the space."""
    return view.shared.recall_briefly(("space", view.revision), view.registry.space, SECONDS)
