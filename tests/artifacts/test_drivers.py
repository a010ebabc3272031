"""Stores behind an endpoint that refuses, is late, or knows no conditions; addresses that are refused here."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry_core import InvalidInput, Registry, StorageError
from registry_core.artifacts import drivers
from registry_core.artifacts.store import Store
from tests.clock import Clock
from tests.fitted import register
from tests.object_store import SECRET, ObjectStore
from tests.servers import free_port


def test_a_prefix_without_files_is_an_empty_store_after_one_look(endpoint: ObjectStore) -> None:
    store = Store("s3://team/registries/ours")
    assert len(endpoint.asked) <= 2
    assert {each.method for each in endpoint.asked} == {"GET"}
    assert store.names("models") == store.folders("") == []


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "NoSuchBucket", "the bucket does not exist; create the bucket, or correct the address"),
        (403, "RequestTimeTooSkewed", "the clock of this machine differs from the store's clock; set the clock"),
        (403, "InvalidAccessKeyId", "the store refuses the credentials: .*; correct the credentials"),
        (403, "SignatureDoesNotMatch", "the secret key is not the one of this access key; correct the credentials"),
        (400, "ExpiredToken", "the credentials have expired; sign in again"),
        (403, "AccessDenied", "the credentials do not permit this; grant them permission"),
        (503, "SlowDown", "the store failed, or is overloaded; try again later"),
        (500, "InternalError", "the store failed, or is overloaded; try again later"),
        (400, "SomethingNew", "cannot be reached .*; check the address, the endpoint and the credentials"),
    ],
)
def test_each_refusal_is_said_with_what_to_do(endpoint: ObjectStore, status: int, code: str, said: str) -> None:
    endpoint.refuse = (status, code)
    with pytest.raises(StorageError, match=f"^s3://team/ours:? .*{said}|^s3://team/ours: {said}") as raised:
        Store("s3://team/ours")
    assert SECRET not in str(raised.value)


def test_an_endpoint_that_nobody_answers_at_is_said(endpoint: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StorageError, match=r"s3://team/ours: the store does not answer; check the endpoint"):
        Store("s3://team/ours")


def test_a_store_that_knows_no_conditions_is_recognised(endpoint: ObjectStore) -> None:
    assert Store("s3://team/ours").reserves()
    endpoint.conditions = False
    assert not Store("s3://team/ours").reserves()
    asked = len(endpoint.asked)
    store = Store("s3://team/theirs")
    for _ in range(2):
        assert not store.reserves()
    # Two conditional puts, after the look at opening.
    assert [each.method for each in endpoint.asked[asked:]].count("PUT") == 2


@pytest.mark.postgres
@pytest.mark.parametrize("conditions", [True, False])
def test_two_registrations_of_one_second_never_share_a_name(
    endpoint: ObjectStore, fresh_postgres: str, conditions: bool
) -> None:
    endpoint.conditions = conditions
    with Registry(fresh_postgres, artifacts="s3://team/ours", clock=Clock()) as registry:
        ids = [register(registry) for _ in range(3)]
        assert len({*ids}) == 3
        if conditions:
            assert ids[1:] == [f"{ids[0]}_2", f"{ids[0]}_3"]
        puts = [each.key for each in endpoint.asked if each.method == "PUT" and "/models/" in each.key]
        assert len(puts) == len({*puts}) == 6
        assert not registry.verify().findings


@pytest.mark.postgres
def test_a_registration_is_three_puts_and_nothing_is_asked_while_a_lock_is_held(
    endpoint: ObjectStore, fresh_postgres: str
) -> None:
    import psycopg

    held: list[tuple[str, str]] = []
    with (
        Registry(fresh_postgres, artifacts="s3://team/ours") as registry,
        psycopg.connect(fresh_postgres, autocommit=True) as other,
    ):
        register(registry, 0.5)

        def locks(request: object) -> None:
            rows = other.execute(
                "SELECT locktype, mode FROM pg_locks WHERE pid != pg_backend_pid() AND granted "
                "AND mode != 'AccessShareLock' AND locktype != 'virtualxid'"
            ).fetchall()
            held.extend((str(request), mode) for _, mode in rows)

        endpoint.asked.clear()
        endpoint.meanwhile = locks
        model_id = register(registry, 0.9)
        assert sorted(map(str, endpoint.asked)) == [
            f"PUT ours/metadata/model_{model_id}.json", f"PUT ours/models/model_{model_id}.pkl",
            f"PUT ours/models/scaler_{model_id}.pkl",
        ]  # fmt: skip
        assert held == []


def test_credentials_in_an_address_are_refused_and_not_repeated(tmp_path: Path) -> None:
    for address in (f"s3://team:{SECRET}@bucket/x", f"sftp://anna:{SECRET}@host/x", f"az://box/x?sig={SECRET}"):
        with pytest.raises(InvalidInput, match="contains a password or parameters") as raised:
            Store(address)
        assert SECRET not in str(raised.value)


def test_what_a_driver_says_is_masked() -> None:
    said = f"GET https://user:{SECRET}@host/box?sv=1&sig={SECRET}&x=1 X-Amz-Signature={SECRET} session_token={SECRET}"
    masked = drivers.masked(said)
    assert SECRET not in masked
    assert "https://***@host/box?sv=1" in masked


@pytest.mark.postgres
def test_credentials_are_in_no_object_row_message_or_log(
    endpoint: ObjectStore, fresh_postgres: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    import psycopg

    caplog.set_level(logging.INFO)
    with Registry(fresh_postgres, artifacts="s3://team/ours") as registry:
        model_id = register(registry)
        registry.configure(auto_select_best=False, reason="by hand")
        endpoint.refuse = (403, "SignatureDoesNotMatch")
        with pytest.raises(StorageError) as raised:
            register(registry)
        endpoint.refuse = None
        said = [repr(registry), str(raised.value), repr(registry.get_metadata(model_id)), repr(registry._context)]
        said += [str(event) for event in registry.events()]
        store = registry._context.store
        said += [store.read(f"{folder}/{name}").decode("latin-1") for folder in ("models", "metadata")
                 for name in store.names(folder)]  # fmt: skip
    with psycopg.connect(fresh_postgres) as connection:
        tables = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = "
                                    "current_schema()").fetchall()  # fmt: skip
        for (table,) in tables:
            said += [str(row) for row in connection.execute(f'SELECT * FROM "{table}"'.encode()).fetchall()]
    printed = capsys.readouterr()
    assert SECRET not in "\n".join([*said, caplog.text, printed.out, printed.err])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://bucket/x", "pip install 'model-registry-dashboard[s3]'"),
        ("gs://bucket/x", "pip install gcsfs"),
        ("az://box/x", "pip install adlfs"),
        ("abfs://box@account.dfs.core.windows.net/x", "pip install adlfs"),
        ("nowhere://x", "name a folder, or an address such as s3://bucket/prefix"),
    ],
)
def test_a_missing_driver_is_said_with_its_package(address: str, said: str) -> None:
    code = (
        "import sys\n"
        "for name in ('s3fs', 'gcsfs', 'adlfs'): sys.modules[name] = None\n"
        "from registry_core.artifacts.store import Store\n"
        "try: Store(sys.argv[1])\n"
        "except ValueError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, address], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert said in done.stdout
