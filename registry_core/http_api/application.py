"""The ASGI application: a route for each method, uploads, checks, downloads and waiting for changes."""

# No postponed annotations: FastAPI reads the types of endpoints, which are made here for each method.
import asyncio
import hashlib
import inspect
import json
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Body, Depends, FastAPI, Header, Query, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp

from ..errors import InvalidInput, RegistryError
from ..registry import Registry
from ..version import RELEASE
from ..visitors import Call, visitor
from ..visitors import call as present_call
from ..wire import API_PATH, methods, problems
from ..wire.methods import Method, UploadedFile
from ..wire.records import to_document
from . import answers, bounds, callers, downloads
from .callers import Caller, NotSignedIn
from .calls import Calls
from .changes import Changes
from .checks import Checks
from .observing import Figures, Observed
from .stream import events
from .uploads import Limits, Uploads, folder_of

_LONGEST_WAIT = 60
_LONGEST_KEY = 200

_log = logging.getLogger(__name__)


class Server:
    """What the routes share: the registry, its uploads, and the checks that are under way.

    A mounted application has no lifespan of its own, so whoever serves it calls ``close``.
    """

    def __init__(
        self,
        registry: Callable[[], Registry],
        *,
        session: callers.Session | None = None,
        required: Callable[[], bool] = lambda: False,
        uploads: Path | None = None,
        limits: Limits | None = None,
        ending: Callable[[], bool] = lambda: False,
    ) -> None:
        """Serve a registry.

        Args:
            registry: the registry itself, which its owner opened.
            session: who has a session, by the cookies of a request; None where there are only tokens.
            required: whether a token or session is required even where the registry has no people.
            uploads: the folder for files on their way in. Default: beside the registry, see ``uploads.folder_of``.
            limits: how much may be on its way in.
            ending: whether the server takes no further requests, so that nothing is waited for any more.
        """
        self._registry, self._session, self._required = registry, session, required
        self._ending = ending
        self.figures = Figures()
        self._folder, self._limits = uploads, limits
        #: The calls with a key that are under way here.
        self.calls = Calls(lambda: self.registry)
        self._uploads: Uploads | None = None
        self._checks: Checks | None = None
        self._changes: Changes | None = None

    @property
    def registry(self) -> Registry:
        """The registry itself."""
        return self._registry()

    @property
    def uploads(self) -> Uploads:
        """The files on their way in."""
        if self._uploads is None:
            self._uploads = Uploads(self._folder or folder_of(self.registry.location), self._limits)
        return self._uploads

    @property
    def checks(self) -> Checks:
        """The checks of uploads."""
        if self._checks is None:
            self._checks = Checks(self.registry, self.calls)
        return self._checks

    @property
    def changes(self) -> Changes:
        """Who waits for changes."""
        if self._changes is None:
            self._changes = Changes(self.registry, self._ending)
        return self._changes

    def caller(self, request: Request) -> Caller:
        """Whoever sends a request."""
        authorization = request.headers.get("authorization", "")
        found = callers.caller(self.registry, authorization, request.cookies, self._session, self._required())
        request.state.caller = found.key
        return found

    async def close(self) -> None:
        """Finish the checks. Uploads stay: their senders go on after a restart."""
        if self._checks is not None:
            await asyncio.to_thread(self._checks.close)
        self.calls.close()


