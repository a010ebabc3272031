"""What MLflow calls things, as the registry calls them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidMetric
from .metrics import MOST_METRICS, checked

#: The names of ``mlflow.evaluate`` and scikit-learn that mean exactly one of ours. What autologging measures on the
#: training data (``training_...``) says nothing of new data, and ``test_...`` or ``val_...`` do not say of which: these
#: stay under their own names.
_METRICS = {
    "accuracy_score": "accuracy",
    "roc_auc": "auc",
    "roc_auc_score": "auc",
    "f1": "f1_score",
    "precision_score": "precision",
    "recall_score": "recall",
    "balanced_accuracy_score": "balanced_accuracy",
    "matthews_corrcoef": "mcc",
    "mean_squared_error": "mse",
    "root_mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "r2_score": "r2",
    "explained_variance_score": "explained_variance",
}
#: How busy the machine was.
_NOT_OF_THE_MODEL = "system/"
_WORDS = {"True": True, "False": False, "None": None}


def metrics(logged: Mapping[str, float | None]) -> tuple[dict[str, float], dict[str, str]]:
    """A run's last numbers by our names; and those that cannot be kept, each with the reason."""
    kept: dict[str, float] = {}
    left_out: dict[str, str] = {}
    # Who has our very name goes first.
    for name in sorted(logged, key=lambda each: (each in _METRICS, each)):
        if name.startswith(_NOT_OF_THE_MODEL):
            continue
        value = logged[name]
        ours = re.sub(r"[^A-Za-z0-9_.@-]", "_", _METRICS.get(name, name))
        if ours in kept:
            if kept[ours] != value:
                left_out[name] = f"there is another {ours}"
        elif value is None or not math.isfinite(value):
            left_out[name] = "it is not finite"
        elif len(kept) == MOST_METRICS:
            left_out[name] = f"at most {MOST_METRICS} are kept"
        else:
            try:
                ours, number = checked(ours, value)
            except InvalidMetric as error:
                left_out[name] = str(error)
            else:
                kept[ours] = number
    return kept, left_out


def parameter(text: str) -> Any:
    """A parameter, which MLflow keeps as text: a number or a word of Python's where that says exactly the same."""
    if text in _WORDS:
        return _WORDS[text]
    for read in (int, float):
        try:
            value = read(text)
        except ValueError:
            continue
        if str(value) == text and math.isfinite(value):
            return value
    return text


def model_name(name: str) -> str:
    """A name that can be part of a path; equal where it could be before."""
    return re.sub(r"\.{2,}", ".", re.sub(r"[^A-Za-z0-9._-]+", "-", name)).strip("._-")[:128]


def input_names(signature: Any) -> list[str]:
    """The names of the inputs in an ``MLmodel`` file's signature; none where they have no names."""
    try:
        columns = json.loads(signature["inputs"])
        names = [column["name"] for column in columns]
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return names if all(isinstance(name, str) and name for name in names) else []
