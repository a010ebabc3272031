"""Every method for every role, on one's own version and on another person's: the table below was written by hand."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest

from registry_core import (
    Grantee,
    NotAllowed,
    NotFound,
    Person,
    Registry,
    RegistryError,
)
from registry_core.actions.alert import open_alert
from tests.fitted import forest, register

LETTERS = {"v": "viewer", "d": "downloader", "c": "contributor", "r": "reviewer", "o": "operator", "a": "admin",
           "s": "serve", "-": "nothing"}  # fmt: skip
#: Method: the roles that may call it, by their first letters; a capital letter: on one's own version only.
MATRIX = """
accept_foreign            a
acknowledge               cro
add_benchmark             c
add_person                a
add_webhook               a
add_workload              a
advance_experiment        o
alerts                    vdcroa
allowed                   vdcroa
allowed_many              vdcroa
answers_check             vdcroa
archive                   o
archive_performance       o
artifact_address          d
backup                    a
benchmarks                vdcroa
champion_at               vdcroa
check_gates               vdcroa
check_health              o
check_health_only         vdcroa
cleanup                   o
close_sessions            a
compare                   vdcroa
compare_libraries         vdcroas-
compare_measured          vdcroa
compress                  o
compressible              vdcroa
configuration             vdcroas-
configure                 a
count_events              vdcroa
count_measured            vdcroa
count_models              vdcroa
counting_benchmark        vdcroa
create_token              a
curves                    vdcroa
delete                    o
deployments               vdcroa
disqualify                o
evaluate                  cro
evaluate_all              cro
evaluation_sets           vdcroa
evaluations               vdcroa
events                    vdcroa
experiment                vdcroa
experiment_report         vdcroa
experiments               vdcroa
explain_score             vdcroa
export_index              a
export_model_card         vdcroa
export_models             d
fairness                  vdcroa
feature_impact            vdcroa
foreign_decisions         vdcroa
get_active_model_id       vdcroa
get_best_model_id         vdcroa
get_metadata              vdcroa
get_model_comparison      vdcroa
give_up_lead              o
grant                     a
grants                    a
import_mlflow             a
import_models             a
input_change              vdcroa
inspect                   c
lead                      o
list_models               vdcroa
live_performance          vdcroa
load_active_model         d
load_best_model           d
load_model                d
losing_slices             vdcroa
lower_is_better           vdcroas-
may                       vdcroas-
measure_feature_impact    cro
method_roles              vdcroas-
metric_names              vdcroa
model_card                vdcroa
model_names               vdcroas-
model_types               vdcroa
open_artifact             d
optimize                  a
outcome_value             vdcroa
pause_experiment          o
people                    a
performance_history       vdcroa
pin                       oC
plan_cleanup              vdcroa
policy                    vdcroa
prediction_history        d
predictor                 cs
preview_configuration     vdcroa
preview_table             c
preview_upload            c
promote                   o
promote_challenger        o
proof                     vdcroa
purge                     a
read_artifact             d
rebuild_index             o
record_outcomes           cs
record_predictions        cs
register_model            c
reinstate                 o
reject                    r
remove_person             a
remove_webhook            a
request_review            cro
resend_delivery           a
reserve_predictions       cs
residuals                 vdcroa
resolve_alert             ro
restore                   o
resume_experiment         o
revert_configuration      a
review_approve            r
review_comment            cro
review_reject             r
review_requests           vdcroas-
reviewers                 cro
reviews                   vdcroa
revision                  vdcroas-
revoke                    a
revoke_token              a
rollback                  o
rollback_target           vdcroa
send_notifications        o
serving_plan              cs
set_protected_columns     r
set_share                 o
set_webhook               a
sign_in_link              a
signature                 vdcroa
space                     vdcroa
start_experiment          o
stop_experiment           o
summaries                 vdcroas-
test_webhook              a
tokens                    a
trash                     vdcroa
trust                     a
undo_promotion            o
undo_rollback             o
unknown_classes           vdcroa
unpin                     oC
upload                    c
verdict                   vdcroa
verdicts                  vdcroa
verify                    vdcroa
verify_all_answers        cro
verify_answers            cro
verify_events             vdcroa
verify_repair             o
webhook_deliveries        a
webhooks                  a
why_may                   a
withdraw_review_request   cro
write_model_card          cr
"""
EXPECTED = {line.split()[0]: line.split()[1] for line in MATRIX.strip().splitlines()}

Call = Callable[[Registry, "Facts"], object]


class Facts:
    """A registry in which everything is that methods are about."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self.registry, self.folder = registry, folder
        rows = pd.DataFrame([[float(n + k) for k in range(30)] for n in range(40)])
        self.people = {letter: self._person(letter, role) for letter, role in LETTERS.items()}
        self.theirs = register(registry, model_name="Churn")
        self.second = register(registry, accuracy=0.91, model_name="Churn")
        registry.promote(self.theirs, reason="first")
        names = list(registry.signature(self.theirs).feature_names)
        table = rows.set_axis(names, axis=1).assign(target=[n % 2 for n in range(40)])
        self.benchmark = registry.add_benchmark("rows", "Churn", table, "target")
        self.experiment = registry.start_experiment("Churn", self.second, mode="shadow", reason="try").experiment_id
        self.own = {
            letter: self._registered_by(each) for letter, each in self.people.items() if letter in ("c", "o", "r")
        }
        self.request = registry.request_review(self.second, role="reviewer").request_id
        context = registry._context
        with context.database.transaction() as transaction:
            opened = open_alert(
                context, transaction, context.now(), model_name="Churn", model_id=self.theirs, kind="drift",
                severity="warning", key="x", text="drifted", evidence={},
            )  # fmt: skip
        assert opened
        (self.alert,) = (each.alert_id for each in registry.alerts("Churn"))
        self.token = registry.create_token("x", ["serve"], owner=("links", "c")).token.token_id

    def _person(self, letter: str, role: str) -> Person:
        person = self.registry.add_person(letter)
        if role == "admin" or role not in ("nothing", "serve"):
            self.registry.grant(person.grantee, role)
        return person

    def _registered_by(self, person: Person) -> str:
        self.registry.grant(person.grantee, "contributor", "Own-*")
        model_id = register(self.registry.as_principal(person.principal()), model_name=f"Own-{person.name}")
        self.registry.revoke(person.grantee, "contributor", "Own-*")
        return model_id

    def acting(self, letter: str) -> Registry:
        """The registry as somebody with that role."""
        if letter == "s":
            secret = self.registry.create_token("service", ["serve"], owner=("links", "c")).secret
            principal = self.registry.principal_of_token(secret)
            assert principal is not None
            return self.registry.as_principal(principal)
        return self.registry.as_principal(self.people[letter].principal())


