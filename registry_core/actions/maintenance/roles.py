"""How versions stand before anything is done about them: who is champion, who was, who takes part in what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...catalog import deployments, retention_queries
from ...catalog.database import Queries
from ...file_keys import model_files
from ...rules import retention
from ...rules.retention import Candidate
from .. import promotion


class Roles(NamedTuple):
    """Ids by what they do; id -> experiment for those that take part in one."""

    champions: frozenset[str]
    predecessors: frozenset[str]
    were_champions: frozenset[str]
    experiments: Mapping[str, int]

    def untouchable(self, model_id: str, pinned: bool) -> str | None:
        """Why a version stays, whatever the policy says and whoever asks; None when it need not."""
        return retention.untouchable(
            model_id in self.champions, model_id in self.predecessors, self.experiments.get(model_id), pinned
        )


def roles(queries: Queries, model_name: str | None) -> Roles:
    """Who does what, of one model name or of all."""
    history = deployments.listed(queries, model_name)
    predecessors = promotion.predecessors_by_name(queries, model_name).values()
    return Roles(
        frozenset(each.model_id for each in history if each.ended_at is None),
        frozenset(latest for latest, *_ in filter(None, predecessors)),
        frozenset(each.model_id for each in history),
        retention_queries.in_experiments(queries, model_name),
    )


def candidates(queries: Queries, model_name: str | None, sizes: Mapping[str, int]) -> list[Candidate]:
    """Every version that still has files, by name, the newest first; ``sizes`` are those of the files, by key."""
    known = roles(queries, model_name)
    return [
        Candidate(
            each.model_id, each.model_name, f"{each.major}.{each.minor}.{each.patch}", each.seq, each.registered_at,
            each.score, each.ranked_on, bool(each.eligible), each.status,
            sum(sizes.get(key, 0) for key in model_files(each.model_id)),
            each.model_id in known.champions, each.model_id in known.predecessors,
            known.experiments.get(each.model_id), bool(each.pinned), each.model_id in known.were_champions,
            each.purge_at,
        )
        for each in retention_queries.versions(queries, model_name)
    ]  # fmt: skip
