"""People, grants, tokens, sessions and review requests in the catalog."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, Literal, NamedTuple

from ..access import Grant, Grantee, Person, ReviewRequest, Role, Token, Workload
from ..records import Row
from .database import Queries, Transaction, insertion

_KEY = "kind = :kind AND issuer = :issuer AND subject = :subject"


def _put(transaction: Transaction, table: str, row: Row) -> None:
    transaction.query(insertion(table, row), row)


def people(queries: Queries) -> list[Person]:
    """Everybody, by name."""
    return [Person(**row) for row in queries.query("SELECT * FROM people ORDER BY name, issuer, subject")]


def person(queries: Queries, issuer: str, subject: str) -> Person | None:
    """One of them, or None."""
    rows = queries.query(
        "SELECT * FROM people WHERE issuer = :issuer AND subject = :subject", {"issuer": issuer, "subject": subject}
    )
    return Person(**rows[0]) if rows else None


def put_person(transaction: Transaction, one: Person) -> None:
    """Add a person, or change their name, address and time of their last sign-in."""
    row = dict(vars(one))
    transaction.query(
        f"{insertion('people', row)} ON CONFLICT (issuer, subject) DO UPDATE SET name = excluded.name, "
        "email = excluded.email, signed_in_at = excluded.signed_in_at",
        row,
    )


def remove_person(transaction: Transaction, one: Person) -> None:
    """Delete a person."""
    transaction.query(
        "DELETE FROM people WHERE issuer = :issuer AND subject = :subject",
        {"issuer": one.issuer, "subject": one.subject},
    )


def has_people(queries: Queries) -> bool:
    """Whether anybody was ever allowed to sign in."""
    return bool(queries.tuples("SELECT 1 FROM people LIMIT 1"))


def grants(queries: Queries, grantees: Collection[Grantee] | None = None) -> list[Grant]:
    """All grants, or those of some who hold them."""
    where, values = "", dict[str, Any]()
    if grantees is not None:
        for number, each in enumerate(grantees):
            values |= {f"kind{number}": each.kind, f"issuer{number}": each.issuer, f"subject{number}": each.subject}
        where = " WHERE " + (
            " OR ".join(
                f"kind = :kind{n} AND issuer = :issuer{n} AND subject = :subject{n}" for n in range(len(grantees))
            )
            or "1 = 0"
        )
    rows = queries.query(f"SELECT * FROM grants{where} ORDER BY kind, issuer, subject, role, model_names", values)
    return [
        Grant(
            Grantee(row["kind"], row["issuer"], row["subject"]), Role(row["role"]), row["model_names"],
            row["granted_at"], row["granted_by"],
        )
        for row in rows
    ]  # fmt: skip


def _row_of(grant: Grant) -> Row:
    return {
        "kind": grant.grantee.kind,
        "issuer": grant.grantee.issuer,
        "subject": grant.grantee.subject,
        "role": grant.role.value,
        "model_names": grant.model_names,
        "granted_at": grant.granted_at,
        "granted_by": grant.granted_by,
    }


def put_grant(transaction: Transaction, grant: Grant) -> None:
    """Add a grant; one that is there stays as it is."""
    row = _row_of(grant)
    transaction.query(
        f"{insertion('grants', row)} ON CONFLICT (kind, issuer, subject, role, model_names) DO NOTHING", row
    )


def remove_grant(transaction: Transaction, grant: Grant) -> None:
    """Delete a grant."""
    transaction.query(
        f"DELETE FROM grants WHERE {_KEY} AND role = :role AND model_names = :model_names", _row_of(grant)
    )


def tokens(queries: Queries) -> list[Token]:
    """All tokens, the newest first, each with the name of its owner and its grants."""
    held: dict[str, list[Grant]] = {}
    for grant in grants(queries):
        if grant.grantee.kind == "token":
            held.setdefault(grant.grantee.subject, []).append(grant)
    rows = queries.query(
        "SELECT t.*, p.name AS owner FROM tokens t LEFT JOIN people p ON p.issuer = t.owner_issuer "
        "AND p.subject = t.owner_subject ORDER BY t.created_at DESC, t.token_id"
    )
    return [_token(row, held.get(row["token_id"], ())) for row in rows]


def _token(row: Row, held: Sequence[Grant] = ()) -> Token:
    return Token(
        row["token_id"], row["name"], row["owner"] or row["owner_subject"], row["created_at"], row["created_by"],
        row["expires_at"], row["last_used"], row["revoked_at"], (row["owner_issuer"], row["owner_subject"]),
        tuple(held), Workload(**json.loads(row["workload"])) if row["workload"] else None,
    )  # fmt: skip


def token_of(queries: Queries, secret_sha256: str) -> Token | None:
    """The token with a secret, revoked and expired ones too."""
    rows = queries.query(
        "SELECT t.*, p.name AS owner FROM tokens t LEFT JOIN people p ON p.issuer = t.owner_issuer "
        "AND p.subject = t.owner_subject WHERE t.secret_sha256 = :secret",
        {"secret": secret_sha256},
    )
    return _token(rows[0]) if rows else None


def put_token(transaction: Transaction, token: Token, secret_sha256: str) -> None:
    """Add a token."""
    row = {
        "token_id": token.token_id, "secret_sha256": secret_sha256, "name": token.name, "owner_issuer": token.hand[0],
        "owner_subject": token.hand[1], "created_at": token.created_at, "created_by": token.created_by,
        "expires_at": token.expires_at, "last_used": None, "revoked_at": None,
        "workload": json.dumps(vars(token.workload)) if token.workload else "",
    }  # fmt: skip
    _put(transaction, "tokens", row)


def note_use(transaction: Transaction, token_id: str, at: str) -> None:
    """Note that a token was used."""
    transaction.query("UPDATE tokens SET last_used = :at WHERE token_id = :id", {"id": token_id, "at": at})


def revoke_token(transaction: Transaction, token_id: str, at: str) -> None:
    """Note that a token counts no more."""
    transaction.query(
        "UPDATE tokens SET revoked_at = :at WHERE token_id = :id AND revoked_at IS NULL", {"id": token_id, "at": at}
    )


class Session(NamedTuple):
    """Somebody signed in, or a link by which they may, by the SHA-256 of its secret; times are UTC texts."""

    secret_sha256: str
    kind: Literal["session", "link"]
    issuer: str
    subject: str
    member_of: tuple[str, ...]
    opened_at: str
    seen_at: str
    ends_at: str
    closed_at: str | None = None


def session(queries: Queries, secret_sha256: str) -> Session | None:
    """The session or link with a secret."""
    rows = queries.query("SELECT * FROM sessions WHERE secret_sha256 = :secret", {"secret": secret_sha256})
    if not rows:
        return None
    fields: dict[str, Any] = {**rows[0], "member_of": tuple(json.loads(rows[0]["member_of"]))}
    return Session(**fields)


def put_session(transaction: Transaction, one: Session) -> None:
    """Add a session or a link."""
    _put(transaction, "sessions", {**one._asdict(), "member_of": json.dumps(one.member_of)})


def note_seen(transaction: Transaction, secret_sha256: str, at: str) -> None:
    """Note that a session was used."""
    transaction.query(
        "UPDATE sessions SET seen_at = :at WHERE secret_sha256 = :secret", {"secret": secret_sha256, "at": at}
    )


def close_session(transaction: Transaction, secret_sha256: str, at: str) -> bool:
    """End a session or use up a link; whether it was open."""
    rows = transaction.query(
        "UPDATE sessions SET closed_at = :at WHERE secret_sha256 = :secret AND closed_at IS NULL "
        "RETURNING secret_sha256",
        {"secret": secret_sha256, "at": at},
    )
    return bool(rows)


def close_sessions(transaction: Transaction, issuer: str, subject: str, at: str) -> int:
    """End all sessions and links of a person; how many were open."""
    rows = transaction.query(
        "UPDATE sessions SET closed_at = :at WHERE issuer = :issuer AND subject = :subject AND closed_at IS NULL "
        "AND ends_at > :at RETURNING secret_sha256",
        {"issuer": issuer, "subject": subject, "at": at},
    )
    return len(rows)


def forget_sessions(transaction: Transaction, before: str) -> None:
    """Delete sessions and links that ended before a time."""
    transaction.query("DELETE FROM sessions WHERE ends_at < :before", {"before": before})


def put_request(transaction: Transaction, one: ReviewRequest) -> None:
    """Add a review request."""
    issuer, subject = one.person or ("", "")
    row = {
        "seq": one.request_id, "model_id": one.model_id, "asked": one.asked, "issuer": issuer, "subject": subject,
        "asked_by": one.by, "at": one.at, "due": one.due, "text": one.text, "closed_at": None, "closed_because": "",
    }  # fmt: skip
    _put(transaction, "review_requests", row)


def requests(queries: Queries, model_id: str | None = None, *, closed: bool = False) -> list[ReviewRequest]:
    """Review requests, those that are due first at the top."""
    parts = [] if closed else ["r.closed_at IS NULL"]
    if model_id is not None:
        parts.append("r.model_id = :id")
    where = f" WHERE {' AND '.join(parts)}" if parts else ""
    rows = queries.query(
        "SELECT r.*, m.model_name FROM review_requests r JOIN models m ON m.model_id = r.model_id"
        f"{where} ORDER BY CASE WHEN r.due = '' THEN 1 ELSE 0 END, r.due, r.seq",
        {"id": model_id},
    )
    return [_request(row) for row in rows]


def request(queries: Queries, request_id: int) -> ReviewRequest | None:
    """One review request, or None."""
    rows = queries.query(
        "SELECT r.*, m.model_name FROM review_requests r JOIN models m ON m.model_id = r.model_id WHERE r.seq = :seq",
        {"seq": request_id},
    )
    return _request(rows[0]) if rows else None


def _request(row: Row) -> ReviewRequest:
    return ReviewRequest(
        row["seq"], row["model_id"], row["model_name"], row["asked"], row["asked_by"], row["at"], row["due"],
        row["text"], row["closed_at"], row["closed_because"],
        (row["issuer"], row["subject"]) if row["issuer"] else None,
    )  # fmt: skip


def close_request(transaction: Transaction, request_id: int, at: str, because: str) -> None:
    """Note that a request was answered or withdrawn."""
    transaction.query(
        "UPDATE review_requests SET closed_at = :at, closed_because = :because WHERE seq = :seq AND closed_at IS NULL",
        {"seq": request_id, "at": at, "because": because},
    )
