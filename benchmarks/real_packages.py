"""Packages on PyPI that ship trained models, and how their files are read: without installing or importing any of it.

A wheel is a zip: its members are read into memory, never extracted by the names they carry. Source archives are not
asked for, since pip runs a source package's own code before it hands the archive over.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import IO

#: What model files are usually called.
ENDINGS = (
    *(".joblib", ".pkl", ".pickle", ".pck", ".sav", ".skops", ".onnx", ".ubj", ".lgbm"),
    *(".pkl.gz", ".pickle.gz", ".joblib.gz", ".onnx.gz"),
)
MOST_BYTES, MOST_MEMBERS = 600_000_000, 50_000


@dataclass(frozen=True)
class Package:
    """A pinned package.

    Attributes:
        only: patterns of the files to try; all that are called like models where it is empty.
        scalers: the file of a scaler or vectorizer for a model's file.
    """

    name: str
    version: str
    only: tuple[str, ...] = ()
    scalers: Mapping[str, str] = field(default_factory=dict)

    @property
    def requirement(self) -> str:
        """As pip takes it."""
        return f"{self.name}=={self.version}"


_DATA = "profanity_check/data"
PACKAGES = (
    Package("alt-profanity-check", "1.9.1", scalers={f"{_DATA}/model.joblib": f"{_DATA}/vectorizer.joblib"}),
    Package(
        "bleepy-profanity-check",
        "0.1.9",
        scalers={
            f"{_DATA}/model.joblib": f"{_DATA}/vectorizer.joblib",
            f"{_DATA}/tagalog_model.joblib": f"{_DATA}/tagalog_vectorizer.joblib",
        },
    ),
    Package("profanity-check", "1.0.3", scalers={f"{_DATA}/model.joblib": f"{_DATA}/vectorizer.joblib"}),
    Package("hatesonar", "0.1.0"),
    Package("toxinpred3", "1.4"),
    Package("toxinpred2", "1.1", only=("*/RF_model.onnx.zip!*",)),
    Package("hmni", "0.1.8", only=("*/latin.tar.gz!*.pkl",)),
    Package("moralstrength", "0.2.13", only=("*_care_lr.pck", "*/ngram.pck", "*/lexicons_*.pck")),
    Package("rs3", "0.0.18"),
    Package("yasa", "0.8.1", only=("*/clf_eeg_lgb_*.joblib", "*/clf_eeg+eog+emg+demo_lgb_*.joblib")),
    Package("dysgu", "1.9.0"),
    Package("eukrep", "0.6.7", only=("*/linsvm_160_4mer_1.0.pickle", "*/linsvm_160_5mer_1.1.pickle")),
    Package("phageboost", "0.1.7", only=("*.pickled.silent.gz",)),
    Package("plasclass", "0.1", only=("*/data/m1000",), scalers={"plasclass/data/m1000": "plasclass/data/s1000"}),
    Package(
        "vitabel",
        "0.1.1",
        scalers={"vitabel/assets/circ-classification_model.joblib": "vitabel/assets/circ-classification_scaler.joblib"},
    ),
    Package(
        "katakasar-machine",
        "0.8",
        scalers={"katakasar_machine/model.pkl": "katakasar_machine/tfidf_vectorizer.pkl"},
    ),
    Package(
        "sentiment-new-package",
        "0.1.11",
        scalers={"sentiment_analysis/Logistic_model.pkl": "sentiment_analysis/vectorizer.pkl"},
    ),
    Package("insurance-predictor", "0.1", only=("*/data/model.json",)),
    Package(
        "xgb-rhomut",
        "1.3.0",
        scalers={
            f"xgbrhomut/models/{model}.sav": f"xgbrhomut/models/{model}_scaler.sav"
            for model in ("R_xgb", "R_xgb_collapse", "ro_2_xgb", "ro_3_xgb_collapse")
        },
    ),
    Package("scikit-digital-health", "0.17.18", only=("skdh/context/model/*.lgbm", "*/ambulation_model.txt")),
    Package("macrel", "1.6.1"),
    Package("credsweeper", "1.19.5"),
    Package("magika", "1.0.3"),
    Package("mne-icalabel", "0.10.0"),
    Package("nudenet", "3.4.2"),
)


@dataclass(frozen=True)
class Model:
    """A model's file with its scaler's, as bytes, and how each is called in its archive."""

    package: Package
    file: str
    data: bytes
    scaler_file: str = ""
    scaler: bytes | None = None


class Unavailable(Exception):
    """A package that cannot be downloaded or read here; the text says why."""


def download(package: Package, folder: Path) -> Path:
    """The wheel of a package in a folder, fetched with pip where it is not there yet.

    Raises:
        Unavailable: pip has none, or cannot reach its index.
    """
    stem = f"{package.name.replace('-', '_')}-{package.version}-"
    present = [path for path in folder.glob("*.whl") if path.name.lower().startswith(stem.lower())]
    if not present:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary=:all:", "--ignore-requires-python", "--dest", str(folder), package.requirement]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        except subprocess.TimeoutExpired as error:
            raise Unavailable("pip took more than ten minutes") from error
        if done.returncode:
            words = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise Unavailable(words[-1][:200] if words else f"pip ended with {done.returncode}")
        present = [path for path in folder.glob("*.whl") if path.name.lower().startswith(stem.lower())]
    if not present:
        raise Unavailable("pip reported no error and left no wheel")
    return present[0]


def models_in(package: Package, wheel: Path) -> Iterator[Model]:
    """The models of a wheel with their scalers.

    Raises:
        Unavailable: it is no wheel, or a member is missing or too large.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [info.filename for info in archive.infolist()[:MOST_MEMBERS] if not info.is_dir()]
            nested = {pattern.partition("!")[0] for pattern in package.only if "!" in pattern}
            held = {name: None for name in names} | {
                f"{name}!{inner}": data
                for name in names
                if any(fnmatch(name, pattern) for pattern in nested)
                for inner, data in _inner(name, _read(archive, name))
            }
            scalers = {*package.scalers.values()}
            chosen = [name for name in held if name not in scalers and _is_model(package, name)]
            for name in sorted(chosen):
                data = held[name]
                scaler = package.scalers.get(name, "")
                yield Model(
                    package,
                    name,
                    unpacked(name, _read(archive, name) if data is None else data),
                    scaler,
                    _read(archive, scaler) if scaler else None,
                )
    except (zipfile.BadZipFile, tarfile.TarError, KeyError, OSError) as error:
        raise Unavailable(f"{wheel.name} cannot be read ({error})") from error


def unpacked(name: str, data: bytes) -> bytes:
    """What a user of the package would hand in: ONNX files come compressed in some, pickles are taken as they are."""
    if not name.endswith(".onnx.gz"):
        return data
    with gzip.open(io.BytesIO(data)) as file:
        return _bounded(file, name)


def _is_model(package: Package, name: str) -> bool:
    if package.only:
        return any(fnmatch(name, pattern) for pattern in package.only)
    return name.endswith(ENDINGS)


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        return _bounded(file, name)


def _bounded(file: IO[bytes] | gzip.GzipFile, name: str) -> bytes:
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Unavailable(f"{name} has more than {MOST_BYTES:,} bytes")
    return data


def _inner(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of an archive within the wheel."""
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist()[:MOST_MEMBERS]:
                if not info.is_dir():
                    yield info.filename, _read(archive, info.filename)
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            if file is not None:
                yield member.name, _bounded(file, member.name)
