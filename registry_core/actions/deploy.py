"""Putting a model into production: one event, the end of one deployment and the start of the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..catalog import deployments, events
from ..catalog.database import Transaction
from ..events import EventKind
from ..gates import Gate, PromotionVerdict
from ..records import Deployment
from . import alert, baseline, experiment_lifecycle
from .context import Context

#: The kinds of events that put a model into production.
DEPLOYED = (EventKind.PROMOTED, EventKind.ROLLED_BACK, EventKind.PROMOTION_UNDONE, EventKind.ROLLBACK_UNDONE)


def deploy(
    context: Context,
    transaction: Transaction,
    now: datetime,
    kind: EventKind,
    model_name: str,
    model_id: str,
    actor: str,
    reason: str,
    overridden: Sequence[Gate] = (),
    own_gates: str = "",
    *,
    verdict: PromotionVerdict | None = None,
) -> Deployment:
    """Make a model champion, with all that follows in the same transaction.

    The experiments of the name end, the alerts about the champion that goes are over, and what the new one is watched
    against is frozen. ``overridden`` are the failed gates somebody passed over; they stay in the event,
    as do ``own_gates``, which of the gates the actor had changed before, and the ``verdict`` as it stood.
    """
    current = deployments.current(transaction, model_name)
    after: dict[str, object] = {"champion": model_id}
    if overridden:
        after["overridden"] = {gate.name: gate.because for gate in overridden}
    if own_gates:
        after["own_gates"] = own_gates
    if verdict is not None:
        after["verdict"] = {"word": verdict.word, "sentence": verdict.sentence}
    seq, at = events.append(
        transaction,
        now=now,
        kind=kind,
        actor=actor,
        reason=reason,
        model_name=model_name,
        model_id=model_id,
        before={"champion": current.model_id if current else None},
        after=after,
    )
    deployment = Deployment(seq, model_name, model_id, at, None, actor, reason)
    deployments.replace(transaction, deployment)
    verb = kind.replace("_", " ")
    experiment_lifecycle.champion_changes(transaction, now, model_name, model_id, actor, reason)
    alert.champion_changes(transaction, now, model_name, model_id, actor, verb)
    baseline.freeze(context, transaction, deployment)
    return deployment
