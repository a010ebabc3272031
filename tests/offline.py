"""Runs tests where no packet can leave, and counts those that try.

``python -m tests.offline``, or with pytest's arguments in place of ``tests/browser``. It needs Linux, iproute2, and
root or user namespaces. The network namespace has a loopback and one way out, which ends in this program: it writes
down every packet that takes it and passes none on.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter

ROUTE = "way-out"
NAME_SERVER = "198.51.100.53"
#: Nobody has this address; one packet to it shows that packets are seen.
CONTROL = ("192.0.2.1", 9)
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_ICMP_V6, _HOP_BY_HOP = 58, 0


class WayOut:
    """The only route out of this namespace, and what was sent along it."""

    def __init__(self) -> None:
        self.packets: Counter[str] = Counter()
        self._device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self._device, _TUNSETIFF, struct.pack("16sH", ROUTE.encode(), _IFF_TUN | _IFF_NO_PI))
        for command in (
            "link set lo up",
            f"addr add 198.51.100.1/24 dev {ROUTE}",
            f"link set {ROUTE} up",
            f"route add default dev {ROUTE}",
            f"-6 addr add 2001:db8::1/64 dev {ROUTE} nodad",
            f"-6 route add default dev {ROUTE}",
        ):
            subprocess.run(["ip", *command.split()], check=True)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            packet = os.read(self._device, 65536)
            if packet[0] >> 4 == 4:
                protocol, target = packet[9], ipaddress.ip_address(packet[16:20])
                content = packet[(packet[0] & 15) * 4 :]
            else:
                protocol, target = packet[6], ipaddress.ip_address(packet[24:40])
                content = packet[40:]
                # The kernel itself asks its neighbours on a new device, and nobody else can.
                if protocol in (_ICMP_V6, _HOP_BY_HOP) and target.is_multicast:
                    continue
            self.packets[f"protocol {protocol} to {target}{_asked(content) if str(target) == NAME_SERVER else ''}"] += 1

    def shows_packets(self) -> bool:
        """Send one packet, and see whether it is written down."""
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"", CONTROL)
        for _ in range(500):
            if self.packets.pop(f"protocol {socket.IPPROTO_UDP} to {CONTROL[0]}", 0):
                return True
            time.sleep(0.01)
        return False


def _asked(datagram: bytes) -> str:
    """The name that a datagram to a name server asks for."""
    labels, place = [], 8 + 12
    while place < len(datagram) and datagram[place]:
        labels.append(datagram[place + 1 : place + 1 + datagram[place]].decode("ascii", "replace"))
        place += 1 + datagram[place]
    return f", which asks for {'.'.join(labels)}"


def inside(arguments: list[str]) -> int:
    """In the namespace: run the tests, and say what tried to leave."""
    way_out = WayOut()
    if not way_out.shows_packets():
        print("A packet that was sent was not seen, so nothing is proved.")
        return 2
    with tempfile.NamedTemporaryFile("w") as resolver:
        resolver.write(f"nameserver {NAME_SERVER}\n")
        resolver.flush()
        subprocess.run(["mount", "--bind", resolver.name, "/etc/resolv.conf"], check=True)
        code = subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode
    for packet, times in sorted(way_out.packets.items()):
        print(f"{times} packets of {packet}")
    print(f"{way_out.packets.total()} packets tried to leave.")
    return code or bool(way_out.packets)


def main() -> int:
    if sys.argv[1:2] == ["--inside"]:
        return inside(sys.argv[2:])
    identity = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = [sys.executable, "-m", "tests.offline", "--inside", *(sys.argv[1:] or ["tests/browser"])]
    return subprocess.run(["unshare", "--net", "--mount", *identity, *command], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
