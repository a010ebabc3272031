"""Notifications: alerts and webhooks sent in the background, with retries."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

from .. import forks
from ..catalog import alerts, notifications
from ..errors import RegistryError
from ..live import Alert
from ..live.records import PAUSES
from ..records import utc_text
from . import deliveries
from .context import Context
from .posting import TIMEOUT_SECONDS, Message, NotSent
from .posting import send as post

_LONGEST_WAIT = 60.0
#: How often a process that stays looks for what others left.
_LOOK_SECONDS = 5.0

_log = logging.getLogger("registry_core.notify")


def send_due(context: Context, ended: Callable[[], bool] = lambda: False) -> float | None:
    """Send all that is due; the seconds until more is, or None when nothing waits.

    An attempt is counted before it is made, so several processes never send one message at once. A process that dies
    between sending and noting so leaves a message that is sent again: at least once, never silently not at all.

    Args:
        ended: asked before each attempt: whether to stop.
    """
    turns = deliveries.Turns()
    while not ended():
        # In turn, so that neither waits for a long queue of the other.
        waits = [each for each in (_send_alert(context), deliveries.send_next(context, turns)) if each is not None]
        if not waits:
            return None
        if min(waits) > 0:
            return min(waits)
    return None


def _send_alert(context: Context) -> float | None:
    """Attempt the next message about an alert; the seconds until one is due, 0 after an attempt, None without any."""
    # Asked without the lock first: whoever watches asks every minute.
    waits = notifications.next_due(context.database, len(PAUSES))
    now = context.now()
    if waits is None:
        return None
    if waits > utc_text(now):
        return (datetime.fromisoformat(waits) - now).total_seconds()
    later = [utc_text(now + timedelta(seconds=pause)) for pause in PAUSES]
    with context.database.transaction() as transaction:
        due = notifications.claim(transaction, utc_text(now), later)
    if due is None:
        return 0.0
    alert = alerts.find(context.database, due.alert_id)
    assert alert is not None
    failure = ""
    try:
        send(due.channel, alert)
    except NotSent as error:
        given_up = f"; given up after {due.attempts} attempts" if due.attempts == len(PAUSES) else ""
        failure = f"{error}{given_up}"
    with context.database.transaction() as transaction:
        notifications.settle(transaction, due, None if failure else utc_text(context.now()), failure)
    return 0.0


def send(channel: str, alert: Alert) -> None:
    """Send one alert to one address.

    Raises:
        NotSent: and why.
    """
    body = json.dumps(message(alert)).encode()
    level: Literal["failure", "warning"] = "failure" if alert.severity == "critical" else "warning"
    post(channel, Message(body, f"{alert.model_name}: {alert.kind}", alert.text, level=level))


def message(alert: Alert) -> dict[str, object]:
    """What is posted. Chat services that take JSON show ``text``."""
    return {
        "text": f"{alert.severity}: {alert.text}",
        "alert_id": alert.alert_id,
        "model_name": alert.model_name,
        "model_id": alert.model_id,
        "kind": alert.kind,
        "severity": alert.severity,
        "status": alert.status,
        "opened_at": alert.opened_at,
        "evidence": dict(alert.evidence),
    }


class Sender:
    """A thread that sends what is due, there while something waits."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._closed = False
        self._stays = False
        self._failure = ""
        self._thread: threading.Thread | None = None
        forks.survive(self)

    def after_fork(self, *, child: bool) -> None:
        """A child has no thread yet; the parent's goes on sending."""
        if child:
            self._thread, self._news = None, threading.Event()

    def wake(self) -> None:
        """Look now, in a thread of its own; returns at once."""
        with self._lock:
            self._news.set()
            if not self._closed and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._run, name="registry-notify", daemon=True)
                self._thread.start()

    def stay(self) -> None:
        """Also send what other processes left, from now until the registry is closed."""
        self._stays = True
        self.wake()

    def close(self) -> None:
        """Stop; what was not sent stays in the outbox for ``model-registry watch`` or the next process."""
        with self._lock:
            self._closed = True
            self._news.set()
            thread = self._thread
        if thread is not None:
            thread.join(TIMEOUT_SECONDS + 1)

    def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                wait = send_due(self._context, lambda: self._closed)
                self._failure = ""
            except RegistryError as error:
                if str(error) != self._failure:
                    # One that stays would say the same every few seconds.
                    _log.warning("notifications wait in the outbox: %s", error)
                self._failure, wait = str(error), None
            if self._stays:
                wait = _LOOK_SECONDS if wait is None else min(wait, _LOOK_SECONDS)
            with self._lock:
                if self._closed or (wait is None and not self._news.is_set()):
                    self._thread = None
                    return
            self._news.wait(None if wait is None else min(max(wait, 0.05), _LONGEST_WAIT))


def wake(context: Context) -> None:
    """Send what was just committed, behind the caller's back; nothing happens where nothing waits."""
    if notifications.next_due(context.database, len(PAUSES)) is not None:
        context.part(Sender).wake()


def wake_sender(context: Context) -> None:
    """Send what a commit left for webhooks, in the background; a commit is none the worse where no thread starts."""
    with suppress(RuntimeError):
        context.part(Sender).wake()


def keep_sending(context: Context) -> None:
    """See ``Registry.keep_sending``."""
    context.part(Sender).stay()
