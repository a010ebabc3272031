"""Drift of features and scores against the training reference. It opens alerts and never rolls back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from ...catalog import alerts, models
from ...catalog.telemetry import windows as stored
from ...live import Drift
from ...records import Deployment
from ...rules.live import drift
from ...rules.live.drift import FeatureReference
from ...rules.live.histogram import EMPTY
from ...rules.sentences import listed
from ..alert import open_alert
from ..context import Context
from ..model_records import record, require
from ..timestamps import DAY, microseconds
from . import traffic
from .champion import close_if_over

#: How many whole days are looked at: a week evens out its days.
DAYS = 7
#: Between two looks that nobody asked for.
PAUSE = timedelta(hours=1)
MOVED = ("warning", "critical")
_ORDER = ("critical", "warning", "none", "not enough")


def judged(context: Context, current: Deployment) -> tuple[Drift, ...]:
    """Every input of the reference, and the score, over the last whole week of this deployment; the worst first.

    Before there is one, over all there is: what has not moved is known then, what has may be a day of the week.
    """
    reference = record(context, require(context.database, current.model_id)).reference
    if not reference:
        return ()
    began = microseconds(datetime.fromisoformat(current.started_at))
    today = microseconds(context.now()) // DAY * DAY
    since, until = today - DAYS * DAY, today
    whole = began <= since
    if not whole:
        # Inputs are counted by model and day: of the day it became champion, what it was asked before counts as well.
        since, until = began // DAY * DAY, today + DAY
    days = stored.input_counts(context.telemetry, current.model_id, since, until)
    counts: dict[str, list[int]] = {}
    for text in days.values():
        for name, found in json.loads(text).items():
            counts[name] = [a + b for a, b in zip(counts[name], found, strict=True)] if name in counts else found
    judgements = []
    for each in reference.get("features", ()):
        known = FeatureReference.from_dict(each)
        live = counts.get(known.feature, [0] * len(known.counts))
        if len(live) == len(known.counts):
            judgements.append(drift.judge(known, np.array(live, np.int64), whole=whole))
    if "score" in reference:
        scores = EMPTY
        for start, _, sums in traffic.of_deployment(context, current, None, since, detail=True):
            if start < until and sums.detail is not None:
                scores = scores + sums.detail.scores
        known = FeatureReference.from_dict(reference["score"])
        judgements.append(drift.judge(known, drift.counts_of_scores(known, scores), whole=whole))
    return tuple(sorted(judgements, key=lambda each: (_ORDER.index(each.state), -(each.psi or 0.0))))


def moved(champion: str, found: Sequence[Drift]) -> str | None:
    """What has moved, in words that begin with the champion's name; None where nothing has."""
    those = [each for each in found if each.state in MOVED]
    if not those:
        return None
    return (
        f"{champion}: the features of live requests have drifted from its training data: "
        f"{listed([each.feature for each in those])} ({those[0].sentence}). Its predictions may still be right: check "
        "its live metrics before you act"
    )


def look(context: Context, current: Deployment, *, thorough: bool) -> list[str]:
    """Open and close the alert about drift; what was done, in sentences."""
    place, now = ("drift", current.deployment_id), context.now()
    last = context.looked.get(place)
    if not thorough and last is not None and now - last < PAUSE:
        return []
    context.looked[place] = now
    found = judged(context, current)
    named = models.display_name(context.database, current.model_id)
    text = moved(named, found)
    key = f"drift:{current.deployment_id}"
    held = alerts.unresolved(context.database, current.model_name, key)
    if text is not None and held is None:
        with context.database.transaction() as transaction:
            opened = open_alert(
                context, transaction, now, model_name=current.model_name, model_id=current.model_id, kind="drift",
                severity="warning", key=key, text=text,
                evidence={"features": [each.feature for each in found if each.state in MOVED]},
            )  # fmt: skip
        return [text] if opened else []
    if held is not None and text is None and drift.over(found):
        text = "features and scores match the training data again"
        with context.database.transaction() as transaction:
            close_if_over(context, transaction, held, text)
        return [f"{named}: {text}"]
    return []
