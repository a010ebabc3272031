"""Verbs for what came from elsewhere: decisions about trust, and the key that tells them from those made here."""

from __future__ import annotations

import os

from ..actions import foreign, trust
from ..evidence import ForeignDecisions, KnownClass
from .verbs import Verbs


class OriginVerbs(Verbs):
    """Trusted names, gates, approvals and overrides count where they were decided or accepted.

    What is decided here is sealed with a key of this registry. It lies outside the registry, in this user's state
    (``~/.local/state/model-registry/keys``) or in the folder that the environment variable ``MODEL_REGISTRY_KEYS``
    names, and is made with the first such decision.
    """

    def foreign_decisions(self) -> ForeignDecisions:
        """Decisions about trust that came with this registry, and that nobody made or accepted with this user's key.

        None in a registry of one's own, in its copies on this machine, and in what is restored from its backups; false
        when there is nothing to accept.

        Raises:
            StorageError: the key cannot be used.
        """
        return foreign.pending(self._context)

    def accept_foreign(
        self, decisions: ForeignDecisions, *, actor: str | None = None, reason: str = ""
    ) -> ForeignDecisions:
        """Make decisions that came from elsewhere one's own: all that ``foreign_decisions`` showed, and no other.

        Names that can never be trusted are left out. Gives what was accepted.

        Raises:
            Conflict: there are others by now.
            StateConflict: there is nothing to accept.
            InvalidInput: no reason was given.
            StorageError: the key cannot be kept.
        """
        return foreign.accept(self._context, decisions, actor, reason)

    def unknown_classes(self, model_id: str) -> tuple[KnownClass, ...]:
        """What the names are that keep a version's file quarantined: what ``trust`` would trust. Imports nothing.

        Raises:
            ModelNotFound: no model has that id.
            InvalidConfiguration: a name is no class, or can never be trusted.
        """
        return trust.classes_of(self._context, model_id)

    def export_key(self, path: str | os.PathLike[str]) -> None:
        """Write this registry's key into a new file, for another machine or user. Whoever has it decides as you do.

        Raises:
            StateConflict: this user has no key of this registry.
            StorageError: the file cannot be written.
        """
        foreign.export_key(self._context, path)

    def import_key(self, path: str | os.PathLike[str]) -> None:
        """Take over this registry's key, so that what was decided with it counts here.

        Raises:
            InvalidInput: the file holds no key of this registry.
            StateConflict: this user has another key of it.
            StorageError: it cannot be kept.
        """
        foreign.import_key(self._context, path)
