"""Files of trusted names only, whose types lie or whose indices lead outside: loaded or used, they crash Python."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from typing import Any

import joblib
import numpy as np
from numpy._core.multiarray import _reconstruct
from numpy._core.numeric import _frombuffer  # pyrefly: ignore[missing-module-attribute]
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.neighbors import BallTree, KDTree
from sklearn.neighbors import _kd_tree as kd_tree
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import Tree

from .assembly import call, called, made, mapping, name, plain, tupled, whole


class Reduced:
    """Pickles as whatever it is told."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> Any:
        return self.parts


def object_array(*items: Any) -> NDArray[Any]:
    """An array of objects, whatever they are."""
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def _array(dtype: Any, content: bytes = bytes(32), shape: tuple[int, ...] = (2,)) -> bytes:
    return pickle.dumps(Reduced(_reconstruct, (np.ndarray, (0,), b"b"), (1, shape, dtype, False, content)))


def _dtype(kind: str, *state: Any) -> Reduced:
    return Reduced(np.dtype, (kind, False, True), state)


def dishonest_types() -> Iterator[tuple[str, bytes]]:
    """Arrays whose dtype does not say the truth, as (what, bytes)."""
    number, text = np.dtype("f8"), np.dtype("O")
    nothing = (None, None, None)
    yield "objects that deny it", _array(_dtype("O8", 3, "|", *nothing, -1, -1, 0), bytes(16))
    yield "numbers that claim to be objects", _array(_dtype("f8", 3, "<", *nothing, -1, -1, 63), bytes(16))
    yield "objects out of bytes", pickle.dumps(Reduced(_frombuffer, (b"\x41" * 16, text, (2,), "C")))
    yield "objects in a record", _array(_dtype("V16", 3, "|", None, ("a",), {"a": (text, 0)}, 16, 1, 16))
    yield "field behind the record", _array(_dtype("V16", 3, "|", None, ("a",), {"a": (number, 1 << 20)}, 16, 1, 16))
    yield "field before the record", _array(_dtype("V16", 3, "|", None, ("a",), {"a": (number, -64)}, 16, 1, 16))
    yield "field half behind the record", _array(_dtype("V16", 3, "|", None, ("a",), {"a": (number, 12)}, 16, 1, 16))
    yield "record of another size", _array(_dtype("V16", 3, "|", None, ("a",), {"a": (number, 0)}, 1 << 30, 1, 16))
    yield "alignment of zero", _array(_dtype("V16", 3, "|", None, ("a",), {"a": (number, 0)}, 16, 0, 16))
    yield "name without a field", _array(_dtype("V16", 3, "|", None, ("a", "b"), {"a": (number, 0)}, 16, 1, 16))
    yield "text of another size", _array(_dtype("U4", 3, "<", *nothing, 1 << 20, 4, 8))
    state = tupled(plain(1), plain((2,)), call("numpy", "dtype", "f8", False, True), plain(False), plain(bytes(16)))
    empty = called(name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), plain((0,)), plain(b"b"))
    yield "array given its state twice", whole(empty + state + b"b" + state + b"b")
    yield "type out of a sentence", _array(Reduced(np.dtype, ("f8,(1000000000,)O", False, True)))
    yield "too few bytes", _array(number, bytes(8))
    yield "more objects than the shape says", _array(text, [1, 2, 3])  # pyrefly: ignore[bad-argument-type]
    yield "a negative shape", _array(number, bytes(16), (-2,))
    yield "a shape beyond all memory", _array(number, b"", (1 << 62, 4))


def _fitted() -> tuple[NDArray[Any], NDArray[Any]]:
    inputs, target = load_iris(return_X_y=True)
    return inputs, target


