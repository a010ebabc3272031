"""Webhooks: who is told of events, and what became of each delivery."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard import formatting, permissions, session
from dashboard.ui import change, messages, tables
from dashboard.ui.columns import Column
from dashboard.views.settings import secret
from registry_core import EventKind, RegistryError, Webhook, WebhookDelivery, WebhookSecret

#: Of so many deliveries the log is shown.
SHOWN = 100
WEBHOOKS: tuple[Column[Webhook], ...] = (
    Column("Name", lambda hook: formatting.visible(hook.name), 140, pinned=True),
    Column("State", lambda hook: hook.state, 100),
    Column("Last delivery", lambda hook: _ago(hook.delivered_at), 120),
    Column("Waiting", lambda hook: hook.waiting, 80, "count"),
    Column("Given up", lambda hook: hook.given_up, 85, "count"),
    Column("Failure", lambda hook: formatting.visible(hook.failure), 220),
    Column("Events", lambda hook: _events(hook), 220),
    Column("Address", lambda hook: formatting.visible(hook.address), 240),
)
DELIVERIES: tuple[Column[WebhookDelivery], ...] = (
    Column("Event", lambda each: EventKind.label_of(each.kind), 150, pinned=True),
    Column("State", lambda each: each.state, 90),
    Column("Model name", lambda each: formatting.visible(each.model_name or ""), 140),
    Column("Time", lambda each: _ago(each.at), 110),
    Column("Attempts", lambda each: each.attempts, 85, "count"),
    Column("Failure", lambda each: formatting.visible(each.failure), 260),
    Column("Webhook", lambda each: formatting.visible(each.webhook), 120),
    Column("Delivery", lambda each: each.delivery_id, 280),
)


def _ago(text: str | None) -> str:
    return formatting.ago(text, messages.now()) if text else "never"


def _events(hook: Webhook) -> str:
    kinds = ", ".join(map(EventKind.label_of, hook.kinds)) or "All"
    return kinds if hook.model_names == "*" else f"{kinds} of {formatting.visible(hook.model_names)}"


def section(view: session.View) -> None:
    """All webhooks, the forms to change them, and the log of deliveries."""
    refused = permissions.role_refusal(view, "webhooks", None)
    if refused is not None:
        messages.section("Webhooks", refused)
        return
    hooks = view.registry.webhooks()
    messages.section(
        "Webhooks",
        "Programs and chats that are told of events as they happen. Messages to web addresses are signed, and retried "
        "until they arrive.",
    )
    secret.show()
    if hooks:
        tables.records(WEBHOOKS, hooks, key="webhooks", alt="Webhooks with their last delivery")
    else:
        st.caption("No webhooks yet.")
    with st.expander("Add a webhook", icon=":material/add_link:", expanded=not hooks):
        _add(view)
    if not hooks:
        return
    with st.expander("Test a webhook", icon=":material/send:"):
        _test(view, hooks)
    with st.expander("Change a webhook", icon=":material/edit:"):
        _change(view, hooks)
    with st.expander("Remove a webhook", icon=":material/delete:"):
        _remove(view, hooks)
    _log(view)


def _kinds(key: str, default: Sequence[str] = ()) -> list[str]:
    return st.multiselect(
        "Events", [kind.value for kind in EventKind], default=list(default), format_func=EventKind.label_of, key=key,
        placeholder="All",
    )  # fmt: skip


def _names(key: str, default: str = "*") -> str:
    names = st.text_input(
        "Model names", value=default, key=key,
        help="A name, or a pattern such as fraud-*. * includes events about no model name.",
    )  # fmt: skip
    return (names or "").strip()


def _reason(key: str) -> str | None:
    return st.text_input("Reason (required, recorded)", key=key, max_chars=2000)


def _keep(made: WebhookSecret) -> None:
    if made.secret is not None:
        secret.keep(
            f"Secret of the webhook **{formatting.escaped(made.webhook.name)}**, which signs its messages. It is not "
            "shown again.",
            made.secret,
        )


def _add(view: session.View) -> None:
    with st.form("add-webhook", border=False):
        left, right = st.columns([2, 3])
        name = left.text_input("Name", key="webhook-name", max_chars=100)
        address = right.text_input(
            "Address", key="webhook-address", max_chars=2000, placeholder="https://...",
            help="https://..., an address of apprise such as slack://..., or env:NAME, the environment variable of the "
            "server that holds it.",
        )  # fmt: skip
        kinds, names = _kinds("webhook-kinds"), _names("webhook-names")
        reason = _reason("webhook-reason")
        if not st.form_submit_button("Add webhook", type="primary", icon=":material/add_link:"):
            return

    def act(why: str) -> None:
        _keep(
            view.registry.add_webhook(
                (name or "").strip(), (address or "").strip(), kinds=kinds, model_names=names, actor=session.actor(),
                reason=why,
            )
        )  # fmt: skip

    change.make(act, reason, f"The webhook {formatting.escaped(name or '')} was added.")


def _chosen(hooks: Sequence[Webhook], key: str) -> Webhook:
    names = {each.name: each for each in hooks}
    return names[st.selectbox("Webhook", list(names), format_func=formatting.visible, key=key)]


def _test(view: session.View, hooks: Sequence[Webhook]) -> None:
    with st.form("test-webhook", border=False):
        hook = _chosen(hooks, "webhook-test")
        if not st.form_submit_button("Send test", icon=":material/send:"):
            return
    try:
        _tell(view.registry.test_webhook(hook.name))
    except RegistryError as error:
        messages.show("error", formatting.escaped(str(error)))


def _tell(delivery: WebhookDelivery) -> None:
    """Draw the page again with what came of an attempt."""
    name = formatting.escaped(delivery.webhook)
    if delivery.failure:
        messages.post("error", f"Not delivered to {name}: {formatting.escaped(delivery.failure)}.")
    else:
        messages.post("success", f"Delivered to {name}.")
    st.rerun()


def _change(view: session.View, hooks: Sequence[Webhook]) -> None:
    hook = _chosen(hooks, "webhook-change")
    with st.form("change-webhook", border=False):
        enabled = st.toggle(
            "Enabled", value=hook.enabled, key=f"webhook-enabled-{hook.name}",
            help="Events of a time in which it is disabled are not sent.",
        )  # fmt: skip
        kinds = _kinds(f"webhook-new-kinds-{hook.name}", hook.kinds)
        names = _names(f"webhook-new-names-{hook.name}", hook.model_names)
        rotate = st.checkbox(
            "Rotate the secret", key=f"webhook-rotate-{hook.name}",
            help="The new one signs all messages from now on. This also accepts a webhook that was added in another "
            "installation.",
        )  # fmt: skip
        reason = _reason("webhook-change-reason")
        if not st.form_submit_button("Change webhook", type="primary", icon=":material/edit:"):
            return

    def act(why: str) -> None:
        _keep(
            view.registry.set_webhook(
                hook.name, enabled=enabled, kinds=kinds, model_names=names, rotate_secret=rotate,
                actor=session.actor(), reason=why,
            )
        )  # fmt: skip

    change.make(act, reason, f"The webhook {formatting.escaped(hook.name)} was changed.")


def _remove(view: session.View, hooks: Sequence[Webhook]) -> None:
    with st.form("remove-webhook", border=False):
        hook = _chosen(hooks, "webhook-remove")
        sure = st.checkbox("Remove it with its log of deliveries; those that wait are not sent", key="webhook-sure")
        reason = _reason("webhook-remove-reason")
        if not st.form_submit_button("Remove webhook", icon=":material/delete:"):
            return
    if not sure:
        messages.show("warning", "Confirm the removal. Nothing was changed.")
        return
    change.make(
        lambda why: view.registry.remove_webhook(hook.name, actor=session.actor(), reason=why),
        reason,
        f"The webhook {formatting.escaped(hook.name)} was removed.",
    )


def _log(view: session.View) -> None:
    messages.section("Deliveries", f"The newest {SHOWN}. Those that no longer wait are deleted after 30 days.")
    found = view.registry.webhook_deliveries(limit=SHOWN)
    if not found:
        st.caption("No deliveries yet.")
        return
    tables.records(DELIVERIES, found, key="deliveries", alt="Deliveries of webhooks, newest first")
    events = {each.delivery_id: each for each in found if each.event_id is not None}
    if not events:
        return
    with st.form("resend-delivery", border=False):
        chosen = st.selectbox(
            "Delivery", list(events), format_func=lambda each: _described(events[each]), key="delivery-chosen"
        )
        if not st.form_submit_button("Resend", icon=":material/replay:"):
            return
    try:
        _tell(view.registry.resend_delivery(chosen))
    except RegistryError as error:
        messages.show("error", formatting.escaped(str(error)))


def _described(delivery: WebhookDelivery) -> str:
    about = f" of {delivery.model_name}" if delivery.model_name else ""
    return formatting.visible(
        f"{EventKind.label_of(delivery.kind)}{about} to {delivery.webhook}, {delivery.state}, {_ago(delivery.at)}"
    )
