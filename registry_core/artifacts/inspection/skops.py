"""Files of skops: a ZIP with a ``schema.json`` that says how to put the objects together, and their arrays beside it.

The schema is turned into the same symbolic objects as a pickle, and judged by the same list; skops' own list, or one
that the file brings along, plays no part. An object that is written again has to be written as it was the first time:
so it does not matter in which order skops comes to the two. The nodes are those of protocols 1 and 2 of ``skops.io``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

from . import archive, arrays, boosters, calls, partials, states, work
from .names import PARTIAL, Trust, canonical
from .refused import Refused
from .values import Array, Bag, Dtype, Global, Made, as_key, is_whole, shown

_PROTOCOLS = (1, 2)
_DEEPEST = 120
# What a schema of text may unpack to: Python needs ten times as much for what is in it.
_SCHEMA_ALWAYS, _SCHEMA_RATIO = 8 << 20, 4
_STEPS_A_NODE = 20
# What the keys of a dict and the numbers in an array are made by: types of data, whose call does nothing else.
_NUMBER = r"numpy\.(u?int(8|16|32|64|p|c)|u?(byte|short|long|longlong)|float(16|32|64)|half|single|double|bool_?|str_)"
_DATA = re.compile(rf"builtins\.(str|int|float|bool)|{_NUMBER}", re.ASCII)
_SEEDS = {"entropy", "spawn_key", "pool_size", "n_children_spawned"}
_UNFINISHED = object()
_FILE = re.compile(r"[0-9a-f-]{1,40}(\.npy|\.npz|\.bin)?", re.ASCII)


def read(data: bytes, trust: Trust) -> Any:
    """The object that a file of skops' describes.

    Raises:
        Refused: damaged, or describing what must not be loaded.
    """
    files = archive.entries(data)
    text = files.pop("schema.json", b"")
    strangers = [name for name in files if not _FILE.fullmatch(name)]
    if strangers:
        raise Refused(f"it is a ZIP with a file {strangers[0]!r}, which skops does not write")
    if not text or len(text) > max(_SCHEMA_ALWAYS, _SCHEMA_RATIO * len(data)):
        raise Refused("it is a ZIP without the schema.json of skops, or with one too large")
    with work.budget_for(len(data), len(text) + sum(map(len, files.values()))):
        return _read(files, text, trust)


def _read(files: Mapping[str, bytes], text: bytes, trust: Trust) -> Any:
    schema = boosters.read_json(text)
    if not isinstance(schema, dict) or schema.get("protocol") not in _PROTOCOLS:
        raise Refused("it was written by an old or unknown skops; save it again with skops 0.10 or newer")
    _Numbers(files).fingerprint(schema)
    return _Reader(files, trust).node(schema, 0)


class _Numbers:
    """Which object each number stands for: always the same one, but for the numbers and files that it is written with.

    skops writes an object that is there twice in full both times, with new numbers for what is made in between.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files, self._digests = files, dict[str, bytes]()
        self._found: dict[int, bytes] = {}

    def fingerprint(self, value: Any) -> bytes:
        """What tells a part of the schema from others.

        Raises:
            Refused: two that differ have one number.
        """
        if isinstance(value, list):
            return _digest(b"[", [self.fingerprint(each) for each in work.walked(value)])
        if not isinstance(value, dict):
            # Quoted and escaped: nothing in a text can pass for what stands around it.
            return repr(value).encode("utf-8", "surrogatepass")
        number = value.get("__id__")
        found = _digest(
            b"{",
            [
                ascii(key).encode() + b":" + (self._file(part) if key == "file" else self.fingerprint(part))
                for key, part in sorted(work.walked(value).items())
                if key != "__id__" or type(part) is not int
            ],
        )
        if type(number) is int and self._found.setdefault(number, found) != found:
            raise Refused("its schema has two objects of one number")
        return found

    def _file(self, name: Any) -> bytes:
        if type(name) is not str or name not in self._files:
            return self.fingerprint(name)
        if name not in self._digests:
            self._digests[name] = _digest(b"file", [self._files[name]])
        return self._digests[name]


