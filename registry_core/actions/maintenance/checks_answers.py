"""Whether versions answer as they did where they were registered: what came of asking them, as findings."""

from __future__ import annotations

from collections.abc import Mapping

from ...rules import environments
from ...signature import AnswersCheck
from .checks import Findings, error, note


def findings(asked: Mapping[str, AnswersCheck]) -> Findings:
    """One finding for each version that does not answer here as it did, or of which that cannot be told."""
    for model_id, check in asked.items():
        if check.status in ("differs", "fails"):
            text = f"{model_id} does not return the predictions recorded at its registration: {check.because}"
            yield error("answers", model_id, text, environments.REMEDY)
        elif check.status == "unchecked":
            yield note("answers", model_id, f"the predictions of {model_id} were not checked: {check.because}")
