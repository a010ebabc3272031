"""Whether the list of trusted names covers what scikit-learn writes: ``python -m benchmarks.allowed``.

Fits the pipelines of ``benchmarks.pipelines`` under whichever scikit-learn is installed, saves each with every pickle
protocol from 2 on and with joblib (plain and zlib), looks into the files and loads the trusted ones through the wall.
Printed is every file that is not trusted, with the names that are not on the list. Run it with each new scikit-learn.
"""

from __future__ import annotations

import io
import pickle
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import joblib
import sklearn

from registry_core.artifacts import formats
from registry_core.artifacts.inspection import inspect

from .pipelines import fitted


def written(model: Any) -> Iterator[tuple[str, bytes]]:
    """A model in the ways that people save one."""
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        yield f"pickle {protocol}", pickle.dumps(model, protocol)
    for compress in (0, ("zlib", 3)):
        buffer = io.BytesIO()
        joblib.dump(model, buffer, compress=compress)
        yield "joblib, zlib" if compress else "joblib", buffer.getvalue()


def problems(name: str, model: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What is wrong with a model's files: in words, and the names that are not on the list."""
    for way, data in written(model):
        found = inspect(data, f"{name} ({way})")
        if found.verdict != "trusted":
            yield found.because, found.unknown
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = formats.load(data, name)
        if type(again) is not type(model):
            yield f"{name} ({way}) comes back as a {type(again).__name__}", ()


def main() -> int:
    """Print what is missing; the exit code is 1 when anything is."""
    begun, count = time.perf_counter(), 0
    missing: Counter[str] = Counter()
    for name, model in fitted():
        count += 1
        wrong = list(problems(name, model))
        for sentence, unknown in wrong[:1]:
            print(f"  {sentence:.300}" + (f" ... in {len(wrong)} ways of saving" if len(wrong) > 1 else ""))
            missing.update(unknown or ("(refused)",))
    print(f"scikit-learn {sklearn.__version__}: {count} pipelines, {time.perf_counter() - begun:.0f} s, ", end="")
    print("every file trusted and loaded" if not missing else f"not on the list: {dict(missing)}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
