"""The class of a registry behind a server: the methods of ``Registry``, each a call of the server."""

from __future__ import annotations

import functools
import inspect
import io
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from ..artifacts import formats
from ..errors import InvalidInput
from ..records import utc_text
from ..rules import intake
from ..rules.access import NEEDS
from ..wire.methods import NOT_SERVED, SERVED, method_of
from .connection import Connection
from .loading import Loaded, RemoteLoader
from .tokens import token_for

if TYPE_CHECKING:
    from ..actions.serve.predictor import Predictor
    from ..live import RecordedOutcomes
    from .serving import RemoteService

#: What the object itself has, beside the methods that are calls.
_OWN = frozenset({
    "load_model", "load_best_model", "load_active_model", "register_model", "read_artifact", "predictor",
    "record_outcomes", "close",
})  # fmt: skip


class _Remote:
    """What a registry behind a server is, beside its calls."""

    _kind: Any

    def __init__(
        self,
        location: str,
        *,
        artifacts: Any = None,
        clock: Any = None,
        actor: str | None = None,
        take_over_settings: bool = True,
        token: str | None = None,
        trusted_globals: Sequence[str] = (),
    ) -> None:
        for name, value in (("artifacts", artifacts), ("clock", clock), ("actor", actor)):
            if value is not None:
                raise InvalidInput(f"{name}= applies to a folder or a database; the server {location} has its own")
        self._arguments = (location, token, tuple(trusted_globals))
        self._connection = Connection(location, token_for(location) if token is None else token)
        self._remote_loader = RemoteLoader(self._connection, self._called, trusted_globals)
        self._remote_service: RemoteService | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._kind, *self._arguments)

    def __repr__(self) -> str:
        return f"Registry({self.location!r})"

    @property
    def location(self) -> str:
        """The address of the server."""
        return self._connection.address

    @property
    def actor(self) -> str:
        """Who acts: whoever the token belongs to, which the server knows."""
        return "the owner of the token"

    def close(self) -> None:
        """Send the predictions made so far, and give the connections back.

        Raises:
            StorageError: predictions could not be sent.
        """
        try:
            if self._remote_service is not None:
                self._remote_service.close()
        finally:
            self._remote_loader.close()
            self._connection.close()

    def load_model(self, model_id: str) -> Loaded:
        """As ``Registry.load_model``; the files are kept in a cache on this machine."""
        return self._remote_loader.load(model_id)

    def load_best_model(self, model_name: str | None = None, *, fresh: bool = False) -> Loaded:
        """As ``Registry.load_best_model``; while the server is away, the last known one with a warning."""
        return self._remote_loader.load_best(model_name, fresh)

    def load_active_model(self, model_name: str | None = None, *, fresh: bool = False) -> Loaded:
        """As ``Registry.load_active_model``; while the server is away, the last known one with a warning."""
        return self._remote_loader.load_active(model_name, fresh)

    def predictor(
        self,
        model_name: str | None = None,
        *,
        log: Literal["batch", "sync", "off"] = "batch",
        overflow: str | os.PathLike[str] | None = None,
    ) -> Predictor:
        """As ``Registry.predictor``: predicts here, of files in the cache, and sends predictions to the server.

        While the server is away, it predicts with the last known plan. Predictions are kept until the server is back:
        about 100,000 rows, or with ``overflow`` 1 GB in a folder, for at most an hour; then they are served without
        being stored, with a warning.
        """
        return self._serving().predictor(model_name, log, overflow)

    def record_outcomes(self, outcomes: Mapping[int, Any] | None = None, **named: Any) -> RecordedOutcomes:
        """As ``Registry.record_outcomes``, in parts of 20,000: where one is refused, those before it are recorded."""
        return self._serving().record_outcomes({"outcomes": outcomes, **named})

    def _serving(self) -> RemoteService:
        if self._remote_service is None:
            # Whoever only registers or loads needs none of it.
            from .serving import RemoteService

            self._remote_service = RemoteService(self._remote_loader, self._called, self.__reduce__)
        return self._remote_service

    def read_artifact(self, model_id: str, which: str = "model") -> bytes:
        """As ``Registry.read_artifact``."""
        return self._connection.get(f"/artifacts/{model_id}/{which}").content

    def register_model(
        self,
        model_obj: Any,
        scaler_obj: Any = None,
        *,
        input_example: Any = None,
        reference: Any = None,
        training_data: Any = None,
        actor: str | None = None,
        reason: str = "",
        **fields: Any,
    ) -> str:
        """As ``Registry.register_model``; to the server the files are an upload, and their metrics self-reported.

        So is their lineage. Rows of ``reference`` and ``training_data`` stay here: their distribution and fingerprint
        are sent.
        """
        from ..actions import lineage

        comes_from = lineage.of_registration(training_data)
        if "training_data" in comes_from:
            comes_from["training_data"]["rows_unknown"] = "they stayed on the machine that registered the version"
        files: dict[str, Any] = {"model_file": _named(model_obj, "model.pkl")}
        if scaler_obj is not None:
            files["scaler_file"] = _named(scaler_obj, "scaler.pkl")
        given = {name: value for name, value in fields.items() if value is not None}
        call: str = self._called(
            "upload", **files, metadata=given, input_example=input_example, lineage=comes_from,
            reference=None if reference is None else _distribution(model_obj, scaler_obj, reference, fields),
            reason=reason, actor=actor,
        )  # fmt: skip
        return call

    def _called(self, verb: str, **arguments: Any) -> Any:
        """Call a method of the server."""
        method = method_of(self._kind, verb)
        arguments.pop("progress", None)  # a server tells of none
        if method.acts and arguments.pop("actor", None) is not None:
            raise InvalidInput(f"actor= of {verb} cannot be given to a server, which knows who acts by the token")
        arguments = {name: _zoned(value) for name, value in arguments.items()}
        if isinstance(metadata := arguments.get("metadata"), Mapping):
            arguments["metadata"] = _as_said_here(metadata)
        files = {
            name: given
            for name in method.files
            if (given := arguments.get(name)) is not None and not (name == "input_example" and _are_rows(given))
        }
        if verb == "upload":
            return self._connection.register(method, files, arguments)
        return self._connection.with_files(files, arguments, lambda sent: self._connection.call(method, sent))


