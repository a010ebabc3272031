"""Gates and what they stand on: two models on the same rows, and what reviewers said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from ..catalog import deployments, events, evidence, models
from ..catalog.database import Queries
from ..errors import ArtifactError, InvalidInput
from ..events import EventKind
from ..evidence import (
    Benchmark,
    Confusion,
    Curve,
    Difference,
    Evaluation,
    Gate,
    GateReport,
    Inspection,
    Paired,
    Review,
)
from ..model_card import UNWRITTEN
from ..policies import Policy
from ..records import ModelMetadata, Row
from ..rules import gates, people, sentences
from ..rules.intake import check_text
from ..signature import UNKNOWN, AnswersCheck, Signature
from . import answer_checks, benchmarks, card_text, proofs, seals, signatures
from .context import Context
from .model_records import eligible, record, require

if TYPE_CHECKING:
    from .answers import Kept

_MOST_TEXT = 5000
_REVIEWED = {
    "approved": EventKind.REVIEW_APPROVED,
    "rejected": EventKind.REVIEW_REJECTED,
    "comment": EventKind.REVIEW_COMMENT,
}


def check(context: Context, model_id: str) -> GateReport:
    """See ``Registry.check_gates``."""
    row = require(context.database, model_id)
    ask(context, row)
    return report(context, context.database, row)


def ask(context: Context, row: Row) -> None:
    """See to it that what the gates ask of a model's answers, and of the champion's features, is known."""
    if row["artifact"] == "trusted" and row["status"] != "purged":
        # Bytes that are missing or altered are what the artifact gate and the promotion itself speak of.
        with suppress(ArtifactError):
            answer_checks.ensure(context, row)
    answer_checks.complete_champion(context, row["model_name"])


def report(context: Context, queries: Queries, row: Row) -> GateReport:
    """Every gate of a registered model against the champion of its name."""
    model = record(context, row)
    return of_candidate(context, queries, model, answers_of(queries, row, model))


def answers_of(queries: Queries, row: Row, model: ModelMetadata) -> AnswersCheck:
    """What came of asking a registered model here; that nobody did is no proof."""
    found = answer_checks.known_check(queries, row, model)
    if found is not None:
        return found
    because = "its predictions were not checked with the installed libraries"
    return AnswersCheck("fails", because, proofs.environment(model), "sandbox")


@dataclass(frozen=True)
class Standing:
    """What every version of a model name is judged against.

    Attributes:
        policy: the policy of the name.
        champion: its champion; None without one.
        takes: the champion's signature.
        benchmark: the active benchmark; None without one.
        champion_evaluation: the champion's newest evaluation on its present content, where it has metrics.
    """

    policy: Policy
    champion: ModelMetadata | None
    takes: Signature
    benchmark: Benchmark | None
    champion_evaluation: Evaluation | None


def standing(context: Context, queries: Queries, model_name: str) -> Standing:
    """What the versions of a model name are judged against now."""
    policy = context.configuration(queries).policy(model_name)
    current = deployments.current(queries, model_name)
    champion = None if current is None else record(context, require(queries, current.model_id))
    benchmark = benchmarks.counting(queries, model_name, policy)
    theirs = None if champion is None else latest(queries, champion.model_id, benchmark)
    return Standing(
        policy, champion, UNKNOWN if champion is None else signatures.signature(queries, champion), benchmark,
        theirs if theirs is not None and theirs.status == "measured" else None,
    )  # fmt: skip


def of_candidate(
    context: Context, queries: Queries, model: ModelMetadata, answers: AnswersCheck | None = None
) -> GateReport:
    """Every gate of a model, which may not be in the catalog yet: then nothing was measured of it."""
    against = standing(context, queries, model.model_name)
    compared = against.policy.gate_policy.not_worse_than_champion is not None
    return check_candidate(queries, candidate(context, queries, model, answers, against, compared=compared), against)


def candidate(
    context: Context,
    queries: Queries,
    model: ModelMetadata,
    answers: AnswersCheck | None,
    against: Standing,
    *,
    compared: bool,
) -> gates.Candidate:
    """All that is known of a version; with its differences to the champion where it is ``compared``."""
    is_champion = against.champion is not None and against.champion.model_id == model.model_id
    champion, takes = (None, UNKNOWN) if is_champion else (against.champion, against.takes)
    measured, theirs = latest(queries, model.model_id, against.benchmark), against.champion_evaluation
    differences = None
    if compared and champion is not None and theirs is not None and measured and measured.status == "measured":
        # Answers that are gone or altered compare with nothing; the gate then says what to do.
        with suppress(ArtifactError):
            differences = Pair(context, theirs, measured).differences()
    reviews = evidence.reviews(queries, model.model_id) if against.policy.gate_policy.approval else []
    card = UNWRITTEN
    if against.policy.gate_policy.required_card:
        card = card_text.current(queries, model.model_name, model.model_id)
    return gates.Candidate(
        model, champion, _inspection(model), against.benchmark, measured, differences, reviews, answers,
        signatures.signature(queries, model), takes, card,
    )  # fmt: skip


def check_candidate(queries: Queries, found: gates.Candidate, against: Standing) -> GateReport:
    """Every gate of a version, and whether the benchmark of the settings is there."""
    report, policy = gates.check_gates(found, against.policy.gate_policy), against.policy
    if against.benchmark is None and policy.benchmark is not None:
        there = ", ".join(each.name for each in evidence.benchmarks(queries, found.metadata.model_name)) or "none"
        because = f"the setting 'benchmark' names {policy.benchmark}, there is {there}"
        missing = Gate("benchmark setting", False, because, "correct the setting, or add that benchmark")
        report = GateReport(report.model_id, report.champion_id, (*report.gates, missing))
    return report


def _inspection(model: ModelMetadata) -> Inspection | None:
    """What was found in the file, with the verdict that holds now: somebody may have trusted it since."""
    if not model.inspection:
        return None
    found = {**model.inspection, "verdict": model.artifact}
    if model.artifact == "trusted" and found.get("unknown"):
        names = sentences.listed(list(found["unknown"]))
        found.update(because=f"its imports {names} were trusted after the scan", unknown=())
    return Inspection(**found)


def latest(queries: Queries, model_id: str, benchmark: Benchmark | None) -> Evaluation | None:
    """The newest evaluation of a version on the present content of a benchmark; None without either."""
    if benchmark is None:
        return None
    found = evidence.evaluations(queries, model_id, benchmark.fingerprint, 1)
    return found[0] if found else None


class Pair:
    """What two models answered on the same rows; their differences are computed once for the same answers.

    The answers are read each time all the same: those that are gone or altered compare with nothing.
    """

    def __init__(self, context: Context, first: Evaluation, second: Evaluation) -> None:
        self._context, self._evaluations = context, (first, second)
        kept = [evidence.answers_of(context.database, each.evaluation_id) for each in (first, second)]
        #: The sha256 of both files of answers, which hold the truth as well.
        self._digests = tuple("" if each is None else each[1] for each in kept)

    @cached_property
    def kept(self) -> tuple[Kept, Kept]:
        """Both models' answers with one list of classes.

        Raises:
            ArtifactError: those of one are gone or altered.
        """
        from .answers import together

        first, second = self._evaluations
        return together(_answers(self._context, first), _answers(self._context, second))

    def differences(self) -> Mapping[str, Difference]:
        """Metric -> the second minus the first; errors as ``kept``."""
        from ..rules.pairing import paired_differences

        one, two = self.kept

        def compute() -> Mapping[str, Difference]:
            return paired_differences(one.task, one.truth, one.answers, two.answers, one.classes)

        return _remember(_differences, self._digests, compute)

    def slices(self, benchmark: Benchmark) -> Mapping[str, Mapping[str, Difference]]:
        """Slice -> the same on its rows, for the slices of the benchmark with 30 rows or more; errors as ``kept``."""
        from ..rules.pairing import slice_differences

        one, two = self.kept

        def compute() -> Mapping[str, Mapping[str, Difference]]:
            frame = benchmarks.read(self._context, benchmark)
            columns = {name: frame[name].astype(str).to_numpy() for name in benchmark.slices}
            return slice_differences(one.task, one.truth, one.answers, two.answers, columns, one.classes)

        return _remember(_slice_differences, self._digests, compute) if benchmark.slices else {}


V = TypeVar("V")
_MOST_KNOWN = 256
_Digests = tuple[str, ...]
_differences: dict[_Digests, Mapping[str, Difference]] = {}
_slice_differences: dict[_Digests, Mapping[str, Mapping[str, Difference]]] = {}


def _remember(known: dict[_Digests, V], digests: _Digests, compute: Callable[[], V]) -> V:
    found = known.get(digests)
    if found is None:
        found = compute()
        while len(known) >= _MOST_KNOWN:
            known.pop(next(iter(known)), None)
        known[digests] = found
    return found


def _answers(context: Context, evaluation: Evaluation) -> Kept:
    from . import answers

    kept = answers.read(context, evaluation)
    if kept is None:
        raise InvalidInput(
            f"{evaluation.model_id} has no predictions on {evaluation.benchmark}: {evaluation.because}"
            "; evaluate it again"
        )
    return kept


def compare_measured(context: Context, first_id: str, second_id: str, benchmark: str | None) -> Paired:
    """See ``Registry.compare_measured``."""
    from ..rules.pairing import disagreements

    chosen, (first, second) = _measured_both(context, (first_id, second_id), benchmark)
    both = Pair(context, first, second)
    (one, two), differences, slices = both.kept, both.differences(), both.slices(chosen)
    policy = context.configuration().policy(chosen.model_name)
    primary = policy.gate_policy.primary_metric or ""
    if primary not in differences:
        primary = next(iter(differences), "")
    worse = [name for name, each in slices.items() if primary in each and each[primary].verdict == "worse"]
    named = record(context, require(context.database, first_id))
    sentence = sentences.verdict_sentence(named.version, differences, worse, primary, serves=named.is_active)
    changed = disagreements(one.task, one.truth, one.answers, two.answers, one.classes)
    return Paired(chosen.name, first, second, differences, slices, changed, sentence, primary)


def _measured_both(
    context: Context, model_ids: tuple[str, ...], benchmark: str | None
) -> tuple[Benchmark, tuple[Evaluation, ...]]:
    rows = [require(context.database, each) for each in model_ids]
    names = {row["model_name"] for row in rows}
    if len(names) > 1:
        raise InvalidInput(f"{' and '.join(sorted(names))} do different jobs; compare models of one name")
    policy = context.configuration().policy(rows[0]["model_name"])
    chosen = benchmarks.chosen(context.database, rows[0]["model_name"], benchmark or policy.benchmark)
    if chosen is None:
        raise InvalidInput(f"{rows[0]['model_name']} has no benchmark to compare on; add one with add_benchmark()")
    found = []
    for model_id in model_ids:
        each = latest(context.database, model_id, chosen)
        if each is None or each.status == "failed":
            why = f": {each.because}" if each else ""
            raise InvalidInput(f"{model_id} is not measured on {chosen.name}{why}; evaluate it there first")
        found.append(each)
    return chosen, tuple(found)


def curves(context: Context, model_id: str, benchmark: str | None) -> tuple[tuple[Curve, ...], Confusion | None]:
    """See ``Registry.curves``."""
    from ..rules.curves import classification_curves, confusion_matrix

    _, (evaluation,) = _measured_both(context, (model_id,), benchmark)
    kept = _answers(context, evaluation)
    if kept.task == "regression":
        return (), None
    found: tuple[Curve, ...] = ()
    if kept.answers.probabilities is not None:
        found = classification_curves(kept.truth, kept.answers.probabilities, kept.classes)
    return found, confusion_matrix(kept.truth, kept.answers.predicted, kept.classes)


def review(context: Context, model_id: str, verdict: str, text: str, actor: str | None) -> Review:
    """See ``Registry.review``."""
    who = context.who(actor)
    words = check_text(text, "text", _MOST_TEXT).strip()
    if verdict not in _REVIEWED:
        raise InvalidInput(f"verdict is {verdict!r:.80}; allowed are {', '.join(_REVIEWED)}")
    if not words:
        raise InvalidInput("a review needs a comment: say what you checked, and the reason for the verdict")
    with context.database.transaction() as transaction:
        row = require(transaction, model_id)
        if verdict == "approved" and people.same(who, row["registered_by"]):
            registrar = row["registered_by"]
            twin = "" if who == registrar else f"{who!a} is read as {registrar!a}, and "
            raise InvalidInput(
                f"{twin}{registrar} registered {model_id}, so another person has to approve it; leave a comment instead"
            )
        seq, at = events.append(
            transaction,
            now=context.now(),
            kind=_REVIEWED[verdict],
            actor=who,
            reason=words,
            model_name=row["model_name"],
            model_id=model_id,
            after={"verdict": verdict},
        )
        said: Any = verdict
        found = Review(seq, model_id, at, who, said, words)
        evidence.insert_review(transaction, found)
        if verdict == "approved":
            digest = record(context, row).model_sha256
            context.seals.seal(transaction, [seals.approval_of(row["model_name"], model_id, digest, who, at)])
        if verdict == "approved" and not row["vouched"]:
            models.update(transaction, model_id, vouched=1, eligible=eligible(row, vouched=1))
    return found


def reviews(context: Context, model_id: str) -> list[Review]:
    """See ``Registry.reviews``."""
    require(context.database, model_id)
    return evidence.reviews(context.database, model_id)
