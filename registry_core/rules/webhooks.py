"""What a webhook gets: which events, in which words, and how they are signed."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Collection
from fnmatch import fnmatchcase
from hashlib import sha256

from ..events import EventKind

#: What a secret begins with, in the Standard Webhooks specification (standardwebhooks.com).
SECRET_PREFIX = "whsec_"


def matches(kinds: Collection[str], model_names: str, kind: str, model_name: str | None) -> bool:
    """Whether a webhook for these kinds (none: all) and model names is told of an event."""
    if kinds and kind not in kinds:
        return False
    return model_names == "*" or (model_name is not None and fnmatchcase(model_name, model_names))


def delivery_id(webhook: str, event_hash: str) -> str:
    """The id of the delivery of an event: the same whenever it is made again, also by a restored backup."""
    return f"msg_{sha256(f'{event_hash} {webhook}'.encode()).hexdigest()[:32]}"


def secret(key: bytes) -> str:
    """A key as it is given to the receiver."""
    return SECRET_PREFIX + b64encode(key).decode()


def signature(secret: str, delivery_id: str, timestamp: int, body: bytes) -> str:
    """The header ``Webhook-Signature`` of a message, version 1 of the Standard Webhooks specification.

    Args:
        timestamp: whole seconds since 1970.
    """
    signed = b".".join((delivery_id.encode(), str(timestamp).encode(), body))
    key = b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + b64encode(hmac.digest(key, signed, "sha256")).decode()


def sentence(kind: str, about: str | None, actor: str, reason: str) -> str:
    """An event in one line, for chats: label, version or model name, actor, reason."""
    text = f"{EventKind.label_of(kind)}: {about}" if about else EventKind.label_of(kind)
    return f"{text} by {actor}{f' ({reason})' if reason else ''}"
