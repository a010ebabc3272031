"""Whether what indexes memory stays inside it: rows of sparse matrices, points of neighbour trees, support vectors.

The compiled loops of scikit-learn and scipy follow these numbers without looking. The layouts are those of the binary
trees of ``sklearn.neighbors`` and of scipy's compressed sparse formats. Nothing of them is imported. Decision trees are
in ``tree_bounds``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .refused import Refused
from .values import Array, Made, is_whole

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


def records(value: Any, what: str, fields: set[str]) -> NDArray[Any]:
    """The rows of a structured array that has these fields at least.

    Raises:
        Refused: it is none.
    """
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
    nodes = records(state[2], what, {"idx_start", "idx_end", "is_leaf", "radius"})
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