def application(server: Server) -> ASGIApp:
    """Build the ASGI application, with all paths below ``/api/v1``."""
    prefix = API_PATH
    app = FastAPI(
        title="Model Registry",
        version=RELEASE,
        description="Each method of `Registry` under its own name. Errors are problem documents (RFC 9457).",
        openapi_url=f"{prefix}/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    who = Annotated[Caller, Depends(server.caller)]
    for method in methods.methods_of(Registry).values():
        _add_method(app, server, method, who)
    _add_uploads(app, server, who)
    _add_reading(app, server, who)
    for kind, answer in answers.HANDLERS.items():
        app.add_exception_handler(kind, answer)
    return Observed(bounds.Bounded(app, (f"{prefix}/uploads/",)), server.figures)


def _add_method(app: FastAPI, server: Server, method: Method, who: Any) -> None:
    path = f"{API_PATH}/{method.name}"
    described: dict[str, Any] = {
        "summary": method.about.replace("``", "`"),
        "tags": ["read" if method.reads else "change"],
        "response_model": method.returns,
        "responses": _PROBLEMS,
    }
    required = any(each.is_required() for each in method.arguments.model_fields.values())
    # Endpoints made here are read by their signatures: this is how one says that a parameter has no default.
    default: Any = inspect.Parameter.empty if required else None
    body: Any = Annotated[method.arguments if required else method.arguments | None, Body()]

    if method.name == "upload":

        def register(caller: who, arguments: body = default, idempotency_key: _Key = None) -> Response:
            return _guarded(method, lambda: _begin_check(server, method, caller, arguments, idempotency_key))

        app.add_api_route(
            path, register, methods=["POST"], operation_id="upload", status_code=202,
            **described | {"response_model": dict[str, Any]},
        )  # fmt: skip
        return

    def send(request: Request, caller: who, arguments: body = default, idempotency_key: _Key = None) -> Response:
        if method.reads or idempotency_key is None:
            return _guarded(method, lambda: _answered(server, method, caller, arguments, request))
        return _guarded(method, lambda: _once(server, method, caller, arguments, idempotency_key, request))

    app.add_api_route(path, send, methods=["POST"], operation_id=f"post_{method.name}", **described)
    if method.in_query is None:
        return
    query: Any = Annotated[method.in_query, Query()]

    def ask(request: Request, caller: who, arguments: query) -> Response:
        return _guarded(method, lambda: _answered(server, method, caller, arguments, request))

    app.add_api_route(path, ask, methods=["GET"], operation_id=method.name, **described)


_Key = Annotated[
    str | None,
    Header(
        max_length=_LONGEST_KEY,
        min_length=1,
        description="A text of the caller, new for each call: the same call sent again with it is carried out once.",
    ),
]
_BYTES, _BINARY = "application/octet-stream", {"type": "string", "format": "binary"}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "A problem document: its `type` is the class of the error, its `detail` the reason.",
            "content": {problems.MEDIA_TYPE: {"schema": {"type": "object", "properties": {
                "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
                "detail": {"type": "string"}, "details": {"type": "object"}}}}}},
}  # fmt: skip


def _guarded(method: Method, call: Callable[[], Response]) -> Response:
    """An answer without a stack trace, whatever happens."""
    try:
        return call()
    except (RegistryError, NotSignedIn):
        raise
    except Exception:
        return answers.unforeseen(method.name)


def _answered(
    server: Server, method: Method, caller: Caller, arguments: BaseModel | None, request: Request
) -> Response:
    """Call a method, and answer with what it returns."""
    named = _arguments(arguments)
    headers, more = {}, None
    if "limit" in method.arguments.model_fields:
        asked = named.get("limit", method.arguments.model_fields["limit"].default)
        named["limit"] = methods.MOST_ENTRIES if asked is None else min(asked, methods.MOST_ENTRIES)
        more = named["limit"] if method.pages and (asked is None or asked >= named["limit"]) else None
    taken = _with_files(server, method, caller, named)
    # In the turns of the sandbox, the calls of one caller wait for each other, and not for those of others.
    visitor.set(caller.key)
    try:
        found = caller.call(method, named)
    finally:
        server.uploads.forget(caller.key, taken)
    if more is not None and len(found) == more:
        following = request.url.include_query_params(limit=more, offset=named.get("offset", 0) + more)
        headers["link"] = f'<{following.path}?{following.query}>; rel="next"'
    return Response(to_document(found, method.answer), media_type="application/json", headers=headers)


def _arguments(arguments: BaseModel | None) -> dict[str, Any]:
    """The arguments that were given, as the method takes them."""
    return {} if arguments is None else {name: getattr(arguments, name) for name in arguments.model_fields_set}


def _with_files(server: Server, method: Method, caller: Caller, named: dict[str, Any]) -> list[str]:
    """Put the paths of uploads in the place of their ids; gives the ids."""
    taken = []
    for name in method.files:
        if isinstance(given := named.get(name), UploadedFile):
            named[name] = server.uploads.take(caller.key, given)
            taken.append(given.upload)
    return taken


