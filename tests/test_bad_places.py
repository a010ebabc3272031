"""Places that cannot be written, files that are no models: a clear error, and nothing left behind."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from registry_core import InvalidInput, Registry, StorageError
from tests.disks import NOBODY, as_nobody, fill, small_disk
from tests.fitted import forest, register


def left(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "registry.db" not in path.name
    }


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """pytest's folders belong to their maker alone; nobody has to be able to look in."""
    # Whatever is imported on first use has to be imported by somebody who may read the libraries.
    with Registry(tmp_path / "first") as registry:
        register(registry)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


def test_a_folder_that_cannot_be_made_or_written(open_path: Path) -> None:
    (open_path / "closed").mkdir(mode=0o555)
    (open_path / "file").write_text("")
    with as_nobody():
        for place in (open_path / "closed", open_path / "closed" / "registry"):
            with pytest.raises(StorageError, match=r"closed.*give this user"):
                Registry(place)
        with pytest.raises(StorageError, match="is a file"):
            Registry(open_path / "file")
    assert list((open_path / "closed").iterdir()) == []


def test_a_registry_that_may_no_longer_be_written(open_path: Path) -> None:
    folder = open_path / "registry"
    with Registry(folder) as registry:
        register(registry)
        before = left(folder)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    with as_nobody(), pytest.raises(StorageError, match="cannot be written"):
        Registry(folder)
    assert left(folder) == before


def test_a_registry_whose_models_folder_is_closed_while_it_is_open(open_path: Path) -> None:
    folder = open_path / "registry"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    with as_nobody(), Registry(folder, actor="nobody") as registry:
        register(registry)
        before = left(folder), registry.revision()
        (folder / "models").chmod(0o555)
        with pytest.raises(StorageError, match="cannot be written"):
            register(registry)
        (folder / "models").chmod(0o755)
        (folder / "metadata").chmod(0o555)
        with pytest.raises(StorageError, match="cannot be written"):
            register(registry)
        (folder / "metadata").chmod(0o755)
        assert (left(folder), registry.revision()) == before


FULL_DISK = """
import errno, os, resource, signal, sys
from pathlib import Path
import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from registry_core import Registry, StorageError

# A file that may not grow is what a full disk is to whoever writes it (EFBIG instead of ENOSPC).
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
registry = Registry(sys.argv[1])
small = KNeighborsClassifier(1).fit(np.zeros((4, 2)), [0, 1, 0, 1])
large = KNeighborsClassifier(1).fit(np.zeros((60_000, 8)), np.arange(60_000) % 2)
names = dict(model_name="A", model_type="T")
registry.register_model(small, **names)
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
try:
    registry.register_model(large, **names)
except StorageError as error:
    assert "no space left" in str(error), error
else:
    raise AssertionError("a full disk went unnoticed")
registry.register_model(small, **names)
assert registry.count_models() == 2
print(sorted(path.name for path in Path(sys.argv[1], "models").iterdir()))
"""


def test_a_file_that_may_not_grow_further(registry_folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(registry_folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split(",")) == 2
    assert "staged" not in done.stdout


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    large = KNeighborsClassifier(1).fit(chance.normal(size=(20_000, 8)), np.arange(20_000) % 2)
    with small_disk(tmp_path / "disk", "7m") as disk, Registry(disk / "registry") as registry:
        register(registry)
        with pytest.raises(StorageError, match="no space left") as caught:
            for _ in range(20):
                registry.register_model(large, model_name="Large", model_type="Neighbours")
        assert isinstance(caught.value, OSError)
        registered = registry.count_models()
        assert registered > 1
        names = {Path(each.model_file_path).name for each in registry.list_models()}
        assert {path.name for path in (disk / "registry/models").glob("model_*")} == names
        assert list((disk / "registry/models").glob(".*")) == []
        # To the last byte: not even the small files and the row find room.
        fill(disk / "filler")
        before = left(disk), registry.revision()
        with pytest.raises(StorageError, match="no space left"):
            register(registry)
        assert (left(disk), registry.revision()) == before
        (disk / "filler").unlink()
        register(registry)
        assert registry.count_models() == registered + 1


def _bytes(value: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty"),
        (b"<html><body>not found</body></html>", "not a model file"),
        (b"\x7fELF\x02\x01\x01", "not a model file"),
        (b"PK\x03\x04 a zip", "not a model file"),
        (b"\x93NUMPY\x01\x00", "not a model file"),
        (b"import os\n", "unlike any model file"),
        (_bytes(forest())[:-1], "truncated"),
        (_bytes(forest())[:500], "truncated"),
    ],
    ids=["empty", "html", "elf", "zip", "npy", "script", "one byte short", "truncated"],
)
def test_a_file_that_is_no_model(
    registry: Registry, registry_folder: Path, tmp_path: Path, content: bytes, text: str
) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    before = left(registry_folder), registry.revision()
    for source in (path, io.BytesIO(content)):
        with pytest.raises(InvalidInput, match=text):
            registry.upload(source, metadata={"model_name": "A", "model_type": "T"})
    good = tmp_path / "good.pkl"
    good.write_bytes(_bytes(forest()))
    with pytest.raises(InvalidInput, match=text):
        registry.upload(good, path, metadata={"model_name": "A", "model_type": "T"})
    assert (left(registry_folder), registry.revision()) == before


def test_a_file_that_cannot_be_read(registry: Registry, tmp_path: Path) -> None:
    for path in (tmp_path / "missing.pkl", tmp_path):
        with pytest.raises(InvalidInput, match="cannot be read"):
            registry.upload(path, metadata={"model_name": "A", "model_type": "T"})


def test_compressed_files_are_kept_as_they_are(registry: Registry) -> None:
    packed = gzip.compress(_bytes(forest()))
    model_id = registry.upload(io.BytesIO(packed), metadata={"model_name": "A", "model_type": "T"})
    assert registry.read_artifact(model_id) == packed


@pytest.mark.parametrize("place", ["s3://bucket/prefix", "ftp://example.org/registry"])
def test_a_bucket_cannot_hold_a_catalog(place: str) -> None:
    with pytest.raises(InvalidInput, match="cannot hold a catalog"):
        Registry(place)


def test_a_catalog_that_is_no_database(registry_folder: Path) -> None:
    registry_folder.mkdir()
    (registry_folder / "registry.db").write_bytes(b"this is not a database, by any means" * 100)
    with pytest.raises(StorageError, match="damaged, or not an SQLite database"):
        Registry(registry_folder)


def test_a_server_out_of_reach(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        Registry("postgresql://anna:secret@127.0.0.1:1/registry", artifacts=tmp_path)
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidInput, match="artifacts="):
        Registry("postgresql://127.0.0.1:1/registry")
