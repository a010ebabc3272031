"""People who sign in: every method needs its role, lists show only what may be seen, and each refusal is an event."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from registry_core import (
    Grantee,
    InvalidInput,
    ModelNotFound,
    NotAllowed,
    NotFound,
    Person,
    Registry,
    Role,
    StateConflict,
)
from registry_core.actions import answer_checks
from registry_core.rules import access as rules
from tests.clock import Clock
from tests.fitted import register

MINE, OTHER = "Churn", "Secret"


def person(registry: Registry, name: str, *roles: str, on: str = "*") -> Person:
    """Somebody with roles, after an admin who is always there."""
    if not registry.has_people():
        admin = registry.add_person("the admin")
        registry.grant(admin.grantee, "admin")
    made = registry.add_person(name)
    for role in roles:
        registry.grant(made.grantee, role, on)
    return made


def as_person(registry: Registry, name: str, *roles: str, on: str = "*") -> Registry:
    return registry.as_principal(person(registry, name, *roles, on=on).principal())


def test_every_public_method_is_in_the_table_or_for_owners_only() -> None:
    public = {name for name, member in inspect.getmembers(Registry, callable) if not name.startswith("_")}
    assert public == rules.NEEDS.keys() | rules.OWNER_ONLY | {"close"}
    assert not rules.NEEDS.keys() & rules.OWNER_ONLY
    for verb, need in rules.NEEDS.items():
        parameters = inspect.signature(getattr(Registry, verb)).parameters
        assert {each.argument for each in need.about} <= set(parameters), verb
        assert {argument for argument, *_ in need.further} <= set(parameters), verb


@pytest.mark.parametrize("verb", sorted(rules.OWNER_ONLY - {"as_principal"}))
def test_what_is_for_owners_is_refused_to_an_admin(registry: Registry, verb: str) -> None:
    admin = as_person(registry, "anna", *(each for each in Role if each is not Role.SERVE))
    with pytest.raises(NotAllowed, match="for whoever owns the registry"):
        getattr(admin, verb)()


def test_a_principal_sees_and_lists_only_its_model_names(registry: Registry) -> None:
    mine, secret = register(registry, model_name=MINE), register(registry, model_name=OTHER)
    registry.configure(OTHER, max_models_to_keep=7, reason="fewer")
    registry.review(secret, "comment", "hidden", actor="nobody")
    anna = as_person(registry, "anna", "viewer", on="Chu*")
    assert anna.model_names() == [MINE]
    assert [each.model_name for each in anna.summaries()] == [MINE]
    assert {each.model_name for each in anna.list_models()} == {MINE}
    assert {each["model_name"] for each in anna.get_model_comparison()} == {MINE}
    assert anna.count_models() == 1
    assert {each.model_name for each in anna.events(limit=None)} == {MINE}
    assert anna.count_events() == len(anna.events(limit=None))
    assert {each.model_name for each in anna.deployments()} == {MINE}
    assert set(anna.configuration().model_names) <= {MINE}
    assert OTHER not in str(anna.plan_cleanup())
    for read in (
        anna.get_metadata, anna.verdict, anna.check_gates, anna.reviews, anna.signature, anna.proof, anna.allowed,
        anna.explain_score, anna.model_card,
    ):  # fmt: skip
        with pytest.raises((ModelNotFound, NotAllowed)) as refused:
            read(secret)
        # Unknown and unseen are told apart by nothing.
        with pytest.raises(type(refused.value)):
            read(secret.replace("Secret", "Absent"))
    with pytest.raises(NotAllowed, match="viewer on Secret"):
        anna.policy(OTHER)
    with pytest.raises(NotAllowed, match="viewer on Absent"):
        anna.policy("Absent")
    with pytest.raises(ModelNotFound):
        anna.compare([mine, secret])
    lists: tuple[Callable[[str], object], ...] = (anna.list_models, anna.events, anna.deployments)
    for listed in lists:
        with pytest.raises(NotAllowed, match="viewer on Secret"):
            listed(OTHER)


def test_who_sees_one_name_acts_on_it_as_who_sees_all(registry: Registry) -> None:
    """What identifies the registry is read whole: checks, gates and approvals that were made here stay made here."""
    register(registry, model_name=OTHER)
    registry.configure(MINE, gates={"approval": True, "minimum_metrics": {"accuracy": 0.5}}, reason="two hands")
    registry.promote(register(registry, model_name=MINE), override=True, reason="first")
    second = register(registry, accuracy=0.95, model_name=MINE)
    for model_name in ("Churn", "*"):
        bea = as_person(registry, f"bea {len(model_name)}", "operator", on=model_name)
        rita = as_person(registry, f"rita {len(model_name)}", "reviewer", on=model_name)
        rita.review(second, "approved", "fine")
        assert bea.verdict(second).word == registry.verdict(second).word
        assert bea.check_gates(second) == registry.check_gates(second)
        assert bea.promote(second, reason="better").model_id == second
        registry.undo_promotion(MINE, reason="again")
    assert registry.events(model_id=second, kinds=["answers_checked"]) == []


def test_nothing_is_seen_without_a_grant(registry: Registry) -> None:
    register(registry, model_name=MINE)
    anna = as_person(registry, "anna")
    assert (anna.model_names(), anna.summaries(), anna.list_models(), anna.events()) == ([], [], [], [])
    with pytest.raises(NotAllowed):
        anna.get_best_model_id(MINE)


def test_a_refusal_is_an_event_and_changes_nothing(registry: Registry) -> None:
    model_id = register(registry, model_name=MINE)
    anna = as_person(registry, "anna", "contributor", on=MINE)
    before = registry.deployments(MINE)
    with pytest.raises(
        NotAllowed, match="requires the role operator on Churn, which anna does not have; an admin grants it"
    ):
        anna.archive(model_id, reason="old")
    (event,) = registry.events(kinds=["refused"])
    assert (event.actor, event.model_name, event.after, event.principal) == (
        "anna", MINE, {"verb": "archive"}, '["person", "links", "anna"]'
    )  # fmt: skip
    assert registry.deployments(MINE) == before
    assert registry.verify_events() is None


def test_an_actor_cannot_be_given(registry: Registry) -> None:
    anna = as_person(registry, "anna", "contributor")
    with pytest.raises(InvalidInput, match="who is signed in"):
        register(anna, model_name=MINE, actor="bea")
    model_id = register(anna, model_name=MINE)
    registered = registry.events(model_id=model_id, kinds=["registered"])[0]
    assert (registered.actor, registered.principal) == ("anna", '["person", "links", "anna"]')
    assert registry.get_metadata(model_id).registered_by == "anna"


def test_what_is_taken_back_holds_at_the_next_call(registry: Registry) -> None:
    model_id = register(registry, model_name=MINE)
    bea = person(registry, "bea", "operator")
    acting = registry.as_principal(bea.principal())
    acting.pin(model_id, reason="keep")
    registry.revoke(bea.grantee, "operator")
    with pytest.raises(ModelNotFound):
        acting.unpin(model_id, reason="let go")


def test_a_grant_that_goes_while_a_method_runs_is_refused_in_its_transaction(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = register(registry, model_name=MINE)
    register(registry, accuracy=0.95, model_name=MINE)
    bea = person(registry, "bea", "operator")
    registry.grant(bea.grantee, "viewer")
    checked = answer_checks.require_answers

    def meanwhile(*given: Any) -> Any:
        registry.revoke(bea.grantee, "operator")
        return checked(*given)

    monkeypatch.setattr("registry_core.actions.promotion.require_answers", meanwhile)
    champion = registry.get_active_model_id(MINE)
    with pytest.raises(NotAllowed, match="operator on Churn"):
        registry.as_principal(bea.principal()).promote(model_id, reason="now")
    assert registry.get_active_model_id(MINE) == champion


def test_nobody_approves_what_they_or_their_token_registered(registry: Registry) -> None:
    anna = person(registry, "anna", "contributor", "reviewer")
    token = registry.create_token("nightly", ["contributor"], owner=("links", "anna"))
    principal = registry.principal_of_token(token.secret)
    assert principal is not None
    own = register(registry.as_principal(anna.principal()), model_name=MINE)
    through = register(registry.as_principal(principal), accuracy=0.91, model_name=MINE)
    for model_id, words in ((own, "anna registered"), (through, "with the token nightly")):
        with pytest.raises(InvalidInput, match=words):
            registry.as_principal(anna.principal()).review(model_id, "approved", "fine")
    registry.as_principal(person(registry, "bea", "reviewer").principal()).review(own, "approved", "fine")
    assert registry.reviews(own)[0].actor == "bea"


def test_a_token_never_approves_and_does_only_what_it_was_made_for(registry: Registry, clock: Clock) -> None:
    anna = person(registry, "anna", "admin", "contributor")
    with pytest.raises(InvalidInput, match="never approves"):
        registry.create_token("x", ["reviewer"], owner=("links", "anna"))
    made = registry.as_principal(anna.principal()).create_token("nightly", ["contributor"], "Chu*", days=30)
    assert (made.token.owner, made.token.expires_at[:10]) == ("anna", str((clock() + timedelta(days=30)).date()))
    assert made.secret not in repr(made)
    assert made.secret not in str(registry.events(limit=None))
    principal = registry.principal_of_token(made.secret)
    assert principal is not None
    pipeline = registry.as_principal(principal)
    model_id = register(pipeline, model_name=MINE)
    with pytest.raises(NotAllowed):
        register(pipeline, model_name=OTHER)
    with pytest.raises(NotAllowed, match="operator"):
        pipeline.promote(model_id, reason="mine")
    # Whatever is granted to it afterwards.
    with pytest.raises(InvalidInput, match="never approves"):
        registry.grant(Grantee("token", "tokens", made.token.token_id), "reviewer")
    with pytest.raises(NotAllowed, match="tokens never approve"):
        pipeline.review(model_id, "approved", "fine")
    assert registry.principal_of_token(made.secret + "x") is None
    assert registry.tokens()[0].last_used is not None
    clock.tick(31 * 86_400)
    assert registry.principal_of_token(made.secret) is None
    again = registry.create_token("nightly", ["serve"], owner=("links", "anna"))
    registry.revoke_token(again.token.token_id, reason="leaked")
    assert registry.principal_of_token(again.secret) is None
    with pytest.raises(StateConflict, match="revoked"):
        registry.revoke_token(again.token.token_id)


def test_a_serving_token_predicts_and_records_outcomes_and_nothing_else(registry: Registry) -> None:
    model_id = register(registry, model_name=MINE)
    person(registry, "anna")
    made = registry.create_token("service", ["serve"], MINE, owner=("links", "anna"))
    principal = registry.principal_of_token(made.secret)
    assert principal is not None
    service = registry.as_principal(principal)
    answer = service.predictor(MINE, log="sync").predict([[0.1] * 30])
    service.record_outcomes({int(answer.prediction_ids[0]): 1})
    service.record_outcomes(prediction_ids=answer.prediction_ids, labels=[1])
    registry.promote(register(registry, model_name=OTHER), reason="first")
    other = registry.predictor(OTHER, log="sync").predict([[0.1] * 30], units=["u"])
    with pytest.raises(NotAllowed, match="contributor or serve on Secret"):
        service.record_outcomes(prediction_ids=other.prediction_ids, labels=[1])
    with pytest.raises(NotAllowed, match="on Secret"):
        service.record_outcomes(units=["u"], labels=[1], model_name=OTHER)
    refused: Callable[[], object]
    for refused in (
        lambda: service.load_model(model_id), lambda: service.get_metadata(model_id), lambda: service.policy(MINE),
        lambda: service.promote(model_id, reason="x"), lambda: service.predictor(OTHER),
    ):  # fmt: skip
        with pytest.raises((NotAllowed, ModelNotFound)):
            refused()


def test_an_override_needs_a_second_person(registry: Registry) -> None:
    registry.configure(gates={"minimum_metrics": {"accuracy": 0.99}}, reason="high")
    model_id = register(registry, model_name=MINE)
    bea = as_person(registry, "bea", "operator", "reviewer")
    with pytest.raises(NotAllowed, match="approval of a second person"):
        bea.promote(model_id, reason="urgent", override=True)
    bea.review(model_id, "approved", "mine")
    with pytest.raises(NotAllowed, match="approval of a second person"):
        bea.promote(model_id, reason="urgent", override=True)
    as_person(registry, "carl", "reviewer").review(model_id, "approved", "looked at it")
    assert bea.promote(model_id, reason="urgent", override=True).model_id == model_id


def test_with_people_self_reported_metrics_promote_nothing(registry: Registry) -> None:
    first = register(registry, model_name=MINE)
    assert registry.get_active_model_id(MINE) == first
    anna = as_person(registry, "anna", "contributor")
    better = register(anna, accuracy=0.99, model_name=MINE)
    assert registry.get_active_model_id(MINE) == first
    assert "people sign in" in registry.events(model_id=better, kinds=["registered"])[0].after["because"]


def test_the_last_admin_stays(registry: Registry) -> None:
    anna = registry.add_person("anna")
    registry.grant(anna.grantee, "admin")
    removals: tuple[Callable[[], None], ...] = (
        lambda: registry.revoke(anna.grantee, "admin"),
        lambda: registry.remove_person("links", "anna"),
        lambda: registry.as_principal(anna.principal()).revoke(anna.grantee, "admin"),
    )
    for removes in removals:
        with pytest.raises(StateConflict, match="last admin"):
            removes()
    carl = registry.add_person("carl")
    registry.grant(carl.grantee, "admin", "Churn")
    registry.revoke(carl.grantee, "admin", "Churn")
    registry.remove_person("links", "carl")
    bea = registry.add_person("bea")
    registry.grant(bea.grantee, "admin")
    registry.remove_person("links", "anna", reason="left")
    assert [each.name for each in registry.people()] == ["bea"]


def test_where_there_never_was_an_admin_other_roles_are_taken(registry: Registry) -> None:
    """People of a provider come by its groups, before the owner says who manages them."""
    readers = Grantee("group", "https://id.example.org", "readers")
    registry.grant(readers, "viewer")
    registry.revoke(readers, "viewer")
    registry.note_person("https://id.example.org", "7", "dora")
    registry.remove_person("https://id.example.org", "7")
    assert (registry.grants(), registry.people()) == ([], [])


def test_names_of_people_are_told_apart(registry: Registry) -> None:
    registry.add_person("anna")
    for twin in ("Anna", "аnna", " anna ", "anna​"):
        with pytest.raises(InvalidInput):
            registry.add_person(twin, subject="another")
    with pytest.raises(InvalidInput, match="the registry itself"):
        registry.add_person("auto")
    with pytest.raises(StateConflict, match="added already"):
        registry.add_person("another", subject="anna")
    # A provider's people keep their names apart by what else is known of them.
    same = registry.note_person("https://id.example.org", "42", "anna", "anna@example.org")
    assert same.name == "anna (anna@example.org)"
    assert registry.note_person("https://id.example.org", "42", "changed", "anna@example.org").name == same.name


def test_a_group_has_its_roles_while_somebody_is_in_it(registry: Registry) -> None:
    model_id = register(registry, model_name=MINE)
    person(registry, "x")
    issuer = "https://id.example.org"
    dora = registry.note_person(issuer, "7", "dora")
    registry.grant(Grantee("group", issuer, "operators"), "operator", MINE)
    registry.as_principal(dora.principal(("operators",))).pin(model_id, reason="keep")
    with pytest.raises(ModelNotFound):
        registry.as_principal(dora.principal()).unpin(model_id)
    # A group of the same name of another provider is another group.
    eve = registry.note_person("https://elsewhere.example.org", "7", "eve")
    with pytest.raises(ModelNotFound):
        registry.as_principal(eve.principal(("operators",))).unpin(model_id)


def test_sessions_and_links_end(registry: Registry, clock: Clock) -> None:
    anna = person(registry, "anna", "viewer")
    secret = registry.sign_in_link("links", "anna", hours=1)
    principal = registry.redeem_link(secret)
    assert principal == anna.principal()
    assert registry.redeem_link(secret) is None
    late = registry.sign_in_link("links", "anna", hours=1)
    clock.tick(3601)
    assert registry.redeem_link(late) is None
    assert registry.redeem_link("guessed") is None
    assert principal is not None
    session = registry.open_session(principal, hours=12)
    assert registry.session(session) == principal
    assert registry.session(late) is None
    assert registry.redeem_link(session) is None
    clock.tick(3 * 3600)
    assert registry.session(session) == principal
    clock.tick(4 * 3600 + 1)
    assert registry.session(session) is None, "idle"
    assert registry.session(session, idle_hours=9) == principal
    clock.tick(6 * 3600)
    assert registry.session(session, idle_hours=9) is None, "absolute"
    second, third = (registry.open_session(principal) for _ in range(2))
    registry.close_session(second)
    registry.close_session(second)
    assert registry.session(second) is None
    assert registry.close_sessions("links", "anna", reason="laptop lost") == 1
    assert registry.session(third) is None
    for each in (secret, session, second):
        assert each not in str(registry.events(limit=None))
    registry.remove_person("links", "anna")
    with pytest.raises(NotFound):
        registry.open_session(principal)


def test_a_review_closes_the_requests_for_it(registry: Registry) -> None:
    model_id = register(registry, model_name=MINE)
    anna, bea = person(registry, "anna", "operator"), person(registry, "bea", "reviewer")
    asking = registry.as_principal(anna.principal())
    named = asking.request_review(model_id, ("links", "bea"), due="2026-12-24", text="the slices")
    asking.request_review(model_id, role="reviewer")
    asking.request_review(model_id, ("links", "anna"))
    assert [each.asked for each in registry.review_requests()] == ["bea", "reviewer", "anna"]
    assert (named.due, named.by, named.text) == ("2026-12-24", "anna", "the slices")
    reviewing = registry.as_principal(bea.principal())
    assert [each.asked for each in reviewing.review_requests(mine=True)] == ["bea", "reviewer"]
    assert [each.asked for each in asking.review_requests(mine=True)] == ["anna"]
    assert [each.name for each in asking.reviewers(MINE)] == ["bea"]
    reviewing.review(model_id, "approved", "looked at the slices")
    assert [each.asked for each in registry.review_requests(model_id)] == ["anna"]
    assert registry.review_requests(closed=True)[0].closed_because == "approved by bea"
    (left,) = asking.review_requests()
    asking.withdraw_review_request(left.request_id, reason="not needed")
    assert registry.review_requests() == []
    with pytest.raises(StateConflict, match="closed already"):
        asking.withdraw_review_request(left.request_id)
    wrong: dict[str, Any]
    for wrong in ({}, {"person": ("links", "bea"), "role": "reviewer"}, {"role": "reviewer", "due": "soon"}):
        with pytest.raises(InvalidInput):
            registry.request_review(model_id, **wrong)


def test_may_says_why_not(registry: Registry) -> None:
    register(registry, model_name=MINE)
    anna = as_person(registry, "anna", "contributor", on=MINE)
    assert anna.may("register_model", MINE).allowed
    assert anna.may("model_names").allowed
    refused = anna.may("review", MINE, verdict="approved")
    assert not refused.allowed
    assert "role reviewer on Churn" in refused.reason
    assert anna.may("review", MINE, verdict="comment").allowed
    assert registry.may("promote", MINE).allowed
    assert not anna.allowed(MINE)["rollback"].allowed
    assert "role operator" in anna.allowed(MINE)["rollback"].reason
    with pytest.raises(InvalidInput, match="not a method"):
        anna.may("nonsense")
    why = registry.why_may("links", "anna", "register_model", MINE)
    assert why.allowed
    assert "contributor on Churn, granted by" in why.reason
    # None of these questions is a refusal that somebody has to know of.
    assert registry.events(kinds=["refused"]) == []


def test_grants_from_elsewhere_allow_nothing(
    registry: Registry, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = register(registry, model_name=MINE)
    anna = person(registry, "anna", "operator")
    monkeypatch.setenv("MODEL_REGISTRY_KEYS", str(tmp_path / "another machine"))
    assert [each.accepted for each in registry.grants()] == [False, False]
    with pytest.raises(ModelNotFound):
        registry.as_principal(anna.principal()).pin(model_id)
    found = registry.foreign_decisions()
    assert found.grants["person anna of links"] == ("operator on *",)
    registry.accept_foreign(found, reason="asked them")
    registry.as_principal(anna.principal()).pin(model_id)


def test_backups_sign_nobody_in(registry: Registry, tmp_path: Any) -> None:
    anna = person(registry, "anna", "viewer")
    secret = registry.open_session(anna.principal())
    registry.backup(tmp_path / "backup.tar")
    with Registry.from_backup(tmp_path / "backup.tar", tmp_path / "again") as again:
        assert again.session(secret) is None
        assert [each.name for each in again.people()] == ["anna", "the admin"]
        assert again.verify_events() is None


WRITES: dict[str, Callable[[Registry], object]] = {
    "configure": lambda registry: registry.configure(max_models_to_keep=9, reason="x"),
    "grants": lambda registry: registry.grants(),
    "cleanup": lambda registry: registry.cleanup(reason="x"),
    "verify": lambda registry: registry.verify(repair=True),
    "backup": lambda registry: registry.backup("never"),
}


@pytest.mark.parametrize("verb", sorted(WRITES))
def test_a_role_on_some_names_is_none_on_all(registry: Registry, verb: str) -> None:
    register(registry, model_name=MINE)
    everything = [each for each in Role if each is not Role.SERVE]
    with pytest.raises(NotAllowed, match="on all model names"):
        WRITES[verb](as_person(registry, "anna", *everything, on="Chu*"))
