"""A registry as a signed-in person or a token uses it: each method is checked before it runs and in its transactions.

The class is made of the registry's own, so that it has the same methods: those in the table of roles are checked, all
others are refused. A method that is added later is closed until the table says who may call it.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, NoReturn, TypeVar, cast

from ..access import Grant, Principal, Role
from ..actions import access
from ..actions.context import Context
from ..catalog import access as stored
from ..catalog import alerts, experiments, models
from ..catalog.database import Database, Queries
from ..catalog.guarded import Guarded
from ..config import Configuration
from ..errors import InvalidInput, ModelNotFound, NotAllowed, NotFound
from ..records import Permission
from ..rules import access as rules
from .verbs import Verbs

Kind = TypeVar("Kind", bound=Verbs)


class _Standing(NamedTuple):
    """What somebody may do and sees: the grants they hold, and the model names they see (None: all)."""

    changes: int
    grants: list[Grant]
    names: Collection[str] | None


def as_principal(own: Kind, principal: Principal) -> Kind:
    """See ``Registry.as_principal``."""
    if own._context.principal is not None:
        raise InvalidInput("a signed-in person cannot act as another principal")
    return cast(Kind, cast(Any, _class_of)(type(own))(own, principal))


class _SignedIn(Verbs):
    """What a registry is to its caller, beside its checked methods."""

    def __init__(self, own: Any, principal: Principal) -> None:
        self._own, self._principal = own, principal
        self._loader = own._loader
        self._known: _Standing | None = None
        self._context = self._context_of("", {})

    def __reduce__(self) -> NoReturn:
        raise InvalidInput("a registry of a signed-in person cannot be pickled; open it in the other process")

    def __repr__(self) -> str:
        return f"{self._own!r}.as_principal({self._principal.name})"

    @property
    def principal(self) -> Principal:
        """Who signed in."""
        return self._principal

    def close(self) -> None:
        """Nothing: the connections belong to the registry itself."""

    def revision(self) -> int:
        """As ``Registry.revision``: it also moves when something happens that the caller does not see."""
        return int(self._own.revision())

    def configuration(self) -> Configuration:
        """The settings of all model names together, and of those that the caller sees."""
        found: Configuration = self._own.configuration()
        seen = self._visible()
        if seen is None:
            return found
        return Configuration(found.everywhere, {name: own for name, own in found.model_names.items() if name in seen})

    def _standing(self) -> _Standing:
        """What the caller may do and sees: read again when anything was committed since.

        Under the write lock nobody else commits, so this holds inside a transaction as well.
        """
        own: Context = self._own._context
        changes = own.database.changes()
        if self._known is None or self._known.changes != changes:
            held = stored.grants(own.database, access.grantees_of(self._principal))
            # Grants that all count, and are as they were, count still.
            if self._known is None or held != self._known.grants:
                held = access.judged(own, own.database, held)
            names = None if rules.sees_all(held) else rules.visible(held, models.names(own.database))
            self._known = _Standing(changes, held, names)
        return self._known

    def _visible(self) -> Collection[str] | None:
        """The model names that the caller sees; None: all."""
        return self._standing().names

    def _context_of(self, verb: str, arguments: Mapping[str, Any]) -> Context:
        """What a call works with: databases that check it in every transaction and show what the caller sees.

        What they see is asked at the call's first look and at each of its transactions; outside a call, at each look.
        """
        own: Context = self._own._context
        principal = self._principal
        asked: list[Collection[str] | None] = []

        def seen() -> Collection[str] | None:
            if not verb:
                return self._visible()
            if not asked:
                asked.append(self._visible())
            return asked[0]

        def check(queries: Queries) -> None:
            if not verb:
                raise NotAllowed("only a method of the registry writes")
            asked[:] = [self._check(queries, verb, arguments).names]

        def guarded(whole: Database) -> Database:
            if whole is not own.database:
                # Roles are in the catalog; the prediction log has none of its own to check.
                return Guarded(whole, principal.text, lambda _: check(own.database), seen)
            return Guarded(whole, principal.text, check, seen)

        made = copy.copy(own)
        made.own, made.principal, made.actor = own, principal, principal.name
        made.held = lambda: self._standing().grants
        made.database, made.guarded_telemetry = guarded(own.database), guarded
        return made

    def _check(self, queries: Queries, verb: str, arguments: Mapping[str, Any]) -> _Standing:
        """Raise where the caller may not do this now; gives what they may do and see."""
        roles, need, standing = rules.roles_of(verb, arguments), rules.NEEDS[verb], self._standing()
        if not roles:
            return standing
        held = standing.grants
        if self._principal.kind == "token" and roles == (Role.REVIEWER,):
            raise NotAllowed(f"{self._principal.name} is a token, and tokens never approve; a person has to review")
        for name in self._names(queries, verb, arguments, standing.names):
            if rules.allows(held, roles, name):
                continue
            anywhere = Role.VIEWER in roles or rules.allows_somewhere(held, roles)
            if name is None and need.filtered and anywhere:
                continue
            if self._allowed_on_own(queries, verb, name, arguments):
                continue
            raise _Refused(rules.refusal(self._principal, verb, roles, name), name)
        return standing

    def _names(
        self, queries: Queries, verb: str, arguments: Mapping[str, Any], seen: Collection[str] | None
    ) -> list[str | None]:
        """The model names that a call is about; None among them: all. ``seen`` are those that the caller sees.

        Raises:
            NotFound: its subject is missing, or the caller does not see it.
        """
        about = rules.NEEDS[verb].about
        if not about:
            return [None]
        found: list[str | None] = []
        for argument, subject in about:
            given = arguments.get(argument)
            try:
                names = _SUBJECTS[subject](queries, given)
            except NotFound:
                if seen is None:
                    raise
                names = [None]
            # What is not seen is not there: neither its name is said, nor that there is something.
            if seen is not None and subject not in ("name", "metadata") and not {*names} <= {*seen}:
                raise ModelNotFound(f"{given!r:.160} is missing, or {self._principal.name} has no role on it")
            found += names
        return found

    def allowed(self, subject: str | int) -> dict[str, Permission]:
        """As ``Registry.allowed``; what the caller's roles do not allow is not allowed, with the reason."""
        whole = self._own._context.database
        self._check(whole, "allowed", {"subject": subject})
        names = _SUBJECTS["any"](whole, subject)
        return self._by_role(self._own.allowed(subject), names[0], {"model_id": subject})

    def allowed_many(self, model_ids: Any) -> dict[str, dict[str, Permission]]:
        """As ``Registry.allowed_many``, see ``allowed``."""
        whole = self._own._context.database
        self._check(whole, "allowed_many", {"model_ids": model_ids})
        found = self._own.allowed_many(model_ids)
        rows = models.find_many(whole, list(found))
        return {each: self._by_role(may, rows[each]["model_name"], {"model_id": each}) for each, may in found.items()}

    def _by_role(
        self, found: dict[str, Permission], name: str | None, arguments: Mapping[str, Any]
    ) -> dict[str, Permission]:
        held = self._standing().grants

        def of(verb: str, permission: Permission) -> Permission:
            role = rules.permitted(held, self._principal, verb, name, {})
            if role.allowed or self._allowed_on_own(self._own._context.database, verb, name, arguments):
                return permission
            return role

        return {verb: of(verb, permission) for verb, permission in found.items()}

    def _allowed_on_own(self, queries: Queries, verb: str, name: str | None, arguments: Mapping[str, Any]) -> bool:
        """Whether a role is enough for a version that the caller, or a token of theirs, registered."""
        role = rules.NEEDS[verb].own
        if role is None or not rules.allows(self._standing().grants, (role,), name):
            return False
        return access.registrar(queries, arguments["model_id"]) == self._principal.hand


