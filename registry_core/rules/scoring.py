"""The composite score of the seed, for any metrics and weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..records import Score, ScoreTerm
from .metrics import EVALUATED, acceptable, canonical, lower_is_better


def composite_score(
    metrics: Mapping[str, float],
    weights: Mapping[str, float],
    *,
    is_ensemble: bool = False,
    ensemble_bonus: float = 0.05,
    declared_lower: Iterable[str] = (),
) -> Score:
    """Weigh a model's metrics.

    The sum of ``weight * value``, where a lower-is-better metric counts negative; an ensemble gains
    ``ensemble_bonus * |sum|``. With the seed's weights, all positive, that is the seed's ``score *= 1.05``; taking the
    size keeps the bonus a bonus where the sum is negative (an RMSE, a poor R2).

    A weighted metric that is missing, not finite or out of its range leaves no score, and a note that names it.

    >>> composite_score({"accuracy": 0.9, "auc": 0.8}, {"accuracy": 0.5, "auc": 0.5}).value
    0.8500000000000001
    >>> composite_score({"accuracy": 0.9}, {"accuracy": 0.5, "auc": 0.5}).note
    'no score: auc is missing'
    """
    declared = frozenset(declared_lower)
    terms, missing = [], []
    total = 0.0
    for key, weight in weights.items():
        if not weight:
            continue
        name = canonical(key)
        value = metrics.get(name)
        lower = lower_is_better(name, declared)
        contribution = None
        if value is None or not acceptable(name, value):
            missing.append(name if value is None else f"{name} ({value})")
        else:
            contribution = -weight * value if lower else weight * value
            total += contribution
        terms.append(ScoreTerm(name, weight, value, contribution, lower))
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        return Score(None, tuple(terms), 0.0, f"no score: {_listed(missing)} {verb} missing")
    bonus = ensemble_bonus * abs(total) if is_ensemble else 0.0
    return Score(total + bonus, tuple(terms), bonus, None)


def evaluated_score(
    metrics: Mapping[str, float],
    weights: Mapping[str, float],
    *,
    is_ensemble: bool = False,
    ensemble_bonus: float = 0.05,
    declared_lower: Iterable[str] = (),
) -> Score:
    """``composite_score`` of what the registry evaluated itself.

    The weights of metrics that no evaluation gives, such as the quality of the training data, are left out; the others
    are rescaled to the same sum. That follows from the weights alone, so it is the same for every version of a model
    name. A metric that evaluations give and this one lacks still leaves no score.

    >>> score = evaluated_score({"accuracy": 0.9, "auc": 0.8}, {"accuracy": 0.4, "auc": 0.4, "data_quality": 0.2})
    >>> [(term.metric, term.weight) for term in score], score.left_out
    ([('accuracy', 0.5), ('auc', 0.5)], ('data_quality_score',))
    """
    kept = {key: weight for key, weight in weights.items() if weight and canonical(key) in EVALUATED}
    left_out = tuple(canonical(key) for key, weight in weights.items() if weight and canonical(key) not in EVALUATED)
    if not kept:
        note = f"no score: no evaluation gives {_listed(left_out)}; give a weight to a metric such as accuracy"
        return Score(None, (), 0.0, note, left_out)
    if left_out:
        total, rest = sum(weights.values()), sum(kept.values())
        kept = {key: weight * (total / rest) for key, weight in kept.items()}
    score = composite_score(
        metrics, kept, is_ensemble=is_ensemble, ensemble_bonus=ensemble_bonus, declared_lower=declared_lower
    )
    return Score(score.value, score.terms, score.ensemble_bonus, score.note, left_out)


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
