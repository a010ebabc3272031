"""The program of the child: it raises the walls, reports, and then opens uploads and lets them predict."""

from __future__ import annotations

import errno
import json
import os
import sys
import sysconfig
import time
import warnings
from importlib.machinery import PathFinder
from statistics import median
from typing import Any

from ...errors import ArtifactError, InvalidInput
from ...signature import ExampleAnswers
from .. import asking, examples, formats
from . import features as inputs
from . import forkserver, frames, walls

_LIBRARIES = ("numpy", "scipy", "pandas", "pyarrow", "sklearn", "joblib", "xgboost", "lightgbm", "skops")
# Shared objects a library may still ask for, the names of time zones, and its own memory map, by which scikit-learn
# finds the thread pools it limits.
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/usr/share/zoneinfo", "/proc/self/maps"),
)
_REASON_LENGTH = 400
_TIMED_ROWS, _TIMED_SECONDS = 50, 0.5

_FORBIDDEN = {
    "socket.": "tried to open a network connection, which is not allowed",
    "os.fork": "tried to start another process, which is not allowed",
    "os.exec": "tried to start another program, which is not allowed",
    "os.posix_spawn": "tried to start another program, which is not allowed",
    "os.system": "tried to start another program, which is not allowed",
    "subprocess.": "tried to start another program, which is not allowed",
    "os.kill": "tried to send a signal to another process, which is not allowed",
}
_attempts: list[str] = []


def main(idle_seconds: float) -> None:
    """Fork a child for every request that comes in at standard input; end after so many seconds without any."""
    forkserver.serve(_child, idle_seconds)


def _child(setup: dict[str, Any]) -> None:
    """Answer messages at standard input until it is closed; answers leave where standard output was."""
    answers = os.dup(1)
    os.dup2(2, 1)
    unenforced = walls.raise_all(_readable(setup["modules"]), **setup["limits"])
    sys.addaudithook(_notice)
    frames.send(answers, frames.pack({"unenforced": unenforced}))
    while (message := frames.receive(0)) is not None:
        frames.send(answers, _answered(*message))


