"""Bad files of skops, XGBoost, LightGBM and ONNX, as (what, bytes) or (what, bytes, expected verdict)."""

from __future__ import annotations

import io
import json
import re
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal

import lightgbm
import numpy as np
import skops.io
import xgboost
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

Expected = Literal["refused", "quarantined", "either"]


@cache
def skops_file() -> bytes:
    """A good file of skops'."""
    data: bytes = skops.io.dumps(LogisticRegression(max_iter=1000).fit(*load_iris(return_X_y=True)))
    return data


@cache
def xgboost_json() -> bytes:
    """A good file of XGBoost's, as JSON."""
    inputs, target = load_iris(return_X_y=True)
    booster = xgboost.XGBClassifier(n_estimators=2, max_depth=2).fit(inputs, target).get_booster()
    return bytes(booster.save_raw("json"))


@cache
def xgboost_ubjson() -> bytes:
    """The same as UBJSON."""
    booster = xgboost.Booster()
    booster.load_model(bytearray(xgboost_json()))
    return bytes(booster.save_raw("ubj"))


@cache
def lightgbm_text() -> bytes:
    """A good text file of LightGBM's."""
    inputs, target = load_iris(return_X_y=True)
    model = lightgbm.LGBMClassifier(n_estimators=2, num_leaves=4, verbose=-1).fit(inputs, target)
    text: str = model.booster_.model_to_string()
    return text.encode()


def field(number: int, value: int | bytes) -> bytes:
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(data) + bytes([value])


def onnx_model(node: bytes = b"", initializer: bytes = b"", opset: bytes = b"") -> bytes:
    """An ONNX model of one operator, x -> Relu -> y, for four inputs."""
    node = node or field(1, b"x") + field(2, b"y") + field(4, b"Relu")
    shape = field(1, field(1, 1)) + field(1, field(1, 4))
    entry = field(1, b"x") + field(2, field(1, field(1, 1) + field(2, shape)))
    graph = field(1, node) + field(2, b"g") + field(11, entry) + field(12, entry)
    if initializer:
        graph += field(5, initializer)
    return field(1, 8) + field(2, b"hand") + field(7, graph) + field(8, opset or field(2, 17))


