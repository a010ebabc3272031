"""Code of somebody's own that models of the tests of advice are made of."""

from typing import Any


def scaled(values: Any, by: float = 1.0) -> Any:
    """A function that a model keeps."""
    return values * by


class Scaler:
    """An object whose method a model keeps."""

    def scaled(self, values: Any) -> Any:
        """The method."""
        return values
