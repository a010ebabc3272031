"""Verbs of evidence: benchmarks, what is measured on them, gates, reviews, and whose files are trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..actions import answer_checks, gates, proofs, signatures, trust
from ..actions.model_records import record, require
from ..catalog import evidence
from ..evidence import Benchmark, Confusion, Curve, Evaluation, GateReport, Inspection, Paired, Review, Task
from ..maintenance import Progress
from ..rules import environments
from ..signature import AnswersCheck, Proof, Signature
from ..tables import TableReading
from .verbs import Verbs

if TYPE_CHECKING:
    from ..actions.evaluate import Progress as Evaluated


class EvaluationVerbs(Verbs):
    """Measure, judge and review."""

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
        task: Task | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> Benchmark:
        """Keep a holdout set, so that the registry can measure the models of a name itself.

        Args:
            name: such as ``holdout-2024``; unique for the model name.
            data: a DataFrame, the path of a file, or a file opened in binary mode, as ``preview_table`` reads it.
            target: the column that holds the truth. No model is ever shown it.
            features: the columns a model may be shown; all but the target when left out.
            slices: columns by whose values metrics are taken apart, such as ``region``.
            thresholds: metric -> the least a model must reach on it (the most, where less is better): gates.
            task: told from the target when left out.

        Raises:
            InvalidInput: the data cannot be read, lacks a column, or misses the truth in a row.
            StateConflict: the model name has a benchmark of that name; its rows never change.
        """
        from ..actions import benchmarks

        return benchmarks.add(
            self._context, name, model_name, data, target, features=features, slices=slices,
            thresholds=thresholds or {}, task=task, actor=actor, reason=reason,
        )  # fmt: skip

    def preview_table(self, data: Any, model_name: str | None = None, target: str | None = None) -> TableReading:
        """What is understood of a table, before any of it counts: nothing is kept.

        A file is recognised by its content: CSV (delimiter, encoding, decimal sign), Parquet, Arrow or Feather, JSON
        lines; compressed by gzip, bz2, xz, zip or zstd or not at all. Columns are read as the signature of the
        champion says, else of the newest model. What no signature names is read carefully: numbers with leading zeros
        are text, and in a column of text only an empty cell is missing.

        Args:
            data: a DataFrame, the path of a file, or a file opened in binary mode.
            model_name: whose signature says how columns are read.
            target: the column with the labels: its classes are counted.

        Raises:
            InvalidInput: it cannot be read, or a cell is not what its column holds; file, row and column are named.
                Rows are counted as a spreadsheet shows them: the header of a CSV file is row 1.
        """
        from ..actions import benchmarks

        return benchmarks.preview(self._context, data, model_name, target)

    def benchmarks(self, model_name: str | None = None) -> list[Benchmark]:
        """Every benchmark (of a model name), newest first."""
        return evidence.benchmarks(self._context.database, model_name)

    def counting_benchmark(self, model_name: str) -> Benchmark | None:
        """The benchmark that counts for ranking and gates: the one the policy names, else the newest that the champion
        can be measured on."""
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
        """Measure a model on a benchmark, in a process of its own that is walled in and sees no truth.

        Metrics come with 95% intervals, overall and per slice; what the model answered is kept, so that two models are
        compared on the very same rows. A model that crashes, hangs or answers nonsense gives a ``failed`` evaluation
        that says so. A quarantined file may be measured too: it runs only where every limit of the sandbox holds.

        Args:
            benchmark: its name; the one the policy names, else the newest of the model name, when left out.
            allow_incomplete: let a quarantined file run although this machine lacks a wall of the sandbox.
            seconds: the most a model may take, 60 when left out.
            memory_bytes: the most memory it may use beside its libraries, 4 GiB when left out.

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
        jobs: int = 2,
        progress: Evaluated | None = None,
        actor: str | None = None,
        reason: str = "",
    ) -> list[Evaluation]:
        """Measure every trusted version of a name that was never tried on a benchmark, several at once.

        Each result is kept at once: interrupted and called again, only the rest is done.

        Args:
            again: measure those as well that were tried before.
            jobs: how many at once.
            progress: called with how many are done, how many there are, and the last evaluation.
        """
        from ..actions import evaluate

        return evaluate.evaluate_all(
            self._context, model_name, benchmark, again=again, jobs=jobs, progress=progress, actor=actor, reason=reason
        )

    def evaluations(self, model_id: str, benchmark: str | None = None) -> list[Evaluation]:
        """What was measured of a model (on one benchmark), newest first."""
        from ..actions import evaluate

        return evaluate.listed(self._context, model_id, benchmark)

    def count_measured(self, benchmark: Benchmark) -> int:
        """How many versions were tried on a benchmark."""
        return evidence.count_measured(self._context.database, benchmark.fingerprint)

    def compare_measured(self, first_id: str, second_id: str, benchmark: str | None = None) -> Paired:
        """The second model against the first on the same rows: differences with intervals, slices, changed answers.

        Raises:
            InvalidInput: one of them is not measured on the benchmark, or they do different jobs.
        """
        return gates.compare_measured(self._context, first_id, second_id, benchmark)

    def curves(self, model_id: str, benchmark: str | None = None) -> tuple[tuple[Curve, ...], Confusion | None]:
        """ROC, precision-recall and calibration of a measured classifier, and its confusion matrix."""
        return gates.curves(self._context, model_id, benchmark)

    def check_gates(self, model_id: str) -> GateReport:
        """Every gate between a model and production, passed or not, and why.

        Where it was not checked yet whether the model answers with the libraries installed here, that is done now, in
        the sandbox (a second or two), and remembered.
        """
        return gates.check(self._context, model_id)

    def signature(self, model_id: str) -> Signature:
        """What a version takes and gives: features by name, order and kind, task, classes, probabilities."""
        row = require(self._context.database, model_id)
        return signatures.signature(self._context.database, record(self._context, row))

    def proof(self, model_id: str) -> Proof | None:
        """The example rows of a version and what it answered to them; None where it has no proof yet.

        The rows are as they arrive in production: who may not see a holdout set should not see them.
        """
        return answer_checks.of_version(self._context, model_id)

    def answers_check(self, model_id: str) -> AnswersCheck | None:
        """What came of asking a version with the libraries installed here; None where nobody did. Asks nothing."""
        row = require(self._context.database, model_id)
        return answer_checks.known_check(self._context.database, row, record(self._context, row))

    def verify_answers(self, model_id: str, *, actor: str | None = None) -> AnswersCheck:
        """Load a version in the sandbox and ask it its example rows again; a version without any gets them now.

        Raises:
            ModelNotFound: no model has that id.
            ArtifactError: its bytes are missing, altered, purged or not trusted.
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
        """The same for every trusted version (of a name), in one warm process: model id -> what came of it.

        Args:
            missing: only those that were not checked with the libraries installed here.
            progress: called with what is done, how many are, and how many there are.
        """
        return answer_checks.verify_all(self._context, model_name, missing=missing, progress=progress, actor=actor)

    def review(self, model_id: str, verdict: str, text: str, *, actor: str | None = None) -> Review:
        """Say something of a version: ``approved``, ``rejected`` or ``comment``, with words.

        Raises:
            InvalidInput: no words, an unknown verdict, or an approval by whoever registered it.
        """
        return gates.review(self._context, model_id, verdict, text, actor)

    def reviews(self, model_id: str) -> list[Review]:
        """What reviewers said of a version, oldest first."""
        return gates.reviews(self._context, model_id)

    def compare_libraries(self, libraries: Mapping[str, str]) -> str:
        """Which of these library versions, as a file or a version names them, differ from those installed here: a
        sentence, empty where none does."""
        known = {name: version for name, version in libraries.items() if " " not in name}
        return environments.in_words(known, proofs.environment_of(known))

    def inspect(self, model_file: Any, model_name: str | None = None) -> Inspection:
        """Look into a model file without running anything in it, and without keeping it.

        Args:
            model_file: a path or an open binary file.
            model_name: whose policy says which further names are trusted.
        """
        return trust.inspect(self._context, model_file, model_name)

    def trust(self, model_id: str, *, actor: str | None = None, reason: str = "") -> tuple[str, ...]:
        """Trust the names a quarantined file holds, for every model of its name; gives those names.

        Raises:
            StateConflict: its file is not quarantined.
            InvalidInput: no reason was given.
            InvalidConfiguration: it holds a name that can never be trusted.
        """
        return trust.trust(self._context, model_id, actor, reason)
