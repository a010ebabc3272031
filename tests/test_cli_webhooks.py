"""The commands of webhooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_core import Registry
from registry_core.actions import notify
from tests.actions.test_webhooks import Receiver, by_hand, happen, receiver
from tests.commands import answer, refused, run

__all__ = ["by_hand", "receiver"]


def test_a_webhook_from_its_addition_to_its_removal(
    registry_folder: Path, sqlite_registry: Registry, receiver: Receiver
) -> None:
    assert "No webhooks" in run(registry_folder, "webhook", "list").stdout
    assert "No deliveries yet" in run(registry_folder, "webhook", "deliveries").stdout
    made = answer(
        registry_folder, "webhook", "add", "ci", receiver.address, "--kind", "pinned", "--model-names", "Ch*",
        "--reason", "the bot",
    )  # fmt: skip
    assert made["secret"].startswith("whsec_")
    assert sqlite_registry.events(limit=1)[0].reason == "the bot"
    listed = run(registry_folder, "webhook", "list").stdout
    assert "pinned of Ch*" in listed
    assert made["secret"] not in listed
    assert "s3cret" not in listed
    assert "Delivered (HTTP status 200)." in run(registry_folder, "webhook", "test", "ci").stdout
    receiver.answers = [500, 500]
    happen(sqlite_registry, "Churn", "Rain")
    notify.send_due(sqlite_registry._context)
    assert "the address returned HTTP status 500" in run(registry_folder, "webhook", "deliveries", "ci").stdout
    log = answer(registry_folder, "webhook", "deliveries", "ci")["deliveries"]
    (waiting,) = [each for each in log if each["state"] == "waiting"]
    assert (waiting["kind"], waiting["model_name"], waiting["attempts"]) == ("pinned", "Churn", 1)
    assert "Not delivered" in run(registry_folder, "webhook", "resend", waiting["delivery_id"]).stdout
    assert answer(registry_folder, "webhook", "resend", waiting["delivery_id"])["state"] == "delivered"
    said = run(registry_folder, "webhook", "set", "ci", "--disable", "--all-kinds", "--rotate-secret").stdout
    assert "Webhook ci: disabled, all events of Ch*." in said
    assert "whsec_" in said
    refused(registry_folder, 2, "InvalidInput", "webhook", "set", "ci", "--all-kinds", "--kind", "pinned")
    refused(registry_folder, 4, "StateConflict", "webhook", "set", "ci", "--disable")
    refused(registry_folder, 3, "NotFound", "webhook", "test", "absent")
    refused(registry_folder, 2, "InvalidInput", "webhook", "add", "x", "file:///etc/passwd")
    answer(registry_folder, "webhook", "remove", "ci")
    assert answer(registry_folder, "webhook", "list") == {"webhooks": []}


@pytest.mark.usefixtures("by_hand")
def test_watch_sends_what_others_left(registry_folder: Path, sqlite_registry: Registry, receiver: Receiver) -> None:
    sqlite_registry.add_webhook("ci", receiver.address)
    numbers = happen(sqlite_registry, "Churn")
    answer(registry_folder, "watch", "--once")
    assert receiver.told() == numbers
