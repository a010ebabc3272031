"""Whether everything is there and true.

All is looked at in one state of the catalog, while others go on. What looks wrong about a file is looked at again in a
later state before it is said: it may have been packed, purged or registered meanwhile.
"""

from __future__ import annotations

import errno
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import NamedTuple

from ...catalog.database import Damage, Database
from ...config import Configuration
from ...errors import CatalogBusy, RegistryError, StorageError, Unreachable, WorkersLost
from ...maintenance import Finding, Progress, VerifyReport
from ...records import utc_text
from .. import answer_checks
from ..context import Context
from . import checks_answers, checks_catalog, checks_export, checks_files, checks_place, checks_rows, repair
from .checks import BACKUP, Findings, Look, error

_PAUSES = (0.0, 0.1)


class _Check(NamedTuple):
    """``again``: it compares files with the catalog, which may change in between."""

    what: str
    run: Callable[[Look], Findings]
    again: bool = False


def _live(look: Look) -> Findings:
    # Who does not serve does not pay for it.
    from . import checks_live

    return checks_live.live(look)


_CHECKS = (
    _Check("the databases", checks_catalog.databases),
    _Check("the audit log", checks_catalog.chain),
    _Check("champions and deployments", checks_catalog.champions),
    _Check("states", checks_catalog.states),
    _Check("permissions", checks_place.place),
    _Check("decisions from other installations", checks_place.origin),
    _Check("the settings", checks_catalog.settings, again=True),
    _Check("the index", checks_rows.derived),
    _Check("metadata files", checks_files.sidecars, again=True),
    _Check("files", checks_files.files, again=True),
    _Check("orphaned files", checks_files.unclaimed, again=True),
    _Check("live traffic", _live),
    _Check("the exported index", checks_export.exported, again=True),
)


def verify(context: Context, mend: bool, answers: bool, actor: str | None, progress: Progress | None) -> VerifyReport:
    """See ``Registry``."""
    who, at = context.who(actor), utc_text(context.now())
    begin = time.perf_counter()
    checked: Counter[str] = Counter()
    found: list[Finding] = []
    damage = _damage(context)
    with _look(context, damage, None, progress) as look:
        for number, check in enumerate(_CHECKS):
            look.tell(f"checking {check.what}", number, len(_CHECKS))
            here = _findings(check, look)
            found += _confirmed(context, check, damage, here) if check.again else here
        checked.update(look.checked)
    if answers:
        asked = answer_checks.verify_all(context, None, missing=False, progress=progress, actor=who)
        checked["answers"] = len(asked)
        found += checks_answers.findings(asked)
    if mend and any(each.repairable for each in found):
        found = _repaired(context, damage, found, who)
    order = ("error", "warning", "note")
    found.sort(key=lambda each: order.index(each.severity))
    told = ("files", "bytes", "events", "models", "rows", "windows", *(["answers"] if answers else []))
    counts = {name: checked[name] for name in told}
    return VerifyReport(at, tuple(found), counts, round(time.perf_counter() - begin, 3))


def telemetry_of(context: Context) -> Database | None:
    """The database of live traffic; None where there never was live traffic: to ask would make its database."""
    kept_elsewhere = "://" in context.location
    return context.telemetry if kept_elsewhere or context.store.exists("telemetry.db") else None


def _require_release(context: Context) -> None:
    """Require that the tables are those of this release: what a newer one changed is no damage.

    Raises:
        StorageError: a newer release has opened the registry.
    """
    try:
        context.database.require_release()
        if (telemetry := telemetry_of(context)) is not None:
            telemetry.require_release()
    except CatalogBusy:
        raise
    except StorageError as problem:
        # What cannot be read is found below.
        if problem.errno == errno.EPROTO:
            raise


def _damage(context: Context) -> tuple[Damage, ...]:
    _require_release(context)
    found = context.database.check()
    try:
        telemetry = telemetry_of(context)
        return (*found, *(telemetry.check() if telemetry is not None else ()))
    except CatalogBusy:
        raise
    except RegistryError as problem:
        return (*found, Damage("damaged", "telemetry.db", str(problem), "telemetry.db"))


@contextmanager
def _look(
    context: Context, damage: tuple[Damage, ...], only: Collection[str] | None, progress: Progress | None = None
) -> Iterator[Look]:
    with ExitStack() as stack:
        # First the one whose rows refer to the other: what they refer to is there by then.
        telemetry = None
        if not any(each.kind == "damaged" and each.subject == "telemetry.db" for each in damage):
            busy = telemetry_of(context)
            telemetry = None if busy is None else stack.enter_context(busy.snapshot())
        catalog = stack.enter_context(context.database.snapshot())
        try:
            configuration = context.settings(catalog)
        except RegistryError as problem:
            configuration, damage = Configuration(), (*damage, Damage("rows", "settings", str(problem), "registry.db"))
        yield Look(context, catalog, telemetry, configuration, damage, only, progress)


def _findings(check: _Check, look: Look) -> list[Finding]:
    try:
        return list(check.run(look))
    except CatalogBusy:
        raise
    # Whatever a damaged row holds, the other checks go on.
    except Exception as problem:
        text = f"{check.what} could not be checked: {type(problem).__name__}: {str(problem)[:300]}"
        remedy = "verify again when it answers" if isinstance(problem, Unreachable | WorkersLost) else BACKUP
        return [error("unreadable", check.what, text, remedy)]


def _confirmed(context: Context, check: _Check, damage: tuple[Damage, ...], found: list[Finding]) -> list[Finding]:
    """Those that are so in later states as well."""
    for pause in _PAUSES:
        if not found or all(each.kind == "unreadable" for each in found):
            break
        time.sleep(pause)
        with _look(context, damage, {each.subject for each in found}) as look:
            again = {(each.kind, each.subject) for each in _findings(check, look)}
        found = [each for each in found if (each.kind, each.subject) in again]
    return found


def _repaired(context: Context, damage: tuple[Damage, ...], found: list[Finding], actor: str) -> list[Finding]:
    """Mend, and look again at what was found."""
    with ExitStack() as stack:
        lost = any(each.kind == "lost" for each in damage)
        stack.enter_context(context.database.mending(forget_lost=lost))
        if (telemetry := telemetry_of(context)) is not None and damage:
            stack.enter_context(telemetry.mending(forget_lost=lost))
        repair.mend(context, found)
    damage = _damage(context)
    with _look(context, damage, {each.subject for each in found}) as look:
        still = {(each.kind, each.subject) for check in _CHECKS for each in _findings(check, look)}
    # A check that broke off is another one where only some subjects are looked at.
    mended = [each for each in found if each.kind != "unreadable" and (each.kind, each.subject) not in still]
    repair.tell(context, mended, actor)
    return [replace(each, repaired=each in mended) for each in found]