class _Call(Verbs):
    """One call, with the databases that check it."""

    def __init__(self, caller: _SignedIn, verb: str, arguments: Mapping[str, Any]) -> None:
        self._own, self._loader = caller._own, caller._own._loader
        self._context = caller._context_of(verb, arguments)

    def _serving(self) -> Any:
        return self._own._serving()

    def _flush_serving(self) -> None:
        self._own._flush_serving()


class _Refused(NotAllowed):
    """A refusal that becomes an event, about a model name or all."""

    def __init__(self, because: str, model_name: str | None) -> None:
        self.model_name = model_name
        super().__init__(because)


def _of_name(_: Queries, value: Any) -> list[str | None]:
    if isinstance(value, tuple):
        return list(value)
    return [value if isinstance(value, str) else None]


def _named(own: Any, arguments: dict[str, Any]) -> None:
    """Say of outcomes by prediction ids which model names they are about."""
    ids, outcomes = arguments["prediction_ids"], arguments["outcomes"]
    if arguments["units"] is None and (ids is not None or isinstance(outcomes, Mapping)):
        from ..actions.serve.outcomes import model_names_of

        own._flush_serving()
        arguments["model_name"] = model_names_of(own._context, outcomes, ids)


def _of_version(queries: Queries, value: Any) -> list[str | None]:
    row = models.find(queries, value) if isinstance(value, str) else None
    if row is None:
        raise ModelNotFound(
            f"no model has the id {value!r:.300}; the leaderboard, list_models() and `model-registry list` show all ids"
        )
    return [row["model_name"]]


