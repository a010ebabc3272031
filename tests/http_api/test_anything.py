"""Whatever is sent that fits the document of the API, no answer is an unforeseen error. A fixed sample of it."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from registry_core import Registry
from registry_core.http_api.application import Server, application
from registry_core.wire.methods import methods_of
from tests.fitted import register

# These start sandboxes or take minutes; the last one ends that nobody has to sign in.
_LEFT_OUT = {
    "upload", "evaluate_all", "verify_all_answers", "verify", "verify_answers", "evaluate", "measure_feature_impact",
    "optimize", "add_person",
}  # fmt: skip
_TEXTS = ("x", "", "Churn", "Churn", "Churn", "1e400", "\0", "\ud7ff", "..", "a" * 3000, "2026-01-01", "*", "NaN")
_NUMBERS = (0, 1, -1, 2**63, 2**70, 10**9, 1.5, -1e308, 1e300)
_ANYTHING = (None, 1, "x", [1, "a"], {"a": 1}, True, 1.5, [[1, 2], [3]])


class Anything:
    """Makes values that fit a JSON schema."""

    def __init__(self, document: Mapping[str, Any], texts: Sequence[str], seed: int) -> None:
        self.schemas, self.texts, self.random = document["components"]["schemas"], texts, random.Random(seed)

    def fitting(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """A value that fits."""
        choose = self.random.choice
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            return self.fitting(choose(schema["anyOf"]), depth)
        match schema.get("type"):
            case "string":
                return choose(schema.get("enum") or self.texts)
            case "integer":
                return choose([each for each in _NUMBERS if isinstance(each, int)])
            case "number":
                return choose(_NUMBERS)
            case "boolean":
                return choose([True, False])
            case "null":
                return None
            case "array":
                items = schema.get("prefixItems") or [schema.get("items", {})] * choose([0, 1, 3])
                return [self.fitting(each, depth + 1) for each in items if depth < 4]
            case "object":
                return self._object(schema, depth)
        return choose(_ANYTHING)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required, own = schema.get("required", ()), schema.get("properties", {})
        if own:
            given = {name: each for name, each in own.items() if name in required or self.random.random() < 0.5}
            return {name: self.fitting(each, depth + 1) for name, each in given.items()}
        further = schema.get("additionalProperties")
        values = further if isinstance(further, dict) else {}
        count = self.random.choice([0, 1, 2]) if depth < 4 else 0
        return {self.random.choice(self.texts): self.fitting(values, depth + 1) for _ in range(count)}


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.full)])
def test_whatever_is_sent_no_answer_is_unforeseen(tmp_path: Path, seed: int) -> None:
    wrong, statuses = [], set()
    with Registry(tmp_path / "registry") as registry:
        ids = [register(registry), register(registry, 0.8)]
        server = Server(lambda: registry)
        with TestClient(application(server), raise_server_exceptions=False) as client:
            document = client.get("/api/v1/openapi.json").json()
            anything = Anything(document, (*_TEXTS, *(ids * 3)), seed)
            for name in sorted(methods_of(Registry).keys() - _LEFT_OUT):
                operation = document["paths"][f"/api/v1/{name}"]["post"]
                schema = (
                    operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
                )
                for _ in range(4):
                    body = json.dumps(anything.fitting(schema))
                    answer = client.post(f"/api/v1/{name}", content=body, headers={"content-type": "application/json"})
                    statuses.add(answer.status_code)
                    if answer.status_code >= 500 or "Traceback" in answer.text:
                        wrong.append(f"{name} {body[:300]}: {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert {200, 404, 409, 422} <= statuses
