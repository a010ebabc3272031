"""Runs the console command in a process that may speak to this machine only, and writes down what else it tried.

``python -m tests.no_way_out RECORD dashboard FOLDER ...``: a line in RECORD for each name looked up and each address
that is not the loopback; every such call fails.
"""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import Any

LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
CONTACTS = ("socket.connect", "socket.sendto", "socket.sendmsg")


def stays_here(host: object) -> bool:
    """Whether a host is this machine: no name is looked up for it, and no packet leaves."""
    if host in (None, "", b"", "localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host)).is_loopback
    except ValueError:
        return False


def refuse_and_record(record: Path) -> None:
    """From now on, for as long as this process lives."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in LOOKUPS:
            host = arguments[0]
        elif event in CONTACTS and isinstance(arguments[1], tuple):  # other addresses are of sockets in a folder
            host = arguments[1][0]
        else:
            return
        if not stays_here(host):
            with record.open("a") as lines:
                lines.write(f"{event} {host}\n")
            raise ConnectionRefusedError(f"{event} {host}: there is no way out of this process")

    sys.addaudithook(hook)


if __name__ == "__main__":
    refuse_and_record(Path(sys.argv.pop(1)))
    from registry_core.cli import main

    main()
