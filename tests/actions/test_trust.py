"""Names that somebody trusts: a file is quarantined for them, and free afterwards."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper

from registry_core import ArtifactQuarantined, InvalidConfiguration, Registry
from registry_core.cli import main
from tests.artifacts.inspection import natives
from tests.elsewhere import another_user

METADATA = {"model_name": "Churn", "model_type": "Graph"}
OPERATORS = ("com.microsoft.Gelu", "com.microsoft.operators")


def onnx_file() -> io.BytesIO:
    """A graph of one input whose only operator ONNX Runtime has, and the ONNX standard does not."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in "xy")
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    graph = helper.make_graph([node], "g", [x], [y])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return io.BytesIO(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def test_operators_of_onnx_runtime_are_trusted_by_name(registry: Registry) -> None:
    model_id = registry.upload(onnx_file(), metadata=METADATA)
    assert registry.get_metadata(model_id).artifact == "quarantined"
    assert {each.sentence for each in registry.unknown_classes(model_id)} == {
        f"{name} is an operator of ONNX Runtime, outside the ONNX standard; no code comes with the file"
        for name in OPERATORS
    }
    with pytest.raises(ArtifactQuarantined, match="then trust the imports"):
        registry.load_model(model_id)
    assert registry.trust(model_id, reason="part of the runtime") == OPERATORS
    model, _, known = registry.load_model(model_id)
    assert known.artifact == "trusted"
    assert model.predict(np.array([[3.0]])) == pytest.approx([2.996], abs=1e-3)


def test_the_command_trusts_them_too(registry_folder: Path) -> None:
    with Registry(registry_folder) as registry:
        model_id = registry.upload(onnx_file(), metadata=METADATA)
    words = ["trust", model_id, "--reason", "part of the runtime", "--yes", "--registry", str(registry_folder)]
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, f"{model_id} is trusted now" in done.stdout) == (0, True), done.stderr


def test_operators_that_no_runtime_has_are_exported_anew(registry: Registry) -> None:
    parts = ((1, b"x"), (2, b"y"), (4, b"Shell"), (7, b"com.example"))
    own = natives.onnx_model(node=b"".join(natives.field(*part) for part in parts))
    model_id = registry.upload(io.BytesIO(own), metadata=METADATA)
    told = r"no operators of the domain 'com\.example', so the model runs nowhere; export it with standard operators"
    with pytest.raises(InvalidConfiguration, match=told):
        registry.trust(model_id, reason="read")
    assert registry.get_metadata(model_id).artifact == "quarantined"


def test_operators_trusted_elsewhere_are_shown_and_accepted(tmp_path: Path) -> None:
    with another_user(tmp_path / "theirs"), Registry(tmp_path / "registry") as registry:
        model_id = registry.upload(onnx_file(), metadata=METADATA)
        registry.trust(model_id, reason="part of the runtime")
    with Registry(tmp_path / "registry") as registry:
        found = registry.foreign_decisions()
        assert ({each.name for each in found.classes}, found.never) == ({*OPERATORS}, {})
        with pytest.raises(ArtifactQuarantined):
            registry.load_model(model_id)
        registry.accept_foreign(found, reason="ours by now")
        assert registry.load_model(model_id)[2].artifact == "trusted"
