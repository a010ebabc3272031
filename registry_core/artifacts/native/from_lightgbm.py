"""LightGBM's text files, answered by ``lightgbm.Booster``: scikit-learn's estimators there have no way to reload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import ArtifactUnloadable
from ...signature import Feature
from . import columns
from .models import Classifier, Predictor

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_CLASSES = ("binary", "multiclass", "multiclassova")


def read(data: bytes) -> Predictor:
    """The model in a text file of LightGBM's.

    Raises:
        ArtifactUnloadable: it answers several numbers a row.
        ValueError: LightGBM does not take the file.
    """
    import lightgbm

    text = data.decode("utf-8")
    booster = lightgbm.Booster(model_str=text)
    head = _fields(text.partition("\n\n")[0])
    objective, count = head.get("objective", "").partition(" ")[0], int(head["num_class"])
    classifies = objective in _CLASSES
    engine = _Engine(booster, head, text, classifies)
    if classifies:
        return Classifier(engine, range(max(count, 2)))
    if count > 1:
        raise ArtifactUnloadable(
            f"the model returns {count} numbers per row that are not marked as classes; only one number per row is "
            "supported"
        )
    return Predictor(engine)


class _Engine:
    def __init__(self, booster: Any, head: Mapping[str, str], text: str, classifies: bool) -> None:
        self.native, self._classifies = booster, classifies
        names: list[str] = booster.feature_name()
        # What LightGBM calls the columns of an array.
        self.named = names != [f"Column_{place}" for place in range(len(names))]
        self._names = names
        self._levels: list[list[Any]] = booster.pandas_categorical or []
        self._places = _places(self._levels, head, text)
        self.features = tuple(self._feature(place, name) for place, name in enumerate(names))

    def _feature(self, place: int, name: str) -> Feature:
        if self._places is None:
            return Feature(name)
        if place in self._places:
            return Feature(name, "category", tuple(self._levels[self._places.index(place)]))
        return Feature(name, "number")

    def answers(self, rows: Any) -> NDArray[Any]:
        import numpy as np

        values = np.asarray(self.native.predict(self._handed(rows)))
        if values.ndim == 2:
            return np.asarray(values.argmax(axis=1))
        # Of two classes LightGBM answers the second one's probability; a tie is the first's.
        return (values > 0.5).astype(np.intp) if self._classifies else values

    def probabilities(self, rows: Any) -> NDArray[Any]:
        import numpy as np

        values = np.asarray(self.native.predict(self._handed(rows)))
        return values if values.ndim == 2 else np.column_stack([1 - values, values])

    def _handed(self, rows: Any) -> Any:
        width = len(self._names)
        if not columns.is_frame(rows):
            if self._levels:
                raise ValueError(
                    f"the model has {len(self._levels)} category columns, which an array cannot represent; give a "
                    "DataFrame with named columns"
                )
            return columns.array(rows, width)
        table = columns.named(rows, self._names, _written) if self.named else columns.counted(rows, width)
        return self._table(table)

    def _table(self, table: pd.DataFrame) -> Any:
        import pandas as pd

        # LightGBM goes by which of the frame's columns are categories; what the file says of its own comes first.
        marked = [place for place in range(table.shape[1]) if hasattr(table.iloc[:, place], "cat")]
        places = self._places if self._places is not None else marked
        if len(places) != len(self._levels):
            raise ValueError(
                f"the file has the categories of {len(self._levels)} columns without their names; give exactly these "
                "columns as pandas categories"
            )
        prepared: dict[str, Any] = {}
        for place, name in enumerate(self._names):
            column = table.iloc[:, place]
            if place in places:
                levels = self._levels[places.index(place)]
                prepared[name] = columns.category(column, name, levels, strict=False)
            else:
                prepared[name] = columns.numbers(column, name)
        return pd.DataFrame(prepared, index=table.index, columns=self._names)


def _written(name: str) -> str:
    # LightGBM's files separate names by spaces, so it writes underscores into them.
    return name.replace(" ", "_")


def _fields(block: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in block.splitlines())}


def _places(levels: list[Any], head: Mapping[str, str], text: str) -> list[int] | None:
    """Which columns the levels belong to, in their order; None where the file leaves it open.

    The file names the columns that were split as categories. Ordered ones have levels too, and are not among them.
    """
    if not levels:
        return []
    kinds = head.get("feature_infos", "").split(" ")
    for line in text[text.rfind("\nparameters:") :].splitlines():
        key, _, value = line.strip("[]").partition(": ")
        if key == "categorical_feature":
            places = [int(place) for place in value.split(",") if place.strip().isdigit()]
            return places if _fit(places, levels, kinds) else None
    # Without its parameters: a category's values stand as 0:1:2, a number's as [0:2], what never changes as none.
    places = [place for place, kind in enumerate(kinds) if kind[:1] not in ("[", "n", "")]
    return places if "none" not in kinds and _fit(places, levels, kinds) else None


def _fit(places: list[int], levels: list[Any], kinds: list[str]) -> bool:
    """Whether the values that each column was trained with are numbers of its levels."""
    if len(places) != len(levels):
        return False
    for place, level in zip(places, levels, strict=True):
        kind = kinds[place] if place < len(kinds) else ""
        values = [int(code) for code in kind.split(":") if code.removeprefix("-").isdigit()]
        if kind != "none" and (kind[:1] == "[" or max(values, default=-1) >= len(level)):
            return False
    return True
