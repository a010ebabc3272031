"""Where a notification may go: which schemes, and which addresses they may lead to.

Whoever may change the settings chooses where alerts are sent, and the registry's own machine reaches what they cannot:
its loopback, its network, a cloud's metadata service. So only public addresses are connected to, unless whoever runs
the process says otherwise in its environment, where no setting and no folder from elsewhere reaches.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ..errors import InvalidConfiguration

#: Networks that are not public and may be connected to nevertheless, separated by commas: ``10.20.0.0/16,127.0.0.1``.
PRIVATE_NETWORKS = "MODEL_REGISTRY_NOTIFY_PRIVATE"
#: Sent by the registry itself.
WEB_SCHEMES = ("http", "https")
#: Sent by apprise: those of its services that use HTTP or SMTP and nothing else of the machine.
APPRISE_SCHEMES = (
    "discord", "form", "forms", "gchat", "gotify", "gotifys", "ifttt", "json", "jsons", "mailgun", "mailto", "mailtos",
    "mmost", "mmosts", "ntfy", "ntfys", "opsgenie", "pagerduty", "pagertree", "pbul", "pover", "prowl", "resend",
    "rocket", "rockets", "sendgrid", "signl4", "slack", "sns", "splunk", "squadcast", "tgram", "twilio", "victorops",
    "vonage", "webex", "workflow", "workflows", "wxteams", "xml", "xmls", "zulip",
)  # fmt: skip

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class AddressRefused(OSError):
    """A connection was about to be made to an address that is not allowed; the text says to which."""


def check(channels: Iterable[str]) -> None:
    """Refuse what could never be sent, before it becomes a setting.

    Names are looked up when something is sent, and not here: what they lead to may change at any time.

    Raises:
        InvalidConfiguration: a scheme is not allowed, or a host is an address that is not public.
    """
    for channel in channels:
        problem = wrong(channel)
        if problem:
            raise InvalidConfiguration(f"monitoring.notify: {problem}")


def wrong(channel: str) -> str:
    """Why an address can never be sent to, without what may be secret in it; empty where it can."""
    scheme, separator, _ = channel.partition(":")
    if scheme == "env" and separator:
        return ""
    if scheme.lower() not in (*WEB_SCHEMES, *APPRISE_SCHEMES) or not channel[len(scheme) :].startswith("://"):
        return (
            f"addresses that begin with {scheme[:20]!r} are not allowed. Use https://..., env:NAME, or a scheme of "
            f"apprise's: {', '.join(APPRISE_SCHEMES)}"
        )
    try:
        host = urlsplit(channel).hostname or ""
    except ValueError:
        return f"the address after {scheme}:// is malformed; correct it"
    if host.rstrip(".").lower() == "localhost":
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return refusal(address)


def refusal(address: _Address) -> str:
    """Why an address is not connected to, in words; empty where it is."""
    reached = _reached(address)
    if reached.is_global and not reached.is_multicast:
        return ""
    if any(reached in network for network in _private_networks() if network.version == reached.version):
        return ""
    return (
        f"{reached} is not a public address, so nothing is sent there. To allow it, set the environment variable "
        f"{PRIVATE_NETWORKS} of this process to a network that contains the address"
    )


def _reached(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address stands for, where it stands for one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _private_networks() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    texts = [text.strip() for text in os.environ.get(PRIVATE_NETWORKS, "").split(",")]
    try:
        return [ipaddress.ip_network(text) for text in texts if text]
    except ValueError as error:
        raise InvalidConfiguration(
            f"the environment variable {PRIVATE_NETWORKS} is not a list of networks ({error}); an example is "
            "10.20.0.0/16,127.0.0.1"
        ) from error


class _Guarded(threading.local):
    """The refusals of this thread; None while its connections are nobody's business."""

    refused: list[str] | None = None


_guarded = _Guarded()
_hooking = threading.Lock()
_hooked = False


@contextmanager
def only_allowed() -> Iterator[list[str]]:
    """Until it ends, this thread connects to allowed addresses only; gives the list that refusals are added to.

    The address is judged at the moment the socket connects to it. So there is no time between the look-up of a name
    and its use in which it could come to mean something else, and whatever a library follows, a redirect or a proxy,
    passes here too.
    """
    _install()
    outer, _guarded.refused = _guarded.refused, []
    try:
        yield _guarded.refused
    finally:
        _guarded.refused = outer


def _install() -> None:
    """An audit hook sees every connection that Python makes, by whatever library; it cannot be taken off again."""
    global _hooked
    with _hooking:
        if not _hooked:
            sys.addaudithook(_judge)
            _hooked = True


def _judge(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("socket.connect", "socket.sendto", "socket.sendmsg") or _guarded.refused is None:
        return
    where = arguments[1]
    if event == "socket.sendmsg" and where is None:  # to whom the socket is connected already
        return
    try:
        problem = refusal(ipaddress.ip_address(where[0].partition("%")[0]))
    except (ValueError, TypeError, AttributeError, IndexError):
        problem = "the host name did not resolve to an IP address, so nothing is sent there"
    if problem:
        _guarded.refused.append(problem)
        raise AddressRefused(problem)
