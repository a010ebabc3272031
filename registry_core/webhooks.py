"""Webhooks: addresses that are told of events, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DeliveryState = Literal["waiting", "delivered", "given up"]
#: The kind of a message that says of nothing but that messages arrive.
TEST = "test"


@dataclass(frozen=True)
class Webhook:
    """An address that is told of events.

    Attributes:
        address: without what may be secret in it.
        kinds: the kinds of events that are sent; empty: all.
        model_names: a pattern of model names, as in a grant; ``*`` includes events that are about no model name.
        accepted: False if it was added in another installation: it gets nothing until its secret is rotated here.
        waiting: how many deliveries wait for an attempt.
        given_up: how many deliveries failed at every attempt, of those that are still in the log.
        delivered_at: when something arrived there last; None: never.
        failure: why the oldest of those that wait has not arrived yet; empty if none waits for another attempt.
    """

    name: str
    address: str
    kinds: tuple[str, ...]
    model_names: str
    enabled: bool
    accepted: bool
    created_at: str
    created_by: str
    waiting: int = 0
    given_up: int = 0
    delivered_at: str | None = None
    failure: str = ""

    @property
    def state(self) -> Literal["enabled", "disabled", "not accepted"]:
        """Whether it is sent to; ``not accepted`` as long as ``accepted`` is False."""
        if not self.accepted:
            return "not accepted"
        return "enabled" if self.enabled else "disabled"


@dataclass(frozen=True)
class WebhookSecret:
    """A webhook with its secret, which is not shown again; None where it stays as it was."""

    webhook: Webhook
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class WebhookDelivery:
    """The delivery of one event, or of a test, to one webhook.

    Attributes:
        delivery_id: the same at each attempt; receivers recognise a message by it that arrives twice.
        event_id: None for a test.
        kind: the kind of the event, or ``test``.
        at: when it was taken into the log.
        attempts: how many were made.
        next_at: when the next one is due, if the delivery is waiting and no earlier one of its model name is.
        status: the HTTP status of the last answer; None where there was none.
        failure: why the last attempt failed.
    """

    delivery_id: str
    webhook: str
    event_id: int | None
    kind: str
    model_name: str | None
    at: str
    state: DeliveryState
    attempts: int
    next_at: str
    delivered_at: str | None = None
    status: int | None = None
    failure: str = ""
