"""Models side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..records import METRIC_FIELDS, Comparison, MetricComparison, ModelMetadata
from .lineage import facts
from .metrics import lower_is_better


def compare(models: Sequence[ModelMetadata], declared_lower: Callable[[str], Sequence[str]]) -> Comparison:
    """Every metric any of the models has, and what of their features, classes, hyperparameters and lineage differs.

    Args:
        models: two or more.
        declared_lower: model name -> metrics that its policy declares lower-is-better.
    """
    declared = {name for each in models for name in declared_lower(each.model_name)}
    found = [each.all_metrics() for each in models]
    names = dict.fromkeys([*METRIC_FIELDS, *sorted({name for each in found for name in each})])
    metrics = []
    for name in names:
        values = tuple(each.get(name) for each in found)
        known = [value for value in values if value is not None]
        if not known:
            continue
        lower = lower_is_better(name, declared)
        best = min(known) if lower else max(known)
        metrics.append(MetricComparison(name, lower, values, values.index(best) if known.count(best) == 1 else None))
    sides: list[dict[str, Any]] = [
        {
            "model type": each.model_type,
            "features": tuple(each.feature_names),
            "classes": tuple(each.classes),
            "training samples": each.training_samples,
            **{f"hyperparameter {key}": value for key, value in each.hyperparameters.items()},
            **facts(each.lineage),
        }
        for each in models
    ]
    rows = {key: tuple(side.get(key) for side in sides) for key in dict.fromkeys(key for side in sides for key in side)}
    differences = {key: values for key, values in rows.items() if any(value != values[0] for value in values)}
    sets = list(dict.fromkeys(each.ranked_on or each.evaluation_set or "an unspecified set" for each in models))
    comparable = len(sets) == 1 and len({each.model_name for each in models}) == 1
    note = (
        f"All ranked on {sets[0]}."
        if len(sets) == 1
        else f"Not comparable: ranked on different sets ({', '.join(sets)})."
    )
    if len({each.model_name for each in models}) > 1:
        note += " They belong to different model names, which do different tasks."
    return Comparison(tuple(models), tuple(metrics), differences, comparable, note)