def _readable(modules: list[str]) -> list[str]:
    """Where Python, the libraries and these modules lie; looked up by name, nothing is imported."""
    # Beside the standard library lie the shared objects of this Python.
    places = [*_SYSTEM, *(os.path.dirname(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))]
    places += [entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")]
    for name in (*_LIBRARIES, *modules, __name__.partition(".")[0]):
        found = PathFinder.find_spec(name, sys.path)
        if found is None:
            continue
        folders = list(found.submodule_search_locations or ())
        places += folders or [str(found.origin)]
        if name in _LIBRARIES:
            # What a library needs lies beside it; beside a module of the user lies what is the user's.
            places += [os.path.dirname(folder) for folder in folders]
    return sorted(set(places))


def _notice(event: str, _: Any) -> None:
    for beginning, words in _FORBIDDEN.items():
        if event.startswith(beginning):
            _attempts[:] = [words]


def _answered(header: dict[str, Any], blocks: list[bytes]) -> list[bytes]:
    _attempts.clear()
    try:
        with warnings.catch_warnings():
            # Standard error is for what explains a failure, and names were dropped on purpose.
            warnings.simplefilter("ignore")
            return _proved(blocks, header) if header["verb"] == "prove" else _predicted(blocks, header)
    except MemoryError:
        return frames.pack({"failed": "memory"})
    except BaseException as error:
        return frames.pack({"failed": _in_words(error)[:_REASON_LENGTH]})


def _in_words(error: BaseException) -> str:
    cause: BaseException | None = error
    for _ in range(10):
        if isinstance(cause, OSError) and cause.errno in (errno.EPERM, errno.EACCES):
            if _attempts:
                return _attempts[0]
            if cause.filename is not None:
                return f"tried to open {cause.filename!r}, which is not allowed"
        cause = cause and (cause.__cause__ or cause.__context__)
    if isinstance(error, ArtifactError):
        return f"could not be opened: {_first_line(error)}"
    if isinstance(error, InvalidInput):
        return f"cannot answer: {error}"
    tried = f"{_attempts[0]}, and " if _attempts else ""
    return f"{tried}raised {type(error).__name__}: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    """What went wrong; libraries put a trace of their own below it."""
    return next(iter(str(error).strip().splitlines()), "")


def _predicted(blocks: list[bytes], header: dict[str, Any]) -> list[bytes]:
    table = inputs.read(blocks.pop(0))
    model, scaler = _opened(blocks, header)
    if header["form"] == "text":
        table = table.iloc[:, 0].to_numpy(dtype=object)
    elif header["form"] == "plain" and hasattr(table, "iloc"):
        # Of versions that were registered before signatures were, only the object says whether it knows names.
        knows = getattr(model if scaler is None else scaler, "feature_names_in_", None) is not None
        table = table if knows else table.to_numpy()
    rows = asking.scaled(model, scaler, table)
    kind, predicted = _plain(model.predict(rows))
    columns, probabilities = _probabilities(model, rows)
    found = {
        "kind": kind,
        "columns": columns,
        "classes": list(asking.classes_of(model)),
        "row_microseconds": _row_microseconds(
            table, lambda row: model.predict(asking.scaled(model, scaler, row)), header["timed"]
        ),
    }
    return frames.pack(found, predicted, probabilities)


def _proved(blocks: list[bytes], header: dict[str, Any]) -> list[bytes]:
    """What the model takes and gives, example rows, and its answers to them: twice, each time newly opened."""
    given = json.loads(blocks.pop(0))
    names, classes = header["names"], header["classes"]
    model, scaler = _opened(blocks, header)
    asking.check_model(model, scaler)

    def ask(rows: Any) -> ExampleAnswers:
        return asking.answers_of(model, scaler, rows)

    rows = None if given is None else examples.unpack(given)
    try:
        rows, source, answers, because = asking.example_rows(model, scaler, rows, names, ask)
    except Exception:
        if given is None or not header["or_made"]:
            raise
        rows, source, answers, because = asking.example_rows(model, scaler, None, names, ask)
    signature = asking.signature_of(model, scaler, rows, answers, names, classes)
    fitted = None if rows is None else examples.fitting(rows)
    document = None
    again = None
    if fitted is not None:
        rows, document = fitted
        answers = ask(rows)
        model, scaler = _opened(blocks, header)
        again = examples.pack_answers(asking.answers_of(model, scaler, rows))
    elif rows is not None:
        because = f"a single row takes more than {examples.MOST_FOR_ONE:,} characters, so none is kept"
    found = {
        "signature": signature.to_dict(),
        "rows_from": source if document is not None else "none",
        "rows": document,
        "answers": None if document is None or answers is None else examples.pack_answers(answers),
        "again": again,
        "because": because,
    }
    return frames.pack({}, json.dumps(found).encode())


def _opened(blocks: list[bytes], header: dict[str, Any]) -> tuple[Any, Any]:
    """The model and its scaler, whose bytes stay as they are."""
    also = header["also"]
    scaler = formats.load(blocks[1], "its scaler", also=also) if len(blocks) > 1 else None
    return asking.labelled(formats.load(blocks[0], "its file", also=also), header["classes"]), scaler


def _plain(values: Any) -> tuple[str, bytes]:
    import numpy

    array = numpy.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array.ravel()
    if array.ndim != 1:
        raise ValueError(f"predictions of the shape {array.shape}; one value a row is expected")
    if array.dtype.kind in "iu":
        if (array.astype("<i8") != array).any():
            raise ValueError("predictions are integers of more than 63 bits; smaller ones or texts are expected")
        return "integers", array.astype("<i8").tobytes()
    if array.dtype.kind == "f":
        return "numbers", array.astype("<f8").tobytes()
    if array.dtype.kind == "b":
        return "booleans", array.tobytes()
    texts = array.tolist()
    strange = next((value for value in texts if not isinstance(value, str)), None)
    if strange is not None:
        raise TypeError(f"predictions are {type(strange).__name__} objects; numbers or texts are expected")
    return "texts", json.dumps(texts).encode()


def _probabilities(model: Any, rows: Any) -> tuple[int | None, bytes]:
    found = asking.probabilities_of(model, rows, int(rows.shape[0]))
    return (None, b"") if found is None else (found.shape[1], found.astype("<f8").tobytes())


def _row_microseconds(table: Any, predict: Any, timed: bool) -> float:
    """The median time of predicting one row alone, scaling included; 0 where nobody asked for it."""
    if not timed:
        return 0.0
    taken: list[int] = []
    begun = time.perf_counter()
    while not taken or (len(taken) < _TIMED_ROWS and time.perf_counter() - begun < _TIMED_SECONDS):
        at = len(taken) % len(table)
        row = getattr(table, "iloc", table)[at : at + 1]
        start = time.perf_counter_ns()
        predict(row)
        taken.append(time.perf_counter_ns() - start)
    return median(taken) / 1000
