"""What each public method needs: one table, asked for every call of somebody who signed in."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal, NamedTuple

from ..access import Grant, Principal, Role, Workload
from ..errors import InvalidInput
from ..records import Permission

#: Where a method's arguments say which model names it is about.
Subject = Literal["name", "version", "versions", "alert", "experiment", "metadata", "any", "benchmark", "request"]


class About(NamedTuple):
    """An argument, and what it is."""

    argument: str
    subject: Subject


class Need(NamedTuple):
    """What a call needs.

    Attributes:
        roles: one of these on every model name it is about; empty: whoever signed in may.
        about: the arguments that say which names these are; without any, the call is about all names.
        filtered: without a name the call is about what the caller sees, and the role on any name is enough.
        further: roles that other arguments ask for instead: argument, its values, roles.
        own: the role that is enough for a version that the caller, or a token of theirs, registered.
    """

    roles: tuple[Role, ...]
    about: tuple[About, ...] = ()
    filtered: bool = False
    further: tuple[tuple[str, tuple[Any, ...], tuple[Role, ...]], ...] = ()
    own: Role | None = None


def _need(
    roles: Role | Sequence[Role],
    *about: str,
    filtered: bool = False,
    own: Role | None = None,
    **further: tuple[tuple[Any, ...], Role],
) -> Need:
    kinds: dict[str, Subject] = {
        "model_name": "name", "model_id": "version", "first_id": "version", "second_id": "version",
        "before_id": "version", "after_id": "version", "model_ids": "versions", "alert_id": "alert",
        "experiment_id": "experiment", "metadata": "metadata", "subject": "any", "benchmark": "benchmark",
        "request_id": "request",
    }  # fmt: skip
    return Need(
        (roles,) if isinstance(roles, Role) else tuple(roles),
        tuple(About(each, kinds[each]) for each in about),
        filtered,
        tuple((argument, values, (role,)) for argument, (values, role) in further.items()),
        own,
    )


_V, _D, _C, _R, _O, _A = Role.VIEWER, Role.DOWNLOADER, Role.CONTRIBUTOR, Role.REVIEWER, Role.OPERATOR, Role.ADMIN
_WORKERS = (_C, _R, _O)
#: Every method of ``Registry`` that somebody who signed in may call with the right role.
NEEDS: Mapping[str, Need] = {
    # Whoever signed in.
    "revision": _need(()),
    "compare_libraries": _need(()),
    "may": _need(()),
    "method_roles": _need(()),
    "lower_is_better": _need(()),
    # Lists with only what the caller sees.
    **{
        verb: _need(_V, "model_name", filtered=True)
        for verb in (
            "alerts", "benchmarks", "compressible", "count_events", "count_models", "deployments", "evaluation_sets",
            "events", "experiments", "get_model_comparison", "list_models", "metric_names", "model_types",
            "performance_history", "plan_cleanup", "preview_configuration", "trash",
        )
    },
    **{verb: _need(_V, filtered=True) for verb in ("model_names", "summaries", "configuration", "review_requests")},
    # Reading.
    **{
        verb: _need(_V, "model_name")
        for verb in (
            "champion_at", "counting_benchmark", "get_active_model_id", "get_best_model_id", "live_performance",
            "policy", "rollback_target",
        )
    },
    **{
        verb: _need(_V, "model_id")
        for verb in (
            "answers_check", "check_gates", "curves", "evaluations", "explain_score", "export_model_card", "fairness",
            "feature_impact", "get_metadata", "losing_slices", "model_card", "outcome_value", "proof", "residuals",
            "reviews", "signature", "unknown_classes", "verdict",
        )
    },
    "allowed": _need(_V, "subject"),
    "allowed_many": _need(_V, "model_ids"),
    "verdicts": _need(_V, "model_ids"),
    "compare": _need(_V, "model_ids"),
    "compare_measured": _need(_V, "first_id", "second_id"),
    "count_measured": _need(_V, "benchmark"),
    "experiment": _need(_V, "experiment_id"),
    "experiment_report": _need(_V, "experiment_id"),
    "input_change": _need(_V, "before_id", "after_id"),
    "space": _need(_V),
    "verify": _need(_V, repair=((True,), _O), answers=((True,), _O)),
    "verify_events": _need(_V),
    "foreign_decisions": _need(_V),
    # Bytes of models, and rows.
    **{verb: _need(_D, "model_name") for verb in ("load_active_model", "load_best_model", "prediction_history")},
    "load_model": _need(_D, "model_id"),
    **{verb: _need(_D, "model_id") for verb in ("read_artifact", "open_artifact", "artifact_address")},
    "export_models": _need(_D),
    # Adding.
    **{verb: _need(_C, "model_name") for verb in ("register_model", "add_benchmark")},
    **{verb: _need(_C, "model_name", filtered=True) for verb in ("inspect", "preview_table")},
    **{verb: _need(_C, "metadata") for verb in ("upload", "preview_upload")},
    **{
        verb: _need((_C, Role.SERVE), "model_name")
        for verb in ("predictor", "record_outcomes", "serving_plan", "reserve_predictions", "record_predictions")
    },
    **{verb: _need(_WORKERS, "model_id") for verb in ("evaluate", "measure_feature_impact", "verify_answers")},
    **{verb: _need(_WORKERS, "model_name") for verb in ("evaluate_all", "verify_all_answers")},
    "request_review": _need(_WORKERS, "model_id"),
    "reviewers": _need(_WORKERS, "model_name"),
    "withdraw_review_request": _need(_WORKERS, "request_id"),
    "acknowledge": _need(_WORKERS, "alert_id"),
    "write_model_card": _need((_C, _R), "subject"),
    # Judging.
    "review": _need(_WORKERS, "model_id", verdict=(("approved", "rejected"), _R)),
    "reject": _need(_R, "model_id"),
    "resolve_alert": _need((_R, _O), "alert_id"),
    "set_protected_columns": _need(_R, "model_name"),
    # Operating.
    **{
        verb: _need(_O, "model_id")
        for verb in (
            "promote", "archive", "restore", "disqualify", "reinstate", "delete",
        )
    },
    **{verb: _need(_O, "model_id", own=_C) for verb in ("pin", "unpin")},
    **{
        verb: _need(_O, "model_name")
        for verb in ("rollback", "undo_promotion", "undo_rollback", "start_experiment", "compress")
    },
    **{
        verb: _need(_O, "experiment_id")
        for verb in (
            "set_share", "pause_experiment", "resume_experiment", "stop_experiment", "advance_experiment",
            "promote_challenger",
        )
    },
    "check_health": _need(_V, "model_name", act=((True,), _O)),
    "cleanup": _need(_O),
    "rebuild_index": _need(_O),
    "archive_performance": _need(_O),
    "send_notifications": _need(_O),
    "lead": _need(_O),
    "give_up_lead": _need(_O),
    # Administering.
    "configure": _need(_A, "model_name"),
    "revert_configuration": _need(_A),
    "trust": _need(_A, "model_id"),
    "purge": _need(_A, "model_id"),
    **{
        verb: _need(_A)
        for verb in (
            "accept_foreign", "backup", "export_index", "import_models", "import_mlflow", "optimize", "people",
            "add_person", "remove_person", "grants", "grant", "revoke", "tokens", "create_token", "add_workload",
            "revoke_token", "sign_in_link", "close_sessions", "why_may", "webhooks", "add_webhook", "set_webhook",
            "remove_webhook", "test_webhook", "webhook_deliveries", "resend_delivery",
        )
    },
}  # fmt: skip

#: Methods that only whoever owns the folder, or has the database's password, may call: nobody who signed in.
OWNER_ONLY = frozenset({
    "as_principal", "from_backup", "recover", "export_key", "import_key", "principal_of_token", "open_session",
    "session", "close_session", "redeem_link", "has_people", "note_person", "begin_request", "end_request",
    "find_request", "renew_requests", "keep_sending", "readiness",
})  # fmt: skip


def roles_of(verb: str, arguments: Mapping[str, Any]) -> tuple[Role, ...]:
    """The roles of which a call needs one, by its arguments with their defaults."""
    need = NEEDS[verb]
    for argument, values, roles in need.further:
        if arguments.get(argument) in values:
            return roles
    return need.roles


def allows(grants: Iterable[Grant], roles: Collection[Role], model_name: str | None) -> bool:
    """Whether any of the grants gives one of the roles on a model name; None: on all."""
    return any(
        _gives(grant, roles)
        and (grant.model_names == "*" or (model_name is not None and fnmatchcase(model_name, grant.model_names)))
        for grant in grants
    )


def allows_somewhere(grants: Iterable[Grant], roles: Collection[Role]) -> bool:
    """Whether any of the grants gives one of the roles on any model name."""
    return any(_gives(grant, roles) for grant in grants)


def _gives(grant: Grant, roles: Collection[Role]) -> bool:
    reads = Role.VIEWER in roles and grant.role is not Role.SERVE
    return grant.accepted and (grant.role in roles or reads)


def sees_all(grants: Iterable[Grant]) -> bool:
    """Whether everything may be seen, whichever model names there are."""
    return any(grant.accepted and grant.model_names == "*" for grant in grants)


def visible(grants: Iterable[Grant], model_names: Iterable[str]) -> frozenset[str]:
    """Those of the model names that may be seen."""
    patterns = {grant.model_names for grant in grants if grant.accepted}
    return frozenset(name for name in model_names if any(fnmatchcase(name, pattern) for pattern in patterns))


def covers(workload: Workload, claims: Mapping[str, Any]) -> bool:
    """Whether an identity token with these claims is one of a workload's."""
    issuer, audiences, subject = claims.get("iss"), claims.get("aud"), claims.get("sub")
    return (
        issuer == workload.issuer
        and workload.audience in (audiences if isinstance(audiences, list) else [audiences])
        and isinstance(subject, str)
        and subject.isprintable()
        and fnmatchcase(subject, workload.subject)
    )