def _forged_tree(**changes: Any) -> bytes:
    """A fitted tree with other nodes: each change is a function of the node array, or a value of the state."""
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(*_fitted())
    kind, arguments, state = model.tree_.__reduce__()
    nodes = state["nodes"].copy()
    if (change := changes.pop("nodes", None)) is not None:
        change(nodes)
    arguments = changes.pop("arguments", arguments)
    state = {**state, "nodes": nodes, **changes}
    forged = copy.copy(model)
    forged.tree_ = Reduced(kind, arguments, state)
    return pickle.dumps(forged)


def out_of_bounds() -> Iterator[tuple[str, bytes]]:
    """Models that would be walked beyond their arrays, as (what, bytes)."""

    def setting(field: str, value: int) -> Any:
        def change(nodes: Any) -> None:
            nodes[field][0] = value

        return change

    classes = np.array([3])
    yield "tree: a child outside", _forged_tree(nodes=setting("left_child", 1 << 40))
    yield "tree: a child before all", _forged_tree(nodes=setting("right_child", -7))
    yield "tree: a circle", _forged_tree(nodes=setting("left_child", 0))
    yield "tree: a feature outside", _forged_tree(nodes=setting("feature", 1 << 30))
    yield "tree: a negative feature", _forged_tree(nodes=setting("feature", -1000))
    yield "tree: more nodes than there are", _forged_tree(node_count=1 << 40)
    yield "tree: values of another shape", _forged_tree(values=np.zeros((1, 1, 3)))
    yield "tree: more outputs than classes", _forged_tree(arguments=(4, classes, 1000))
    yield "tree: more inputs than its estimator", _forged_tree(arguments=(4000, classes, 1))
    yield "tree: nodes of another layout", _other_layout()
    yield "tree: without its state", pickle.dumps(Reduced(Tree, (4, classes, 1)))
    yield from _boosting()
    yield from _sparse()
    yield from _neighbours()
    generator = np.random.RandomState(0)
    function, arguments, state = generator.__reduce__()
    bits = arguments[0].__reduce__()
    forged = copy.deepcopy(bits[2][0])
    forged["state"]["pos"] = 1 << 30
    yield (
        "random generator: a position outside",
        pickle.dumps(Reduced(function, (Reduced(bits[0], bits[1], (forged, None)),), state)),
    )
    machine = SVC().fit(*_fitted())
    machine._n_support = np.array([1000, 1000, 1000], dtype=np.int32)
    yield "support vectors that are not there", pickle.dumps(machine)


def _other_layout() -> bytes:
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(*_fitted())
    kind, arguments, state = model.tree_.__reduce__()
    model = copy.copy(model)
    model.tree_ = Reduced(kind, arguments, {**state, "nodes": np.zeros(len(state["nodes"]), dtype="f8")})
    return pickle.dumps(model)


def _boosting() -> Iterator[tuple[str, bytes]]:
    model = GradientBoostingClassifier(n_estimators=1, max_depth=1).fit(*_fitted())
    model.n_features_in_ = 1
    yield "gradient boosting: fewer inputs than its trees", pickle.dumps(model)
    model.n_features_in_ = 4
    model.init_.classes_ = model.init_.classes_[:2]
    yield "gradient boosting: fewer classes to start with", pickle.dumps(model)
    model.n_classes_ = 2
    yield "gradient boosting: fewer classes than its trees", pickle.dumps(model)
    for label, field, value in (
        ("a child outside", "left", 1 << 31),
        ("a circle", "left", 0),
        ("a feature outside", "feature_idx", 1 << 30),
    ):
        histogram = HistGradientBoostingClassifier(max_iter=1).fit(*_fitted())
        histogram._predictors[0][0].nodes[field][0] = value
        yield f"histogram boosting: {label}", pickle.dumps(histogram)
    histogram = HistGradientBoostingClassifier(max_iter=1).fit(*_fitted())
    histogram._predictors[0][0].nodes["is_categorical"][0] = 1
    histogram._predictors[0][0].nodes["bitset_idx"][0] = 1 << 30
    yield "histogram boosting: categories that are not there", pickle.dumps(histogram)
    histogram = HistGradientBoostingClassifier(max_iter=1).fit(*_fitted())
    histogram._bin_mapper.bin_thresholds_[0] = np.arange(100_000, dtype=float)
    yield "histogram boosting: more bins than a byte counts", pickle.dumps(histogram)
    yield "histogram boosting: a tree added after its state was set", _late_tree()