def _never(facts: Facts) -> str:
    return str(facts.folder / "absent" / "never")


#: How each method is called: so that whoever may gets an answer or another error, and little happens.
CALLS: dict[str, Call] = {
    "accept_foreign": lambda r, f: r.accept_foreign(f.registry.foreign_decisions(), reason="x"),
    "acknowledge": lambda r, f: r.acknowledge(f.alert, note="x" * 10_000),
    "add_benchmark": lambda r, f: r.add_benchmark("rows", "Churn", pd.DataFrame(), "target"),
    "add_person": lambda r, f: r.add_person("v"),
    "add_webhook": lambda r, f: r.add_webhook("x", "nonsense"),
    "add_workload": lambda r, f: r.add_workload("x", ["nonsense"], issuer="x", audience="x", subject="x"),
    "advance_experiment": lambda r, f: r.advance_experiment(f.experiment, expected=None, reason=""),
    "alerts": lambda r, f: r.alerts("Churn"),
    "allowed": lambda r, f: r.allowed(f.theirs),
    "allowed_many": lambda r, f: r.allowed_many([f.theirs]),
    "archive": lambda r, f: r.archive(f.theirs, reason="x"),
    "archive_performance": lambda r, f: r.archive_performance(10_000),
    "backup": lambda r, f: r.backup(_never(f)),
    "benchmarks": lambda r, f: r.benchmarks("Churn"),
    "champion_at": lambda r, f: r.champion_at("Churn", "2025-01-01"),
    "check_health": lambda r, f: r.check_health("Churn"),
    "check_health_only": lambda r, f: r.check_health("Churn", act=False),
    "cleanup": lambda r, f: r.cleanup(only=[], reason="x"),
    "close_sessions": lambda r, f: r.close_sessions("links", "v"),
    "compare": lambda r, f: r.compare([f.theirs, f.second]),
    "compare_libraries": lambda r, f: r.compare_libraries({}),
    "compare_measured": lambda r, f: r.compare_measured(f.theirs, f.second),
    "compress": lambda r, f: r.compress(10_000, model_name="Churn"),
    "compressible": lambda r, f: r.compressible(10_000, model_name="Churn"),
    "configuration": lambda r, f: r.configuration(),
    "configure": lambda r, f: r.configure("Churn", nonsense=1),
    "count_events": lambda r, f: r.count_events("Churn"),
    "count_measured": lambda r, f: r.count_measured(f.benchmark),
    "count_models": lambda r, f: r.count_models("Churn"),
    "create_token": lambda r, f: r.create_token("x", ["nonsense"]),
    "delete": lambda r, f: r.delete(f.theirs),
    "disqualify": lambda r, f: r.disqualify(f.theirs, reason=""),
    "evaluate": lambda r, f: r.evaluate(f.theirs, "absent"),
    "evaluate_all": lambda r, f: r.evaluate_all("Churn", "absent"),
    "events": lambda r, f: r.events("Churn"),
    "experiment": lambda r, f: r.experiment(f.experiment),
    "experiment_report": lambda r, f: r.experiment_report(f.experiment),
    "export_index": lambda r, f: r.export_index(_never(f)),
    "export_models": lambda r, f: r.export_models(_never(f), f.theirs),
    "foreign_decisions": lambda r, f: r.foreign_decisions(),
    "get_model_comparison": lambda r, f: r.get_model_comparison(model_name="Churn"),
    "grant": lambda r, f: r.grant(Grantee("person", "links", "absent"), "viewer"),
    "import_mlflow": lambda r, f: r.import_mlflow(_never(f)),
    "import_models": lambda r, f: r.import_models(_never(f)),
    "input_change": lambda r, f: r.input_change(f.theirs, f.second),
    "inspect": lambda r, f: r.inspect(io.BytesIO(b"x"), "Churn"),
    "live_performance": lambda r, f: r.live_performance("Churn"),
    "lower_is_better": lambda r, f: r.lower_is_better("accuracy"),
    "may": lambda r, f: r.may("promote", "Churn"),
    "measure_feature_impact": lambda r, f: r.measure_feature_impact(f.theirs, "absent"),
    "method_roles": lambda r, f: r.method_roles(),
    "model_names": lambda r, f: r.model_names(),
    "open_artifact": lambda r, f: r.open_artifact(f.theirs).close(),
    "optimize": lambda r, f: r.optimize(),
    "people": lambda r, f: r.people(),
    "plan_cleanup": lambda r, f: r.plan_cleanup("Churn"),
    "prediction_history": lambda r, f: r.prediction_history("Churn"),
    "predictor": lambda r, f: r.predictor("Churn", log="off"),
    "preview_configuration": lambda r, f: r.preview_configuration("Churn"),
    "preview_table": lambda r, f: r.preview_table(pd.DataFrame({"a": [1]}), "Churn"),
    "preview_upload": lambda r, f: r.preview_upload({"model_name": "Churn", "model_type": "x"}),
    "promote": lambda r, f: r.promote(f.second, expected_champion="another"),
    "promote_challenger": lambda r, f: r.promote_challenger(f.experiment, expected_champion="another"),
    "purge": lambda r, f: r.purge(f.theirs),
    "rebuild_index": lambda r, f: r.rebuild_index(reason="x"),
    "record_outcomes": lambda r, f: r.record_outcomes(units=["u"], labels=[], model_name="Churn"),
    "record_predictions": lambda r, f: r.record_predictions("Churn", "a client"),
    "register_model": lambda r, f: r.register_model(
        forest(), model_name="Churn", model_type="x", performance_metrics={"accuracy": 7}
    ),
    "reject": lambda r, f: r.reject(f.theirs, reason=""),
    "reinstate": lambda r, f: r.reinstate(f.theirs),
    "remove_person": lambda r, f: r.remove_person("links", "absent"),
    "remove_webhook": lambda r, f: r.remove_webhook("absent"),
    "reserve_predictions": lambda r, f: r.reserve_predictions("Churn"),
    "serving_plan": lambda r, f: r.serving_plan("Churn"),
    "request_review": lambda r, f: r.request_review(f.theirs),
    "resend_delivery": lambda r, f: r.resend_delivery("absent"),
    "resolve_alert": lambda r, f: r.resolve_alert(f.alert, reason="x" * 10_000),
    "restore": lambda r, f: r.restore(f.theirs),
    "revert_configuration": lambda r, f: r.revert_configuration(1),
    "review_approve": lambda r, f: r.review(f.theirs, "approved", ""),
    "review_comment": lambda r, f: r.review(f.theirs, "comment", ""),
    "review_reject": lambda r, f: r.review(f.theirs, "rejected", ""),
    "review_requests": lambda r, f: r.review_requests(),
    "reviewers": lambda r, f: r.reviewers("Churn"),
    "revision": lambda r, f: r.revision(),
    "revoke": lambda r, f: r.revoke(Grantee("person", "links", "absent"), "viewer"),
    "revoke_token": lambda r, f: r.revoke_token("absent"),
    "rollback": lambda r, f: r.rollback("Churn", expected_champion="another"),
    "send_notifications": lambda r, f: r.send_notifications(),
    "lead": lambda r, f: r.lead("watch", 60),
    "give_up_lead": lambda r, f: r.give_up_lead("watch", 1),
    "set_protected_columns": lambda r, f: r.set_protected_columns("absent", "Churn", []),
    "set_share": lambda r, f: r.set_share(f.experiment, 7.0),
    "set_webhook": lambda r, f: r.set_webhook("absent"),
    "sign_in_link": lambda r, f: r.sign_in_link("links", "absent"),
    "space": lambda r, f: r.space(),
    "start_experiment": lambda r, f: r.start_experiment("Churn", "absent"),
    "summaries": lambda r, f: r.summaries(),
    "grants": lambda r, f: r.grants(),
    "test_webhook": lambda r, f: r.test_webhook("absent"),
    "webhook_deliveries": lambda r, f: r.webhook_deliveries(),
    "webhooks": lambda r, f: r.webhooks(),
    "tokens": lambda r, f: r.tokens(),
    "trust": lambda r, f: r.trust(f.theirs, reason=""),
    "undo_promotion": lambda r, f: r.undo_promotion("Churn", expected_champion="another"),
    "undo_rollback": lambda r, f: r.undo_rollback("Churn", expected_champion="another"),
    "upload": lambda r, f: r.upload(io.BytesIO(b"x"), metadata={"model_name": "Churn"}),
    "verdicts": lambda r, f: r.verdicts([f.theirs]),
    "verify": lambda r, f: r.verify(),
    "verify_all_answers": lambda r, f: r.verify_all_answers("Churn", missing=True),
    "verify_events": lambda r, f: r.verify_events(),
    "verify_repair": lambda r, f: r.verify(repair=True),
    "why_may": lambda r, f: r.why_may("links", "v", "promote"),
    "withdraw_review_request": lambda r, f: r.withdraw_review_request(f.request, reason="x" * 10_000),
    "write_model_card": lambda r, f: r.write_model_card(f.theirs, purpose="x" * 100_000),
}
#: About a version, without further arguments; about a model name, the same.
OF_VERSION = (
    "answers_check", "artifact_address", "check_gates", "curves", "evaluations", "explain_score",
    "export_model_card", "fairness", "feature_impact", "get_metadata", "load_model", "losing_slices", "model_card",
    "outcome_value", "pin", "proof", "read_artifact", "residuals", "reviews", "signature", "unknown_classes",
    "unpin", "verdict", "verify_answers",
)  # fmt: skip
OF_NAME = (
    "counting_benchmark", "deployments", "evaluation_sets", "experiments", "get_active_model_id", "get_best_model_id",
    "list_models", "load_active_model", "load_best_model", "metric_names", "model_types", "performance_history",
    "policy", "rollback_target", "trash",
)  # fmt: skip
OF_EXPERIMENT = ("pause_experiment", "resume_experiment", "stop_experiment")


