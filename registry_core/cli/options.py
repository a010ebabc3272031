"""Options that a command takes from the signature of the method it calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

#: Parameters that many methods share, with their help: a command has an option for each that its method has.
SHARED = {
    "actor": "Acting person or program. Default: the operating system's user.",
    "reason": "Reason, kept with the event.",
    "model_name": "Only this model name.",
    "expected_champion": "Expected champion. If another model is champion by now, nothing changes (exit code 4).",
    "override": "Continue although gates fail. The reason is recorded permanently.",
}

#: For a server: how it logs.
log_option = click.option(
    "--log",
    type=click.Choice(["text", "json"]),
    help="Log each API request on standard error, and warnings, as text or as JSON. Default: warnings.",
)

#: How a parameter's value is read from text. A parameter of any other kind has its option written by hand.
_TYPES: dict[str, Any] = {
    "str": str,
    "str | None": str,
    "int": int,
    "int | None": int,
    "float": float,
    "float | None": float,
}

_SPELLINGS = {"model_name": ("--model-name", "--name")}
_METAVARS = {"expected_champion": "MODEL_ID|none"}


def options_of(
    method: Callable[..., Any],
    *,
    required: tuple[str, ...] = (),
    types: dict[str, click.ParamType[Any]] | None = None,
    **helps: str,
) -> Callable[[Command], Command]:
    """Give a command the options of a method's parameters: those in ``SHARED``, and those named with their help.

    Name, type, flag and default come from the method's signature, so that a command cannot drift from it. What the
    command itself takes as an argument gets no option.

    Args:
        required: parameters that the command asks for although the method has a default.
        types: click's own type for a parameter, where text is checked more closely than the method says.
        helps: parameter -> help; replaces the shared help.

    Raises:
        TypeError: the method has no such parameter, or one that has no option by itself.
    """
    parameters = inspect.signature(method).parameters
    unknown = {*helps, *required} - set(parameters)
    if unknown:
        raise TypeError(f"{method.__qualname__} has no parameter {', '.join(sorted(unknown))}")
    wanted = [
        name
        for name, each in parameters.items()
        if name in helps or (name in SHARED and each.default is not each.empty)
    ]

    def decorate(command: Command) -> Command:
        for name in reversed(wanted):
            text = helps.get(name, SHARED.get(name))
            own = (types or {}).get(name)
            asked = name in required or parameters[name].default is inspect.Parameter.empty
            command = _option(parameters[name], text, own, asked)(command)
        return command

    return decorate


def _option(parameter: inspect.Parameter, text: str | None, own: click.ParamType[Any] | None, required: bool) -> Any:
    name = parameter.name
    spellings = _SPELLINGS.get(name, (f"--{name.replace('_', '-')}",))
    kind = str(parameter.annotation)
    if kind == "bool":
        return click.option(*spellings, name, is_flag=True, help=text)
    if own is None and kind not in _TYPES:
        raise TypeError(f"{name} is {kind}, which no option can be made of; write the option by hand")
    # To click a default of None is a default, and what has one is never missing.
    default: dict[str, Any] = {"required": True} if required else {"default": "" if parameter.default == "" else None}
    return click.option(*spellings, name, type=own or _TYPES[kind], metavar=_METAVARS.get(name), help=text, **default)


def model_name_option(text: str = SHARED["model_name"], **how: Any) -> Callable[[Command], Command]:
    """``--model-name``, also spelt ``--name``, for a command that reads it differently from any method."""
    return click.option(*_SPELLINGS["model_name"], "model_name", help=text, **how)
