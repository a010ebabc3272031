"""The gates before promotion: what must hold of a model before it may become champion, and the sentence on how it does.

Every gate that applies is checked and listed, always in the same order, so that all that stands in the way is known at
once. A gate that is asked for and cannot be checked (nothing was measured, no data quality was reported) has failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InvalidInput
from ..evidence import Benchmark, Difference, Evaluation, Inspection, Measured, Review
from ..gate_policy import GatePolicy
from ..gates import Gate, GateReport
from ..insights import Fairness, OutcomeValue
from ..model_card import UNWRITTEN, CardText
from ..records import ModelMetadata
from ..signature import UNKNOWN, AnswersCheck, Signature
from . import environments, people
from .inputs import compare_inputs
from .metrics import canonical, lower_is_better
from .sentences import apart, change, listed


@dataclass(frozen=True)
class Candidate:
    """All that is known of a model that may become champion.

    ``inspection`` is the present look into its file, with the names that are trusted today; None leaves the word to
    ``metadata.artifact``. ``evaluation`` is its newest one on ``benchmark``. ``differences`` are the paired ones, this
    model minus the champion. ``reviews`` are those of this version, oldest first. ``answers`` is what came of asking
    the loaded model its example rows with the libraries installed here; None where that is not done yet. ``fairness``
    has its rates by each protected column, ``outcome_value`` what it is worth; only what a gate asks for is there.
    ``card`` is what people wrote in its model card.
    """

    metadata: ModelMetadata
    champion: ModelMetadata | None = None
    inspection: Inspection | None = None
    benchmark: Benchmark | None = None
    evaluation: Evaluation | None = None
    differences: Mapping[str, Difference] | None = None
    reviews: Sequence[Review] = ()
    answers: AnswersCheck | None = None
    signature: Signature = UNKNOWN
    champion_signature: Signature = UNKNOWN
    fairness: Sequence[Fairness] = ()
    outcome_value: OutcomeValue | None = None
    card: CardText = UNWRITTEN

    @property
    def measured(self) -> Evaluation | None:
        """The evaluation, where it has metrics and belongs to the benchmark's present content."""
        if self.evaluation is None or self.evaluation.status == "failed":
            return None
        if self.benchmark is not None and self.evaluation.fingerprint != self.benchmark.fingerprint:
            return None
        return self.evaluation


def check_gates(candidate: Candidate, policy: GatePolicy) -> GateReport:
    """Every gate that applies, passed or not: artifact, benchmark, metrics, champion, slices, inputs, latency, ...

    Raises:
        InvalidInput: the evaluation is of another model, or on another benchmark.
    """
    model, champion, evaluation = candidate.metadata, candidate.champion, candidate.evaluation
    if evaluation is not None and evaluation.model_id != model.model_id:
        raise InvalidInput(
            f"evaluation {evaluation.evaluation_id} is of {evaluation.model_id}, not of {model.model_id}; "
            "give the evaluation of the model itself"
        )
    if evaluation is not None and candidate.benchmark is not None and evaluation.benchmark != candidate.benchmark.name:
        raise InvalidInput(
            f"evaluation {evaluation.evaluation_id} is on {evaluation.benchmark}, not on {candidate.benchmark.name}; "
            "give the benchmark it was made on"
        )
    if champion is not None and champion.model_id == model.model_id:
        champion = None
    gates = [_artifact(candidate)]
    if candidate.answers is not None:
        gates.append(_answers(candidate.answers, policy))
        gates += _versions(model, candidate.answers, policy)
    if evaluation is not None or policy.benchmark_required:
        gates.append(_benchmark(candidate))
    gates += [_minimum(candidate, policy, name, least) for name, least in policy.minimum_metrics.items()]
    if candidate.benchmark is not None:
        gates += [_threshold(candidate, candidate.benchmark, policy, name) for name in candidate.benchmark.thresholds]
    if champion is not None and policy.not_worse_than_champion is not None:
        gates.append(_not_worse(candidate, champion, policy, policy.not_worse_than_champion))
    gates += [_slices(candidate, policy, name, floor) for name, floor in policy.slice_floors.items()]
    gates += [_fairness(candidate, rate, most) for rate, most in policy.fairness_gaps.items()]
    if champion is not None and policy.outcome_value_margin is not None:
        gates.append(_outcome_value(candidate, champion, policy.outcome_value_margin))
    if champion is not None and policy.same_inputs:
        gates.append(_same_inputs(candidate, champion))
    if policy.row_microseconds is not None:
        gates.append(_latency(candidate, policy.row_microseconds))
    if policy.minimum_data_quality is not None:
        gates.append(_data_quality(model, policy.minimum_data_quality))
    if policy.required_metadata:
        gates.append(_metadata(model, policy.required_metadata))
    if policy.required_card:
        gates.append(_card(candidate.card, policy.required_card))
    if policy.approval:
        gates.append(_approval(model, candidate.reviews, policy))
    return GateReport(model.model_id, champion.model_id if champion else None, tuple(gates))


