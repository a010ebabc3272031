"""The states that objects of trusted classes would be given: what in them would act later, or point outside an array.

A trusted class is harmless only with the attributes that its own ``fit`` leaves behind. What is called later (the
function of a FunctionTransformer) has to be a trusted name itself, which the machine sees to; what opens files later is
looked for here; what indexes memory is in ``bounds`` and ``tree_bounds``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import arrays, boosters, bounds, fits, lightgbm_text, tree_bounds
from .names import PARTIAL
from .refused import Refused
from .values import Array, Global, Made, is_raw, is_whole, shown

_STATE_TUPLES = ("sklearn.neighbors._kd_tree.", "sklearn.neighbors._ball_tree.", "sklearn.metrics._dist_metrics.")
_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
_SEEDS = "numpy.random.bit_generator.SeedSequence"
_FUNCTIONS = frozenset({"_score_func", "_kmeans_single"})
_MOST_JOBS = 1 << 10
_UNCHECKED = "predict_disable_shape_check"
_MERSENNE_WORDS = 624
# What each generator of numpy's keeps: numbers (None), or arrays of so many words.
_WORDS: dict[str, dict[str, int | None]] = {
    "MT19937": {"key": _MERSENNE_WORDS, "pos": None},
    "PCG64": {"state": None, "inc": None},
    "PCG64DXSM": {"state": None, "inc": None},
    "Philox": {"counter": 4, "key": 2},
    "SFC64": {"state": 4},
}
_RANDOM_KEYS = {"bit_generator", "state", "has_uint32", "uinteger", "buffer", "buffer_pos", "has_gauss", "gauss"}
# What these classes keep, over all versions; compiled code reads some of it, and nothing else belongs there.
_SPARSE = frozenset({"_shape", "maxprint", "data", "indptr", "indices", "_has_sorted_indices", "_has_canonical_format"})
_ONLY: dict[str, frozenset[str]] = {
    "scipy.sparse.": _SPARSE | {"coords", "row", "col", "has_canonical_format"},
    "scipy.interpolate._bsplines.BSpline": frozenset({"_t", "_c", "t", "c", "k", "extrapolate", "axis", "_asarray"}),
    "sklearn.ensemble._hist_gradient_boosting.predictor.": frozenset(
        {"nodes", "binned_left_cat_bitsets", "raw_left_cat_bitsets"}
    ),
}
# Those that write something else than a dict of attributes, whose checks look at all of it.
_OWN_STATE = frozenset({PARTIAL, "numpy.random", _SEEDS, "numpy.ma.MaskedArray"})


def check(made: Made) -> None:
    """Look at an object of a trusted class with its state.

    Raises:
        Refused: it would run, read or write something when used, or index outside its arrays.
    """
    state, name = made.state, made.of
    special = _CHECKS.get(name)
    # Exactly a dict: what is kept in another mapping, a reader of attributes would not find.
    if name not in _OWN_STATE and state is not None and type(state) is not dict and not _is_tuple_state(name, state):
        raise Refused(f"it gives {name} a state that is not a dict of attributes")
    if type(state) is dict:
        for key in state:
            if type(key) is not str or key.startswith("__"):
                raise Refused(
                    f"it gives {name} the attribute {shown(getattr(key, 'value', key))}, which it does not have"
                )
        only = next((keys for place, keys in _ONLY.items() if name.startswith(place)), None)
        if only is not None and not only.issuperset(state):
            raise Refused(f"it gives {name} more attributes than it has")
        _check_attributes(name, state)
    if special is not None:
        special(made)


def _is_tuple_state(name: str, state: Any) -> bool:
    # Cython classes keep theirs as a tuple; slots as (attributes, slots) would set anything, even the class.
    return state == () or (type(state) is tuple and name.startswith(_STATE_TUPLES))


def _check_attributes(name: str, state: dict[str, Any]) -> None:
    if state.get("memory") is not None:
        raise Refused(f"it makes {name} cache on the disk (memory={shown(state['memory'])}); fit it with memory=None")
    if name.startswith("sklearn.feature_extraction.text.") and state.get("input", "content") != "content":
        raise Refused(f"it makes {name} read files (input={shown(state['input'])}); fit it with input='content'")
    jobs = state.get("n_jobs")
    if type(jobs) is int and abs(jobs) > _MOST_JOBS:
        raise Refused(f"it makes {name} work with {jobs} threads; set n_jobs=None and save it again")
    if name.startswith("lightgbm.sklearn."):
        _lightgbm_estimator(name, state)
    if "tree_" in state and name.startswith("sklearn.tree."):
        tree_bounds.fitted_tree(name, state)
    if "_predictors" in state:
        tree_bounds.histogram_boosting(name, state)
    if "_n_support" in state:
        bounds.support_vectors(name, state)
    if name.startswith("sklearn.ensemble._gb."):
        tree_bounds.gradient_boosting(name, state)
    if name.startswith("sklearn."):
        for key, value in state.items():
            # An attribute hides the method of that name: so no function may stand for one that checks the inputs.
            if type(value) is Global and key.startswith("_") and key not in _FUNCTIONS:
                raise Refused(f"it gives {name} the function {value.name} as its {key[:40]}")
        fits.check(name, state)


def _lightgbm_estimator(name: str, state: dict[str, Any]) -> None:
    """LightGBM reads as many numbers of each row as its trees ask for; that the row has them, its estimator checks."""
    for settings in (state, state.get("_other_params")):
        if type(settings) is dict and settings.get(_UNCHECKED):
            raise Refused(f"it makes {name} read rows of any width ({_UNCHECKED}); save it without that")
    inner, width = state.get("_Booster"), state.get("_n_features")
    if type(inner) is Made and inner.booster is not None and width is not None and width != inner.booster.inputs:
        raise Refused(f"it has a {name} for another number of features than its booster has")


def _random_state(made: Made) -> None:
    """A generator's state, exactly as numpy writes it: the positions inside it are never checked later."""
    state = made.state
    if state is None and all(type(each) is Made for each in made.args):
        # A generator around its bits, which have their own state.
        return
    if type(state) is tuple and len(state) == 2:
        # Bits since numpy 2: their state, and the seed sequence it came from.
        state, seeds = state
        if seeds is not None and (type(seeds) is not Made or seeds.of != _SEEDS):
            raise Refused("it has a seed of random numbers that numpy does not write")
    kind = state.get("bit_generator") if type(state) is dict else None
    words = _WORDS.get(kind) if type(kind) is str else None
    if type(state) is not dict or words is None or not set(state) <= _RANDOM_KEYS:
        raise Refused("it has a random generator with a state that numpy does not write")
    inner = state.get("state")
    if type(inner) is not dict or set(inner) != set(words):
        raise Refused("it has a random generator with a state that numpy does not write")
    for key, count in words.items():
        value = inner[key]
        fits_in = is_whole(value, 0, _MERSENNE_WORDS if key == "pos" else (1 << 128) - 1)
        if not (fits_in if count is None else _has_words(value, count)):
            raise Refused(f"it has a random generator whose {key} is none")
    if kind == "Philox" and not (is_whole(state.get("buffer_pos"), 0, 4) and _has_words(state.get("buffer"), 4)):
        raise Refused("it has a random generator whose position lies outside its buffer")
    if not all(type(state.get(key, 0)) in (int, float) for key in ("has_uint32", "uinteger", "has_gauss", "gauss")):
        raise Refused("it has a random generator with a state that numpy does not write")


