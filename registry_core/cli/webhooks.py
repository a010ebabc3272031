"""The commands of webhooks: addresses that are told of events."""

from __future__ import annotations

import dataclasses

import click

from registry_core import InvalidInput, Registry, Webhook, WebhookDelivery, WebhookSecret

from .console import Session, main, shared
from .options import options_of
from .output import table, visible, when

_kinds = click.option(
    "--kind", "kinds", multiple=True, metavar="KIND", help="Kind of events, such as promoted; repeat it for several."
)
_NAMES = "Model name, or a pattern such as fraud-*; * includes events about no model name."


@main.group()
def webhook() -> None:
    """Tell other programs and chats of events."""


@webhook.command("add")
@click.argument("name")
@click.argument("address")
@_kinds
@click.option("--model-names", default="*", show_default=True, help=_NAMES)
@options_of(Registry.add_webhook)
@shared
def add_webhook(
    session: Session,
    name: str,
    address: str,
    kinds: tuple[str, ...],
    model_names: str,
    reason: str,
    actor: str | None,
) -> None:
    """Tell ADDRESS of every event from now on, and print the secret that signs the messages once.

    ADDRESS is https://..., an address of apprise such as slack://..., or env:NAME, which is read from that environment
    variable by the process that sends: `model-registry dashboard`, `serve` or `watch`.
    """
    with session.open() as registry:
        made = registry.add_webhook(name, address, kinds=kinds, model_names=model_names, actor=actor, reason=reason)
    _answer(session, made, f"Webhook {visible(made.webhook.name)} is told of {_about(made.webhook)}.")


def _answer(session: Session, made: WebhookSecret, sentence: str) -> None:
    lines = [sentence]
    if made.secret is not None:
        lines += ["The secret is not shown again:", f"  {made.secret}"]
    session.answer({"webhook": dataclasses.asdict(made.webhook), "secret": made.secret}, lines)


def _about(hook: Webhook) -> str:
    kinds = ", ".join(hook.kinds) or "all events"
    return kinds if hook.model_names == "*" else f"{kinds} of {visible(hook.model_names)}"


@webhook.command("list")
@shared
def list_webhooks(session: Session) -> None:
    """List webhooks with their last delivery, and what waits or failed."""
    with session.open() as registry:
        found = registry.webhooks()
    rows = [
        [each.name, each.address, _about(each), each.state, when(each.delivered_at), each.waiting, each.given_up,
         each.failure]
        for each in found
    ]  # fmt: skip
    headings = ["name", "address", "events", "state", "last delivery (UTC)", "waiting", "given up", "failure"]
    session.answer(
        {"webhooks": [dataclasses.asdict(each) for each in found]},
        table(headings, rows, right=["waiting", "given up"])
        if rows
        else ["No webhooks. `model-registry webhook add NAME ADDRESS` adds one."],
    )


@webhook.command("set")
@click.argument("name")
@click.option("--enable/--disable", "enabled", default=None, help="Send events, or no longer.")
@_kinds
@click.option("--all-kinds", is_flag=True, help="Events of all kinds.")
@options_of(
    Registry.set_webhook,
    model_names=_NAMES,
    rotate_secret="Make a new secret. Also accepts a webhook that was added in another installation.",
)
@shared
def set_webhook(
    session: Session,
    name: str,
    enabled: bool | None,
    kinds: tuple[str, ...],
    all_kinds: bool,
    model_names: str | None,
    rotate_secret: bool,
    reason: str,
    actor: str | None,
) -> None:
    """Change the webhook NAME; what is omitted stays."""
    if kinds and all_kinds:
        raise InvalidInput("--kind and --all-kinds exclude each other. Give one of them")
    with session.open() as registry:
        made = registry.set_webhook(
            name, enabled=enabled, kinds=kinds if kinds or all_kinds else None, model_names=model_names,
            rotate_secret=rotate_secret, actor=actor, reason=reason,
        )  # fmt: skip
    _answer(session, made, f"Webhook {visible(name)}: {made.webhook.state}, {_about(made.webhook)}.")


@webhook.command("remove")
@click.argument("name")
@options_of(Registry.remove_webhook)
@shared
def remove_webhook(session: Session, name: str, reason: str, actor: str | None) -> None:
    """Remove the webhook NAME with its log of deliveries."""
    with session.open() as registry:
        registry.remove_webhook(name, actor=actor, reason=reason)
    session.answer({"removed": name}, [f"Webhook {visible(name)} is removed."])


@webhook.command("test")
@click.argument("name")
@shared
def send_test(session: Session, name: str) -> None:
    """Send a test message to the webhook NAME now."""
    with session.open() as registry:
        delivery = registry.test_webhook(name)
    session.answer(dataclasses.asdict(delivery), [_outcome(delivery)])


def _outcome(delivery: WebhookDelivery) -> str:
    if delivery.failure:
        return f"Not delivered: {visible(delivery.failure)}."
    status = "" if delivery.status is None else f" (HTTP status {delivery.status})"
    return f"Delivered{status}."


@webhook.command("deliveries")
@click.argument("name", required=False)
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="Number of deliveries.")
@shared
def deliveries(session: Session, name: str | None, limit: int) -> None:
    """Show the log of deliveries, of all webhooks or of NAME, newest first."""
    with session.open() as registry:
        found = registry.webhook_deliveries(name, limit=limit)
    rows = [
        [each.delivery_id, each.webhook, each.kind, each.model_name or "-", when(each.at), each.state, each.attempts,
         each.failure]
        for each in found
    ]  # fmt: skip
    headings = ["delivery", "webhook", "kind", "model name", "at (UTC)", "state", "attempts", "failure"]
    session.answer(
        {"deliveries": [dataclasses.asdict(each) for each in found]},
        table(headings, rows, right=["attempts"]) if rows else ["No deliveries yet."],
    )


@webhook.command("resend")
@click.argument("delivery_id")
@shared
def resend(session: Session, delivery_id: str) -> None:
    """Send a delivery once more now, with the same id."""
    with session.open() as registry:
        delivery = registry.resend_delivery(delivery_id)
    session.answer(dataclasses.asdict(delivery), [_outcome(delivery)])