def names_an_owner(subject: str) -> bool:
    """Whether a pattern of subjects fixes whose workloads it covers: the part before its first wildcard ends behind the
    owner, as in ``repo:example/*`` or ``system:serviceaccount:*``. Anybody can have an issuer such as GitHub sign a
    token for ``repo:somebody/...``.
    """
    fixed = re.split(r"[*?\[]", subject, maxsplit=1)[0]
    return fixed == subject or "/" in fixed or fixed.count(":") > 1


def refusal(principal: Principal, verb: str, roles: Collection[Role], model_name: str | None) -> str:
    """Why a call is refused, and what to do."""
    where = "all model names" if model_name is None else model_name
    return (
        f"{verb.replace('_', ' ')} requires the role {' or '.join(roles)} on {where}, which {principal.name} does not "
        "have; an admin grants it in Settings > People or with `model-registry user grant`"
    )


def permitted(
    held: Collection[Grant], principal: Principal, verb: str, model_name: str | None, arguments: Mapping[str, Any]
) -> Permission:
    """Whether somebody who holds these grants may call a method on a model name, and the reason if not.

    Raises:
        InvalidInput: no method of that name can be called by a signed-in person.
    """
    if verb not in NEEDS:
        raise InvalidInput(f"{verb!r:.60} is not a method that a signed-in person can call")
    roles = roles_of(verb, arguments)
    if principal.kind == "token" and roles == (Role.REVIEWER,):
        return Permission(False, f"{principal.name} is a token, and tokens never approve; a person has to review")
    if not roles or allows(held, roles, model_name):
        return Permission(True)
    if model_name is None and NEEDS[verb].filtered and allows_somewhere(held, roles):
        return Permission(True)
    return Permission(False, refusal(principal, verb, roles, model_name))
