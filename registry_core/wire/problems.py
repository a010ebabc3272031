"""Errors as problem documents (RFC 9457) and back: the same class with the same sentence at the other end."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from .. import errors
from ..errors import GatesFailed, RegistryError
from ..gates import GateReport
from .records import to_document

MEDIA_TYPE = "application/problem+json"
#: The status of an error: that of the first of its ancestors that is listed.
STATUS: Mapping[str, int] = {
    "CatalogBusy": 503,
    "SandboxFailure": 503,
    "SandboxIncomplete": 503,
    "IssuerUnavailable": 503,
    "NotAllowed": 403,
    "NotFound": 404,
    "NoModelAvailable": 404,
    "ArtifactMissing": 410,
    "ArtifactError": 409,
    "Conflict": 409,
    "NotEligible": 409,
    "InvalidInput": 422,
}
#: What is missing, as ``NotFound`` says it in ``what``, where it is a file that was sent before a call.
UPLOAD = "upload"
#: After so many seconds a call may be sent again that met one of the statuses 429 and 503.
RETRY_SECONDS = 1

_CLASSES: Mapping[str, type[RegistryError]] = {
    name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, RegistryError)
}
_REPORT = TypeAdapter(GateReport)


def known_class(error: RegistryError) -> str:
    """The name of an error's class, or of the ancestor that callers know."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in _CLASSES)


def status_of(error: RegistryError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, errors.StorageError) and not isinstance(error, errors.CatalogBusy):
        import errno

        return 507 if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else 500
    return next((STATUS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in STATUS), 500)


def problem(error: RegistryError) -> dict[str, Any]:
    """The problem document of an error; what it knows beside its sentence is under ``details``."""
    kind = known_class(error)
    document: dict[str, Any] = {
        "type": kind,
        "title": (_CLASSES[kind].__doc__ or kind).partition(".")[0].partition(":")[0].partition(";")[0],
        "status": status_of(error),
        "detail": str(error),
    }
    details = {name: value for name, value in vars(error).items() if name in _DETAILS}
    if isinstance(error, OSError) and error.errno is not None:
        details["errno"] = error.errno
    if details:
        document["details"] = json.loads(to_document(details))
    return document


#: The attributes of errors that a caller decides by.
_DETAILS = frozenset({
    "model_name", "expected", "actual", "by", "at", "report", "verb", "what", "because", "reason", "output",
    "unenforced",
})  # fmt: skip


def error_of(document: Mapping[str, Any]) -> RegistryError:
    """The error of a problem document; one of an unknown class is a ``RegistryError``."""
    kind = _CLASSES.get(str(document.get("type")), RegistryError)
    sentence = str(document.get("detail") or document.get("title") or "the server gave no reason")
    details = dict(document.get("details") or {})
    # Not through the class itself: the sentence is there, and is not to be written again.
    if "errno" in details:
        return kind(details["errno"], sentence)
    made = kind.__new__(kind, sentence)
    made.args = (sentence,)
    if issubclass(kind, GatesFailed) and "report" in details:
        details["report"] = _REPORT.validate_python(details["report"])
    if "unenforced" in details:
        details["unenforced"] = tuple(details["unenforced"])
    for name, value in details.items():
        if name in _DETAILS:
            setattr(made, name, value)
    return made
