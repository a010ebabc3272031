"""Whether the parts of a fitted object fit each other, where scikit-learn's compiled code would not look.

Encoders and vectorizers make sparse matrices out of column numbers, whose next reader follows them blindly; forests
check their inputs by the first tree only; k-means and neighbours hand arrays to loops that trust one of them for the
size of the other. Where numpy itself would raise an error nothing is looked for: the first prediction shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .bounds import array, fail, inputs, whole_numbers
from .values import Array, Made, is_whole
from .work import walked

if TYPE_CHECKING:
    from numpy.typing import NDArray

State = dict[str, Any]

_TREE = "sklearn.tree._tree.Tree"
_MOST_THREADS = 1 << 10
_ASKED_UNCHECKED = ("sklearn.ensemble._forest.", "sklearn.ensemble._iforest.")


def check(name: str, state: State) -> None:
    """Look at the fitted state of an object of scikit-learn's.

    Raises:
        Refused: it would be read outside its arrays when it is used.
    """
    for key, look in _BY_ATTRIBUTE.items():
        if key in state:
            look(name, state)


def _list(value: Any, length: int | None, what: str) -> list[Any]:
    """A list, or an array of objects or numbers of one dimension, as a list."""
    found: Any = value
    if type(value) is Array and len(value.shape) == 1:
        found = value.items if value.items is not None else array(value, what, 1).tolist()
    if type(found) is not list or length not in (None, len(found)):
        raise fail(f"{what} do not fit together")
    return walked(found)


def _one_hot(name: str, state: State) -> None:
    """Each column's number of categories, less what is dropped or grouped, is the number of columns it becomes."""
    what = f"a {name} whose categories and columns"
    categories = _list(state.get("categories_"), inputs(state, name), what)
    columns = _list(state["_n_features_outs"], len(categories), what)
    dropped: list[Any] = [None] * len(categories)
    if state.get("_drop_idx_after_grouping") is not None:
        dropped = _list(state["_drop_idx_after_grouping"], len(categories), what)
    grouped: list[Any] = [None] * len(categories)
    rare = list(grouped)
    if state.get("_infrequent_enabled") is not False:
        grouped = _list(state.get("_default_to_infrequent_mappings"), len(categories), what)
        rare = _list(state.get("_infrequent_indices"), len(categories), what)
    for place, (values, count) in enumerate(zip(categories, columns, strict=True)):
        codes = _categories(values, what)
        if rare[place] is not None:
            _within(rare[place], codes, what)
        if grouped[place] is not None:
            if len(mapping := _within(grouped[place], codes, what)) != codes:
                raise fail(f"{what} do not fit together")
            codes = int(mapping.max()) + 1 if len(mapping) else 0
        if dropped[place] is not None:
            if not is_whole(dropped[place], 0, codes - 1):
                raise fail(f"{what} do not fit together")
            codes -= 1
        if type(count) is not int or count != codes:
            raise fail(f"{what} do not fit together")


def _categories(values: Any, what: str) -> int:
    """How many categories a column has; numbers have to rise, for they are searched for by halves."""
    import numpy as np

    if type(values) is not Array or len(values.shape) != 1 or values.dtype is None:
        raise fail(f"{what} are none")
    if values.items is None and values.dtype.kind in "biuf":
        numbers = array(values, what, 1)
        # Not a number comes last.
        if not (_rises(numbers) or (bool(np.isnan(numbers[-1:]).any()) and _rises(numbers[:-1]))):
            raise fail(f"{what} are not in order")
    return values.count


def _rises(numbers: NDArray[Any]) -> bool:
    return bool((numbers[:-1] < numbers[1:]).all())


def _within(value: Any, count: int, what: str) -> NDArray[Any]:
    found = whole_numbers(value, what)
    if len(found) and (int(found.min()) < 0 or int(found.max()) >= count):
        raise fail(f"{what} do not fit together")
    return found


def _vocabulary(name: str, state: State) -> None:
    """Every term has a column of its own, and there are no others."""
    words = state["vocabulary_"]
    if type(words) is not dict:
        raise fail(f"a {name} whose vocabulary is not a dict")
    columns = list(walked(words).values())
    if any(type(column) is not int for column in columns):
        raise fail(f"a {name} whose vocabulary has columns that are not whole numbers")
    if columns and (min(columns) != 0 or max(columns) != len(columns) - 1 or len(set(columns)) != len(columns)):
        raise fail(f"a {name} whose vocabulary names other columns than it has words")