def _call(verb: str) -> Call:
    if verb in OF_VERSION:
        return lambda r, f: getattr(r, verb)(f.theirs)
    if verb in OF_NAME:
        return lambda r, f: getattr(r, verb)("Churn")
    if verb in OF_EXPERIMENT:
        return lambda r, f: getattr(r, verb)(f.experiment, expected="another")
    return CALLS[verb]


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    folder = tmp_path_factory.mktemp("matrix")
    with Registry(folder / "registry", actor="the owner") as registry:
        yield Facts(registry, folder)


def test_the_matrix_has_every_method_of_the_table() -> None:
    from registry_core.rules.access import NEEDS

    spelt = {"check_health_only": "check_health", "verify_repair": "verify"}
    listed = {spelt.get(each, each.split("_")[0] if each.startswith("review_") and each[7:] in (
        "approve", "comment", "reject") else each) for each in EXPECTED}  # fmt: skip
    assert listed == NEEDS.keys()


@pytest.mark.parametrize("letter", LETTERS)
def test_each_role_may_call_what_the_matrix_says(facts: Facts, letter: str) -> None:
    acting, wrong = facts.acting(letter), []
    revision = facts.registry.revision()
    for verb, letters in EXPECTED.items():
        may, refused = letter in letters, None
        try:
            _call(verb)(acting, facts)
        except (NotAllowed, NotFound) as error:
            refused = error
        except (RegistryError, TypeError, AttributeError):
            refused = None
        denied = isinstance(refused, NotAllowed) or (refused is not None and "has no role on it" in str(refused))
        if denied == may:
            wrong.append(f"{verb}: {'refused' if denied else 'allowed'} ({refused})")
    assert not wrong, "\n".join(wrong)
    assert facts.registry.get_active_model_id("Churn") == facts.theirs
    assert facts.registry.revision() >= revision
    assert facts.registry.verify_events() is None