def _of_versions(queries: Queries, value: Any) -> list[str | None]:
    return [name for each in value for name in _of_version(queries, each)]


def _of_alert(queries: Queries, value: Any) -> list[str | None]:
    found = alerts.find(queries, value) if isinstance(value, int) else None
    if found is None:
        raise NotFound(f"no alert has the number {value!r:.40}; alerts() lists them")
    return [found.model_name]


def _of_experiment(queries: Queries, value: Any) -> list[str | None]:
    found = experiments.find(queries, value) if isinstance(value, int) else None
    if found is None:
        raise NotFound(f"no experiment has the number {value!r:.40}; experiments() lists them")
    return [found.model_name]


def _of_request(queries: Queries, value: Any) -> list[str | None]:
    found = stored.request(queries, value) if isinstance(value, int) else None
    if found is None:
        raise NotFound(f"no review request has the number {value!r:.40}; review_requests() lists the open ones")
    return [found.model_name]


def _of_any(queries: Queries, value: Any) -> list[str | None]:
    if isinstance(value, int):
        return _of_experiment(queries, value)
    row = models.find(queries, value) if isinstance(value, str) else None
    return [row["model_name"]] if row is not None else _of_name(queries, value)


def _of_metadata(_: Queries, value: Any) -> list[str | None]:
    name = value.get("model_name") if isinstance(value, Mapping) else None
    return [name if isinstance(name, str) else None]


def _of_benchmark(_: Queries, value: Any) -> list[str | None]:
    return [getattr(value, "model_name", None)]


_SUBJECTS: Mapping[str, Callable[[Queries, Any], list[str | None]]] = {
    "name": _of_name,
    "version": _of_version,
    "versions": _of_versions,
    "alert": _of_alert,
    "experiment": _of_experiment,
    "request": _of_request,
    "any": _of_any,
    "metadata": _of_metadata,
    "benchmark": _of_benchmark,
}


@functools.cache
def _class_of(kind: type[Verbs]) -> type[Verbs]:
    """The class of a registry as its signed-in callers use it."""
    call = type("_Call", (_Call, kind), {})
    members: dict[str, Any] = {}
    for name, member in inspect.getmembers(kind):
        if not name.startswith("_") and callable(member) and name not in vars(_SignedIn):
            members[name] = _checked(member, name, call) if name in rules.NEEDS else _refused(name)
    return type("SignedInRegistry", (_SignedIn, kind), members)


def _checked(method: Callable[..., Any], verb: str, call: type[Verbs]) -> Callable[..., Any]:
    """A method that checks the call, and runs it with databases that check it again."""
    described = inspect.signature(method)

    @functools.wraps(method)
    def checked(self: _SignedIn, *given: Any, **named: Any) -> Any:
        bound = described.bind(self, *given, **named)
        bound.apply_defaults()
        whole = self._own._context
        if verb == "record_outcomes":
            _named(self._own, bound.arguments)
        try:
            self._check(whole.database, verb, bound.arguments)
            return method(cast(Any, call)(self, verb, bound.arguments), *given, **named)
        except _Refused as refused:
            if Role.VIEWER in rules.roles_of(verb, bound.arguments):
                # Pages ask for what they show; a look that is refused is nothing that somebody has to know of.
                raise NotAllowed(str(refused)) from None
            raise access.refuse(whole, self._principal, verb, refused.model_name, str(refused)) from None

    return checked


def _refused(verb: str) -> Callable[..., Any]:
    def refused(self: _SignedIn, *_: Any, **__: Any) -> NoReturn:
        raise NotAllowed(
            f"{verb} is for whoever owns the registry's folder or database; {self._principal.name} is signed in"
        )

    return refused
