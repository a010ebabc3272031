"""Should this version take the champion's place? One answer in a word, with its numbers and what to do next.

Pages, dialogs, commands and events all ask here. Only what the registry evaluated counts: what was reported with a
version is quoted as unverified, and never decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..evidence import Benchmark, Difference, Evaluation
from ..gate_policy import GatePolicy
from ..gates import Action, Gate, GateReport, PromotionVerdict, SelfReported, VerdictWord
from ..records import ModelMetadata
from .discoveries import clear, p_worse
from .metrics import canonical
from .selection import why_not_eligible
from .sentences import change, listed

#: What an evaluation or a review can mend does not block for good: it comes next.
_LATER = ("evaluate", "more rows", "review")
_WAYS: Mapping[str, Action] = {"evaluate": "evaluate", "more rows": "experiment", "review": "review", "trust": "trust"}


@dataclass(frozen=True)
class Evidence:
    """All that the verdict on one version stands on.

    Attributes:
        model: the version.
        champion: the champion of its name; None where there is none.
        report: its gates.
        policy: the policy that made them.
        benchmark: the active one; None where the model name has none.
        evaluation: the version's newest evaluation on the benchmark's present content, where it has metrics.
        champion_evaluated: whether the champion has one, too.
        differences: metric -> the version minus the champion on the same rows; empty where they were not compared.
        slices: slice (``region=N``) -> the same on its rows.
        unchecked: whether the loaded model was not asked its example rows here yet.
    """

    model: ModelMetadata
    champion: ModelMetadata | None
    report: GateReport
    policy: GatePolicy
    benchmark: Benchmark | None = None
    evaluation: Evaluation | None = None
    champion_evaluated: bool = False
    differences: Mapping[str, Difference] = field(default_factory=dict)
    slices: Mapping[str, Mapping[str, Difference]] = field(default_factory=dict)
    unchecked: bool = False


def judge(evidence: Evidence) -> PromotionVerdict:
    """The verdict on a version; see ``PromotionVerdict``. Where several things stand in the way, the first of these
    names it: its state, a gate that nothing the registry can do would mend, no evaluation, a worse metric, any gate.
    """
    model, champion = evidence.model, evidence.champion
    metric, difference = _primary(evidence)
    failures = [gate for gate in evidence.report.gates if not gate.passed]
    unfit = why_not_eligible(model.status, model.artifact)
    blocking = [gate for gate in failures if gate.fix not in _LATER]
    word: VerdictWord
    if model.is_active:
        word, sentence, step, action = "champion", f"{model.display_name} is the champion", "", _NOTHING
    elif unfit is not None:
        word, sentence = "blocked", f"{model.display_name} cannot be promoted: {unfit}"
        step, action = _way_back(model)
    elif blocking and (evidence.evaluation is None or difference is None):
        word, sentence = "blocked", _failed(evidence, blocking)
        step, action = _mend(blocking)
    elif evidence.evaluation is None or evidence.unchecked or (champion is not None and difference is None):
        word, sentence = "not evaluated", _not_evaluated(evidence)
        step, action = _evaluate(evidence)
    elif difference is None:
        word = "blocked" if failures else "no champion"
        sentence = _failed(evidence, failures) if failures else _first(evidence)
        step, action = _mend(failures) if failures else ("Promote it: there is no champion yet.", "promote")
    else:
        word, sentence, step, action = _compared(evidence, difference, failures)
    return PromotionVerdict(
        model.model_id, champion.model_id if champion else None, word, sentence, step, action,
        _whom(evidence) if action == "evaluate" else None,
        evidence.benchmark.name if evidence.benchmark else None, metric,
        evidence.evaluation.metrics.get(metric) if evidence.evaluation else None,
        difference, change(difference) if difference else "", evidence.policy.not_worse_than_champion,
        evidence.report.gates, worse_slices(evidence.slices, metric), self_reported(model, evidence.evaluation),
    )  # fmt: skip


_NOTHING: Action = ""
_MORE_ROWS = (
    "The interval does not exclude a loss beyond the non-inferiority margin yet: evaluate both on a benchmark with "
    "more rows, or start an experiment on live traffic."
)


def self_reported(model: ModelMetadata, evaluation: Evaluation | None) -> tuple[SelfReported, ...]:
    """The metrics whose reported value lies outside the 95% interval of what was evaluated."""
    if evaluation is None:
        return ()
    flagged = []
    for name, value in model.all_metrics().items():
        evaluated = evaluation.metrics.get(canonical(name))
        if evaluated is None or evaluated.low is None or evaluated.high is None:
            continue
        if not evaluated.low <= value <= evaluated.high:
            flagged.append(SelfReported(name, value, evaluated))
    return tuple(flagged)


def worse_slices(slices: Mapping[str, Mapping[str, Difference]], metric: str) -> tuple[str, ...]:
    """The slices in which a version is worse, the clearest first, with the share of false ones bounded.

    The intervals' normal p-values go through the procedure of Benjamini and Hochberg (1995), which bounds the expected
    share of false discoveries by 5%; the slices of one column are independent of one another.
    """
    return clear({name: p_worse(each[metric]) for name, each in slices.items() if metric in each})


def _primary(evidence: Evidence) -> tuple[str, Difference | None]:
    wanted = canonical(evidence.policy.primary_metric) if evidence.policy.primary_metric else None
    if evidence.differences:
        metric = wanted or next(iter(evidence.differences))
        return metric, evidence.differences.get(metric)
    metrics = evidence.evaluation.metrics if evidence.evaluation else {}
    return wanted or next(iter(metrics), ""), None


def _compared(
    evidence: Evidence, difference: Difference, failures: Sequence[Gate]
) -> tuple[VerdictWord, str, str, Action]:
    champion, model = evidence.champion, evidence.model
    assert champion is not None
    shown = f"{change(difference)}, on the same {difference.rows:,} rows"
    worse = worse_slices(evidence.slices, difference.metric)
    shown += f"; worse in {_slices(worse)}" if worse else ""
    if difference.verdict == "worse":
        sentence = f"{model.display_name} is worse than the champion {champion.display_name}: {shown}"
        return "worse", sentence, f"Keep {champion.display_name}, or look for the slices in which it gains.", _NOTHING
    mendable = [gate for gate in failures if gate.fix != "more rows"]
    if mendable:
        against = {"better": "better than", "no clear difference": "not clearly different from"}[difference.verdict]
        compared = f"it is {against} the champion {champion.display_name}: {shown}"
        return "blocked", f"{_failed(evidence, mendable)}; {compared}", *_mend(mendable)
    if difference.verdict == "better":
        sentence = f"{model.display_name} is better than the champion {champion.display_name}: {shown}"
        gates = len(evidence.report.gates)
        look = f" Look at {_slices(worse)} first." if worse else ""
        return "better", sentence, f"Promote it: {_passed(gates)}.{look}", "promote"
    sentence = f"{model.display_name} is not clearly better or worse than the champion {champion.display_name}: {shown}"
    if failures:
        return "inconclusive", sentence, _MORE_ROWS, "experiment"
    step = "Evaluate both on a benchmark with more rows, or start an experiment on live traffic."
    return "inconclusive", sentence, step, "experiment"


def _slices(names: Sequence[str]) -> str:
    return f"{'slice' if len(names) == 1 else 'slices'} {listed(names, 3)}"


def _passed(gates: int) -> str:
    return "its gate passes" if gates == 1 else f"all {gates} gates pass"


def _failed(evidence: Evidence, failures: Sequence[Gate]) -> str:
    count = f"{len(failures)} of {len(evidence.report.gates)} gates" if len(evidence.report.gates) > 1 else "its gate"
    said = "; ".join(f"{gate.label}: {gate.because}" for gate in failures)
    return f"{evidence.model.display_name} is blocked by {count}: {said}"


def _mend(failures: Sequence[Gate]) -> tuple[str, Action]:
    # What nobody may pass over comes first, then what the registry can do something about.
    first = min(failures, key=lambda gate: (gate.overridable, gate.fix == ""))
    step = f"{first.remedy[:1].upper()}{first.remedy[1:]}." if first.remedy else f"Make this gate pass: {first.label}."
    if first.fix:
        return step, _WAYS[first.fix]
    return step, "override" if all(gate.overridable for gate in failures) else _NOTHING


def _not_evaluated(evidence: Evidence) -> str:
    model, champion, benchmark = evidence.model, evidence.champion, evidence.benchmark
    if benchmark is None:
        why = f"{model.model_name} has no benchmark"
    elif evidence.evaluation is None:
        failed = next(
            (gate.because for gate in evidence.report.gates if gate.name == "benchmark" and not gate.passed), ""
        )
        why = failed or f"it has no evaluation on {benchmark.name}"
    elif evidence.unchecked:
        why = "its predictions were not checked with the installed libraries yet"
    elif (missing := _not_given(evidence)) is not None:
        why = f"its evaluation on {benchmark.name} has no {missing}, the primary metric of the settings"
    else:
        assert champion is not None
        what = "has no evaluation on" if not evidence.champion_evaluated else "was not compared with it on"
        why = f"the champion {champion.display_name} {what} {benchmark.name}"
    return f"{model.display_name} is not evaluated: {why}{_unverified(evidence)}"


def _unverified(evidence: Evidence) -> str:
    model, champion = evidence.model, evidence.champion
    if evidence.evaluation is not None or model.composite_score is None:
        return ""
    against = ""
    if champion is not None and champion.composite_score is not None and champion.ranked_on == model.ranked_on:
        against = f" against {champion.composite_score:.4f} of the champion"
    return f"; its self-reported score is {model.composite_score:.4f}{against} (unverified)"


def _evaluate(evidence: Evidence) -> tuple[str, Action]:
    champion, benchmark = evidence.champion, evidence.benchmark
    if benchmark is None:
        return f"Add a benchmark for {evidence.model.model_name}, and evaluate its versions on it.", _NOTHING
    if (missing := _not_given(evidence)) is not None:
        return (
            f"Choose another primary metric for {evidence.model.model_name}, or register a model with {missing}.",
            _NOTHING,
        )
    if evidence.evaluation is None or champion is None or evidence.champion_evaluated:
        return f"Evaluate the version on {benchmark.name}.", "evaluate"
    return f"Evaluate the champion {champion.display_name} on {benchmark.name}.", "evaluate"


def _not_given(evidence: Evidence) -> str | None:
    """The primary metric of the settings, where the evaluation of the version does not have it."""
    wanted = evidence.policy.primary_metric
    if wanted is None or evidence.evaluation is None or canonical(wanted) in evidence.evaluation.metrics:
        return None
    return canonical(wanted)


def _whom(evidence: Evidence) -> str:
    """Which version has to be evaluated: this one, or the champion where this one is."""
    if evidence.evaluation is not None and evidence.champion is not None and not evidence.champion_evaluated:
        return evidence.champion.model_id
    return evidence.model.model_id


def _first(evidence: Evidence) -> str:
    return (
        f"{evidence.model.model_name} has no champion to compare {evidence.model.display_name} with; "
        f"{_passed(len(evidence.report.gates))}"
    )


def _way_back(model: ModelMetadata) -> tuple[str, Action]:
    if model.status == "purged":
        return "Register the model again: its files were deleted.", _NOTHING
    if model.status == "disqualified":
        return "Reinstate the version once its fault is fixed.", "restore"
    if model.status != "registered":
        return "Restore the version first.", "restore"
    return "Have the imports of its file reviewed and trusted.", "trust"
