"""The examples of docs/api.md and docs/operating.md run as they stand there."""

from __future__ import annotations

import os
import pickle
import re
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_breast_cancer

from benchmarks.served import free_port
from registry_core import Registry
from tests.fitted import FEATURES, logistic
from tests.http_api.serving import serving, token
from tests.servers import PATIENCE

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def _paths(folder: Path) -> str:
    """Where programs are found: the command of this source first, wherever the one of that name is from."""
    (folder / "bin").mkdir()
    command = folder / "bin" / "model-registry"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m registry_core "$@"\n')
    command.chmod(0o755)
    return f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"


def test_the_example_with_curl(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (example,) = (block for block in blocks if "/uploads" in block)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(logistic()[0]))
    with serving(tmp_path / "registry", tmp_path / "log.txt") as server, Registry(server.folder) as own:
        secret = token(own, "contributor", "operator", "downloader")
        environment = {**os.environ, "REGISTRY": server.address, "MODEL_REGISTRY_TOKEN": secret}
        subprocess.run(["bash", "-euo", "pipefail", "-c", example], cwd=tmp_path, env=environment, check=True)
        (version,) = own.list_models("Churn")
        assert own.get_active_model_id("Churn") == version.model_id
        assert (tmp_path / "downloaded.pkl").read_bytes() == (tmp_path / "model.pkl").read_bytes()


@pytest.mark.full
def test_the_job_of_github_actions(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    job = yaml.safe_load(block)["jobs"]["train"]
    steps = [step["run"] for step in job["steps"] if "run" in step and not step["run"].startswith("pip ")]
    (tmp_path / "train.py").write_text("")
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(logistic()[0]))
    output = tmp_path / "output"
    with serving(tmp_path / "registry", tmp_path / "log.txt") as server, Registry(server.folder) as own:
        inputs, labels = load_breast_cancer(return_X_y=True)
        table = pd.DataFrame(inputs[:50], columns=FEATURES).assign(target=labels[:50])
        own.add_benchmark("holdout", "Churn", table, "target")
        environment = {
            **os.environ, **job["env"], "REGISTRY": server.address, "GITHUB_OUTPUT": str(output),
            "MODEL_REGISTRY_TOKEN": token(own, "contributor", "operator"), "GITHUB_WORKFLOW": "Nightly training",
            "GITHUB_RUN_NUMBER": "7", "PATH": _paths(tmp_path),
        }  # fmt: skip
        for step in steps:
            model_id = output.read_text().strip().removeprefix("model_id=") if output.exists() else ""
            script = step.replace("${{ steps.register.outputs.model_id }}", model_id)
            assert "${{" not in script
            subprocess.run(["bash", "-e", "-c", script], cwd=tmp_path, env=environment, check=True)
        (version,) = own.list_models("Churn")
        (deployment,) = own.deployments("Churn")
        assert (deployment.model_id, deployment.reason) == (version.model_id, "Nightly training, run 7")


def test_the_commands_of_an_operator(tmp_path: Path) -> None:
    page = PAGE.with_name("operating.md").read_text()
    (example,) = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "PORT": str(free_port()), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    environment["PATH"] = _paths(tmp_path)
    environment.pop("MODEL_REGISTRY_TOKEN", None)
    # The server of the example is a child of this shell, and ends with it also where a command fails.
    script = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n" + example
    printed = tmp_path / "printed.txt"
    with printed.open("w") as file:
        # No pipe: a process that the server leaves behind for minutes would hold it open.
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=environment, stdout=file, stderr=file,
            timeout=2 * PATIENCE,
        )  # fmt: skip
    said = printed.read_text()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(environment["PORT"]))) != 0, "the server was not stopped"
    assert done.returncode == 0, said
    assert "on https://127.0.0.1:" in said
    assert '"status":"ok"' in said
    assert (tmp_path / "monday.tar").stat().st_size > 0
    assert (tmp_path / "nightly.token").stat().st_mode & 0o077 == 0
