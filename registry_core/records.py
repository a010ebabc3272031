"""The records that cross the packages: a model version, a deployment, an event, a query, a plan.

Times are UTC text in ISO 8601 with microseconds (``2026-03-01T12:00:00.000000+00:00``): of one width, so that text
order is time order in every catalog.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

Row = dict[str, Any]
Status = Literal["registered", "rejected", "archived", "disqualified", "trashed", "purged"]
Artifact = Literal["trusted", "quarantined"]
Origin = Literal["pipeline", "upload"]

#: The metrics that the seed gives a field of their own; every other metric lives in ``ModelMetadata.metrics``.
METRIC_FIELDS = ("accuracy", "auc", "f1_score", "precision", "recall", "data_quality_score")

#: What may change after registration. It lives in the catalog, never in the sidecar file.
STATE_FIELDS = frozenset(
    {
        *("is_active", "is_best", "status", "status_reason", "artifact", "composite_score", "score_note"),
        *("measured", "measured_on", "ranked_on", "override_note", "pinned"),
    }
)


def utc_text(moment: datetime) -> str:
    """Write an aware datetime as the registry does; a naive one is taken as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True, init=False)
class ModelMetadata:
    """One registered model version.

    A metric that was not reported is None, never 0. ``composite_score`` is None when a weighted metric is missing;
    ``score_note`` then says which. ``metrics`` holds every further metric by name. ``extra`` keeps unknown keys of
    files written by an older or newer release, so that ``ModelMetadata(**json)`` loses nothing.

    ``metrics`` and the fields named like metrics are reported metrics, on ``evaluation_set``. ``measured`` are metrics
    that the registry evaluated on the benchmark ``measured_on``. ``ranked_on`` is the data behind the score.
    ``origin``: registered by a pipeline from Python, or an uploaded file. ``inspection`` is the static scan of the
    files at registration. ``override_note``: a person promoted the model although gates failed; the note is permanent.
    ``pinned``: protected from cleanup. ``reference`` is the distribution of training features and scores, for feature
    drift. ``signature`` are features and output, as ``Signature.from_dict`` reads them; empty if they were derived
    after the registration (see ``Registry.signature``). ``lineage`` is the origin of the model: script, git commit,
    Python and packages of the registering process, and the fingerprint of the training data if given.

    ``model_file_path`` and ``scaler_file_path`` are full paths (URLs for a bucket) in a record of a registry, and
    relative to the registry's folder in the metadata file. Sizes are in bytes.

    >>> ModelMetadata(model_id="a", model_name="A", model_type="T", accuracy=0.5, colour="red").extra
    {'colour': 'red'}
    """

    model_id: str
    model_name: str
    model_type: str
    training_timestamp: str = ""
    accuracy: float | None = None
    auc: float | None = None
    f1_score: float | None = None
    precision: float | None = None
    recall: float | None = None
    training_samples: int | None = None
    feature_names: list[str] = field(default_factory=list)
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    is_active: bool = False
    is_best: bool = False
    data_quality_score: float | None = None
    is_ensemble: bool = False
    model_file_path: str = ""
    scaler_file_path: str | None = None
    version: str = "1.0.0"
    metrics: dict[str, float] = field(default_factory=dict)
    evaluation_set: str | None = None
    task: Literal["classification", "regression"] | None = None
    classes: list[Any] = field(default_factory=list)
    training_info: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    tags: list[str] = field(default_factory=list)
    model_sha256: str = ""
    scaler_sha256: str | None = None
    model_bytes: int = 0
    scaler_bytes: int = 0
    libraries: dict[str, str] = field(default_factory=dict)
    registered_at: str = ""
    registered_by: str = ""
    composite_score: float | None = None
    score_note: str | None = None
    status: Status = "registered"
    status_reason: str = ""
    artifact: Artifact = "trusted"
    origin: Origin = "pipeline"
    inspection: dict[str, Any] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)
    measured_on: str | None = None
    ranked_on: str | None = None
    override_note: str = ""
    pinned: bool = False
    reference: dict[str, Any] = field(default_factory=dict)
    signature: dict[str, Any] = field(default_factory=dict)
    lineage: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)

    def __init__(self, *args: Any, **values: Any) -> None:
        if len(args) > len(_FIELDS):
            raise TypeError(f"ModelMetadata takes at most {len(_FIELDS)} values; {len(args)} are given")
        given = dict(zip(_FIELDS, args, strict=False))
        for name in given.keys() & values.keys():
            raise TypeError(f"ModelMetadata got {name!r} twice")
        given.update(values)
        for name in _NEEDED:
            if name not in given:
                raise TypeError(f"ModelMetadata needs {name!r}")
        # Not one by one through object.__setattr__: every list of versions makes thousands of these.
        own = self.__dict__
        own.update(_PLAIN_DEFAULTS)
        own.update((name, make()) for name, make in _MADE_DEFAULTS.items())
        unknown = given.keys() - own.keys() - {*_NEEDED}
        if unknown:
            further = {name: given.pop(name) for name in tuple(given) if name in unknown}
            given["extra"] = {**given.get("extra", {}), **further}
        own.update(given)

    @property
    def display_name(self) -> str:
        """The name in sentences: ``Churn 1.2.0``."""
        return f"{self.model_name} {self.version}"

    def all_metrics(self) -> dict[str, float]:
        """All reported metrics by name, including those with a field of their own."""
        named = {name: getattr(self, name) for name in METRIC_FIELDS}
        return {name: value for name, value in named.items() if value is not None} | self.metrics

    def having(self, **changes: Any) -> ModelMetadata:
        """A copy with changed values; seven times as fast as ``dataclasses.replace``."""
        return ModelMetadata(**{**self.__dict__, **changes})

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values; ``ModelMetadata(**d)`` gives an equal record."""
        values = {name: self.__dict__[name] for name in _FIELDS if name != "extra"}
        return values | self.extra

    def sidecar(self) -> dict[str, Any]:
        """The content of the metadata file: everything that never changes after registration."""
        return {name: value for name, value in self.to_dict().items() if name not in STATE_FIELDS}


_FIELDS = tuple(each.name for each in fields(ModelMetadata))
_PLAIN_DEFAULTS = {each.name: each.default for each in fields(ModelMetadata) if each.default is not MISSING}
_MADE_DEFAULTS: dict[str, Any] = {
    each.name: each.default_factory for each in fields(ModelMetadata) if each.default_factory is not MISSING
}
_NEEDED = tuple(name for name in _FIELDS if name not in _PLAIN_DEFAULTS and name not in _MADE_DEFAULTS)


@dataclass(frozen=True)
class Permission:
    """Whether an action is possible now.

    Attributes:
        allowed: whether the call would succeed now.
        reason: the reason against it and what to do: the text of the error the call would raise; empty when
            it is allowed.
        overridable: whether ``override=True`` with a reason makes the call succeed.
    """

    allowed: bool
    reason: str = ""
    overridable: bool = False


@dataclass(frozen=True)
class Deployment:
    """An interval during which a model was champion; ``ended_at`` is None for the present champion.

    ``undone``: the promotion was undone, so a rollback does not return to this model.
    """

    deployment_id: int
    model_name: str
    model_id: str
    started_at: str
    ended_at: str | None
    actor: str
    reason: str
    undone: bool = False


@dataclass(frozen=True)
class Event:
    """One change of state. ``hash`` is the SHA-256 of this event's content and the previous event's hash.

    ``principal`` identifies whoever signed in and acted, as ``Principal.text`` has it; it is empty where a local user
    acted, whose ``actor`` is their own word.
    """

    event_id: int
    at: str
    kind: str
    model_name: str | None
    model_id: str | None
    actor: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]
    hash: str
    principal: str = ""


@dataclass(frozen=True)
class Submission:
    """The validated and normalised metadata of a registration, without files and times."""

    model_name: str
    model_type: str
    metrics: Mapping[str, float]
    training_info: Mapping[str, Any]
    feature_names: tuple[str, ...] = ()
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None
    evaluation_set: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    training_timestamp: datetime | None = None
    training_samples: int | None = None
    is_ensemble: bool | None = None
    task: Literal["classification", "regression"] | None = None
    classes: tuple[Any, ...] = ()
    libraries: Mapping[str, str] = field(default_factory=dict)
    signature: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """Whether a new version becomes champion, with the reason.

    ``waits_for``: the benchmark on which the version is evaluated before the decision.
    """

    promote: bool
    because: str
    waits_for: str | None = None


@dataclass(frozen=True)
class InputChange:
    """The changes for callers when one model replaces another: features to send, classes returned.

    ``unknown``: what is not recorded for both models and therefore not compared: ``features``, ``classes``.
    """

    features_added: tuple[str, ...] = ()
    features_removed: tuple[str, ...] = ()
    features_reordered: bool = False
    classes_added: tuple[Any, ...] = ()
    classes_removed: tuple[Any, ...] = ()
    classes_reordered: bool = False
    task: tuple[str, str] | None = None
    unknown: tuple[str, ...] = ()
    sentence: str = ""

    @property
    def changes(self) -> bool:
        """Whether callers have to change anything, as far as known."""
        added = self.features_added or self.features_removed or self.classes_added or self.classes_removed
        return bool(added or self.features_reordered or self.classes_reordered or self.task)


@dataclass(frozen=True)
class RegistrationPlan:
    """The outcome of a registration, as shown before an upload.

    ``why_not_evaluated``: why the version cannot be evaluated on the active benchmark, as far as its features are
    known; empty where it can.
    """

    model_id: str
    version: str
    version_because: str
    composite_score: float | None
    score_note: str | None
    decision: Decision
    stem: str
    ordinal: int
    why_not_evaluated: str = ""


@dataclass(frozen=True)
class ModelQuery:
    """A query for one page of models: filters, order and offset.

    ``order_by`` is ``composite_score``, ``registered_at``, ``training_timestamp``, ``model_id``, ``version`` or the
    name of any metric; models that lack the metric come last, whatever the direction. ``where`` takes ``status``,
    ``artifact``, ``model_type``, ``evaluation_set``, ``registered_by`` (a value or a list of them), ``is_ensemble``,
    ``is_active``, ``eligible`` (a bool), ``registered_after`` (a time, without a zone in UTC) and ``search`` (text
    found in id, type, description or tags).
    """

    model_name: str | None = None
    order_by: str = "composite_score"
    descending: bool = True
    limit: int | None = None
    offset: int = 0
    where: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelNameSummary:
    """A summary of a model name: number of versions, champion and its start, versions awaiting review."""

    model_name: str
    versions: int
    quarantined: int
    last_registered_at: str
    champion: ModelMetadata | None
    deployment: Deployment | None
    best_model_id: str | None


@dataclass(frozen=True)
class ScoreTerm:
    """One weighted metric of a composite score: ``contribution = weight * value`` (negative when lower is better)."""

    metric: str
    weight: float
    value: float | None
    contribution: float | None
    lower_is_better: bool


@dataclass(frozen=True)
class Score:
    """A composite score and its breakdown. ``value`` is None when a weighted metric is missing; ``note`` says which.

    ``left_out``: weighted metrics that no evaluation gives, where the score is of evaluated metrics: the weights of the
    others are rescaled.
    """

    value: float | None
    terms: tuple[ScoreTerm, ...]
    ensemble_bonus: float
    note: str | None
    left_out: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """The omitted metrics, as a sentence; empty if none is omitted.

        >>> Score(0.9, (), 0.0, None, ("data_quality_score",)).rule
        'data_quality_score is left out: no evaluation gives it. The other weights are rescaled to the same sum.'
        """
        if not self.left_out:
            return ""
        verb, them = ("is", "it") if len(self.left_out) == 1 else ("are", "them")
        left_out = f"{', '.join(self.left_out)} {verb} left out: no evaluation gives {them}"
        return f"{left_out}. The other weights are rescaled to the same sum."

    def __iter__(self) -> Iterator[ScoreTerm]:
        return iter(self.terms)


@dataclass(frozen=True)
class RankingChange:
    """A version under previewed settings: present and new score and rank.

    A rank counts among the eligible versions ranked on the same data as the champion; None if there is none. The
    notes give the reason for a missing score.
    """

    model_id: str
    version: str
    rank_before: int | None
    rank_after: int | None
    score_before: float | None
    score_after: float | None
    note_before: str | None
    note_after: str | None


@dataclass(frozen=True)
class RankingPreview:
    """The ranking of a model name under previewed settings; nothing is changed.

    ``changes`` has every version by new rank, those without a rank last. The best are ids, as
    ``get_best_model_id`` returns them. The ``champion`` stays: a change of settings promotes no version.
    """

    model_name: str
    champion: str | None
    best_before: str | None
    best_after: str | None
    changes: tuple[RankingChange, ...]


@dataclass(frozen=True)
class MetricComparison:
    """One metric over several models, in their order; ``best`` is the index of the best value, None on a tie."""

    metric: str
    lower_is_better: bool
    values: tuple[float | None, ...]
    best: int | None


@dataclass(frozen=True)
class Comparison:
    """Several models side by side: all metrics, and differences of features and hyperparameters.

    ``comparable`` is False for models with different evaluation sets; ``note`` says so.
    """

    models: tuple[ModelMetadata, ...]
    metrics: tuple[MetricComparison, ...]
    differences: Mapping[str, tuple[Any, ...]]
    comparable: bool
    note: str
