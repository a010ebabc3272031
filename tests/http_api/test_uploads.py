"""Uploads outlive the server they were sent to: their bytes, their owners, their age and what they count against."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import stat
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from registry_core import InvalidInput, NotFound, Registry, StateConflict, StorageError
from registry_core.http_api.uploads import Limits, Upload, Uploads, folder_of
from registry_core.wire.methods import UploadedFile
from tests.http_api.serving import serving, token
from tests.servers import PATIENCE


def _send(uploads: Uploads, upload: Upload, offset: int, data: bytes) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield data

    asyncio.run(uploads.append(upload, offset, pieces()))


def _named(upload: Upload, data: bytes) -> UploadedFile:
    return UploadedFile(upload=upload.upload_id, sha256=hashlib.sha256(data).hexdigest(), name="rows.csv")


def test_an_upload_goes_on_where_another_server_left_it(tmp_path: Path) -> None:
    first = Uploads(tmp_path / "uploads")
    upload = first.begin("anna")
    _send(first, upload, 0, b"one ")
    second = Uploads(tmp_path / "uploads")
    found = second.find("anna", upload.upload_id)
    assert found.size == 4
    with pytest.raises(NotFound):
        second.find("bert", upload.upload_id)
    with pytest.raises(StateConflict, match="continue with Upload-Offset: 4"):
        _send(second, found, 0, b"two")
    _send(second, found, 4, b"two")
    with pytest.raises(InvalidInput, match="send the rest"):
        second.take("anna", _named(found, b"one"))
    # Also the one that hashed the first part only knows the whole.
    for server in (first, second):
        path = server.take("anna", _named(found, b"one two"))
        assert (path.name, path.read_bytes()) == ("rows.csv", b"one two")
    second.forget("anna", [found.upload_id])
    assert not list((tmp_path / "uploads").glob("*/*"))


def test_only_one_request_sends_to_an_upload(tmp_path: Path) -> None:
    first, second = Uploads(tmp_path), Uploads(tmp_path)
    upload = first.begin("anna")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x"
        with pytest.raises(StateConflict, match="another request"):
            await second.append(upload, 0, pieces())
        yield b"y"

    asyncio.run(first.append(upload, 0, pieces()))
    assert upload.path.read_bytes() == b"xy"


def test_limits_and_age_hold_over_a_restart(tmp_path: Path) -> None:
    limits, now = Limits(file=10, caller=12, everyone=15, uploads=2), [0.0]

    def again() -> Uploads:
        return Uploads(tmp_path / "uploads", limits, lambda: now[0])

    upload = again().begin("anna")
    now[0] = os.stat(upload.path).st_mtime
    _send(again(), upload, 0, b"x" * 10)
    with pytest.raises(StorageError, match="a file has at most 10 bytes"):
        _send(again(), upload, 10, b"x")
    second = again().begin("anna")
    with pytest.raises(StorageError, match="of one caller"):
        _send(again(), second, 0, b"xxx")
    with pytest.raises(StorageError, match="2 uploads are not used yet"):
        again().begin("anna")
    with pytest.raises(StorageError, match="of all callers"):
        _send(again(), again().begin("bert"), 0, b"x" * 6)
    now[0] += 24 * 3600 + PATIENCE
    with pytest.raises(NotFound, match="24 hours"):
        again().find("anna", upload.upload_id)
    again().begin("anna")
    assert not upload.path.exists()


@pytest.mark.parametrize("upload_id", ["", "..", "../x", "x" * 24 + "/", "\0" * 24, "é" * 24])
def test_an_id_is_no_path(tmp_path: Path, upload_id: str) -> None:
    with pytest.raises(NotFound):
        Uploads(tmp_path).find("anna", upload_id)


def test_where_uploads_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder_of(str(tmp_path)) == tmp_path / "uploads"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    found = folder_of("postgresql://registry.example/models")
    assert found.parent == tmp_path / "state" / "model-registry" / "uploads"
    assert found != folder_of("postgresql://registry.example/others")


def test_a_server_that_is_killed_keeps_what_arrived(tmp_path: Path) -> None:
    data = b"a,target\n" + b"1.25,0\n3.5,1\n" * 150_000
    with serving(tmp_path / "registry", tmp_path / "log.txt") as server, Registry(server.folder) as own:
        headers = {"authorization": f"Bearer {token(own, 'contributor')}"}
        base = f"{server.address}/api/v1"
        with httpx2.Client(base_url=base, headers=headers, timeout=PATIENCE) as client:
            upload = client.post("/uploads").json()["upload"]
            half = len(data) // 2
            client.patch(f"/uploads/{upload}", content=data[:half], headers={"upload-offset": "0"})
            server.end(signal.SIGKILL)
            server.start()
            arrived = int(client.head(f"/uploads/{upload}").headers["upload-offset"])
            assert arrived == half
            stranger = {"authorization": f"Bearer {token(own, 'contributor')}"}
            assert client.head(f"/uploads/{upload}", headers=stranger).status_code == 404
            client.patch(f"/uploads/{upload}", content=data[half:], headers={"upload-offset": str(half)})
            named = {"upload": upload, "sha256": hashlib.sha256(data).hexdigest(), "name": "rows.csv"}
            assert client.post("/preview_table", json={"data": named}).json()["rows"] == 300_000
            assert stat.S_IMODE((server.folder / "uploads").stat().st_mode) == 0o700
            kept = client.post("/uploads").json()["upload"]
        # To the registry they are nothing: no finding, no orphan, no part of a backup.
        assert not own.verify().findings
        assert not own.plan_cleanup().items
        own.backup(tmp_path / "backup.tar")
        with tarfile.open(tmp_path / "backup.tar") as backup:
            assert not [name for name in backup.getnames() if "uploads" in name]
        assert list((server.folder / "uploads").glob(f"*/{kept}"))
