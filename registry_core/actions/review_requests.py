"""Review requests: a person or a role is asked, and a review answers."""

from __future__ import annotations

from datetime import datetime

from ..access import Person, ReviewRequest, Role
from ..catalog import access as stored
from ..catalog import events
from ..catalog.database import Transaction
from ..errors import InvalidInput, NotFound, StateConflict
from ..events import EventKind
from ..rules import access as rules
from . import access
from .context import Context, check_reason
from .model_records import require
from .people import known_role, require_person


def request_review(
    context: Context,
    model_id: str,
    person: tuple[str, str] | None,
    role: str | None,
    due: str,
    text: str,
    actor: str | None,
) -> ReviewRequest:
    """See ``Registry.request_review``."""
    who, words = context.who(actor), check_reason(text)
    if (person is None) == (role is None):
        raise InvalidInput("a review request names either a person or a role")
    if due:
        try:
            due = datetime.fromisoformat(due).date().isoformat()
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"due is {due!r:.40}; give a day, such as 2026-12-24") from error
    with context.database.transaction() as transaction:
        row = require(transaction, model_id)
        asked = known_role(role or "").value if person is None else require_person(transaction, *person).name
        seq, at = events.append(
            transaction, now=context.now(), kind=EventKind.REVIEW_REQUESTED, actor=who, reason=words,
            model_name=row["model_name"], model_id=model_id, after={"asked": asked, "due": due},
        )  # fmt: skip
        made = ReviewRequest(seq, model_id, row["model_name"], asked, who, at, due, words, person=person)
        stored.put_request(transaction, made)
    return made


def review_requests(context: Context, model_id: str | None, *, mine: bool, closed: bool) -> list[ReviewRequest]:
    """See ``Registry.review_requests``."""
    found = stored.requests(context.database, model_id, closed=closed)
    return _asked_of_caller(context, found) if mine else found


def reviewers(context: Context, model_name: str) -> list[Person]:
    """See ``Registry.reviewers``."""
    held = {
        each.grantee
        for each in access.grants(context, context.whole)
        if rules.allows([each], (Role.REVIEWER,), model_name)
    }
    return [each for each in stored.people(context.whole) if each.grantee in held]


def _asked_of_caller(context: Context, found: list[ReviewRequest]) -> list[ReviewRequest]:
    """Those of the requests that the caller, or a role of theirs, was asked. A local user has all roles."""
    if context.principal is None:
        return [each for each in found if each.person is None]
    held, hand = context.held(), context.principal.hand
    return [
        each
        for each in found
        if each.person == hand or (each.person is None and rules.allows(held, (Role(each.asked),), each.model_name))
    ]


def withdraw_review_request(context: Context, request_id: int, actor: str | None, reason: str) -> None:
    """See ``Registry.withdraw_review_request``."""
    who, why = context.who(actor), check_reason(reason)
    with context.database.transaction() as transaction:
        found = stored.request(transaction, request_id)
        if found is None:
            raise NotFound(
                f"no review request has the number {request_id!r:.40}; review_requests() lists the open ones"
            )
        if found.closed_at is not None:
            raise StateConflict(f"the review request {request_id} is closed already: {found.closed_because}")
        _, at = events.append(
            transaction, now=context.now(), kind=EventKind.REVIEW_REQUEST_WITHDRAWN, actor=who, reason=why,
            model_name=found.model_name, model_id=found.model_id, after={"asked": found.asked},
        )  # fmt: skip
        stored.close_request(transaction, request_id, at, f"withdrawn by {who}")


def answer_requests(context: Context, transaction: Transaction, model_id: str, verdict: str, who: str, at: str) -> None:
    """Close the review requests that a review answers: those of the reviewer, and of a role that the reviewer has."""
    for each in _asked_of_caller(context, stored.requests(transaction, model_id)):
        stored.close_request(transaction, each.request_id, at, f"{verdict} by {who}")