def _once(
    server: Server, method: Method, caller: Caller, arguments: BaseModel | None, key: str, request: Request
) -> Response:
    """Call a method that changes something, or answer again as before where its key was seen."""
    known = _begun(server, method, caller, arguments, key)
    if known is not None:
        answer = json.loads(known)
        return Response(
            answer["body"], answer["status"], {"idempotent-replayed": "true"}, media_type=answer["media_type"]
        )
    interim = json.dumps({**_INTERIM, "server": secrets.token_hex(8)})
    call = Call(caller.key, key, lambda kind, model_id: interim)
    present_call.set(call)
    server.calls.add(caller.key, key)
    try:
        try:
            answer = _guarded(method, lambda: _answered(server, method, caller, arguments, request))
        except BaseException:
            if not call.taken_over:
                # Nothing was changed, so that the same call may succeed later.
                server.registry.end_request(caller.key, key, None)
            raise
        _keep(server, method, arguments, call, answer)
    finally:
        server.calls.discard(caller.key, key)
        present_call.set(None)
    return answer


def _keep(server: Server, method: Method, arguments: BaseModel | None, call: Call, answer: Response) -> None:
    """Keep the answer of a call for whoever sends it again."""
    kept = {"body": bytes(answer.body).decode(), "status": answer.status_code, "media_type": answer.media_type}
    if method.name in _SHOW_SECRETS or getattr(arguments, "rotate_secret", False):
        # A secret is shown once, and stored nowhere.
        kept |= {"status": 409, "media_type": problems.MEDIA_TYPE, "body": _SHOWN_ONCE}
    server.registry.end_request(call.caller, call.key, json.dumps(kept))


_SHOW_SECRETS = ("create_token", "sign_in_link", "add_webhook")
_SHOWN_ONCE = json.dumps({
    "type": "StateConflict", "status": 409, "title": "Already done",
    "detail": "this call was carried out before, and its secret is shown once; revoke it and create another, or rotate "
    "it",
})  # fmt: skip
#: What a call is answered with whose server ended after its first change and before it answered.
_INTERIM = {
    "interim": True, "status": 409, "media_type": problems.MEDIA_TYPE,
    "body": json.dumps({
        "type": "StateConflict", "status": 409, "title": "Took effect before an interruption",
        "detail": "this call took effect, and its server ended before it answered; see events() for what it changed, "
        "and do not send it again",
    }),
}  # fmt: skip


def _begun(server: Server, method: Method, caller: Caller, arguments: BaseModel | None, key: str) -> str | None:
    """Begin a call; the answer of the same call if it was made before.

    Raises:
        InvalidInput: another call has the key.
        StateConflict: the call is under way (``UnderWay``).
    """
    digest = hashlib.sha256(_asked(method, arguments)).hexdigest()
    known = server.registry.begin_request(caller.key, key, digest)
    if known is None:
        return None
    if known.sha256 != digest:
        raise InvalidInput(f"the Idempotency-Key {key!r:.80} belongs to another call; give each call a key of its own")
    if method.name != "upload" and (known.answer is None or known.under_way or (caller.key, key) in server.calls):
        raise answers.UnderWay(f"the call with the Idempotency-Key {key!r:.80} is under way; send it again later")
    return known.answer or ""


def _asked(method: Method, arguments: BaseModel | None) -> bytes:
    """What a call asks, in the same bytes in every server: a file is its content, however often it was sent."""
    named = {
        name: value.model_copy(update={"upload": ""}) if isinstance(value, UploadedFile) else value
        for name, value in _arguments(arguments).items()
    }
    return json.dumps([method.name, json.loads(to_document(named))], sort_keys=True).encode()


def _begin_check(server: Server, method: Method, caller: Caller, arguments: Any, key: str | None) -> Response:
    key = key or secrets.token_urlsafe(18)
    if _begun(server, method, caller, arguments, key) is None:
        named = _arguments(arguments)
        try:
            caller.registry.preview_upload(arguments.metadata)  # what may be refused at once is
            taken = _with_files(server, method, caller, named)
        except RegistryError:
            server.registry.end_request(caller.key, key, None)
            raise
        server.checks.begin(caller, key, named).add_done_callback(lambda _: server.uploads.forget(caller.key, taken))
    return answers.of({"check": key, "state": "received"}, 202, {"location": f"{API_PATH}/checks/{key}"})


