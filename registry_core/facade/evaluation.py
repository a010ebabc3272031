"""Methods of evaluation: benchmarks, gates, reviews, signatures, trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..actions import answer_checks, gates, proofs, signatures, trust, verdict
from ..actions.model_records import record, require
from ..catalog import evidence
from ..evidence import Benchmark, Confusion, Curve, Evaluation, Inspection, Paired, Review, Task
from ..gates import GateReport, PromotionVerdict
from ..maintenance import Progress
from ..rules import environments
from ..signature import AnswersCheck, Proof, Signature
from ..tables import TableReading
from .verbs import Verbs

if TYPE_CHECKING:
    from ..actions.evaluate import Progress as Evaluated


class EvaluationVerbs(Verbs):
    """Evaluate, check gates and review."""

    def add_benchmark(
        self,
        name: str,
        model_name: str,
        data: Any,
        target: str,
        *,
        features: Sequence[str] | None = None,
        slices: Sequence[str] = (),
        thresholds: Mapping[str, float] | None = None,
        protected: Sequence[str] = (),
        task: Task | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> Benchmark:
        """Add a benchmark: a labelled holdout set on which the models of a name are evaluated.

        Args:
            name: such as ``holdout-2024``; unique per model name.
            data: a DataFrame, the path of a table file, or a binary file, see ``preview_table``.
            target: the target column. It is withheld from models.
            features: feature columns. Default: all columns but the target.
            slices: columns by whose values metrics are broken down, such as ``region``.
            thresholds: metric -> minimum (maximum where lower is better): promotion gates.
            protected: columns by whose values ``fairness`` compares groups, such as ``sex``.
            task: ``classification`` or ``regression``. Default: inferred from the target.

        Raises:
            InvalidInput: the data cannot be read, a column is missing, or a row has no label.
            StateConflict: the model name has a benchmark of that name; its rows never change.
        """
        from ..actions import benchmarks

        return benchmarks.add(
            self._context, name, model_name, data, target, features=features, slices=slices,
            thresholds=thresholds or {}, protected=protected, task=task, actor=actor, reason=reason,
        )  # fmt: skip

    def preview_table(self, data: Any, model_name: str | None = None, target: str | None = None) -> TableReading:
        """How a table is parsed. Nothing is stored.

        The format is detected from the content: CSV (delimiter, encoding, decimal sign), Parquet, Arrow, Feather or
        JSON Lines, optionally compressed with gzip, bz2, xz, zip or zstd. Columns are read by the signature of the
        champion, else of the newest model. Other columns are read conservatively: numbers with leading zeros are text,
        and in a text column only an empty cell is missing.

        Args:
            data: a DataFrame, the path of a file, or a binary file.
            model_name: model name whose signature is used.
            target: target column; its classes are counted.

        Raises:
            InvalidInput: the table cannot be read, or a cell has the wrong type; the message names file, row and
                column. Row 1 is the header of a CSV file.
        """
        from ..actions import benchmarks

        return benchmarks.preview(self._context, data, model_name, target)

    def benchmarks(self, model_name: str | None = None) -> list[Benchmark]:
        """All benchmarks (of a model name), newest first."""
        return evidence.benchmarks(self._context.database, model_name)

    def counting_benchmark(self, model_name: str) -> Benchmark | None:
        """The active benchmark for ranking and gates, or None.

        It is the one the policy names, else the newest on which the champion can be evaluated.
        """
        from ..actions import benchmarks

        policy = self._context.configuration().policy(model_name)
        return benchmarks.counting(self._context.database, model_name, policy)

    def evaluate(
        self,
        model_id: str,
        benchmark: str | None = None,
        *,
        allow_incomplete: bool = False,
        seconds: float | None = None,
        memory_bytes: int | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> Evaluation:
        """Evaluate a model on a benchmark, in the sandbox and without the labels.

        Metrics have 95% confidence intervals, overall and per slice. The predictions are stored, so that two models can
        be compared on the same rows. A model that crashes, hangs or returns invalid predictions gives an evaluation
        with status ``failed`` and the reason. A quarantined file is evaluated only where every limit of the sandbox is
        enforced.

        Args:
            benchmark: its name. Default: the active benchmark of the policy, else the newest of the model name.
            allow_incomplete: run a quarantined file although this machine lacks part of the sandbox's isolation.
            seconds: time limit, 60 by default.
            memory_bytes: memory limit beside the libraries, 4 GiB by default.

        Raises:
            InvalidInput: there is no such benchmark.
            ModelNotFound: no model has that id.
        """
        from ..actions import evaluate

        return evaluate.evaluate(
            self._context, model_id, benchmark, allow_incomplete=allow_incomplete,
            seconds=seconds, memory_bytes=memory_bytes, actor=actor, reason=reason,
        )  # fmt: skip

    def evaluate_all(
        self,
        model_name: str,
        benchmark: str | None = None,
        *,
        again: bool = False,
        jobs: int | None = None,
        progress: Evaluated | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> list[Evaluation]:
        """Evaluate every trusted version of a name that has no evaluation on a benchmark, in parallel.

        Each result is stored at once: an interrupted call resumes when it is repeated. ``joblib.parallel_config``
        decides where models predict: in the sandboxes of this process by default, or in those of its workers.

        Args:
            again: repeat existing evaluations.
            jobs: number of parallel evaluations, 1 to 64. Default: that of ``joblib.parallel_config``, else 2.
            progress: callback (done, total, last evaluation).

        Raises:
            InvalidInput: there is no such benchmark, or ``jobs`` is out of range.
            WorkersLost: the workers of the chosen backend ended; what was evaluated before is stored.
            Unreachable: they do not reach the files of the registry.
        """
        from ..actions import evaluate

        return evaluate.evaluate_all(
            self._context, model_name, benchmark, again=again, jobs=jobs, progress=progress, actor=actor, reason=reason
        )

    def evaluations(self, model_id: str, benchmark: str | None = None) -> list[Evaluation]:
        """The evaluations of a model (on one benchmark), newest first."""
        from ..actions import evaluate

        return evaluate.listed(self._context, model_id, benchmark)

    def count_measured(self, benchmark: Benchmark) -> int:
        """The number of versions with an evaluation on a benchmark."""
        return evidence.count_measured(self._context.database, benchmark.fingerprint)

    def compare_measured(self, first_id: str, second_id: str, benchmark: str | None = None) -> Paired:
        """Compare the second model with the first on the same benchmark rows.

        The result has the differences of all metrics with 95% intervals, overall and per slice, and the changed
        predictions.

        Raises:
            InvalidInput: a model has no evaluation on the benchmark, or the two do different tasks.
        """
        return gates.compare_measured(self._context, first_id, second_id, benchmark)

    def curves(self, model_id: str, benchmark: str | None = None) -> tuple[tuple[Curve, ...], Confusion | None]:
        """The ROC, precision-recall and calibration curves of an evaluated classifier, and its confusion matrix.

        Raises:
            InvalidInput: the model has no evaluation on the benchmark.
        """
        return gates.curves(self._context, model_id, benchmark)

    def check_gates(self, model_id: str) -> GateReport:
        """All promotion gates of a model, passed or failed, with details and remedy.

        If the model's predictions were not checked with the installed libraries yet, that is done now in the sandbox (a
        second or two) and stored.

        Raises:
            ModelNotFound: no model has that id.
        """
        return gates.check(self._context, model_id)

    def verdict(self, model_id: str) -> PromotionVerdict:
        """The verdict on a version: whether it should replace the champion, with numbers and the next step.

        The word is ``champion``, ``blocked``, ``not evaluated``, ``worse``, ``inconclusive``, ``better`` or ``no
        champion``. Only evaluations on the active benchmark count, never self-reported metrics. If the model's
        predictions were not checked with the installed libraries yet, that is done now in the sandbox (a second or two)
        and stored.

        Raises:
            ModelNotFound: no model has that id.
        """
        return verdict.of_version(self._context, model_id)

    def verdicts(self, model_ids: Sequence[str]) -> dict[str, PromotionVerdict]:
        """``verdict`` of many versions, by id. No model is loaded: a version whose predictions were
        not checked yet is ``not evaluated``.

        Raises:
            ModelNotFound: no model has one of the ids.
        """
        return verdict.of_many(self._context, model_ids)

    def signature(self, model_id: str) -> Signature:
        """The signature of a version: features by name, order and type; task, classes, probabilities.

        Raises:
            ModelNotFound: no model has that id.
        """
        row = require(self._context.database, model_id)
        return signatures.signature(self._context.database, record(self._context, row))

    def proof(self, model_id: str) -> Proof | None:
        """The example rows of a version with its predictions; None without any.

        The rows are as they arrive in production: treat them as confidentially as a holdout set.
        """
        return answer_checks.of_version(self._context, model_id)

    def answers_check(self, model_id: str) -> AnswersCheck | None:
        """The last prediction check of a version with the installed libraries; None if there was none. Checks nothing.

        Raises:
            ModelNotFound: no model has that id.
        """
        row = require(self._context.database, model_id)
        return answer_checks.known_check(self._context.database, row, record(self._context, row))

    def verify_answers(self, model_id: str, *, actor: str | None = None) -> AnswersCheck:
        """Check in the sandbox that a version reproduces its recorded predictions. A version without example rows gets
        them.

        Raises:
            ModelNotFound: no model has that id.
            ArtifactError: its files are missing, altered, purged or not trusted.
        """
        return answer_checks.verify(self._context, model_id, actor)

    def verify_all_answers(
        self,
        model_name: str | None = None,
        *,
        missing: bool = False,
        progress: Progress | None = None,
        actor: str | None = None,
    ) -> dict[str, AnswersCheck]:
        """``verify_answers`` for every trusted version (of a name), in one process.

        Args:
            missing: only versions not checked with the installed libraries.
            progress: callback (step, done, total).

        Returns:
            model id -> result.
        """
        return answer_checks.verify_all(self._context, model_name, missing=missing, progress=progress, actor=actor)

    def review(self, model_id: str, verdict: str, text: str, *, actor: str | None = None) -> Review:
        """Review a version: ``approved``, ``rejected`` or ``comment``, with a text of up to 5,000 characters.

        Raises:
            InvalidInput: no text, an unknown verdict, or an approval by the person who registered the version.
            ModelNotFound: no model has that id.
        """
        return gates.review(self._context, model_id, verdict, text, actor)

    def reviews(self, model_id: str) -> list[Review]:
        """The reviews of a version, oldest first."""
        return gates.reviews(self._context, model_id)

    def compare_libraries(self, libraries: Mapping[str, str]) -> str:
        """The library versions of a file or version that differ from the installed ones, as a sentence.

        Empty if none differs.
        """
        known = {name: version for name, version in libraries.items() if name and " " not in name}
        return environments.in_words(known, proofs.environment_of(known))

    def inspect(self, model_file: Any, model_name: str | None = None) -> Inspection:
        """Scan a model file without executing or storing it.

        Args:
            model_file: a path or an open binary file.
            model_name: model name whose policy may allow further imports.

        Returns:
            the verdict (``trusted``, ``quarantined`` or ``refused``) with its reason, and the file's content.
        """
        return trust.inspect(self._context, model_file, model_name)

    def trust(self, model_id: str, *, actor: str | None = None, reason: str = "") -> tuple[str, ...]:
        """Allow the imports that keep a file quarantined, for every version of its model name.

        Their code runs when a model is loaded: review it first, see ``unknown_classes``.

        Returns:
            the imports.

        Raises:
            StateConflict: the file is not quarantined.
            InvalidInput: the reason is missing.
            InvalidConfiguration: an import can never be trusted.
        """
        return trust.trust(self._context, model_id, actor, reason)
