"""The HTTP API beside the pages of the dashboard: who gets through to it, and who does not."""

from __future__ import annotations

from pathlib import Path

import httpx2

from registry_core import Registry
from tests.fitted import register
from tests.http_api.serving import token
from tests.servers import PATIENCE, running_dashboard


def test_programs_with_a_token_and_people_with_a_session(tmp_path: Path) -> None:
    with (
        Registry(tmp_path / "registry", actor="the owner") as own,
        running_dashboard(tmp_path / "registry") as url,
        httpx2.Client(base_url=f"{url}/api/v1", timeout=PATIENCE) as client,
    ):
        model_id = register(own)
        asked = {"model_id": model_id, "reason": "from a script"}
        # Without people: whoever is on this machine, but no page of another origin.
        assert client.get("/model_names").json() == ["Churn"]
        assert client.post("/pin", json=asked, headers={"origin": "https://elsewhere.example"}).status_code == 403
        assert client.post("/pin", json=asked, headers={"cookie": "any=thing"}).status_code == 403
        assert client.get("/model_names", headers={"host": "elsewhere.example"}).status_code == 400
        assert client.post("/pin", json=asked).status_code == 200
        assert own.events(model_id=model_id)[0].actor == "local"
        # With people: a token, or the session of whoever signed in.
        secret = token(own, "operator")
        assert client.get("/model_names").status_code == 401
        assert client.post("/unpin", json=asked).status_code == 401
        assert client.get("/model_names", headers={"authorization": "Bearer mr_nonsense"}).status_code == 401
        assert httpx2.get(f"{url}/", headers={"authorization": f"Bearer {secret}"}, timeout=PATIENCE).status_code == 303
        with Registry(url, token=secret) as remote:
            remote.unpin(model_id, reason="by a program")
        assert own.events(model_id=model_id)[0].actor == "pipeline"
        (anna,) = own.people()
        cookie = {"cookie": f"model-registry={own.open_session(anna.principal())}"}
        assert client.get("/model_names", headers=cookie).json() == ["Churn"]
        assert client.post("/pin", json=asked, headers=cookie).status_code == 403
        assert client.post("/pin", json=asked, headers={**cookie, "origin": url}).status_code == 403  # no operator
        own.grant(anna.grantee, "operator")
        assert client.post("/pin", json=asked, headers={**cookie, "origin": url}).status_code == 200
        assert own.events(model_id=model_id)[0].actor == "anna"
