"""Whether the nodes of decision trees, and of the boosting made of them, point inside their own arrays.

The compiled loops of scikit-learn follow these numbers without looking. The layouts are those of
``sklearn.tree._tree.NODE_DTYPE`` and ``PREDICTOR_RECORD_DTYPE`` of the histogram boosting. Nothing of them is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bounds import array, fail, inputs, records, whole_numbers
from .values import Array, Made, is_whole
from .work import walked

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAF = -1
_BITSET_WORDS = 8


def tree(made: Made) -> None:
    """A decision tree: ``Tree(features, classes of each output, outputs)`` with nodes and values.

    Raises:
        Refused: a child that does not come after its parent, a feature beyond the inputs, values of another shape.
    """
    import numpy as np

    what = "the nodes of a tree"
    state = made.state if type(made.state) is dict else {}
    if len(made.args) != 3 or not is_whole(made.args[0], 0, 1 << 31) or not is_whole(made.args[2], 1, 1 << 20):
        raise fail("a tree made of other arguments than scikit-learn's")
    features, _, outputs = made.args
    classes = whole_numbers(made.args[1], "the classes of a tree")
    if len(classes) != outputs or int(classes.min()) < 1 or int(classes.max()) > 1 << 24:
        raise fail("a tree whose classes and outputs differ")
    nodes = records(state.get("nodes"), what, {"left_child", "right_child", "feature", "threshold"})
    if set(state) != {"max_depth", "node_count", "nodes", "values"}:
        raise fail("a tree with a state that scikit-learn does not write")
    if not len(nodes) or state.get("node_count") != len(nodes) or not is_whole(state.get("max_depth"), 0, len(nodes)):
        raise fail("a tree whose node_count or max_depth are not those of its nodes")
    if state["nodes"].dtype.fields["left_child"][0].kind not in "i":
        raise fail("the nodes of a tree whose children are not whole numbers")
    values = state.get("values")
    if (
        type(values) is not Array
        or values.items is not None
        or values.shape != (len(nodes), outputs, int(classes.max()))
    ):
        raise fail("a tree whose values do not fit its nodes")
    left, right = nodes["left_child"], nodes["right_child"]
    inner = left != _LEAF
    at = np.flatnonzero(inner)
    _check_children(left[at], right[at], at, len(nodes), what)
    if not np.array_equal(right != _LEAF, inner):
        raise fail("a tree with a node that has one child")
    feature = nodes["feature"][at]
    if len(at) and (int(feature.min()) < 0 or int(feature.max()) >= features):
        raise fail("a tree that splits by a feature it does not have")


def _check_children(left: NDArray[Any], right: NDArray[Any], at: NDArray[Any], count: int, what: str) -> None:
    # A child behind its parent: no walk can go in circles, and none leaves the array.
    if not len(at):
        return
    if bool((left <= at).any() or (right <= at).any()) or max(int(left.max()), int(right.max())) >= count:
        raise fail(f"{what} that lead outside it, or in circles")


def fitted_tree(name: str, state: dict[str, Any]) -> None:
    """An estimator around one tree, which reads as many inputs as the estimator checks for.

    Raises:
        Refused: they differ.
    """
    inner = state["tree_"]
    if type(inner) is not Made or inner.of != "sklearn.tree._tree.Tree" or not inner.built:
        raise fail(f"a {name} whose tree_ is not a tree")
    if inner.args[0] != inputs(state, name):
        raise fail(f"a {name} whose tree reads features it does not have")


def gradient_boosting(name: str, state: dict[str, Any]) -> None:
    """The trees of a gradient boosting, which are walked without asking each for its inputs.

    Raises:
        Refused: something in their place is no tree, or reads other inputs.
    """
    estimators = state.get("estimators_")
    if estimators is None:
        return
    if type(estimators) is not Array or estimators.items is None or len(estimators.shape) != 2:
        raise fail(f"a {name} whose estimators_ are not a table of trees")
    width = inputs(state, name)
    # A column of the answer for each class, one alone for two of them; the trees add to theirs without looking.
    classes = state.get("n_classes_", 1) if "Classifier" in name else 1
    columns = {
        estimators.shape[1],
        1 if classes == 2 else classes,
        state.get("n_trees_per_iteration_", estimators.shape[1]),
    }
    if len(columns) != 1:
        raise fail(f"a {name} with trees for another number of classes than it has")
    if "Classifier" in name:
        _check_start(name, state.get("init_"), classes)
    for each in walked(estimators.items):
        inner = each.get("tree_") if type(each) is Made else None
        if (
            type(inner) is not Made
            or inner.of != "sklearn.tree._tree.Tree"
            or inner.args[0] != width
            or not inner.built
        ):
            raise fail(f"a {name} with a tree that reads features it does not have")


def _check_start(name: str, first: Any, classes: Any) -> None:
    """What a boosting starts with has a column for each class; the trees add to it without looking."""
    if type(first) is not Made:
        return
    known = first.get("classes_")
    if type(known) is Array and known.count != classes:
        raise fail(f"a {name} that starts with another number of classes than it has")
    shares = first.get("class_prior_")
    if first.of.endswith(".DummyClassifier") and (type(shares) is not Array or shares.count != classes):
        raise fail(f"a {name} that starts with another number of classes than it has")


def histogram_tree(made: Made) -> None:
    """A tree of the histogram boosting.

    Raises:
        Refused: a child that does not come after its parent, or a set of categories that is not there.
    """
    import numpy as np

    what = "the nodes of a histogram tree"
    wanted = {"left", "right", "feature_idx", "is_leaf", "is_categorical", "bitset_idx", "bin_threshold"}
    nodes = records(made.get("nodes"), what, wanted)
    sets = []
    for key in ("raw_left_cat_bitsets", "binned_left_cat_bitsets"):
        table = array(made.get(key), "the categories of a histogram tree", 2)
        if table.shape[1] != _BITSET_WORDS or table.dtype.kind != "u" or table.dtype.itemsize != 4:
            raise fail("the categories of a histogram tree in another layout than scikit-learn's")
        sets.append(len(table))
    if not len(nodes):
        raise fail("a histogram tree without nodes")
    at = np.flatnonzero(nodes["is_leaf"] == 0)
    _check_children(nodes["left"][at], nodes["right"][at], at, len(nodes), what)
    inner = nodes[at]
    if len(at) and int(inner["feature_idx"].min()) < 0:
        raise fail("a histogram tree that splits by a feature it does not have")
    categorical = inner["bitset_idx"][inner["is_categorical"] != 0]
    if len(categorical) and int(categorical.max()) >= min(sets):
        raise fail("a histogram tree that asks for categories it does not have")


def bins(made: Made) -> None:
    """The bins of the histogram boosting: as many thresholds as a bin's number, one byte, can count.

    Raises:
        Refused: more, or no numbers.
    """
    thresholds = made.get("bin_thresholds_")
    if thresholds is None:
        return
    if type(thresholds) is not list or not is_whole(made.get("n_bins"), 3, 256):
        raise fail("bins of a histogram that are none")
    what = "the bins of a histogram"
    for key in ("is_categorical_", "n_bins_non_missing_"):
        if len(array(made.get(key), what, 1)) != len(thresholds):
            raise fail("bins of a histogram for another number of features than it has")
    categorical = array(made.get("is_categorical_"), what, 1)
    for each, is_category in zip(walked(thresholds), categorical.tolist(), strict=True):
        found = array(each, what, 1)
        if len(found) > 255 or found.dtype.kind not in "fiu":
            raise fail("more bins in a histogram than a byte counts")
        # Categories are bits in a set of 256.
        if is_category and len(found) and not (float(found.min()) >= 0 and float(found.max()) <= 255):
            raise fail("categories in a histogram beyond what a byte counts")


def histogram_boosting(name: str, state: dict[str, Any]) -> None:
    """All trees of a histogram boosting against its inputs.

    Raises:
        Refused: something in their place is no such tree, or splits by a missing feature.
    """
    width = inputs(state, name)
    mapper = state.get("_bin_mapper")
    thresholds = mapper.get("bin_thresholds_") if type(mapper) is Made else None
    if type(mapper) is not Made or type(thresholds) is not list:
        raise fail(f"a {name} without its bins")
    # With categories, the inputs are put in another order first, but are as many.
    if len(thresholds) != width:
        raise fail(f"a {name} whose bins are for another number of features than it has")
    categorical = array(mapper.get("is_categorical_"), f"the bins of a {name}", 1) != 0
    stages = state["_predictors"]
    for stage in walked(stages) if type(stages) is list else [None]:
        for each in walked(stage) if type(stage) is list else [None]:
            if type(each) is not Made or not each.of.endswith(".TreePredictor") or not each.built:
                raise fail(f"a {name} whose trees are none")
            nodes = each.get("nodes").to_numpy("the nodes of a histogram tree")
            splits = nodes["feature_idx"][nodes["is_leaf"] == 0]
            if len(splits) and int(splits.max()) >= width:
                raise fail(f"a {name} with a tree that splits by a feature it does not have")
            by_category = nodes["feature_idx"][(nodes["is_leaf"] == 0) & (nodes["is_categorical"] != 0)]
            if not bool(categorical[by_category].all()):
                raise fail(f"a {name} with a tree that asks for categories of a feature that has none")
