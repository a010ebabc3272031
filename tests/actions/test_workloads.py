"""Workload identity against an issuer on the loopback, which publishes its keys and signs whatever it is told to."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from registry_core import (
    InvalidConfiguration,
    InvalidInput,
    IssuerUnavailable,
    NotAllowed,
    NotFound,
    Principal,
    Registry,
    Token,
    issuers,
)
from tests.clock import Clock
from tests.elsewhere import another_user
from tests.fitted import register
from tests.identity_provider import Provider, rsa_key, running_provider

AUDIENCE = "model-registry"
MAIN = "repo:example/churn:ref:refs/heads/main"


@pytest.fixture
def issuer() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def claims(issuer: Provider, clock: Clock) -> dict[str, Any]:
    """What a job on the main branch gets."""
    now = int(clock().timestamp())
    return {"iss": issuer.issuer, "aud": AUDIENCE, "sub": MAIN, "iat": now, "nbf": now, "exp": now + 300}


def trust(registry: Registry, issuer: str, subject: str = MAIN, *, name: str = "nightly", **changes: Any) -> Token:
    """Accept a workload, for which Anna answers."""
    if not registry.has_people():
        anna = registry.add_person("anna", actor="owner")
        registry.grant(anna.grantee, "admin", actor="owner")
    how: dict[str, Any] = {"audience": AUDIENCE, "owner": ("links", "anna"), **changes}
    return registry.add_workload(name, ["contributor"], "Chu*", issuer=issuer, subject=subject, **how)


def test_a_workload_registers_and_never_approves(
    registry: Registry, issuer: Provider, claims: dict[str, Any], clock: Clock
) -> None:
    made = trust(registry, issuer.issuer, days=30)
    principal = registry.principal_of_token(issuer.sign(claims))
    assert principal == Principal("token", "tokens", made.token_id, f"nightly ({MAIN})", owner=("links", "anna"))
    pipeline = registry.as_principal(principal)
    model_id = register(pipeline, model_name="Churn")
    with pytest.raises(NotAllowed):
        register(pipeline, model_name="Secret")
    with pytest.raises(NotAllowed, match="tokens never approve"):
        pipeline.review(model_id, "approved", "fine")
    # Its owner does not approve it either.
    anna = registry.people()[0]
    registry.grant(anna.grantee, "reviewer")
    with pytest.raises(InvalidInput, match="another person has to approve"):
        registry.as_principal(anna.principal()).review(model_id, "approved", "fine")
    (listed,) = registry.tokens()
    assert listed.workload == made.workload
    assert listed.last_used is not None
    (event,) = registry.events(kinds=["token_created"])
    assert event.after["workload"] == {"issuer": issuer.issuer, "audience": AUDIENCE, "subject": MAIN, "keys": ""}
    clock.tick(days=31)
    later = int(clock().timestamp())
    assert registry.principal_of_token(issuer.sign({**claims, "exp": later + 300})) is None


def test_one_audience_of_several_and_patterns(
    sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any]
) -> None:
    wide = trust(sqlite_registry, issuer.issuer, "repo:example/*", name="all")
    churn = trust(sqlite_registry, issuer.issuer, "repo:example/churn:*", name="churn")
    main = trust(sqlite_registry, issuer.issuer, MAIN, name="main")

    def found(subject: str) -> str | None:
        principal = sqlite_registry.principal_of_token(
            issuer.sign({**claims, "sub": subject, "aud": ["another", AUDIENCE]})
        )
        return None if principal is None else principal.subject

    assert found("repo:example/fraud:ref:refs/heads/main") == wide.token_id
    assert found("repo:example/churn:environment:test") == churn.token_id
    assert found(MAIN) == main.token_id
    sqlite_registry.revoke_token(main.token_id)
    assert found(MAIN) == churn.token_id
    # The pattern is of the whole subject.
    assert found("repo:example-evil/churn:ref:refs/heads/main") is None
    assert found(f"x{MAIN}") is None


def at(seconds: int, *names: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Claims whose times are so far from the present."""
    return lambda claims: {**claims, **dict.fromkeys(names, claims["iat"] + seconds)}


