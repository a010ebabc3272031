"""The native files of XGBoost (JSON, UBJSON), walked and held against their own numbers.

Its loader trusts counts, indices and sizes in the file. Format: XGBoost's "Introduction to Model IO" with its JSON
schema. Clean here does not mean that the native loader survives it: the first load belongs into the sandbox.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from . import containers, ubjson, work
from .refused import Refused
from .values import Booster, shown

_REAL = r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,3})?"
_BASE = re.compile(rf"{_REAL}|\[{_REAL}(?:,{_REAL})*\]", re.ASCII)
_NO_PARENT = 2147483647
_SINCE_1_3 = ("split_type",)
_STEPS_A_BRACKET = 2
MOST_NODES = 1 << 26


def check_xgboost(data: bytes) -> Booster:
    """Walk a model of XGBoost's, as saved by it or from inside a pickle.

    Raises:
        Refused: it is truncated, or an index in it leads outside what is there.
    """
    content = ubjson.read(data) if containers.is_ubjson(data) else read_json(data)
    # Pickled boosters wrap the model together with their configuration.
    model = content.get("Model", content) if isinstance(content, dict) else None
    learner = _mapping(model, "the model").get("learner")
    learner = _mapping(learner, "the learner")
    parameters = _mapping(learner.get("learner_model_param"), "the parameters")
    features, classes = _number(parameters, "num_feature"), _number(parameters, "num_class")
    targets = _number(parameters, "num_target") if "num_target" in parameters else 1
    if not 0 <= features <= 1 << 31 or not 0 <= classes <= 1 << 20 or not 0 <= targets <= 1 << 20:
        raise Refused("it has impossible numbers of features, classes or targets")
    booster = _mapping(learner.get("gradient_booster"), "the booster")
    kind = booster.get("name")
    if kind == "dart":
        weights = _numbers(booster, "weight_drop")
        booster = _mapping(booster.get("gbtree"), "the booster")
        if len(weights) != len(_list(_mapping(booster.get("model"), "the booster").get("trees"), "the trees")):
            raise Refused("it has a weight for other trees than there are")
    inner = _mapping(booster.get("model"), "the booster")
    if kind in ("gbtree", "dart"):
        _check_forest(inner, features, max(classes, targets, 1))
    elif kind == "gblinear":
        if len(_numbers(inner, "weights")) != (features + 1) * max(classes, targets, 1):
            raise Refused("it has other weights than its features and classes need")
    else:
        raise Refused(f"it has a booster {shown(kind)}, which XGBoost does not have")
    _check_objective(learner, classes, targets)
    names = learner.get("feature_names") or []
    for key in ("feature_names", "feature_types"):
        told = learner.get(key) or []
        if not isinstance(told, list) or len(told) not in (0, features) or not all(type(each) is str for each in told):
            raise Refused(f"it has {key} for another number of features than it has")
    version = _mapping(model, "the model").get("version")
    return Booster(
        "xgboost",
        ".".join(str(part) for part in version) if isinstance(version, Sequence) and len(version) == 3 else None,
        features or None,
        tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else (),
    )


def _check_objective(learner: Mapping[str, Any], classes: int, targets: int) -> None:
    """The number of classes stands in two places, and each is used for a table of its own."""
    objective = _mapping(learner.get("objective"), "the objective")
    parameters = objective.get("softmax_multiclass_param")
    if parameters is not None and _number(_mapping(parameters, "the objective"), "num_class") != classes:
        raise Refused("it has an objective for another number of classes than it has")
    base = _mapping(learner["learner_model_param"], "the parameters").get("base_score")
    if not isinstance(base, str) or not _BASE.fullmatch(base):
        raise Refused(f"it has base_score={shown(base)}, which is not a number")
    if base.startswith("[") and base.count(",") + 1 not in (1, max(classes, targets)):
        raise Refused("it has a base_score for another number of classes than it has")


def read_json(data: bytes) -> Any:
    """JSON with every key once.

    Raises:
        Refused: it is none, or nests too deep.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Refused("it has a JSON object with a key twice")
        return found

    # Python needs a list or dict for each bracket, and a number or text for each comma.
    work.spend(_STEPS_A_BRACKET * (data.count(b"[") + data.count(b"{")) + data.count(b",") // 2)
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise Refused(f"it is not readable JSON ({str(error)[:80]})") from None


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Refused(f"{what} of XGBoost's is missing or of another shape")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise Refused(f"{what} of XGBoost's are missing or of another shape")
    return value


def _number(parameters: Mapping[str, Any], key: str) -> int:
    value = parameters.get(key)
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 12:
        raise Refused(f"it has {key}={shown(value)}, which is not a whole number")
    return int(value)


def _numbers(mapping: Mapping[str, Any], key: str) -> Sequence[float]:
    value = mapping.get(key)
    # From UBJSON these are arrays of one type already; JSON can hold anything.
    if isinstance(value, list):
        # XGBoost before 1.6 wrote switches as true and false.
        if not all(type(each) in (int, float, bool) for each in value):
            raise Refused(f"it has {key} that are not numbers")
    elif not isinstance(value, ubjson.TYPED):
        raise Refused(f"it has no {key}")
    return value


def _check_forest(model: Mapping[str, Any], features: int, groups: int) -> None:
    trees = _list(model.get("trees"), "the trees")
    groups_of = _numbers(model, "tree_info")
    declared = _number(_mapping(model.get("gbtree_model_param"), "the parameters"), "num_trees")
    if declared != len(trees) or len(groups_of) != len(trees):
        raise Refused("it has other trees than it counts")
    if any(not 0 <= group < groups for group in groups_of):
        raise Refused("it has a tree for a missing class")
    if "iteration_indptr" in model:
        rounds = _numbers(model, "iteration_indptr")
        rising = all(earlier <= later for earlier, later in pairwise(rounds))
        if not len(rounds) or rounds[0] != 0 or rounds[-1] != len(trees) or not rising:
            raise Refused("it has rounds that count other trees than there are")
    for place, tree in enumerate(trees):
        _check_tree(_mapping(tree, "a tree"), place, features)
    if "cats" in model:
        _check_levels(_mapping(model["cats"], "the categories"), features)


def _check_levels(cats: Mapping[str, Any], features: int) -> None:
    """The levels of category columns: texts as bytes with offsets into them, numbers as they are."""
    levels = _list(cats.get("enc"), "the categories")
    starts, order = _numbers(cats, "feature_segments"), _numbers(cats, "sorted_idx")
    if not levels:
        return
    if len(levels) != features or len(starts) != features + 1 or starts[0] != 0 or starts[-1] != len(order):
        raise Refused("it has categories for another number of features than it has")
    for place, each in enumerate(levels):
        level = _mapping(each, "the categories of a feature")
        values, count = _numbers(level, "values"), starts[place + 1] - starts[place]
        if "offsets" in level:
            offsets = _numbers(level, "offsets")
            rising = all(earlier <= later for earlier, later in pairwise(offsets))
            if len(offsets) and (offsets[0] != 0 or offsets[-1] != len(values) or not rising):
                raise Refused(f"feature {place} has categories whose texts lie outside what is there")
            found = max(len(offsets) - 1, 0)
        else:
            found = len(values)
        if found != count or any(not 0 <= at < count for at in order[int(starts[place]) : int(starts[place + 1])]):
            raise Refused(f"feature {place} has categories that do not fit together")


def xgboost_levels(data: bytes) -> list[tuple[list[Any], int | None] | None] | None:
    """The levels of each input's categories with the number of their type, None for texts; of a checked file.

    An input without levels has None. The whole is None where the file has no place for levels, as before XGBoost 3.1.
    """
    content = ubjson.read(data) if containers.is_ubjson(data) else read_json(data)
    booster = content["learner"]["gradient_booster"]
    cats = booster.get("gbtree", booster)["model"].get("cats")
    if cats is None:
        return None
    found: list[tuple[list[Any], int | None] | None] = []
    for level in cats["enc"]:
        values = level["values"]
        if "offsets" in level:
            texts = bytes(each & 0xFF for each in values)
            parts = [texts[start:stop].decode("utf-8") for start, stop in pairwise(level["offsets"])]
            found.append((parts, None) if parts else None)
        else:
            found.append((list(values), level["type"]) if len(values) else None)
    return found


def _check_tree(tree: Mapping[str, Any], place: int, features: int) -> None:
    count = _number(_mapping(tree.get("tree_param"), "the parameters of a tree"), "num_nodes")
    left, right, parents = (_numbers(tree, key) for key in ("left_children", "right_children", "parents"))
    splits = _numbers(tree, "split_indices")
    if not 1 <= count <= MOST_NODES or {len(left), len(right), len(parents), len(splits)} != {count}:
        raise Refused(f"tree {place} has other nodes than it counts")
    parameters = _mapping(tree["tree_param"], "the parameters of a tree")
    # Leaves of several numbers are read in another place than those of one.
    if int(_number(parameters, "size_leaf_vector")) > 1 or "leaf_weights" in tree:
        raise Refused(f"tree {place} has leaves of several numbers; train one model for each target")
    if "num_feature" in parameters and _number(parameters, "num_feature") not in (features, 0):
        raise Refused(f"tree {place} is for another number of features than the model has")
    if tree.get("id", place) != place:
        raise Refused(f"tree {place} says that it is another")
    for key in ("split_conditions", "base_weights", "default_left", "loss_changes", "sum_hessian", "split_type"):
        if (key in tree or key not in _SINCE_1_3) and len(_numbers(tree, key)) != count:
            raise Refused(f"tree {place} has too few or too many {key}")
    whole = (left, right, parents, splits, _numbers(tree, "split_type") if "split_type" in tree else ())
    if not all(isinstance(each, int) for numbers in whole for each in work.walked(numbers)):
        raise Refused(f"tree {place} has nodes that are not whole numbers")
    # Every node has one parent, and the root has none: so no walk goes in circles.
    if parents[0] != _NO_PARENT:
        raise Refused(f"tree {place} has a root below another node")
    for node in range(count):
        first, second = left[node], right[node]
        if first == -1 and second == -1:
            continue
        for child in (first, second):
            if not 0 < child < count or parents[int(child)] != node:
                raise Refused(f"tree {place} has a node that leads outside it, or in circles")
        if first == second or not 0 <= splits[node] < features:
            raise Refused(f"tree {place} splits by a missing feature")
    _check_categories(tree, place, count)


def _check_categories(tree: Mapping[str, Any], place: int, count: int) -> None:
    if "categories" not in tree:
        if any(tree.get("split_type", ())):
            raise Refused(f"tree {place} has missing categories")
        return
    keys = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
    values, nodes, starts, sizes = (_numbers(tree, key) for key in keys)
    if not len(nodes) == len(starts) == len(sizes):
        raise Refused(f"tree {place} has categories that do not fit together")
    for node, start, size in zip(nodes, starts, sizes, strict=True):
        if not 0 <= node < count or start < 0 or size < 0 or start + size > len(values):
            raise Refused(f"tree {place} has missing categories")
    if any(not 0 <= each < 1 << 24 for each in values):
        raise Refused(f"tree {place} has a category of an impossible number")
    kinds = _numbers(tree, "split_type") if "split_type" in tree else [0] * count
    if [node for node in range(count) if kinds[node] not in (0, 1)]:
        raise Refused(f"tree {place} splits in a way that XGBoost does not support")
    if [node for node in range(count) if kinds[node] == 1] != list(nodes):
        raise Refused(f"tree {place} has categories for other nodes than split by them")
