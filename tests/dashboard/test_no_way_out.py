"""The running dashboard speaks to its own pages and to nobody else; Streamlit's own command does not start it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from dashboard import served
from registry_core import InvalidInput
from tests.servers import free_port, running_dashboard
from tests.visitors import visiting

ROOT = Path(__file__).resolve().parents[2]


def test_visits_uploads_and_foreign_origins_make_it_ask_nobody(registry_folder: Path, tmp_path: Path) -> None:
    record = tmp_path / "tried"
    with running_dashboard(registry_folder, program=("tests.no_way_out", str(record))) as address:
        for origin in ("http://registry.example", "http://localhost:3000", "null", address.replace("http", "ftp")):
            with pytest.raises(InvalidStatus) as refused, visiting(address, origin):
                pass
            assert refused.value.response.status_code == 403
            assert b"not the address of the dashboard" in refused.value.response.body
        with visiting(address) as visitor:
            assert "Upload" in visitor.open("upload")
            assert visitor.upload(b"content", Origin="http://registry.example")[0] == 403
            assert visitor.upload(b"content") == (204, "")
    assert not record.exists(), record.read_text()


def test_the_record_shows_who_tries(tmp_path: Path) -> None:
    record = tmp_path / "tried"
    program = (
        "import socket, sys; from pathlib import Path; from tests.no_way_out import refuse_and_record\n"
        "refuse_and_record(Path(sys.argv[1]))\n"
        "udp = socket.socket(type=socket.SOCK_DGRAM)\n"
        "for call in (lambda: socket.create_connection(('registry.example', 80)),\n"
        "             lambda: socket.create_connection(('192.0.2.1', 80)),\n"
        "             lambda: udp.sendto(b'', ('192.0.2.1', 53))):\n"
        "    try: call()\n"
        "    except ConnectionRefusedError: continue\n"
        "    raise SystemExit('it got out')\n"
    )
    subprocess.run([sys.executable, "-c", program, str(record)], cwd=ROOT, check=True)
    assert record.read_text().splitlines() == [
        "socket.getaddrinfo registry.example",
        "socket.getaddrinfo 192.0.2.1",
        "socket.sendto 192.0.2.1",
    ]


def test_streamlits_own_command_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "dashboard" / "app.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, f"--server.port={free_port()}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{served.HOW_TO_START}\n")


def test_a_page_alone_opens_no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "_address", None)
    with pytest.raises(InvalidInput, match="model-registry dashboard"):
        served.registry()