def test_the_page_of_permissions_is_of_the_table() -> None:
    module = import_module("docs.write_permissions")
    assert module.PAGE.read_text() == module.page(), "run python docs/write_permissions.py"


def test_what_is_ones_own(facts: Facts) -> None:
    """A contributor pins what they registered, and nothing else; an owner of a version without the role does not."""
    acting = facts.acting("c")
    acting.pin(facts.own["c"], reason="keep")
    acting.unpin(facts.own["c"], reason="let go")
    with pytest.raises(NotAllowed, match="requires the role operator on Churn"):
        acting.pin(facts.theirs)
    with pytest.raises(NotAllowed):
        facts.acting("r").pin(facts.own["r"])
    # Approving is refused for one's own only.
    facts.registry.grant(facts.people["r"].grantee, "contributor", "Own-*")
    with pytest.raises(RegistryError, match="another person has to approve"):
        facts.acting("r").review(facts.own["r"], "approved", "mine")
    facts.acting("r").review(facts.own["c"], "approved", "looked at it")


#: Methods that list without a model name, and how those are called that need an argument.
LISTS: dict[str, Call] = {
    **{
        verb: lambda r, _, verb=verb: getattr(r, verb)()
        for verb in (
            "alerts", "benchmarks", "configuration", "count_events", "count_models", "deployments", "evaluation_sets",
            "events", "experiments", "get_model_comparison", "list_models", "metric_names", "model_names",
            "model_types", "performance_history", "plan_cleanup", "preview_configuration", "review_requests",
            "summaries", "trash",
        )
    },
    "compressible": lambda r, _: r.compressible(0),
    "export_models": lambda r, f: r.export_models(f.folder / "export.tar", f.own["c"]),
}  # fmt: skip


def test_no_method_names_what_is_not_seen(facts: Facts) -> None:
    """Somebody with every role on one model name reads nothing of another one, however they ask."""
    person = facts.registry.add_person("sees one")
    for role in ("viewer", "downloader", "contributor", "reviewer", "operator", "admin"):
        facts.registry.grant(person.grantee, role, "Own-c")
    acting, leaks = facts.registry.as_principal(person.principal()), []
    for verb in EXPECTED:
        try:
            said = repr(_call(verb)(acting, facts))
        except (RegistryError, TypeError, AttributeError) as error:
            # An error may say what the caller has asked for, and nothing else.
            said = str(error).replace(facts.theirs, "").replace(facts.second, "").replace("on Churn", "")
        if facts.theirs in said or facts.second in said:
            leaks.append(f"{verb}: {said:.200}")
    for verb, call in LISTS.items():
        try:
            said = repr(call(acting, facts))
        except NotAllowed as error:
            said = str(error)
        if "Churn" in said or facts.theirs in said:
            leaks.append(f"{verb}: {said:.200}")
    assert not leaks, "\n".join(leaks)
    assert acting.count_models() == 1
    assert acting.count_events() == len(acting.events(limit=None)) < facts.registry.count_events()
