"""Methods that change the champion, the state of a model, or the settings."""

from __future__ import annotations

from typing import Any

from ..actions import configure, promotion, undo
from ..actions.context import NOT_CHECKED
from ..config import Configuration
from ..policies import Policy
from ..records import Deployment, RankingPreview
from .verbs import Verbs


class PromotionVerbs(Verbs):
    """Promote, roll back, reject, configure.

    A change of the champion ends the running experiments of its model name in the same transaction. A model that is no
    longer eligible leaves the experiments it takes part in.

    Every method here takes ``actor`` (who acts; the registry's ``actor`` by default) and ``reason`` (text of up to
    2,000 characters, kept with the event).
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
        """Promote a model to champion if all promotion gates pass. Its files are verified and test-loaded first.

        Promoting the present champion changes nothing: its deployment is returned and no event is written.

        Args:
            model_id: the model to promote.
            expected_champion: id of the champion the caller saw, None for no champion. Not checked by default.
            override: promote although gates fail. Requires a reason, which is recorded permanently with the model. A
                file that is not trusted cannot be promoted even so.

        Returns:
            the new deployment.

        Raises:
            GatesFailed: a gate fails and ``override`` is False; ``report`` has every gate. It is a NotEligible.
            ChampionChanged: another model is champion than expected; nothing changed.
            NotEligible: the model is rejected, archived, disqualified, trashed or quarantined.
            ArtifactError: its files are missing, altered, or do not load.
            ModelNotFound: no model has that id.

        Example:
            ``registry.promote(model_id, reason="better calibrated", expected_champion=seen)``
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
        """Restore an earlier champion: the latest that is eligible, or ``to``.

        The replaced model is disqualified: it is not chosen again until ``reinstate`` or ``undo_rollback``.
        ``input_change`` lists what callers have to send from then on.

        Args:
            model_name: whose champion is replaced.
            to: id of an earlier champion. Default: the latest that is eligible, see ``rollback_target``.
            expected_champion: as in ``promote``.

        Raises:
            NoModelAvailable: there is no champion, or no eligible earlier champion; nothing changed.
            InvalidInput: ``to`` was never champion of this model name.
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
        """Undo the last promotion: the previous champion serves again.

        Unlike after ``rollback``, the replaced model stays eligible; a later rollback does not return to it.

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
        """Undo the last rollback, manual or automatic: the model that was rolled back is champion again.

        One transaction reinstates the model, starts its deployment and writes both events. If anything stands in the
        way, nothing changes. Gates are not checked, since this restores an earlier state. Experiments ended by the
        rollback stay ended.

        Args:
            expected_champion: the champion that the rollback restored, as in ``promote``.

        Raises:
            StateConflict: the present champion was not restored by a rollback, or the model was disqualified again.
            NoModelAvailable: there is no champion.
            ChampionChanged, NotEligible, ArtifactError: as in ``promote``.
        """
        return undo.undo_rollback(self._context, model_name, actor, reason, expected_champion)

    def reject(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Reject a model: it stays readable and is not eligible.

        Raises:
            StateConflict: the model is champion; replace the champion first.
            ModelNotFound: no model has that id.
        """
        promotion.change_status(self._context, "reject", model_id, actor, reason)

    def archive(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Archive a model: not eligible, and hidden from the leaderboard by default.

        Raises:
            StateConflict: the model is champion.
            ModelNotFound: no model has that id.
        """
        promotion.change_status(self._context, "archive", model_id, actor, reason)

    def restore(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Restore a rejected or archived model, or a version in the trash.

        Raises:
            StateConflict: the model is neither, or purged.
            ModelNotFound: no model has that id.
        """
        promotion.change_status(self._context, "restore", model_id, actor, reason)

    def disqualify(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Disqualify a model that failed in production: not eligible until ``reinstate``.

        Raises:
            StateConflict: the model is champion; use ``rollback``.
            ModelNotFound: no model has that id.
        """
        promotion.change_status(self._context, "disqualify", model_id, actor, reason)

    def reinstate(self, model_id: str, *, actor: str | None = None, reason: str = "") -> None:
        """Make a disqualified model eligible again.

        Raises:
            StateConflict: the model is not disqualified.
            ModelNotFound: no model has that id.
        """
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
        """Change settings; scores are updated at once. The champion stays.

        Args:
            model_name: change the settings of one model name; all model names by default.
            expected: the configuration the caller saw. Not checked by default.
            changes: setting -> value, see ``settings_schema()``. None resets a setting to its default. ``gates``,
                ``monitoring`` and ``retention`` replace the whole group; ``**{"gates.slice_rows": 50}`` changes one
                setting of it.

        Returns:
            the new configuration.

        Raises:
            InvalidConfiguration: names the setting, its value and the allowed values; nothing changed.
            Conflict: the configuration is not the expected one; nothing changed.

        Example:
            ``registry.configure("Churn", gates={"minimum_metrics": {"auc": 0.8}}, reason="agreed in March")``
        """
        return configure.configure(self._context, model_name, changes, actor, reason, expected)

    def preview_configuration(self, model_name: str | None = None, **changes: Any) -> dict[str, RankingPreview]:
        """The ranking of every model name under changed settings. Nothing is changed.

        The static scan of files is not repeated.

        Returns:
            model name -> ranking before and after.

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
        """Restore the settings of all model names as they were after an event ``created`` or ``configured``.

        This is a change of its own, with its own event.

        Raises:
            NotFound: there is no such event, or it did not change the settings.
            Conflict: as in ``configure``.
            StateConflict: a champion would no longer be trusted.
        """
        return configure.revert(self._context, event_id, actor, reason, expected)

    def configuration(self) -> Configuration:
        """The present settings of the registry and of every model name."""
        return configure.configuration(self._context)

    def policy(self, model_name: str) -> Policy:
        """The policy of one model name: the settings of the registry with its own changes."""
        return configure.configuration(self._context).policy(model_name)
