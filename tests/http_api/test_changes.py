"""Who waits for a change is answered by it, and by the end of the server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from registry_core import Registry
from registry_core.http_api.changes import Changes
from tests.servers import PATIENCE

_LONG = 10 * PATIENCE


def test_one_change_answers_all_who_wait(tmp_path: Path) -> None:
    async def wait(registry: Registry) -> list[int]:
        changes, revision = Changes(registry), registry.revision()
        waiting = [asyncio.create_task(changes.since(revision, _LONG)) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.to_thread(registry.configure, selection_margin=0.1, reason="x")
        async with asyncio.timeout(PATIENCE):
            return await asyncio.gather(*waiting)

    with Registry(tmp_path / "registry") as registry:
        before = registry.revision()
        assert asyncio.run(wait(registry)) == [registry.revision()] * 5
        assert registry.revision() > before


def test_a_server_that_ends_answers_all_who_wait(tmp_path: Path) -> None:
    async def wait(registry: Registry) -> list[int]:
        ends = False
        changes, revision = Changes(registry, lambda: ends), registry.revision()
        waiting = [asyncio.create_task(changes.since(revision, _LONG)) for _ in range(5)]
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        ends = True
        async with asyncio.timeout(PATIENCE):
            return [*await asyncio.gather(*waiting), await changes.since(revision, _LONG)]

    with Registry(tmp_path / "registry") as registry:
        assert asyncio.run(wait(registry)) == [registry.revision()] * 6
