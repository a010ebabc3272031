"""The command line with the address of a server, and the token that ``login`` stores."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from registry_core import Registry
from registry_core.cli import main
from registry_core.remote.tokens import token_file
from tests.fitted import register
from tests.http_api.serving import serving, token


def test_login_and_a_few_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("MODEL_REGISTRY_TOKEN", raising=False)
    with serving(tmp_path / "registry", tmp_path / "log.txt") as server, Registry(server.folder) as own:
        secret = token(own, "operator")
        first, second = register(own), register(own, 0.95)

        def run(*words: str, given: str | None = None) -> tuple[int, str]:
            result = CliRunner().invoke(main, words, input=given)
            return result.exit_code, result.output

        wrong = run("login", server.address, given="mr_nonsense\n")
        assert (wrong[0], "the token was not stored" in wrong[1]) == (2, True)
        assert not token_file().exists()
        assert run("login", server.address, given=f"{secret}\n")[0] == 0
        assert stat.S_IMODE(token_file().stat().st_mode) == 0o600
        where = ("--registry", server.address)
        code, output = run("list", *where, "--json")
        assert (code, {each["model_id"] for each in json.loads(output)["models"]}) == (0, {first, second})
        code, output = run("promote", first, *where, "--reason", "back", "--yes")
        assert (code, own.get_active_model_id("Churn")) == (0, first), output
        code, output = run("promote", "absent", *where, "--reason", "x", "--yes")
        assert code == 3, output
        assert run("login", server.address, "--remove")[0] == 0
        assert json.loads(token_file().read_text()) == {}
        assert run("list", *where)[0] != 0
