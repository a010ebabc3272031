"""Good files with bytes changed, cut out or put in: inspected without an error, and nothing resolved unreported."""

import io
import pickle
from functools import cache
from typing import Any

import joblib.numpy_pickle
import numpy as np
import pytest
import skops.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from registry_core.artifacts.inspection import inspect, is_joblib, unpacked
from registry_core.artifacts.inspection.names import canonical
from registry_core.artifacts.inspection.values import Refused
from registry_core.evidence import Inspection

from . import good, natives

Edit = tuple[str, float, bytes]
KEPT = {"numpy.dtype": np.dtype, "numpy.ndarray": np.ndarray}
KEPT["joblib.numpy_pickle.NumpyArrayWrapper"] = joblib.numpy_pickle.NumpyArrayWrapper


class Stub:
    """Stands in for whatever a file names: takes every call, state, item and key, and does nothing."""

    def __new__(cls, *arguments: Any, **keywords: Any) -> "Stub":
        return object.__new__(cls)

    def __init__(self, *arguments: Any, **keywords: Any) -> None: ...
    def __setstate__(self, state: Any) -> None: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def append(self, value: Any) -> None: ...
    def extend(self, values: Any) -> None: ...


@cache
def sources() -> list[bytes]:
    """Good files of every kind that is read."""
    models = good.good_models()
    picked = (
        "logistic regression",
        "forest",
        "words",
        "nearest neighbours",
        "powers by a partial",
        "columns",
        "histogram boosting of categories",
    )
    found = [
        data
        for name in picked
        for way, data in good.pickled(models[name])
        if way.endswith((" 0", " 2", " 5", "joblib"))
    ]
    found += [data for way, data in good.pickled(models["support vectors"]) if way.startswith("joblib, ")]
    found += [data for _, data in good.pickled(models["LightGBM classifier"])]
    found += [data for _, data in good.pickled(models["XGBoost classifier"])]
    found += [skops.io.dumps(models["decision tree"]), natives.onnx_model(), natives.lightgbm_text()]
    return [*found, natives.xgboost_json(), natives.xgboost_ubjson(), pickle.dumps(LogisticRegression())]


def mutant(data: bytes, edits: list[Edit]) -> bytes:
    """The file after some edits: each (what, where as a share of its length, bytes)."""
    for what, where, content in edits:
        at = int(where * len(data))
        end = at if what == "insert" else at + len(content)
        data = data[:at] + (b"" if what == "cut" else content) + data[end:]
    return data


def resolved(data: bytes) -> set[str]:
    """What unpickling asks for by name, with a stand-in for all of it."""
    asked: set[str] = set()
    content = unpacked(data)
    protocol = content[1] if content[0] == 0x80 else 0

    def find(module: str, name: str) -> Any:
        asked.add(canonical(module, name, protocol))
        return KEPT.get(f"{module}.{name}", Stub)

    class Plain(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            return find(module, name)

    class Joblib(joblib.numpy_pickle.NumpyUnpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            return find(module, name)

    reader: Any = (
        Joblib("", io.BytesIO(content), ensure_native_byte_order=False)
        if is_joblib(content) or content is not data
        else Plain(io.BytesIO(content))
    )
    try:
        reader.load()
    except Exception:
        # The stand-ins do not behave like the real things; what was asked for until then counts.
        return asked
    return asked


def check(data: bytes) -> Inspection:
    """The property, for one file."""
    found = inspect(data, "a mutant")
    assert found.verdict in ("trusted", "quarantined", "refused")
    assert bool(found.unknown) or found.verdict != "quarantined"
    if found.verdict != "refused" and found.format.startswith(("pickle", "joblib")):
        reported = set(found.names)
        assert resolved(data) <= reported
    return found


def hold(count: int) -> None:
    """The property for ``count`` mutants; raise it for a long run."""
    edit = st.tuples(
        st.sampled_from(["change", "insert", "cut"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=6),
    )

    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(st.integers(0, len(sources()) - 1), st.lists(edit, min_size=1, max_size=3))
    def holds(which: int, edits: list[Edit]) -> None:
        check(mutant(sources()[which], edits))

    holds()


def test_mutants_are_inspected_without_an_error_and_report_what_they_resolve() -> None:
    hold(400)


def test_unchanged_files_resolve_exactly_what_is_reported() -> None:
    for data in sources():
        found = check(data)
        assert found.verdict == "trusted"
        if found.format == "pickle":
            assert resolved(data) == set(found.names)


def test_a_file_of_nothing_but_noise_is_refused() -> None:
    random = np.random.RandomState(0)
    for _ in range(200):
        assert check(random.bytes(200)).verdict == "refused"


def test_a_damaged_stream_is_refused_before_anything_is_unpacked() -> None:
    for head in (b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b"\x5d\x00\x00", b"\x04\x22\x4d\x18", b"\x78\x9c"):
        assert check(head + bytes(100)).verdict == "refused"
        with pytest.raises(Refused, match=r"damaged|cut off|goes on"):
            unpacked(head + bytes(100))
