from __future__ import annotations

import os
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry_core import ArtifactMissing, CleanupPlan, Evaluation, EventKind, Registry, StateConflict, StorageError
from registry_core.actions.maintenance import cleanup, sweep
from registry_core.actions.maintenance.trash import Removal
from registry_core.catalog import events, evidence
from registry_core.catalog.telemetry.archives import Archive
from tests.clock import Clock
from tests.fitted import register

FEW = {"keep_best": 1, "keep_newest": 0, "keep_champions": False, "trash_days": 10}


def several(registry: Registry, clock: Clock, count: int = 5) -> list[str]:
    """So many models, the first the best and the champion, and a policy that keeps two."""
    ids = []
    for place in range(count):
        ids.append(register(registry, 0.9 - place / 100))
        clock.tick(days=1)
    registry.configure(max_models_to_keep=2, retention=FEW)
    return ids


def planned(plan: CleanupPlan) -> dict[str, str]:
    return {item.model_id: item.action for item in plan.items}


def files(folder: Path, model_id: str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(f"*_{model_id}.*"))


def test_from_the_plan_to_the_trash_and_for_good(registry: Registry, registry_folder: Path, clock: Clock) -> None:
    ids = several(registry, clock)
    plan = registry.plan_cleanup()
    assert [item.model_id for item in plan.items] == ids[::-1]
    assert planned(plan) == dict(zip(ids, ["keep", "trash", "trash", "trash", "keep"], strict=True))
    sizes = {path.name: path.stat().st_size for path in (registry_folder / "models").iterdir()}
    assert plan.bytes_to_trash == sum(sizes[f"{kind}_{each}.pkl"] for each in ids[1:4] for kind in ("model", "scaler"))
    assert (plan.last_event, plan.bytes_to_free, plan.unclaimed) == (registry.count_events(), 0, ())
    assert registry.count_events() == plan.last_event

    told: list[tuple[str, int, int]] = []
    result = registry.cleanup(
        plan, actor="anna", reason="tidy", progress=lambda doing, done, of: told.append((doing, done, of))
    )
    assert result.trashed == (*ids[3:0:-1],)
    assert (result.bytes_trashed, result.skipped, told) == (plan.bytes_to_trash, {}, [("moved to the trash", 3, 3)])
    assert [registry.get_metadata(each).status for each in ids] == ["registered", *["trashed"] * 3, "registered"]
    assert [row["eligible"] for row in registry.get_model_comparison(10, order_by="version", descending=False)] == [
        *(True, False, False, False, True)
    ]
    found = registry.events(kinds=["trashed"])
    assert [each.model_id for each in found] == ids[1:4]
    assert (found[0].actor, found[0].reason) == ("anna", "tidy")
    assert "2 versions are kept" in found[0].after["because"]
    assert {each.model_id: (each.was, each.actor, each.reason) for each in registry.trash()} == dict.fromkeys(
        ids[1:4], ("registered", "anna", "tidy")
    )
    assert registry.load_model(ids[1])[2].status == "trashed"
    assert planned(registry.plan_cleanup()) == dict.fromkeys(ids, "keep")

    clock.tick(days=9)
    assert registry.cleanup().purged == ()
    registry.restore(ids[1], reason="still of use")
    registry.pin(ids[1])
    registry.configure(max_models_to_keep=3)
    clock.tick(days=1)
    plan = registry.plan_cleanup("Churn")
    assert [item.model_id for item in plan.of("purge")] == ids[3:1:-1]
    result = registry.cleanup(plan, actor="anna")
    assert result.purged == (ids[3], ids[2])
    assert result.bytes_freed == plan.bytes_to_free > 0
    assert files(registry_folder, ids[2]) == [f"metadata/model_{ids[2]}.json"]
    assert len(files(registry_folder, ids[1])) == 3
    assert registry.trash() == []
    assert [item.model_id for item in registry.plan_cleanup().items] == [ids[4], ids[1], ids[0]]
    metadata = registry.get_metadata(ids[2])
    assert (metadata.status, metadata.version, metadata.training_samples) == ("purged", "1.0.2", 569)
    with pytest.raises(ArtifactMissing, match=r"was purged by anna on 2025-08-15.* register the model again"):
        registry.load_model(ids[2])
    with pytest.raises(ArtifactMissing, match="was purged by anna"):
        registry.read_artifact(ids[2])
    with pytest.raises(StateConflict, match=r"was purged by anna on 2025-08-15 .* deleted permanently"):
        registry.restore(ids[2])
    assert registry.verify_events() is None


