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
    │   └── GatesFailed                    a gate before promotion does not hold; an override requires a reason
    ├── NotAllowed (PermissionError)       whoever signed in has no role for it
    ├── IssuerUnavailable                  an issuer of identity tokens does not answer, or not as one does
    ├── TokenNotValid                      an identity token proves nothing
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
    ├── WorkersLost (RuntimeError)         joblib's workers ended before they had answered
    └── StorageError (OSError)             disk full, no permission, catalog out of reach
        └── CatalogBusy                    another process held the write lock for too long

What a caller may expect from the standard library stays true: a model that does not exist is a
``KeyError``, no best model is a ``ValueError``, a missing file is a ``FileNotFoundError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .gates import GateReport


class RegistryError(Exception):
    """Base of all errors that the registry raises. The message says what is wrong and what to do next."""

    def __reduce__(self) -> tuple[Any, ...]:
        # An error may come from another process; many are made of other arguments than their message.
        return _unpickled, (type(self), self.args, dict(self.__dict__))


def _unpickled(kind: type[RegistryError], args: tuple[Any, ...], state: dict[str, Any]) -> RegistryError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidInput(RegistryError, ValueError):
    """An argument is invalid; nothing was changed."""


class InvalidName(InvalidInput):
    """A name cannot be used in a path or an address."""


class InvalidMetric(InvalidInput):
    """A metric is not finite, or outside its range."""


class InvalidVersion(InvalidInput):
    """A version is not MAJOR.MINOR.PATCH."""


class InvalidConfiguration(InvalidInput):
    """A setting is unknown or its value is invalid; the message names the setting, its value and the allowed values."""


class Conflict(RegistryError):
    """The registry is in another state than the caller expected; nothing was changed."""


class ChampionChanged(Conflict):
    """The champion is not the expected one; nothing was changed.

    ``expected`` and ``actual`` are model ids or None; ``by`` and ``at`` say who changed it and when (UTC, ISO 8601).
    """

    def __init__(
        self, model_name: str, expected: str | None, actual: str | None, by: str | None = None, at: str | None = None
    ) -> None:
        self.model_name, self.expected, self.actual, self.by, self.at = model_name, expected, actual, by, at
        who = f" (changed by {by} at {at})" if by else ""
        super().__init__(
            f"{model_name}: you acted on champion {expected or 'none'}, but it is now {actual or 'none'}{who}. "
            "Nothing was changed; look at the new champion and decide again."
        )


class VersionTaken(Conflict):
    """The model name has this version already."""


class StateConflict(Conflict):
    """The action is not possible in the present state of the model, experiment or alert; nothing was changed."""


class NotEligible(RegistryError):
    """The model is not eligible: it is rejected, archived, disqualified, in the trash or quarantined."""


class GatesFailed(NotEligible):
    """A promotion gate or a rollout gate fails; nothing was changed.

    ``report`` lists every gate; ``what`` is the first part of the message: the model or experiment and the action.
    """

    def __init__(self, report: GateReport, what: str = "", verb: str = "promote") -> None:
        self.report, self.verb = report, verb
        self.what = what or f"{report.model_id} cannot be promoted"
        failed = "; ".join(f"{gate.label}: {gate.because}" for gate in report.failures)
        way = f", or {verb} with override and a reason, which is recorded permanently"
        if not all(gate.overridable for gate in report.failures):
            way = "; a model that does not predict cannot be promoted with override"
        super().__init__(
            f"{self.what}, {len(report.failures)} of {len(report.gates)} gates failed: {failed}. Make them pass{way}"
        )


class NotAllowed(RegistryError, PermissionError):
    """Whoever signed in has no role that allows the call; the message names it. Nothing was changed."""


class IssuerUnavailable(RegistryError):
    """An issuer of identity tokens does not answer, or not as an issuer does. Try again later."""


class TokenNotValid(RegistryError):
    """An identity token was not made by its issuer, for another audience, or does not hold now."""


class NotFound(RegistryError, KeyError):
    """There is no event, experiment or alert with that id. ``what`` is ``upload`` where it is a file of a call."""

    what: str = ""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which would put the sentence in quotes.
        return str(self.args[0])


class ModelNotFound(NotFound):
    """No model has that id or that name."""


class NoModelAvailable(RegistryError, ValueError):
    """There is no model to return: no eligible model with a score, no champion, or no earlier champion."""


class ArtifactError(RegistryError):
    """The file of a model cannot be used."""


class ArtifactMissing(ArtifactError, FileNotFoundError):
    """A file of the model is missing."""

    def __str__(self) -> str:
        return str(self.args[1])


class ArtifactAltered(ArtifactError):
    """The SHA-256 of a file differs from the one at registration."""


class ArtifactUnloadable(ArtifactError):
    """The file is unaltered, but does not load with the installed libraries."""


class AnswersDiffer(ArtifactError):
    """The model loads, but its predictions on the example rows differ from those at registration.

    ``because`` says how many predictions differ, by how much, and which library versions differ.
    """

    def __init__(self, model_id: str, because: str) -> None:
        self.because = because
        super().__init__(
            f"{model_id} does not return the predictions of its registration: {because}. Install the library versions "
            "it was registered with, or train and register the model again with the installed ones"
        )


class ArtifactQuarantined(ArtifactError):
    """The file has imports that are not trusted: it is stored, but not loaded."""


class SandboxFailure(ArtifactError):
    """A model failed in the sandbox.

    ``reason`` says how; ``output`` is the end of the model's output, in printable characters.
    """

    def __init__(
        self,
        name: str,
        reason: str,
        output: str = "",
        *,
        remedy: str = "correct the model, or raise the limit it exceeded",
    ) -> None:
        self.reason, self.output = reason, output
        super().__init__(f"{name} {reason}; {remedy}")


class SandboxIncomplete(ArtifactError):
    """This machine cannot enforce every limit of the sandbox; nothing was run. ``unenforced`` lists them."""

    def __init__(self, unenforced: tuple[str, ...]) -> None:
        self.unenforced = unenforced
        super().__init__(
            f"the sandbox is incomplete on this machine: {'; '.join(unenforced)}. Evaluate on a machine with all "
            "limits, or allow an incomplete sandbox: allow_incomplete=True."
        )


class StorageError(RegistryError, OSError):
    """A disk is full or not writable, or the database cannot be reached. Takes an errno and a message."""

    def __str__(self) -> str:
        # OSError would put "[Errno 28]" in front of the sentence; the number is in ``errno``.
        return str(self.args[1])


class CatalogBusy(StorageError):
    """Another process held the write lock for longer than the timeout."""


class WorkersLost(RegistryError, RuntimeError):
    """Workers of joblib's backend ended before they had answered. What an evaluation had finished is stored."""


class Unreachable(StorageError):
    """The HTTP server, PostgreSQL or the store does not answer, which says nothing about the models behind it."""
