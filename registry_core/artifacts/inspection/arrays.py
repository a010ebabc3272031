"""What a pickle says of numpy's dtypes and arrays, held against itself.

numpy believes the state of a dtype: flags that deny that there are objects inside, fields beyond the end of an item or
an alignment of zero make it read memory that is not its own. So a dtype has to say what numpy itself would say of it.
The layout of the states is that of ``numpy.dtype.__reduce__`` and ``numpy.ndarray.__reduce__``.
"""

from __future__ import annotations

import re
from typing import Any

from .refused import Refused
from .values import Array, Dtype, Global, Made, is_raw, is_whole, shown

_PLAIN = re.compile(r"([biufcSUVOmM])(\d{0,9})", re.ASCII)
_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8, 16), "c": (8, 16, 32), "O": (8,)}
_SIZES |= {"m": (8,), "M": (8,)}
_NAMES = {"f": "f4", "d": "f8", "?": "b1", "b": "i1", "B": "u1", "l": "i8", "float64": "f8", "int64": "i8"}
ARRAYS = frozenset({"numpy.ndarray", "numpy.matrix", "numpy.matrixlib.defmatrix.matrix"})
_OBJECT_FLAGS = 63
_ALIGNED_RECORD = 128
_LARGEST_ITEM = 1 << 20
_LARGEST_COUNT = 1 << 40
_DIMENSIONS = 32


def plain_dtype(text: Any) -> Dtype:
    """The dtype that numpy makes of a short text such as ``f8`` or ``V56``.

    Raises:
        Refused: a text of another kind, which numpy would parse in its own ways.
    """
    found = _PLAIN.fullmatch(text) if type(text) is str else None
    if found is None:
        raise Refused(f"it has a dtype {shown(text)} of an unknown kind")
    kind, size = found[1], int(found[2] or (8 if found[1] in "OmM" else 0))
    if kind == "U":
        size *= 4
    if (kind in _SIZES and size not in _SIZES[kind]) or size > _LARGEST_ITEM:
        raise Refused(f"it has a dtype {shown(text)} of an impossible size")
    return Dtype(kind, size)


def build_dtype(dtype: Dtype, state: Any) -> None:
    """Give a dtype its state: ``(version, order, None, names, fields, size, alignment, flags[, unit])``.

    Raises:
        Refused: the state does not agree with the dtype, or with itself.
    """
    if (
        type(state) is not tuple
        or len(state) not in (8, 9)
        or state[0] not in (3, 4)
        or state[1] not in ("<", ">", "|", "=")
    ):
        raise Refused("it has a dtype with a state that numpy does not write")
    _, order, inner, names, fields, size, alignment, flags = state[:8]
    if (len(state) == 9) != (dtype.kind in "mM" and state[0] == 4) and state[8:] != (None,):
        raise Refused("it has a dtype with a state that numpy does not write")
    if inner is not None:
        raise Refused("it has a dtype made of arrays, which no model needs")
    dtype.order = order
    if names is None and fields is None:
        if dtype.kind in "SUV":
            honest = (size, alignment, flags) in (
                (dtype.size, 4 if dtype.kind == "U" else 1, flag) for flag in ((0, 8) if dtype.kind == "U" else (0,))
            )
        else:
            honest = (size, alignment, flags) == (-1, -1, _OBJECT_FLAGS if dtype.kind == "O" else 0)
        if not honest:
            raise Refused(f"it has a dtype {dtype.text} that lies about its size, alignment or flags")
        if dtype.kind in "mM" and len(state) == 9:
            _check_unit(state[8])
        return
    if (
        dtype.kind != "V"
        or type(names) is not tuple
        or type(fields) is not dict
        or not all(type(name) is str for name in names)
        or len(names) != len(fields)
        or set(names) != set(fields)
    ):
        raise Refused("it has a record dtype whose fields and names differ")
    if size != dtype.size or not names or alignment not in (1, 2, 4, 8, 16):
        raise Refused("it has a record dtype that lies about its size or alignment")
    found: dict[str, tuple[Dtype, int]] = {}
    for name in names:
        field = fields[name]
        if type(field) is not tuple or len(field) != 2:
            raise Refused("it has a record dtype with a field that numpy does not write")
        kind, offset = field
        if type(kind) is not Dtype or kind.kind == "O" or kind.fields is not None:
            raise Refused(f"it has a record dtype whose field {name[:40]!r} is not a plain number or text")
        if not is_whole(offset, 0, size - kind.size):
            raise Refused(f"it has a record dtype whose field {name[:40]!r} lies outside the record")
        found[name] = (kind, offset)
    # Plain fields have no flags to hand on; what is left says how the record is laid out.
    allowed = {0, 8, 16, 24, _ALIGNED_RECORD, _ALIGNED_RECORD + 16, _ALIGNED_RECORD - 256, _ALIGNED_RECORD + 16 - 256}
    if type(flags) is not int or flags not in allowed:
        raise Refused("it has a record dtype that lies about its flags")
    dtype.fields = found


