"""Files nobody has to trust: looked into before they are kept, and whose names somebody may endorse."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import IO, Any

from ..artifacts import classes
from ..errors import InvalidInput, StateConflict
from ..evidence import Inspection, KnownClass
from ..rules import intake
from . import artifact_trust, configure
from .context import Context, check_reason
from .model_records import record, require


def inspect(context: Context, model_file: Any, model_name: str | None) -> Inspection:
    """See ``Registry.inspect``."""
    data, name = contents(model_file, "model_file")
    extra_trusted = context.configuration().policy(model_name or "").trusted_globals
    return artifact_trust.look(data, name, extra_trusted)


def contents(source: str | os.PathLike[str] | IO[bytes], what: str) -> tuple[bytes, str]:
    """All bytes of a file, read once, and what to call it.

    Raises:
        InvalidInput: it cannot be read, holds text, or is too large.
    """
    if isinstance(source, (str, os.PathLike)):
        name = os.path.basename(os.fspath(source))
        try:
            with open(source, "rb") as file:
                data: Any = file.read(intake.MOST_FILE + 1)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{os.fspath(source)} cannot be read ({error}); name a model file") from error
    elif callable(getattr(source, "read", None)):
        name = os.path.basename(str(getattr(source, "name", "the file")))
        data = source.read(intake.MOST_FILE + 1)
    else:
        raise InvalidInput(f"{what} is {source!r:.80}; give the path of a file, or an open binary file")
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidInput(f"{name} is open as text; open it in binary mode, with 'rb'")
    if len(data) > intake.MOST_FILE:
        raise InvalidInput(f"{name} has more than {intake.MOST_FILE:,} bytes, the maximum")
    return bytes(data), name


def trust(context: Context, model_id: str, actor: str | None, reason: str) -> tuple[str, ...]:
    """See ``Registry.trust``."""
    context.who(actor)
    if not check_reason(reason):
        raise InvalidInput("trusting imports requires a reason: name the reviewer of their code")
    row = require(context.database, model_id)
    if row["artifact"] != "quarantined":
        raise StateConflict(f"the file of {model_id} is already trusted")
    found = record(context, row).inspection
    if found.get("verdict") == "refused":
        raise StateConflict(
            f"the file of {model_id} can never be trusted: {found.get('because', 'the file is refused')}"
        )
    names = tuple(each.name for each in _known(found))
    known = context.settings(context.database).policy(row["model_name"]).trusted_globals
    wanted = [*known, *(name for name in names if name not in known)]
    configure.configure(context, row["model_name"], {"trusted_globals": wanted}, actor, reason)
    return names


def classes_of(context: Context, model_id: str) -> tuple[KnownClass, ...]:
    """See ``Registry.unknown_classes``."""
    return _known(record(context, require(context.database, model_id)).inspection)


def _known(inspection: Mapping[str, Any]) -> tuple[KnownClass, ...]:
    """What keeps a file in quarantine.

    Raises:
        InvalidConfiguration: a name is of nothing that can be trusted.
    """
    find = classes.find_operator if inspection.get("format") == "onnx" else classes.find
    return tuple(find(name) for name in inspection.get("unknown", ()))
