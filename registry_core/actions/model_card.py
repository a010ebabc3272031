"""Model cards: put together from what is known of a version, with what people wrote of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from ..catalog import deployments, evidence
from ..errors import InvalidInput
from ..evidence import Evaluation
from ..model_card import ModelCard
from ..records import utc_text
from ..rules import lineage, model_card
from . import card_text, signatures, verdict
from .context import Context
from .model_records import record, require

CardFormat = Literal["markdown", "html"]


def card(context: Context, model_id: str) -> ModelCard:
    """See ``Registry.model_card``."""
    with context.database.snapshot() as queries:
        row = require(queries, model_id)
        model = record(context, row)
        newest: dict[str, Evaluation] = {}
        for each in evidence.evaluations(queries, model_id):
            newest.setdefault(each.benchmark, each)
        serving = deployments.current(queries, model.model_name)
        model = model.having(is_active=serving is not None and serving.model_id == model_id)
        known = ModelCard(
            model,
            card_text.current(queries, model.model_name, model_id),
            signatures.signature(queries, model),
            lineage.facts(model.lineage),
            verdict.judge(context, queries, row),
            tuple(newest.values()),
            tuple(evidence.reviews(queries, model_id)),
            tuple(each for each in deployments.listed(queries, model.model_name) if each.model_id == model_id),
            made_at=utc_text(context.now()),
        )
    return replace(known, cautions=model_card.cautions(known))


def export(context: Context, model_id: str, form: CardFormat) -> str:
    """See ``Registry.export_model_card``."""
    if form not in ("markdown", "html"):
        raise InvalidInput(f"form is {form!r:.80}; allowed are 'markdown' and 'html'")
    known = card(context, model_id)
    return model_card.markdown(known) if form == "markdown" else _html(known)


def _html(card: ModelCard) -> str:
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise InvalidInput(
            "a model card as HTML needs jinja2: pip install 'model-registry-dashboard[dashboard]', or export Markdown"
        ) from error
    environment = jinja2.Environment(loader=jinja2.PackageLoader("registry_core"), autoescape=True)
    environment.filters["visible"] = model_card.visible
    return environment.get_template("model_card.html").render(
        title=card.model.display_name, made=f"{card.made_at[:10]} {card.made_at[11:16]} UTC",
        sections=model_card.sections(card),
    )  # fmt: skip
