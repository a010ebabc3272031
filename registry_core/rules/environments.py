"""Library versions: those a model was registered with, compared with those that are installed."""

from __future__ import annotations

from collections.abc import Mapping

from .sentences import listed

#: What to do about a model whose predictions or library versions differ from those at its registration.
REMEDY = (
    "install the library versions the model was registered with, or train and register the model again with the "
    "installed ones"
)


def differing(registered: Mapping[str, str], here: Mapping[str, str]) -> dict[str, tuple[str, str | None]]:
    """Each library of another version, with both; None where it is not installed here.

    Python counts by its first two numbers: its releases of one minor version read each other's files.
    """
    found = {}
    for name, version in registered.items():
        if " " in name:
            # A producer that a file names, such as "onnx producer", is no library.
            continue
        present = here.get(name)
        if present is None or _compared(name, present) != _compared(name, version):
            found[name] = (version, present)
    return found


def minor_differs(registered: Mapping[str, str], here: Mapping[str, str]) -> bool:
    """Whether a library is missing, or of another major or minor version: their formats and defaults may change."""
    return any(
        present is None or version.split(".")[:2] != present.split(".")[:2]
        for version, present in differing(registered, here).values()
    )


def in_words(registered: Mapping[str, str], here: Mapping[str, str]) -> str:
    """What differs, such as ``registered with scikit-learn 1.6.1, here 1.9.1``; empty where nothing does."""
    found = differing(registered, here)
    there = {name: pair for name, pair in found.items() if pair[1] is not None}
    gone = [f"{name} {version}" for name, (version, present) in found.items() if present is None]
    parts = []
    if there:
        before = listed([f"{name} {version}" for name, (version, _) in there.items()])
        parts.append(f"registered with {before}, here {listed([str(present) for _, present in there.values()])}")
    if gone:
        parts.append(
            f"registered with {listed(gone)}, {'which is' if len(gone) == 1 else 'which are'} not installed here"
        )
    return "; ".join(parts)


def _compared(name: str, version: str) -> str:
    return ".".join(version.split(".")[:2]) if name == "python" else version