def _artifact(candidate: Candidate) -> Gate:
    found = candidate.inspection
    if found is not None and found.verdict == "refused":
        return Gate("artifact", False, f"the file is refused: {found.because}", "register another file")
    if found is not None and found.verdict == "quarantined":
        names = f" ({listed(found.unknown)})" if found.unknown else ""
        remedy = "review the code of these imports and trust them, or register a model without them"
        return Gate("artifact", False, f"the file is quarantined: {found.because}{names}", remedy, fix="trust")
    if candidate.metadata.artifact != "trusted":
        remedy = "have its imports reviewed and trusted, or register the model from the code that trains it"
        return Gate("artifact", False, f"the file is {candidate.metadata.artifact}", remedy)
    return Gate("artifact", True, f"the file is trusted: {found.because}" if found else "the file is trusted")


def _answers(found: AnswersCheck, policy: GatePolicy) -> Gate:
    """It loads, is fitted, predicts, and answers as it did where it was registered."""
    if found.status == "agrees":
        return Gate("answers", True, found.because)
    if found.status == "unchecked":
        because = f"predictions not compared: {found.because}"
        remedy = "register the model with input_example=, a few rows as they arrive in production"
        return Gate("answers", policy.unchecked_answers, because, "" if policy.unchecked_answers else remedy)
    if found.status == "differs":
        remedy = environments.REMEDY
        return Gate("answers", False, found.because, remedy, overridable=False)
    remedy = "register a fitted model that predicts with the libraries installed here"
    return Gate("answers", False, found.because, remedy, overridable=False)


def _versions(model: ModelMetadata, found: AnswersCheck, policy: GatePolicy) -> list[Gate]:
    """The library versions it was registered with, and those that are here."""
    words = environments.in_words(model.libraries, found.environment)
    block = policy.library_versions == "block"
    if not words:
        known = any(name != "python" for name in model.libraries)
        if block and not known:
            because = "the library versions at registration are not recorded"
            return [Gate("library versions", False, because, "register the model again from the code that trains it")]
        return [Gate("library versions", True, "the versions at registration are installed here")] if block else []
    if block and environments.minor_differs(model.libraries, found.environment):
        return [Gate("library versions", False, words, environments.REMEDY)]
    return [Gate("library versions", True, words)]


def _same_inputs(candidate: Candidate, champion: ModelMetadata) -> Gate:
    found = compare_inputs(candidate.signature, candidate.champion_signature, champion.display_name)
    if found.same:
        return Gate("same inputs", True, found.because)
    remedy = (
        f"train the model on the features of {champion.display_name}, or override once all callers send the new ones"
    )
    if found.unknown:
        remedy = "register both models with feature_names= or input_example=, so that their features can be compared"
    return Gate("same inputs", False, found.because, remedy)