def _check_unit(unit: Any) -> None:
    if not (
        type(unit) is tuple
        and len(unit) == 2
        and (unit[0] is None or unit[0] == {})
        and type(unit[1]) is tuple
        and len(unit[1]) == 4
        and is_raw(unit[1][0])
        and len(unit[1][0]) <= 8
        and all(is_whole(each, 1, 1 << 30) for each in unit[1][1:])
    ):
        raise Refused("it has a dtype of times with a unit that numpy does not write")


def build_array(array: Array, state: Any) -> None:
    """Give an array its state: ``(version, shape, dtype, fortran, bytes or list)``, as ``_reconstruct`` expects.

    Raises:
        Refused: shape, dtype and content do not agree.
    """
    if type(state) is not tuple or len(state) not in (4, 5):
        raise Refused("it has an array with a state that numpy does not write")
    shape, dtype, fortran, content = state[-4:]
    array.shape, array.dtype, array.fortran = check_shape(shape), check_dtype(dtype), fortran is True or fortran == 1
    if array.dtype.kind == "O":
        if type(content) is not list or len(content) != array.count:
            raise Refused(f"it has an array of {array.count} objects, but not as many objects")
        array.items = content
    else:
        fill(array, content)


def fill(array: Array, content: Any) -> None:
    """Give an array of numbers its bytes, as many as shape and dtype say.

    Raises:
        Refused: there are more or fewer.
    """
    assert array.dtype is not None
    if type(content) is Made and content.of == "builtins.bytearray":
        content = content.args[0] if content.args else b""
    if not is_raw(content) or len(content) != array.count * array.dtype.size:
        raise Refused(f"it has an array of {array.count} {array.dtype.text} whose bytes are too many or too few")
    array.raw = content


def check_shape(shape: Any) -> tuple[int, ...]:
    """A shape as numpy takes it.

    Raises:
        Refused: no tuple of lengths, or more than memory has addresses for.
    """
    if (
        type(shape) is not tuple
        or len(shape) > _DIMENSIONS
        or not all(is_whole(each, 0, _LARGEST_COUNT) for each in shape)
    ):
        raise Refused("it has an array of an impossible shape")
    if Array(shape=shape).count > _LARGEST_COUNT:
        raise Refused(f"it has an array of the shape {shape}, more than any memory holds")
    return shape


def check_dtype(dtype: Any) -> Dtype:
    """A dtype as it may stand in an array: finished, and of some size.

    Raises:
        Refused: it is none.
    """
    if type(dtype) is not Dtype or (dtype.size == 0 and dtype.kind not in "SU"):
        raise Refused("it has an array without a dtype")
    return dtype


def wrapped(wrapper: Made) -> tuple[Dtype, tuple[int, ...], bool, bool]:
    """What joblib's wrapper says of the bytes behind it: dtype, shape, Fortran order, and whether padding precedes.

    Raises:
        Refused: it says something that joblib does not write.
    """
    state = wrapper.state
    known = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
    if type(state) is not dict or not {"subclass", "shape", "order", "dtype"} <= set(state) <= known:
        raise Refused("it has an array of joblib's with a state that joblib does not write")
    subclass, alignment = state["subclass"], state.get("numpy_array_alignment_bytes")
    if type(subclass) is not Global or subclass.name not in ARRAYS:
        raise Refused("it has an array of joblib's that is not a plain array")
    if (
        state["order"] not in ("C", "F")
        or type(state.get("allow_mmap", False)) is not bool
        or alignment not in (None, 16)
    ):
        raise Refused("it has an array of joblib's with a state that joblib does not write")
    return check_dtype(state["dtype"]), check_shape(state["shape"]), state["order"] == "F", alignment is not None
