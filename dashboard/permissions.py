"""What may be done now, and the reason where it may not, as the core says: the one place where pages ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard import formatting
from dashboard.session import View
from registry_core import Permission

#: What is put away, in a sentence about it.
GONE = {
    "trashed": "in the trash: restore the version first",
    "purged": "purged: the files are deleted, metrics and history are kept",
}
#: What quarantine means, and the way to take part all the same.
QUARANTINE = (
    "A quarantined file imports code that is not trusted: it is stored, but not loaded or promoted until an admin "
    "trusts these imports on the Model page."
)


def of(subject: str | int, view: View) -> dict[str, Permission]:
    """What may be done with a version, a model name or an experiment."""
    return view.shared.recall(view.revision, ("allowed", subject), lambda: view.registry.allowed(subject))


def of_many(model_ids: Sequence[str], view: View) -> dict[str, dict[str, Permission]]:
    """Whether each of many versions may be promoted or challenge the champion, without asking its gates."""
    return view.shared.recall(
        view.revision, ("allowed many", *model_ids), lambda: view.registry.allowed_many(list(model_ids))
    )


def refusal(permission: Permission) -> str | None:
    """Why something may not be done; None where it may, or where a person may pass over what stands in the way."""
    return None if permission.allowed or permission.overridable else formatting.sentence(permission.reason)


def role_refusal(view: View, verb: str, model_name: str | None, **arguments: Any) -> str | None:
    """Why the roles of whoever signed in do not allow a method of the registry; None where they do."""
    key = ("may", verb, model_name, *arguments.items())
    found = view.shared.recall(view.revision, key, lambda: view.registry.may(verb, model_name, **arguments))
    return refusal(found)
