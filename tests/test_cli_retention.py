"""The console command's verbs that keep a registry small."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry_core import Registry
from registry_core.cli.output import size
from tests.clock import Clock
from tests.commands import answer, on_a_terminal, refused, run
from tests.fitted import register


@pytest.fixture
def five(sqlite_registry: Registry, clock: Clock) -> list[str]:
    """Five models, the first the best and the champion, and a policy that keeps two."""
    ids = []
    for place in range(5):
        ids.append(register(sqlite_registry, 0.9 - place / 100))
        clock.tick(days=1)
    sqlite_registry.configure(
        max_models_to_keep=2, retention={"keep_best": 1, "keep_newest": 0, "compress_after_days": 1}
    )
    return ids


def test_the_plan_and_the_cleanup(registry_folder: Path, five: list[str]) -> None:
    lost = registry_folder / "models/model_lost.pkl"
    lost.write_bytes(b"12345")
    os.utime(lost, (0, 0))
    lines = run(registry_folder, "cleanup", "--plan").stdout.splitlines()
    assert lines[0].split()[:3] == ["model_id", "version", "score"]
    assert [line.split()[0] for line in lines[1:7]] == [*five[::-1], "models/model_lost.pkl"]
    assert "trash   2 versions are kept, and it is older than those" in lines[2]
    assert "keep    it is the champion" in lines[5]
    assert "delete  orphaned file" in lines[6]
    assert lines[-1] == "2 to keep, 3 to trash (6.1 kB), 0 to purge and 1 orphaned file to delete (5 B)"
    document = answer(registry_folder, "cleanup", "--plan", "--name", "Churn")
    assert [item["action"] for item in document["items"]] == ["keep", "trash", "trash", "trash", "keep"]
    assert document["bytes_to_trash"] == sum(item["bytes"] for item in document["items"][1:4])
    assert document["unclaimed"] == []

    assert "is not in the plan" in refused(registry_folder, 2, "InvalidInput", "cleanup", "--keep", five[0])
    refused(registry_folder, 3, "ModelNotFound", "cleanup", "--name", "Chrun")
    done = answer(registry_folder, "cleanup", "--keep", five[1], "--actor", "anna", "--reason", "tidy")
    assert (done["trashed"], done["swept"], done["skipped"]) == ([five[3], five[2]], ["models/model_lost.pkl"], {})
    assert run(registry_folder, "cleanup").stdout.startswith("1 version moved to the trash (2.0 kB), 0 purged")
    assert run(registry_folder, "cleanup").stdout == "Nothing to clean up.\n"


def test_it_asks_on_a_terminal(registry_folder: Path, five: list[str], sqlite_registry: Registry) -> None:
    words = ["cleanup", "--registry", str(registry_folder)]
    code, shown = on_a_terminal(words, b"n\n", registry_folder.parent)
    assert code == 1
    assert "2 of 5 versions are kept, 1 of them protected" in shown
    assert sqlite_registry.trash() == []
    code, shown = on_a_terminal(words, b"y\n", registry_folder.parent)
    assert code == 0
    assert "3 versions moved to the trash" in shown
    purge = ["purge", five[1], "--registry", str(registry_folder)]
    code, shown = on_a_terminal(purge, b"y\n", registry_folder.parent)
    assert code == 0
    assert "This cannot be undone" in shown
    assert sqlite_registry.get_metadata(five[1]).status == "purged"


def test_one_version(registry_folder: Path, five: list[str]) -> None:
    assert run(registry_folder, "trash").stdout == "The trash is empty.\n"
    assert answer(registry_folder, "pin", five[1]) == {"model_id": five[1], "pinned": True}
    assert "it is pinned" in refused(registry_folder, 4, "StateConflict", "delete", five[1])
    assert "no longer pinned" in run(registry_folder, "unpin", five[1]).stdout
    assert f"{five[1]} is in the trash until" in run(registry_folder, "delete", five[1], "--reason", "old").stdout
    [found] = answer(registry_folder, "trash", "--name", "Churn")["trash"]
    assert (found["model_id"], found["reason"], found["was"]) == (five[1], "old", "registered")
    assert five[1] in run(registry_folder, "trash").stdout
    assert answer(registry_folder, "list", "--status", "trashed")["total"] == 1
    assert answer(registry_folder, "restore", five[1])["status"] == "registered"
    refused(registry_folder, 4, "StateConflict", "purge", five[1])
    answer(registry_folder, "delete", five[1])
    assert answer(registry_folder, "purge", five[1])["bytes_freed"] == found["bytes"]
    assert "deleted permanently" in refused(registry_folder, 4, "StateConflict", "restore", five[1])
    assert answer(registry_folder, "list", "--status", "purged")["total"] == 1


def test_compress_and_space(registry_folder: Path, five: list[str]) -> None:
    before = answer(registry_folder, "space")
    result = answer(registry_folder, "compress", "--name", "Churn")
    assert len(result["compressed"]) == 1
    assert len(result["linked"]) == 6
    assert run(registry_folder, "compress", "--older-than-days", "1").stdout.startswith(
        "0 files compressed, 0 duplicates"
    )
    after = answer(registry_folder, "space")
    used = [
        sum(use["bytes"] for use in each["uses"] if use["model_name"] == "Churn" and use["kind"] == "models")
        for each in (before, after)
    ]
    assert used[0] - used[1] == result["bytes_before"] - result["bytes_after"]
    lines = run(registry_folder, "space").stdout.splitlines()
    assert lines[0].split() == ["model", "name", "kind", "files", "size"]
    assert lines[-1].startswith("saved by deduplication")


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (2.5e15, "2500.0 TB")]
)
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text
