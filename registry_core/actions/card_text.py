"""What people write in a model card: for a model name, or for one version. Its versions are events."""

from __future__ import annotations

from collections.abc import Mapping

from ..catalog import events, models
from ..catalog.database import Queries
from ..errors import InvalidInput, ModelNotFound
from ..events import EventKind
from ..model_card import CARD_FIELDS, CardText
from ..records import Event
from ..rules import model_card
from ..rules.intake import check_text
from .context import Context, check_reason

_MOST_TEXT = 10_000


def current(queries: Queries, model_name: str, model_id: str) -> CardText:
    """What people wrote: of the version, and of its model name where that says nothing."""
    written = history(queries, model_name)
    own = next((each for each in written if each.model_id == model_id), None)
    common = next((each for each in written if each.model_id is None), None)
    return model_card.merged(*(_text(each) for each in (own, common) if each is not None))


def history(queries: Queries, model_name: str) -> list[Event]:
    """Every version of what people wrote of a model name and its versions, newest first."""
    return events.listed(queries, model_name, kinds=[EventKind.MODEL_CARD_WRITTEN])


def _text(event: Event) -> CardText:
    return CardText(**{name: str(event.after.get(name, "")) for name in CARD_FIELDS}, at=event.at, actor=event.actor)


def write(
    context: Context, subject: str, changes: Mapping[str, str | None], actor: str | None, reason: str
) -> CardText:
    """See ``Registry.write_model_card``."""
    who, why = context.who(actor), check_reason(reason)
    said = {name: check_text(text, name, _MOST_TEXT).strip() for name, text in changes.items() if text is not None}
    if not said:
        raise InvalidInput(f"nothing to write: give {', '.join(CARD_FIELDS)}, or some of them")
    with context.database.transaction() as transaction:
        row = models.find(transaction, subject)
        if row is None and subject not in models.names(transaction):
            raise ModelNotFound(
                f"{subject!r:.160} is neither a model id nor a model name; model_names() and list_models() list both"
            )
        name, model_id = (subject, None) if row is None else (row["model_name"], subject)
        last = next((each for each in history(transaction, name) if each.model_id == model_id), None)
        before = {field: "" if last is None else str(last.after.get(field, "")) for field in CARD_FIELDS}
        after = {**before, **said}
        if after != before:
            events.append(
                transaction,
                now=context.now(),
                kind=EventKind.MODEL_CARD_WRITTEN,
                actor=who,
                reason=why,
                model_name=name,
                model_id=model_id,
                before=before,
                after=after,
            )
        return current(transaction, name, model_id or "")
