"""Fixtures every test may ask for. What costs time is started on first use, once for each test process."""

import fcntl
import gc
import inspect
import json
import shutil
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from hypothesis import settings

from registry_core import Registry
from registry_core.demo import fill
from tests.clock import Clock
from tests.object_store import SECRET, ObjectStore
from tests.servers import private_postgres, private_s3, running_dashboard

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Two test processes and a browser share two cores: how long one example takes says nothing.
settings.register_profile("sample", deadline=None, max_examples=40)
settings.register_profile("full", deadline=None, max_examples=200)

CHROMIUM_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Its maker's own hosts, which it asks all the same. Only these: what a page asks anywhere else is to be seen.
    "--host-resolver-rules="
    + ", ".join(f"MAP *.{host} ~NOTFOUND" for host in ("google.com", "googleapis.com", "gstatic.com", "gvt1.com")),
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="whole corpora and matrices instead of their samples")


def pytest_configure(config: pytest.Config) -> None:
    """How many examples of a property are tried, and with which file a test process begins to collect."""
    settings.load_profile("full" if config.getoption("--full") else "sample")
    if (worker := getattr(config, "workerinput", None)) is not None:
        # On a fresh clone each file is compiled by whoever comes to it first: each begins with a part of its own.
        files = [str(file) for given in config.args for file in _files(Path(given))]
        first = len(files) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
        config.args[:] = files[first:] + files[:first]


def _files(given: Path) -> list[Path]:
    """The test files of an argument of pytest; any other argument as it is."""
    return sorted(given.rglob("test_*.py")) if given.is_dir() else [given]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked ``full`` runs when asked for, and so does every action on every kind of registry. Long files
    begin."""
    out_of_place = [item for item in items if _looks_into_the_folder(item)]
    if out_of_place:
        config.hook.pytest_deselected(items=out_of_place)
        items[:] = [item for item in items if item not in {*out_of_place}]
    if not config.getoption("--full"):
        left_out = [item for item in items if item.get_closest_marker("full") or _is_out_of_sample(item)]
        config.hook.pytest_deselected(items=left_out)
        kept = set(items) - set(left_out)
        items[:] = [item for item in items if item in kept]
    # A test process takes file by file: at the end only short ones are left, and none works alone.
    longest = {each: {item.path for item in items if item.get_closest_marker(each)} for each in ("browser", "slow")}
    items.sort(key=lambda item: (item.path not in longest["browser"], item.path not in longest["slow"]))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting imports stays for good: the garbage collector does not go through it, then or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _is_out_of_sample(item: pytest.Item) -> bool:
    """Of actions on PostgreSQL a fixed sixth runs, and of all that runs with a bucket too a fixed twentieth: rules know
    neither, and all of ``catalog`` and of the store runs."""
    share = 1
    if item.get_closest_marker("bucket") is not None:
        share = 20
    elif item.get_closest_marker("postgres") is not None and "actions" in item.path.parts:
        share = 6
    return crc32(item.nodeid.encode()) % share != 0


def _looks_into_the_folder(item: pytest.Item) -> bool:
    """Whether a test reads files in a folder, of a registry that has them in a bucket."""
    wanted = inspect.signature(item.function).parameters if isinstance(item, pytest.Function) else ()
    return item.get_closest_marker("bucket") is not None and "registry_folder" in wanted


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether a test goes through the whole of its corpus, or through its sample."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session", autouse=True)
def own_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where all test processes keep the keys of registries, and their cache: none is left among those of whoever runs
    the tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "keys"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_REGISTRY_KEYS", str(folder))
        patch.setenv("MODEL_REGISTRY_CACHE", str(folder.with_name("cache")))
        yield folder


@pytest.fixture
def clock() -> Clock:
    """The time the `registry` lives in: `clock.tick(60)`."""
    return Clock()


@pytest.fixture
def registry_folder(tmp_path: Path) -> Path:
    """Where a registry may be made; not there yet."""
    return tmp_path / "model_registry"


#: When the demo of `filled_demo` was filled.
DEMO_NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def filled_demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A filled demo and what was said meanwhile, made once for all test processes: copy it, it is everybody's."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder, said = shared / "filled-demo" / "registry", shared / "filled-demo.json"
    with (shared / "filled-demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            lines: list[str] = []
            fill(folder, lines.append, DEMO_NOW)
            said.write_text(json.dumps(lines))
    return folder, json.loads(said.read_text())


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of our own, shared by the tests of this process; `fresh_postgres` is what a test wants."""
    with private_postgres() as url:
        yield url


