"""Models of a server, loaded here: from memory while nothing changed, and while the server is away."""

from __future__ import annotations

import json
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import httpx2

from ..actions import answer_checks, artifact_trust, proofs
from ..artifacts import formats
from ..errors import ArtifactQuarantined, NoModelAvailable, SandboxFailure, SandboxIncomplete
from ..records import ModelMetadata
from ..signature import AnswersCheck, Proof
from .cache import Cache
from .connection import Connection, Unreachable

T = TypeVar("T")
Loaded = tuple[Any, Any, ModelMetadata]
Call = Callable[..., Any]
_KEPT_MODELS = 32
_WAIT, _PAUSE = 25, 1.0


class Changes:
    """Knows the server's revision, from a thread that waits for the next one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client: httpx2.Client | None = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        #: The newest revision that is known; None until it was asked for.
        self.revision: int | None = None
        #: Why the server does not answer; None while it does.
        self.away: str | None = None

    def ask(self) -> int:
        """The revision as the server says now; from then on it is known."""
        found = int(self._connection.get("/changes").json()["revision"])
        self.revision, self.away = found, None
        with self._lock:
            if self._client is None and not self._stopped.is_set():
                self._client = self._connection.client(_WAIT + 15)
                threading.Thread(target=self._follow, name="model-registry-changes", daemon=True).start()
        return found

    def _follow(self) -> None:
        assert self._client is not None
        while not self._stopped.is_set():
            try:
                answer = self._client.get("/changes", params={"since": self.revision or 0, "wait": _WAIT})
                answer.raise_for_status()
                self.revision, self.away = int(answer.json()["revision"]), None
            # A client that was closed, a server that is away, a proxy that answers instead of it: asked again later.
            except Exception as error:
                self.away = f"{type(error).__name__}: {error}"
                self._stopped.wait(_PAUSE)

    def close(self) -> None:
        """Stop following."""
        self._stopped.set()
        with self._lock:
            if self._client is not None:
                self._client.close()


class RemoteLoader:
    """Answers loads. Each answer is remembered with the server's revision that it was read under."""

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
        self._changes = Changes(connection)
        self._answers: dict[tuple[str, str | None], tuple[int, Loaded]] = {}
        self._objects: OrderedDict[tuple[str, str], tuple[Any, Any]] = OrderedDict()
        self._told: str | None = None

    def load(self, model_id: str, fresh: bool = False) -> Loaded:
        """See ``Registry.load_model``."""
        return self._answer(("model", model_id), fresh, lambda: self._load(model_id))

    def load_best(self, model_name: str | None, fresh: bool) -> Loaded:
        """See ``Registry.load_best_model``."""
        return self._answer(
            ("get_best_model_id", model_name), fresh, lambda: self._load_chosen("get_best_model_id", model_name)
        )

    def load_active(self, model_name: str | None, fresh: bool) -> Loaded:
        """See ``Registry.load_active_model``."""
        return self._answer(
            ("get_active_model_id", model_name), fresh, lambda: self._load_chosen("get_active_model_id", model_name)
        )

    def close(self) -> None:
        """Stop following the server's changes."""
        self._changes.close()

    def _answer(self, question: tuple[str, str | None], fresh: bool, find: Callable[[], Loaded]) -> Loaded:
        held = self._answers.get(question)
        away = self._changes.away
        if held is not None and not fresh and (away is not None or held[0] == self._changes.revision):
            if away is not None:
                self._tell(away)
            return held[1]
        try:
            # The number is read before the answer: one that is newer than its number is merely asked for once more.
            revision = self._changes.revision
            if revision is None or fresh:
                revision = self._changes.ask()
            answer = find()
        except Unreachable as error:
            if held is None:
                raise
            self._tell(str(error))
            return held[1]
        self._told = None
        if len(self._answers) > 10_000:
            self._answers.clear()
        self._answers[question] = (revision, answer)
        return answer

    def _tell(self, because: str) -> None:
        if self._told is None:
            self._told = because
            warnings.warn(
                f"{self._connection.address} does not answer ({because}); predictions are made with the last known "
                "model until it does",
                RuntimeWarning,
                stacklevel=5,
            )

    def _load_chosen(self, verb: str, model_name: str | None) -> Loaded:
        model_id = self._call(verb, model_name=model_name)
        if model_id is None:
            best = "no eligible model has a score" if verb == "get_best_model_id" else "there is no champion"
            where = f" for {model_name}" if model_name else ""
            raise NoModelAvailable(f"No models available in registry{where}: {best}; promote a version")
        return self._load(model_id)

    def _load(self, model_id: str) -> Loaded:
        known: ModelMetadata = self._call("get_metadata", model_id=model_id)
        if known.artifact == "quarantined":
            unknown = ", ".join(known.inspection.get("unknown", ())) or "imports that are not trusted"
            raise ArtifactQuarantined(
                f"{model_id} is quarantined and not loaded: its file imports {unknown}; review that code, then trust "
                "the imports, or register a model without them"
            )
        key = (model_id, known.model_sha256)
        held = self._objects.get(key)
        if held is None:
            held = self._objects[key] = self._read(known)
            while len(self._objects) > _KEPT_MODELS:
                self._objects.popitem(last=False)
        return (*held, known)

    def _read(self, known: ModelMetadata) -> tuple[Any, Any]:
        files = [self._file(known.model_id, "model", known.model_sha256)]
        if known.scaler_sha256 is not None:
            files.append(self._file(known.model_id, "scaler", known.scaler_sha256))
        proof: Proof | None = self._call("proof", model_id=known.model_id)
        here = proofs.environment(known)
        key = json.dumps([answer_checks.files_of(known), sorted(here.items()), sorted(self._trusted)])
        if not self._cache.is_checked(key):
            self._require_trusted(known, files)
            answer_checks.require_passed(known.model_id, self._check(known, files, proof))
            self._cache.note_checked(key)
        loaded = [formats.load(data, known.model_id, extra_trusted=self._trusted) for data in files]
        from ..artifacts import asking

        model, scaler = asking.labelled(loaded[0], known.classes), loaded[1] if len(loaded) > 1 else None
        answer_checks.require_agreement(known, proof, model, scaler)
        return model, scaler

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

    def _check(self, known: ModelMetadata, files: list[bytes], proof: Proof | None) -> AnswersCheck:
        """Open files in the sandbox before this process does: what they do there harms nobody."""
        from ..artifacts import sandbox
        from ..artifacts.sandbox.places import PLACES

        here = proofs.environment(known)
        try:
            with PLACES.taken(), sandbox.Worker(extra_trusted=self._trusted, require_all=False) as worker:
                worker.start(sandbox.libraries_of(files[0]))
                return proofs.in_sandbox(
                    worker, files, proof, rows=None, or_made=proof is None or proof.rows is None,
                    names=known.feature_names, classes=known.classes, registered=known.libraries, here=here, keep=False,
                )[1]  # fmt: skip
        except (SandboxFailure, SandboxIncomplete) as error:
            return AnswersCheck("unchecked", f"the check could not run: {error}", here, "sandbox")