def _add_uploads(app: FastAPI, server: Server, who: Any) -> None:
    path, one = f"{API_PATH}/uploads", API_PATH + "/uploads/{upload}"

    def begin(caller: who) -> Response:
        made = server.uploads.begin(caller.key)
        return answers.of({"upload": made.upload_id, "offset": 0}, 201, {"location": f"{path}/{made.upload_id}"})

    def offset(caller: who, upload: str) -> Response:
        found = server.uploads.find(caller.key, upload)
        return Response(headers={"upload-offset": str(found.size), "cache-control": "no-store"})

    async def append(
        request: Request, caller: who, upload: str, upload_offset: Annotated[int, Header(ge=0)]
    ) -> Response:
        found = server.uploads.find(caller.key, upload)
        try:
            await server.uploads.append(found, upload_offset, request.stream())
        except ClientDisconnect:
            _log.info("An upload was cut at %d bytes", found.size)
        return Response(status_code=204, headers={"upload-offset": str(found.size)})

    def remove(caller: who, upload: str) -> Response:
        server.uploads.remove(caller.key, upload)
        return Response(status_code=204)

    empty: dict[str, Any] = {"response_class": Response}
    bytes_as_body: dict[str, Any] = {"requestBody": {"required": True, "content": {_BYTES: {"schema": _BINARY}}}}
    for route, call, verb, about, status, further in (
        (path, begin, "POST", "Begin an upload; the answer has its id.", 201, {}),
        (one, offset, "HEAD", "How many bytes have arrived: `Upload-Offset`.", 200, empty),
        (one, append, "PATCH", "Add bytes at `Upload-Offset`; the body is the bytes.", 204,
         empty | {"openapi_extra": bytes_as_body}),
        (one, remove, "DELETE", "Forget an upload.", 204, empty),
    ):  # fmt: skip
        app.add_api_route(
            route, call, methods=[verb], summary=about, tags=["files"], responses=_PROBLEMS, status_code=status,
            operation_id=f"{call.__name__}_upload", **further,
        )  # fmt: skip


def _add_reading(app: FastAPI, server: Server, who: Any) -> None:
    seconds = Annotated[float, Query(ge=0, le=_LONGEST_WAIT, description="Wait up to so many seconds.")]

    async def check(caller: who, check: str, wait: seconds = 0) -> Response:
        await server.checks.wait(caller.key, check, wait)
        return answers.of(await asyncio.to_thread(server.checks.find, caller.key, check))

    async def changes(caller: who, since: int = -1, wait: seconds = 0) -> Response:
        return answers.of({"revision": await server.changes.since(since, wait)})

    async def stream(caller: who, last_event_id: Annotated[int | None, Header(ge=0)] = None) -> Response:
        found = events(caller, server.changes, last_event_id)
        return StreamingResponse(found, media_type="text/event-stream", headers={"cache-control": "no-store"})

    def artifact(request: Request, caller: who, model_id: str, which: Literal["model", "scaler"]) -> Response:
        known = caller.registry.get_metadata(model_id)
        digest = known.model_sha256 if which == "model" else known.scaler_sha256 or ""
        size = known.model_bytes if which == "model" else known.scaler_bytes
        return downloads.answer(request, caller.registry.open_artifact(model_id, which), digest, size)

    def metrics(caller: who) -> Response:
        readiness = server.registry.readiness()
        return Response(server.figures.text(caller.registry, readiness), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    as_text: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
    streamed: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
    }
    whole_or_part: dict[int | str, dict[str, Any]] = {
        200: {"content": {_BYTES: {"schema": _BINARY}}},
        206: {"description": "The bytes that `Range` asks for.", "content": {_BYTES: {"schema": _BINARY}}},
        304: {"description": "The caller has the file, by `If-None-Match`."},
        416: {"description": "The file has no such bytes."},
    }
    for path, call, about, answered in (
        ("/checks/{check}", check, "What became of an upload: received, registered, refused or interrupted.", {}),
        ("/changes", changes, "The revision of the registry, as soon as it is not `since` any more.", {}),
        ("/events/stream", stream, "The audit log as it is written, as server-sent events from `Last-Event-ID` on.",
         streamed),
        ("/metrics", metrics, "Figures of this server and of what the caller sees, for Prometheus.", as_text),
        ("/artifacts/{model_id}/{which}", artifact, "Download a file of a version.", whole_or_part),
    ):  # fmt: skip
        further: dict[str, Any] = {"response_class": Response} if answered else {}
        app.add_api_route(
            API_PATH + path, call, methods=["GET"], summary=about, tags=["files"], responses={**_PROBLEMS, **answered},
            operation_id=f"{call.__name__}_of", **further,
        )  # fmt: skip
