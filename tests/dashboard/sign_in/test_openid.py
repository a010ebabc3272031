"""OpenID Connect against a provider that checks its client and can be made to misbehave."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from dashboard.sign_in.configuration import Configuration, OpenID
from dashboard.sign_in.openid import FLOW_SECONDS, Flows
from registry_core import Grantee, Person, Registry, issuers
from tests.identity_provider import CLIENT, SECRET, Provider, rsa_key, running_provider

from .conftest import HERE, Browser

Arrive = Callable[..., Browser]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def configuration(provider: Provider) -> Configuration:
    return Configuration(public_url=HERE, openid=OpenID(provider.issuer, CLIENT, SECRET, label="Example Corp"))


@pytest.fixture
def browser(arrive: Arrive, configuration: Configuration) -> Browser:
    return arrive(configuration)


def go(browser: Browser, page: str = "/") -> str:
    """Begin at the sign-in page; gives the provider's address to which the browser is sent."""
    answer = browser.get("/sign-in/openid", params={"next": page})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def come_back(browser: Browser, provider: Provider, **changes: str | None) -> Any:
    """Sign in at the provider and follow its way back, with parameters changed."""
    back = urlsplit(provider.authorize(go(browser, "/model?id=3")))
    given: dict[str, str | None] = {name: values[0] for name, values in parse_qs(back.query).items()}
    kept = {name: value for name, value in {**given, **changes}.items() if value is not None}
    return browser.get(f"{back.path}?{urlencode(kept)}")


