"""Models in formats of their own - skops, XGBoost, LightGBM, ONNX - with scikit-learn's verbs.

Each answers as its own library does when it reloads the file: labels, categories, missing values and the best round
of early stopping are the library's business, and a DataFrame's columns are matched by name where the file has names.
A file of skops' gives back the estimator itself; the others become a ``Predictor``, ``Labels`` or a ``Classifier``.
The libraries are imported when a file needs them.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import Any

from ...errors import ArtifactQuarantined, ArtifactUnloadable
from ..inspection import inspect
from .models import Classifier, Labels, Predictor

__all__ = ["Classifier", "Labels", "Predictor", "load"]


def load(data: bytes, kind: str, place: str, extra_trusted: Collection[str]) -> Any:
    """The model in a file of one of these kinds; its content is inspected once more before its library sees it.

    ``kind`` is what the inspection calls the format; the module ``from_<kind>`` reads it.

    Raises:
        ArtifactQuarantined: it is not trusted, or no longer.
        ArtifactUnloadable: the library that reads it is not installed, or it answers what the registry cannot take.
    """
    inspection = inspect(data, place, extra_trusted=extra_trusted)
    if inspection.verdict != "trusted":
        raise ArtifactQuarantined(f"{inspection.because}; it was not loaded")
    try:
        if kind == "skops":
            return _skops(data, inspection.names)
        return import_module(f"{__name__}.from_{kind}").read(data)
    except ModuleNotFoundError as error:
        library = error.name or kind
        raise ArtifactUnloadable(f"{place} needs {library} to load; install {library}") from error


def _skops(data: bytes, trusted: Collection[str]) -> Any:
    from skops import io

    # Its own list leaves out trees and sparse matrices; what it asks for has been looked at here, name by name.
    return io.loads(data, trusted=sorted(trusted))
