"""Code of somebody's own that models of the tests of advice are made of."""

from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin


def scaled(values: Any, by: float = 1.0) -> Any:
    """A function that a model keeps."""
    return values * by


class Scaling(TransformerMixin, BaseEstimator):
    """The same as a class."""

    def __init__(self, by: float = 1.0) -> None:
        self.by = by

    def fit(self, values: Any, target: Any = None) -> "Scaling":
        """Nothing to learn."""
        return self

    def transform(self, values: Any) -> Any:
        """What the function does."""
        return scaled(values, self.by)


class Scaler:
    """An object whose method a model keeps."""

    def scaled(self, values: Any) -> Any:
        """The method."""
        return values