def with_(**changed: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {**claims, **changed}


def without(claim: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {name: value for name, value in claims.items() if name != claim}


WRONG = {
    "issuer": with_(iss="https://evil.example"),
    "issuer with a slash": lambda claims: {**claims, "iss": f"{claims['iss']}/"},
    "no issuer": without("iss"),
    "audience": with_(aud="another"),
    "audiences": with_(aud=["another", "a-third"]),
    "part of the audience": with_(aud=f"{AUDIENCE}s"),
    "no audience": without("aud"),
    "subject": with_(sub="repo:example/churn:ref:refs/heads/feature"),
    "longer subject": with_(sub=f"{MAIN}-2"),
    "other case": with_(sub=MAIN.upper()),
    "subject is a list": with_(sub=[MAIN]),
    "no subject": without("sub"),
    "expired": at(-61, "exp"),
    "no expiry": without("exp"),
    "expiry in words": with_(exp="tomorrow"),
    "not yet": at(61, "nbf"),
    "from the future": at(61, "iat"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_token_of_something_else(
    sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any], wrong: str
) -> None:
    trust(sqlite_registry, issuer.issuer)
    assert sqlite_registry.principal_of_token(issuer.sign(WRONG[wrong](claims))) is None
    assert sqlite_registry.principal_of_token(issuer.sign(claims)) is not None, "the right one is accepted"


@pytest.mark.parametrize("skew", [at(-59, "exp"), at(60, "nbf"), at(60, "iat")])
def test_clocks_differ_by_a_minute(
    sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any], skew: Callable[..., dict[str, Any]]
) -> None:
    trust(sqlite_registry, issuer.issuer)
    assert sqlite_registry.principal_of_token(issuer.sign(skew(claims))) is not None


FORGERIES = ["unsigned", "signed_with_the_public_key", "signed_by_another", "altered"]


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("given", [False, True], ids=["published", "given"])
def test_a_forged_token(
    sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any], forgery: str, given: bool
) -> None:
    keys = json.dumps({"keys": [issuer.key.as_dict(private=False)]}) if given else ""
    trust(sqlite_registry, issuer.issuer, "repo:example/*", keys=keys)
    assert sqlite_registry.principal_of_token(getattr(issuer, forgery)(claims)) is None
    assert sqlite_registry.principal_of_token(issuer.sign(claims)) is not None


@pytest.mark.parametrize("text", ["", ".", "..", "...", "a.b.c", "a.e30.c", "a.W10.c", "a.bnVsbA.c", "x" * 200_000])
def test_what_is_no_token(sqlite_registry: Registry, issuer: Provider, text: str) -> None:
    trust(sqlite_registry, issuer.issuer)
    assert sqlite_registry.principal_of_token(text) is None
    assert issuer.asked == []


def test_keys_are_kept_and_asked_for_when_one_is_new(
    sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(sqlite_registry, issuer.issuer)
    assert issuer.asked == [], "nobody is asked before there is a token"
    for _ in range(3):
        assert sqlite_registry.principal_of_token(issuer.sign(claims)) is not None
    once = ["/.well-known/openid-configuration", "/keys"]
    assert issuer.asked == once
    former = issuer.sign(claims)
    issuer.key = rsa_key("second")
    for _ in range(3):
        assert sqlite_registry.principal_of_token(issuer.sign(claims)) is None
    assert issuer.asked == once, "not with every token that names another key"
    monkeypatch.setattr(issuers, "_RENEWED_SECONDS", -1)
    assert sqlite_registry.principal_of_token(issuer.sign(claims)) is not None
    assert issuer.asked == [*once, "/keys"]
    # A key that is published no more signs no more.
    assert sqlite_registry.principal_of_token(former) is None


def test_a_key_that_was_withdrawn_is_forgotten(
    sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trust(sqlite_registry, issuer.issuer)
    former = issuer.sign(claims)
    assert sqlite_registry.principal_of_token(former) is not None
    issuer.key = rsa_key("second")
    monkeypatch.setattr(issuers, "_KEPT_SECONDS", -1)
    assert sqlite_registry.principal_of_token(former) is None


def test_an_issuer_that_is_away(
    sqlite_registry: Registry, claims: dict[str, Any], issuer: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_provider() as gone:
        trust(sqlite_registry, gone.issuer)
        claims["iss"] = gone.issuer
        token = gone.sign(claims)
    with pytest.raises(IssuerUnavailable, match=gone.issuer):
        sqlite_registry.principal_of_token(token)
    # With keys that are kept it is not needed.
    trust(sqlite_registry, issuer.issuer)
    claims["iss"] = issuer.issuer
    assert sqlite_registry.principal_of_token(issuer.sign(claims)) is not None
    issuer.answer["/keys"] = lambda _: None
    assert sqlite_registry.principal_of_token(issuer.sign(claims)) is not None
    monkeypatch.setattr(issuers, "_RENEWED_SECONDS", -1)
    issuer.key = rsa_key("second")
    asked = len(issuer.asked)
    for _ in range(3):
        with pytest.raises(IssuerUnavailable, match="status 500"):
            sqlite_registry.principal_of_token(issuer.sign(claims))
    assert len(issuer.asked) == asked + 1, "who does not answer is left alone for a while"


BROKEN: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any] | None]]] = {
    "no discovery": ("/.well-known/openid-configuration", lambda _: None),
    "another issuer": ("/.well-known/openid-configuration", with_(issuer="https://evil.example")),
    "no address of keys": ("/.well-known/openid-configuration", without("jwks_uri")),
    "plain address of keys": ("/.well-known/openid-configuration", with_(jwks_uri="http://evil.example/keys")),
    "a file": ("/.well-known/openid-configuration", with_(jwks_uri="file:///etc/passwd")),
    "no keys": ("/keys", lambda _: {"keys": []}),
    "keys are text": ("/keys", with_(keys="many")),
    "endless": ("/keys", with_(more="x" * 1_100_000)),
    "a private key": ("/keys", lambda _: {"keys": [rsa_key("first").as_dict(private=True)]}),
    "a secret": ("/keys", lambda _: {"keys": [{"kty": "oct", "kid": "first", "k": "c2VjcmV0"}]}),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_an_issuer_that_is_broken(
    sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any], broken: str
) -> None:
    trust(sqlite_registry, issuer.issuer)
    path, change = BROKEN[broken]
    issuer.answer[path] = change
    with pytest.raises(IssuerUnavailable):
        sqlite_registry.principal_of_token(issuer.sign(claims))


