"""Answers: JSON documents, and problem documents for errors."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import NotFound, RegistryError, StateConflict
from ..wire import API_PATH, problems
from ..wire.records import to_document
from .callers import NotSignedIn
from .observing import request_id

_log = logging.getLogger(__name__)


class UnderWay(StateConflict):
    """A call is under way, and may be sent again to have its answer."""


def of(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document as JSON."""
    return Response(to_document(document), status, headers, media_type="application/json")


def problem(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """A problem document; where the call may be sent again, it says after how many seconds."""
    retry = {"retry-after": str(problems.RETRY_SECONDS)} if document["status"] in (429, 503) else {}
    return Response(
        json.dumps(document), document["status"], {**retry, **(headers or {})}, media_type=problems.MEDIA_TYPE
    )


def _of_error(_: Request, error: Any) -> Response:
    document = problems.problem(error)
    if document["status"] >= 500:
        _log.warning("A call failed: %s", error)
    return problem(document, {"retry-after": "1"} if isinstance(error, UnderWay) else None)


def _of_arguments(request: Request, error: Any) -> Response:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    name = request.url.path.rpartition("/")[2]
    sentence = f"{name}: {where} is invalid: {first['msg']}; {API_PATH}/openapi.json describes the arguments"
    return problem({"type": "InvalidInput", "title": "An argument is invalid", "status": 422, "detail": sentence})


def _of_status(request: Request, error: Any) -> Response:
    if error.status_code == 404:
        return _of_error(
            request, NotFound(f"the API has no path {request.url.path!r:.200}; see {API_PATH}/openapi.json")
        )
    sentence = f"{request.method} {request.url.path:.200}: {error.detail}"
    return problem(
        {"type": "InvalidInput", "title": str(error.detail), "status": error.status_code, "detail": sentence},
        error.headers,
    )


def _of_stranger(_: Request, __: Any) -> Response:
    sentence = "send a valid token: Authorization: Bearer mr_...; `model-registry token create` makes one"
    document = {"type": "NotAllowed", "title": "Sign in first", "status": 401, "detail": sentence}
    return problem(document, {"www-authenticate": "Bearer"})


HANDLERS: Mapping[Any, Callable[[Request, Any], Response]] = {
    RegistryError: _of_error,
    RequestValidationError: _of_arguments,
    HTTPException: _of_status,
    NotSignedIn: _of_stranger,
}


def unforeseen(what: str) -> Response:
    """The answer to an error that nobody foresaw, which is being handled: a reference to the server's log."""
    reference = request_id.get() or secrets.token_hex(4)
    _log.exception("Error %s in %s", reference, what)
    sentence = f"{what} failed; the details are in the server's log under {reference}"
    return problem({"type": "RegistryError", "title": "Internal error", "status": 500, "detail": sentence})