def _zoned(value: Any) -> Any:
    """Times without a zone are those of this machine, which may not be the server's."""
    if isinstance(value, datetime) and value.tzinfo is None:
        return intake.moment(value)
    if isinstance(value, (list, tuple)) and any(isinstance(each, datetime) for each in value):
        return [_zoned(each) for each in value]
    return value


def _as_said_here(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata in the words of JSON, as a registry in this process would have understood it."""
    found = dict(metadata)
    for name in ("hyperparameters", "training_info"):
        if isinstance(part := found.get(name), Mapping):
            found[name] = intake.plain(_timed(part))
    return _timed(found)


def _timed(part: Mapping[str, Any]) -> dict[str, Any]:
    said = part.get("training_timestamp")
    return dict(part) if said in (None, "") else {**part, "training_timestamp": utc_text(intake.moment(said))}


def _distribution(model: Any, scaler: Any, rows: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """How the training features are distributed: what a server gets of them."""
    from ..actions.serve import drifting
    from ..artifacts import describe

    names = fields.get("feature_names") or describe.describe(model, scaler).feature_names
    return drifting.reference(model, scaler, rows, tuple(names))


def _named(value: Any, name: str) -> Any:
    file = io.BytesIO(formats.dumps(value))
    file.name = name
    return file


def _are_rows(given: Any) -> bool:
    """Whether example rows go with the call: a list or an array, and no table."""
    return isinstance(given, (list, tuple)) or (hasattr(given, "tolist") and not hasattr(given, "to_parquet"))


@functools.cache
def remote_class(kind: type) -> type[Any]:
    """The class of a registry behind a server."""
    members: dict[str, Any] = {"_kind": kind, "__doc__": "A registry behind a server, with the methods of Registry."}
    for name, member in inspect.getmembers(kind):
        if not name.startswith("_") and callable(member) and name not in _OWN:
            members[name] = _forwarded(member) if name in SERVED else _refused(name)
    return type("RemoteRegistry", (_Remote, kind), members)


def _forwarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that calls the server."""
    described = inspect.signature(method)
    further = next((each.name for each in described.parameters.values() if each.kind is each.VAR_KEYWORD), None)

    @functools.wraps(method)
    def forwarded(self: _Remote, *given: Any, **named: Any) -> Any:
        arguments: dict[str, Any] = dict(described.bind(self, *given, **named).arguments)
        del arguments[next(iter(described.parameters))]
        if further is not None:
            arguments |= arguments.pop(further, {})
        return self._called(method.__name__, **arguments)

    return forwarded


def _refused(verb: str) -> Callable[..., Any]:
    because = NOT_SERVED[verb] if verb in NEEDS else "it is for whoever owns the registry's folder or database"

    def refused(self: _Remote, *_: Any, **__: Any) -> NoReturn:
        raise InvalidInput(f"{verb} is not available through a server: {because}")

    return refused


def _reopen(kind: Callable[..., Any], location: str, token: str | None, trusted_globals: Sequence[str]) -> Any:
    return kind(location, token=token, trusted_globals=trusted_globals)
