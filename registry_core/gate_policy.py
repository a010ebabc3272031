"""The promotion gates as the settings have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .settings import documented, setting

_MOST = 10_000_000


@documented
@dataclass(frozen=True)
class GatePolicy:
    """The promotion gates. The defaults require a trusted file and the same features.

    ``lower_is_better`` lists further metrics for which lower is better.
    """

    minimum_metrics: Mapping[str, float] = setting(
        {},
        "Minimum metrics (maximum if minimized)",
        "Metric -> its lowest allowed value, or the highest for a metric where lower is better. The registry checks "
        "its own evaluation; a metric without an evaluation is checked as reported.",
        "bounds", empty="none",
    )  # fmt: skip
    primary_metric: str | None = setting(
        None,
        "Primary metric",
        "The metric in which versions are compared with the champion. If empty, the first metric of the comparison.",
        "name", optional=True, empty="the first metric of the comparison",
    )  # fmt: skip
    not_worse_than_champion: float | None = setting(
        None,
        "Non-inferiority margin",
        "The largest loss in the primary metric against the champion, in units of the metric, at the unfavourable end "
        "of the 95% interval of the paired difference. 0 requires evidence that the version is not worse. If empty, "
        "not checked.",
        "number", unit="of the metric", step=0.005, optional=True, empty="not checked",
    )  # fmt: skip
    slice_floors: Mapping[str, float] = setting(
        {},
        "Minimum metrics in every slice",
        "Metric -> its lowest allowed value (highest, where lower is better) in every slice with at least "
        "``slice_rows`` rows.",
        "bounds", empty="none",
    )  # fmt: skip
    slice_rows: int = setting(
        30,
        "Minimum slice size",
        "Slices with fewer rows are not checked: their metrics are mostly noise.",
        "whole", unit="rows", low=1, high=_MOST,
    )  # fmt: skip
    fairness_gaps: Mapping[str, float] = setting(
        {},
        "Maximum fairness gaps",
        "Rate -> its largest allowed difference between two groups of a protected column of the active benchmark. "
        "Rates of fewer than ``slice_rows`` rows are ignored.",
        "bounds", empty="none", example='{"selection_rate": 0.1}',
        choices={
            "selection_rate": "Selection rate", "true_positive_rate": "True positive rate",
            "false_positive_rate": "False positive rate", "accuracy": "Accuracy",
        },
    )  # fmt: skip
    outcome_value_margin: float | None = setting(
        None,
        "Outcome value margin",
        "The largest loss of value per 1,000 rows against the champion, each at its best threshold, at the "
        "unfavourable end of the 95% interval. The values are those of ``outcome_values``. If empty, not checked.",
        "number", unit="per 1,000 rows", high=1e12, step=10.0, optional=True, empty="not checked",
    )  # fmt: skip
    same_inputs: bool = setting(
        True,
        "Same features and classes as the champion",
        "Require the champion's features (name, order and type), task and classes, so that callers need no change. "
        "The gate fails if the features of a version are not recorded.",
        "switch",
    )  # fmt: skip
    row_microseconds: float | None = setting(
        None,
        "Maximum latency",
        "The largest allowed median prediction time per row.",
        "number", unit="µs per row", high=1e12, step=10.0, optional=True, empty="not checked",
    )  # fmt: skip
    minimum_data_quality: float | None = setting(
        None,
        "Minimum data quality",
        "The lowest reported ``data_quality_score``.",
        "number", unit="0 to 1", high=1, step=0.01, optional=True, empty="not checked",
    )  # fmt: skip
    required_metadata: tuple[str, ...] = setting(
        (),
        "Required fields",
        "Fields of the version that must not be empty; other names refer to ``training_info``.",
        "names", empty="none", example="description",
    )  # fmt: skip
    required_card: tuple[str, ...] = setting(
        (),
        "Required model card fields",
        "Fields of the model card that people must have written for the version or its model name.",
        "names", empty="none",
        choices={"purpose": "purpose", "limits": "limits", "owner": "owner", "risk_tier": "risk tier"},
    )  # fmt: skip
    approval: bool = setting(
        False,
        "Independent approval",
        "Require an approval by another person than the one who registered the version, and no open rejection.",
        "switch",
    )  # fmt: skip
    required_approvals: int = setting(
        1,
        "Number of approvals",
        "How many people have to approve, where independent approval is required.",
        "whole", unit="people", low=1, high=20,
    )  # fmt: skip
    approvers: tuple[str, ...] = setting(
        (),
        "Approvers",
        "Names of the people whose approvals count. If empty, those of everybody who may approve.",
        "names", empty="everybody",
    )  # fmt: skip
    benchmark_required: bool = setting(
        False,
        "Evaluation required",
        "Require an evaluation of the version on the active benchmark.",
        "switch",
    )  # fmt: skip
    unchecked_answers: bool = setting(
        False,
        "Allow models without example rows",
        "Allow versions without example rows: their predictions cannot be checked against those at registration.",
        "switch",
    )  # fmt: skip
    library_versions: Literal["warn", "block"] = setting(
        "warn",
        "Different library versions",
        "``warn`` shows library versions that differ from those at registration; ``block`` also fails the gate if "
        "their major or minor version differs.",
        "choice", choices={"warn": "warn", "block": "block"},
    )  # fmt: skip
    lower_is_better: tuple[str, ...] = ()
