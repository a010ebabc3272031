"""What a setting is: its label, what it means, its unit and bounds. Policies say it of each of their fields, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from inspect import cleandoc
from typing import Any, Literal, TypeVar

#: What values a setting takes. ``bounds`` and ``weights`` are metric -> number; ``columns`` are names of columns;
#: a ``group`` holds settings of its own.
Kind = Literal["switch", "number", "whole", "choice", "name", "names", "columns", "bounds", "weights", "group"]
_KEY = "setting"

#: Every value of a slice column is one more detector, and the more there are, the later each raises its alarm.
MOST_SLICE_COLUMNS = 10
_Policy = TypeVar("_Policy", bound=type)


@dataclass(frozen=True)
class Setting:
    """One setting, as validation, pages, the command line and the documentation use it.

    Attributes:
    path: the key in ``configure``; in a group ``group.name``, as in ``gates.slice_rows``.
        label: one to five words.
        help: what it does, in one or two sentences.
        kind: the type of its values.
        default: the value if the setting is not set.
        unit: the unit of a number, such as ``days``; empty without one.
        low: the minimum of a number.
        high: the maximum of a number.
        step: the step of a number field.
        optional: whether None is allowed; the setting then does not apply.
        empty: what None or an empty list means.
        choices: of a ``choice``, and of ``names`` that are given: value -> what it is called; of ``bounds`` that take
            certain names only: name -> label.
        example: of ``names`` one name, of a ``group`` or of ``bounds`` with choices a value, for messages.
    """

    path: str
    label: str
    help: str
    kind: Kind
    default: Any = None
    unit: str = ""
    low: float = 0
    high: float = 1_000_000
    step: float = 1
    optional: bool = False
    empty: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    example: str = ""

    @property
    def key(self) -> str:
        """The key in ``configure``."""
        return self.path.partition(".")[0]

    @property
    def name(self) -> str:
        """The name within its group; empty without a group."""
        return self.path.partition(".")[2]

    @property
    def full_label(self) -> str:
        """The label with its unit, unless the label contains it: ``Versions kept (versions)``."""
        unit = self.unit and self.unit not in self.label.lower()
        return f"{self.label} ({self.unit})" if unit else self.label

    @property
    def allowed(self) -> str:
        """The allowed values in words: ``a whole number from 1 to 100``."""
        match self.kind:
            case "switch":
                return "true or false"
            case "number" | "whole":
                whole = "whole " if self.kind == "whole" else ""
                return f"a {whole}number from {self.low:,.15g} to {self.high:,.15g}"
            case "choice":
                return " or ".join(f'"{value}"' for value in self.choices)
            case "name":
                return "a name of 1 to 128 printable characters"
            case "names" if self.choices:
                return f"a list of {', '.join(self.choices)}"
            case "names":
                return f'a list of names, such as ["{self.example}"]'
            case "columns":
                return f'a list of up to {MOST_SLICE_COLUMNS} columns, such as ["{self.example}"]'
            case "bounds":
                if self.choices:
                    return f"{', '.join(self.choices)} with numbers, such as {self.example}"
                return 'metric names with bounds, such as {"accuracy": 0.9}'
            case "weights":
                return 'metric names with weights, such as {"accuracy": 0.6, "auc": 0.4}'
            case "group":
                return self.example


def setting(default: Any, label: str, text: str, kind: Kind, **further: Any) -> Any:
    """A field of a policy that is a setting; ``further`` are attributes of ``Setting``."""
    described = {_KEY: {"label": label, "help": text, "kind": kind, **further}}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=described)
    return field(default=default, metadata=described)


def settings_of(policy: type, group: str = "") -> Iterator[Setting]:
    """The settings among the fields of a policy; ``group`` is the key they are kept under."""
    present = policy()
    for each in fields(policy):
        if _KEY in each.metadata:
            path = f"{group}.{each.name}" if group else each.name
            yield Setting(path, default=getattr(present, each.name), **each.metadata[_KEY])


def documented(policy: _Policy) -> _Policy:
    """Add what its settings mean to the docstring of a policy."""
    lines = [f"    {each.path}: {each.help}" for each in settings_of(policy)]
    policy.__doc__ = "\n".join([cleandoc(policy.__doc__ or ""), "", "Attributes:", *lines])
    return policy
