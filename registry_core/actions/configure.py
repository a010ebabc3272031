"""Settings: read and changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from ..artifacts import classes
from ..catalog import deployments, events, models
from ..catalog.database import Queries, Transaction
from ..config import Configuration
from ..errors import Conflict, InvalidConfiguration, NotFound
from ..events import EventKind
from ..policies import SEED_WEIGHTS
from ..records import RankingChange, RankingPreview, Row
from ..rules import intake, ranks
from ..version import Version
from . import artifact_trust, outgoing, seals
from .context import CONFIGURATION, Context, check_reason
from .model_records import eligible, ranking_of_row, scored_alike

_FILE = "registry_config.json"
#: Under this name the catalog keeps by which rule its scores were computed.
_SCORING, SCORING = "scoring", "2"
#: The kinds of events that hold the settings as they were before and after.
KINDS = (EventKind.CREATED, EventKind.CONFIGURED)


def configuration(context: Context) -> Configuration:
    """See ``Registry.configuration``."""
    return context.settings(context.database)


def configure(
    context: Context,
    model_name: str | None,
    changes: Mapping[str, Any],
    actor: str | None,
    reason: str,
    expected: Configuration | None = None,
) -> Configuration:
    """See ``Registry.configure``."""
    who, why = context.who(actor), check_reason(reason)
    if model_name is not None:
        intake.check_name(model_name, "model_name")
    return _change(context, lambda before: before.changed(model_name, changes), who, why, expected)


def revert(
    context: Context, event_id: int, actor: str | None, reason: str, expected: Configuration | None
) -> Configuration:
    """See ``Registry.revert_configuration``."""
    who, why = context.who(actor), check_reason(reason)
    found = next((each for each in events.listed(context.database, kinds=KINDS) if each.event_id == event_id), None)
    if found is None:
        raise NotFound(f"event {event_id!r:.80} did not change settings; see events(kinds={list(map(str, KINDS))})")
    because = f"settings after event {found.event_id}" + (f": {why}" if why else "")

    def then(now: Configuration) -> Configuration:
        return Configuration.from_dict(_in_order(found.after, now.to_dict()))

    return _change(context, then, who, because, expected)


def _in_order(settings: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an event, whose keys the record has sorted: a score's last bit hangs on the order of the weights.

    Weights that hold now keep their order; others get the seed's.
    """
    ordered = dict(settings)
    for key in ("performance_weight", "regression_weight"):
        if key in ordered:
            usual = list(now[key] if now.get(key) == ordered[key] else SEED_WEIGHTS)
            names = sorted(ordered[key], key=lambda name: (usual.index(name) if name in usual else len(usual), name))
            ordered[key] = {name: ordered[key][name] for name in names}
    if "model_names" in ordered:
        known = now.get("model_names", {})
        ordered["model_names"] = {
            name: _in_order(own, known.get(name, {})) for name, own in ordered["model_names"].items()
        }
    return ordered


def _change(
    context: Context,
    make: Callable[[Configuration], Configuration],
    actor: str,
    reason: str,
    expected: Configuration | None,
) -> Configuration:
    with context.database.transaction() as transaction:
        before = context.stored_configuration(transaction) or Configuration()
        if expected is not None and expected.to_dict() != before.to_dict():
            raise Conflict(_somebody_was_faster(transaction))
        after = make(before)
        if after.to_dict() == before.to_dict():
            return before
        _check_new_names(before, after)
        lines = [seals.names_of(each) | seals.addresses_of(each) | seals.gates_of(each) for each in (before, after)]
        # Sealed first: whose files are trusted follows from what counts.
        context.seals.take_back(transaction, lines[0] - lines[1])
        context.seals.seal(transaction, lines[1] - lines[0])
        outgoing.check(after.channels() - before.channels())
        _apply(context, transaction, before, after, actor, reason)
        # Inside the transaction, and before its commit: were the process to die in between, the file would be taken
        # over at the next opening; the other way round, the old file would undo the change.
        context.store.write(_FILE, after.to_json().encode())
    return after


def _check_new_names(before: Configuration, after: Configuration) -> None:
    """Names that are trusted already stay so, even where a later release would not take them."""
    for _, model_name, name in sorted(seals.names_of(after) - seals.names_of(before)):
        try:
            classes.check(name)
        except InvalidConfiguration as error:
            key = f"model_names.{model_name}.trusted_globals" if model_name else "trusted_globals"
            raise InvalidConfiguration(f"setting {key!r} contains {name!r:.200}: {error}") from error


def _somebody_was_faster(queries: Queries) -> str:
    last = events.listed(queries, limit=1, kinds=KINDS)
    who = f" by {last[0].actor} at {last[0].at}, in event {last[0].event_id}" if last else ""
    return (
        f"the settings were changed{who} after you saw them. Your change is not saved; review the new settings, then "
        "decide again"
    )


def preview(context: Context, model_name: str | None, changes: Mapping[str, Any]) -> dict[str, RankingPreview]:
    """See ``Registry.preview_configuration``."""
    if model_name is not None:
        intake.check_name(model_name, "model_name")
    with context.database.snapshot() as snapshot:
        after = (context.stored_configuration(snapshot) or Configuration()).changed(model_name, changes)
        artifact_trust.check_names(after)
        found: dict[str, list[Row]] = {}
        for row in models.scoring_rows(snapshot, model_name):
            found.setdefault(row["model_name"], []).append(row)
        serving = {name: deployments.current(snapshot, name) for name in found}
    return {
        name: _ranking_preview(after, name, found[name], None if champion is None else champion.model_id)
        for name, champion in sorted(serving.items())
    }


