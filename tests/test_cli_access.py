"""The commands for people who sign in: users, roles, links, tokens, review requests."""

from __future__ import annotations

import json
from pathlib import Path

from joserfc import jwt

from registry_core import Registry
from tests.commands import answer, refused, run
from tests.fitted import register
from tests.identity_provider import rsa_key


def test_people_are_added_granted_explained_and_removed(registry_folder: Path, sqlite_registry: Registry) -> None:
    assert "There is no sign-in yet" in run(registry_folder, "user", "list").stdout
    refused(registry_folder, 2, "InvalidInput", "user", "add", "bob", "--role", "viewer")
    ada = answer(registry_folder, "user", "add", "ada", "--role", "admin", "--url", "https://models.example.org/")
    assert ada["grants"][0]["role"] == "admin"
    address, _, secret = ada["link"].partition("#")
    assert address == "https://models.example.org/sign-in/link"
    principal = sqlite_registry.redeem_link(secret)
    assert principal is not None
    assert principal.name == "ada"
    said = run(registry_folder, "user", "add", "bob", "--role", "viewer", "--model-names", "fraud-*").stdout
    assert "bob may sign in: viewer on fraud-*." in said
    answer(registry_folder, "user", "grant", "bob", "--role", "contributor", "--role", "reviewer", "--reason", "asked")
    assert "contributor on *; reviewer on *; viewer on fraud-*" in run(registry_folder, "user", "list").stdout
    assert "may call review" in answer(registry_folder, "user", "why", "bob", "review", "--model-name", "X")["reason"]
    answer(registry_folder, "user", "revoke", "bob", "--role", "reviewer")
    assert not answer(registry_folder, "user", "why", "bob", "promote")["allowed"]
    answer(registry_folder, "user", "grant", "ml-team", "--group-of", "https://id.example.org", "--role", "operator")
    assert "group ml-team" in run(registry_folder, "user", "list").stdout
    assert "/sign-in/link#" in run(registry_folder, "user", "link", "bob").stdout
    assert answer(registry_folder, "user", "sign-out", "bob")["sessions"] == 2
    assert "last admin" in refused(registry_folder, 4, "StateConflict", "user", "remove", "ada")
    assert "names no person" in refused(registry_folder, 2, "InvalidInput", "user", "remove", "eve")
    answer(registry_folder, "user", "remove", "bob", "--reason", "left")
    assert [each["name"] for each in answer(registry_folder, "user", "list")["people"]] == ["ada"]


def test_tokens_are_created_listed_and_revoked(registry_folder: Path, sqlite_registry: Registry) -> None:
    answer(registry_folder, "user", "add", "ada", "--role", "admin")
    made = answer(
        registry_folder, "token", "create", "nightly", "--role", "contributor", "--owner", "ada", "--days", "5"
    )
    assert sqlite_registry.principal_of_token(made["secret"]) is not None
    shown = run(registry_folder, "token", "list").stdout
    assert "nightly" in shown
    assert made["secret"] not in shown
    answer(registry_folder, "token", "revoke", "nightly")
    assert "revoked" in run(registry_folder, "token", "list").stdout
    assert sqlite_registry.principal_of_token(made["secret"]) is None
    again = [
        answer(registry_folder, "token", "create", "nightly", "--role", "viewer", "--owner", "ada")["token_id"]
        for _ in range(2)
    ]
    said = refused(registry_folder, 2, "InvalidInput", "token", "revoke", "nightly")
    assert all(each in said for each in again)
    answer(registry_folder, "token", "revoke", again[0])
    refused(registry_folder, 3, "NotFound", "token", "revoke", "absent")
    said = refused(
        registry_folder, 2, "InvalidInput", "token", "create", "x", "--role", "reviewer", "--owner", "ada"
    )  # fmt: skip
    assert "never approves" in said


def test_a_workload_is_added_listed_and_revoked(
    registry_folder: Path, sqlite_registry: Registry, tmp_path: Path
) -> None:
    answer(registry_folder, "user", "add", "ada", "--role", "admin")
    key = rsa_key("one")
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    workload = (
        "token", "add-workload", "nightly", "--role", "contributor", "--owner", "ada", "--audience", "model-registry",
        "--subject", "system:serviceaccount:ml:*", "--issuer",
    )  # fmt: skip
    made = answer(registry_folder, *workload, "https://kubernetes.example.org", "--keys", str(keys))
    assert [each["kid"] for each in json.loads(made["workload"]["keys"])["keys"]] == ["one"]
    assert (
        "system:serviceaccount:ml:* of https://kubernetes.example.org" in run(registry_folder, "token", "list").stdout
    )
    now = int(sqlite_registry._context.now().timestamp())
    claims = {"iss": "https://kubernetes.example.org", "aud": ["model-registry"], "sub": "system:serviceaccount:ml:x"}
    signed = jwt.encode({"alg": "RS256", "kid": "one"}, {**claims, "exp": now + 60}, key, ["RS256"])
    assert sqlite_registry.principal_of_token(signed) is not None
    said = run(registry_folder, *workload, "https://id.example.org").stdout
    assert "It needs no secret, but an identity token of system:serviceaccount:ml:* of https://id.example.org." in said
    assert "https" in refused(registry_folder, 2, "InvalidInput", *workload, "http://id.example.org")
    absent = refused(registry_folder, 2, "InvalidInput", *workload, "https://x.org", "--keys", str(tmp_path / "no"))
    assert "cannot be read" in absent
    answer(registry_folder, "token", "revoke", made["token_id"])
    assert sqlite_registry.principal_of_token(signed) is None


def test_a_review_is_requested(registry_folder: Path, sqlite_registry: Registry) -> None:
    model_id = register(sqlite_registry)
    answer(registry_folder, "user", "add", "ada", "--role", "admin", "--role", "reviewer")
    made = answer(registry_folder, "request-review", model_id, "--person", "ada", "--due", "2026-12-24")
    assert (made["asked"], made["due"]) == ("ada", "2026-12-24")
    assert "reviewer is asked" in run(registry_folder, "request-review", model_id, "--role", "reviewer").stdout
    assert len(sqlite_registry.review_requests(model_id)) == 2
