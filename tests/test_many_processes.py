"""Several processes in one folder at once."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer

from registry_core import Registry
from tests import prepared
from tests.fitted import register
from tests.processes import running, until

OPENER = """
import os, sys, time
from registry_core import Registry
while not os.path.exists(sys.argv[3]):
    time.sleep(0.001)
Registry(sys.argv[1], actor=f"opener {sys.argv[2]}").close()
"""
# Eight pipelines, forked from a program.
PIPELINES = """
import os, sys, traceback
from registry_core import Registry
from tests import prepared
from tests.fitted import register
from datetime import datetime, timezone
# One second for all of them, so that every id has to be told apart by its count.
now = datetime(2026, 1, 1, tzinfo=timezone.utc)

def pipeline(number):
    with Registry(sys.argv[1], actor=f"pipeline {number}", clock=lambda: now) as registry:
        for n in range(20):
            register(registry, (number * 20 + n) / 1000)

children = []
for number in range(8):
    child = os.fork()
    if not child:
        try:
            pipeline(number)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def test_eight_processes_register_twenty_models_each(registry_folder: Path) -> None:
    done = prepared.run(["-c", PIPELINES, str(registry_folder)])
    assert (done.returncode, done.stdout) == (0, "")
    with Registry(registry_folder) as registry:
        models = registry.list_models()
        assert len(models) == len({each.model_id for each in models}) == len({each.version for each in models}) == 160
        assert registry.verify_events() is None
        assert sum(each.ended_at is None for each in registry.deployments()) == 1
        champion = registry.get_metadata(registry.get_active_model_id() or "")
        assert champion.accuracy == pytest.approx(0.159)
        assert registry.get_best_model_id() == champion.model_id
        for each in models[::16]:
            registry.load_model(each.model_id)
    found = {path.name for path in (registry_folder / "models").iterdir()}
    assert found == {f"{kind}_{each.model_id}.pkl" for each in models for kind in ("model", "scaler")}


def test_a_fresh_folder_opened_by_eight_processes_at_once(registry_folder: Path, tmp_path: Path) -> None:
    go, output = tmp_path / "go", tmp_path / "output"
    opening = [prepared.Program(["-c", OPENER, str(registry_folder), str(n), str(go)], output) for n in range(8)]
    go.touch()
    assert [each.wait() for each in opening] == [0] * 8
    assert not output.read_text()
    with Registry(registry_folder) as registry:
        assert [event.kind for event in registry.events()] == ["created"]


def test_after_a_fork_nothing_stale_is_answered_from_memory(registry_folder: Path) -> None:
    code = (
        "import os, sys; from registry_core import Registry; from tests.fitted import register\n"
        "with Registry(sys.argv[1]) as maker: first, second = register(maker, 0.9), register(maker, 0.8)\n"
        "registry = Registry(sys.argv[1])\n"
        "assert registry.get_active_model_id() == first\n"
        "go = os.pipe()\n"
        "if not os.fork():\n"
        "    os.read(go[0], 1)\n"
        "    os._exit(0 if registry.get_active_model_id() == second else 1)\n"
        "with Registry(sys.argv[1]) as other: other.promote(second)\n"
        "os.write(go[1], b'x')\n"
        "assert os.waitstatus_to_exitcode(os.wait()[1]) == 0\n"
    )
    prepared.run(["-c", code, str(registry_folder)], check=True)


def test_a_registry_used_on_both_sides_of_a_fork(registry_folder: Path) -> None:
    code = (
        "import os, sys; from registry_core import Registry; from tests.fitted import register\n"
        "registry = Registry(sys.argv[1]); register(registry); registry.load_active_model()\n"
        "child = os.fork()\n"
        "register(registry, 0.95 if child else 0.96); registry.load_active_model()\n"
        "child and os.waitpid(child, 0)\n"
        "assert not child or registry.count_models() == 3\n"
    )
    prepared.run(["-c", code, str(registry_folder)], check=True)
    with Registry(registry_folder) as registry:
        assert registry.load_active_model()[2].accuracy == pytest.approx(0.96)
        register(registry, 0.1)
        assert registry.count_models() == 4


# Killed by itself, so that it happens in the very moment: both of its workers are at their next model then.
MEASURE = """
import os, signal, sys
from registry_core import Registry
from registry_core.catalog import evidence
from tests.processes import children
def die(*_):
    print(*children(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
kept, insert = [], evidence.insert_evaluation
def insert_or_die(*arguments):
    kept.append(arguments) if len(kept) < 3 else die()
    insert(*arguments)
if sys.argv[2] == "between its file and its row":
    evidence.insert_evaluation = insert_or_die
with Registry(sys.argv[1]) as registry:
    registry.evaluate_all("Churn", progress=lambda done, of, last: die() if done == 3 else None)
"""


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux")
@pytest.mark.parametrize(
    "moment", [pytest.param("after the third", marks=pytest.mark.full), "between its file and its row"]
)
def test_measuring_goes_on_where_it_was_killed(registry_folder: Path, tmp_path: Path, moment: str) -> None:
    with Registry(registry_folder) as registry:
        registry.configure(auto_evaluate=False, reason="by hand")
        registry.add_benchmark("all", "Churn", load_breast_cancer(as_frame=True).frame, "target")
        ids = {register(registry, n / 100) for n in range(12)}
    # The folders of its sandboxes are left behind here, and not where everybody's are.
    killed = prepared.run(
        ["-c", MEASURE, str(registry_folder), moment], environment={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert killed.returncode == -signal.SIGKILL, killed.stdout
    workers = killed.stdout.split()
    assert workers
    until(lambda: not any(map(running, workers)))
    with Registry(registry_folder) as registry:
        before = {each for each in ids if registry.evaluations(each)}
        assert 3 <= len(before) < 12
        assert registry.count_events(kinds=["evaluated"]) == len(before)
        assert {each for each in ids if registry.get_metadata(each).measured} == before
        rest = registry.evaluate_all("Churn")
        assert {each.model_id for each in rest} == ids - before
        assert len(rest) == len(ids - before)
        assert {each.status for each in rest} == {"measured"}
        assert {len(registry.evaluations(each)) for each in ids} == {1}
        first = min(ids)
        for each in ids:
            # Reads what both have answered, and holds it against its digest.
            assert not registry.compare_measured(first, each).disagreements.changed
        assert registry.verify_events() is None
        assert registry.evaluate_all("Churn") == []
    # The same model gives the same answers, so one file has them all; the one without a row is that of the next try.
    assert len(list((registry_folder / "evaluations").iterdir())) == 1
