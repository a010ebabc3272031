"""A bucket gives files itself, at an address that is valid for minutes; where it cannot, the server does."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from registry_core import InvalidInput, NotAllowed, Registry
from tests.fitted import register
from tests.http_api.serving import in_a_thread, token


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_REGISTRY_CACHE", str(tmp_path / "cache"))


@pytest.mark.postgres
def test_a_model_comes_from_the_bucket(fresh_postgres: str, bucket: str, s3_endpoint: str) -> None:
    with Registry(fresh_postgres, artifacts=bucket, actor="the owner") as own:
        model_id = register(own)
        may, may_not = token(own, "downloader"), token(own, "viewer")
        with in_a_thread(own) as (address, asked), Registry(address, token=may) as remote:
            found = remote.artifact_address(model_id)
            assert found is not None
            assert found.startswith(s3_endpoint)
            assert httpx2.get(found).content == own.read_artifact(model_id)
            assert remote.load_model(model_id)[2].model_id == model_id
            assert not [path for path in asked if "/artifacts/" in path]
            with Registry(address, token=may_not) as viewer, pytest.raises(NotAllowed):
                viewer.artifact_address(model_id)
            with pytest.raises(InvalidInput, match="give 1 to 3,600"):
                remote.artifact_address(model_id, seconds=86_400)


@pytest.mark.full
@pytest.mark.postgres
def test_a_bucket_that_is_out_of_reach(fresh_postgres: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Registry(fresh_postgres, artifacts=bucket, actor="the owner") as own:
        model_id = register(own)
        with in_a_thread(own) as (address, asked), Registry(address, token=token(own, "downloader")) as remote:
            # Whoever downloads has no way to the bucket: the address it gets leads nowhere.
            closed = "http://127.0.0.1:9/absent"
            monkeypatch.setattr(type(own._context.store._place), "presigned", lambda *_: closed)
            assert remote.artifact_address(model_id) == closed
            assert remote.load_model(model_id)[2].model_id == model_id
            assert [path for path in asked if path.endswith(f"/artifacts/{model_id}/model")]


def test_a_folder_gives_no_addresses(tmp_path: Path) -> None:
    with Registry(tmp_path / "registry") as own:
        assert own.artifact_address(register(own)) is None


@pytest.mark.postgres
def test_a_compressed_file_has_no_address(fresh_postgres: str, bucket: str) -> None:
    with Registry(fresh_postgres, artifacts=bucket) as own:
        _, champion, worse = (register(own, accuracy) for accuracy in (0.8, 0.9, 0.3))
        assert own.artifact_address(worse) is not None
        assert own.compress(0).compressed
        assert own.artifact_address(worse) is None
        assert own.artifact_address(champion) is not None
