"""Small files that would take a lot of time or memory to look into, to load or to use.

Each is (what, bytes), and has to be refused within its budget: a second and 256 MB beside what its size explains.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

from . import natives
from .assembly import call, called, made, mapping, name, plain, text, tupled, whole

_PRIME = (1 << 61) - 1
_MASK = (1 << 64) - 1


def files() -> Iterator[tuple[str, bytes]]:
    """All of them."""
    yield from _keys()
    yield from _steps()
    yield from _shared()
    yield from _skops()
    yield from _natives()


def colliding(count: int) -> list[tuple[int, int]]:
    """So many tuples of one hash: Python mixes the items of a tuple without a secret, so it can be undone."""
    first, second, fifth = 11400714785074694791, 14029467366897019727, 2870177450012600261

    def turned(value: int, bits: int) -> int:
        return (value << bits | value >> (64 - bits)) & _MASK

    inverse_first, inverse_second = pow(first, -1, 1 << 64), pow(second, -1, 1 << 64)
    wanted = 12345678901
    found: list[tuple[int, int]] = []
    number = 0
    while len(found) < count:
        number += 1
        state = (turned((fifth + number * second) & _MASK, 31) * first) & _MASK
        # What the second item has to be, for the same state to come out of the second round.
        before = turned(wanted * inverse_first & _MASK, 64 - 31)
        item = (before - state) * inverse_second & _MASK
        signed = item - (1 << 64) if item >> 63 else item
        if abs(signed) < 1 << 60 and signed != -1:
            found.append((number, signed))
    assert len({hash(each) for each in found}) == 1
    return found


def _keys() -> Iterator[tuple[str, bytes]]:
    tuples = colliding(600)
    yield "keys of a dict that all collide", pickle.dumps(dict.fromkeys(tuples), 4)
    yield "items of a set that all collide", b"\x80\x04\x8f(" + b"".join(map(plain, tuples)) + b"\x90."
    yield "items of a frozenset that all collide", b"\x80\x04(" + b"".join(map(plain, tuples)) + b"\x91."
    twice = b"".join(plain(each) + b"Ns" for each in tuples)
    yield "keys that collide, set one by one", b"\x80\x04}" + twice + b"."
    complex_keys = b"".join(call("builtins", "complex", float(each), -float(each)) + b"N" for each in range(2500))
    yield "complex numbers as keys", whole(b"}(" + complex_keys + b"u")
    sets = b"".join(b"(" + plain(each) + b"\x91N" for each in range(2500))
    yield "frozensets as keys", whole(b"}(" + sets + b"u")
    wide = plain(tuple(range(9000))) + b"q\x00" + b"0}" + b"h\x00Ns" * 200_000
    yield "one wide tuple as a key again and again", whole(wide)


def _packed(body: bytes) -> bytes:
    return zlib.compress(b"\x80\x04" + body, 1)


def _steps() -> Iterator[tuple[str, bytes]]:
    many = 1_500_000
    yield "millions of empty sets in a few kilobytes", _packed(b"(" + b"\x8f" * many + b"t.")
    yield "millions of empty lists in a few kilobytes", _packed(b"(" + b"]" * many + b"t.")
    yield "millions of empty dicts in a few kilobytes", _packed(b"(" + b"}" * many + b"t.")
    objects = name("sklearn.svm._classes", "SVC") + b"q\x000(" + b"h\x00)\x81" * (many // 3)
    yield "millions of objects in a few kilobytes", _packed(objects + b"t.")
    yield "a bomb within the limits of its packing", zlib.compress(bytes(33 << 20), 1)


def _shared() -> Iterator[tuple[str, bytes]]:
    matrix = csr_matrix(np.ones((1000, 600)))
    body = pickle.dumps({"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}, 4)
    # The state is made once, and given to many.
    shared = whole(
        b"(" + plain_of(body, 0) + b"0" + (name("scipy.sparse._csr", "csr_matrix") + b")\x81" + b"h\x00b") * 2000 + b"t"
    )
    yield "one matrix in thousands of objects", shared
    inner = b"](" + b"N" * 2000 + b"eq\x000"
    levels = inner + b"](" + b"h\x00" * 2000 + b"eq\x010" + b"](" + b"h\x01" * 2000 + b"eq\x020"
    function = name("numpy", "log1p")
    doubled = called(name("functools", "partial"), function) + tupled(
        function, tupled(b"h\x02"), plain({}), plain(None)
    )
    yield "lists in lists in lists as an argument", whole(levels + doubled + b"b")
    stage = b"](" + b"N" * 3000 + b"eq\x000" + b"](" + b"h\x00" * 3000 + b"eq\x010"
    boosting = made(
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting",
        "HistGradientBoostingRegressor",
        mapping(_predictors=b"h\x01", n_features_in_=plain(1)),
    )
    yield "one stage of a boosting three thousand times", whole(stage + boosting)
    flags = b")q\x00" + b"".join(
        b"0h" + bytes([at]) + b"h" + bytes([at]) + b"\x86q" + bytes([at + 1]) for at in range(60)
    )
    record = call("numpy", "dtype", "V8", False, True) + tupled(
        plain(3),
        text("|"),
        plain(None),
        plain(("a",)),
        mapping(a=tupled(call("numpy", "dtype", "f8", False, True), plain(0))),
        plain(8),
        plain(1),
        b"h\x3c",
    )
    yield "flags of a dtype that double sixty times", whole(flags + b"0" + record + b"b")


def plain_of(data: bytes, slot: int) -> bytes:
    """The opcodes of a state, out of a pickle without a memo of its own, remembered in a slot."""
    state = pickle.loads(data)
    return (
        mapping(_shape=plain((1000, 600)), **{key: plain(value) for key, value in state.items()}) + b"q" + bytes([slot])
    )


def _skops() -> Iterator[tuple[str, bytes]]:
    def archive(schema: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
            target.writestr("schema.json", schema)
        return buffer.getvalue()

    head = b'{"protocol": 2, "__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": '
    yield "a schema that unpacks to 9 MB", archive(head + b'"' + b" " * (9 << 20) + b'"}')
    yield "a schema of millions of lists", archive(head + b"[" + b"[]," * 1_000_000 + b"[]]}")
    yield "a schema of millions of numbers", archive(head + b"[" + b"1.5," * 1_200_000 + b"1]}")
    node = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": []}
    many = json.dumps({**node, "protocol": 2, "content": [node] * 30_000}).encode()
    yield "a schema of tens of thousands of nodes", archive(many)


def _natives() -> Iterator[tuple[str, bytes]]:
    field = natives.field
    yield (
        "ONNX: a tensor of a thousand million items that are not there",
        natives.onnx_model(initializer=field(1, 1 << 30) + field(2, 1) + field(8, b"w")),
    )
    dimensions = field(1, b"\x01" * 200_000) + field(2, 1) + field(8, b"w") + field(9, bytes(4))
    yield "ONNX: two hundred thousand dimensions", natives.onnx_model(initializer=dimensions)
    short = field(1, 1000) + field(2, 1) + field(4, bytes(40)) + field(8, b"w")
    yield "ONNX: fewer numbers than dimensions say", natives.onnx_model(initializer=short)
    yield "ONNX: a million fields", natives.onnx_model() + field(2, b"") * 1_000_000
    yield "UBJSON: millions of values", b"{L" + struct.pack(">Q", 1) + b"a[" + b"Z" * 2_000_000 + b"]}"
    yield "XGBoost: millions of lists", b'{"learner": [' + b"[]," * 1_500_000 + b"[]]}"
    good = natives.lightgbm_text().decode()

    def replaced(*pairs: tuple[str, str]) -> bytes:
        changed = good
        for old, new in pairs:
            assert old in changed, old
            changed = changed.replace(old, new, 1)
        return changed.encode()

    classes = [(f"{key}=3\n", f"{key}=1000000\n") for key in ("num_class", "num_tree_per_iteration")]
    yield "LightGBM: a million classes", replaced(*classes, ("num_class:3", "num_class:1000000"))
    yield "LightGBM: thousands of millions of features", replaced(("max_feature_idx=3", "max_feature_idx=99999999999"))
    start = good.index("tree_sizes=")
    sizes = good[start : good.index("\n", start)]
    yield "LightGBM: trees of a gigabyte", replaced((sizes, "tree_sizes=1073741824 1073741824 1073741824"))
    yield "LightGBM: millions of trees of no bytes", replaced((sizes, "tree_sizes=" + " ".join("0" * 3_000_000)))
    yield "LightGBM: a number of a million digits", replaced((sizes, "tree_sizes=" + "9" * 1_000_000))
