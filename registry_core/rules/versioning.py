"""Which version comes next, and why."""

from __future__ import annotations

from ..records import ModelMetadata, Submission
from ..version import FIRST, Version


def next_version(latest: ModelMetadata | None, new: Submission) -> tuple[Version, str]:
    """The version after the highest one of a model name, and the reason in words.

    MAJOR when the inputs or the classes change, MINOR when the recipe does, PATCH when it was only retrained. Inputs or
    classes that one side does not know are not taken for a change.
    """
    if latest is None:
        return FIRST, "the first of its name"
    highest = Version.parse(latest.version)
    if new.feature_names and latest.feature_names and list(new.feature_names) != latest.feature_names:
        return highest.bump("major"), f"its inputs differ from {latest.version}"
    if new.classes and latest.classes and list(new.classes) != latest.classes:
        return highest.bump("major"), f"it answers other classes than {latest.version}"
    if new.model_type != latest.model_type:
        return highest.bump("minor"), f"{new.model_type} instead of {latest.model_type} in {latest.version}"
    if dict(new.hyperparameters) != latest.hyperparameters:
        return highest.bump("minor"), f"other hyperparameters than {latest.version}"
    return highest.bump("patch"), f"the recipe of {latest.version}, trained again"
