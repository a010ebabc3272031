"""Options of commands: made from the signatures of methods, one spelling and a help text for each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import click
import pytest
from click.testing import CliRunner

from registry_core import Registry
from registry_core.cli import main
from registry_core.cli.options import SHARED, options_of


class Methods:
    """What options may be made of."""

    def compress(
        self,
        model_id: str,
        older_than_days: float | None = None,
        *,
        model_name: str | None = None,
        again: bool = False,
        actor: str | None = None,
        reason: str = "",
        expected: Callable[[], None] | None = None,
    ) -> None:
        """A method."""


def values(decorate: Callable[[Callable[..., None]], Callable[..., None]], *words: str) -> dict[str, object] | str:
    """What a command receives from these words; or its error."""
    received: dict[str, object] = {}

    def command(**given: object) -> None:
        received.update(given)

    result = CliRunner().invoke(click.command()(decorate(command)), words)
    return received if result.exit_code == 0 else result.output


def test_name_type_flag_and_default_come_from_the_signature() -> None:
    decorate = options_of(Methods.compress, older_than_days="Minimum age in days.", again="Again.")
    nothing: dict[str, object] = {
        "older_than_days": None,
        "model_name": None,
        "again": False,
        "actor": None,
        "reason": "",
    }
    assert values(decorate) == nothing
    words = ["--older-than-days", "2.5", "--name", "Churn", "--again", "--actor", "anna"]
    given = {"older_than_days": 2.5, "model_name": "Churn", "again": True, "actor": "anna"}
    assert values(decorate, *words) == nothing | given
    assert values(decorate, "--model-name", "Churn") == nothing | {"model_name": "Churn"}
    assert "not a valid float" in str(values(decorate, "--older-than-days", "old"))


def test_what_a_command_requires_is_required() -> None:
    decorate = options_of(Methods.compress, required=("reason",))
    assert "Missing option '--reason'" in str(values(decorate))
    assert values(decorate, "--reason", "old") == {"model_name": None, "actor": None, "reason": "old"}
    # The method itself requires this one.
    assert "Missing option '--model-id'" in str(values(options_of(Methods.compress, model_id="Id.")))


def test_what_no_option_can_be_made_of_is_said_when_the_command_is_made() -> None:
    with pytest.raises(TypeError, match="has no parameter older"):
        options_of(Methods.compress, older="Age.")
    with pytest.raises(TypeError, match="expected is Callable"):
        options_of(Methods.compress, expected="The state you saw.")(lambda: None)


def commands(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, f"{path} {name}".strip())
    else:
        yield path, command


ALL = dict(commands(main))


@pytest.mark.parametrize("path", ALL)
def test_every_option_has_one_spelling_and_a_help_text(path: str) -> None:
    command = ALL[path]
    assert command.help
    assert command.help.splitlines()[0].endswith("."), path
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{path} {option.opts}"
            assert option.help.endswith((".", ")")), f"{path} {option.opts}: {option.help}"
            assert ("--model-name" in option.opts) == ("--name" in option.opts), path


def test_commands_of_a_method_know_its_shared_parameters() -> None:
    for path, command in ALL.items():
        method = getattr(Registry, path.replace("-", "_").replace(" ", "_"), None)
        if method is None:
            continue
        parameters = inspect.signature(method).parameters
        shared = {name for name in SHARED if name in parameters}
        assert shared <= {str(option.name) for option in command.params}, path