def _benchmark(candidate: Candidate) -> Gate:
    evaluation, benchmark = candidate.evaluation, candidate.benchmark
    name = benchmark.name if benchmark else "a benchmark"
    if evaluation is None:
        because = f"the version has no evaluation on {name}"
        return Gate("benchmark", False, because, f"evaluate the version on {name}", fix="evaluate")
    if evaluation.status == "failed":
        remedy = "correct the model or the benchmark, then evaluate again"
        because = f"the evaluation on {evaluation.benchmark} failed: {evaluation.because}"
        return Gate("benchmark", False, because, remedy)
    if candidate.measured is None:
        because = f"the evaluation used other rows than {name} has now"
        return Gate("benchmark", False, because, f"evaluate the version on {name} again", fix="evaluate")
    return Gate("benchmark", True, f"evaluated {_on(evaluation)}")


def _minimum(candidate: Candidate, policy: GatePolicy, metric: str, asked: float) -> Gate:
    known = canonical(metric)
    measured, reported = candidate.measured, candidate.metadata.all_metrics().get(known)
    if measured is not None and known in measured.metrics:
        return _bound(f"minimum {metric}", metric, measured.metrics[known].value, _on(measured), asked, policy)
    where = "(self-reported)" if reported is not None else "was neither evaluated nor reported"
    return _bound(f"minimum {metric}", metric, reported, where, asked, policy)


def _threshold(candidate: Candidate, benchmark: Benchmark, policy: GatePolicy, metric: str) -> Gate:
    """A threshold of the benchmark itself, which only a measurement on it can pass."""
    measured, gate, asked = candidate.measured, f"{benchmark.name} {metric}", benchmark.thresholds[metric]
    if measured is None or metric not in measured.metrics:
        return _bound(gate, metric, None, f"was not evaluated on {benchmark.name}", asked, policy)
    return _bound(gate, metric, measured.metrics[metric].value, _on(measured), asked, policy)


def _bound(gate: str, metric: str, value: float | None, where: str, asked: float, policy: GatePolicy) -> Gate:
    lower = lower_is_better(metric, policy.lower_is_better)
    least = "at most" if lower else "at least"
    if value is None:
        remedy = f"evaluate the version on a benchmark that yields {metric}"
        return Gate(gate, False, f"{metric} {where}, {least} {asked:g} required", remedy, fix="evaluate")
    passed = value <= asked if lower else value >= asked
    shown, limit = apart(value, asked)
    remedy = (
        "" if passed else f"register a model with {'lower' if lower else 'higher'} {metric}, or relax the threshold"
    )
    return Gate(gate, passed, f"{metric} {shown} {where}, {least} {limit} required", remedy)


def _not_worse(candidate: Candidate, champion: ModelMetadata, policy: GatePolicy, margin: float) -> Gate:
    gate, found = "not worse than the champion", candidate.differences or {}
    metric = canonical(policy.primary_metric) if policy.primary_metric else next(iter(found), None)
    if metric is None or metric not in found:
        of = f" in {metric}" if metric else ""
        because = f"the version was not compared with the champion {champion.display_name}{of} on the same rows"
        return Gate(gate, False, because, "evaluate both versions on the same benchmark", fix="evaluate")
    each = found[metric]
    worst = each.high if each.lower_is_better else -each.low
    shown, limit = apart(max(worst, 0.0), margin)
    because = (
        f"{change(each)}, against the champion {champion.display_name} on the same {each.rows:,} rows: up to {shown} "
        f"worse, {limit} allowed"
    )
    remedy = "evaluate both versions on more rows, since the interval is wide, or register a better model"
    if worst <= margin or each.verdict == "worse":
        remedy = "" if worst <= margin else "register a better model"
    return Gate(gate, worst <= margin, because, remedy, fix="" if worst <= margin else "more rows")


