"""Methods for a registry from another installation: its trust decisions, and the key that marks your own."""

from __future__ import annotations

import os

from ..actions import foreign, trust
from ..evidence import ForeignDecisions, KnownClass
from .verbs import Verbs


class OriginVerbs(Verbs):
    """Trust decisions: trusted imports, gates, approvals and overrides. They are valid where they were made or
    accepted.

    Decisions made here are sealed with a key of this registry. The key is stored outside the registry, in
    ``~/.local/state/model-registry/keys`` or in the folder named by the environment variable ``MODEL_REGISTRY_KEYS``.
    It is created with the first version or such decision. Results of prediction checks are sealed too: without the key,
    files are checked again in the sandbox before they load.
    """

    def foreign_decisions(self) -> ForeignDecisions:
        """The trust decisions that came with this registry and were neither made nor accepted with this user's key.

        The result is false in a boolean context if there is nothing to accept, as in your own registry, its copies on
        this machine, and its restored backups.

        Raises:
            StorageError: the key cannot be read.
        """
        return foreign.pending(self._context)

    def accept_foreign(
        self, decisions: ForeignDecisions, *, actor: str | None = None, reason: str = ""
    ) -> ForeignDecisions:
        """Accept exactly the decisions that ``foreign_decisions`` returned.

        Imports that can never be trusted are omitted.

        Returns:
            the accepted decisions.

        Raises:
            Conflict: the decisions have changed since then.
            StateConflict: there is nothing to accept.
            InvalidInput: the reason is missing.
            StorageError: the key cannot be stored.
        """
        return foreign.accept(self._context, decisions, actor, reason)

    def unknown_classes(self, model_id: str) -> tuple[KnownClass, ...]:
        """The classes that keep a version's file quarantined, with file, line, bases and methods run at load.

        Reads source code and imports nothing.

        Raises:
            ModelNotFound: no model has that id.
            InvalidConfiguration: an import is not a class, or can never be trusted.
        """
        return trust.classes_of(self._context, model_id)

    def export_key(self, path: str | os.PathLike[str]) -> None:
        """Write this registry's key into a new file. Everyone who has the key can make decisions in your name.

        Raises:
            StateConflict: this user has no key of this registry.
            StorageError: the file cannot be written.
        """
        foreign.export_key(self._context, path)

    def import_key(self, path: str | os.PathLike[str]) -> None:
        """Import this registry's key, so that decisions made with it are valid here.

        Raises:
            InvalidInput: the file holds no key of this registry.
            StateConflict: this user has another key of it.
            StorageError: the key cannot be stored.
        """
        foreign.import_key(self._context, path)
