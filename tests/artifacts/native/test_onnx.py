"""ONNX files: labels and probabilities out of the graph, inputs of every type, and what is refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import BooleanTensorType, DoubleTensorType, Int64TensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from registry_core.artifacts import formats, native
from registry_core.artifacts.inspection import inspect
from registry_core.errors import ArtifactUnloadable
from registry_core.signature import Feature

OPSETS = {"": 18, "ai.onnx.ml": 3}
CHANCE = np.random.default_rng(5)
TABLE = CHANCE.normal(size=(90, 3)).astype(np.float32)
STARS = np.digitize(TABLE[:, 0], [-0.4, 0.4]) + 1
LABELS = {"numbers": STARS, "texts": np.array(["low", "mid", "top"])[STARS - 1], "two": np.where(STARS > 1, 1, -1)}


def onnxed(model: Any, **how: Any) -> Any:
    """The model as the registry loads its file."""
    given = {"initial_types": how.pop("types")} if "types" in how else {"X": TABLE[:1]}
    proto = to_onnx(model, target_opset=OPSETS, **given, **how)
    data: bytes = proto.SerializeToString()
    assert inspect(data).verdict == "trusted"
    return formats.load(data, "winner.onnx")


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        RandomForestClassifier(3, n_jobs=1, random_state=0),
        GaussianNB(),
        KNeighborsClassifier(),
        StackingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], cv=2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_labels_are_the_graphs_own(model: Any, zipmap: bool, labels: str) -> None:
    model.fit(TABLE, LABELS[labels])
    loaded = onnxed(model, options={id(model): {"zipmap": zipmap}})
    assert isinstance(loaded, native.Classifier)
    assert loaded.classes_.tolist() == model.classes_.tolist()
    assert (loaded.predict(TABLE) == model.predict(TABLE)).all()
    assert np.allclose(loaded.predict_proba(TABLE), model.predict_proba(TABLE), atol=1e-5)
    assert (loaded.predict(pd.DataFrame(TABLE)) == loaded.predict(TABLE)).all()
    assert loaded.with_classes(model.classes_.tolist()) is loaded
    with pytest.raises(ValueError, match="but the file has"):
        loaded.with_classes([f"class {place}" for place in range(len(model.classes_))])


def test_scores_are_no_probabilities() -> None:
    model = LinearSVC().fit(TABLE, STARS)
    loaded = onnxed(model)
    assert type(loaded) is native.Labels
    assert np.array_equal(loaded.predict(TABLE), model.predict(TABLE))
    clusters = KMeans(3, n_init=1, random_state=0).fit(TABLE)
    loaded = onnxed(clusters)
    assert type(loaded) is native.Predictor
    assert np.array_equal(loaded.predict(TABLE), clusters.predict(TABLE))


def test_numbers_are_answered_one_a_row() -> None:
    model = Ridge().fit(TABLE, TABLE[:, 0])
    loaded = onnxed(model)
    assert np.allclose(loaded.predict(TABLE), model.predict(TABLE), atol=1e-5)
    assert loaded.n_features_in_ == 3
    assert not hasattr(loaded, "feature_names_in_")
    with pytest.raises(ValueError, match=r"the shape \(90, 2\); give rows of 3 features"):
        loaded.predict(TABLE[:, :2])
    with pytest.raises(ArtifactUnloadable, match="returns 2 numbers per row; only one number or a label"):
        onnxed(Ridge().fit(TABLE, TABLE[:, :2]))


@pytest.fixture(scope="module")
def columns() -> Any:
    """A model with an input for each column, each of another type."""
    frame = pd.DataFrame(
        {
            "my age": TABLE[:, 0].astype(float),
            "visits": (TABLE[:, 1] * 5).astype(np.int64),
            "member": TABLE[:, 2] > 0,
            "city": CHANCE.choice(["Oslo", "Rome"], len(TABLE)),
        }
    )
    encoder = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression(max_iter=1000)).fit(frame, LABELS["texts"])
    types = [
        ("my age", DoubleTensorType([None, 1])),
        ("visits", Int64TensorType([None, 1])),
        ("member", BooleanTensorType([None, 1])),
        ("city", StringTensorType([None, 1])),
    ]
    return frame, model, onnx_of(frame, types)


def onnx_of(frame: Any, types: Any) -> Any:
    """A graph that answers the age of whom the sum of all else is not zero: an input of each type is used."""
    kinds = {"DoubleTensorType": TensorProto.DOUBLE, "Int64TensorType": TensorProto.INT64}
    kinds |= {"BooleanTensorType": TensorProto.BOOL, "StringTensorType": TensorProto.STRING}
    inputs = [helper.make_tensor_value_info(name, kinds[type(kind).__name__], [None, 1]) for name, kind in types]
    nodes = [
        helper.make_node(
            "LabelEncoder",
            ["city"],
            ["place"],
            domain="ai.onnx.ml",
            keys_strings=["Oslo", "Rome"],
            values_floats=[1.0, 2.0],
        ),
        helper.make_node("Cast", ["place"], ["place_number"], to=TensorProto.DOUBLE),
        helper.make_node("Cast", ["visits"], ["visits_number"], to=TensorProto.DOUBLE),
        helper.make_node("Cast", ["member"], ["member_number"], to=TensorProto.DOUBLE),
        helper.make_node("Sum", ["my age", "place_number", "visits_number", "member_number"], ["sum"]),
    ]
    output = helper.make_tensor_value_info("sum", TensorProto.DOUBLE, [None, 1])
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    graph = helper.make_graph(nodes, "sum", inputs, [output])
    return formats.load(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString(), "sum.onnx")


def test_inputs_by_name_are_columns_each_of_its_type(columns: Any) -> None:
    frame, _, loaded = columns
    expected = frame["my age"] + frame["visits"] + frame["member"] + frame["city"].map({"Oslo": 1.0, "Rome": 2.0})
    assert loaded.features_ == (
        Feature("my age", "number"),
        Feature("visits", "number"),
        Feature("member", "boolean"),
        Feature("city", "text"),
    )
    assert loaded.feature_names_in_.tolist() == list(frame)
    for rows in (
        frame,
        frame[["city", "visits", "my age", "member"]],
        frame.assign(city=pd.Categorical(frame["city"])),
    ):
        assert np.allclose(loaded.predict(rows), expected)
    assert np.allclose(loaded.predict(frame.to_numpy(dtype=object)), expected)
    assert np.allclose(loaded.predict(frame.to_numpy(dtype=object).tolist()), expected)
    for column, value, message in (
        ("city", None, "'city' holds a missing value, where the model takes texts"),
        ("city", 3, "'city' holds 3, where the model takes texts"),
        ("visits", None, "'visits' has a missing value, where the model takes whole numbers"),
        ("visits", 1.5, r"'visits' holds 1\.5, not a whole number"),
        ("my age", "old", "'my age' holds texts or other objects, where the model takes numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            loaded.predict(frame.assign(**{column: pd.Series([value] * len(frame), dtype=object)}))
    with pytest.raises(ValueError, match="'member' is missing; the model takes 'my age', 'visits'"):
        loaded.predict(frame.drop(columns="member"))


def test_probabilities_in_another_order_than_the_labels_are_refused() -> None:
    model = LogisticRegression(C=1000, max_iter=1000).fit(TABLE, LABELS["texts"])
    proto = to_onnx(model, TABLE[:1], options={id(model): {"zipmap": False}}, target_opset=OPSETS)
    node = next(each for each in proto.graph.node if each.op_type == "LinearClassifier")
    # The labels are picked by another node, from a list in another order.
    for old, new in (("label", "first"),):
        node.output[list(node.output).index(old)] = new
    shares = next(each.name for each in proto.graph.output if each.name != "label")
    picked: list[Any] = [b"top", b"low", b"mid"]
    proto.graph.initializer.append(helper.make_tensor("picked", TensorProto.STRING, [3], picked))
    proto.graph.node.append(helper.make_node("ArgMax", [shares], ["best"], axis=1, keepdims=0))
    proto.graph.node.append(
        helper.make_node("ArrayFeatureExtractor", ["picked", "best"], ["wide"], domain="ai.onnx.ml")
    )
    proto.graph.node.append(helper.make_node("Flatten", ["wide"], ["flat"]))
    proto.graph.initializer.append(helper.make_tensor("all", TensorProto.INT64, [1], [-1]))
    proto.graph.node.append(helper.make_node("Reshape", ["flat", "all"], ["label"]))
    loaded = formats.load(proto.SerializeToString(), "winner.onnx")
    # Whatever stands in the list, the labels are those that the graph answers, and the columns go with them.
    assert loaded.classes_.tolist() == ["top", "low", "mid"]
    shuffled = np.array(["top", "low", "mid"])[model.predict_proba(TABLE).argmax(axis=1)]
    assert (loaded.predict(TABLE) == shuffled).all()
    assert np.allclose(loaded.predict_proba(TABLE), model.predict_proba(TABLE), atol=1e-5)
    # A graph whose label output has nothing to do with its probabilities.
    broken = to_onnx(model, TABLE[:1], options={id(model): {"zipmap": False}}, target_opset=OPSETS)
    node = next(each for each in broken.graph.node if each.op_type == "LinearClassifier")
    labels = next(each for each in node.attribute if each.name == "classlabels_strings")
    loaded = formats.load(broken.SerializeToString(), "winner.onnx")
    loaded._engine.classes = loaded._engine.classes[::-1]
    with pytest.raises(ValueError, match="in different orders"):
        loaded.predict_proba(TABLE)
    assert labels.strings[0] == b"low"


def test_a_graph_that_takes_pictures_is_refused() -> None:
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3, 8, 8])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3, 8, 8])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [picture], [answer])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert isinstance(model, onnx.ModelProto)
    with pytest.raises(ArtifactUnloadable, match=r"input 'x' is a .* of 4 dimensions, not a table"):
        formats.load(model.SerializeToString(), "winner.onnx")
