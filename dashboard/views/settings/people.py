"""People and tokens: who may sign in, what they may do, and why."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import streamlit as st

from dashboard import formatting, permissions, session
from dashboard.ui import change, messages, tables
from dashboard.ui.columns import Column
from dashboard.views.settings import secret
from registry_core import Created, Grant, Grantee, Person, RegistryError, Role, Token

_HOLDER = Column[tuple[str, str, str, str, str]]
PEOPLE: tuple[_HOLDER, ...] = (
    Column("Name", lambda row: row[0], 170, pinned=True),
    Column("Roles", lambda row: row[1], 360),
    Column("E-mail", lambda row: row[2], 190),
    Column("Signs in with", lambda row: row[3], 170),
    Column("Last sign-in", lambda row: row[4], 150),
)
TOKENS: tuple[Column[Token], ...] = (
    Column("Name", lambda token: formatting.visible(token.name), 150, pinned=True),
    Column("Roles", lambda token: "revoked" if token.revoked_at else _roles(token.grants), 200),
    Column("Credential", lambda token: formatting.visible(_credential(token)), 280),
    Column("Owner", lambda token: formatting.visible(token.owner), 110),
    Column("Expires", lambda token: token.expires_at[:10], 100),
    Column(
        "Last used", lambda token: formatting.ago(token.last_used, messages.now()) if token.last_used else "never", 120
    ),
    Column("Token", lambda token: token.token_id, 120),
)


def _roles(grants: Sequence[Grant]) -> str:
    held = [
        f"{each.role.value} on {'all' if each.model_names == '*' else each.model_names}"
        + ("" if each.accepted else " (to be confirmed)")
        for each in grants
    ]
    return "; ".join(held) or "none"


def _credential(token: Token) -> str:
    return "secret" if token.workload is None else f"{token.workload.subject} of {token.workload.issuer}"


def section(view: session.View) -> None:
    """Everybody with their roles, the tokens, and the forms to change both."""
    refused = permissions.role_refusal(view, "people", None)
    if refused is not None:
        messages.section("People and tokens", refused)
        return
    people, grants, tokens = view.registry.people(), view.registry.grants(), view.registry.tokens()
    messages.section(
        "People and tokens",
        "Who may sign in, and what they may do on which model names. Every call is checked against these roles.",
    )
    secret.show()
    _table(people, grants)
    with st.expander("Add a person", icon=":material/person_add:", expanded=not people):
        _add(view, first=not people)
    if people:
        with st.expander("Change roles", icon=":material/badge:"):
            _change(view, people, grants)
        with st.expander("Create a sign-in link, sign a person out, or remove a person", icon=":material/link:"):
            _remove(view, people)
        with st.expander("Explain a permission", icon=":material/help:"):
            _why(view, people)
        messages.section(
            "Tokens",
            "For pipelines and prediction services. A token never approves. A workload with an identity token needs no "
            "secret: `model-registry token add-workload`.",
        )
        if tokens:
            tables.records(TOKENS, tokens, key="tokens", alt="Tokens")
        else:
            st.caption("No tokens yet.")
        with st.expander("Create a token", icon=":material/key:"):
            _create(view, people)
        if any(each.revoked_at is None for each in tokens):
            with st.expander("Revoke a token", icon=":material/key_off:"):
                _revoke(view, [each for each in tokens if each.revoked_at is None])


def _table(people: Sequence[Person], grants: Sequence[Grant]) -> None:
    if not people:
        st.caption(
            "There is no sign-in yet: all users of this dashboard may do everything. Once you add the first person, an "
            "admin, all users have to sign in."
        )
        return
    held: dict[Grantee, list[Grant]] = {}
    for each in grants:
        held.setdefault(each.grantee, []).append(each)
    rows = [
        (
            formatting.visible(each.name),
            _roles(held.get(each.grantee, [])),
            formatting.visible(each.email),
            "a link" if each.issuer == "links" else formatting.visible(each.issuer),
            formatting.ago(each.signed_in_at, messages.now()) if each.signed_in_at else "never",
        )
        for each in people
    ]
    rows += [
        (f"group {formatting.visible(each.subject)}", _roles(roles), "", formatting.visible(each.issuer), "")
        for each, roles in held.items()
        if each.kind == "group"
    ]
    wanted = st.text_input("Search people and roles", key="people-search", placeholder="Name, role or model name") or ""
    found = [row for row in rows if wanted.casefold().strip() in " ".join(row).casefold()]
    tables.records(PEOPLE, found, key="people", alt="People and groups with their roles")


def _grantable(*, token: bool = False) -> list[Role]:
    return [each for each in Role if (each is not Role.REVIEWER if token else each is not Role.SERVE)]


def _label(role: Role) -> str:
    return role.label


def _role_fields(key: str, *, token: bool = False, default: Sequence[Role] = ()) -> tuple[list[Role], str]:
    left, right = st.columns([3, 2])
    roles = left.multiselect(
        "Roles", _grantable(token=token), default=list(default), format_func=_label, key=f"{key}-roles",
        help=" ".join(f"**{each.label}**: {each.help}" for each in _grantable(token=token)),
    )  # fmt: skip
    names = right.text_input(
        "Model names", value="*", key=f"{key}-names", help="A name, or a pattern such as fraud-*. * is all names."
    )
    return roles, (names or "").strip()


def _add(view: session.View, *, first: bool) -> None:
    with st.form("add-person", border=False):
        left, right = st.columns([3, 2])
        name = left.text_input("Name", key="person-name", max_chars=100)
        email = right.text_input("E-mail (optional)", key="person-email", max_chars=200)
        roles, names = _role_fields("person", default=[Role.ADMIN] if first else [])
        reason = st.text_input("Reason (required, recorded)", key="person-reason", max_chars=2000)
        if not st.form_submit_button("Add and create a sign-in link", type="primary", icon=":material/person_add:"):
            return
    if first and (Role.ADMIN not in roles or names != "*"):
        messages.show("warning", "The first person has to be an admin of all model names. Nothing was changed.")
        return

    def act(why: str) -> None:
        registry, who = view.registry, session.actor()
        person = registry.add_person((name or "").strip(), (email or "").strip(), actor=who, reason=why)
        for role in roles:
            registry.grant(person.grantee, role, names, actor=who, reason=why)
        _show_link(view, person, who)
        if first:
            # From now on all users have to sign in, whoever sees this page as well: it is not drawn again.
            secret.show()
            st.stop()

    change.make(act, reason, f"{formatting.escaped(name or '')} may sign in.")


def _show_link(view: session.View, person: Person, who: str) -> None:
    link = view.registry.sign_in_link(person.issuer, person.subject, actor=who)
    address = urlsplit(st.context.url or "")
    secret.keep(
        f"Sign-in link for **{formatting.escaped(person.name)}**, valid once within 24 hours. It is not shown again: "
        "send it to them.",
        f"{address.scheme}://{address.netloc}/sign-in/link#{link}",
    )


def _holders(people: Sequence[Person], grants: Sequence[Grant]) -> dict[str, Grantee]:
    holders = {each.name: each.grantee for each in people}
    groups = {each.grantee for each in grants if each.grantee.kind == "group"}
    return {**holders, **{f"group {each.subject} of {each.issuer}": each for each in sorted(groups)}}


def _change(view: session.View, people: Sequence[Person], grants: Sequence[Grant]) -> None:
    holders = _holders(people, grants)
    issuers = sorted({each.issuer for each in people} - {"links"})
    with st.form("change-roles", border=False):
        who = st.selectbox("Person or group", [*holders, "another group"], key="roles-who")
        left, right = st.columns(2)
        issuer = left.selectbox("Identity provider of the group", issuers or [""], key="roles-issuer")
        group = right.text_input("Name of the other group", key="roles-group", max_chars=300)
        roles, names = _role_fields("roles")
        reason = st.text_input("Reason (required, recorded)", key="roles-reason", max_chars=2000)
        with st.container(horizontal=True, gap="small"):
            give = st.form_submit_button("Grant", type="primary", icon=":material/add:")
            take = st.form_submit_button("Revoke", icon=":material/remove:")
    if not give and not take:
        return
    grantee = holders.get(who or "") or Grantee("group", issuer or "", (group or "").strip())

    def act(why: str) -> None:
        verb = view.registry.grant if give else view.registry.revoke
        for role in roles:
            verb(grantee, role, names, actor=session.actor(), reason=why)

    if not roles:
        messages.show("warning", "Choose a role. Nothing was changed.")
        return
    change.make(act, reason, f"{formatting.escaped(grantee.subject)}: roles {'granted' if give else 'revoked'}.")


def _chosen(people: Sequence[Person], key: str) -> Person:
    return st.selectbox("Person", list(people), format_func=lambda each: each.name, key=key)


def _remove(view: session.View, people: Sequence[Person]) -> None:
    with st.form("remove-person", border=False):
        person = _chosen(people, "remove-who")
        st.caption(
            "Signing out ends all sessions at once. Removing also takes all roles, and revokes the tokens that the "
            "person owns; what they did stays recorded."
        )
        reason = st.text_input("Reason (required, recorded)", key="remove-reason", max_chars=2000)
        with st.container(horizontal=True, gap="small"):
            link = st.form_submit_button("New sign-in link", icon=":material/link:")
            out = st.form_submit_button("Sign out everywhere", icon=":material/logout:")
            gone = st.form_submit_button("Remove", icon=":material/person_remove:")
    registry, name = view.registry, formatting.escaped(person.name)
    if link:
        change.make(lambda _: _show_link(view, person, session.actor()), reason, f"A link for {name} was created.")
    if out:
        change.make(
            lambda why: registry.close_sessions(person.issuer, person.subject, actor=session.actor(), reason=why),
            reason,
            f"{name} is signed out.",
        )
    if gone:
        change.make(
            lambda why: registry.remove_person(person.issuer, person.subject, actor=session.actor(), reason=why),
            reason,
            f"{name} is removed and signed out.",
        )


def _why(view: session.View, people: Sequence[Person]) -> None:
    left, middle, right = st.columns(3)
    with left:
        person = _chosen(people, "why-who")
    verbs = sorted(view.registry.method_roles())
    verb = middle.selectbox("Method", verbs, index=verbs.index("promote"), key="why-verb")
    name = right.selectbox("Model name", view.names(), index=None, placeholder="All model names", key="why-name")
    try:
        found = view.registry.why_may(person.issuer, person.subject, verb, name)
    except RegistryError as error:
        messages.show("error", formatting.escaped(str(error)))
        return
    messages.show("success" if found.allowed else "info", formatting.escaped(formatting.sentence(found.reason)))


def _create(view: session.View, people: Sequence[Person]) -> None:
    with st.form("create-token", border=False):
        left, middle, right = st.columns([3, 2, 1])
        name = left.text_input("Pipeline or service", key="token-name", max_chars=100)
        owner = middle.selectbox(
            "Owner", list(people), format_func=lambda each: each.name, key="token-owner",
            help="Answers for the token, and cannot approve what it registers.",
        )  # fmt: skip
        days = right.number_input("Valid for (days)", min_value=1, max_value=3660, value=90, key="token-days")
        roles, names = _role_fields("token", token=True, default=[Role.CONTRIBUTOR])
        reason = st.text_input("Reason (required, recorded)", key="token-reason", max_chars=2000)
        if not st.form_submit_button("Create token", type="primary", icon=":material/key:"):
            return

    def act(why: str) -> None:
        made: Created = view.registry.create_token(
            (name or "").strip(), [each.value for each in roles], names, days=float(days),
            owner=(owner.issuer, owner.subject), actor=session.actor(), reason=why,
        )  # fmt: skip
        secret.keep(
            f"Secret of the token **{formatting.escaped(made.token.name)}**. It is not shown again.",
            made.secret,
        )

    change.make(act, reason, f"The token {formatting.escaped(name or '')} was created.")


def _revoke(view: session.View, tokens: Sequence[Token]) -> None:
    with st.form("revoke-token", border=False):
        token = st.selectbox(
            "Token", list(tokens), format_func=lambda each: f"{each.name} ({each.token_id})", key="revoke-token-which"
        )
        reason = st.text_input("Reason (required, recorded)", key="revoke-token-reason", max_chars=2000)
        if not st.form_submit_button("Revoke token", icon=":material/key_off:"):
            return
    change.make(
        lambda why: view.registry.revoke_token(token.token_id, actor=session.actor(), reason=why),
        reason,
        f"The token {formatting.escaped(token.name)} is revoked.",
    )
