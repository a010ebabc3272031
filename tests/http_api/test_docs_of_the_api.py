"""The example of docs/api.md runs as it stands there."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
from pathlib import Path

from registry_core import Registry
from tests.fitted import logistic
from tests.http_api.serving import serving, token

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def test_the_example_with_curl(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (example,) = (block for block in blocks if "curl" in block)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(logistic()[0]))
    with serving(tmp_path / "registry", tmp_path / "log.txt") as server, Registry(server.folder) as own:
        secret = token(own, "contributor", "operator", "downloader")
        environment = {**os.environ, "REGISTRY": server.address, "MODEL_REGISTRY_TOKEN": secret}
        subprocess.run(["bash", "-euo", "pipefail", "-c", example], cwd=tmp_path, env=environment, check=True)
        (version,) = own.list_models("Churn")
        assert own.get_active_model_id("Churn") == version.model_id
        assert (tmp_path / "downloaded.pkl").read_bytes() == (tmp_path / "model.pkl").read_bytes()
