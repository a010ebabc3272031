from __future__ import annotations

from pathlib import Path

from registry_core import Registry, SpaceReport
from tests.clock import Clock
from tests.fitted import register


def on_disk(folder: Path) -> int:
    """Bytes of all files, each counted once however many names it has."""
    return sum({(s.st_dev, s.st_ino): s.st_size for p in folder.rglob("*") if p.is_file() for s in [p.stat()]}.values())


def sizes(report: SpaceReport) -> dict[tuple[str, str], tuple[int, int]]:
    return {(use.model_name, use.kind): (use.files, use.bytes) for use in report.uses}


def test_what_takes_the_space(sqlite_registry: Registry, registry_folder: Path, clock: Clock) -> None:
    registry = sqlite_registry
    ids = [register(registry, 0.9)]
    register(registry, 0.9, model_name="Other")
    for _ in range(3):
        clock.tick(days=1)
        ids.append(register(registry, 0.8))
    (registry_folder / "models/model_lost.pkl").write_bytes(b"12345")
    (registry_folder / "models/notes.txt").write_bytes(b"123")
    registry.delete(ids[3])
    before = registry.space()
    assert before.bytes == on_disk(registry_folder)
    found = sizes(before)
    one = sum(len(registry.read_artifact(ids[1], which)) for which in ("model", "scaler"))
    assert found["Churn", "models"] == (6, 3 * one)
    assert found["Churn", "trash"] == (2, one)
    assert found["Other", "models"] == (2, one)
    assert found["Other", "metadata"][0] == 1
    assert found["", "unclaimed"] == (1, 5)
    assert found["", "other"][1] >= 3
    assert found["", "catalog"][1] >= (registry_folder / "registry.db").stat().st_size
    assert (before.saved_by_compression, before.saved_by_sharing) == (0, 0)

    result = registry.compress(0)
    after = registry.space()
    assert after.bytes == on_disk(registry_folder)
    saved = result.bytes_before - result.bytes_after
    assert saved == before.saved_by_sharing + sum(
        used.bytes - sizes(after)[used.model_name, used.kind][1]
        for used in before.uses
        if used.kind in ("models", "trash")
    )
    model = (registry_folder / f"models/model_{ids[1]}.pkl").stat().st_size
    assert after.saved_by_compression == len(registry.read_artifact(ids[1])) - model
    assert after.saved_by_sharing == 2 * sum(
        (registry_folder / f"models/{kind}_{ids[1]}.pkl").stat().st_size for kind in ("model", "scaler")
    )


def test_an_empty_registry(registry: Registry) -> None:
    report = registry.space()
    assert (report.saved_by_compression, report.saved_by_sharing) == (0, 0)
    assert {use.kind for use in report.uses} <= {"catalog", "other"}
    assert registry.plan_cleanup().items == ()
    assert registry.trash() == []
