"""Sends anything to every route of the HTTP API, lints its document, and generates a client from it and uses it.

``make fuzz``, or ``python -m tests.fuzz FOLDER`` with the folder of an environment that has requirements/fuzz.txt;
further arguments are those of schemathesis. The registry is made here, for this run. The seed is fixed, so that a run
that finds something finds it again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer

from registry_core import Registry
from tests.fitted import FEATURES, register
from tests.http_api.serving import serving, token

#: What whoever may do everything must not be sent anything for: it would lock the sender out, or take minutes a call.
#: Of curves and live_performance, schemathesis cannot read the tuples (`prefixItems`).
_LEFT_OUT = (
    "revoke_token",
    "revoke",
    "remove_person",
    "evaluate_all",
    "verify_all_answers",
    "optimize",
    "stream",
    "curves",
    "live_performance",
)
#: What is checked of each answer: never an unforeseen error, nothing that the document does not announce, no way in.
_CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "ignored_auth", "missing_required_header", "unsupported_method",
)  # fmt: skip
_SECONDS = 240
_GENERATED = """
import sys
from model_registry_client import AuthenticatedClient
from model_registry_client.api.read import list_models, model_names
client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2], raise_on_unexpected_status=True)
assert model_names.sync(client=client) == ["Churn"]
(only,) = list_models.sync(client=client, model_name="Churn", limit=1)
assert only.model_name == "Churn" and 0 < only.accuracy < 1, only
print("A generated client listed", only.model_id)
"""


def _filled(registry: Registry) -> str:
    """A registry with what methods are about; the secret of whoever may do everything."""
    inputs, labels = load_breast_cancer(return_X_y=True)
    table = pd.DataFrame(inputs[:100], columns=FEATURES).assign(target=labels[:100])
    first, second = register(registry), register(registry, 0.95)
    registry.add_benchmark("holdout", "Churn", table, "target")
    registry.promote(first, reason="first", override=True)
    registry.start_experiment("Churn", second, mode="shadow", reason="try")
    return token(registry, "contributor", "operator", "downloader", "admin", "serve")


def _run(*words: str | Path, folder: Path) -> bool:
    environment = {**os.environ, "PATH": f"{Path(words[0]).parent}:{os.environ['PATH']}"}
    return subprocess.run([*map(str, words)], cwd=folder, env=environment, check=False).returncode == 0


def main(environment: Path, further: list[str]) -> int:
    """Run all of it; the number of parts that failed."""
    programs = environment.resolve() / "bin"
    with tempfile.TemporaryDirectory(prefix="registry-fuzz-") as name:
        folder = Path(name)
        with Registry(folder / "registry", actor="the owner") as own:
            secret = _filled(own)
        with serving(folder / "registry", folder / "server.log") as server:
            document = f"{server.address}/api/v1/openapi.json"
            (folder / "openapi.json").write_bytes(_fetched(document))
            parts = {
                "the document is valid": _run(programs / "openapi-spec-validator", "openapi.json", folder=folder),
                "a client is generated from it": _run(
                    programs / "openapi-python-client", "generate", "--path", "openapi.json", "--meta", "none",
                    "--output-path", "model_registry_client", "--fail-on-warning", folder=folder,
                ) and _run(programs / "python", "-c", _GENERATED, server.address, secret, folder=folder),
                "every route withstands anything": _run(
                    programs / "schemathesis", "run", document, "--header", f"Authorization: Bearer {secret}",
                    "--checks", ",".join(_CHECKS), "--seed", "1", "--max-time", str(_SECONDS), "--workers", "2",
                    "--request-timeout", "120",
                    "--continue-on-failure", "--no-shrink", "--phases", "coverage,fuzzing", "--warnings", "off",
                    "--exclude-path-regex", rf"/({'|'.join(_LEFT_OUT)})$", *further,
                    folder=folder,
                ),
            }  # fmt: skip
        log = (folder / "server.log").read_text()
        parts["the server's log has no error"] = "Traceback" not in log
        if "Traceback" in log:
            print(log[-20_000:])
    for what, passed in parts.items():
        print(f"{'passed' if passed else 'FAILED'}: {what}")
    return sum(not passed for passed in parts.values())


def _fetched(address: str) -> bytes:
    import httpx2

    return httpx2.get(address, timeout=60).raise_for_status().content


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