def _hashed(name: str, state: State) -> None:
    if name.startswith("sklearn.feature_extraction.") and not is_whole(state["n_features"], 1, (1 << 31) - 1):
        raise fail(f"a {name} that hashes into no columns")


def _ensemble(name: str, state: State) -> None:
    """Trees are asked without asking each for its inputs."""
    if not name.startswith(_ASKED_UNCHECKED) or type(state["estimators_"]) is not list:
        return
    trees = [
        each for each in walked(state["estimators_"]) if type(each) is Made and each.of.startswith("sklearn.tree.")
    ]
    if not trees:
        return
    wanted = [inputs(state, name)] * len(trees)
    if (parts := state.get("estimators_features_")) is not None:
        parts = _list(parts, len(state["estimators_"]), f"a {name} whose trees and their features")
        if len(trees) != len(parts) or not all(type(part) is Array and len(part.shape) == 1 for part in parts):
            raise fail(f"a {name} whose trees and their features do not fit together")
        wanted = [part.count for part in parts]
    for each, count in zip(trees, wanted, strict=True):
        inner = each.get("tree_")
        if type(inner) is not Made or inner.of != _TREE or not inner.built or inner.args[0] != count:
            raise fail(f"a {name} with a tree that reads features it does not have")


def _centres(name: str, state: State) -> None:
    """The loops of k-means read as many numbers of each centre as a row has."""
    if not name.startswith("sklearn.cluster._kmeans.") and not name.startswith("sklearn.cluster._bisect_k_means."):
        return
    width = inputs(state, name)
    centres = array(state["cluster_centers_"], f"the centres of a {name}", 2)
    if not len(centres) or centres.shape[1] != width:
        raise fail(f"a {name} whose centres are for another number of features than it has")
    for node in _halves(state.get("_bisecting_tree")):
        if array(node.get("center"), f"the centres of a {name}", 1).shape != (width,):
            raise fail(f"a {name} whose centres are for another number of features than it has")


def _threads(name: str, state: State) -> None:
    if not is_whole(state["_n_threads"], 1, _MOST_THREADS):
        raise fail(f"a {name} with an impossible number of threads")


def _halves(node: Any) -> Iterator[Made]:
    pending, seen = [node], set()
    while pending:
        each = pending.pop()
        if type(each) is Made and id(each) not in seen:
            seen.add(id(each))
            yield each
            pending += [each.get("left"), each.get("right")]


def _neighbours(name: str, state: State) -> None:
    """Rows, their count and their labels; labels are numbers of the classes."""
    what = f"a {name} whose rows and labels"
    if not name.startswith("sklearn.neighbors."):
        return
    rows = state["_fit_X"]
    shape = rows.shape if type(rows) is Array else rows.get("_shape") if type(rows) is Made else None
    if type(shape) is not tuple or not shape or state.get("n_samples_fit_") != shape[0]:
        raise fail(f"{what} do not fit together")
    labels = state.get("_y")
    if labels is None:
        return
    if type(labels) is not Array or not labels.shape or labels.shape[0] != shape[0]:
        raise fail(f"{what} do not fit together")
    if "classes_" not in state:
        return
    columns = array(labels, what, len(labels.shape))
    outputs = [state["classes_"]] if columns.ndim == 1 else _list(state["classes_"], columns.shape[-1], what)
    for place, classes in enumerate(outputs):
        column = columns if columns.ndim == 1 else columns[:, place]
        count = classes.count if type(classes) is Array and len(classes.shape) == 1 else 0
        if column.dtype.kind not in "iu" or int(column.min()) < 0 or int(column.max()) >= count:
            raise fail(f"{what} do not fit together")


_BY_ATTRIBUTE: dict[str, Callable[[str, State], None]] = {
    "_n_features_outs": _one_hot,
    "vocabulary_": _vocabulary,
    "n_features": _hashed,
    "estimators_": _ensemble,
    "cluster_centers_": _centres,
    "_fit_X": _neighbours,
    "_n_threads": _threads,
}
