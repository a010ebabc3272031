"""The methods of ``Registry`` that the HTTP API has: their names, arguments and answers, from their own signatures.

Nothing is declared a second time: what a method takes is a model made of its parameters, and what it returns is read by
its return type. A method that is missing from the API is in ``NOT_SERVED``, with the reason.
"""

from __future__ import annotations

import functools
import inspect
import operator
import types
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model

from ..access import Role
from ..rules.access import NEEDS

#: A list has so many entries at most; the rest is asked for with ``offset``.
MOST_ENTRIES = 1_000

_OBJECT = "it returns an object of the calling process"
_PATH = "it reads or writes a path of the calling process"
#: Methods that somebody who signed in may call, and that have no route.
NOT_SERVED: Mapping[str, str] = {
    "load_model": f"{_OBJECT}; download the files from artifacts/MODEL_ID/model, as the remote client does",
    "load_best_model": f"{_OBJECT}; see load_model",
    "load_active_model": f"{_OBJECT}; see load_model",
    "predictor": f"{_OBJECT}; follow serving_plan and send record_predictions, as the remote client does",
    "register_model": "it takes a fitted object; upload its file, as the remote client does",
    "read_artifact": "it returns a file; download it from artifacts/MODEL_ID/model",
    "open_artifact": "it returns a file; download it from artifacts/MODEL_ID/model",
    "prediction_history": "it returns every prediction as a DataFrame; performance_history has the metrics",
    "backup": _PATH,
    "export_index": _PATH,
    "export_models": _PATH,
    "import_mlflow": _PATH,
}

#: The names of those that have one.
SERVED = NEEDS.keys() - NOT_SERVED.keys()

#: Methods that change nothing although a viewer may not call them.
_FURTHER_READING = frozenset({
    "artifact_address", "grants", "inspect", "people", "preview_table", "preview_upload", "reviewers", "serving_plan",
    "tokens", "webhook_deliveries", "webhooks", "why_may",
})  # fmt: skip

#: Methods that change something and may be sent again all the same: nothing is stored twice, so that they need no key.
_REPEATABLE = frozenset({"record_outcomes", "record_predictions", "reserve_predictions"})

#: Arguments that are files: sent as an upload before the call.
FILES: Mapping[str, tuple[str, ...]] = {
    "upload": ("model_file", "scaler_file", "holdout", "input_example"),
    "inspect": ("model_file",),
    "add_benchmark": ("data",),
    "preview_table": ("data",),
    "import_models": ("source",),
}


class UploadedFile(BaseModel):
    """A file that was uploaded before, see ``POST /uploads``."""

    model_config = ConfigDict(extra="forbid")

    upload: str = Field(description="The id of the upload.")
    sha256: str = Field(description="SHA-256 of the whole file in hexadecimal; the call is refused if it differs.")
    name: str = Field("", description="Name of the file, such as holdout.csv.", max_length=200)


@dataclass(frozen=True)
class Method:
    """A method of the API.

    Attributes:
        name: as of ``Registry``.
        reads: it changes nothing.
        repeats: it may be sent again at will, without a key.
        arguments: a model of its parameters.
        in_query: a model of those that a query string can hold; None if it cannot hold those that are required.
        answer: what it returns, for reading JSON.
        files: the arguments that are files.
        pages: it has ``limit`` and ``offset``.
        acts: its parameter ``actor`` says who acts, so that a caller cannot give it.
        about: the first paragraph of its docstring.
    """

    name: str
    reads: bool
    repeats: bool
    arguments: type[BaseModel]
    in_query: type[BaseModel] | None
    answer: TypeAdapter[Any]
    files: tuple[str, ...]
    pages: bool
    acts: bool
    about: str
    returns: Any


def reads(name: str) -> bool:
    """Whether a method changes nothing, whatever its arguments."""
    need = NEEDS[name]
    return (not need.further and (not need.roles or Role.VIEWER in need.roles)) or name in _FURTHER_READING


def methods_of(kind: type) -> Mapping[str, Method]:
    """The methods of the API, of the class of the registry."""
    return {name: method_of(kind, name) for name in sorted(SERVED)}


@functools.cache
def method_of(kind: type, name: str) -> Method:
    """A method of the API, of the class of the registry. A client makes those that it calls: all take a second."""
    function = getattr(kind, name)
    signature, read = inspect.signature(function), reads(name)
    files = FILES.get(name, ())
    hints = _hints(function, {"progress", *files})
    own: dict[str, Any] = {}
    queried: dict[str, Any] = {}
    further = False
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.name == "progress" or (parameter.name == "actor" and not read):
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            further = True
            continue
        hint = UploadedFile if parameter.name in files else _plain(hints[parameter.name])
        if parameter.name == "input_example":
            # Rows, which are small, may also stand in the call itself.
            hint = UploadedFile | list[Any] | None
        required = parameter.default is inspect.Parameter.empty
        if parameter.name in files and not required:
            hint |= None
        own[parameter.name] = (hint, ... if required else parameter.default)
        if _fits_query(hint):
            queried[parameter.name] = own[parameter.name]
        elif required:
            queried[""] = ()
    config = ConfigDict(extra="allow" if further else "forbid", protected_namespaces=(), arbitrary_types_allowed=True)
    title = "".join(part.capitalize() for part in name.split("_"))
    in_query = None
    if read and "" not in queried:
        in_query = create_model(f"{title}Query", __config__=config, **queried)
    returned = hints["return"]
    return Method(
        name, read, read or name in _REPEATABLE,
        # Not by the name alone, which many records have as well: generated clients would have two of one name.
        create_model(f"{title}Arguments", __config__=config, **own), in_query, TypeAdapter(returned), files,
        {"limit", "offset"} <= own.keys(), "actor" in signature.parameters and not read,
        (inspect.getdoc(function) or "").partition("\n\n")[0], returned,
    )  # fmt: skip


def _hints(function: Any, without: Collection[str]) -> dict[str, Any]:
    """The types of parameters and answer; some of those left out are known to type checkers only."""
    kept = {name: hint for name, hint in function.__annotations__.items() if name not in without}
    if "units" in kept:
        kept["units"] = "Sequence[Any] | None"  # its arrays are known to type checkers only
    namespace = {"Sequence": Sequence, "Any": Any, **function.__globals__}
    return get_type_hints(types.SimpleNamespace(__annotations__=kept), globalns=namespace)


def _plain(hint: Any) -> Any:
    """The type with lists for what JSON has as lists."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, map(_plain, inner))
    return list[inner] if origin in (Sequence, Collection) else hint  # pyrefly: ignore[not-a-type]


def _fits_query(hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        # A query string has texts only: a number that may be a text would be one.
        return all(each is types.NoneType or _fits_query(each) for each in inner) and not {str, int} <= {*inner}
    return (
        hint in (str, int, float, bool, datetime)
        or origin is Literal
        or (origin is list and all(_fits_query(each) for each in inner))
    )