@pytest.fixture
def fresh_postgres(postgres_url: str) -> str:
    """The address of an empty schema: a hundred times quicker to make than a database, and gone with the server."""
    import psycopg

    schema = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    return f"{postgres_url}?options=-csearch_path%3D{schema}"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 endpoint of our own, shared by the tests of this process; `bucket` is what a test wants."""
    with private_s3() as url:
        yield url


@pytest.fixture
def bucket(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket; this process and those it starts know the endpoint and the credentials."""
    from s3fs import S3FileSystem

    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint, "AWS_ACCESS_KEY_ID": "team", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1", "MODEL_REGISTRY_CACHE": str(tmp_path / "cache"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    address = f"s3://b{uuid.uuid4().hex}"
    S3FileSystem().mkdir(address)
    return address


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """An object store that does as it is told; the driver asks it once, without pauses."""
    with ObjectStore().running() as store:
        known = {
            "AWS_ENDPOINT_URL": store.address, "AWS_ACCESS_KEY_ID": "team", "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1", "MODEL_REGISTRY_CACHE": str(tmp_path / "cache"),
        }  # fmt: skip
        for name, value in known.items():
            monkeypatch.setenv(name, value)
        yield store


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("bucket", marks=[pytest.mark.postgres, pytest.mark.bucket]),
    ]
)
def catalog_url(request: pytest.FixtureRequest, registry_folder: Path) -> dict[str, Any]:
    """The arguments that open a registry, once for each kind: in a folder; in PostgreSQL with its files in a folder;
    in PostgreSQL with its files in a bucket."""
    if request.param == "sqlite":
        return {"location": registry_folder}
    artifacts = registry_folder if request.param == "postgres" else f"{request.getfixturevalue('bucket')}/registry"
    return {"location": request.getfixturevalue("fresh_postgres"), "artifacts": artifacts}


@pytest.fixture
def registry(catalog_url: dict[str, Any], clock: Clock) -> Iterator[Registry]:
    """An empty registry, once for each kind, in the time of `clock`."""
    registry = Registry(**catalog_url, clock=clock)
    yield registry
    registry.close()


@pytest.fixture
def sqlite_registry(registry_folder: Path, clock: Clock) -> Iterator[Registry]:
    """An empty registry in a folder, in the time of `clock`."""
    registry = Registry(registry_folder, clock=clock)
    yield registry
    registry.close()


@pytest.fixture(scope="session")
def chromium() -> Path | None:
    """The Chromium or Chrome of this machine; None means the one Playwright downloaded."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((Path(found) for name in names if (found := shutil.which(name))), None)


# For a module, not for the session: while Playwright is open its event loop is the thread's, and asyncio.run() fails.
@pytest.fixture(scope="module")
def browser(chromium: Path | None) -> "Iterator[Browser]":
    """A headless Chromium; give each test its own `browser.new_context()`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def dashboard_server() -> Iterator[Callable[..., str]]:
    """`dashboard_server(folder, *options)` serves that registry until the module ends and gives its address."""
    running: dict[tuple[Path, tuple[str, ...]], str] = {}
    with ExitStack() as servers:

        def serve(folder: Path, *options: str) -> str:
            key = (folder.resolve(), options)
            if key not in running:
                running[key] = servers.enter_context(running_dashboard(folder, *options))
            return running[key]

        yield serve
