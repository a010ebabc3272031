"""Verbs that change who serves, a model's state, or the settings."""

from __future__ import annotations

from typing import Any

from ..actions import configure, promotion, undo
from ..actions.context import NOT_CHECKED
from ..config import Configuration
from ..policies import Policy
from ..records import Deployment, RankingPreview
from .verbs import Verbs


class PromotionVerbs(Verbs):
    """Decide, and say how decisions are made.

    What changes the champion ends the running experiments of its name in the same transaction, and a model that may no
    longer be chosen leaves those it takes part in.
    """

    def promote(
        self,
        model_id: str,
        *,
        actor: str | None = None,
        reason: str = "",
        expected_champion: str | None = NOT_CHECKED,
        override: bool = False,
    ) -> Deployment:
        """Put a model into production, if all gates hold. Its bytes are verified and test-loaded before that.

        Promoting the present champion changes nothing: its deployment is returned as it is, and no event is written.

        Args:
            expected_champion: the champion the caller saw (None: saw no champion); left out, it is not checked.
            override: promote although gates fail; needs a reason, and stays visible with the model. A file that is not
                trusted cannot be promoted all the same.

        Raises:
            GatesFailed: a NotEligible; ``report`` lists every gate, failed or not.
            ChampionChanged: the champion is another one by now; nothing changed.
            NotEligible: the model is rejected, archived, disqualified or quarantined.
            ArtifactError: its bytes are missing, altered, or do not load.
        """
        return promotion.promote(self._context, model_id, actor, reason, expected_champion, override)

    def rollback(
        self,
        model_name: str,
        to: str | None = None,
        *,
        actor: str | None = None,
        reason: str = "",
        expected_champion: str | None = NOT_CHECKED,
    ) -> Deployment:
        """Take the champion out and put the previous healthy one back (or ``to``, an earlier champion).

        The model taken out is disqualified: never chosen again until somebody reinstates it, or takes the rollback
        back with ``undo_rollback``. ``input_change`` says what callers have to send from then on.

        Raises:
            NoModelAvailable: there is no champion, or no healthy predecessor; the champion stays.
            ChampionChanged, NotEligible, ArtifactError: as in ``promote``.
        """
        return promotion.rollback(self._context, model_name, to, actor, reason, expected_champion)

    def undo_promotion(
        self,
        model_name: str,
        *,
        actor: str | None = None,
        reason: str = "",
        expected_champion: str | None = NOT_CHECKED,
    ) -> Deployment:
        """Take the last promotion back: the champion before it serves again, and nobody is disqualified.

        Unlike after a ``rollback``, the model taken out stays eligible; a later rollback does not return to it.

        Raises:
            NoModelAvailable: there was no champion before.
            ChampionChanged, NotEligible, ArtifactError: as in ``promote``.
        """
        return promotion.undo_promotion(self._context, model_name, actor, reason, expected_champion)

    def undo_rollback(
        self,
        model_name: str,
        *,
        actor: str | None = None,
        reason: str = "",
        expected_champion: str | None = NOT_CHECKED,
    ) -> Deployment:
        """Take the last rollback back, a person's or an automatic one: the model it took out is champion again.

        That is one transaction: the model is reinstated, its deployment begins, and both events are written; where
        anything stands in the way, nothing changes. Gates are not asked, since this restores what was. Experiments that
        the rollback ended stay ended.

        Args:
            expected_champion: whom the rollback put into production, as in ``promote``.

        Raises:
            StateConflict: the champion did not come by a rollback, or the model was disqualified again since then.
            NoModelAvailable: there is no champion.
            ChampionChanged, NotEligible, ArtifactError: as in ``promote``.
        """
        return undo.undo_rollback(self._context, model_name, actor, reason, expected_champion)

    def reject(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Say no to a model: it stays readable and is not eligible. The champion cannot be rejected (StateConflict)."""
        promotion.change_status(self._context, "reject", model_id, actor, reason)

    def archive(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Put a model aside: not eligible, off the leaderboard's default view."""
        promotion.change_status(self._context, "archive", model_id, actor, reason)

    def restore(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Take back a rejection or an archiving."""
        promotion.change_status(self._context, "restore", model_id, actor, reason)

    def disqualify(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Mark a model as failed in production. A champion is taken out with ``rollback`` instead (StateConflict)."""
        promotion.change_status(self._context, "disqualify", model_id, actor, reason)

    def reinstate(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Make a disqualified model eligible again."""
        promotion.change_status(self._context, "reinstate", model_id, actor, reason)

    def configure(
        self,
        model_name: str | None = None,
        *,
        actor: str | None = None,
        reason: str = "",
        expected: Configuration | None = None,
        **changes: Any,
    ) -> Configuration:
        """Change settings for all model names or one (None as a value: back to the default); scores follow at once.

        Nobody is promoted by it.

        Args:
            expected: the settings the caller saw; left out, it is not checked.

        Raises:
            InvalidConfiguration: naming the key, its value and what is allowed; nothing changed.
            Conflict: the settings are not those that were expected; nothing changed.
        """
        return configure.configure(self._context, model_name, changes, actor, reason, expected)

    def preview_configuration(self, model_name: str | None = None, **changes: Any) -> dict[str, RankingPreview]:
        """How ``configure`` with these changes would rank the versions, by model name; nothing is changed.

        Whose files are trusted is taken as it is.

        Raises:
            InvalidConfiguration: as in ``configure``.
        """
        return configure.preview(self._context, model_name, changes)

    def revert_configuration(
        self,
        event_id: int,
        *,
        actor: str | None = None,
        reason: str = "",
        expected: Configuration | None = None,
    ) -> Configuration:
        """Go back to all settings, of every model name, as an event of kind ``created`` or ``configured`` left them.

        That is a change of its own, with an event of its own.

        Raises:
            NotFound: there is no such event, or it did not change the settings.
            Conflict: as in ``configure``; or a champion would no longer be trusted (StateConflict).
        """
        return configure.revert(self._context, event_id, actor, reason, expected)

    def configuration(self) -> Configuration:
        """The settings that hold now."""
        return configure.configuration(self._context)

    def policy(self, model_name: str) -> Policy:
        """What holds for one model name."""
        return configure.configuration(self._context).policy(model_name)
