"""LightGBM's text files, accepted in the one form that LightGBM itself writes.

Its reader has ideas of its own: a carriage return ends a line, ``0_1`` is nought, trees may follow the end, and of two
lines the last one counts. So nothing is looked for but what ``GBDT::SaveModelToString`` and ``Tree::ToString`` put out:
the same sections in the same order, every number in the digits of ASCII, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from . import work
from .boosters import MOST_NODES, read_json
from .refused import Refused
from .values import Booster

# What Python or LightGBM would take for the end of a line or for a space, beside those two themselves.
_ODD = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\xa0\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u3000\ufeff]")
_WHOLE = r"(?:0|-?[1-9][0-9]{0,11})"
_REAL = r"(?:-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:e[+-][0-9]{1,3})?|-?inf|-?nan)"
_WHOLES = re.compile(rf"(?:{_WHOLE}(?: {_WHOLE})*+)?", re.ASCII)
_REALS = re.compile(rf"(?:{_REAL}(?: {_REAL})*+)?", re.ASCII)
_OBJECTIVE = re.compile(r"[a-z_0-9]+(?: [a-z_]+(?::[0-9a-z.+-]+)?)*", re.ASCII)
_VERSION = re.compile(r"v[0-9]", re.ASCII)
# Of a file: each line, and whether every file has it.
_HEAD = {
    "version": True,
    "num_class": True,
    "num_tree_per_iteration": True,
    "label_index": True,
    "max_feature_idx": True,
    "objective": False,
    "average_output": False,
    "feature_names": True,
    "monotone_constraints": False,
    "feature_infos": True,
    "tree_sizes": True,
}
# Of a tree: each line, what is in it, and how many: leaves, inner nodes, one, or what its check counts.
_TREE = {
    "num_leaves": (_WHOLES, "one"),
    "num_cat": (_WHOLES, "one"),
    "split_feature": (_WHOLES, "nodes"),
    "split_gain": (_REALS, "nodes"),
    "threshold": (_REALS, "nodes"),
    "decision_type": (_WHOLES, "nodes"),
    "left_child": (_WHOLES, "nodes"),
    "right_child": (_WHOLES, "nodes"),
    "leaf_value": (_REALS, "leaves"),
    "leaf_weight": (_REALS, "leaves"),
    "leaf_count": (_WHOLES, "leaves"),
    "internal_value": (_REALS, "nodes"),
    "internal_weight": (_REALS, "nodes"),
    "internal_count": (_WHOLES, "nodes"),
    "cat_boundaries": (_WHOLES, "any"),
    "cat_threshold": (_WHOLES, "any"),
    "is_linear": (_WHOLES, "one"),
    "leaf_const": (_REALS, "leaves"),
    "num_features": (_WHOLES, "leaves"),
    "leaf_features": (_WHOLES, "any"),
    "leaf_coeff": (_REALS, "any"),
    "shrinkage": (_REALS, "one"),
}
_MAY_MISS = {"leaf_weight", "leaf_count", "internal_value", "internal_weight", "internal_count", "split_gain"}
_MAY_MISS |= {"cat_boundaries", "cat_threshold", "is_linear", "shrinkage"}
_MAY_MISS |= {"leaf_const", "num_features", "leaf_features", "leaf_coeff"}
_TAIL = re.compile(
    r"end of trees\n"
    r"\nfeature_importances:\n(?:[^\n=]+(?:=[^\n=]*)*=[0-9.e+-]{1,40}\n)*"
    r"(?:\nparameters:\n(?:\[[a-z_0-9]+: [^\n]*\]\n)*\nend of parameters\n)?"
    r"(?:\npandas_categorical:([^\n]*)\n?)?\n?"
)
_LARGEST_DECISION = 11  # a category or not, which way without a value, and three ways in which it may be missing
_CLASSES_ALWAYS = 1000


def check(text: str) -> Booster:
    """Walk a model of LightGBM's in its text form.

    Raises:
        Refused: it is truncated, not as LightGBM writes it, or an index or a size in it leads outside what is there.
    """
    if odd := _ODD.search(text):
        raise Refused(f"it has the character {odd[0]!r}, which LightGBM does not write")
    head, found, _ = text.partition("\n\n")
    if not head.startswith("tree\n") or not found:
        raise Refused("it is not a text model of LightGBM's, or truncated")
    fields = _fields(head.removeprefix("tree\n"), _HEAD)
    features, names, sizes = _check_head(fields)
    # The sizes are in bytes, and the loader jumps by them.
    body = text[len(head) + 2 :].encode("utf-8")
    at = 0
    for place, size in enumerate(sizes):
        block = body[at : at + size].decode("utf-8", "replace")
        start = f"Tree={place}\n"
        if size <= 0 or not block.startswith(start) or not block.endswith("\n\n\n") or "\n\n" in block[:-3]:
            raise Refused(f"tree {place} is not where its size says")
        _check_tree(block[len(start) : -3], place, features)
        at += size
    _check_tail(body[at:].decode("utf-8", "replace"))
    # What LightGBM calls the columns of an array, which has no names.
    counted = names == [f"Column_{place}" for place in range(features)]
    return Booster("lightgbm", None, features, () if counted else tuple(names))


def _fields(block: str, known: Mapping[str, object]) -> dict[str, str]:
    """The lines of a section, in the order in which LightGBM writes them."""
    found: dict[str, str] = {}
    left = iter(known)
    for line in block.split("\n"):
        key, _, value = line.partition("=")
        # Each line comes after the one before it in the known order, so none comes twice.
        if key not in known or not any(each == key for each in left):
            raise Refused(f"it has the line {key[:40]!r} where LightGBM writes none")
        found[key] = value
    return found


def _check_head(fields: dict[str, str]) -> tuple[int, list[str], list[int]]:
    """How many features there are, their names, and the bytes of each tree."""
    if missing := [key for key, always in _HEAD.items() if always and key not in fields]:
        raise Refused(f"it has no line {missing[0]}")
    if not _VERSION.fullmatch(fields["version"]) or fields.get("average_output", ""):
        raise Refused("it was written by an unknown LightGBM")
    features = _whole(fields, "max_feature_idx") + 1
    _whole(fields, "label_index")
    names = work.walked(fields["feature_names"].split(" "))
    infos = fields["feature_infos"].split(" ")
    sizes = _wholes(fields, "tree_sizes")
    classes, per_round = _whole(fields, "num_class"), _whole(fields, "num_tree_per_iteration")
    # The loader reserves a column of the answer for each class, whether there are trees for it or not.
    if classes != per_round or not 1 <= classes <= max(_CLASSES_ALWAYS, len(sizes)):
        raise Refused("it has impossible numbers of trees or classes")
    if len(names) != features or len(infos) != features or not all(names):
        raise Refused("it has names for another number of features than it counts")
    if "monotone_constraints" in fields and len(_wholes(fields, "monotone_constraints")) != features:
        raise Refused("it has names for another number of features than it counts")
    if len(sizes) % per_round:
        raise Refused("it has other trees than its rounds need")
    objective = fields.get("objective", "regression")
    if not _OBJECTIVE.fullmatch(objective):
        raise Refused("it has an objective that LightGBM does not write")
    # It turns so many numbers of each row into probabilities, in a place for as many as there are classes.
    counts = [part.partition(":")[2] for part in objective.split(" ") if part.startswith("num_class")]
    if counts not in ([], [str(classes)]) or (objective.startswith("multiclass") and not counts):
        raise Refused("it has an objective for another number of classes than it has")
    return features, names, sizes


def _check_tail(tail: str) -> None:
    found = _TAIL.fullmatch(tail)
    if found is None:
        raise Refused("it has other trees than it counts, is truncated, or goes on after its end")
    if found[1]:
        levels = read_json(found[1].encode("utf-8"))
        if levels is not None and not (isinstance(levels, list) and all(isinstance(each, list) for each in levels)):
            raise Refused("it has categories of pandas' that are none")


def _whole(fields: Mapping[str, str], key: str) -> int:
    numbers = _wholes(fields, key)
    if len(numbers) != 1:
        raise Refused(f"it has {key}={fields.get(key, '')[:40]!r}, which is not a whole number")
    return numbers[0]


def _wholes(fields: Mapping[str, str], key: str) -> list[int]:
    value = fields.get(key, "")
    work.spend(value.count(" "))
    if not _WHOLES.fullmatch(value):
        raise Refused(f"it has {key}={value[:40]!r}, which are not whole numbers")
    return [int(each) for each in value.split(" ")] if value else []


def _check_tree(block: str, place: int, features: int) -> None:
    tree = _fields(block, _TREE)
    if missing := [key for key in _TREE if key not in tree and key not in _MAY_MISS]:
        raise Refused(f"tree {place} has no line {missing[0]}")
    leaves, categorical = _whole(tree, "num_leaves"), _whole(tree, "num_cat")
    if not 1 <= leaves <= MOST_NODES or not 0 <= categorical < leaves:
        raise Refused(f"tree {place} has an impossible number of leaves")
    counts = {"leaves": (leaves,), "nodes": (leaves - 1,), "one": (1,)}
    # Of a tree that is one leaf, LightGBM leaves out what says nothing.
    for key in _MAY_MISS if leaves > 1 else (*_MAY_MISS, *(key for key in _TREE if _TREE[key][1] == "nodes")):
        counts[key] = (0,)
    for key, value in tree.items():
        kind, many = _TREE[key]
        if key in ("leaf_features", "leaf_coeff"):
            # Groups of them, each followed by a space of its own.
            value = tree[key] = " ".join(filter(None, value.split(" ")))
        if not kind.fullmatch(value):
            raise Refused(f"tree {place} has {key} that are not numbers as LightGBM writes them")
        count = value.count(" ") + 1 if value else 0
        work.spend(count)
        if many != "any" and count not in (*counts[many], *counts.get(key, ())):
            raise Refused(f"tree {place} has other nodes or leaves than it counts")
    if tree.get("is_linear", "0") != "0":
        _check_linear(tree, place, leaves, features)
    if leaves > 1:
        _check_nodes(tree, place, leaves, features, categorical)


def _check_nodes(tree: Mapping[str, str], place: int, leaves: int, features: int, categorical: int) -> None:
    inner = leaves - 1
    left, right, splits = (_wholes(tree, key) for key in ("left_child", "right_child", "split_feature"))
    kinds, thresholds = _wholes(tree, "decision_type"), tree["threshold"].split(" ")
    reached: set[int] = set()
    for node in range(inner):
        for child in (left[node], right[node]):
            # A leaf is written as the complement of its number; an inner node comes after its parent.
            if not (node < child < inner or -leaves <= child < 0):
                raise Refused(f"tree {place} has a node that leads outside it, or in circles")
            reached.add(child)
        if not 0 <= splits[node] < features:
            raise Refused(f"tree {place} splits by a missing feature")
        if not 0 <= kinds[node] <= _LARGEST_DECISION:
            raise Refused(f"tree {place} decides in a way that LightGBM does not support")
    if len(reached) != inner + leaves - 1:
        raise Refused(f"tree {place} has a node that two others lead to")
    _check_bitsets(tree, place, categorical, kinds, thresholds)


def _check_bitsets(
    tree: Mapping[str, str], place: int, categorical: int, kinds: list[int], thresholds: list[str]
) -> None:
    bounds, words = _wholes(tree, "cat_boundaries"), _wholes(tree, "cat_threshold")
    if categorical:
        rising = all(earlier <= later for earlier, later in pairwise(bounds))
        if len(bounds) != categorical + 1 or bounds[0] != 0 or not rising:
            raise Refused(f"tree {place} has categories that do not fit together")
        if bounds[-1] != len(words):
            raise Refused(f"tree {place} has missing categories")
    elif bounds or words:
        raise Refused(f"tree {place} has categories that do not fit together")
    if any(not 0 <= word < 1 << 32 for word in words):
        raise Refused(f"tree {place} has categories that do not fit together")
    for kind, threshold in zip(kinds, thresholds, strict=True):
        if kind & 1 and not (threshold.isdigit() and int(threshold) < categorical):
            raise Refused(f"tree {place} asks for missing categories")


def _check_linear(tree: Mapping[str, str], place: int, leaves: int, features: int) -> None:
    counts, used = _wholes(tree, "num_features"), _wholes(tree, "leaf_features")
    coefficients = tree.get("leaf_coeff", "").split()
    if len(counts) != leaves or "leaf_const" not in tree or any(count < 0 for count in counts):
        raise Refused(f"tree {place} has linear leaves that do not fit together")
    if sum(counts) != len(used) or len(used) != len(coefficients) or any(not 0 <= each < features for each in used):
        raise Refused(f"tree {place} has linear leaves for missing features")
