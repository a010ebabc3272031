"""Notifications: alerts sent in the background, with retries."""

from __future__ import annotations

import json
import logging
import os
import threading
from datetime import datetime, timedelta

from .. import forks
from ..catalog import alerts, notifications
from ..errors import InvalidConfiguration, RegistryError
from ..live import Alert
from ..live.records import PAUSES
from ..records import utc_text
from . import outgoing
from .context import Context

TIMEOUT_SECONDS = 5.0
_LONGEST_WAIT = 60.0

_log = logging.getLogger("registry_core.notify")


class NotSent(Exception):
    """An attempt failed; the text says why, without any address."""


def send_due(context: Context) -> float | None:
    """Send all that is due; the seconds until more is, or None when nothing waits.

    An attempt is counted before it is made, so several processes never send one message at once. A process that dies
    between sending and noting so leaves a message that is sent again: at least once, never silently not at all.
    """
    while True:
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
            continue
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


def send(channel: str, alert: Alert) -> None:
    """Send one alert to one address.

    Raises:
        NotSent: and why.
    """
    address = channel
    if channel.startswith("env:"):
        address = os.environ.get(channel.removeprefix("env:"), "")
        if not address:
            raise NotSent(f"the environment variable {channel.removeprefix('env:')} is not set in this process")
    try:
        problem = outgoing.wrong(address)
        if problem:
            raise NotSent(problem)
        with outgoing.only_allowed() as refused:
            try:
                if address.partition(":")[0].lower() in outgoing.WEB_SCHEMES:
                    _post(address, alert)
                else:
                    _by_apprise(address, alert)
            except NotSent as error:
                # Libraries tell of a refused connection in words of their own, or not at all.
                raise NotSent(refused[-1] if refused else str(error)) from None
    except InvalidConfiguration as error:
        raise NotSent(str(error)) from None


def _post(address: str, alert: Alert) -> None:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    # Of urllib's handlers those for http and https only: an address must not name a file.
    opener = OpenerDirector()
    for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler(), Stay()):
        opener.add_handler(handler)
    body = json.dumps(message(alert)).encode()
    try:
        request = Request(address, body, {"Content-Type": "application/json"}, method="POST")
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            status = answer.status
    except HTTPError as error:
        error.close()
        status = error.code
    except (OSError, HTTPException, ValueError) as error:
        # Their texts may quote the address, and an address may hold a secret.
        why = getattr(error, "reason", None)
        raise NotSent(
            f"the address cannot be reached ({type(why if isinstance(why, Exception) else error).__name__})"
        ) from None
    if not 200 <= status < 300:
        raise NotSent(f"the address returned HTTP status {status}")


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


def _by_apprise(address: str, alert: Alert) -> None:
    try:
        import apprise
    except ModuleNotFoundError:
        raise NotSent(
            "addresses other than http and https require: pip install 'model-registry-dashboard[notify]'"
        ) from None
    try:
        # One address is one service: apprise would take a list of them, or a file that holds some, for one as well.
        asset = apprise.AppriseAsset(async_mode=False, http_redirects=False, storage_mode="memory")
        sender = apprise.Apprise.instantiate(address, asset=asset)
        if sender is None:
            raise NotSent("apprise does not support this address; see its list of services")
        sender.redirects = False  # the address may ask for them
        kind = apprise.NotifyType.FAILURE if alert.severity == "critical" else apprise.NotifyType.WARNING
        sent = sender.notify(body=alert.text, title=f"{alert.model_name}: {alert.kind}", notify_type=kind)
    except NotSent:
        raise
    except Exception as error:
        # A plug-in for one of a hundred services may raise anything; whatever it says may quote the address.
        raise NotSent(f"apprise failed with {type(error).__name__}") from None
    if not sent:
        raise NotSent("apprise could not deliver the notification; test the address with the apprise command")


class Sender:
    """A thread that sends what is due, there while something waits."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._closed = False
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
                wait = None if self._closed else send_due(self._context)
            except RegistryError as error:
                _log.warning("notifications wait in the outbox: %s", error)
                wait = None
            with self._lock:
                if self._closed or (wait is None and not self._news.is_set()):
                    self._thread = None
                    return
            self._news.wait(None if wait is None else min(max(wait, 0.05), _LONGEST_WAIT))


def wake(context: Context) -> None:
    """Send what was just committed, behind the caller's back; nothing happens where nothing waits."""
    if notifications.next_due(context.database, len(PAUSES)) is not None:
        context.part(Sender).wake()
