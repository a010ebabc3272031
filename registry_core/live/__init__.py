"""The records of live traffic: predictions and outcomes, experiments and their reports, health, alerts.

Shares are fractions of the traffic (0.05 is 5%); metrics are in their own units; times are UTC text as in ``records``.
"""

from __future__ import annotations

from .checks import Coverage, Drift, Estimate, Guardrail, SampleRatio
from .comparison import ArmTraffic, ChallengerReport, EffectPoint, ExperimentReport, SliceComparison
from .effect import Effect
from .health import (
    DetectorState,
    FrozenBaseline,
    HealthReport,
    PastRollback,
    SliceState,
    StandbyComparison,
    ThresholdCheck,
)
from .records import (
    Alert,
    Answer,
    Arm,
    Experiment,
    LivePerformance,
    Mode,
    Notification,
    RecordedOutcomes,
    Role,
    Window,
)

__all__ = [
    "Alert",
    "Answer",
    "Arm",
    "ArmTraffic",
    "ChallengerReport",
    "Coverage",
    "DetectorState",
    "Drift",
    "Effect",
    "EffectPoint",
    "Estimate",
    "Experiment",
    "ExperimentReport",
    "FrozenBaseline",
    "Guardrail",
    "HealthReport",
    "LivePerformance",
    "Mode",
    "Notification",
    "PastRollback",
    "RecordedOutcomes",
    "Role",
    "SampleRatio",
    "SliceComparison",
    "SliceState",
    "StandbyComparison",
    "ThresholdCheck",
    "Window",
]