def test_what_changed_since_the_plan_is_left_alone(sqlite_registry: Registry, clock: Clock) -> None:
    registry, ids = sqlite_registry, several(sqlite_registry, clock, 8)
    plan = registry.plan_cleanup()
    registry.pin(ids[1])
    registry.promote(ids[2], reason="by hand")
    registry.start_experiment("Churn", ids[3])
    registry.delete(ids[4])
    registry.purge(registry.trash()[0].model_id)
    registry.delete(ids[5])
    result = registry.cleanup(plan)
    assert result.skipped == {
        ids[1]: "it is pinned",
        ids[2]: "it is the champion",
        ids[3]: f"it is in the running experiment {registry.experiments('Churn')[0].experiment_id}",
        ids[4]: "it is now purged",
        ids[5]: "it is in the trash until 2025-08-18",
    }
    assert result.trashed == (ids[6],)


def test_and_so_is_what_changes_while_it_is_carried_out(
    sqlite_registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, ids = sqlite_registry, several(sqlite_registry, clock, 8)
    plan = registry.plan_cleanup()

    def changing(*_: Any) -> CleanupPlan:
        registry.pin(ids[1])
        registry.promote(ids[2], reason="by hand")
        registry.reject(ids[3], reason="bad")
        return plan

    monkeypatch.setattr(cleanup, "plan", changing)
    result = registry.cleanup(plan, only=[*ids[1:5], ids[7], "nobody"])
    assert result.trashed == (ids[4],)
    assert result.skipped == {
        ids[1]: "it is pinned",
        ids[2]: "it is the champion",
        ids[3]: "it is now rejected",
        ids[7]: "2 versions are kept, and it is one of the newest",
        "nobody": "it is not in the plan",
    }
    monkeypatch.undo()

    clock.tick(days=20)
    registry.configure(max_models_to_keep=20, retention=FEW)
    plan = registry.plan_cleanup()
    assert [item.model_id for item in plan.of("purge")] == [ids[4]]

    def restoring(*_: Any) -> CleanupPlan:
        registry.restore(ids[4])
        return plan

    monkeypatch.setattr(cleanup, "plan", restoring)
    assert registry.cleanup(plan).skipped == {ids[4]: "it was restored from the trash"}


def test_many_versions_in_several_transactions(
    sqlite_registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, ids = sqlite_registry, several(sqlite_registry, clock, 7)
    register(registry, 0.5, model_name="Other")
    monkeypatch.setattr(cleanup, "_BATCH", 2)
    told: list[tuple[str, int, int]] = []
    assert len(registry.cleanup(progress=lambda doing, done, of: told.append((doing, done, of))).trashed) == 5
    assert told == [("moved to the trash", done, 5) for done in (2, 4, 5)]
    assert {each.model_name for each in registry.trash()} == {"Churn"}
    assert registry.trash("Other") == []
    assert ids[0] not in {each.model_id for each in registry.trash()}


# files that nothing claims


def lay(folder: Path, clock: Clock, *keys: str, days: float = 2) -> None:
    """Files that were written so many days ago, by the registry's clock."""
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        age(path, clock, days)


def age(path: Path, clock: Clock, days: float = 2) -> None:
    at = clock.now.timestamp() - days * 86_400
    os.utime(path, (at, at))


def test_unclaimed_files_are_swept_once_they_are_old(registry: Registry, registry_folder: Path, clock: Clock) -> None:
    from sklearn.datasets import load_breast_cancer

    kept = register(registry)
    registry.configure(auto_evaluate=False)
    registry.add_benchmark("holdout", "Churn", load_breast_cancer(as_frame=True).frame[:30], "target")
    answers = f"evaluations/{'a' * 64}.npz"
    archived = f"archive/predictions/Churn/20250101_1_2_{'b' * 16}.parquet"
    with registry._context.database.transaction() as transaction:
        seq, at = events.append(transaction, now=clock.now, kind=EventKind.EVALUATED, actor="t", reason="")
        evidence.insert_evaluation(
            transaction, Evaluation(seq, kept, "holdout", "f", at, "t", "measured", ""), answers, "a" * 64
        )
    with registry._context.telemetry.transaction() as transaction:
        transaction.insert("archives", Archive._fields, [Archive(1, 2, "Churn", 0, 1, 2, archived, "b" * 64)])
    lay(registry_folder, clock, answers, archived)
    for path in registry_folder.rglob("*"):
        if path.is_file() and path.parent != registry_folder:
            age(path, clock)
    lost = [
        "models/model_Churn_Forest_20250101_000000.pkl",
        "models/scaler_Churn_Forest_20250101_000000.pkl",
        "metadata/model_Churn_Forest_20250101_000000.json",
        f"benchmarks/{'c' * 64}.parquet",
        f"evaluations/{'c' * 64}.npz",
        f"archive/predictions/Churn/20250101_3_4_{'c' * 16}.parquet",
        f".staged/{'d' * 32}",
    ]
    young = ["models/model_Churn_Forest_20250102_000000.pkl"]
    strange = ["models/README.md", "metadata/performance.csv", "archive/notes.txt"]
    lay(registry_folder, clock, *lost, *strange)
    lay(registry_folder, clock, *young, days=0.9)
    before = {path for path in registry_folder.rglob("*") if path.is_file()}

    plan = registry.plan_cleanup()
    assert [each.key for each in plan.unclaimed] == sorted(lost)
    assert registry.plan_cleanup("Churn").unclaimed == ()
    assert registry.cleanup(plan, only=[lost[0]]).swept == (lost[0],)
    result = registry.cleanup(plan, actor="anna")
    assert (*sorted(result.swept),) == (*sorted(lost[1:]),)
    assert result.skipped == {lost[0]: "it was deleted already"}
    gone = {path.relative_to(registry_folder).as_posix() for path in before if not path.exists()}
    assert gone - {"registry.db-wal", "registry.db-shm"} == {*lost}
    event = registry.events(kinds=["swept"], limit=1)[0]
    assert (event.actor, event.after["count"]) == ("anna", 6)
    registry.load_model(kept)


def test_a_clock_in_the_past_or_the_future_sweeps_nothing_that_is_young(
    sqlite_registry: Registry, registry_folder: Path, clock: Clock
) -> None:
    lay(registry_folder, clock, key := "models/model_x.pkl", days=2)
    assert [each.key for each in sqlite_registry.plan_cleanup().unclaimed] == [key]
    (registry_folder / key).touch()
    assert sqlite_registry.plan_cleanup().unclaimed == ()
    clock.now = datetime(2100, 1, 1, tzinfo=UTC)
    assert sqlite_registry.plan_cleanup().unclaimed == ()


def test_what_is_claimed_or_written_anew_meanwhile_stays(
    sqlite_registry: Registry, registry_folder: Path, clock: Clock
) -> None:
    registry = sqlite_registry
    lay(registry_folder, clock, "models/model_x.pkl", "models/model_y.pkl")
    plan = registry.plan_cleanup()
    assert len(plan.unclaimed) == 2
    (registry_folder / "models/model_x.pkl").write_text("another")
    model_id = register(registry)
    age(registry_folder / f"models/model_{model_id}.pkl", clock)
    gone, left = sweep.remove(
        registry._context, [*(each.key for each in plan.unclaimed), f"models/model_{model_id}.pkl"]
    )
    assert [*gone] == ["models/model_y.pkl"]
    assert left == {
        "models/model_x.pkl": "it is too new to be deleted",
        f"models/model_{model_id}.pkl": "it now belongs to a version",
    }


def test_killed_between_the_commit_and_the_files(
    sqlite_registry: Registry, registry_folder: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, ids = sqlite_registry, several(sqlite_registry, clock, 3)
    registry.cleanup()
    clock.tick(days=11)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Removal, "remove", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        registry.cleanup()
    assert registry.get_metadata(ids[1]).status == "purged"
    for path in (registry_folder / "models").glob(f"*{ids[1]}*"):
        age(path, clock)
    result = registry.cleanup()
    assert len(result.swept) == 2
    assert result.bytes_freed > 0
    assert files(registry_folder, ids[1]) == [f"metadata/model_{ids[1]}.json"]


# by itself


def test_automatically_after_a_registration(registry: Registry, clock: Clock) -> None:
    ids = several(registry, clock, 3)
    register(registry, 0.3, model_name="Other")
    register(registry, 0.2, model_name="Other")
    assert registry.trash() == []
    registry.configure("Churn", retention={**FEW, "automatic": True, "compress_after_days": 1})
    ids.append(register(registry, 0.1))
    assert [(each.model_id, each.actor) for each in registry.trash()] == [(ids[1], "auto"), (ids[2], "auto")]
    assert registry.events(kinds=["compressed"])[0].actor == "auto"
    clock.tick(days=11)
    register(registry, 0.05)
    assert [registry.get_metadata(each).status for each in ids] == ["registered", "purged", "purged", "trashed"]
    assert {row["status"] for row in registry.get_model_comparison(10, "Other")} == {"registered"}


def test_what_goes_wrong_by_itself_is_told(
    sqlite_registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = sqlite_registry
    several(registry, clock, 3)
    registry.configure("Churn", retention={**FEW, "automatic": True})

    def failing(*_: Any, **__: Any) -> None:
        raise StorageError(5, "the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(cleanup._Run, "put_away", failing)
        assert registry.get_metadata(register(registry, 0.1)).status == "registered"
        [alert] = registry.alerts("Churn")
        assert (alert.kind, alert.severity, alert.status) == ("cleanup_failed", "warning", "open")
        assert "the disk is gone" in alert.text
        register(registry, 0.1)
        assert len(registry.alerts("Churn")) == 1
        patched.setattr(cleanup, "open_alert", failing)
        with pytest.warns(RuntimeWarning, match="no alert could be opened: the disk is gone"):
            register(registry, 0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register(registry, 0.1)
    assert [each for each in registry.alerts("Churn") if each.status != "resolved"] == []
    assert len(registry.trash()) == 5
