"""Models of a server, loaded here: from memory while nothing changed, and while the server is away."""

from __future__ import annotations

import json
import warnings
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import httpx2
from pydantic import TypeAdapter

from ..actions import answer_checks, artifact_trust, proofs, signatures
from ..actions.files import check_loadable
from ..artifacts import formats
from ..artifacts.cache import Cache
from ..errors import ArtifactQuarantined, NoModelAvailable, SandboxFailure, SandboxIncomplete, Unreachable
from ..following import Following, Wait
from ..records import ModelMetadata
from ..signature import AnswersCheck, Proof, Signature
from ..wire.records import to_document
from .connection import Connection

Loaded = tuple[Any, Any, ModelMetadata]
Call = Callable[..., Any]
Document = TypeVar("Document")
Made = TypeVar("Made")
_KEPT_MODELS = 32
_WAIT = 25
#: No server is at this revision.
_UNKNOWN_REVISION = -1


@dataclass(frozen=True)
class Known:
    """What a server says of a version that is to be loaded."""

    metadata: ModelMetadata
    proof: Proof | None


_KNOWN = TypeAdapter(Known)


class RemoteLoader:
    """Answers loads. Each answer is remembered with the server's revision that it was read under.

    It is also noted in the cache, by server, token and question: a process that starts while the server is away answers
    with the last known version.
    """

    def __init__(
        self, connection: Connection, call: Call, trusted: Collection[str], cache: Cache | None = None
    ) -> None:
        """Load from a server.

        Args:
            call: calls a method of the server by its name.
            trusted: imports beyond the reviewed list that may be loaded here.
        """
        self._connection, self._call, self._trusted = connection, call, tuple(trusted)
        self._cache = cache or Cache()
        self._changes = Following(self._waiting, "model-registry-changes")
        self._client: httpx2.Client | None = None
        self._answers: dict[tuple[str, str | None], tuple[int, Any]] = {}
        self._objects: OrderedDict[tuple[str, str], tuple[tuple[Any, Any], Proof | None]] = OrderedDict()
        self._noted: dict[tuple[str, str | None], bytes] = {}
        self._told: str | None = None

    def load(self, model_id: str, fresh: bool = False) -> Loaded:
        """See ``Registry.load_model``."""
        return self.answer(("model", model_id), fresh, lambda: self._known(model_id), _KNOWN, self._loaded)

    def load_best(self, model_name: str | None, fresh: bool) -> Loaded:
        """See ``Registry.load_best_model``."""
        return self._load_chosen("get_best_model_id", model_name, fresh)

    def load_active(self, model_name: str | None, fresh: bool) -> Loaded:
        """See ``Registry.load_active_model``."""
        return self._load_chosen("get_active_model_id", model_name, fresh)

    def _load_chosen(self, verb: str, model_name: str | None, fresh: bool) -> Loaded:
        return self.answer((verb, model_name), fresh, lambda: self._chosen(verb, model_name), _KNOWN, self._loaded)

    def signature(self, model_id: str) -> Signature:
        """What a version takes and gives, whether it loads or not."""
        found = self.answer(("about", model_id), False, lambda: self._known(model_id), _KNOWN, lambda known: known)
        known, proof = found.metadata, found.proof
        if known.signature or proof is None:
            return Signature.from_dict(known.signature) if known.signature else signatures.of_metadata(known)
        return proof.signature

    @property
    def away(self) -> str | None:
        """Why the server does not answer; None while it does."""
        return self._changes.away

    def revision(self) -> int:
        """A number that is another one once something may have changed."""
        if self._changes.revision is not None or self._changes.away is None:
            with suppress(Unreachable):
                return self._changes.known(self._ask)
        return _UNKNOWN_REVISION

    def _ask(self) -> int:
        return int(self._connection.get("/changes").json()["revision"])

    @contextmanager
    def _waiting(self) -> Iterator[Wait]:
        def wait(known: int | None) -> int:
            since = _UNKNOWN_REVISION if known is None else known
            answer = client.get("/changes", params={"since": since, "wait": _WAIT})
            answer.raise_for_status()
            return int(answer.json()["revision"])

        with self._connection.client(_WAIT + 15) as client:
            self._client = client
            yield wait

    def close(self) -> None:
        """Stop following the server's changes."""
        self._changes.close()
        if self._client is not None:
            self._client.close()

    def answer(
        self,
        question: tuple[str, str | None],
        fresh: bool,
        find: Callable[[], Document],
        form: TypeAdapter[Document],
        made: Callable[[Document], Made],
    ) -> Made:
        """The answer to a question, as it was made of what the server said under its present revision.

        Args:
            find: asks the server.
            form: what the server said, as it is noted for processes to come.
            made: makes the answer of what the server said.

        Raises:
            Unreachable: the server does not answer, and never answered this question.
        """
        held = self._answers.get(question)
        away = self._changes.away
        if held is not None and not fresh and (away is not None or held[0] == self._changes.revision):
            if away is not None:
                self._tell(away)
            return cast(Made, held[1])
        try:
            # The number is read before the answer: one that is newer than its number is merely asked for once more.
            revision = self._changes.revision
            if revision is None or fresh:
                revision = self._changes.ask(self._ask)
            found = find()
            answer = made(found)
            self._note(question, found)
        except Unreachable as error:
            revision, answer = held or (_UNKNOWN_REVISION, made(self._last_known(question, form, error)))
            self._tell(str(error))
        else:
            self._told = None
        if len(self._answers) > 10_000:
            self._answers.clear()
        self._answers[question] = (revision, answer)
        return answer

    def _last_known(self, question: tuple[str, str | None], form: TypeAdapter[Document], away: Unreachable) -> Document:
        """What a question was answered with before this process began.

        Raises:
            Unreachable: it was not.
        """
        noted = self._cache.noted("answer", self._key(question))
        if noted is not None:
            with suppress(ValueError):  # another release wrote it
                return form.validate_json(noted)
        raise away

    def _note(self, question: tuple[str, str | None], found: Any) -> None:
        document = to_document(found)
        if self._noted.get(question) != document:
            self._cache.note("answer", self._key(question), document)
            self._noted[question] = document

    def _key(self, question: tuple[str, str | None]) -> str:
        return json.dumps([self._connection.caller, *question])

    def _tell(self, because: str) -> None:
        if self._told is None:
            self._told = because
            warnings.warn(
                f"{self._connection.address} does not answer ({because}); predictions are made with the last known "
                "model until it does",
                RuntimeWarning,
                stacklevel=5,
            )

    def _chosen(self, verb: str, model_name: str | None) -> Known:
        model_id = self._call(verb, model_name=model_name)
        if model_id is None:
            best = "no eligible model has a score" if verb == "get_best_model_id" else "there is no champion"
            where = f" for {model_name}" if model_name else ""
            raise NoModelAvailable(f"No models available in registry{where}: {best}; promote a version")
        return self._known(model_id)

    def _known(self, model_id: str) -> Known:
        known: ModelMetadata = self._call("get_metadata", model_id=model_id)
        held = self._objects.get((model_id, known.model_sha256))
        return Known(known, self._call("proof", model_id=model_id) if held is None else held[1])

    def _loaded(self, found: Known) -> Loaded:
        known = found.metadata
        check_loadable(known)
        key = (known.model_id, known.model_sha256)
        held = self._objects.get(key)
        if held is None:
            held = self._objects[key] = self._read(known, found.proof), found.proof
            while len(self._objects) > _KEPT_MODELS:
                self._objects.popitem(last=False)
        return (*held[0], known)

    def _read(self, known: ModelMetadata, proof: Proof | None) -> tuple[Any, Any]:
        files = [self._file(known.model_id, "model", known.model_sha256)]
        if known.scaler_sha256 is not None:
            files.append(self._file(known.model_id, "scaler", known.scaler_sha256))
        here = proofs.environment(known)
        key = json.dumps([answer_checks.files_of(known), sorted(here.items()), sorted(self._trusted)])
        if self._cache.noted("checked", key) is None:
            # Services that start together check the same files: one does, the others read what it found.
            with self._cache.turn("checked", key):
                if self._cache.noted("checked", key) is None:
                    self._check_first(known, files, proof, key)
        loaded = [formats.load(data, known.model_id, extra_trusted=self._trusted) for data in files]
        from ..artifacts import asking

        model, scaler = asking.labelled(loaded[0], known.classes), loaded[1] if len(loaded) > 1 else None
        answer_checks.require_agreement(known, proof, model, scaler)
        return model, scaler

    def _check_first(self, known: ModelMetadata, files: list[bytes], proof: Proof | None, key: str) -> None:
        self._require_trusted(known, files)
        found = self._check(known, files, proof)
        if found is not None:
            answer_checks.require_passed(known.model_id, found)
            self._cache.note("checked", key)

    def _require_trusted(self, known: ModelMetadata, files: list[bytes]) -> None:
        """Scan files here: a server that was taken over cannot have anything else loaded.

        Raises:
            ArtifactQuarantined: they import what is not trusted here.
        """
        for data in files:
            found = artifact_trust.look(data, f"the file of {known.model_id}", self._trusted)
            if found.verdict != "trusted":
                raise ArtifactQuarantined(
                    f"{known.model_id} is not loaded: {found.because}; review that code, then give its imports as "
                    "trusted_globals of this Registry"
                )

    def _file(self, model_id: str, which: str, digest: str) -> bytes:
        return self._cache.content(digest, lambda target: self._connection.download(model_id, which, digest, target))

    def _check(self, known: ModelMetadata, files: list[bytes], proof: Proof | None) -> AnswersCheck | None:
        """Open files in the sandbox before this process does: what they do there harms nobody.

        None: no sandbox starts here, which says nothing of the files; it is tried again at the next load.
        """
        from ..artifacts import sandbox
        from ..artifacts.sandbox.places import PLACES

        try:
            with PLACES.taken(), sandbox.Worker(extra_trusted=self._trusted, require_all=False) as worker:
                worker.start(sandbox.libraries_of(files[0]))
                return proofs.in_sandbox(
                    worker, files, proof, rows=None, or_made=proof is None or proof.rows is None,
                    names=known.feature_names, classes=known.classes, registered=known.libraries,
                    here=proofs.environment(known), keep=False,
                )[1]  # fmt: skip
        except (SandboxFailure, SandboxIncomplete):
            return None
