"""Verbs of live traffic: experiments, health, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..actions import alert, experiment, notify
from ..actions.context import NOT_CHECKED
from ..catalog import alerts, experiments
from ..live import Alert, Experiment, ExperimentReport, HealthReport, LivePerformance
from ..records import Deployment
from ..rules.experiments import Shares
from .verbs import Verbs


class MonitoringVerbs(Verbs):
    """Try challengers on live traffic, and watch the champion.

    Whoever changes an experiment may hand in the ``expected`` one: the record the caller saw. Where it is in another
    state by now, nothing changes and a StateConflict says who changed it.
    """

    def start_experiment(
        self,
        model_name: str,
        challenger_id: str | Sequence[str],
        mode: str | None = None,
        share: Shares | None = None,
        stages: str | Sequence[str | float] | None = None,
        *,
        metric: str | None = None,
        expected_champion: str | None = NOT_CHECKED,
        actor: str | None = None,
        reason: str = "",
    ) -> Experiment:
        """Let one or more challengers take part in the champion's live traffic.

        Args:
            challenger_id: the id of a model of that name, or a list of them. They need the champion's inputs and
                classes.
            mode: ``shadow`` (they score the same rows and answer nothing; the default) or ``split`` (they answer their
                share). Any number may run in shadow, one experiment of a name may split.
            share: what the challengers answer together, divided evenly (0.05 is 5%, the default), or one for each by
                its id.
            stages: instead of mode and share, the way to production: ``"default"``, or a list such as ``["shadow",
                0.01, 0.05, 0.25, 0.5, 1.0]``. A share is what the challengers answer together, 1.0 the promotion.
            metric: what decides: ``accuracy`` (of a classifier, by default) or ``brier_score``; of a regression, the
                loss that the setting ``monitoring.loss`` keeps.
            expected_champion: as in ``promote``.

        Raises:
            NoModelAvailable: there is no champion to challenge.
            NotEligible: a challenger is rejected, archived, disqualified or quarantined.
            StateConflict: it is the champion, takes part in another experiment, or another one splits the traffic.
            InvalidInput: it takes other inputs than the champion; shares or stages that cannot be assigned.
            ArtifactError: its files are missing, altered, or do not load.
        """
        return experiment.start(
            self._context, model_name, challenger_id, mode=mode, share=share, stages=stages, metric=metric,
            expected_champion=expected_champion, actor=actor, reason=reason,
        )  # fmt: skip

    def set_share(
        self,
        experiment_id: int,
        share: Shares,
        *,
        actor: str | None = None,
        reason: str = "",
        expected: Experiment | None = None,
    ) -> Experiment:
        """Give challengers another share of the traffic; out of shadow this begins the split.

        Whoever was answered by a challenger stays with it when its share grows. An experiment that follows stages is
        advanced instead (StateConflict).
        """
        return experiment.set_share(self._context, experiment_id, share, actor=actor, reason=reason, expected=expected)

    def pause_experiment(
        self, experiment_id: int, *, actor: str | None = None, reason: str = "", expected: Experiment | None = None
    ) -> Experiment:
        """Let the champion answer everybody, until the experiment is resumed."""
        return experiment.pause(self._context, experiment_id, actor=actor, reason=reason, expected=expected)

    def resume_experiment(
        self, experiment_id: int, *, actor: str | None = None, reason: str = "", expected: Experiment | None = None
    ) -> Experiment:
        """Go on with a paused experiment where it stood."""
        return experiment.resume(self._context, experiment_id, actor=actor, reason=reason, expected=expected)

    def stop_experiment(
        self, experiment_id: int, *, actor: str | None = None, reason: str = "", expected: Experiment | None = None
    ) -> Experiment:
        """End an experiment without a winner; the champion answers everybody. Its statistics stay."""
        return experiment.stop(self._context, experiment_id, actor=actor, reason=reason, expected=expected)

    def advance_experiment(
        self,
        experiment_id: int,
        *,
        actor: str | None = None,
        reason: str = "",
        expected: Experiment | None = None,
        override: bool = False,
    ) -> Experiment:
        """Take an experiment's next stage, if the gates of the present one hold; the stage 1.0 is the promotion.

        Args:
            override: go on although gates do not hold; needs a reason, which stays in the event.

        Raises:
            GatesFailed: a gate of the stage, or at the promotion one of the model's, does not hold; ``report`` lists
                them.
            StateConflict: there is no further stage, the experiment is paused or has ended, or another one splits the
                traffic.
        """
        from ..actions.watch import report

        self._flush_serving()
        found = experiment.check_seen(self._context.database, experiment_id, expected)
        gates = report.stage_gates(self._context, found)
        return experiment.advance(
            self._context, experiment_id, gates, actor=actor, reason=reason, expected=found, override=override
        )

    def promote_challenger(
        self,
        experiment_id: int,
        challenger_id: str | None = None,
        *,
        actor: str | None = None,
        reason: str = "",
        expected_champion: str | None = NOT_CHECKED,
        expected: Experiment | None = None,
        override: bool = False,
    ) -> Deployment:
        """Make a challenger champion; the experiment ends in the same transaction, won by it.

        The ordinary gates hold, as in ``promote``, and an override needs a reason.

        Args:
            challenger_id: the winner; may be left out where only one takes part.

        Raises:
            GatesFailed, ChampionChanged, NotEligible, ArtifactError: as in ``promote``.
            StateConflict: the experiment has ended, or the model takes no part in it.
        """
        return experiment.promote(
            self._context, experiment_id, challenger_id, actor=actor, reason=reason, expected=expected,
            expected_champion=expected_champion, override=override,
        )  # fmt: skip

    def experiments(self, model_name: str | None = None) -> list[Experiment]:
        """Every experiment (of a model name), newest first."""
        return experiments.listed(self._context.database, model_name)

    def experiment(self, experiment_id: int) -> Experiment:
        """One experiment.

        Raises:
            NotFound: none has that number.
        """
        return experiment.find(self._context.database, experiment_id)

    def experiment_report(self, experiment_id: int) -> ExperimentReport:
        """What an experiment has shown so far: effects that may be looked at as often as one likes, gates, warnings.

        Raises:
            NotFound: no experiment has that number.
        """
        from ..actions.watch import report

        self._flush_serving()
        return report.report(self._context, experiment.find(self._context.database, experiment_id))

    def live_performance(
        self,
        model_name: str,
        model_id: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> LivePerformance:
        """The metrics of a champion over all its labels of one stretch of time, by time of prediction.

        They are computed once from the exact sums of every window, as if from the rows themselves: what averages of
        windows are not.

        Args:
            model_name: whose champion.
            model_id: of all this model answered as champion; left out, of the present champion in its present
                deployment.
            since: from the window on that holds this moment; from the beginning when left out. Naive times are UTC.
            until: without the windows that begin at this moment or later; up to now when left out.

        Raises:
            ModelNotFound: no model carries that name, or the model is of another one.
            NoModelAvailable: there is no champion, and no ``model_id`` was given.
        """
        from ..actions.watch import performance

        self._flush_serving()
        return performance.performance(self._context, model_name, model_id, since, until)

    def check_health(self, model_name: str, *, act: bool = True) -> HealthReport:
        """Look at a champion, do what the policy wants done, and say how it stands.

        The same is done whenever outcomes are recorded, and by ``model-registry watch``.

        Args:
            act: False only says how it stands, and changes nothing: what a page does that somebody merely looks at.

        Raises:
            ModelNotFound: no model carries that name.
        """
        from ..actions.watch import health

        self._flush_serving()
        return health.check(self._context, model_name, act=act)

    def alerts(self, model_name: str | None = None, resolved: bool = False, *, limit: int | None = 200) -> list[Alert]:
        """What a person should know of, newest first; alerts that are over only with ``resolved``."""
        return alerts.listed(self._context.database, model_name, resolved=resolved, limit=limit)

    def acknowledge(self, alert_id: int, *, actor: str | None = None, note: str = "") -> Alert:
        """Say that you have seen an alert. One about something that was dealt with already (a rollback, a stopped
        challenger) is over then; any other stays until its trouble is.

        Raises:
            NotFound: no alert has that number.
            StateConflict: it is acknowledged or resolved already.
        """
        return alert.acknowledge(self._context, alert_id, actor, note)

    def send_notifications(self) -> None:
        """Send what waits in the outbox and is due, before this returns. What fails is tried again later.

        Alerts that this process opens are sent by a thread of their own; this is for what other processes left behind.
        """
        notify.send_due(self._context)

    def resolve_alert(self, alert_id: int, *, actor: str | None = None, reason: str = "") -> Alert:
        """Say that the trouble is over. Where it goes on, the next evidence of it opens another alert.

        Raises:
            NotFound: no alert has that number.
            StateConflict: it is resolved already.
        """
        return alert.resolve(self._context, alert_id, actor, reason)
