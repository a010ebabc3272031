"""Ids and versions: what an id is made of, which version comes next, and why."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..records import ModelMetadata, Submission
from ..version import FIRST, Bump, Version

_NUMBERED = re.compile(r"(.*_\d{8}_\d{6})_([2-9]|[1-9]\d{1,8})", re.ASCII)


def model_id(stem: str, ordinal: int) -> str:
    """The id of the n-th version with one name, type and second."""
    return stem if ordinal == 1 else f"{stem}_{ordinal}"


def stem_of(model_id: str) -> tuple[str, int]:
    """The name, type and second in an id, and its number among those that share them."""
    match = _NUMBERED.fullmatch(model_id)
    return (match[1], int(match[2])) if match else (model_id, 1)


def next_version(
    latest: ModelMetadata | None, new: Submission, taken: Callable[[Version], bool]
) -> tuple[Version, str]:
    """The first free version after the highest trusted one of a model name, and the reason in words.

    MAJOR when the inputs or the classes change, MINOR when the recipe does, PATCH when it was only retrained. Inputs or
    classes that one side does not know are not taken for a change.
    """
    part: Bump = "patch"
    if latest is None:
        version, because = FIRST, "the first version of the model name"
    else:
        part, because = _change(latest, new)
        version = Version.parse(latest.version).bump(part)
    while taken(version):
        version = version.bump(part)
    return version, because


def _change(latest: ModelMetadata, new: Submission) -> tuple[Bump, str]:
    if new.feature_names and latest.feature_names and list(new.feature_names) != latest.feature_names:
        return "major", f"its features differ from {latest.version}"
    if new.classes and latest.classes and list(new.classes) != latest.classes:
        return "major", f"its classes differ from {latest.version}"
    if new.model_type != latest.model_type:
        return "minor", f"{new.model_type} instead of {latest.model_type} in {latest.version}"
    if dict(new.hyperparameters) != latest.hyperparameters:
        return "minor", f"other hyperparameters than {latest.version}"
    return "patch", f"retrained with the settings of {latest.version}"