def _digest(kind: bytes, parts: list[bytes]) -> bytes:
    return kind + blake2b(b",".join(parts), digest_size=16).digest()


class _Reader:
    def __init__(self, files: Mapping[str, bytes], trust: Trust) -> None:
        self.files, self.trust = files, trust
        self.known: dict[int, Any] = {}

    def node(self, state: Any, depth: int) -> Any:
        work.spend(_STEPS_A_NODE)
        if depth > _DEEPEST:
            raise Refused(f"its schema nests deeper than {_DEEPEST} levels")
        if not isinstance(state, dict):
            raise Refused("its schema has something else where an object belongs")
        loader, name, module = (state.get(key) for key in ("__loader__", "__class__", "__module__"))
        if not isinstance(loader, str) or not isinstance(name, str) or not isinstance(module, str):
            raise Refused("its schema has an object without a class")
        full = canonical(module, name, 5)
        number = state.get("__id__")
        if number is not None and (type(number) is not int or number <= 0):
            raise Refused("its schema numbers its objects in another way than skops does")
        if number in self.known:
            if self.known[number] is _UNFINISHED:
                raise Refused("its schema has an object inside itself")
            return self.known[number]
        if number is not None:
            self.known[number] = _UNFINISHED
        self.trust.meet(full)
        build = _NODES.get(loader)
        if build is None:
            self.trust.unknown[full] = None
            raise Refused(f"its schema asks for {loader[:60]!r}, which would call {full}")
        value = build(self, state, full, depth + 1)
        if number is not None:
            self.known[number] = value
        return value

    def file(self, state: Mapping[str, Any]) -> bytes:
        name = state.get("file")
        if not isinstance(name, str) or name not in self.files:
            raise Refused(f"its schema asks for the file {shown(name)}, which is missing")
        return self.files[name]

    def content(self, state: Mapping[str, Any], kind: type) -> Any:
        found = state.get("content")
        if not isinstance(found, kind):
            raise Refused("its schema has an object of another shape than skops writes")
        return found

    def made(self, name: str, role: str, value: Made) -> Made:
        if calls.needs_state(name) and value.state is None:
            raise Refused("its schema leaves an object without its state")
        if self.trust.use(name, "call" if role == "call" else "instantiate") and value.state is not None:
            value.built = True
            states.check(value)
        return value

    def expect(self, name: str, *wanted: str) -> None:
        if name not in wanted:
            raise Refused(f"its schema makes a {name} in the way of a {wanted[0]}")


