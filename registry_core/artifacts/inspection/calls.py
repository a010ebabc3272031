"""What comes of calling a trusted name, and with which arguments it may be called at all.

Trusted to be called are few: constructors of numpy's arrays, scalars and random generators, of Cython classes, and of
some containers. Each is called with what its own ``__reduce__`` hands out, or the file is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from . import arrays
from .names import Trust
from .refused import Refused
from .values import Array, Bag, Dtype, Global, Made, Raw, is_raw, is_whole

_Arguments = tuple[Any, ...]
GENERATORS = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})
_FORMATS = {"b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
_FORMATS |= {"f4": "f", "f8": "d"}
_LONGEST_RANGE = 1 << 40
MAPPINGS = frozenset({"collections.OrderedDict", "collections.defaultdict", "collections.Counter"})
MAPPINGS |= {"sklearn.utils._bunch.Bunch"}


def result(name: str, arguments: _Arguments, trust: Trust) -> Any:
    """The value that calling a trusted name stands for.

    Raises:
        Refused: with these arguments it is not trusted.
    """
    special = _SPECIAL.get(name)
    if special is not None:
        return special(arguments, trust)
    if name.endswith(".newObj"):
        return _instance(arguments, trust)
    if ".__pyx_unpickle_" in name:
        return _cython(name, arguments, trust)
    # Cython classes are made by calling them with the numbers, texts and arrays that they were made of.
    for argument in arguments:
        if type(argument) not in (type(None), bool, int, float, str, Array):
            raise Refused(f"it calls {name} with a {_said(argument)}")
    return Made(name, arguments)


def may_be_made_with(name: str, arguments: _Arguments) -> bool:
    """Whether a trusted class may be instantiated with these arguments: none at all, but for the few listed here."""
    return not arguments or name in NAMED_TUPLES


def needs_state(name: str) -> bool:
    """Whether an instance is compiled code around memory that only its state fills."""
    return name == "sklearn.tree._tree.Tree" or name.startswith(_FILLED_BY_STATE)


def takes_at_once(name: str) -> bool:
    """Whether an instance copies its state when it gets it, instead of keeping what it is given."""
    return needs_state(name) or name.startswith(_COPIES_STATE)


_COPIES_STATE = (
    *("numpy.", "functools.", "joblib.", "scipy.", "xgboost.", "lightgbm.", "collections."),
    *("sklearn._loss._loss.Cy", "sklearn.linear_model._sgd_fast."),
)
_FILLED_BY_STATE = ("sklearn.neighbors._kd_tree.", "sklearn.neighbors._ball_tree.", "sklearn.metrics._dist_metrics.")
# A named tuple is made of its items, whatever they are.
NAMED_TUPLES = frozenset({"sklearn.impute._iterative._ImputerTriplet"})


def _said(argument: Any) -> str:
    return (
        argument.of
        if type(argument) is Made
        else argument.name
        if type(argument) is Global
        else type(argument).__name__
    )


def _is_data(value: Any) -> bool:
    return value is None or type(value) in (bool, int, float, str, bytes)


def _instance(arguments: _Arguments, trust: Trust) -> Made:
    """``newObj(cls)``: an empty instance of a Cython class, to be given its state."""
    if len(arguments) != 1 or type(arguments[0]) is not Global:
        raise Refused("it makes an object of something that is not a class")
    trust.use(arguments[0].name, "instantiate")
    return Made(arguments[0].name)


def _cython(name: str, arguments: _Arguments, trust: Trust) -> Made:
    """``__pyx_unpickle_X(cls, checksum, state)``, as Cython writes it for its classes."""
    if len(arguments) != 3 or type(arguments[0]) is not Global or type(arguments[1]) is not int:
        raise Refused(f"it calls {name} with other arguments than Cython does")
    if arguments[0].name.rpartition(".")[0] != name.rpartition(".")[0] or not name.endswith(
        arguments[0].name.rpartition(".")[2]
    ):
        raise Refused(f"it calls {name} for another class")
    if arguments[2] not in (None, ()):
        raise Refused(f"it calls {name} with a state, which ours have not")
    return Made(arguments[0].name)


def _reconstructor(arguments: _Arguments, trust: Trust) -> Made:
    """How protocols 0 and 1 instantiate: ``copyreg._reconstructor(cls, object, None)``, or ``(cls, dict, {})``."""
    match arguments:
        case (Global(name=name), Global(name="builtins.dict"), dict()) if name in MAPPINGS:
            trust.use(name, "instantiate")
            return Made(name, items=[*arguments[2], *arguments[2].values()])
        case (Global(), Global(name="builtins.object"), None):
            trust.use(arguments[0].name, "instantiate")
            return Made(arguments[0].name)
    raise Refused("it instantiates a class on top of another type than object")


def _dtype(arguments: _Arguments, trust: Trust) -> Dtype:
    match arguments:
        # A copy, always: numpy's own dtypes, which all share, ignore the state that follows.
        case (str(), False | 0, True | 1):
            return arrays.plain_dtype(arguments[0])
    raise Refused("it makes a dtype of something else than a short text")


def _array_type(value: Any) -> None:
    if type(value) is not Global or value.name not in arrays.ARRAYS:
        raise Refused("it makes an array of a type that is none")


def _reconstruct(arguments: _Arguments, trust: Trust) -> Array:
    if len(arguments) != 3 or arguments[1] != (0,) or arguments[2] not in ("b", b"b"):
        raise Refused("it makes an array in another way than numpy does")
    _array_type(arguments[0])
    return Array(shape=(0,), dtype=Dtype("i", 1))


def _masked(arguments: _Arguments, trust: Trust) -> Made:
    match arguments:
        case (Global(name=name), Global(), (0,), "b" | b"b") if name.startswith("numpy.ma."):
            _array_type(arguments[1])
            return Made("numpy.ma.MaskedArray")
    raise Refused("it makes a masked array in another way than numpy does")


def _from_buffer(arguments: _Arguments, trust: Trust) -> Array:
    if len(arguments) not in (4, 5) or arguments[3] not in ("C", "F", "K"):
        raise Refused("it makes an array in another way than numpy does")
    buffer, dtype, shape, order = arguments[:4]
    axes = arguments[4] if len(arguments) == 5 else None
    dtype = arrays.check_dtype(dtype)
    if dtype.kind == "O":
        raise Refused("it makes objects out of plain bytes")
    array = Array(dtype, arrays.check_shape(shape), order == "F", built=True)
    arrays.fill(array, buffer)
    if order == "K":
        # Numpy writes so what is neither C nor F: never what has one or two dimensions, and is looked into.
        if type(axes) is not tuple or len(axes) < 3 or not all(type(axis) is int for axis in axes):
            raise Refused("it makes an array in another way than numpy does")
        if sorted(axes) != list(range(len(shape))):
            raise Refused("it makes an array in another way than numpy does")
        array.shape = tuple(array.shape[axis] for axis in axes)
    elif axes is not None:
        raise Refused("it makes an array in another way than numpy does")
    return array


def _scalar(arguments: _Arguments, trust: Trust) -> Any:
    if len(arguments) != 2 or type(arguments[0]) is not Dtype or not is_raw(arguments[1]):
        raise Refused("it makes a numpy scalar in another way than numpy does")
    return scalar(*arguments)


def scalar(dtype: Dtype, content: Raw) -> Any:
    """A numpy scalar: a Python number where there is one of its kind.

    Raises:
        Refused: it has more or fewer bytes than its dtype, or is an object.
    """
    if dtype.kind == "O" or dtype.fields is not None or len(content) != dtype.size:
        raise Refused("it makes a numpy scalar whose bytes and dtype differ")
    code = _FORMATS.get(f"{dtype.kind}{dtype.size}")
    if code is not None:
        return struct.unpack((">" if dtype.order == ">" else "<") + code, content)[0]
    return Made("numpy.scalar", (dtype.text, content), built=True)


def _random_state(arguments: _Arguments, trust: Trust) -> Made:
    for argument in arguments:
        named = type(argument) is str and argument in GENERATORS
        kind = type(argument) is Global and argument.name.startswith("numpy.random._")
        made = type(argument) is Made and argument.of in ("numpy.random", "numpy.random.bits")
        if not (named or kind or made):
            raise Refused(f"it makes a random generator out of a {_said(argument)}")
    return Made("numpy.random", arguments)


def _encode(arguments: _Arguments, trust: Trust) -> bytes:
    """``_codecs.encode(text, "latin1")``: how protocols below 3 write bytes."""
    match arguments:
        case (str() as text, "latin1"):
            try:
                return text.encode("latin-1")
            except UnicodeEncodeError:
                raise Refused("it encodes text as latin1 that is none") from None
    raise Refused("it encodes something in another way than as latin1")


def _bytes(arguments: _Arguments, trust: Trust) -> Any:
    if arguments == ():
        return b""
    raise Refused("it makes bytes in another way than pickle does")


def _bytearray(arguments: _Arguments, trust: Trust) -> Made:
    if arguments == ():
        return Made("builtins.bytearray", (b"",), built=True)
    if len(arguments) == 1 and is_raw(arguments[0]):
        return Made("builtins.bytearray", arguments, built=True)
    if len(arguments) == 2 and type(arguments[0]) is str and arguments[1] in ("latin-1", "latin1"):
        return Made("builtins.bytearray", (_encode((arguments[0], "latin1"), trust),), built=True)
    raise Refused("it makes a bytearray of something else than bytes")


def _set(arguments: _Arguments, trust: Trust) -> Any:
    if len(arguments) == 1 and type(arguments[0]) is list and all(map(_is_data, arguments[0])):
        return Bag(arguments[0])
    raise Refused("it makes a set of something else than plain values")


def _slice(arguments: _Arguments, trust: Trust) -> Made:
    if len(arguments) != 3 or not all(_is_data(each) for each in arguments):
        raise Refused("it makes a slice of something else than numbers")
    return Made("builtins.slice", arguments, built=True)


def _range(arguments: _Arguments, trust: Trust) -> Made:
    if not 1 <= len(arguments) <= 3 or not all(is_whole(each, -_LONGEST_RANGE, _LONGEST_RANGE) for each in arguments):
        raise Refused("it makes a range of something else than whole numbers")
    return Made("builtins.range", arguments, built=True)


def _complex(arguments: _Arguments, trust: Trust) -> Made:
    if len(arguments) != 2 or not all(type(each) is float for each in arguments):
        raise Refused("it makes a complex number of something else than two numbers")
    return Made("builtins.complex", arguments, built=True)


def _container(name: str) -> Callable[[_Arguments, Trust], Made]:
    def make(arguments: _Arguments, trust: Trust) -> Made:
        # An empty one, or one with what fills its gaps: a class such as list or int.
        factory = name == "collections.defaultdict" and len(arguments) == 1 and type(arguments[0]) is Global
        counted = name == "collections.Counter" and len(arguments) == 1 and type(arguments[0]) is dict
        bounded = name == "collections.deque" and arguments[:1] == ((),) and all(map(_is_data, arguments[1:]))
        if arguments not in ((), ([],)) and not (factory or counted or bounded):
            raise Refused(f"it makes a {name} of something else than nothing")
        return Made(name, arguments)

    return make


def _plain(name: str) -> Callable[[_Arguments, Trust], Made]:
    def make(arguments: _Arguments, trust: Trust) -> Made:
        if not all(_is_data(each) or (type(each) is Made and each.of.startswith("datetime.")) for each in arguments):
            raise Refused(f"it makes a {name} of something else than numbers and text")
        return Made(name, arguments, built=True)

    return make


_SPECIAL: dict[str, Callable[[_Arguments, Trust], Any]] = {
    "copyreg._reconstructor": _reconstructor,
    "numpy.dtype": _dtype,
    "_codecs.encode": _encode,
    "builtins.bytes": _bytes,
    "builtins.bytearray": _bytearray,
    "builtins.set": _set,
    "builtins.slice": _slice,
    "builtins.range": _range,
    "builtins.complex": _complex,
    **{f"{where}.multiarray._reconstruct": _reconstruct for where in ("numpy.core", "numpy._core")},
    **{f"{where}.multiarray.scalar": _scalar for where in ("numpy.core", "numpy._core")},
    **{f"{where}.numeric._frombuffer": _from_buffer for where in ("numpy.core", "numpy._core")},
    "numpy.ma.core._mareconstruct": _masked,
    **{f"numpy.random._pickle.__{kind}_ctor": _random_state for kind in ("randomstate", "generator", "bit_generator")},
    **{f"collections.{kind}": _container(f"collections.{kind}") for kind in ("OrderedDict", "defaultdict")},
    **{f"collections.{kind}": _container(f"collections.{kind}") for kind in ("Counter", "deque")},
    **{
        f"datetime.{kind}": _plain(f"datetime.{kind}") for kind in ("date", "datetime", "time", "timedelta", "timezone")
    },
    "decimal.Decimal": _plain("decimal.Decimal"),
}
