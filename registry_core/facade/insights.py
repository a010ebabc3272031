"""Methods that explain an evaluated version: where it loses, fairness, what it is worth, feature impact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..actions import insights
from ..evidence import Benchmark, Curve
from ..insights import Fairness, ImpactComparison, LosingSlices, OutcomeValue
from ..maintenance import Progress
from .verbs import Verbs


class InsightVerbs(Verbs):
    """Explain an evaluated version against the champion."""

    def losing_slices(self, model_id: str, benchmark: str | None = None) -> LosingSlices:
        """Where a version loses against the champion, over all columns of a benchmark.

        A shallow tree on the paired loss searches one half of the rows for conditions; the other half confirms them.
        On average at most 5% of the slices named are false. Nothing is loaded: the stored predictions suffice.

        Args:
            benchmark: its name. Default: the active benchmark.

        Raises:
            InvalidInput: the version or the champion is not evaluated on the benchmark, or there is no other champion.
            ModelNotFound: no model has that id.
        """
        return insights.losing_slices(self._context, model_id, benchmark)

    def fairness(self, model_id: str, benchmark: str | None = None) -> dict[str, Fairness]:
        """The rates of a version by group of each protected column of a benchmark, with gaps and ratios.

        Selection rate, true and false positive rate and accuracy for two classes, accuracy for more. Nothing is
        loaded: the stored predictions suffice.

        Returns:
            protected column -> rates; empty if the benchmark has no protected column, or is a regression.

        Raises:
            InvalidInput: the version is not evaluated on the benchmark.
            ModelNotFound: no model has that id.
        """
        return insights.fairness(self._context, model_id, benchmark)

    def set_protected_columns(
        self,
        benchmark: str,
        model_name: str,
        columns: Sequence[str],
        *,
        actor: str | None = None,
        reason: str = "",
    ) -> Benchmark:
        """Set which columns of a benchmark are protected: those by whose values ``fairness`` compares groups.

        An event records the change. Evaluations stay as they are.

        Args:
            benchmark: its name.
            columns: columns of its table but the target; an empty list protects none.

        Raises:
            InvalidInput: there is no such benchmark or column.
        """
        from ..actions import benchmarks

        return benchmarks.set_protected(self._context, benchmark, model_name, columns, actor, reason)

    def outcome_value(
        self, model_id: str, benchmark: str | None = None, *, values: Mapping[str, float] | None = None
    ) -> OutcomeValue:
        """The outcome value of a binary classifier per 1,000 rows at each threshold, beside the champion.

        Args:
            benchmark: its name. Default: the active benchmark.
            values: what one ``hit``, ``miss``, ``false_alarm`` and ``correct_rejection`` is worth; negative where it
                costs. Default: the setting ``outcome_values`` of the model name.

        Raises:
            InvalidInput: no values, not two classes, no probabilities, or the version is not evaluated there.
            ModelNotFound: no model has that id.
        """
        return insights.outcome_value(self._context, model_id, benchmark, values)

    def residuals(self, model_id: str, benchmark: str | None = None) -> tuple[Curve, ...]:
        """The mean residuals of an evaluated regression: ``residuals`` by prediction, and ``slice_residuals`` of each
        slice column. A residual is the label minus the prediction.

        Returns:
            curves with intervals in their details; none for a classifier.

        Raises:
            InvalidInput: the version is not evaluated on the benchmark.
            ModelNotFound: no model has that id.
        """
        return insights.residuals(self._context, model_id, benchmark)

    def measure_feature_impact(
        self,
        model_id: str,
        benchmark: str | None = None,
        *,
        repeats: int = 5,
        seed: int = 0,
        progress: Progress | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> ImpactComparison:
        """Compute the permutation importance of every feature on a benchmark, of a version and of the champion.

        The sandbox permutes and predicts, without the labels. Version and champion predict the same rows with
        the same permutations, at the same time. A benchmark with many rows and features is sampled, so that at most
        750,000 rows are predicted, but 500 rows of each feature. The result is stored. As for ``evaluate_all``,
        ``joblib.parallel_config`` decides where models predict.

        Args:
            benchmark: its name. Default: the active benchmark.
            repeats: permutations of each feature, 1 to 100.
            seed: of the permutations; they are those of scikit-learn's ``permutation_importance``.
            progress: callback (step, done, total).

        Raises:
            InvalidInput: the version is not evaluated on the benchmark, or an argument is out of range.
            SandboxFailure: the version does not predict.
            ModelNotFound: no model has that id.
            WorkersLost: the workers of the chosen backend ended; nothing was stored.
        """
        from ..actions import feature_impact

        return feature_impact.measure(
            self._context, model_id, benchmark, repeats=repeats, seed=seed, progress=progress, actor=actor,
            reason=reason,
        )  # fmt: skip

    def feature_impact(self, model_id: str, benchmark: str | None = None) -> ImpactComparison | None:
        """The newest feature impact of a version beside the champion's; None if it was not computed.

        Raises:
            InvalidInput: there is no such benchmark.
            ModelNotFound: no model has that id.
        """
        from ..actions import feature_impact

        return feature_impact.read(self._context, model_id, benchmark)
