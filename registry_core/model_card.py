"""The records of a model card: what people wrote, and all that the registry knows of a version beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .evidence import Evaluation, Review
from .gates import PromotionVerdict
from .records import Deployment, ModelMetadata
from .signature import UNKNOWN, Signature

#: What people write, field by field, and what each is about.
CARD_FIELDS: Mapping[str, str] = {
    "purpose": "What the model is for, who uses it, and what it decides",
    "limits": "Where it must not be used, and what is known to go wrong",
    "owner": "Who is responsible for it",
    "risk_tier": "How much harm a wrong prediction does, in the words of your policy",
}


@dataclass(frozen=True)
class CardText:
    """What people wrote of a version. Plain text: it is escaped wherever it is shown.

    ``at`` and ``actor`` are of the last change, empty where nobody wrote anything.
    """

    purpose: str = ""
    limits: str = ""
    owner: str = ""
    risk_tier: str = ""
    at: str = ""
    actor: str = ""

    def missing(self, fields: Sequence[str]) -> tuple[str, ...]:
        """Those of the fields that nobody wrote."""
        return tuple(name for name in fields if not str(getattr(self, name, "")).strip())


#: Of a version that nobody wrote anything of.
UNWRITTEN = CardText()


@dataclass(frozen=True)
class ModelCard:
    """What a version is, what it rests on, and what people say of it.

    Attributes:
        model: its metadata.
        text: what people wrote of it, or of its model name.
        signature: its features and output.
        lineage: what is known of where it comes from, by the name people read.
        verdict: whether it should be the champion, with its gates.
        evaluations: the newest one on each benchmark, newest first.
        reviews: oldest first.
        deployments: the times it was champion, newest first.
        cautions: what the registry itself finds lacking, in sentences.
        made_at: when the card was put together, UTC.
    """

    model: ModelMetadata
    text: CardText
    signature: Signature = UNKNOWN
    lineage: Mapping[str, object] = field(default_factory=dict)
    verdict: PromotionVerdict | None = None
    evaluations: tuple[Evaluation, ...] = ()
    reviews: tuple[Review, ...] = ()
    deployments: tuple[Deployment, ...] = ()
    cautions: tuple[str, ...] = ()
    made_at: str = ""


@dataclass(frozen=True)
class CardTable:
    """A table of a card: its head, its rows, and how many further rows are left out."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: int = 0


@dataclass(frozen=True)
class CardSection:
    """A section of a card: paragraphs, facts (name, value), points of a list, then a table. All of it is plain text."""

    title: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    points: tuple[str, ...] = ()
    table: CardTable | None = None