def _json(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    reader.expect(name, "builtins.str")
    value = boosters.read_json(reader.content(state, str).encode("utf-8", "surrogatepass"))
    if isinstance(value, dict) and any(key.startswith("__") for key in value):
        raise Refused("its schema has attributes that no object has")
    return value


def _dict(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    content = reader.content(state, dict)
    kinds = _key_types(reader, state, len(content), depth)
    values = {
        as_key(key if kind in _TEXT else (kind, key)): reader.node(value, depth)
        for kind, (key, value) in zip(kinds, content.items(), strict=True)
    }
    if name == "builtins.dict":
        return values
    if name not in calls.MAPPINGS and reader.trust.use(name, "instantiate"):
        raise Refused(f"its schema makes a {name} in the way of a dict")
    return Made(name, items=list(values.values()))


_TEXT = ("builtins.str", "numpy.str_")


def _key_types(reader: _Reader, state: Mapping[str, Any], count: int, depth: int) -> list[str]:
    """The types of a dict's keys, which stand beside them: skops calls each with the text that JSON made of its key."""
    kinds = reader.node(state.get("key_types"), depth)
    if type(kinds) is not list or len(kinds) != count:
        raise Refused("its schema has a dict with more or fewer keys than types of keys")
    for kind in kinds:
        if type(kind) is not Global or not _DATA.fullmatch(kind.name):
            raise Refused("its schema has a dict whose keys are made by what is not a type of data")
    return [kind.name for kind in kinds]


def _default_dict(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    reader.expect(name, "collections.defaultdict")
    inner = reader.content(state, dict)
    factory = reader.node(inner.get("default_factory"), depth)
    if factory is not None and type(factory) is not Global:
        raise Refused("its schema has a defaultdict filled by what is not a class")
    return Made(name, items=[reader.node(inner.get("main"), depth)])


def _sequence(kind: Callable[[list[Any]], Any], *names: str) -> Callable[[_Reader, Mapping[str, Any], str, int], Any]:
    def build(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
        values = [reader.node(each, depth) for each in reader.content(state, list)]
        if name not in names:
            # A named tuple: its class would be called.
            reader.trust.use(name, "instantiate" if name in calls.NAMED_TUPLES else "call")
            return Made(name, tuple(values))
        try:
            return kind(values)
        except TypeError:
            raise Refused("its schema has a set of what cannot be in one") from None

    return build


def _reference(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    reader.trust.use(name, "reference")
    return Global(name)


def _type(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    # The type of a key or an item, such as NoneType or float64: nothing is made of it.
    if name != "builtins.NoneType":
        reader.trust.use(name, "reference")
    return Global(name)


def _partial(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    inner = reader.content(state, dict)
    parts = [reader.node(inner.get(key), depth) for key in ("func", "args", "kwds", "namespace")]
    made = Made(name, (parts[0],), tuple(parts), built=True)
    # skops writes the keywords node by node, each of its own type.
    keywords = inner.get("kwds")
    by_skops = isinstance(keywords, dict) and keywords.get("__loader__") == "DictNode"
    if name != PARTIAL or not by_skops or not partials.is_plain(made):
        reader.trust.use(name, "call")
    return made


def _method(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    inner = reader.content(state, dict)
    reader.node(inner.get("obj"), depth)
    reader.trust.meet("builtins.getattr")
    reader.trust.use("builtins.getattr", "call")
    return Made("builtins.getattr")


def _slice(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    reader.expect(name, "builtins.slice")
    inner = reader.content(state, dict)
    if not all(type(inner.get(key)) in (int, float, type(None)) for key in ("start", "stop", "step")):
        raise Refused("its schema has a slice of something else than numbers")
    return Made(name, built=True)


def _object(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    inner = state.get("content")
    return reader.made(name, "instantiate", Made(name, state=None if inner is None else reader.node(inner, depth)))


def _construct(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    arguments = reader.node(reader.content(state, dict), depth)
    if type(arguments) is not tuple:
        raise Refused("its schema calls something with what is not a tuple of arguments")
    if reader.trust.use(name, "call"):
        return calls.result(name, arguments, reader.trust)
    return Made(name, arguments)


def _reduced(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    """A tree or a loss: ``__reduce__`` has the arguments, ``content`` the state."""
    reduced = state.get("__reduce__")
    arguments = reader.node(reduced.get("args") if isinstance(reduced, dict) else None, depth)
    if type(arguments) is not tuple or (state.get("__loader__") == "TreeNode" and name != "sklearn.tree._tree.Tree"):
        raise Refused("its schema makes a tree or a loss in another way than skops does")
    attributes = reader.node(state.get("content"), depth) if state.get("content") is not None else None
    if not reader.trust.use(name, "call"):
        return Made(name, arguments, attributes)
    value = calls.result(name, arguments, reader.trust)
    if type(value) is not Made or (calls.needs_state(name) and not attributes):
        raise Refused("its schema leaves an object without its state")
    value.state = attributes or None
    value.built = True
    states.check(value)
    return value


def _bytes(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    reader.expect(name, "builtins.bytes", "builtins.bytearray")
    content = reader.file(state)
    return content if name == "builtins.bytes" else Made(name, (content,), built=True)


def _array(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    if name not in arrays.ARRAYS and not _DATA.fullmatch(name):
        raise Refused(f"its schema makes a {name} out of an array")
    if state.get("type") == "numpy":
        array = archive.read_npy(reader.file(state))
        if name not in arrays.ARRAYS:
            dtype = array.dtype
            assert dtype is not None
            return calls.scalar(dtype, bytes(array.raw)) if array.count == 1 and dtype.fields is None else array
        return array
    if name not in arrays.ARRAYS:
        raise Refused(f"its schema makes a {name} out of objects")
    items = [reader.node(each, depth) for each in reader.content(state, list)]
    shape = arrays.check_shape(reader.node(state.get("shape"), depth))
    # A table is written as rows of rows; what is looked into has its objects side by side.
    for _ in shape[1:]:
        if not all(type(each) is list for each in items):
            raise Refused("its schema has a table of objects whose rows are none")
        work.spend(sum(map(len, items)))
        items = [each for row in items for each in row]
    flat = Array(Dtype("O", 8, built=True), shape, items=items, built=True)
    if len(items) != flat.count:
        raise Refused("its schema has an array of objects with more or fewer than its shape says")
    return flat


def _masked(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    reader.expect(name, "numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray")
    inner = reader.content(state, dict)
    for key in ("data", "mask"):
        reader.node(inner.get(key), depth)
    return Made("numpy.ma.MaskedArray", built=True)


def _random(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    reader.expect(name, "numpy.random.RandomState", "numpy.random.mtrand.RandomState")
    made = Made("numpy.random", state=reader.node(reader.content(state, dict), depth), built=True)
    states.check(made)
    return made


def _generator(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    reader.expect(name, "numpy.random.Generator", "numpy.random._generator.Generator")
    inner = reader.content(state, dict)
    bits = reader.node(inner.get("bit_generator"), depth)
    seeds = reader.node(inner.get("seed_seq"), depth)
    if type(seeds) is not dict or not set(seeds) <= _SEEDS or not is_whole(seeds.get("pool_size", 4), 4, 1 << 10):
        raise Refused("its schema has a seed of random numbers that numpy does not write")
    if not isinstance(bits, dict) or bits.get("bit_generator") not in calls.GENERATORS:
        raise Refused("its schema has a random generator that numpy does not have")
    made = Made("numpy.random", state=bits, built=True)
    states.check(made)
    return made


def _dtype(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    reader.expect(name, "numpy.dtype")
    return getattr(reader.node(reader.content(state, dict), depth), "dtype", None)


def _sparse(reader: _Reader, state: Mapping[str, Any], name: str, depth: int) -> Any:
    parts = {key.removesuffix(".npy"): value for key, value in archive.entries(reader.file(state)).items()}
    found = {key: archive.read_npy(value) for key, value in parts.items() if key not in ("format", "_is_array")}
    shape = found.pop("shape", None)
    sizes = () if shape is None else tuple(int(each) for each in shape.to_numpy("the shape of a sparse matrix"))
    # scipy goes by the format in the file, whatever class the schema names.
    written = bytes(archive.read_npy(parts.get("format", b"")).raw).rstrip(b"\0").decode("latin-1")
    if f".{written}_" not in name:
        raise Refused("its schema has a sparse matrix of another format than its class")
    return reader.made(name, "instantiate", Made(name, state={**found, "_shape": sizes}))


_NODES: dict[str, Callable[[_Reader, Mapping[str, Any], str, int], Any]] = {
    "JsonNode": _json,
    "DictNode": _dict,
    "DefaultDictNode": _default_dict,
    "ListNode": _sequence(list, "builtins.list"),
    "SetNode": _sequence(Bag, "builtins.set"),
    "TupleNode": _sequence(tuple, "builtins.tuple"),
    "FunctionNode": _reference,
    "TypeNode": _type,
    "PartialNode": _partial,
    "MethodNode": _method,
    "SliceNode": _slice,
    "ObjectNode": _object,
    "ConstructorFromReduceNode": _construct,
    "TreeNode": _reduced,
    "LossNode": _reduced,
    "BytesNode": _bytes,
    "BytearrayNode": _bytes,
    "NdArrayNode": _array,
    "MaskedArrayNode": _masked,
    "RandomStateNode": _random,
    "RandomGeneratorNode": _generator,
    "DTypeNode": _dtype,
    "SparseMatrixNode": _sparse,
}