def test_sign_in(browser: Browser, provider: Provider, timed: Registry) -> None:
    page = browser.get("/", follow_redirects=True)
    assert "Sign in with Example Corp" in page.text
    provider.person |= {"email": "anna@example.org", "email_verified": True}
    answer = come_back(browser, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/model?id=3")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert browser.get("/").status_code == 200
    assert browser.handshake()["path"] == "/_stcore/stream"
    (person,) = timed.people()
    assert (person.issuer, person.subject) == (provider.issuer, "248289761001")
    assert (person.name, person.email) == ("Anna Adams", "anna@example.org")
    assert not timed.grants(), "nobody has a role because they signed in"


def test_a_public_client_needs_no_secret(arrive: Arrive, provider: Provider) -> None:
    provider.secret = ""
    browser = arrive(Configuration(public_url=HERE, openid=OpenID(provider.issuer, CLIENT)))
    assert come_back(browser, provider).status_code == 303


def test_what_the_provider_is_asked(browser: Browser, provider: Provider) -> None:
    asked = parse_qs(urlsplit(go(browser)).query)
    assert asked["redirect_uri"] == [f"{HERE}/sign-in/callback"]
    assert len(asked["state"][0]) >= 32
    assert len(asked["nonce"][0]) >= 32
    again = parse_qs(urlsplit(go(browser)).query)
    assert not {asked[name][0] for name in ("state", "nonce", "code_challenge")} & {
        again[name][0] for name in ("state", "nonce", "code_challenge")
    }


@pytest.mark.parametrize(("claim", "groups"), [
    (["ml", "ops"], ("ml", "ops")),
    ("ml", ("ml",)),
    (["ml", 3, None, ""], ("ml",)),
    ({"ml": True}, ()),
    (None, ()),
])  # fmt: skip
def test_groups_have_roles(
    browser: Browser, provider: Provider, timed: Registry, claim: Any, groups: tuple[str, ...]
) -> None:
    timed.grant(Grantee("group", provider.issuer, "ml"), "operator", actor="owner")
    provider.person["groups"] = claim
    assert come_back(browser, provider).status_code == 303
    principal = timed.session(browser.secret)
    assert principal is not None
    assert principal.groups == groups
    assert timed.as_principal(principal).may("promote", "Churn").allowed == ("ml" in groups)


def test_groups_of_another_claim(arrive: Arrive, provider: Provider, timed: Registry) -> None:
    openid = OpenID(provider.issuer, CLIENT, SECRET, groups_claim="roles")
    browser = arrive(Configuration(public_url=HERE, openid=openid))
    provider.person |= {"groups": ["admins"], "roles": ["readers"]}
    assert come_back(browser, provider).status_code == 303
    principal = timed.session(browser.secret)
    assert principal is not None
    assert principal.groups == ("readers",)


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_unverified_mail_is_not_believed(browser: Browser, provider: Provider, timed: Registry, verified: Any) -> None:
    provider.person = {"sub": "1", "email": "boss@example.org", "email_verified": verified}
    assert come_back(browser, provider).status_code == 303
    (person,) = timed.people()
    assert person.email == ""
    assert "boss" not in person.name


def test_a_person_is_the_subject_and_not_the_name(arrive: Arrive, browser: Browser, provider: Provider,
                                                  timed: Registry) -> None:  # fmt: skip
    provider.person = {"sub": "1", "name": "Anna"}
    assert come_back(browser, provider).status_code == 303
    timed.grant(Grantee("person", provider.issuer, "1"), "admin", actor="owner")
    provider.person = {"sub": "2", "name": "Anna"}
    other = arrive(gate=browser.app)
    assert come_back(other, provider).status_code == 303
    principal = timed.session(other.secret)
    assert principal is not None
    assert principal.subject == "2"
    assert principal.name != "Anna"
    assert not timed.as_principal(principal).may("promote", "Churn").allowed


def without(claim: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {name: value for name, value in claims.items() if name != claim}


def with_(**changed: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {**claims, **changed}


WRONG_CLAIMS = {
    "issuer": with_(iss="https://evil.example"),
    "issuer with a slash": lambda claims: {**claims, "iss": f"{claims['iss']}/"},
    "no issuer": without("iss"),
    "audience": with_(aud="another-client"),
    "audiences": with_(aud=["another-client", "a-third"]),
    "several audiences without a party": with_(aud=[CLIENT, "another-client"]),
    "party": with_(azp="another-client"),
    "no audience": without("aud"),
    "expired": with_(exp=int(time.time()) - 600),
    "no expiry": without("exp"),
    "expiry in words": with_(exp="tomorrow"),
    "expiry not a number": with_(exp=float("nan")),
    "not yet": with_(nbf=int(time.time()) + 3600),
    "from the future": with_(iat=int(time.time()) + 3600),
    "nonce": with_(nonce="another"),
    "no nonce": without("nonce"),
    "no subject": without("sub"),
    "empty subject": with_(sub=""),
    "blank subject": with_(sub=" \u2003", name="", email=""),
    "subject is a number": with_(sub=1),
    "subject is a list": with_(sub=["1"]),
    "endless subject": with_(sub="x" * 300),
}


@pytest.mark.parametrize("wrong", WRONG_CLAIMS)
def test_an_id_token_for_somebody_else(browser: Browser, provider: Provider, timed: Registry, wrong: str) -> None:
    provider.claims = WRONG_CLAIMS[wrong]
    answer = come_back(browser, provider)
    assert answer.status_code == 403
    assert "Example Corp did not confirm who you are" in answer.text
    assert not browser.secret
    assert not timed.people()
    provider.claims = lambda claims: claims
    assert come_back(browser, provider).status_code == 303, "the next sign-in works"


@pytest.mark.parametrize("forgery", ["unsigned", "signed_with_the_public_key", "signed_by_another", "altered"])
def test_a_forged_id_token(browser: Browser, provider: Provider, timed: Registry, forgery: str) -> None:
    provider.sign = getattr(provider, forgery)
    assert come_back(browser, provider).status_code == 403
    assert not browser.secret
    assert not timed.people()


@pytest.mark.parametrize("token", [None, 3, "", "x", "x.y.z", "....", ["a"]])
def test_no_id_token(browser: Browser, provider: Provider, token: Any) -> None:
    provider.answer["/token"] = lambda answer: {**answer, "id_token": token}
    assert come_back(browser, provider).status_code == 403
    assert not browser.secret


def test_a_state_is_used_once(browser: Browser, provider: Provider, timed: Registry) -> None:
    back = provider.authorize(go(browser))
    assert browser.get(back).status_code == 303
    browser.cookies.delete("model-registry")
    codes = len(provider.asked)
    answer = browser.get(back)
    assert answer.status_code == 403
    assert "already used" in answer.text
    assert len(provider.asked) == codes, "the provider is not asked"
    assert len(timed.events(kinds=["signed_in"])) == 1


def test_another_browser_cannot_end_a_flow(arrive: Arrive, browser: Browser, provider: Provider) -> None:
    # Somebody begins, and sends the address of their way back to a victim, who would act as them.
    back = provider.authorize(go(browser))
    victim = arrive(gate=browser.app)
    assert victim.get(back).status_code == 403
    go(victim)  # also with a flow of its own
    back = provider.authorize(go(browser))
    assert victim.get(back).status_code == 403
    assert not victim.secret


@pytest.mark.parametrize("changes", [
    {"state": None}, {"state": ""}, {"state": "invented"}, {"code": None}, {"code": ""}, {"code": "invented"},
    {"iss": "https://evil.example"}, {"code": None, "error": "access_denied"},
])  # fmt: skip
def test_a_way_back_that_is_not_the_providers(
    browser: Browser, provider: Provider, changes: dict[str, str | None]
) -> None:
    answer = come_back(browser, provider, **changes)
    assert answer.status_code == 403
    assert "Sign in with Example Corp" in answer.text, "it can be tried again"
    assert "evil.example" not in answer.text
    assert not browser.secret


def test_a_code_of_another_flow_is_not_taken(browser: Browser, provider: Provider) -> None:
    # PKCE: the code was made for another verifier.
    stolen = parse_qs(urlsplit(provider.authorize(go(browser))).query)["code"][0]
    assert come_back(browser, provider, code=stolen).status_code == 403


def test_flows_end() -> None:
    now = [0.0]
    flows = Flows(lambda: now[0])
    state, flow = flows.begin("browser", "/", "127.0.0.1")
    now[0] += FLOW_SECONDS
    assert flows.end(state, "browser") is flow
    state, _ = flows.begin("browser", "/", "127.0.0.1")
    now[0] += FLOW_SECONDS + 1
    assert flows.end(state, "browser") is None
    state, _ = flows.begin("", "/", "127.0.0.1")
    assert flows.end(state, "") is None


def test_a_state_is_used_up_also_by_another_browser() -> None:
    flows = Flows()
    state, flow = flows.begin("browser", "/", "127.0.0.1")
    assert flows.end(state, "browser") is flow
    assert flows.end(state, "browser") is None
    state, _ = flows.begin("browser", "/", "127.0.0.1")
    assert flows.end(state, "another") is None
    assert flows.end(state, "browser") is None


def test_whoever_begins_too_many_flows_ends_their_own() -> None:
    flows = Flows()
    other, _ = flows.begin("browser", "/", "127.0.0.2")
    states = [flows.begin("browser", "/", "127.0.0.1")[0] for _ in range(201)]
    assert flows.end(states[0], "browser") is None
    assert flows.end(states[1], "browser") is not None
    assert flows.end(other, "browser") is not None


def test_the_way_on_is_ours(browser: Browser, provider: Provider) -> None:
    back = provider.authorize(go(browser, "//registry.example"))
    assert browser.get(back).headers["location"] == "/"


def test_a_new_key_of_the_provider(browser: Browser, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:

    assert come_back(browser, provider).status_code == 303
    provider.key = rsa_key("second")
    # Keys are asked for again, and not with every token that names another one.
    assert come_back(browser, provider).status_code == 403
    assert provider.asked.count("/keys") == 1
    monkeypatch.setattr(issuers, "_RENEWED_SECONDS", -1)
    assert come_back(browser, provider).status_code == 303


BROKEN: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any] | None]]] = {
    "no discovery": ("/.well-known/openid-configuration", lambda answer: None),
    "another issuer": ("/.well-known/openid-configuration", with_(issuer="https://evil.example")),
    "no token endpoint": ("/.well-known/openid-configuration", without("token_endpoint")),
    "plain endpoint": ("/.well-known/openid-configuration", with_(token_endpoint="http://evil.example/token")),
    "script": ("/.well-known/openid-configuration", with_(authorization_endpoint="javascript:alert(1)")),
    "no keys": ("/keys", lambda answer: None),
    "keys are text": ("/keys", with_(keys="many")),
    "no token": ("/token", lambda answer: None),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_provider_that_is_broken(browser: Browser, provider: Provider, timed: Registry, broken: str) -> None:
    path, change = BROKEN[broken]
    provider.answer[path] = change
    answer = browser.get("/sign-in/openid")
    if answer.status_code == 303:
        answer = browser.get(provider.authorize(answer.headers["location"]))
    assert answer.status_code in (403, 503)
    assert "Example Corp" in answer.text
    assert "evil.example" not in answer.text
    assert not browser.secret
    assert not timed.people()


def test_a_provider_that_is_away_ends_no_session(
    arrive: Arrive, timed: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_provider() as provider:
        configuration = Configuration(public_url=HERE, openid=OpenID(provider.issuer, CLIENT, SECRET, label="Corp"))
        browser = arrive(configuration)
        assert come_back(browser, provider).status_code == 303
    monkeypatch.setattr(issuers, "_KEPT_SECONDS", -1)
    other = arrive(gate=browser.app)
    answer = other.get("/sign-in/openid?next=/model")
    assert answer.status_code == 503
    assert "Corp does not answer" in answer.text
    assert "next=%2Fmodel" in answer.text
    assert browser.get("/").status_code == 200


def test_links_work_beside_a_provider(browser: Browser, timed: Registry) -> None:
    anna: Person = timed.add_person("Anna", actor="owner")
    secret = timed.sign_in_link(anna.issuer, anna.subject, actor="owner")
    assert browser.submit("/sign-in/link", secret=secret).status_code == 303
    assert browser.get("/").status_code == 200
