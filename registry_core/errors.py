"""Every error the registry raises on purpose.

    RegistryError
    ├── InvalidInput (ValueError)          what was handed in cannot be accepted
    │   ├── InvalidName                    a model name, type or id that may not become part of a path
    │   ├── InvalidMetric                  NaN, infinite, out of its range, not a number
    │   ├── InvalidVersion                 not MAJOR.MINOR.PATCH, or too large
    │   └── InvalidConfiguration           unknown key, wrong type, value out of range
    ├── Conflict                           the registry is not in the state the caller believed in
    │   ├── ChampionChanged                somebody else promoted or rolled back first
    │   ├── VersionTaken                   that version of that model name exists
    │   └── StateConflict                  the verb does not fit the model's present state
    ├── NotEligible                        rejected, archived, disqualified or quarantined
    │   └── GatesFailed                    a gate before promotion does not hold; an override needs a reason
    ├── NotFound (KeyError)                no experiment or alert has that number
    │   └── ModelNotFound                  no model has that id
    ├── NoModelAvailable (ValueError)      nothing eligible with a score; no champion; no healthy predecessor
    ├── ArtifactError                      the bytes of a model
    │   ├── ArtifactMissing (FileNotFoundError)
    │   ├── ArtifactAltered                their sha256 is not the one in the catalog
    │   ├── ArtifactUnloadable             they are intact but do not load or answer here
    │   ├── AnswersDiffer                  they load, and answer otherwise than where they were registered
    │   ├── ArtifactQuarantined            they hold names nobody has trusted: kept, not loaded
    │   ├── SandboxFailure                 run in the sandbox, they gave no usable answer
    │   └── SandboxIncomplete              this machine cannot set all limits of the sandbox
    └── StorageError (OSError)             disk full, no permission, catalog out of reach
        └── CatalogBusy                    another process held the write lock for too long

What a caller may expect from the standard library stays true: a model that does not exist is a
``KeyError``, no best model is a ``ValueError``, a missing file is a ``FileNotFoundError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .evidence import GateReport


class RegistryError(Exception):
    """Base of all errors the registry raises on purpose. Its text says what to do next."""


class InvalidInput(RegistryError, ValueError):
    """What was handed in cannot be accepted; nothing was changed."""


class InvalidName(InvalidInput):
    """A name that may not become part of a path or an address."""


class InvalidMetric(InvalidInput):
    """A metric that is not finite, or lies outside the range of its kind."""


class InvalidVersion(InvalidInput):
    """A version that is not MAJOR.MINOR.PATCH."""


class InvalidConfiguration(InvalidInput):
    """A configuration key or value that is not allowed; the message names both and what is."""


class Conflict(RegistryError):
    """The registry is not in the state the caller believed in; nothing was changed."""


class ChampionChanged(Conflict):
    """The champion changed meanwhile: it is not the one the caller saw.

    ``expected`` and ``actual`` are model ids or None; ``by`` and ``at`` say who changed it and when (UTC, ISO 8601).
    """

    def __init__(
        self, model_name: str, expected: str | None, actual: str | None, by: str | None = None, at: str | None = None
    ) -> None:
        self.model_name, self.expected, self.actual, self.by, self.at = model_name, expected, actual, by, at
        who = f" (put there by {by} at {at})" if by else ""
        super().__init__(
            f"{model_name}: you acted on champion {expected or 'none'}, but it is now {actual or 'none'}{who}. "
            "Nothing was changed; look at the new champion and decide again."
        )


class VersionTaken(Conflict):
    """That version of that model name exists already."""


class StateConflict(Conflict):
    """The verb does not fit the present state of the model."""


class NotEligible(RegistryError):
    """The model may not be chosen: it is rejected, archived, disqualified or quarantined."""


class GatesFailed(NotEligible):
    """Gates before a promotion, or before an experiment's next stage, do not hold. Nothing was changed.

    ``report`` lists every gate; ``what`` says who may not do what.
    """

    def __init__(self, report: GateReport, what: str = "", verb: str = "promote") -> None:
        self.report, self.verb = report, verb
        self.what = what or f"{report.model_id} may not go into production"
        failed = "; ".join(f"{gate.name}: {gate.because}" for gate in report.failures)
        way = f", or {verb} with override and a reason, which stays visible"
        if not all(gate.overridable for gate in report.failures):
            way = "; no override passes over a model that does not answer"
        super().__init__(
            f"{self.what}, {len(report.failures)} of {len(report.gates)} gates failed: {failed}. Mend that{way}"
        )


class NotFound(RegistryError, KeyError):
    """Nothing has that id or number."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which would put the sentence in quotes.
        return str(self.args[0])


class ModelNotFound(NotFound):
    """No model has that id, or no model carries that name."""


class NoModelAvailable(RegistryError, ValueError):
    """Nothing can be chosen: no scored eligible model, no champion, or no healthy predecessor."""


class ArtifactError(RegistryError):
    """Something about the bytes of a model."""


class ArtifactMissing(ArtifactError, FileNotFoundError):
    """The catalog knows the model, but its bytes are not in the store."""

    def __str__(self) -> str:
        return str(self.args[1])


class ArtifactAltered(ArtifactError):
    """The bytes in the store are not the bytes that were registered."""


class ArtifactUnloadable(ArtifactError):
    """The bytes are intact, but they do not load in this environment."""


class AnswersDiffer(ArtifactError):
    """A model loads here, and does not answer its example rows as it did where it was registered.

    ``because`` says how many answers differ, by how much, and which library versions do.
    """

    def __init__(self, model_id: str, because: str) -> None:
        self.because = because
        super().__init__(
            f"{model_id} does not answer here as it did where it was registered: {because}. Use the libraries it was "
            "registered with, or train and register it again with those installed here"
        )


class ArtifactQuarantined(ArtifactError):
    """The file imports names that are not trusted: it is stored, and not loaded."""


class SandboxFailure(ArtifactError):
    """A model that was run in the sandbox gave no usable answer.

    ``reason`` says what it did; ``output`` is the end of what it printed, in printable characters.
    """

    def __init__(
        self, name: str, reason: str, output: str = "", *, remedy: str = "repair it, or raise the limit it ran into"
    ) -> None:
        self.reason, self.output = reason, output
        super().__init__(f"{name} {reason}; {remedy}")


class SandboxIncomplete(ArtifactError):
    """This machine cannot set every limit of the sandbox; nothing was run. ``unenforced`` says what is possible."""

    def __init__(self, unenforced: tuple[str, ...]) -> None:
        self.unenforced = unenforced
        super().__init__(
            f"the sandbox is not complete here: {'; '.join(unenforced)}. "
            "Evaluate on a machine that has it, or let an administrator allow it as it is."
        )


class StorageError(RegistryError, OSError):
    """The disk is full, may not be written, or the catalog is out of reach. Made of an errno and a sentence."""

    def __str__(self) -> str:
        # OSError would put "[Errno 28]" in front of the sentence; the number is in ``errno``.
        return str(self.args[1])


class CatalogBusy(StorageError):
    """Another process held the write lock for longer than the time-out."""
