"""What an operator sees of the API: a line of the log, figures and, where it is set up, a trace of each request.

Nothing of it has tokens, queries, bodies or model names.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import StorageError
from ..maintenance import Readiness
from ..registry import Registry

#: The id of the request that is being answered; it is also the reference of an error in it.
request_id: ContextVar[str] = ContextVar("request_id", default="")

_log = logging.getLogger("model_registry.requests")
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Figures:
    """The figures of a server, for Prometheus: of its requests, and of a registry."""

    def __init__(self) -> None:
        self._collected = CollectorRegistry()
        self.seconds = Histogram(
            "model_registry_request_seconds",
            "Duration of API requests, by route and status",
            ("method", "route", "status"),
            registry=self._collected,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
        )

    def text(self, registry: Registry, readiness: Readiness) -> bytes:
        """All figures, of a registry as its caller sees it, in Prometheus' text format."""
        of_caller = CollectorRegistry()
        of_caller.register(_OfRegistry(registry, readiness))
        return generate_latest(self._collected) + generate_latest(of_caller)


class _OfRegistry(Collector):
    def __init__(self, registry: Registry, readiness: Readiness) -> None:
        self._registry, self._readiness = registry, readiness

    def collect(self) -> Iterator[Metric]:
        """Read the figures."""
        ready = GaugeMetricFamily(
            "model_registry_engine_ready", "Whether an engine of the registry answers", labels=("engine",)
        )
        for engine, wrong in self._readiness.engines.items():
            ready.add_metric((engine,), float(not wrong))
        yield ready
        try:
            yield from _of_catalog(self._registry)
        except StorageError as error:
            # The engine that does not answer is among the figures above.
            _log.warning("Figures of the registry cannot be read: %s", error)


def _of_catalog(registry: Registry) -> Iterator[Metric]:
    names = registry.summaries()
    yield _gauge("model_names", "Model names", len(names))
    yield _gauge("model_names_without_champion", "Model names without a champion",
                 sum(each.champion is None for each in names))  # fmt: skip
    yield _gauge("versions", "Versions, those in the trash included", registry.count_models())
    yield _gauge("revision", "Number of events in the audit log", registry.revision())
    alerts = GaugeMetricFamily("model_registry_open_alerts", "Open alerts, by severity", labels=("severity",))
    found = Counter(each.severity for each in registry.alerts() if each.resolved_at is None)
    for severity, count in sorted({"warning": 0, "critical": 0, **found}.items()):
        alerts.add_metric((severity,), count)
    yield alerts


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"model_registry_{name}", about, value=value)


class Observed:
    """Gives each request an id, and notes it when it was answered."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app, self._figures = app, figures
        self._span = _spans()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        own = given if _WELL_FORMED.fullmatch(given) else secrets.token_hex(8)
        token, began, status = request_id.set(own), time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = own
            await send(message)

        try:
            with self._span(scope) as span:
                await self._app(scope, receive, noted)
                if span is not None:
                    span.set_attributes({"http.response.status_code": status, "http.route": _route(scope)})
        finally:
            self._note(scope, own, status, time.perf_counter() - began)
            request_id.reset(token)

    def _note(self, scope: Scope, own: str, status: int, seconds: float) -> None:
        # Any text may stand where a method does: as a label, each would be a series of its own.
        method, route = scope["method"] if scope["method"] in _METHODS else "other", _route(scope)
        self._figures.seconds.labels(method, route, str(status)).observe(seconds)
        _log.info(
            "%s %s %d %.1f ms", method, route, status, seconds * 1000,
            extra={
                "request_id": own, "method": method, "route": route, "status": status,
                "milliseconds": round(seconds * 1000, 1), "caller": scope.get("state", {}).get("caller", ""),
            },
        )  # fmt: skip


def _route(scope: Scope) -> str:
    """The path of a route, as it was declared: what a caller put into it is not told."""
    return getattr(scope.get("route"), "path", "") or "other"


def _spans() -> Callable[[Scope], AbstractContextManager[Any]]:
    """What makes a span of a request: OpenTelemetry's, where the environment says where to send them."""
    if not any(name.startswith("OTEL_EXPORTER_OTLP") for name in os.environ) or not _exported():
        return lambda scope: nullcontext()
    from opentelemetry import propagate, trace

    tracer = trace.get_tracer("model_registry")
    return lambda scope: tracer.start_as_current_span(
        f"{scope['method']} API",
        propagate.extract(dict(Headers(scope=scope))),
        kind=trace.SpanKind.SERVER,
        attributes={"http.request.method": scope["method"], "request_id": request_id.get()},
    )


def _exported() -> bool:
    """Send spans where the environment says, unless whoever started the process has seen to it; False if it cannot."""
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        _log.warning(
            "no traces are sent: OTEL_EXPORTER_OTLP is set, and %s is not installed; "
            "pip install 'model-registry-dashboard[tracing]'",
            error.name,
        )
        return False
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    return True