def _has_words(value: Any, count: int) -> bool:
    return (
        type(value) is Array and value.shape == (count,) and value.dtype is not None and value.dtype.kind in ("u", "i")
    )


def _seed_sequence(made: Made) -> None:
    """``(entropy, children, pool, words of the pool, key)``, in the order of Cython's names."""
    state = made.state
    if state is None:
        raise Refused("it leaves a seed of random numbers without its state")
    if type(state) is not tuple or len(state) != 5:
        raise Refused("it has a seed of random numbers that numpy does not write")
    entropy, children, pool, size, key = state
    plain = (int, type(None))
    if (
        not (type(entropy) in plain or (type(entropy) in (list, tuple) and all(type(each) is int for each in entropy)))
        or not is_whole(children, 0, 1 << 40)
        or not is_whole(size, 4, 1 << 10)
        or type(pool) is not Array
        or pool.dtype is None
        or (pool.dtype.kind, pool.dtype.size, pool.shape) != ("u", 4, (size,))
        or type(key) is not tuple
        or not all(type(each) is int for each in key)
    ):
        raise Refused("it has a seed of random numbers that numpy does not write")


def _masked_array(made: Made) -> None:
    """``(version, shape, dtype, fortran, bytes, mask bytes, fill value)``."""
    state = made.state
    if type(state) is not tuple or len(state) != 7:
        raise Refused("it has a masked array with a state that numpy does not write")
    data = Array(built=True)
    arrays.build_array(data, state[:5])
    mask, fill = state[5], state[6]
    if not is_raw(mask) or len(mask) != data.count:
        raise Refused("it has a masked array whose mask does not fit")
    if fill is not None and (type(fill) is not Array or fill.count != 1):
        raise Refused("it has a masked array whose fill value is none")