def _slices(candidate: Candidate, policy: GatePolicy, metric: str, floor: float) -> Gate:
    gate, known, measured = f"slices {metric}", canonical(metric), candidate.measured
    lower = lower_is_better(metric, policy.lower_is_better)
    asked = (
        f"{'at most' if lower else 'at least'} {floor:g} required in every slice of {policy.slice_rows:,} rows or more"
    )
    if measured is None:
        return Gate(
            gate,
            False,
            f"no slice was evaluated, {asked}",
            "evaluate the version on a benchmark with slices",
            fix="evaluate",
        )
    judged = sorted(
        (
            (metrics[known].value, f"{column}={value}", int(metrics["rows"].value))
            for column, value, metrics in _slices_of(measured)
            if known in metrics and metrics["rows"].value >= policy.slice_rows
        ),
        reverse=lower,
    )
    if not judged:
        remedy = "evaluate the version on a benchmark with such slices, or remove this minimum from the settings"
        return Gate(gate, False, f"{measured.benchmark} has no slice of that size, {asked}", remedy)
    below = [each for each in judged if (each[0] > floor if lower else each[0] < floor)]
    if not below:
        value, name, rows = judged[0]
        count = "1 slice" if len(judged) == 1 else f"{len(judged):,} slices"
        because = f"{metric} {apart(value, floor)[0]} in the worst of {count}, {name} ({rows:,} rows), {asked}"
        return Gate(gate, True, because)
    named = listed([f"{apart(value, floor)[0]} for {name} ({rows:,} rows)" for value, name, rows in below])
    remedy = f"train with more rows of {listed([name for _, name, _ in below])}, or relax the threshold"
    return Gate(gate, False, f"{metric} {named}, {asked}", remedy)


def _slices_of(measured: Evaluation) -> Iterator[tuple[str, str, Mapping[str, Measured]]]:
    for column, values in measured.slices.items():
        for value, metrics in values.items():
            yield column, value, metrics


def _fairness(candidate: Candidate, rate: str, most: float) -> Gate:
    """No protected column has a larger gap in a rate than is allowed."""
    name, allowed, found = f"fairness {rate}", f"at most {most:g} allowed", candidate.fairness
    if not found:
        remedy = "mark a column of the active benchmark as protected, and evaluate the version on it"
        return Gate(name, False, f"no group was evaluated, {allowed}", remedy, fix="evaluate")
    lacking = [each.column for each in found if rate not in each.gaps]
    if lacking:
        because = f"fewer than two groups of {listed(lacking)} have {found[0].least:,} rows for {rate}, {allowed}"
        return Gate(
            name, False, because, "evaluate the version on a benchmark with more rows of each group", fix="more rows"
        )
    widest = max(found, key=lambda each: each.gaps[rate].difference.value)
    gap = widest.gaps[rate]
    passed = gap.difference.value <= most
    shown, _ = apart(gap.difference.value, most)
    because = f"{rate} of {gap.highest} is {shown} above that of {gap.lowest} in {widest.column}, {allowed}"
    return Gate(name, passed, because, "" if passed else "register a model with a smaller gap, or relax the threshold")


def _outcome_value(candidate: Candidate, champion: ModelMetadata, margin: float) -> Gate:
    """It is not worth less than the champion by more than the margin."""
    found = candidate.outcome_value
    if found is None or found.difference is None:
        because = f"the outcome value was not compared with that of the champion {champion.display_name}"
        remedy = "set outcome_values for the model name, and evaluate both versions on a benchmark with two classes"
        return Gate("outcome value", False, because, remedy, fix="evaluate")
    low = found.difference.low
    shown, limit = apart(max(-low, 0.0), margin)
    because = (
        f"{found.difference.value:+,.4g} per 1,000 rows against the champion {champion.display_name}, 95% interval "
        f"{low:+,.4g} to {found.difference.high:+,.4g}: up to {shown} less, {limit} allowed"
    )
    passed = -low <= margin
    remedy = "evaluate both versions on more rows, since the interval is wide, or register a better model"
    return Gate("outcome value", passed, because, "" if passed else remedy, fix="" if passed else "more rows")


