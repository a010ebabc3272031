"""Methods for model cards."""

from __future__ import annotations

from typing import Literal

from ..actions import card_text, model_card
from ..model_card import CardText, ModelCard
from .verbs import Verbs


class ModelCardVerbs(Verbs):
    """Read, write and export model cards."""

    def model_card(self, model_id: str) -> ModelCard:
        """The model card of a version: what it is, its signature, lineage, evaluations, gates, reviews and deployments,
        the texts people wrote, and limits found by the registry. No model is loaded or evaluated.

        Raises:
            ModelNotFound: no model has that id.
        """
        return model_card.card(self._context, model_id)

    def write_model_card(
        self,
        subject: str,
        *,
        purpose: str | None = None,
        limits: str | None = None,
        owner: str | None = None,
        risk_tier: str | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> CardText:
        """Write fields of the model card: plain text of up to 10,000 characters each.

        Every change is an event (``model_card_written``), so all versions of the text are kept.

        Args:
            subject: a model name, whose text holds for all its versions; or a model id, whose text replaces it field by
                field.
            purpose: intended use. None keeps a field, an empty text clears it.
            limits: excluded uses and known failures.
            owner: the person or team responsible.
            risk_tier: the potential harm of a wrong prediction, in the terms of your policy.

        Returns:
            the text that applies now.

        Raises:
            InvalidInput: no field is given, or a text is too long.
            ModelNotFound: there is neither such a model nor such a model name.
        """
        fields = {"purpose": purpose, "limits": limits, "owner": owner, "risk_tier": risk_tier}
        return card_text.write(self._context, subject, fields, actor, reason)

    def export_model_card(self, model_id: str, form: Literal["markdown", "html"] = "markdown") -> str:
        """The model card of a version as a text: Markdown, or one HTML file without scripts and outside references.

        Texts of people are escaped: they are shown as written, never as markup.

        Raises:
            InvalidInput: an unknown form, or HTML where jinja2 is not installed.
            ModelNotFound: no model has that id.
        """
        return model_card.export(self._context, model_id, form)
