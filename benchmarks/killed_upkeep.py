"""What a hard kill leaves of upkeep: ``python -m benchmarks.killed_upkeep --times 300``.

A process registers, promotes, rolls back, cleans up, deletes, restores, compresses, exports, rebuilds, backs up and
configures, until it is killed with signal 9 at a random moment (seeded; when exactly the system gets to it is chance).
It says what it begins, and what of it was confirmed. After each kill the folder is opened: what was confirmed is there,
what had begun has happened or has not, verify finds nothing but what it mends, and every version loads.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.kill import Kills, Report, Where, kills, main
from registry_core import Conflict, ModelMetadata, NoModelAvailable, NotEligible, Registry

NAMES = ("Churn", "Fraud")
_STATED = (Conflict, NoModelAvailable, NotEligible)


@cache
def inputs() -> Any:
    """Rows of forty inputs."""
    return np.random.default_rng(0).normal(size=(60, 40))


@cache
def fitted(number: int) -> Any:
    """One of a few classifiers; a scaler goes with every third."""
    return LogisticRegression(C=1.0 + number).fit(inputs(), (inputs()[:, 0] > 0).astype(int))


@cache
def scaler() -> Any:
    """The scaler of the inputs."""
    return StandardScaler().fit(inputs())


@dataclass
class Known:
    """What was confirmed: the state of each version, the champion of each name, one setting, and backups."""

    states: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    champions: dict[str, str | None] = field(default_factory=dict)
    bonus: float = 0.05
    backups: list[str] = field(default_factory=list)


@dataclass
class Found(Kills):
    """What all kills together came to."""

    confirmed: Counter[str] = field(default_factory=Counter)
    interrupted: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    swept: int = 0
    loads: int = 0
    backups: int = 0


def prepare(where: Where) -> None:
    """A few versions of two names, kept few by a policy."""
    with where.open(actor="anna") as registry:
        registry.configure(
            max_models_to_keep=8, retention={"keep_best": 2, "trash_days": 0, "keep_champions": False}, reason="small"
        )
        for number in range(6):
            _register(registry, NAMES[number % 2], number, 0.5 + number / 100)


def _register(registry: Registry, name: str, number: int, accuracy: float) -> str:
    return registry.register_model(
        fitted(number),
        scaler() if number % 3 == 0 else None,
        model_name=name,
        model_type="Logistic",
        performance_metrics=dict.fromkeys(("accuracy", "auc", "f1_score"), accuracy),
        training_info={"data_quality_score": 1.0},
        hyperparameters={"padding": "x" * 2000},
    )


def work(where: Where, seed: int, report: Report) -> None:
    """Do one thing after the other until killed, reporting what begins, and what was confirmed."""
    chance = random.Random(seed)
    registry = where.open(actor="anna")
    report(opened=True)
    while True:
        verb = chance.choices(*zip(*_WEIGHTS.items(), strict=True))[0]
        name = chance.choice(NAMES)
        ids = [each.model_id for each in registry.list_models(name) if each.status != "purged"]
        model_id = chance.choice(ids)
        report(begin=verb, name=name, model_id=model_id)
        try:
            said = _VERBS[verb](registry, chance, name, model_id, where.place, seed)
        except _STATED as error:
            report(refused=verb, because=str(error))
            continue
        report(
            done=verb,
            said=said,
            states={each.model_id: each.status for each in registry.list_models()},
            digests={each.model_id: each.model_sha256 for each in registry.list_models()},
            champions={each: registry.get_active_model_id(each) for each in NAMES},
            bonus=registry.policy(NAMES[0]).ensemble_bonus,
        )


def _backup(registry: Registry, place: Path, chance: random.Random, seed: int) -> str:
    path = place / f"backup-{seed}-{chance.randrange(10**9)}.tar"
    registry.backup(path)
    return str(path)


def _clean_up(registry: Registry, chance: random.Random, name: str) -> None:
    registry.cleanup(registry.plan_cleanup(name if chance.random() < 0.5 else None), reason="tidy")


_Verb = Callable[[Registry, random.Random, str, str, Path, int], Any]
_VERBS: dict[str, _Verb] = {
    "register": lambda r, c, name, m, f, s: _register(r, name, c.randrange(9), c.random()),
    "promote": lambda r, c, n, model_id, f, s: r.promote(model_id, reason="better") and None,
    "roll back": lambda r, c, name, m, f, s: r.rollback(name, reason="worse") and None,
    "reinstate": lambda r, c, n, model_id, f, s: r.reinstate(model_id, reason="again"),
    "delete": lambda r, c, n, model_id, f, s: r.delete(model_id, reason="old"),
    "restore": lambda r, c, n, model_id, f, s: r.restore(model_id, reason="needed"),
    "purge": lambda r, c, n, model_id, f, s: r.purge(model_id, reason="gone"),
    "clean up": lambda r, c, name, m, f, s: _clean_up(r, c, name),
    "compress": lambda r, c, n, m, f, s: r.compress(0, reason="small") and None,
    "export": lambda r, c, n, m, f, s: r.export_index() and None,
    "rebuild": lambda r, c, n, m, f, s: r.rebuild_index(reason="check") and None,
    "repair": lambda r, c, n, m, f, s: r.verify(repair=True) and None,
    "back up": lambda r, c, n, m, place, seed: _backup(r, place, c, seed),
    "configure": lambda r, c, n, m, f, s: r.configure(ensemble_bonus=round(c.random(), 3), reason="try") and None,
}
_WEIGHTS = {
    "register": 8, "promote": 4, "roll back": 2, "reinstate": 2, "delete": 3, "restore": 3, "purge": 1, "clean up": 3,
    "compress": 3, "export": 3, "rebuild": 3, "repair": 1, "back up": 2, "configure": 2,
}  # fmt: skip
#: What a verb that was interrupted may have made of a version's state.
_MAY_BECOME = {
    "register": {"registered"}, "promote": set(), "roll back": {"disqualified"}, "reinstate": {"registered"},
    "delete": {"trashed"}, "restore": {"registered", "disqualified"}, "purge": {"purged"},
    "clean up": {"trashed", "purged"}, "compress": set(), "export": set(), "rebuild": set(), "repair": set(),
    "back up": set(),
    "configure": set(),
}  # fmt: skip
_OF_ONE = {"reinstate", "delete", "restore", "purge"}


def learn(known: Known, said: list[dict[str, Any]], found: Found) -> dict[str, Any] | None:
    """Take down what was confirmed; what had begun and was not, or None."""
    begun = None
    for line in said:
        if "begin" in line:
            begun = line
        elif "refused" in line:
            found.confirmed["refused"] += 1
            begun = None
        elif "done" in line:
            found.confirmed[line["done"]] += 1
            known.states, known.champions, known.bonus = line["states"], line["champions"], line["bonus"]
            known.digests.update(line["digests"])
            if line["done"] == "back up":
                known.backups.append(line["said"])
            begun = None
    return begun


def check(where: Where, known: Known, begun: dict[str, Any] | None, found: Found) -> None:
    """Open what was left behind, and note whatever is wrong with it."""
    with where.open(actor="anna") as registry:
        there = {each.model_id: each for each in registry.list_models()}
        wrong = list(_not_as_confirmed(registry, there, known, begun, found))
        report = registry.verify()
        for each in report.findings:
            found.findings[each.kind] += 1
            if each.severity != "note" and not each.repairable:
                wrong.append(f"verify finds what it cannot mend: {each.kind}: {each.text}")
        wrong += _unloadable(registry, there, found)
        mended = registry.verify(repair=True)
        if not mended.clean:
            wrong += [f"not clean after repair: {each.kind}: {each.text}" for each in mended.findings]
        # What nobody claims is swept once it is a day old.
        with where.open(actor="anna", clock=lambda: datetime.now(UTC) + timedelta(days=2)) as later:
            plan = later.plan_cleanup()
            swept = later.cleanup(plan, only=[each.key for each in plan.unclaimed], reason="swept").swept
            found.swept += len(swept)
        if not (last := registry.verify()).clean:
            wrong += [f"not clean after the sweep: {each.kind}: {each.text}" for each in last.findings]
        if registry.verify_events() is not None:
            wrong.append(f"the chain of events breaks at {registry.verify_events()}")
        known.states = {each.model_id: each.status for each in registry.list_models()}
        known.digests = {each.model_id: each.model_sha256 for each in registry.list_models()}
        known.champions = {each: registry.get_active_model_id(each) for each in NAMES}
        known.bonus = registry.policy(NAMES[0]).ensemble_bonus
    wrong += _bad_backups(where, known, found)
    at = f"after kill {found.kills}" + (f" in {begun['begin']}" if begun else "")
    found.wrong += [f"{at}: {each}" for each in wrong]


def _not_as_confirmed(
    registry: Registry, there: dict[str, ModelMetadata], known: Known, begun: dict[str, Any] | None, found: Found
) -> Iterator[str]:
    verb = begun["begin"] if begun else None
    may = _MAY_BECOME[verb] if verb else set()
    changed = False
    for model_id, state in known.states.items():
        if model_id not in there:
            yield f"{model_id} is gone"
            continue
        now = there[model_id].status
        if there[model_id].model_sha256 != known.digests[model_id]:
            yield f"{model_id} has another digest"
        if now != state:
            changed = True
            of_one = verb in _OF_ONE and begun is not None and begun["model_id"] != model_id
            if now not in may or of_one:
                yield f"{model_id} was {state}, and is {now}"
    new = there.keys() - known.states.keys()
    if known.states and len(new) > (verb == "register"):
        yield f"versions nobody registered: {new}"
    for name, champion in known.champions.items():
        now_champion = registry.get_active_model_id(name)
        if now_champion != champion:
            changed = True
            if verb not in ("register", "promote", "roll back") or begun is None or begun["name"] != name:
                yield f"the champion of {name} was {champion}, and is {now_champion}"
    bonus = registry.policy(NAMES[0]).ensemble_bonus
    if bonus != known.bonus:
        changed = True
        if verb != "configure":
            yield f"a setting was {known.bonus}, and is {bonus}"
    if verb is not None:
        found.interrupted[verb] += 1
        found.happened[verb] += changed or bool(new)


def _unloadable(registry: Registry, there: dict[str, ModelMetadata], found: Found) -> Iterator[str]:
    for model_id, known in there.items():
        try:
            if known.status == "trashed":
                registry.read_artifact(model_id)
            elif known.status != "purged":
                model, scales, _ = registry.load_model(model_id)
                model.predict(inputs() if scales is None else scales.transform(inputs()))
                found.loads += 1
        except Exception as error:
            yield f"{model_id} ({known.status}) does not load: {type(error).__name__}: {error}"
    for name in NAMES:
        champions = [each for each in registry.deployments(name) if each.ended_at is None]
        if len(champions) != 1:
            yield f"{len(champions)} champions of {name}"
        registry.load_active_model(name)


def _bad_backups(where: Where, known: Known, found: Found) -> Iterator[str]:
    """Whether what was confirmed as a backup makes a registry; one of those since the last kill is tried."""
    for path in known.backups[-1:]:
        place = where.place / "restored"
        try:
            with Registry.from_backup(path, place, actor="anna") as restored:
                found.backups += 1
                if not (report := restored.verify()).clean:
                    yield f"restored, verify finds {report.findings[0].kind}: {report.findings[0].text}"
        except Exception as error:
            yield f"the backup cannot be restored: {type(error).__name__}: {error}"
        _remove(place)
    known.backups.clear()
    for left in where.place.iterdir():
        if left != where.folder:
            _remove(left)


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def run(where: Where, times: int, seed: int = 0) -> Found:
    """Kill so often, each time another process in the same registry."""
    prepare(where)
    for number in range(9):
        fitted(number)
    scaler()
    known, found = Known(), Found()
    check(where, known, None, found)
    for killed in kills(partial(work, where), times, seed, found):
        check(where, known, learn(known, killed.lines, found), found)
    return found


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in counts.most_common()) or "nothing"


def table(found: Found) -> list[tuple[str, str]]:
    """What the command prints."""
    return [
        ("confirmed", _counted(found.confirmed)),
        ("interrupted", _counted(found.interrupted)),
        ("of these, what had begun was whole", _counted(+found.happened)),
        ("found by verify, and mended or swept", _counted(found.findings)),
        ("files swept", f"{found.swept:,}"),
        ("loads; backups restored", f"{found.loads:,}; {found.backups:,}"),
    ]


if __name__ == "__main__":
    main(__doc__, 300, run, table)
