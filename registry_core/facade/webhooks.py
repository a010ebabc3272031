"""Methods for webhooks: addresses that are told of events."""

from __future__ import annotations

from collections.abc import Sequence

from ..actions import webhooks
from ..webhooks import Webhook, WebhookDelivery, WebhookSecret
from .verbs import Verbs


class WebhookVerbs(Verbs):
    """Webhooks and their deliveries."""

    def add_webhook(
        self,
        name: str,
        address: str,
        *,
        kinds: Sequence[str] = (),
        model_names: str = "*",
        actor: str | None = None,
        reason: str = "",
    ) -> WebhookSecret:
        """Add a webhook: an address that is told of every event from now on. Its secret is shown once.

        A web address gets JSON, signed with the secret as in the Standard Webhooks specification; a chat or a phone
        gets one line of text. Deliveries of one model name arrive in the order of their events.

        Args:
            name: the program or the team that gets the events.
            address: ``https://...``, an address of apprise such as ``slack://...``, or ``env:NAME``: the address is
                then read from that environment variable of the process that sends.
            kinds: kinds of events, see ``EventKind``; empty: all.
            model_names: a name, or a pattern such as ``fraud-*``; ``*`` includes events about no model name.

        Raises:
            InvalidInput: an unknown kind, an invalid pattern, or an address that is not allowed.
            StateConflict: there is a webhook of that name.
        """
        return webhooks.add_webhook(self._context, name, address, kinds, model_names, actor, reason)

    def webhooks(self) -> list[Webhook]:
        """All webhooks by name, each with what its log of deliveries says."""
        return webhooks.webhooks(self._context)

    def set_webhook(
        self,
        name: str,
        *,
        enabled: bool | None = None,
        kinds: Sequence[str] | None = None,
        model_names: str | None = None,
        rotate_secret: bool = False,
        actor: str | None = None,
        reason: str = "",
    ) -> WebhookSecret:
        """Change a webhook; what is omitted stays.

        Args:
            enabled: False sends nothing until it is True again. Events of the time in between are not sent.
            kinds: kinds of events; empty: all.
            model_names: as in ``add_webhook``.
            rotate_secret: make a new secret, which is shown once and signs all messages from now on. This also accepts
                a webhook that was added in another installation.

        Raises:
            InvalidInput: an unknown kind or an invalid pattern.
            NotFound: there is no such webhook.
            StateConflict: nothing would change, or it was added in another installation.
        """
        return webhooks.set_webhook(self._context, name, enabled, kinds, model_names, rotate_secret, actor, reason)

    def remove_webhook(self, name: str, *, actor: str | None = None, reason: str = "") -> None:
        """Remove a webhook with its log of deliveries. Those that wait are not sent.

        Raises:
            NotFound: there is no such webhook.
        """
        webhooks.remove_webhook(self._context, name, actor, reason)

    def test_webhook(self, name: str) -> WebhookDelivery:
        """Send a test message to a webhook now, also if it is disabled.

        Returns:
            the delivery, with the reason if it failed. A test is not retried.

        Raises:
            NotFound: there is no such webhook.
            StateConflict: it was added in another installation.
        """
        return webhooks.test_webhook(self._context, name)

    def webhook_deliveries(
        self, name: str | None = None, *, limit: int | None = 100, offset: int = 0
    ) -> list[WebhookDelivery]:
        """The log of deliveries (to a webhook), newest first. Those that no longer wait are deleted after 30 days.

        Args:
            limit: maximum number, None for all.
            offset: how many to skip.

        Raises:
            NotFound: there is no such webhook.
        """
        return webhooks.webhook_deliveries(self._context, name, limit, offset)

    def resend_delivery(self, delivery_id: str) -> WebhookDelivery:
        """Send a delivery once more now, whatever became of it; with the same id.

        Returns:
            the delivery, with the reason if it failed.

        Raises:
            NotFound: no delivery has that id.
            StateConflict: it is a test, or waits for an earlier delivery of its model name.
        """
        return webhooks.resend_delivery(self._context, delivery_id)
