"""Verdicts on files: given when they come in, and again when the trusted names change."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from ..artifacts import inspection
from ..artifacts.inspection.names import check_trustable
from ..catalog import models
from ..catalog.database import Transaction
from ..config import Configuration
from ..errors import ArtifactQuarantined, InvalidConfiguration, InvalidInput, StateConflict
from ..evidence import Inspection
from ..records import Artifact
from ..rules import intake
from .context import Context
from .model_records import eligible, record


class Judged(NamedTuple):
    """The verdict on files; ``document`` is what was found, as the metadata keeps it; ``modules`` are the modules that
    the files name."""

    artifact: Artifact
    document: dict[str, Any]
    modules: tuple[str, ...]


def judged(files: Collection[tuple[bytes, str]], extra_trusted: Collection[str], *, outside: bool = False) -> Judged:
    """The verdict on files with their names, the model's first; on those from ``outside``, of a process of its own.

    Raises:
        InvalidInput: one is refused or too large; the message says why.
        SandboxFailure: that process does not start, or too many wait for one.
    """
    found: list[Inspection] = []
    for data, name in files:
        if len(data) > intake.MOST_FILE:
            raise InvalidInput(f"{name} has more than {intake.MOST_FILE:,} bytes, the maximum")
        each = (
            look(data, name, extra_trusted) if outside else inspection.inspect(data, name, extra_trusted=extra_trusted)
        )
        if each.verdict == "refused":
            raise InvalidInput(each.because)
        found.append(each)
    worst = next((each for each in found if each.verdict == "quarantined"), found[0])
    # Those somebody trusted by now belong to them: that word may be taken back.
    lifted = [name for each in found for name in each.names if name in extra_trusted]
    unknown = tuple(dict.fromkeys([*(name for each in found for name in each.unknown), *lifted]))
    document = {**found[0].__dict__, "verdict": worst.verdict, "because": worst.because, "unknown": unknown}
    verdict: Artifact = "trusted" if worst.verdict == "trusted" else "quarantined"
    # The names are long lists, and follow from the file.
    kept = {key: value for key, value in document.items() if key != "names" and value not in (None, (), {})}
    return Judged(verdict, kept, tuple({name.rpartition(".")[0]: None for each in found for name in each.names}))


def look(data: bytes, name: str, extra_trusted: Collection[str] = ()) -> Inspection:
    """Look into a file from outside, in a process of its own.

    Raises:
        SandboxFailure: that process does not start, or too many wait for one.
    """
    from ..artifacts.sandbox.inspecting import INSPECTOR
    from ..artifacts.sandbox.places import PLACES

    with PLACES.taken():
        return INSPECTOR.inspect(data, name, extra_trusted=extra_trusted)


def require(context: Context, model_name: str, data: bytes, digest: str, place: str) -> None:
    """See to it that bytes that are about to be loaded are trusted by what counts here for a model name.

    They are looked into again, once in a process: whoever can change a file and its sha256 in the catalog has changed
    no verdict by that. ``digest`` is their sha256, which was checked.

    Raises:
        ArtifactQuarantined: they are not trusted; the message says so if another installation trusted them.
    """
    extra_trusted = context.configuration().policy(model_name).trusted_globals
    try:
        _check(data, digest, place, extra_trusted)
    except ArtifactQuarantined as error:
        if {*context.settings(context.database).policy(model_name).trusted_globals} <= {*extra_trusted}:
            raise
        raise ArtifactQuarantined(
            f"{error}; its imports were trusted in another installation, and are not trusted here until accepted: "
            "`model-registry accept` lists them"
        ) from error


def _check(data: bytes, digest: str, place: str, extra_trusted: tuple[str, ...]) -> None:
    if (digest, extra_trusted) in _passed:
        return
    found = inspection.inspect(data, place, extra_trusted=extra_trusted)
    if found.verdict != "trusted":
        raise ArtifactQuarantined(f"{place} was not loaded: {found.because}")
    if len(_passed) > _MOST_PASSED:
        _passed.clear()
    _passed.add((digest, extra_trusted))


_MOST_PASSED = 10_000
_passed: set[tuple[str, tuple[str, ...]]] = set()


def trusted_names(configuration: Configuration) -> list[tuple[str, ...]]:
    """What is trusted, everywhere and by model name; equal when nothing of it changed."""
    settings = [("", configuration.everywhere), *sorted(configuration.model_names.items())]
    return [(name, *each.get("trusted_globals", ())) for name, each in settings if "trusted_globals" in each]


def check_names(configuration: Configuration) -> None:
    """Refuse settings that trust what nobody can trust.

    Raises:
        InvalidConfiguration: such as ``*``, or a name of the standard library.
    """
    for settings in (configuration.everywhere, *configuration.model_names.values()):
        for name in settings.get("trusted_globals", ()):
            try:
                check_trustable(name)
            except InvalidConfiguration as error:
                raise InvalidConfiguration(f"the setting trusted_globals contains {name!r:.200}: {error}") from error


def settle(context: Context, transaction: Transaction, after: Configuration) -> None:
    """Let every file go free whose unknown names are all trusted now, and hold those that lost a name.

    Names that are written down and were not decided here do neither.
    """
    counting = context.seals.counting(transaction, after)
    for artifact in ("quarantined", "trusted"):
        for row in models.of_verdict(transaction, artifact):
            inspected = record(context, row).inspection
            unknown = inspected.get("unknown", ())
            if inspected.get("verdict") == "refused":
                continue
            which = counting if artifact == "quarantined" else after
            trusted = {*which.policy(row["model_name"]).trusted_globals}
            new: Artifact = "trusted" if trusted.issuperset(unknown) else "quarantined"
            if new == "quarantined" != artifact and row["is_active"]:
                raise StateConflict(
                    f"{row['model_id']} is the champion of {row['model_name']} and imports {', '.join(unknown)}, "
                    "which would no longer be trusted: production would fail. Promote another model or roll back first"
                )
            if new != artifact:
                models.update(transaction, row["model_id"], artifact=new, eligible=eligible(row, artifact=new))
