"""Texts that say what kind of text they are, so that nobody has to read it out of their words.

Each is a ``str``, and is stored and written as its text alone. Over the HTTP API it is a document of all it knows.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from . import documents

WarningKind = Literal[
    "shared_certainty", "failed_requests", "variance_windows", "labels_arriving", "sample_ratio", "label_coverage"
]


class _KnownText(str):
    """A text that knows more than its words."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """How the HTTP API writes and reads it."""
        return documents.schema(lambda known: cls(**known), lambda text: {"text": str(text), **vars(text)})


class ReportWarning(_KnownText):
    """What to keep in mind when reading a report.

    Attributes:
        kind: what it is about.
        severity: ``warning``: the comparison may be misleading; ``note``: how it was made.
        subject: the model name and the number of the experiment it is about.
    """

    kind: WarningKind
    severity: Literal["warning", "note"]
    subject: str

    def __new__(cls, text: str, kind: WarningKind, severity: Literal["warning", "note"], subject: str) -> Self:
        """The text, with what is known of it."""
        made = super().__new__(cls, text)
        made.kind, made.severity, made.subject = kind, severity, subject
        return made

    # pyrefly: ignore[bad-override]
    def __getnewargs__(self) -> tuple[str, WarningKind, Literal["warning", "note"], str]:
        """For copies and pickles."""
        return str(self), self.kind, self.severity, self.subject


class Remedy(_KnownText):
    """What to do about a finding; ``command`` says whether the whole text is a command to run in a shell."""

    command: bool

    def __new__(cls, text: str, command: bool = False) -> Self:
        """The text, with what is known of it."""
        made = super().__new__(cls, text)
        made.command = command
        return made

    @classmethod
    def of(cls, text: str) -> Remedy:
        """A text as a remedy; one that was not made as a remedy is no command."""
        return text if isinstance(text, Remedy) else cls(text)

    def __getnewargs__(self) -> tuple[str, bool]:  # pyrefly: ignore[bad-override]
        """For copies and pickles."""
        return str(self), self.command
