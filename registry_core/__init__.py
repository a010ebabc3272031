"""Model Registry: keeps trained models, ranks them, puts the best into production, and takes it back when it fails.

from registry_core import Registry

registry = Registry("model_registry")
model_id = registry.register_model(model, scaler, model_name="Churn", model_type="RandomForest", ...)
model, scaler, metadata = registry.load_best_model("Churn")
"""

from __future__ import annotations

from .config import Configuration, GatePolicy, Policy
from .errors import (
    ArtifactAltered,
    ArtifactError,
    ArtifactMissing,
    ArtifactQuarantined,
    ArtifactUnloadable,
    CatalogBusy,
    ChampionChanged,
    Conflict,
    GatesFailed,
    InvalidConfiguration,
    InvalidInput,
    InvalidMetric,
    InvalidName,
    InvalidVersion,
    ModelNotFound,
    NoModelAvailable,
    NotEligible,
    RegistryError,
    SandboxFailure,
    SandboxIncomplete,
    StateConflict,
    StorageError,
    VersionTaken,
)
from .evidence import (
    Benchmark,
    Confusion,
    Curve,
    Difference,
    Disagreements,
    Evaluation,
    Gate,
    GateReport,
    Inspection,
    Measured,
    Paired,
    Review,
)
from .records import (
    Comparison,
    Decision,
    Deployment,
    Event,
    MetricComparison,
    ModelMetadata,
    ModelNameSummary,
    ModelQuery,
    RegistrationPlan,
    Score,
    ScoreTerm,
)
from .registry import Registry

__version__ = "0.1.0"

__all__ = [
    "ArtifactAltered",
    "ArtifactError",
    "ArtifactMissing",
    "ArtifactQuarantined",
    "ArtifactUnloadable",
    "Benchmark",
    "CatalogBusy",
    "ChampionChanged",
    "Comparison",
    "Configuration",
    "Conflict",
    "Confusion",
    "Curve",
    "Decision",
    "Deployment",
    "Difference",
    "Disagreements",
    "Evaluation",
    "Event",
    "Gate",
    "GatePolicy",
    "GateReport",
    "GatesFailed",
    "Inspection",
    "InvalidConfiguration",
    "InvalidInput",
    "InvalidMetric",
    "InvalidName",
    "InvalidVersion",
    "Measured",
    "MetricComparison",
    "ModelMetadata",
    "ModelNameSummary",
    "ModelNotFound",
    "ModelQuery",
    "NoModelAvailable",
    "NotEligible",
    "Paired",
    "Policy",
    "RegistrationPlan",
    "Registry",
    "RegistryError",
    "Review",
    "SandboxFailure",
    "SandboxIncomplete",
    "Score",
    "ScoreTerm",
    "StateConflict",
    "StorageError",
    "VersionTaken",
    "__version__",
]
