"""Loading models for prediction: from memory while nothing changed, checked bytes otherwise."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ..artifacts import formats
from ..catalog import deployments, events
from ..errors import ArtifactUnloadable, NoModelAvailable
from ..events import EventKind
from ..records import ModelMetadata
from ..rules import environments
from . import answer_checks, proofs
from .context import Context
from .files import artifact_keys, check_loadable
from .model_records import require
from .read import best_model_id, metadata, only_name

T = TypeVar("T")
Loaded = tuple[Any, Any, ModelMetadata]
_KEPT_MODELS = 32


class Loader:
    """Answers loads. Each answer is remembered with the catalog's change number it was read under."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._answers: dict[tuple[str, str | None], tuple[int, Any]] = {}
        self._objects: OrderedDict[tuple[str, str], tuple[Any, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, model_id: str) -> Loaded:
        """See ``Registry.load_model``."""
        return self._answer(("model", f"{model_id}"), lambda: self._load(model_id))

    def load_best(self, model_name: str | None) -> Loaded:
        """See ``Registry.load_best_model``."""
        return self._answer(("best", model_name), lambda: self._load_best(model_name))

    def load_active(self, model_name: str | None) -> Loaded:
        """See ``Registry.load_active_model``."""
        return self._answer(("active", model_name), lambda: self._load_active(model_name))

    def champion_id(self, model_name: str | None) -> str | None:
        """See ``Registry.get_active_model_id``."""
        return self._answer(("champion", model_name), lambda: self._champion_id(model_name))

    def _answer(self, question: tuple[str, str | None], find: Callable[[], T]) -> T:
        # The number is read before the answer: one that is newer than its number is merely asked for once more.
        changes = self._context.database.changes()
        held = self._answers.get(question)
        if held is not None and held[0] == changes:
            return cast(T, held[1])
        answer = find()
        if len(self._answers) > 10_000:
            self._answers.clear()
        self._answers[question] = (changes, answer)
        return answer

    def _champion_id(self, model_name: str | None) -> str | None:
        name = only_name(self._context.database, model_name)
        current = None if name is None else deployments.current(self._context.database, name)
        return None if current is None else current.model_id

    def _load_best(self, model_name: str | None) -> Loaded:
        model_id = best_model_id(self._context, model_name)
        if model_id is None:
            raise NoModelAvailable(
                f"No models available in registry{f' for {model_name}' if model_name else ''}: no eligible model has "
                "a composite score; register a model with all weighted metrics"
            )
        return self._load(model_id)

    def _load_active(self, model_name: str | None) -> Loaded:
        model_id = self._champion_id(model_name)
        if model_id is None:
            raise NoModelAvailable(
                f"{model_name or 'the registry'} has no champion: register a model with all "
                "weighted metrics, or promote one"
            )
        return self._load(model_id)

    def _load(self, model_id: str) -> Loaded:
        known = metadata(self._context, model_id)
        # Asked before the memory is: they may still lie there.
        check_loadable(known)
        key = (model_id, known.model_sha256)
        with self._lock:
            held = self._objects.get(key)
            if held is not None:
                self._objects.move_to_end(key)
        if held is None:
            held = self._read(known)
            with self._lock:
                self._objects[key] = held
                while len(self._objects) > _KEPT_MODELS:
                    dropped, _ = self._objects.popitem(last=False)
                    for question, (_, answer) in list(self._answers.items()):
                        if _holds(answer, dropped[0]):
                            self._answers.pop(question, None)
        return (*held, known.having())

    def _read(self, known: ModelMetadata) -> tuple[Any, Any]:
        row = require(self._context.database, known.model_id)
        from_outside = known.origin == "upload" or events.listed(
            self._context.database, model_id=known.model_id, kinds=(EventKind.ADOPTED,), limit=1
        )
        if from_outside or answer_checks.checked_here(self._context, self._context.database, row, known) is None:
            # What came from outside, and bytes that nobody here loaded with these libraries, open in the sandbox first:
            # what they do there harms nobody.
            answer_checks.require_answers(self._context, row, in_store=False)
        loaded: list[Any] = []
        extra_trusted = self._context.configuration().policy(known.model_name).trusted_globals
        files = answer_checks.verified_files(self._context, row, known)
        for (key, _), data in zip(artifact_keys(row, known.model_sha256, known.scaler_sha256), files, strict=True):
            try:
                loaded.append(formats.load(data, self._context.store.address(key), extra_trusted=extra_trusted))
            except ArtifactUnloadable as error:
                words = environments.in_words(known.libraries, proofs.environment(known))
                raise ArtifactUnloadable(f"{error}; {words}" if words else str(error)) from error
        # Opening a registry does not need numpy.
        from ..artifacts import asking

        model, scaler = asking.labelled(loaded[0], known.classes), loaded[1] if len(loaded) > 1 else None
        answer_checks.check_loaded(self._context, known, model, scaler)
        return model, scaler


def _holds(answer: Any, model_id: str) -> bool:
    return isinstance(answer, tuple) and answer[2].model_id == model_id
