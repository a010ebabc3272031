"""The sandbox with real processes: good models answer as they do here, bad ones get nowhere and leave nothing."""

from __future__ import annotations

import gc
import io
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from registry_core import InvalidInput, SandboxFailure
from registry_core.artifacts.sandbox import Answer, Limits, Worker, predict, process
from registry_core.artifacts.sandbox.forkserver_handle import FORK_SERVER, ForkServer
from tests import hostile
from tests.fitted import forest, logistic
from tests.processes import children, running, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux")

ALSO = ("tests.hostile.Model", "tests.hostile.RunsWhenLoaded")
ROOT = Path(__file__).resolve().parents[2]
SMALL = Limits(seconds=20, memory_bytes=1 << 30, answer_bytes=1 << 20)


def feather(table: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    table.to_feather(file)
    return file.getvalue()


def npy(matrix: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, matrix)
    return file.getvalue()


TEN_ROWS = npy(np.zeros((10, 1)))


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process, no folder and no open descriptor is left, whatever the model did."""
    if FORK_SERVER.pid is None:
        with Worker(require_all=False) as first:
            first.start()  # and with it the fork server, which stays
    folders = tmp_path / "folders"
    folders.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folders))
    # What earlier tests left to the collector goes now, and not in the middle.
    gc.collect()
    processes, descriptors = children(), len(os.listdir("/proc/self/fd"))
    yield
    assert children() <= processes
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    assert not list(folders.iterdir())


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """One warm process for every model of this file that answers."""
    with Worker(extra_trusted=ALSO, limits=SMALL) as worker:
        worker.start()
        yield worker


def misbehave(act: str, target: Any = None, limits: Limits = SMALL) -> Answer:
    return predict(pickle.dumps(hostile.Model(act, target)), None, TEN_ROWS, extra_trusted=ALSO, limits=limits)


def test_a_classifier_with_its_scaler(worker: Worker) -> None:
    model, scaler = logistic()
    inputs = load_breast_cancer().data
    answer = worker.predict(pickle.dumps(model), pickle.dumps(scaler), npy(inputs))
    assert (answer.predicted == model.predict(scaler.transform(inputs))).all()
    assert answer.probabilities is not None
    np.testing.assert_allclose(answer.probabilities, model.predict_proba(scaler.transform(inputs)))
    assert answer.classes == (0, 1)
    assert answer.row_microseconds > 0
    assert answer.unenforced == ()


def test_a_warm_worker_answers_one_after_the_other(worker: Worker) -> None:
    inputs = load_breast_cancer(as_frame=True).data
    for model in (forest(), logistic()[0], forest()):
        answer = worker.predict(pickle.dumps(model), None, feather(inputs))
        assert (answer.predicted == model.predict(inputs.to_numpy())).all()


@pytest.mark.parametrize("by_name", [True, False])
def test_a_scaler_that_drops_the_names_of_columns(worker: Worker, by_name: bool) -> None:
    inputs, target = load_iris(return_X_y=True, as_frame=True)
    scaler = StandardScaler().fit(inputs)
    scaled = scaler.transform(inputs)
    given = pd.DataFrame(scaled, columns=inputs.columns) if by_name else scaled
    model = RandomForestClassifier(5, random_state=0).fit(given, target)
    answer = worker.predict(pickle.dumps(model), pickle.dumps(scaler), feather(inputs))
    assert (answer.predicted == model.predict(given)).all()
    assert answer.probabilities is not None
    assert answer.probabilities.shape == (150, 3)


@pytest.mark.parametrize("kind", ["str", "category"])
@pytest.mark.parametrize("file", ["feather", "parquet"])
def test_columns_of_text_and_classes_of_text(worker: Worker, kind: str, file: str) -> None:
    table = pd.DataFrame({"city": pd.Series(["Bonn", "Köln", "Bonn", "Ulm"] * 5, dtype=kind), "age": np.arange(20.0)})
    target = np.where(table["age"] > 9, "yes", "nö")
    encoder = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression()).fit(table, target)
    written = io.BytesIO()
    getattr(table, f"to_{file}")(written)
    answer = worker.predict(pickle.dumps(model), None, written.getvalue())
    assert answer.predicted.tolist() == model.predict(table).tolist()
    assert answer.predicted.dtype.kind == "U"
    assert answer.classes == ("nö", "yes")


def test_a_regression(worker: Worker) -> None:
    inputs, target = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(inputs, target)
    answer = worker.predict(pickle.dumps(model), None, npy(inputs))
    np.testing.assert_allclose(answer.predicted, model.predict(inputs))
    assert (answer.probabilities, answer.classes) == (None, ())


def test_threads_and_thread_pools_do_no_harm(worker: Worker) -> None:
    inputs, target = load_iris(return_X_y=True)
    for model in (KNeighborsClassifier(), BaggingClassifier(random_state=0)):
        expected = model.fit(inputs, target).predict(inputs)
        answer = worker.predict(pickle.dumps(model.set_params(n_jobs=-1)), None, npy(inputs))
        assert (answer.predicted == expected).all()


def test_more_threads_than_there_may_be_are_not_started(worker: Worker) -> None:
    inputs, target = load_iris(return_X_y=True)
    model = lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbose=-1).fit(inputs, target)
    expected = model.predict(inputs)
    answer = worker.predict(pickle.dumps(model.set_params(n_jobs=255)), None, npy(inputs))
    assert (answer.predicted == expected).all()


@pytest.mark.slow
def test_a_model_that_fails_leaves_the_next_one_a_fresh_process() -> None:
    inputs = load_breast_cancer().data
    with Worker(limits=SMALL) as worker:
        with pytest.raises(
            SandboxFailure, match=r"Churn 1\.0\.0 raised ValueError: X has 3 features.*; correct the model"
        ):
            worker.predict(pickle.dumps(forest()), None, npy(inputs[:, :3]), name="Churn 1.0.0")
        assert len(worker.predict(pickle.dumps(forest()), None, npy(inputs)).predicted) == len(inputs)


@pytest.mark.slow
def test_inputs_that_need_more_memory_than_there_is() -> None:
    with pytest.raises(SandboxFailure, match="the model exceeded its memory limit"):
        predict(pickle.dumps(forest()), None, npy(np.zeros((3 << 17, 200))), limits=Limits(memory_bytes=1 << 20))


@pytest.mark.parametrize("features", [b"", b"PK\x03\x04", npy(np.zeros((0, 3))), npy(np.zeros(3))])
def test_features_that_cannot_be_used(worker: Worker, features: bytes) -> None:
    with pytest.raises(InvalidInput, match="give"):
        worker.predict(b"", None, features)


def test_bytes_that_are_no_model() -> None:
    with pytest.raises(
        SandboxFailure, match="the model could not be opened: its file does not load with the installed libraries"
    ):
        predict(b"\x80\x05garbage", None, TEN_ROWS, limits=SMALL)


NOT_ALLOWED = {
    "connect": "tried to open a network connection, which is not allowed",
    "local_socket": r"raised PermissionError: \[Errno 1\] Operation not permitted",
    "fork_for_ever": "tried to start another process, which is not allowed",
    "run": "tried to start another program, which is not allowed",
    "replace_itself": "tried to start another program, which is not allowed",
    "kill_parent": "tried to send a signal to another process, which is not allowed",
    "write_inside": r"tried to open '.*mark', which is not allowed",
    "read_parent": r"tried to open '/proc/\d+/environ', which is not allowed",
    "allocate": r"needed more than 1\.0 GiB of memory",
    "threads_for_ever": "raised RuntimeError: can't start new thread",
    "leave": r"exited early \(exit status 3\)",
    "segfault": r"was killed by signal 11 \(segmentation fault\)",
    "flood": r"printed more than 1\.0 MiB and was stopped",
    "garbage": "returned invalid output",
    "lying_length": r"answered more than 1\.0 MiB",
    "hang_up": "exited without a result",
    "escape_codes": r"raised ValueError: \[31mred x{300,400}",
    "too few": "returned 5 predictions for 10 rows",
    "objects": "raised TypeError: predictions are Decimal objects; numbers or texts are expected",
    "too much": r"answered more than 1\.0 MiB",
    "wide texts": r"answered more than 1\.0 MiB",
}


@pytest.mark.slow
@pytest.mark.parametrize("act", NOT_ALLOWED)
def test_a_hostile_model_is_contained(act: str) -> None:
    with pytest.raises(SandboxFailure) as failure:
        misbehave(act)
    assert failure.match(NOT_ALLOWED[act])


@pytest.mark.slow
@pytest.mark.parametrize("act", ["sleep", "stop_itself"])
def test_a_model_that_does_not_answer_is_stopped(act: str) -> None:
    with pytest.raises(SandboxFailure, match=r"did not answer within 0\.5 s and was stopped"):
        misbehave(act, limits=Limits(seconds=0.5))


@pytest.mark.slow
@pytest.mark.parametrize("act", ["write", "daemon"])
def test_a_model_leaves_no_file(act: str, tmp_path: Path) -> None:
    target = tmp_path / "mark"
    with pytest.raises(SandboxFailure, match="which is not allowed"):
        misbehave(act, str(target))
    assert not target.exists()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["/etc/shadow", "secret"])
def test_a_model_reads_no_file(place: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    secret.chmod(0o644)
    with pytest.raises(SandboxFailure, match=r"tried to open .*, which is not allowed"):
        misbehave("read", str(tmp_path / place))


def test_the_kernel_refuses_what_no_model_needs(worker: Worker, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    tmp_path.chmod(0o777)
    mine.chmod(0o666)
    model = hostile.Model("calls", str(mine))
    answer = worker.predict(pickle.dumps(model), None, npy(np.zeros((len(hostile.CALLS), 1))))
    assert answer.predicted.tolist() == list(hostile.CALLS)
    assert mine.read_text() == "mine"


def test_a_file_that_acts_when_it_is_loaded(tmp_path: Path) -> None:
    target = tmp_path / "mark"
    with pytest.raises(SandboxFailure):
        predict(pickle.dumps(hostile.RunsWhenLoaded(str(target))), None, TEN_ROWS, extra_trusted=ALSO, limits=SMALL)
    assert not target.exists()


def test_not_a_number_is_passed_on(worker: Worker) -> None:
    assert np.isnan(worker.predict(pickle.dumps(hostile.Model("no number")), None, TEN_ROWS).predicted).all()


# What programs of these tests begin with; they import no library, which takes longer than the rest.
ASKS = """
import io, os, pickle, sys
import numpy
from registry_core import SandboxIncomplete
from registry_core.artifacts.sandbox import predict
from tests import hostile
rows = io.BytesIO()
numpy.save(rows, numpy.zeros((10, 1)))

def ask(act, **options):
    trusted = ["tests.hostile.Model"]
    return predict(pickle.dumps(hostile.Model(act)), None, rows.getvalue(), extra_trusted=trusted, **options)
"""

WITHOUT_LANDLOCK_AND_SECCOMP = """
from tests.old_kernel import lacks
lacks(444, 317)
try:
    ask("no number")
except SandboxIncomplete as error:
    print(error)
print(*ask("no number", require_all=False).unenforced, sep="; ")
"""


@pytest.mark.slow
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of the calls are those of x86_64")
def test_missing_walls_are_told_and_refused() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ASKS + WITHOUT_LANDLOCK_AND_SECCOMP], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    missing = (
        "Landlock is not available (Function not implemented): the model could read the files of this machine; "
        "seccomp is not available (Function not implemented): the model could reach the network and start programs"
    )
    refused, told = ran.stdout.splitlines()
    assert refused.startswith(f"the sandbox is incomplete on this machine: {missing}. Evaluate on a machine")
    assert told == missing


@pytest.mark.slow
def test_a_parent_that_is_killed_takes_the_model_with_it(tmp_path: Path) -> None:
    sleeps = ASKS + "ask('sleep')"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", sleeps], cwd=ROOT, env=environment) as parent:
        fork_server = until(lambda: _only_child(parent.pid))
        child = until(lambda: _only_child(fork_server))
        status = Path(f"/proc/{child}/status")
        until(lambda: "Seccomp:\t2" in status.read_text())
        parent.kill()
    until(lambda: not running(child) and not running(fork_server))
    # Its folder is gone with it, although nobody was left to remove it.
    assert not list(tmp_path.glob("model-registry-sandbox-*"))


def _only_child(process: int | str) -> str:
    return Path(f"/proc/{process}/task/{process}/children").read_text().strip()


def test_the_fork_server_runs_one_thread_and_starts_again_when_it_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, server = load_breast_cancer().data, ForkServer()
    # One of its own: that of this process has the worker of this file.
    monkeypatch.setattr(process, "FORK_SERVER", server)
    try:
        with Worker(limits=SMALL) as worker:
            worker.start()
            pid = server.pid
            assert pid is not None
            assert len(os.listdir(f"/proc/{pid}/task")) == 1
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(SandboxFailure, match="the model was killed by signal 9"):
                worker.predict(pickle.dumps(forest()), None, npy(inputs))
            assert len(worker.predict(pickle.dumps(forest()), None, npy(inputs)).predicted) == len(inputs)
        assert server.pid not in (None, pid)
    finally:
        server.stop()


def test_a_fork_server_that_nobody_asks_ends() -> None:
    server = ForkServer(idle_seconds=0.1)
    server.start()
    try:
        until(lambda: server.pid is None)
    finally:
        server.stop()


FORKED = """
from registry_core.artifacts.sandbox.forkserver_handle import FORK_SERVER
ask("no number")
mine = FORK_SERVER.pid
child = os.fork()
if child == 0:
    before = FORK_SERVER.pid
    ask("no number")
    print(before, FORK_SERVER.pid not in (None, mine), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(FORK_SERVER.pid == mine)
"""


@pytest.mark.slow
def test_a_forked_process_has_a_fork_server_of_its_own() -> None:
    ran = subprocess.run([sys.executable, "-c", ASKS + FORKED], cwd=ROOT, capture_output=True, text=True)
    assert (ran.stdout.split(), ran.stderr) == (["None", "True", "True"], "")