def _ranking_preview(after: Configuration, name: str, rows: list[Row], champion: str | None) -> RankingPreview:
    policy = after.policy(name)
    then = []
    notes: dict[str, str | None] = {}
    for row in rows:
        score, on = ranking_of_row(policy, row)
        notes[row["model_id"]] = score.note
        then.append(ranks.Entrant(row["model_id"], score.value, on, bool(eligible(row, ranked_on=on))))
    now = [ranks.Entrant(row["model_id"], row["score"], row["ranked_on"], bool(eligible(row))) for row in rows]
    before, places = ranks.places(now, champion), ranks.places(then, champion)
    changes = [
        RankingChange(
            model_id=new.model_id,
            version=str(Version(row["major"], row["minor"], row["patch"])),
            rank_before=before.get(new.model_id),
            rank_after=places.get(new.model_id),
            score_before=row["score"],
            score_after=new.score,
            note_before=row["score_note"],
            note_after=notes[new.model_id],
        )
        for row, new in zip(rows, then, strict=True)
    ]
    changes.sort(key=lambda each: (each.rank_after or len(rows) + 1, each.rank_before or len(rows) + 1))
    return RankingPreview(name, champion, next(iter(before), None), next(iter(places), None), tuple(changes))


def settle(context: Context) -> bool:
    """Take over an edited registry_config.json when a registry is opened, and write the file where there is none.

    The file is what people edit, the catalog is what counts. Gives whether the registry is new.
    """
    wanted, stored = from_file(context), context.stored_configuration(context.database)
    new = stored is None
    if stored is None or (wanted is not None and wanted.to_dict() != stored.to_dict()):
        with context.database.transaction() as transaction:
            # Both again under the lock: somebody may be changing the settings right now, the file first.
            wanted, stored = from_file(context), context.stored_configuration(transaction)
            chosen = wanted or stored or Configuration()
            if stored is None or chosen.to_dict() != stored.to_dict():
                reason = "" if stored is None else f"{_FILE} was edited"
                _apply(context, transaction, stored, chosen, context.actor, reason)
            stored = chosen
    if wanted is None:
        context.store.write(_FILE, stored.to_json().encode())
    return new


def begin(context: Context, transaction: Transaction, chosen: Configuration) -> None:
    """Store the settings a new registry begins with, and say so in its first event."""
    _apply(context, transaction, None, chosen, context.actor, "")


def from_file(context: Context) -> Configuration | None:
    """What registry_config.json says; None where there is none.

    Raises:
        InvalidConfiguration: it holds a key or value that is not allowed.
    """
    if not context.store.exists(_FILE):
        return None
    try:
        return Configuration.from_json(context.store.read(_FILE).decode())
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(f"{_FILE} is not text in UTF-8 ({error}); correct it or delete it") from error


def _apply(
    context: Context,
    transaction: Transaction,
    before: Configuration | None,
    after: Configuration,
    actor: str,
    reason: str,
) -> None:
    """Store settings, judge and score every version by them, and say so in an event."""
    artifact_trust.check_names(after)
    events.set_setting(transaction, CONFIGURATION, after.to_json())
    if before is not None and artifact_trust.trusted_names(before) != artifact_trust.trusted_names(after):
        artifact_trust.settle(context, transaction, after)
    _rescore(transaction, after, before)
    events.append(
        transaction,
        now=context.now(),
        kind=EventKind.CREATED if before is None else EventKind.CONFIGURED,
        actor=actor,
        reason=reason,
        before={} if before is None else before.to_dict(),
        after=after.to_dict(),
    )


def _rescore(transaction: Transaction, configuration: Configuration, before: Configuration | None = None) -> int:
    """Score every version by the settings; gives how many scores changed.

    Args:
        before: the settings by which the stored scores were computed: names that are scored alike are left alone.
    """
    if events.setting(transaction, _SCORING) != SCORING:
        before = None
    scores = []
    rows = chain.from_iterable(
        models.scoring_rows(transaction, name)
        for name in models.names(transaction)
        if before is None or not scored_alike(before.policy(name), configuration.policy(name))
    )
    for row in rows:
        score, on = ranking_of_row(configuration.policy(row["model_name"]), row)
        if (score.value, score.note, on) != (row["score"], row["score_note"], row["ranked_on"]):
            new = {"seq": row["seq"], "score": score.value, "score_note": score.note, "ranked_on": on}
            scores.append({**new, "eligible": eligible(row, ranked_on=on)})
    models.set_scores(transaction, scores)
    events.set_setting(transaction, _SCORING, SCORING)
    return len(scores)


def score_again(context: Context) -> None:
    """Where the scores were computed by the rule of an earlier release, compute them once by the present one."""
    if events.setting(context.database, _SCORING) == SCORING:
        return
    with context.database.transaction() as transaction:
        stored = context.stored_configuration(transaction)
        if stored is None or events.setting(transaction, _SCORING) == SCORING:
            return
        if _rescore(transaction, stored):
            events.append(
                transaction,
                now=context.now(),
                kind=EventKind.CONFIGURED,
                actor=context.actor,
                reason="evaluated scores leave out metrics that no evaluation gives; settings unchanged",
                before=stored.to_dict(),
                after=stored.to_dict(),
            )
