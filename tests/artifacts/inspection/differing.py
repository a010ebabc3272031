"""Files in which a reader and a checker could see two things: each was accepted once, or reads as another file would.

Each is (what, bytes), and has to be refused. None names anything that is not on the list.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import skops.io
import xgboost
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier

from . import natives
from .assembly import call, called, made, mapping, name, plain, text, tupled, whole

_DTYPE = name("numpy", "dtype")
_NOTHING = tupled(plain(3), text("<"), plain(None), plain(None), plain(None), plain(-1), plain(-1), plain(0))


def files() -> Iterator[tuple[str, bytes]]:
    """All of them."""
    yield from changed_later()
    yield from _states()
    yield from _skops()
    yield from _lightgbm()
    yield from _xgboost()


def _put(number: int) -> bytes:
    return b"q" + bytes([number])


def _get(number: int) -> bytes:
    return b"h" + bytes([number])


def _array(dtype: bytes, shape: bytes, content: bytes) -> bytes:
    return called(name("numpy._core.numeric", "_frombuffer"), content, dtype, shape, text("C"))


def _order(order: str) -> bytes:
    return tupled(plain(3), text(order), *(plain(each) for each in (None, None, None, -1, -1, 0)))


def changed_later() -> Iterator[tuple[str, bytes]]:
    """Those in which something is changed after it has been used."""
    number = call("numpy", "dtype", "f8", False, True)
    # The dtype is remembered, used in an array, and gets its state afterwards.
    used = _array(number + _put(0), plain((1,)), plain(bytes(8)))
    yield "a dtype that is turned after an array was made of it", whole(tupled(used, _get(0) + _order(">") + b"b"))
    record = call("numpy", "dtype", "V8", False, True) + _put(0)
    fields = mapping(a=tupled(number, plain(0))) + _put(1)
    state = tupled(plain(3), text("|"), plain(None), plain(("a",)), fields, plain(8), plain(1), plain(16))
    late = _get(1) + text("b") + tupled(number, plain(1 << 20)) + b"s"
    yield "fields that grow after their dtype was made", whole(tupled(record + state + b"b", late))
    shared = tupled(record + state + b"b" + b"0", _get(1) + text("a") + tupled(number, plain(900)) + b"s")
    yield "a field that moves after its dtype was made", whole(shared)
    bits = called(name("numpy.random._pickle", "__bit_generator_ctor"), name("numpy.random._mt19937", "MT19937"))
    inner = mapping(key=plain(None), pos=plain(0)) + _put(0)
    body = bits + tupled(mapping(bit_generator=text("MT19937"), state=inner), plain(None)) + b"b"
    yield (
        "a generator whose position moves afterwards",
        whole(tupled(body, _get(0) + text("pos") + plain(1 << 30) + b"s")),
    )
    tree = DecisionTreeClassifier(max_depth=1).fit(*load_iris(return_X_y=True)).tree_
    kind, arguments, parts = tree.__reduce__()
    whole_state = plain(parts)
    late_nodes = b"}" + _put(0) + _dict_update(whole_state)
    made_tree = called(name("sklearn.tree._tree", "Tree"), *(plain(each) for each in arguments)) + late_nodes + b"b"
    yield (
        "a tree whose state changes when it has it",
        whole(tupled(made_tree, _get(0) + text("node_count") + plain(1 << 30) + b"s")),
    )
    del kind
    factory = called(name("numpy._core.multiarray", "_reconstruct"), name("numpy", "ndarray"), plain((0,)), plain(b"b"))
    unfinished = mapping(nodes=factory + _put(0), node_count=plain(1), max_depth=plain(0), values=plain(None))
    tail = _get(0) + tupled(plain(1), plain((1,)), number, plain(False), plain(bytes(8))) + b"b"
    yield (
        "a tree of an array that is filled afterwards",
        whole(
            tupled(
                called(
                    name("sklearn.tree._tree", "Tree"), plain(4), _array(number, plain((1,)), plain(bytes(8))), plain(1)
                )
                + unfinished
                + b"b",
                tail,
            )
        ),
    )
    values = b"]" + _put(0)
    objects = (
        factory + tupled(plain(1), plain((0,)), call("numpy", "dtype", "O8", False, True), plain(False), values) + b"b"
    )
    yield "an array of objects that grows", whole(tupled(objects, _get(0) + plain(1) + b"a"))
    items = b"\x8f" + _put(0)
    model = made("sklearn.linear_model._logistic", "LogisticRegression", mapping(classes_=items))
    yield "a set that grows in a model", whole(tupled(model, _get(0) + b"(" + plain(1) + b"\x90"))
    listed = b"]" + _put(0)
    model = made("sklearn.pipeline", "Pipeline", mapping(steps=listed))
    yield "steps that are added to a pipeline afterwards", whole(tupled(model, _get(0) + plain(("a", 1)) + b"a"))


def _dict_update(pushed: bytes) -> bytes:
    """The items of a dict, set in the dict on the stack: its opcodes without the first, which makes it."""
    assert pushed[:1] == b"}"
    return pushed[1:]


def _states() -> Iterator[tuple[str, bytes]]:
    yield (
        "numpy's own dtype, which ignores its state",
        whole(call("numpy", "dtype", "f8", False, False) + _order(">") + b"b"),
    )
    yield "a dtype that is no copy", whole(call("numpy", "dtype", "f8", True, True) + _order("<") + b"b")
    ordered = called(name("collections", "OrderedDict"))

    def in_order(**parts: bytes) -> bytes:
        return ordered + b"(" + b"".join(text(key) + part for key, part in parts.items()) + b"u"

    bits = called(name("numpy.random._pickle", "__bit_generator_ctor"), name("numpy.random._mt19937", "MT19937"))
    position = mapping(key=plain(None), pos=plain(1 << 30))
    for label, state in (
        ("an OrderedDict", in_order(bit_generator=text("MT19937"), state=position)),
        ("nothing but a tuple", tupled(plain(None), plain(None))),
        (
            "more than numpy writes",
            mapping(bit_generator=text("PCG64"), state=mapping(state=plain(1), inc=plain(1)), more=plain(1)),
        ),
        (
            "an OrderedDict inside",
            mapping(bit_generator=text("MT19937"), state=in_order(key=plain(None), pos=plain(9999))),
        ),
    ):
        yield f"a generator with {label} as its state", whole(bits + tupled(state, plain(None)) + b"b")
    handle = xgboost.XGBClassifier(n_estimators=1).fit(*load_iris(return_X_y=True)).get_booster().save_raw("json")
    broken = re.sub(rb'"left_children":\[[0-9]+', b'"left_children":[99999', bytes(handle), count=1)
    yield (
        "a booster whose handle lies in an OrderedDict",
        whole(made("xgboost.core", "Booster", in_order(handle=called(name("builtins", "bytearray"), plain(broken))))),
    )
    factory = called(name("collections", "defaultdict"), name("builtins", "list"))
    yield (
        "a model with a defaultdict as its state",
        whole(made("sklearn.svm._classes", "SVC", factory + text("C") + plain(1) + b"s")),
    )
    seeds = called(
        name("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"),
        name("numpy.random.bit_generator", "SeedSequence"),
        plain(65708578),
        plain(None),
    )
    yield "a seed whose state is a dict", whole(seeds + mapping(pool_size=plain(1 << 40)) + b"b")
    yield (
        "a model with a function in place of a check",
        whole(
            made(
                "sklearn.cluster._kmeans",
                "KMeans",
                mapping(_check_test_data=name("sklearn.utils.validation", "check_array")),
            )
        ),
    )


def _rezipped(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    schema = json.loads(files["schema.json"])
    change(schema)
    files["schema.json"] = json.dumps(schema).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for each, content in files.items():
            archive.writestr(each, content)
    return buffer.getvalue()


def _skops() -> Iterator[tuple[str, bytes]]:
    model = DecisionTreeClassifier(max_depth=1).fit(*load_iris(return_X_y=True))
    good = skops.io.dumps(model)

    def attributes(schema: dict[str, Any]) -> dict[str, Any]:
        content: dict[str, Any] = schema["content"]
        return content

    def two_bodies(schema: dict[str, Any]) -> None:
        parts = attributes(schema)["content"]
        parts["n_features_in_"]["__id__"] = parts["max_depth"]["__id__"] = 7

    def nested_twice(schema: dict[str, Any]) -> None:
        # The tree stands in the file twice under one number, and the arrays in the second have another's.
        first = attributes(schema)["content"]["tree_"]
        second = json.loads(json.dumps(first))
        second["content"]["content"]["max_depth"]["content"] = "900"
        attributes(schema)["content"]["other"] = second
        attributes(schema)["key_types"]["content"].append(attributes(schema)["key_types"]["content"][0])

    def cached(schema: dict[str, Any]) -> None:
        parts = attributes(schema)["content"]
        parts["n_features_in_"] = {**parts["tree_"], "__loader__": "CachedNode"}

    def key_types(kind: str) -> Callable[[dict[str, Any]], None]:
        def change(schema: dict[str, Any]) -> None:
            module, _, short = kind.rpartition(".")
            attributes(schema)["key_types"]["content"][0] = {
                "__class__": short,
                "__module__": module,
                "__loader__": "TypeNode",
                "__id__": 7,
            }

        return change

    def fewer_keys(schema: dict[str, Any]) -> None:
        attributes(schema)["key_types"]["content"].pop()
        attributes(schema)["key_types"]["__id__"] = 7

    def no_list(schema: dict[str, Any]) -> None:
        attributes(schema)["key_types"].update({"__loader__": "TupleNode", "__class__": "tuple", "__id__": 7})

    def number_keys(schema: dict[str, Any]) -> None:
        key_types("builtins.int")(schema)

    for label, change in (
        ("two objects of one number", two_bodies),
        ("two trees of one number", nested_twice),
        ("an object that stands for another", cached),
        ("keys made by a function", key_types("numpy.add")),
        ("keys made by an estimator", key_types("sklearn.svm._classes.SVC")),
        ("keys made by an array", key_types("numpy.ndarray")),
        ("fewer types of keys than keys", fewer_keys),
        ("types of keys that are no list", no_list),
        ("attributes that are numbers", number_keys),
    ):
        yield f"skops: {label}", _rezipped(good, change)


def _lightgbm() -> Iterator[tuple[str, bytes]]:
    good = natives.lightgbm_text().decode()

    def replaced(old: str, new: str) -> bytes:
        assert old in good, old
        changed = good.replace(old, new, 1)
        # The size of the first tree is made right again.
        start, stop = changed.index("Tree=0"), changed.index("Tree=1")
        sizes = changed.index("tree_sizes=") + len("tree_sizes=")
        first = changed[sizes:].split(" ", 1)[0]
        return (changed[:sizes] + str(len(changed[start:stop].encode())) + changed[sizes + len(first) :]).encode()

    leaves = re.search("num_leaves=([0-9]+)\n", good)
    assert leaves is not None
    line, count = leaves[0], leaves[1]
    end = "end of trees\n"
    tree = good[good.index("Tree=1") : good.index("Tree=2")]
    yield "LightGBM: a carriage return", replaced(line, f"num_leaves={count}\rnum_leaves=9\n")
    yield "LightGBM: lines that end as on Windows", replaced("num_cat=0\n", "num_cat=0\r\n")
    yield "LightGBM: digits with an underscore", replaced(line, f"num_leaves=0_{count}\n")
    yield "LightGBM: digits of another alphabet", replaced(line, f"num_leaves={chr(0x660 + int(count))}\n")
    yield "LightGBM: a plus before a number", replaced(line, f"num_leaves=+{count}\n")
    yield "LightGBM: a number with noughts before it", replaced(line, f"num_leaves=000{count}\n")
    yield "LightGBM: a space before a number", replaced(line, f"num_leaves= {count}\n")
    yield "LightGBM: trees after the end", replaced(end, end + tree)
    yield "LightGBM: something after the end", (good + "Tree=99\nnum_leaves=2\n").encode()
    yield "LightGBM: a line it does not know", replaced("num_cat=0\n", "num_cat=0\nleft_right=1\n")
    yield "LightGBM: a line twice", replaced("num_cat=0\n", "num_cat=0\nnum_cat=0\n")
    yield "LightGBM: lines in another order", replaced(f"{line}num_cat=0\n", f"num_cat=0\n{line}")
    yield "LightGBM: a separator of Unicode", replaced("label_index=0\n", "label_index=0\u2028num_class=9\n")
    yield "LightGBM: an objective for other classes", replaced("num_class:3", "num_class:3000")
    yield "LightGBM: other classes than trees a round", replaced("num_class=3\n", "num_class=1\n")
    yield "LightGBM: a leaf that two nodes lead to", _leaf_twice(good, replaced)


def _leaf_twice(good: str, replaced: Callable[[str, str], bytes]) -> bytes:
    line = next(each for each in good.split("\n") if each.startswith("right_child="))
    numbers = line.removeprefix("right_child=").split(" ")
    leaves = [at for at, each in enumerate(numbers) if each.startswith("-")]
    numbers[leaves[0]] = numbers[leaves[-1]] if len(leaves) > 1 else "-1"
    return replaced(line, "right_child=" + " ".join(numbers))


def _xgboost() -> Iterator[tuple[str, bytes]]:
    good = json.loads(natives.xgboost_json())

    def changed(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> bytes:
        model = json.loads(json.dumps(good))
        learner = model["learner"]
        change(learner, learner["gradient_booster"]["model"]["trees"][0])
        return json.dumps(model).encode()

    def vector_leaf(_: Any, tree: dict[str, Any]) -> None:
        tree["tree_param"]["size_leaf_vector"] = "3"
        tree["base_weights"] = tree["base_weights"] * 3

    def more_weights(_: Any, tree: dict[str, Any]) -> None:
        tree["base_weights"].append(1.0)

    def other_classes(learner: dict[str, Any], _: Any) -> None:
        learner["objective"]["softmax_multiclass_param"]["num_class"] = "3000"

    def categories(_: Any, tree: dict[str, Any]) -> None:
        tree["split_type"][0] = 1

    def halves(_: Any, tree: dict[str, Any]) -> None:
        tree["left_children"][0] += 0.5

    def names(learner: dict[str, Any], _: Any) -> None:
        learner["feature_names"] = ["a"]

    def other_inputs(_: Any, tree: dict[str, Any]) -> None:
        tree["tree_param"]["num_feature"] = "4000"

    def scores(learner: dict[str, Any], _: Any) -> None:
        learner["learner_model_param"]["base_score"] = "[0.5,0.5]"

    for label, change in (
        ("a leaf of several numbers in a tree of one", vector_leaf),
        ("more weights than nodes", more_weights),
        ("an objective for other classes", other_classes),
        ("a split by categories that are not there", categories),
        ("children that are no whole numbers", halves),
        ("names for other inputs", names),
        ("a tree for other inputs", other_inputs),
        ("a start for other classes", scores),
    ):
        yield f"XGBoost: {label}", changed(change)


def boosting() -> bytes:
    """A good file beside them, in which objects are shared and nothing changes."""
    return pickle.dumps(HistGradientBoostingClassifier(max_iter=2).fit(*load_iris(return_X_y=True)))


def doubled() -> bytes:
    """A good file in which one array stands for many."""
    array = np.arange(10.0)
    return pickle.dumps([array, {"a": array}, (array, [array])])
