"""The artifacts of an MLflow model: where they lie now, and which of them is the model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ..errors import ArtifactAltered, InvalidInput
from . import regular

_MOST_MLMODEL = 10_000_000
#: The flavour's key that names its file, the distribution it was written with, and the key of that one's version.
_FLAVOURS = {
    "sklearn": ("pickled_model", "scikit-learn", "sklearn_version"),
    "xgboost": ("data", "xgboost", "xgb_version"),
    "lightgbm": ("data", "lightgbm", "lgb_version"),
    "onnx": ("data", "onnx", "onnx_version"),
}


class MlflowModel(NamedTuple):
    """A model's file and what ``MLmodel`` says of it."""

    data: bytes
    file: str
    flavour: str
    libraries: dict[str, str]
    signature: Any
    mlflow_version: str


def find(places: Iterable[str], database: Path, artifacts: Path | None) -> Path:
    """The folder with ``MLmodel``: where MLflow wrote it, or where it was moved to.

    Moved artifacts are found by the end of their old path, below ``artifacts``, or beside the database.

    Raises:
        InvalidInput: it is nowhere; the message says what to do.
    """
    known = [each for each in places if not each.startswith(("models:", "runs:"))]
    beside = [database.parent, database.parent / "mlruns", database.parent / "mlartifacts"]
    roots = beside if artifacts is None else [artifacts]
    for place in known:
        address = urlsplit(place)
        path = unquote(address.path) if address.scheme else place
        if artifacts is None and address.scheme in ("", "file"):
            here = Path(os.path.join(database.parent, path))
            if _is_plain(here, "MLmodel"):
                return here
        parts = PurePosixPath(path).parts
        for root in roots:
            # At least a run or model and the folder of its artifacts, or another's would be taken for it.
            for start in range(len(parts) - 1):
                tail = [part for part in parts[start:] if part != "/"]
                if len(tail) > 1 and ".." not in tail and _is_plain(root, "/".join((*tail, "MLmodel"))):
                    return root.joinpath(*tail)
    if not known:
        raise InvalidInput("MLflow has no location of its artifacts; register that version in MLflow again")
    where = known[0]
    scheme = urlsplit(where).scheme
    if scheme not in ("", "file", "mlflow-artifacts"):
        raise InvalidInput(
            f"its artifacts are at {where!r:.300}: copy them to this machine, and give their folder with artifacts"
        )
    raise InvalidInput(f"its artifacts are not at {where!r:.300}: give their present folder with artifacts")


def _is_plain(root: Path, key: str) -> bool:
    """Whether a plain file lies below a folder, and no link leads to it."""
    try:
        os.close(regular.opened(str(root), key, _MOST_MLMODEL))
    except (OSError, ValueError, ArtifactAltered):
        return False
    return True


def read(folder: Path) -> MlflowModel:
    """The model in a folder.

    Raises:
        InvalidInput: ``MLmodel`` cannot be read, or names no file of a kind that the registry knows.
    """
    described = _described(folder / "MLmodel")
    flavours = described.get("flavors")
    known = flavours if isinstance(flavours, Mapping) else {}
    flavour = next((each for each in _FLAVOURS if isinstance(known.get(each), Mapping)), None)
    if flavour is None:
        named = ", ".join(str(each) for each in known if each != "python_function") or "code of its own"
        raise InvalidInput(f"its flavour is {named:.80}; supported are sklearn, xgboost, lightgbm and onnx")
    field, library, version = _FLAVOURS[flavour]
    about = known[flavour]
    name = about.get(field)
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"its MLmodel does not name the file of its {flavour} model")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise InvalidInput(f"its MLmodel names the file {name!r:.160}, which lies outside its folder")
    try:
        data = regular.read(str(folder), str(path))
    except (OSError, ValueError, ArtifactAltered) as error:
        raise InvalidInput(f"its file {name!r:.160} cannot be read ({error})") from error
    function = known.get("python_function")
    python = function.get("python_version") if isinstance(function, Mapping) else None
    libraries = {"python": python, library: about.get(version)}
    return MlflowModel(
        data, path.name, flavour, {key: value for key, value in libraries.items() if isinstance(value, str)},
        described.get("signature"), str(described.get("mlflow_version") or ""),
    )  # fmt: skip


def _described(path: Path) -> Mapping[str, Any]:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise InvalidInput(
            "MLflow's models are described in YAML: pip install 'model-registry-dashboard[mlflow-import]'"
        ) from error
    try:
        described = yaml.safe_load(regular.read(str(path.parent), path.name, _MOST_MLMODEL))
    except (OSError, ValueError, RecursionError, ArtifactAltered, yaml.YAMLError) as error:
        raise InvalidInput(f"{path} cannot be read ({error!s:.200})") from error
    if not isinstance(described, Mapping):
        raise InvalidInput(f"{path} does not describe a model")
    return described
