"""The connection to a server: calls that are repeated after a cut and carried out once, uploads, downloads."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

import httpx2

from .. import forks
from ..errors import ArtifactAltered, InvalidInput, ModelNotFound, NotFound, RegistryError, StorageError, Unreachable
from ..wire import API_PATH
from ..wire.methods import MOST_ENTRIES, Method
from ..wire.problems import UPLOAD, error_of
from ..wire.records import to_document

T = TypeVar("T")
#: So often a call is sent, with growing pauses between.
_TRIES = 6
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
#: A call may take so many seconds, and a connection.
_SECONDS, _CONNECT_SECONDS = 600.0, 10.0
_WAIT = 25
_PIECE = 8 << 20
_AGAIN = frozenset({429, 502, 503, 504})


class Connection:
    """A server. All methods may be called from several threads."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address.rstrip("/").removesuffix(API_PATH)
        if token and self.address.startswith("http://") and not _is_loopback(self.address):
            raise InvalidInput(
                f"{self.address} would get the token unencrypted; give an https address, or omit the token"
            )
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        #: Stands for the server and whose answers these are, where answers are kept.
        self.caller = f"{self.address} {hashlib.sha256(token.encode()).hexdigest()}"
        # Read once: the certificates of all authorities take longer to read than most answers.
        self._verify = httpx2.create_ssl_context() if self.address.startswith("https://") else False
        self._client = self.client()
        forks.survive(self)

    def after_fork(self, *, child: bool) -> None:
        """In a child, connections of its own: those of its parent are not shared."""
        if child:
            self._client = self.client()

    def client(self, seconds: float = _SECONDS) -> httpx2.Client:
        """A client of its own, to be closed by whoever asked for it. Proxies and CAs are those of the environment."""
        return httpx2.Client(
            base_url=self.address + API_PATH,
            headers=self._headers,
            verify=self._verify,
            timeout=httpx2.Timeout(seconds, connect=_CONNECT_SECONDS),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def call(self, method: Method, arguments: Mapping[str, Any]) -> Any:
        """Call a method; a list comes whole, page by page."""
        limit = arguments.get("limit", method.arguments.model_fields["limit"].default) if method.pages else 0
        if not method.pages or (limit is not None and limit <= MOST_ENTRIES):
            return method.answer.validate_json(self._post(method, arguments).content)
        found: list[Any] = []
        offset = arguments.get("offset", 0)
        while limit is None or len(found) < limit:
            left = MOST_ENTRIES if limit is None else min(MOST_ENTRIES, limit - len(found))
            answer = self._post(method, {**arguments, "limit": left, "offset": offset + len(found)})
            page = method.answer.validate_json(answer.content)
            found += page
            if len(page) < left:
                break
        return found

    def with_files(
        self, files: Mapping[str, Any], arguments: Mapping[str, Any], act: Callable[[Mapping[str, Any]], T]
    ) -> T:
        """Send files, then do something that names them; once more where the server that has them is gone.

        Args:
            files: each file of a call, by the name of its argument; see ``upload``.
            act: what is to be done, given all arguments.
        """
        with ExitStack() as stack:
            opened = {name: stack.enter_context(_opened(source, name)) for name, source in files.items()}
            tries = 0
            while True:
                tries += 1
                sent = {name: self._send(*file) for name, file in opened.items()}
                try:
                    return act({**arguments, **sent})
                except NotFound as error:
                    if error.what != UPLOAD or tries >= _TRIES:
                        raise
                _pause(tries)

    def register(self, method: Method, files: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
        """Register an upload, and wait until it was checked; gives the model id.

        A check whose server ended is made again, by its key: it registered nothing, or it has its answer.
        """
        key, interrupted = uuid.uuid4().hex, 0

        def check(sent: Mapping[str, Any]) -> str | None:
            begun = self._post(method, sent, key).json()["check"]
            while True:
                found = self.get(f"/checks/{begun}", wait=_WAIT).json()
                match found["state"]:
                    case "registered":
                        return str(found["model_id"])
                    case "refused":
                        raise error_of(found["problem"])
                    case "interrupted":
                        return None

        while True:
            try:
                model_id = self.with_files(files, arguments, check)
            except InvalidInput:
                if not interrupted:
                    raise
                model_id = None  # a server of an earlier release, to which files that were sent again are others
            if model_id is not None:
                return model_id
            interrupted += 1
            if interrupted >= _TRIES:
                raise StorageError(
                    errno.EINTR,
                    "the server ended while it checked the upload; look whether list_models() has the version, and "
                    "register it again if not",
                )
            _pause(interrupted)

    def get(self, path: str, **query: Any) -> httpx2.Response:
        """Ask for something."""
        return self._sent(lambda: self._client.get(path, params=query))

    def _post(self, method: Method, arguments: Mapping[str, Any], key: str | None = None) -> httpx2.Response:
        headers = {"content-type": "application/json"}
        if not method.repeats:
            headers["idempotency-key"] = key or uuid.uuid4().hex
        body = to_document(arguments)
        return self._sent(lambda: self._client.post(f"/{method.name}", content=body, headers=headers))

    def _sent(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        """Send a request until it is answered.

        Raises:
            Unreachable: it was not, however often it was sent.
            RegistryError: what the server answered.
        """
        until, tries = time.monotonic() + _SECONDS, 0
        while True:
            tries += 1
            with self._explained():
                try:
                    answer = send()
                except httpx2.TransportError:
                    if tries >= _TRIES:
                        raise
                    _pause(tries)
                    continue
            if answer.is_success:
                return answer
            # A call that was cut may still be under way: its answer comes with the same key.
            waits = answer.status_code == 409 and "retry-after" in answer.headers and time.monotonic() < until
            if waits or (answer.status_code in _AGAIN and tries < _TRIES):
                _pause(tries)
                continue
            _raise(answer)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            raise Unreachable(
                errno.ECONNREFUSED,
                f"{self.address} does not answer ({type(error).__name__}: {error}); check the address and the network, "
                "and start its server",
            ) from error

    def upload(self, source: Any, what: str) -> dict[str, str]:
        """Send a file, and continue after a cut; gives what a call names it by.

        Args:
            source: a path, an open binary file, or a DataFrame.

        Raises:
            InvalidInput: it is none of them, or cannot be read.
        """
        with _opened(source, what) as (file, name):
            return self._send(file, name)

    def _send(self, file: IO[bytes], name: str) -> dict[str, str]:
        """Send the rest of a file, which is then where it was."""
        start, digest = file.tell(), hashlib.sha256()
        while piece := file.read(_PIECE):
            digest.update(piece)
        size, offset, failures = file.tell() - start, 0, 0
        upload_id = self._begin_upload()
        while offset < size:
            file.seek(start + offset)
            piece = file.read(_PIECE)
            try:
                headers = {"upload-offset": str(offset)}
                answer = self._client.patch(f"/uploads/{upload_id}", content=piece, headers=headers)
                if answer.status_code not in (204, 404, 409) and answer.status_code not in _AGAIN:
                    _raise(answer)
                if answer.status_code == 204:
                    offset, failures = int(answer.headers["upload-offset"]), 0
                    continue
            except httpx2.TransportError as error:
                if failures >= _TRIES:
                    raise Unreachable(errno.ECONNRESET, f"{self.address} does not take {name} ({error})") from error
            failures += 1
            if failures > _TRIES:
                _raise(answer)
            _pause(failures)
            # How far it came, the server knows.
            try:
                offset = self._offset(upload_id)
            except NotFound:
                upload_id, offset = self._begin_upload(), 0
        file.seek(start)
        return {"upload": upload_id, "sha256": digest.hexdigest(), "name": name}

    def _offset(self, upload_id: str) -> int:
        known = self._sent(lambda: self._client.head(f"/uploads/{upload_id}"))
        return int(known.headers["upload-offset"])

    def _begin_upload(self) -> str:
        return str(self._sent(lambda: self._client.post("/uploads")).json()["upload"])

    def download(self, model_id: str, which: str, digest: str, target: Path) -> None:
        """Write a file of a version to a path, and continue after a cut. A bucket gives it itself where it can.

        Raises:
            ArtifactAltered: its SHA-256 is another one.
        """
        if self._from_bucket(model_id, which, target) and _sha256(target) == digest:
            return
        target.unlink(missing_ok=True)
        path, tries = f"/artifacts/{model_id}/{which}", 0
        while True:
            tries += 1
            have = target.stat().st_size if target.exists() else 0
            headers = {"range": f"bytes={have}-", "if-range": f'"{digest}"'} if have else {}
            with self._explained():
                try:
                    with self._client.stream("GET", path, headers=headers) as answer:
                        if answer.status_code in (200, 206):
                            with target.open("ab" if answer.status_code == 206 else "wb") as file:
                                for piece in answer.iter_bytes(1 << 20):
                                    file.write(piece)
                            break
                        answer.read()
                        if answer.status_code == 416:
                            break  # there is no further byte
                        if answer.status_code not in _AGAIN or tries >= _TRIES:
                            _raise(answer)
                except httpx2.TransportError:
                    if tries >= _TRIES:
                        raise
            _pause(tries)
        if (found := _sha256(target)) != digest:
            target.unlink()
            raise ArtifactAltered(
                f"the {which} file of {model_id} was altered on its way: its SHA-256 is {found[:12]}..., at "
                f"registration it was {digest[:12]}...; try again"
            )

    def _from_bucket(self, model_id: str, which: str, target: Path) -> bool:
        """Download a file from the presigned address that the server gives; False where that does not work."""
        try:
            address = self.get("/artifact_address", model_id=model_id, which=which).json()
        except NotFound as error:
            if isinstance(error, ModelNotFound):
                raise
            return False  # a server of an earlier release
        if not isinstance(address, str) or not address.startswith(_schemes(self.address)):
            return False
        # The token is for the server alone, and the bucket may be out of reach from here.
        with suppress(httpx2.TransportError, httpx2.InvalidURL):
            verify = httpx2.create_ssl_context() if address.startswith("https://") else False
            with (
                httpx2.Client(verify=verify, timeout=httpx2.Timeout(_SECONDS, connect=_CONNECT_SECONDS)) as client,
                client.stream("GET", address) as answer,
                target.open("wb") as file,
            ):
                if answer.status_code == 200:
                    for piece in answer.iter_raw(1 << 20):
                        file.write(piece)
                    return True
        return False


def _schemes(server: str) -> tuple[str, ...]:
    """How addresses may begin that a server names: nothing is read unencrypted that it sends encrypted."""
    return ("https://",) if server.startswith("https://") else ("https://", "http://")


def _raise(answer: httpx2.Response) -> NoReturn:
    try:
        document = answer.json()
    except ValueError:
        document = {}
    if not isinstance(document, dict) or "type" not in document:
        if answer.status_code in _AGAIN:
            raise Unreachable(
                errno.EHOSTUNREACH,
                f"{answer.request.url} answered with the status {answer.status_code}, as a proxy does whose server is "
                "away; start the server",
            )
        raise RegistryError(
            f"{answer.request.url} answered with the status {answer.status_code}, which is no answer of a server of "
            "Model Registry; check the address, and any proxy on the way"
        )
    raise error_of(document)


def _pause(tries: int) -> None:
    # Clients that lost the same server do not come back together.
    time.sleep(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries) * random.uniform(0.5, 1.0))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _opened(source: Any, what: str) -> Iterator[tuple[IO[bytes], str]]:
    """A file to send, seekable, with its name."""
    if isinstance(source, (str, os.PathLike)):
        try:
            file = open(source, "rb")  # noqa: SIM115
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{os.fspath(source)} cannot be read ({error}); name a file") from error
        with file:
            yield file, os.path.basename(os.fspath(source))
    elif callable(getattr(source, "to_parquet", None)):
        data = io.BytesIO()
        try:
            source.to_parquet(data, index=False)
        except (ImportError, ValueError, TypeError) as error:
            raise InvalidInput(f"{what} cannot be sent as Parquet ({error}); give the path of a table file") from error
        data.seek(0)
        yield data, f"{what}.parquet"
    elif callable(getattr(source, "read", None)):
        data = source if source.seekable() else io.BytesIO(source.read())
        yield data, os.path.basename(str(getattr(source, "name", "") or "the file"))
    else:
        raise InvalidInput(f"{what} is {source!r:.80}; give a path, an open binary file or a DataFrame")


def _is_loopback(address: str) -> bool:
    return (httpx2.URL(address).host or "") in ("localhost", "127.0.0.1", "::1")