def test_keys_that_are_given(sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any]) -> None:
    other = rsa_key("other")
    trust(sqlite_registry, issuer.issuer, keys=json.dumps({"keys": [other.as_dict(private=False)]}))
    assert sqlite_registry.principal_of_token(issuer.sign(claims)) is None
    assert issuer.asked == [], "the keys that were given count, and no others"
    trust(sqlite_registry, issuer.issuer, MAIN, keys=f"{issuer.issuer}/keys")
    assert sqlite_registry.principal_of_token(issuer.sign(claims)) is not None
    assert issuer.asked == ["/keys"]


def test_a_private_key_is_not_stored(sqlite_registry: Registry, issuer: Provider) -> None:
    public, private = issuer.key.as_dict(private=False), rsa_key("private").as_dict(private=True)
    made = trust(sqlite_registry, issuer.issuer, keys=json.dumps({"keys": [private, public]}))
    assert made.workload is not None
    assert [each["kid"] for each in json.loads(made.workload.keys)["keys"]] == ["first"]
    assert str(private["d"]) not in str(sqlite_registry.events(limit=None))


def test_a_workload_that_was_taken_back(sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any]) -> None:
    made = trust(sqlite_registry, issuer.issuer)
    sqlite_registry.revoke_token(made.token_id, reason="moved")
    assert sqlite_registry.principal_of_token(issuer.sign(claims)) is None
    trust(sqlite_registry, issuer.issuer)
    assert sqlite_registry.principal_of_token(issuer.sign(claims)) is not None
    bea = sqlite_registry.add_person("bea")
    sqlite_registry.grant(bea.grantee, "admin")
    sqlite_registry.remove_person("links", "anna")
    assert sqlite_registry.principal_of_token(issuer.sign(claims)) is None