def _xgboost(made: Made) -> None:
    handle = made.get("handle")
    if type(handle) is Made and handle.of == "builtins.bytearray":
        made.booster = boosters.check_xgboost(bytes(handle.args[0]))
    elif handle is not None:
        raise Refused("it has a booster of XGBoost's that is not bytes")


def _lightgbm(made: Made) -> None:
    for key in ("handle", "_handle"):
        handle = made.get(key)
        if type(handle) is str:
            made.booster = lightgbm_text.check(handle)
        elif handle is not None:
            raise Refused("it has a booster of LightGBM's that is not text")


def _scipy_spline(made: Made) -> None:
    bounds.spline(made)


def _function_transformer(made: Made) -> None:
    for key in ("func", "inverse_func"):
        function = made.get(key)
        # A name that is not trusted is in quarantine already, and what getattr or partial return as well.
        if function is not None and type(function) is not Global and type(function) is not Made:
            raise Refused(f"it has a FunctionTransformer whose {key} is not a function")


_CHECKS: dict[str, Callable[[Made], None]] = {
    _WRAPPER: lambda made: None,
    PARTIAL: lambda made: None,  # judged by ``partials``
    "sklearn.tree._tree.Tree": tree_bounds.tree,
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": tree_bounds.histogram_tree,
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper": tree_bounds.bins,
    "sklearn.preprocessing._function_transformer.FunctionTransformer": _function_transformer,
    **{f"sklearn.neighbors._kd_tree.KDTree{bits}": bounds.neighbour_tree for bits in ("", "32", "64")},
    **{f"sklearn.neighbors._ball_tree.BallTree{bits}": bounds.neighbour_tree for bits in ("", "32", "64")},
    **{f"scipy.sparse._{kind}.{kind}_{it}": bounds.compressed for kind in ("csr", "csc") for it in ("matrix", "array")},
    **{f"scipy.sparse._coo.coo_{it}": bounds.coordinates for it in ("matrix", "array")},
    **{f"scipy.sparse.{kind}.{kind}_matrix": bounds.compressed for kind in ("csr", "csc")},
    "scipy.interpolate._bsplines.BSpline": _scipy_spline,
    "numpy.random": _random_state,
    _SEEDS: _seed_sequence,
    "numpy.ma.MaskedArray": _masked_array,
    "xgboost.core.Booster": _xgboost,
    "lightgbm.basic.Booster": _lightgbm,
}