def _latency(candidate: Candidate, asked: float) -> Gate:
    took = candidate.measured.row_microseconds if candidate.measured else None
    if took is None:
        because = f"the latency was not measured, at most {asked:,g} µs per row required"
        return Gate("latency", False, because, "evaluate the version on a benchmark", fix="evaluate")
    shown, limit = apart(took, asked)
    because = f"median latency {shown} µs per row, at most {limit} required"
    return Gate(
        "latency", took <= asked, because, "" if took <= asked else "register a faster model, or relax the threshold"
    )


def _data_quality(model: ModelMetadata, asked: float) -> Gate:
    value = model.data_quality_score
    if value is None:
        remedy = "register the model with data_quality_score in training_info"
        return Gate("data quality", False, f"no data quality was reported, at least {asked:g} required", remedy)
    shown, limit = apart(value, asked)
    remedy = "" if value >= asked else "train the model on better data"
    return Gate(
        "data quality", value >= asked, f"data quality {shown} (self-reported), at least {limit} required", remedy
    )


def _metadata(model: ModelMetadata, required: Sequence[str]) -> Gate:
    known = {**model.training_info, **model.all_metrics(), **model.to_dict()}
    missing = [name for name in required if known.get(name) is None or not str(known[name]).strip("[]{}() ")]
    if missing:
        remedy = "register the model again with these fields"
        return Gate("metadata", False, f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} empty", remedy)
    return Gate("metadata", True, f"{listed(required)} {'is' if len(required) == 1 else 'are'} set")


def _card(text: CardText, required: Sequence[str]) -> Gate:
    """What people have to write of it."""
    missing = [name.replace("_", " ") for name in text.missing(required)]
    if missing:
        remedy = f"write {listed(missing)} in the model card"
        return Gate("model card", False, f"the model card lacks {listed(missing)}", remedy)
    return Gate("model card", True, f"the model card has {listed([name.replace('_', ' ') for name in required])}")


def _approval(model: ModelMetadata, reviews: Sequence[Review], policy: GatePolicy) -> Gate:
    last = {each.actor: each for each in reviews if each.verdict != "comment"}
    registrar = model.registered_by or ""

    def failed(because: str, remedy: str = "ask another person for a review") -> Gate:
        return Gate("approval", False, because, remedy, fix="review")

    rejecting = [actor for actor, each in last.items() if each.verdict == "rejected"]
    if rejecting:
        return failed(f"rejected by {listed(rejecting)}", "answer the rejection and ask for another review")
    others = {actor: each for actor, each in last.items() if not people.same(actor, registrar)}
    approving = [
        actor
        for actor, each in others.items()
        if not each.lapsed and (not policy.approvers or any(people.same(actor, name) for name in policy.approvers))
    ]
    needed = policy.required_approvals
    if len(approving) >= needed:
        return Gate("approval", True, f"approved by {listed(approving)}, registered by {registrar or '?'}")
    said = [f"{len(approving)} of {needed} approvals ({listed(approving)})" if approving else "no approval yet"]
    twins = [actor for actor in last if actor not in others and actor != registrar]
    if twins:
        named = listed([ascii(each) for each in twins])
        said = [f"approved only by {named}, which counts as {registrar}, who registered the version"]
    elif registrar in last and not approving:
        said = [f"approved only by {registrar}, who registered the version"]
    said += [f"the approval by {actor} lapsed: {each.lapsed}" for actor, each in others.items() if each.lapsed]
    unnamed = [actor for actor, each in others.items() if not each.lapsed and actor not in approving]
    if unnamed:
        said.append(f"{listed(unnamed)} is not among the approvers {listed(list(policy.approvers))}")
    who = (
        f"ask {listed(list(policy.approvers))} for a review" if policy.approvers else "ask another person for a review"
    )
    return failed("; ".join(said), who)


def _on(evaluation: Evaluation) -> str:
    return f"on {evaluation.rows:,} rows of {evaluation.benchmark}"
