"""Whether what indexes memory stays inside it: nodes of trees, rows of sparse matrices, points of neighbour trees.

The compiled loops of scikit-learn and scipy follow these numbers without looking. The layouts are those of
``sklearn.tree._tree.NODE_DTYPE``, ``PREDICTOR_RECORD_DTYPE`` of the histogram boosting, the binary trees of
``sklearn.neighbors`` and scipy's compressed sparse formats. Nothing of them is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .refused import Refused
from .values import Array, Made, is_whole
from .work import walked

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAF = -1
_BITSET_WORDS = 8


def fail(what: str) -> Refused:
    """The refusal of a file that has something of this kind."""
    return Refused(f"it has {what}")


def array(value: Any, what: str, dimensions: int) -> NDArray[Any]:
    """The numbers of an array of so many dimensions.

    Raises:
        Refused: it is none.
    """
    if type(value) is not Array or value.dtype is None or len(value.shape) != dimensions or value.items is not None:
        raise fail(f"{what} that is not an array of {dimensions} dimensions")
    return value.to_numpy(what)


def _records(value: Any, what: str, fields: set[str]) -> NDArray[Any]:
    if type(value) is not Array or value.dtype is None or not fields <= set(value.dtype.fields or ()):
        raise fail(f"{what} of another layout than scikit-learn's")
    return array(value, what, 1)


def whole_numbers(value: Any, what: str) -> NDArray[Any]:
    """The whole numbers of an array of one dimension.

    Raises:
        Refused: it is none.
    """
    found = array(value, what, 1)
    if found.dtype.kind not in "iu":
        raise fail(f"{what} that are not whole numbers")
    return found


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
    nodes = _records(state.get("nodes"), what, {"left_child", "right_child", "feature", "threshold"})
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


def inputs(state: dict[str, Any], name: str) -> int:
    """How many inputs an estimator checks for.

    Raises:
        Refused: it does not say, and so would check nothing.
    """
    count = state.get("n_features_in_")
    if not is_whole(count, 1, 1 << 31):
        raise fail(f"a {name} that does not say how many features it has")
    assert type(count) is int
    return count


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
    nodes = _records(made.get("nodes"), what, wanted)
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


def neighbour_tree(made: Made) -> None:
    """A KDTree or BallTree: ``(data, order of the points, nodes, bounds, leaf size, levels, number of nodes, ...)``.

    Raises:
        Refused: a point or a node that is not there.
    """
    what = "a tree of neighbours"
    state = made.state
    if type(state) is not tuple or len(state) not in (12, 13):
        raise fail(f"{what} of another layout than scikit-learn's")
    data, order = array(state[0], what, 2), whole_numbers(state[1], what)
    nodes = _records(state[2], what, {"idx_start", "idx_end", "is_leaf", "radius"})
    limits = array(state[3], what, 3)
    count, levels = state[6], state[5]
    if not len(data) or len(order) != len(data) or int(order.min()) < 0 or int(order.max()) >= len(data):
        raise fail(f"{what} that points outside its data")
    if (
        not is_whole(levels, 1, 40)
        or count != (1 << levels) - 1
        or len(nodes) != count
        or not is_whole(state[4], 1, 1 << 40)
    ):
        raise fail(f"{what} with other nodes than its levels have")
    start, end = nodes["idx_start"], nodes["idx_end"]
    if int(start.min()) < 0 or int(end.max()) > len(data) or bool((start > end).any()):
        raise fail(f"{what} whose nodes point outside its data")
    if not bool((nodes["is_leaf"][count // 2 :] != 0).all()):
        raise fail(f"{what} whose last nodes are not leaves")
    # A box has two corners, a ball one centre.
    if limits.shape[0] != (2 if "KDTree" in made.of else 1) or limits.shape[1:] != (count, data.shape[1]):
        raise fail(f"{what} whose limits do not fit")
    _check_distance(state[11], data.shape[1], what)
    weights = state[12] if len(state) == 13 else None
    if weights is not None and len(array(weights, what, 1)) != len(data):
        raise fail(f"{what} whose weights do not fit")


def _check_distance(metric: Any, dimensions: int, what: str) -> None:
    """A distance ``(p, vector, matrix)``: those with weights or a matrix have one for each dimension."""
    if type(metric) is not Made or not metric.of.startswith("sklearn.metrics._dist_metrics.") or not metric.built:
        raise fail(f"{what} whose distance is none of scikit-learn's")
    if type(metric.state) is not tuple or len(metric.state) != 3:
        raise fail(f"{what} whose distance has a state that scikit-learn does not write")
    vector, matrix = array(metric.state[1], what, 1), array(metric.state[2], what, 2)
    name = metric.of.rpartition(".")[2]
    needs = {"SEuclidean": (dimensions,), "Mahalanobis": (dimensions,), "Minkowski": (0, dimensions)}
    for kind, lengths in needs.items():
        if name.startswith(kind) and len(vector) not in lengths:
            raise fail(f"{what} whose distance is for other dimensions than its data has")
    if name.startswith("Mahalanobis") and matrix.shape != (dimensions, dimensions):
        raise fail(f"{what} whose distance is for other dimensions than its data has")


def compressed(made: Made) -> None:
    """A CSR or CSC matrix: ``indptr`` rises from 0 to the number of entries, ``indices`` stay below the other length.

    Raises:
        Refused: it would be read outside its arrays.
    """
    what = "a sparse matrix"
    shape = _sparse_shape(made, what)
    major, minor = shape if ".csr_" in made.of else shape[::-1]
    indptr, indices = whole_numbers(made.get("indptr"), what), whole_numbers(made.get("indices"), what)
    data = made.get("data")
    if type(data) is not Array or data.items is not None or data.shape != indices.shape:
        raise fail(f"{what} whose entries and indices differ")
    if len(indptr) != major + 1 or int(indptr[0]) != 0 or int(indptr[-1]) > len(indices):
        raise fail(f"{what} whose rows lie outside its entries")
    if bool((indptr[1:] < indptr[:-1]).any()):
        raise fail(f"{what} whose rows go backwards")
    if len(indices) and (int(indices.min()) < 0 or int(indices.max()) >= minor):
        raise fail(f"{what} with an index outside it")


def coordinates(made: Made) -> None:
    """A COO matrix: one row and one column for each entry, inside the shape.

    Raises:
        Refused: an entry outside it.
    """
    what = "a sparse matrix"
    shape = _sparse_shape(made, what)
    both = made.get("coords") or (made.get("row"), made.get("col"))
    data = made.get("data")
    for each, length in zip(both if type(both) is tuple else (), shape, strict=True):
        found = whole_numbers(each, what)
        if type(data) is not Array or data.shape != found.shape:
            raise fail(f"{what} whose entries and indices differ")
        if len(found) and (int(found.min()) < 0 or int(found.max()) >= length):
            raise fail(f"{what} with an index outside it")


def _sparse_shape(made: Made, what: str) -> tuple[int, int]:
    shape = made.get("_shape")
    if type(shape) is not tuple or len(shape) != 2 or not all(is_whole(each, 0, 1 << 50) for each in shape):
        raise fail(f"{what} of an impossible shape")
    return shape


def spline(made: Made) -> None:
    """A B-spline: knots that never fall, and a coefficient for each stretch between them.

    Raises:
        Refused: fewer than the degree needs.
    """
    knots, degree, coefficients = made.get("_t"), made.get("k"), made.get("_c")
    if (knots is None) == (made.get("t") is None) or (coefficients is None) == (made.get("c") is None):
        raise fail("a spline that has its knots or coefficients in two places, or in none")
    knots = made.get("t") if knots is None else knots
    coefficients = made.get("c") if coefficients is None else coefficients
    found = array(knots, "the knots of a spline", 1)
    if not is_whole(degree, 0, 100) or type(coefficients) is not Array or not coefficients.shape:
        raise fail("a spline of another layout than scipy's")
    needed = len(found) - degree - 1
    if needed < degree + 1 or coefficients.shape[0] < needed or bool((found[1:] < found[:-1]).any()):
        raise fail("a spline with fewer coefficients or knots than its degree needs")


def _shape(value: Any) -> Any:
    return value.shape if type(value) is Array else value.get("_shape")


def support_vectors(name: str, state: dict[str, Any]) -> None:
    """A support vector machine: as many coefficients and offsets as its vectors and classes need.

    Raises:
        Refused: fewer or more.
    """
    what = f"a {name}"
    counts = whole_numbers(state["_n_support"], what)
    support = state.get("support_")
    dual, vectors = state.get("_dual_coef_"), state.get("support_vectors_")
    if type(support) is not Array or not len(counts) or int(counts.min()) < 0:
        raise fail(f"{what} without its support vectors")
    total = support.count
    classes = len(counts)
    for each in (dual, vectors):
        if type(each) is Made:
            if not each.built or ".csr_" not in each.of:
                raise fail(f"{what} whose vectors are none")
        elif type(each) is not Array or each.items is not None or len(each.shape) != 2:
            raise fail(f"{what} whose vectors are none")
    if (type(dual) is Made) != (type(vectors) is Made):
        raise fail(f"{what} whose coefficients and vectors differ")
    columns = _shape(dual)
    _check_vectors(state, support, vectors, dual, what)
    intercepts = state.get("_intercept_")
    pairs = classes * (classes - 1) // 2
    single = "SVC" not in name
    if tuple(columns) != (1 if single else classes - 1, total):
        raise fail(f"{what} whose coefficients and vectors differ")
    asked = state.get("_effective_probability", state.get("probability")) is not False
    counts_of = (1 if single else pairs,) if asked and not single else (0, 1 if single else pairs)
    for each in (state.get("_probA"), state.get("_probB")):
        if each is not None and (type(each) is not Array or each.count not in counts_of):
            raise fail(f"{what} whose probabilities and classes differ")
    if type(intercepts) is not Array or intercepts.count != (1 if single else pairs):
        raise fail(f"{what} whose coefficients and classes differ")
    if int(counts.sum() if not single else counts[0]) != total:
        raise fail(f"{what} that counts other vectors than it has")


def _check_vectors(state: dict[str, Any], support: Array, vectors: Any, dual: Any, what: str) -> None:
    """The vectors are as wide as a row, or numbers of columns of a kernel; sparse coefficients are all written out."""
    fitted = state.get("shape_fit_")
    if type(fitted) is not tuple or len(fitted) != 2 or not all(is_whole(each, 0, 1 << 40) for each in fitted):
        raise fail(f"{what} without the shape of what it was fitted on")
    places = whole_numbers(support, what)
    if len(places) and (int(places.min()) < 0 or int(places.max()) >= fitted[0]):
        raise fail(f"{what} with a missing support vector")
    # Of a kernel that is given as numbers, or made by a function, no vectors are kept.
    kernel = state.get("kernel")
    given = kernel == "precomputed" or type(kernel) is not str
    rows, width = _shape(vectors)
    if rows != (0 if given else support.count) or (rows and width != inputs(state, what)):
        raise fail(f"{what} whose vectors are for another number of features than it has")
    if type(dual) is Made:
        rows, columns = _shape(dual)
        data = dual.get("data")
        if type(data) is not Array or data.count != rows * columns:
            raise fail(f"{what} whose coefficients and vectors differ")