def _late_tree() -> bytes:
    """A boosting whose list of trees grows once more when everything was in its place."""
    model = HistGradientBoostingClassifier(max_iter=1).fit(*_fitted())
    late = copy.deepcopy(model._predictors[0][0])
    late.nodes["feature_idx"][0] = 1 << 30
    parts = {key: plain(value) for key, value in model.__getstate__().items()}
    kind = type(model)
    # The list is put into the memo while it is empty, and gets its tree after the model got the list.
    parts["_predictors"] = b"h\x00"
    body = b"]\x94" + made(kind.__module__, kind.__name__, mapping(**parts)) + b"h\x00" + plain([late]) + b"a0\x86"
    return whole(body)


def _sparse() -> Iterator[tuple[str, bytes]]:
    for label, part, value in (
        ("an index outside", "indices", 1 << 30),
        ("a negative index", "indices", -5),
        ("rows that go backwards", "indptr", 1 << 30),
    ):
        matrix = csr_matrix(np.eye(4))
        getattr(matrix, part)[1] = value
        yield f"CSR: {label}", pickle.dumps(matrix)
    matrix = csr_matrix(np.eye(4))
    matrix.indptr = matrix.indptr[:2]
    yield "CSR: fewer rows than its shape", pickle.dumps(matrix)
    columns = csc_matrix(np.eye(4))
    columns.data = columns.data[:1]
    yield "CSC: fewer entries than indices", pickle.dumps(columns)


def _neighbours() -> Iterator[tuple[str, bytes]]:
    points = _fitted()[0]
    for kind in (KDTree, BallTree):
        function, arguments, state = kind(points, leaf_size=5).__reduce__()
        order = np.array(state[1])
        order[0] = 1 << 40
        yield (
            f"{kind.__name__}: a point outside",
            pickle.dumps(Reduced(function, arguments, (*state[:1], order, *state[2:]))),
        )
        nodes = np.array(state[2])
        nodes["idx_end"][0] = 1 << 40
        yield (
            f"{kind.__name__}: a node outside",
            pickle.dumps(Reduced(function, arguments, (*state[:2], nodes, *state[3:]))),
        )
        yield (
            f"{kind.__name__}: more nodes than levels",
            pickle.dumps(Reduced(function, arguments, (*state[:6], 1 << 30, *state[7:]))),
        )
        corners = np.array(state[3])[:, :, :1].copy()
        flat = (*state[:3], corners, *state[4:])
        yield f"{kind.__name__}: limits of fewer dimensions", pickle.dumps(Reduced(function, arguments, flat))
    yield "KDTree: without its state", pickle.dumps(Reduced(kd_tree.newObj, (KDTree,)))
    yield "KDTree: instantiated without its state", whole(made("sklearn.neighbors._kd_tree", "KDTree"))


def joblib_promise() -> bytes:
    """A file of joblib's that breaks off within the bytes of an array."""
    buffer = io.BytesIO()
    joblib.dump(np.arange(1000.0), buffer)
    return buffer.getvalue()[:-100]


def joblib_in_frame() -> bytes:
    """A file of joblib's whose array lies within a frame, so that two readers disagree on what comes after."""
    buffer = io.BytesIO()
    joblib.dump(np.arange(10.0), buffer)
    data = buffer.getvalue()
    assert data[2:3] == b"\x95"
    size = int.from_bytes(data[3:11], "little")
    return data[:3] + (size + 40).to_bytes(8, "little") + data[11:]
