"""Files that a checker could read otherwise than a loader, that flood, or whose parts do not fit: none is trusted."""

import pickle
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sklearn import cluster

from registry_core.artifacts import formats
from registry_core.artifacts.inspection import inspect, work
from registry_core.artifacts.inspection.refused import Refused

from . import differing, floods, misfits

Files = Callable[[], Iterator[tuple[str, bytes]]]


@pytest.mark.parametrize(
    "files", [differing.files, floods.files, misfits.files], ids=["differing", "floods", "misfits"]
)
def test_no_hostile_file_is_trusted(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    # A tenth of the budget, which all that floods runs out of sooner; the benchmark uses the whole.
    monkeypatch.setattr(work, "ALWAYS", work.ALWAYS // 10)
    found = [(label, inspect(data, "winner.pkl")) for label, data in files()]
    assert len({label for label, _ in found}) == len(found) >= 15
    assert not [label for label, each in found if each.verdict == "trusted"]
    for label, each in found:
        # Refused for what it is, not because looking into it failed.
        assert "it cannot be read" not in each.because, label
        assert each.because.startswith("winner.pkl "), label
        assert "upload that file" in each.because or "or save the model without it" in each.because, label


def test_files_that_change_later_are_told_so() -> None:
    later = {label: inspect(data).because for label, data in differing.changed_later()}
    assert len(later) >= 9
    assert not [label for label, told in later.items() if "it changes something after it has been used" not in told]


def test_sharing_and_circles_that_pickle_writes_are_no_change() -> None:
    for data in (differing.boosting(), differing.doubled()):
        assert inspect(data).verdict == "trusted"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        # Its leaves know the ones before and behind them.
        birch = cluster.Birch(threshold=0.1).fit(np.arange(40.0).reshape(20, 2))
        assert inspect(pickle.dumps(birch, protocol)).verdict == "trusted"


def test_a_small_file_runs_out_of_the_whole_budget() -> None:
    flood = dict(floods.files())["millions of empty sets in a few kilobytes"]
    assert len(flood) < 10_000
    assert f"more than {work.ALWAYS:,} steps" in inspect(flood).because


def test_a_budget_is_shared_by_all_that_one_file_causes() -> None:
    with work.budget_for(0, 0) as budget:
        work.looked_at(budget.most * 64 // 2)
        work.spend(budget.most // 4)
        with pytest.raises(Refused, match="more than"):
            work.looked_at(budget.most * 64 // 2)
    # Outside of an inspection nothing is counted.
    work.spend(1 << 40)


def test_nothing_but_text_is_hashed() -> None:
    keys = floods.colliding(30)
    found = inspect(pickle.dumps({"a": dict.fromkeys(keys), "b": set(keys), "c": frozenset(keys)}))
    assert found.verdict == "trusted"
    # Thirty that collide are an accident, and so are many that do not.
    assert inspect(pickle.dumps({(place, str(place)): None for place in range(5000)})).verdict == "trusted"


def test_the_same_models_unchanged_are_trusted_and_load() -> None:
    models = list(misfits.unchanged())
    assert len(models) >= 15
    for label, model in models:
        data = pickle.dumps(model)
        found = inspect(data, label)
        assert found.verdict == "trusted", found.because
        assert type(formats.load(data, label)) is type(model)
