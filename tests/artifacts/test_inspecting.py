"""Looking into files in a process of its own, and the places that files from outside wait for."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry_core import SandboxFailure, visitor
from registry_core.artifacts import inspection
from registry_core.artifacts.sandbox import frames
from registry_core.artifacts.sandbox.inspecting import Inspector
from registry_core.artifacts.sandbox.places import Places
from tests.fitted import forest, logistic
from tests.processes import until
from tests.strangers import stranger_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux")


@pytest.fixture
def inspector() -> Iterator[Inspector]:
    inspector = Inspector()
    yield inspector
    inspector.stop()


def _files() -> list[bytes]:
    model, scaler = logistic()
    return [
        *(pickle.dumps(each) for each in (model, scaler, forest())),
        stranger_file().read(),
        pickle.dumps(print),
        b"",
        b"garbage",
        b"PK\x03\x04",
        zlib.compress(pickle.dumps(model)),
        b"tree\nversion=v4\n",
        b"{}",
    ]


def test_a_process_of_its_own_finds_what_is_found_here(inspector: Inspector) -> None:
    for data in _files():
        assert inspector.inspect(data, "a file") == inspection.inspect(data, "a file")
    data = stranger_file().read()
    extra_trusted = inspection.inspect(data).unknown
    assert inspector.inspect(data, "a file", extra_trusted=extra_trusted).verdict == "trusted"


def test_many_threads_share_one(inspector: Inspector) -> None:
    data = pickle.dumps(forest())
    expected = inspection.inspect(data, "a file")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: inspector.inspect(data, "a file"), range(40)))
    assert found == [expected] * 40


def test_a_file_that_takes_too_long_or_too_much_is_refused() -> None:
    data = pickle.dumps(list(range(200_000)))
    for inspector, words in (
        (Inspector(seconds=0.01), "a file is refused: the static scan did not answer within 0.01 s and was stopped"),
        (Inspector(memory_bytes=-(1 << 30) + (8 << 20)), "a file is refused: "),
    ):
        try:
            found = inspector.inspect(data, "a file")
        finally:
            inspector.stop()
        assert (found.verdict, found.because[: len(words)]) == ("refused", words)


def test_a_process_that_ended_is_replaced(inspector: Inspector) -> None:
    data = pickle.dumps(logistic()[0])
    assert inspector.inspect(data, "a file").verdict == "trusted"
    (child,) = inspector._idle
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: not child.running)
    assert inspector.inspect(data, "a file").verdict == "trusted"


@pytest.mark.parametrize("block", [b"[" * 2000, b"{}" * 2000, b"[" + b"{}," * 2000, b"1" * 101, b"no JSON"])
def test_a_document_is_bounded_before_it_is_parsed(block: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of its kinds, one for each way
        frames.document(block, 100, 50)
    assert frames.document(json.dumps({"a": [1, 2]}).encode(), 100, 50) == {"a": [1, 2]}


class Visits:
    """Threads that take a place and keep it until they are let go."""

    def __init__(self, places: Places) -> None:
        self.places, self.inside = places, list[str]()
        self.go = threading.Event()
        self.changed = threading.Condition()
        self.threads: list[threading.Thread] = []

    def come(self, who: str) -> None:
        thread = threading.Thread(target=self._visit, args=(who,))
        self.threads.append(thread)
        thread.start()

    def _visit(self, who: str) -> None:
        visitor.set(who)
        with self.places.taken(), self.places.taken():
            with self.changed:
                self.inside.append(who)
                self.changed.notify_all()
            self.go.wait(30)

    def wait(self, count: int) -> list[str]:
        with self.changed:
            self.changed.wait_for(lambda: len(self.inside) == count, 30)
            return sorted(self.inside)

    def end(self) -> list[str]:
        self.go.set()
        for thread in self.threads:
            thread.join()
        return sorted(self.inside)


def test_a_visitor_has_one_place_and_the_others_have_theirs() -> None:
    visits = Visits(Places(2))
    for who in ("anna", "anna", "anna", "bert"):
        visits.come(who)
    assert visits.wait(2) == ["anna", "bert"]
    assert visits.end() == ["anna", "anna", "anna", "bert"]


def test_a_full_queue_says_so() -> None:
    places = Places(1, waiting=1)
    visits = Visits(places)
    visits.come("anna")
    visits.wait(1)
    visits.come("bert")
    while not places.waiting:
        pass
    with (
        pytest.raises(SandboxFailure, match=r"the sandbox is busy: 1 file is being scanned and 1 waiting; try again"),
        places.taken(),
    ):
        pass
    assert visits.end() == ["anna", "bert"]
    with places.taken():
        pass
