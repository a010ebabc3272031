"""Methods for live traffic: experiments, health, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..actions import alert, experiment, experiment_checks, notify
from ..actions.context import NOT_CHECKED
from ..actions.leading import Leading
from ..catalog import alerts, experiments
from ..live import Alert, Experiment, ExperimentReport, HealthReport, LivePerformance
from ..records import Deployment
from ..rules.experiments import Shares
from .verbs import Verbs


class MonitoringVerbs(Verbs):
    """Run challengers on live traffic, and monitor the champion.

    Methods that change an experiment accept ``expected``, the experiment as the caller saw it. If its state has changed
    since then, nothing happens and a StateConflict names the actor.
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
        """Start an experiment: one or more challengers on the champion's live traffic.

        Args:
            challenger_id: id of a model of that name, or a list of them. They require the champion's features and
                classes.
            mode: ``shadow`` (score the same rows, serve none; the default) or ``split`` (serve a share). Any number of
                experiments of a model name may run in shadow, one may split.
            share: total share of the challengers, divided evenly (0.05 is 5%, the default), or id -> share.
            stages: instead of mode and share, the rollout stages: ``"default"``, or a list such as ``["shadow", 0.01,
                0.05, 0.25, 0.5, 1.0]``. Numbers are total shares of the challengers, 1.0 is the promotion.
            metric: decision metric: ``accuracy`` (the default of a classifier), ``brier_score``, or for a regression
                the loss of the setting ``monitoring.loss``.
            expected_champion: as in ``promote``.

        Raises:
            NoModelAvailable: there is no champion.
            NotEligible: a challenger is rejected, archived, disqualified or quarantined.
            StateConflict: a challenger is champion or in another experiment, or another experiment splits the traffic.
            InvalidInput: a challenger has other features than the champion; invalid shares or stages.
            ArtifactError: files of a challenger are missing, altered, or do not load.
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
        """Change the traffic share of challengers. A share for a shadow experiment starts the split.

        A unit served by a challenger keeps it when the share grows.

        Raises:
            StateConflict: the experiment follows stages; use ``advance_experiment``.
            InvalidInput: an invalid share.
        """
        return experiment.set_share(self._context, experiment_id, share, actor=actor, reason=reason, expected=expected)

    def pause_experiment(
        self, experiment_id: int, *, actor: str | None = None, reason: str = "", expected: Experiment | None = None
    ) -> Experiment:
        """Pause an experiment: the champion answers all traffic.

        Raises:
            StateConflict: the experiment is paused already, or has ended.
        """
        return experiment.pause(self._context, experiment_id, actor=actor, reason=reason, expected=expected)

    def resume_experiment(
        self, experiment_id: int, *, actor: str | None = None, reason: str = "", expected: Experiment | None = None
    ) -> Experiment:
        """Resume a paused experiment.

        Raises:
            StateConflict: the experiment is not paused, or has ended.
        """
        return experiment.resume(self._context, experiment_id, actor=actor, reason=reason, expected=expected)

    def stop_experiment(
        self, experiment_id: int, *, actor: str | None = None, reason: str = "", expected: Experiment | None = None
    ) -> Experiment:
        """Stop an experiment without a winner; the champion answers all traffic. Its statistics are kept.

        Raises:
            StateConflict: the experiment has ended.
        """
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
        """Advance an experiment to its next stage if all rollout gates pass. Stage 1.0 is the promotion.

        Args:
            override: advance although gates fail. Requires a reason, which is recorded permanently.

        Raises:
            GatesFailed: a rollout gate fails, or at the promotion a promotion gate; ``report`` has them.
            StateConflict: there is no further stage, the experiment is paused or has ended, or another experiment
                splits the traffic.
        """
        from ..actions.watch import report

        self._flush_serving()
        found = experiment_checks.check_seen(self._context.database, experiment_id, expected)
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
        """Promote a challenger to champion; the experiment ends in the same transaction, with it as winner.

        All promotion gates apply, as in ``promote``.

        Args:
            challenger_id: the winner. Optional with a single challenger.

        Raises:
            GatesFailed, ChampionChanged, NotEligible, ArtifactError: as in ``promote``.
            StateConflict: the experiment has ended, or the model is not in it.
        """
        return experiment.promote(
            self._context, experiment_id, challenger_id, actor=actor, reason=reason, expected=expected,
            expected_champion=expected_champion, override=override,
        )  # fmt: skip

    def experiments(self, model_name: str | None = None) -> list[Experiment]:
        """All experiments (of a model name), newest first."""
        return experiments.listed(self._context.database, model_name)

    def experiment(self, experiment_id: int) -> Experiment:
        """One experiment.

        Raises:
            NotFound: no experiment has that id.
        """
        return experiment_checks.find(self._context.database, experiment_id)

    def experiment_report(self, experiment_id: int) -> ExperimentReport:
        """The results of an experiment so far: effects with intervals valid at every look, gates, warnings.

        Raises:
            NotFound: no experiment has that id.
        """
        from ..actions.watch import report

        self._flush_serving()
        return report.report(self._context, experiment_checks.find(self._context.database, experiment_id))

    def live_performance(
        self,
        model_name: str,
        model_id: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> LivePerformance:
        """Metrics of a champion over all its labels of one period, by time of prediction.

        They are computed once from the exact sums of every window, as if from the rows; averages of windows are not.

        Args:
            model_id: all predictions of this model as champion. Default: the champion in its present deployment.
            since: from the window that contains this time. Default: the beginning. Without a time zone: UTC.
            until: without windows that begin at this time or later. Default: now.

        Raises:
            ModelNotFound: no model has that name, or the model has another name.
            NoModelAvailable: there is no champion, and no ``model_id`` was given.
        """
        from ..actions.watch import performance

        self._flush_serving()
        return performance.performance(self._context, model_name, model_id, since, until)

    def check_health(self, model_name: str, *, act: bool = True) -> HealthReport:
        """Check the champion's health, and act as the policy says.

        The same runs whenever outcomes are recorded, and with ``model-registry watch``.

        Args:
            act: False only reports and changes nothing.

        Raises:
            ModelNotFound: no model has that name.
        """
        from ..actions.watch import health

        self._flush_serving()
        return health.check(self._context, model_name, act=act)

    def alerts(self, model_name: str | None = None, resolved: bool = False, *, limit: int | None = 200) -> list[Alert]:
        """Alerts (of a model name), newest first.

        Args:
            resolved: include resolved alerts.
            limit: maximum number, None for all.
        """
        return alerts.listed(self._context.database, model_name, resolved=resolved, limit=limit)

    def acknowledge(self, alert_id: int, *, actor: str | None = None, note: str = "") -> Alert:
        """Acknowledge an alert.

        This resolves an alert about a completed action (a rollback, a stopped challenger); any other stays open as long
        as its problem lasts.

        Raises:
            NotFound: no alert has that id.
            StateConflict: the alert is acknowledged or resolved already.
        """
        return alert.acknowledge(self._context, alert_id, actor, note)

    def send_notifications(self) -> None:
        """Send all notifications and webhook deliveries that are due, before this returns.

        Failed ones are retried later. Those of this process are sent by a thread; this method also sends those that
        other processes left.
        """
        notify.send_due(self._context)

    def keep_sending(self) -> None:
        """Send notifications and webhook deliveries that other processes left as well, in a thread, until ``close``.

        ``model-registry dashboard`` and ``serve`` do so, ``watch`` at each of its checks.
        """
        notify.keep_sending(self._context)

    def lead(self, task: str, seconds: float, held: int = 0) -> int:
        """Lead a periodic task, where several processes of one registry would do the same.

        ``model-registry watch`` asks at each of its checks, so that of several watchers one checks and the others wait.

        Args:
            task: name of the task, such as ``watch``.
            seconds: length of the lease: a leader that has not asked again for so long is replaced. All processes give
                the same.
            held: what the call before returned in this process; 0 at first.

        Returns:
            0 where another process leads; otherwise a number, to be given as ``held`` at the next call.

        Raises:
            InvalidInput: ``task`` is no text of 1 to 100 characters, or ``seconds`` is not in (0, 86400].

        Example:
            >>> import tempfile
            >>> from registry_core import Registry
            >>> with tempfile.TemporaryDirectory() as folder, Registry(folder) as registry:
            ...     leader = registry.lead("report", 600)
            ...     leader > 0, registry.lead("report", 600), registry.lead("report", 600, leader) > 0
            (True, 0, True)
        """
        return self._context.part(Leading).lead(task, seconds, held)

    def give_up_lead(self, task: str, held: int) -> None:
        """Let another process lead a task at once. Nothing happens where ``held`` does not lead it any more."""
        self._context.part(Leading).give_up(task, held)

    def resolve_alert(self, alert_id: int, *, actor: str | None = None, reason: str = "") -> Alert:
        """Resolve an alert. If the problem persists, its next evidence opens another alert.

        Raises:
            NotFound: no alert has that id.
            StateConflict: the alert is resolved already.
        """
        return alert.resolve(self._context, alert_id, actor, reason)