def test_a_workload_of_another_installation_is_not_asked_about(
    sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any], tmp_path: Path
) -> None:
    trust(sqlite_registry, issuer.issuer)
    with another_user(tmp_path / "home"):
        assert not any(each.accepted for each in sqlite_registry.grants())
        assert sqlite_registry.principal_of_token(issuer.sign(claims)) is None
        assert issuer.asked == []


@pytest.mark.parametrize(("change", "said"), [
    ({"issuer": "http://id.example.org"}, "issuer is .* https"),
    ({"issuer": "https://anna@id.example.org"}, "issuer is"),
    ({"issuer": "https://id.example.org:port"}, "issuer is"),
    ({"issuer": "ftp://id.example.org"}, "issuer is"),
    ({"issuer": ""}, "issuer is"),
    ({"audience": " "}, "audience is"),
    ({"subject": ""}, "subject is"),
    ({"subject": "*"}, "subject is"),
    ({"subject": "*?*"}, "subject is"),
    ({"subject": "repo:*"}, "every owner"),
    ({"subject": "repo:exam[p]le/churn:*"}, "every owner"),
    ({"subject": "re\npo"}, "subject"),
    ({"keys": "http://id.example.org/keys"}, "keys is"),
    ({"keys": "/etc/keys.json"}, "keys is"),
    ({"keys": "{"}, "keys are no JSON"),
    ({"keys": "{}"}, "no public key"),
    ({"keys": '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'}, "no public key"),
    ({"days": 0}, "days"),
    ({"owner": None}, "owner"),
])  # fmt: skip
def test_what_cannot_be_a_workload(sqlite_registry: Registry, change: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"issuer": "https://id.example.org", **change}
    with pytest.raises(InvalidInput, match=said):
        trust(sqlite_registry, **given)
    assert sqlite_registry.tokens() == []


def test_roles_and_owner_as_for_a_token(sqlite_registry: Registry) -> None:
    trust(sqlite_registry, "https://id.example.org")
    how: dict[str, Any] = {"issuer": "https://id.example.org", "audience": "a", "subject": "s"}
    with pytest.raises(InvalidInput, match="never approves"):
        sqlite_registry.add_workload("x", ["reviewer"], owner=("links", "anna"), **how)
    with pytest.raises(NotFound, match="bea"):
        sqlite_registry.add_workload("x", ["viewer"], owner=("links", "bea"), **how)


def test_why_a_token_is_refused_is_in_the_log(
    sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    trust(sqlite_registry, issuer.issuer)
    token = issuer.sign(at(-61, "exp")(claims))
    with caplog.at_level(logging.WARNING):
        assert sqlite_registry.principal_of_token(token) is None
    assert "nightly was refused" in caplog.text
    assert "expired" in caplog.text
    assert token not in caplog.text


def test_without_the_library(sqlite_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuers, "find_spec", lambda _: None)
    with pytest.raises(InvalidConfiguration, match=r"pip install 'model-registry-dashboard\[sign-in\]'"):
        trust(sqlite_registry, "https://id.example.org")
    assert sqlite_registry.principal_of_token("mr_unknown") is None


def test_a_token_ends_while_its_keys_are_kept(
    sqlite_registry: Registry, issuer: Provider, claims: dict[str, Any], clock: Clock
) -> None:
    trust(sqlite_registry, issuer.issuer)
    token = issuer.sign(claims)
    assert sqlite_registry.principal_of_token(token) is not None
    clock.tick(361)
    assert sqlite_registry.principal_of_token(token) is None