def _zip(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _opened(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def _schema(node: dict[str, Any], **files: bytes) -> bytes:
    content = json.dumps({**node, "protocol": 2, "_skops_version": "0.16.0"}).encode()
    return _zip({**files, "schema.json": content})


def _node(loader: str, module: str, name: str, **more: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, **more}


def _value(value: Any) -> dict[str, Any]:
    return _node("JsonNode", "builtins", "str", content=json.dumps(value))


def _tuple(*nodes: dict[str, Any]) -> dict[str, Any]:
    return _node("TupleNode", "builtins", "tuple", content=list(nodes))


def bad_skops(target: str) -> Iterator[tuple[str, bytes, Expected]]:
    """Files of skops', and ZIP files that only look like one."""
    shell = f"echo x > '{target}'"
    yield "os.system", _schema(_node("FunctionNode", "os", "system")), "refused"
    call = _node("ConstructorFromReduceNode", "os", "system", content=_tuple(_value(shell)))
    yield "os.system called", _schema(call), "refused"
    operator = _node("OperatorFuncNode", "operator", "methodcaller", attrs=_tuple(_value("touch")))
    yield "operator.methodcaller", _schema(operator), "refused"
    yield "subprocess.Popen", _schema(_node("ObjectNode", "subprocess", "Popen")), "refused"
    scalar = _node("NdArrayNode", "os", "system", type="numpy", file="1.npy")
    yield "os.system as the type of an array", _schema(scalar, **{"1.npy": _npy(np.arange(3))}), "refused"
    stranger = _node("NdArrayNode", "sklearn.pipeline", "Pipeline", type="numpy", file="1.npy")
    yield "a class called with an array", _schema(stranger, **{"1.npy": _npy(np.arange(3))}), "refused"
    function = _node("FunctionNode", "numpy", "sum")
    inner = {"func": function, "args": _tuple(), "kwds": _value({}), "namespace": _value(None)}
    yield "partial", _schema(_node("PartialNode", "functools", "partial", content=inner)), "quarantined"
    model = _node("ObjectNode", "sklearn.linear_model._logistic", "LogisticRegression")
    method = _node(
        "MethodNode", "sklearn.linear_model._logistic", "LogisticRegression", content={"func": "fit", "obj": model}
    )
    yield "a method", _schema(method), "quarantined"
    yield "a class of one's own", _schema(_node("ObjectNode", "mymodels", "Winner")), "quarantined"
    yield "a dotted name", _schema(_node("FunctionNode", "sklearn.base", "os.system")), "refused"
    yield "an unknown node", _schema(_node("ShellNode", "numpy", "sum")), "refused"
    yield "an old protocol", _zip({"schema.json": json.dumps({**_value(1), "protocol": 0}).encode()}), "refused"
    yield (
        "a pickle as an array",
        _schema(
            _node("NdArrayNode", "numpy", "ndarray", type="numpy", file="1.npy"),
            **{"1.npy": _npy(np.array([print], dtype=object))},
        ),
        "refused",
    )
    yield "a missing file", _schema(_node("NdArrayNode", "numpy", "ndarray", type="numpy", file="2.npy")), "refused"
    yield "a schema a thousand levels deep", _zip({"schema.json": b"[" * 100_000}), "refused"
    deep: dict[str, Any] = _value(1)
    for _ in range(300):
        deep = _node("ListNode", "builtins", "list", content=[deep])
    yield "lists three hundred levels deep", _schema(deep), "refused"
    yield (
        "an object inside itself",
        _schema(
            _node("ListNode", "builtins", "list", __id__=7, content=[_node("CachedNode", "builtins", "list", __id__=7)])
        ),
        "refused",
    )
    yield "a tree with a child outside", _forged_tree(), "refused"


def bad_zips() -> Iterator[tuple[str, bytes, Expected]]:
    """Files of skops' whose ZIP is not what it seems."""
    good = skops_file()
    files = _opened(good)
    for name in ("../schema.npy", "/etc/passwd", "a/b.npy", "..\\x.npy", "C:x"):
        yield f"a file named {name}", _zip({**files, name: b"x"}), "refused"
    yield "no schema", _zip({"1.npy": _npy(np.arange(3))}), "refused"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        buffer = io.BytesIO(good)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr("schema.json", files["schema.json"])
    yield "two schemas", buffer.getvalue(), "refused"
    yield "something before the ZIP", b"MZ" + good, "refused"
    yield "something behind the ZIP", good + b"x", "refused"
    yield "a comment", good[:-2] + struct.pack("<H", 3) + b"\x80\x04N", "refused"
    # The flags stand six bytes into a local header, and eight into the entry of the list.
    listed = good.index(b"PK\x01\x02")
    yield "an encrypted file", good[: listed + 8] + b"\x01" + good[listed + 9 :], "refused"
    yield "a bomb", _zip({**files, "0.npy": bytes(80 << 20)}, zipfile.ZIP_DEFLATED), "refused"
    start = int.from_bytes(good[-6:-2], "little")
    end = good[:-6] + (start + 5).to_bytes(4, "little") + good[-2:]
    yield "a gap before the list", end[:start] + b"extra" + end[start:], "refused"
    yield "cut in the middle", good[: len(good) // 2], "refused"


def _npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _forged_tree() -> bytes:
    files = _opened(skops.io.dumps(DecisionTreeClassifier(max_depth=2).fit(*load_iris(return_X_y=True))))
    for name, content in files.items():
        if b"left_child" in content[:1000] and name.endswith(".npy"):
            nodes = np.load(io.BytesIO(content)).copy()
            nodes["left_child"][0] = 1 << 40
            files[name] = _npy(nodes)
    return _zip(files)


def bad_natives() -> Iterator[tuple[str, bytes, Expected]]:
    """Native files whose numbers do not hold."""
    for label, data in (*bad_xgboost(), *_bad_lightgbm()):
        yield label, data, "refused"
    good = onnx_model()
    yield "ONNX cut off", good[:-3], "refused"
    yield "ONNX without a graph", field(1, 8) + field(2, b"hand"), "refused"
    outside = field(1, 4) + field(2, 1) + field(8, b"w") + field(13, field(1, b"location") + field(2, b"/etc/passwd"))
    yield "ONNX with weights in another file", onnx_model(initializer=outside + field(14, 1)), "refused"
    lists = b"\x3d\x00\x00\x80\x3f" * 3 + field(8, 300) + field(9, b"LEAF") + field(9, b"BRANCH_LEQ")
    behind = field(4, b"Relu") + field(5, field(1, b"w") + lists + field(5, outside + field(14, 1)))
    yield "ONNX with weights in another file behind lists of numbers", onnx_model(node=behind), "refused"
    yield (
        "ONNX with a tensor of too few bytes",
        onnx_model(initializer=field(1, 1000) + field(2, 1) + field(9, b"1234")),
        "refused",
    )
    foreign = field(1, b"x") + field(2, b"y") + field(4, b"Shell") + field(7, b"com.example")
    yield "ONNX with an operator of somebody's own", onnx_model(node=foreign), "quarantined"
    deep = field(4, b"Relu")
    for _ in range(100):
        deep = field(4, b"If") + field(5, field(1, b"then") + field(6, field(1, deep)))
    yield "ONNX a hundred graphs deep", onnx_model(node=deep), "refused"


def _changed(path: str, change: Callable[[Any], Any]) -> bytes:
    model = json.loads(xgboost_json())
    inner = model["learner"]["gradient_booster"]["model"]
    *parents, last = path.split(".")
    for part in parents:
        inner = inner[int(part)] if part.isdigit() else inner[part]
    inner[last] = change(inner[last])
    return json.dumps(model).encode()


def bad_xgboost() -> Iterator[tuple[str, bytes]]:
    yield "XGBoost: a child outside", _changed("trees.0.left_children", lambda old: [1 << 30, *old[1:]])
    yield "XGBoost: a circle", _changed("trees.0.left_children", lambda old: [0, *old[1:]])
    yield "XGBoost: a feature outside", _changed("trees.0.split_indices", lambda old: [1 << 20, *old[1:]])
    yield (
        "XGBoost: more nodes than there are",
        _changed("trees.0.tree_param", lambda old: {**old, "num_nodes": "1000000"}),
    )
    yield "XGBoost: a class that is not there", _changed("tree_info", lambda old: [1 << 20, *old[1:]])
    yield "XGBoost: more trees than there are", _changed("gbtree_model_param", lambda old: {**old, "num_trees": "99"})
    yield "XGBoost: rounds of other trees", _changed("iteration_indptr", lambda old: [0, 1 << 30])
    yield "XGBoost: text for numbers", _changed("trees.0.split_conditions", lambda old: ["x"] * len(old))
    yield "XGBoost: no model", b'{"learner": {}}'
    yield "XGBoost: a key twice", b'{"learner": {}, "learner": {}}'
    yield "XGBoost: JSON without end", b'{"learner":' * 100_000
    yield "XGBoost: cut off", xgboost_json()[:-100]
    binary = xgboost_ubjson()
    yield "XGBoost: UBJSON cut off", binary[: len(binary) // 2]
    yield "XGBoost: UBJSON with something behind it", binary + b"x"
    at = binary.index(b"[$l#L")
    yield "XGBoost: UBJSON with a list without end", binary[: at + 5] + b"\x7f" * 8 + binary[at + 13 :]
    yield "XGBoost: UBJSON without end", b"{L" + bytes(7) + b"\x01a[" + b"[" * 100_000


def _bad_lightgbm() -> Iterator[tuple[str, bytes]]:
    good = lightgbm_text()
    lines = good.decode().split("\n")

    def with_line(key: str, change: Callable[[str], str]) -> bytes:
        """The model with one line of its first tree changed, and the size of that tree made right again."""
        at = next(place for place, line in enumerate(lines) if line.startswith(f"{key}="))
        new = change(lines[at])
        found = [*lines[:at], new, *lines[at + 1 :]]
        sizes = next(place for place, line in enumerate(found) if line.startswith("tree_sizes="))
        if at > sizes:
            first, *rest = found[sizes].removeprefix("tree_sizes=").split(" ")
            found[sizes] = "tree_sizes=" + " ".join([str(int(first) + len(new) - len(lines[at])), *rest])
        return "\n".join(found).encode()

    def first(value: str) -> Callable[[str], str]:
        return lambda line: re.sub(r"=-?[0-9]+", f"={value}", line, count=1)

    yield "LightGBM: a child outside", with_line("left_child", first("99999"))
    yield "LightGBM: a circle", with_line("left_child", first("0"))
    yield "LightGBM: a leaf outside", with_line("right_child", first("-90"))
    yield "LightGBM: a feature outside", with_line("split_feature", first("900"))
    yield "LightGBM: more leaves than there are", with_line("num_leaves", first("100000"))
    yield "LightGBM: categories that are not there", with_line("decision_type", first("1"))
    yield "LightGBM: sizes that lie", with_line("tree_sizes", lambda old: old + "99")
    yield "LightGBM: cut off", good[: len(good) // 2]
    yield "LightGBM: a word for a number", with_line("num_class", lambda old: "num_class=many")
