"""The composite score of the seed, for any metrics and weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..records import Score, ScoreTerm
from .metrics import acceptable, canonical, lower_is_better


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
        listed = " and ".join([", ".join(missing[:-1]), missing[-1]] if len(missing) > 1 else missing)
        return Score(None, tuple(terms), 0.0, f"no score: {listed} {verb} missing")
    bonus = ensemble_bonus * abs(total) if is_ensemble else 0.0
    return Score(total + bonus, tuple(terms), bonus, None)
