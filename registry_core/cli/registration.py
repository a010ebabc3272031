"""The command that registers a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from registry_core import AnswersCheck, InvalidInput, ModelMetadata, Registry

from .arguments import as_number, as_value, assignments, json_object, names
from .console import Session, Stopped, main, shared
from .models import waits_for_approval
from .options import model_name_option, options_of
from .output import visible


@main.command()
@click.argument("model_file", type=click.Path(exists=True, dir_okay=False))
@click.option("--scaler", type=click.Path(exists=True, dir_okay=False), help="File of the feature scaler.")
@click.option(
    "--metadata",
    "document",
    type=click.Path(exists=True, dir_okay=False),
    help="JSON file with metadata. Options take precedence.",
)
@model_name_option("Model name, such as Churn.")
@click.option("--type", "model_type", help="Model type, such as RandomForest.")
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME=VALUE", help="Metric, such as accuracy=0.91; repeatable."
)
@click.option("--training-samples", type=int, help="Number of training rows.")
@click.option("--data-quality", type=float, help="Fraction of valid training rows, 0 to 1.")
@click.option("--features", metavar="A,B,C", help="Feature names in order.")
@click.option(
    "--classes", metavar="A,B,C", help="Class labels, if the file holds only class numbers (LightGBM, XGBoost)."
)
@click.option(
    "--input-example",
    type=click.Path(exists=True, dir_okay=False),
    help="Table file with a few rows as they arrive in production.",
)
@click.option(
    "--holdout",
    type=click.Path(exists=True, dir_okay=False),
    help="Table file with labelled rows: becomes the benchmark of a model name without one.",
)
@click.option(
    "--target", metavar="COLUMN", help="Label column of --holdout. Default: the column that is not a feature."
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Hyperparameter; repeatable.")
@click.option("--evaluation-set", help="Name of the data set behind the reported metrics.")
@click.option("--version", help="MAJOR.MINOR.PATCH. Default: the next version.")
@click.option("--tag", "tags", multiple=True, help="Tag; repeatable.")
@click.option("--description", help="Description.")
@options_of(Registry.upload)
@shared
def register(
    session: Session,
    model_file: str,
    scaler: str | None,
    document: str | None,
    model_name: str | None,
    model_type: str | None,
    metrics: tuple[str, ...],
    training_samples: int | None,
    data_quality: float | None,
    features: str | None,
    classes: str | None,
    input_example: str | None,
    holdout: str | None,
    target: str | None,
    params: tuple[str, ...],
    evaluation_set: str | None,
    version: str | None,
    tags: tuple[str, ...],
    description: str | None,
    actor: str | None,
    reason: str,
) -> None:
    """Register a model file: it is hashed, scanned, and loaded once in the sandbox.

    \b
    trusted      the file imports only allowed classes
    quarantined  the file imports other classes: stored, but not loaded until they are trusted (see trust)
    refused      the file is malformed or dangerous: not stored, exit code 2

    Metrics of a file are self-reported. With --holdout, or an active benchmark of the model name, the version is
    evaluated as well. A new model name with --holdout is ranked by evaluated metrics: its first version becomes
    champion if it passes the gates. Elsewhere a version becomes champion when it is promoted, and takes part in the
    automatic choice once another person approves it (see review), or where models are ranked by measured metrics
    (config set rank_by=measured). A training pipeline calls registry.register_model(...) in Python instead.
    """
    fields = {} if document is None else json_object(Path(document))
    options: dict[str, Any] = {
        "model_name": model_name,
        "model_type": model_type,
        "training_samples": training_samples,
        "data_quality_score": data_quality,
        "feature_names": names(features),
        "classes": None if classes is None else [as_value("classes", each) for each in names(classes) or ()],
        "evaluation_set": evaluation_set,
        "version": version,
        "tags": list(tags) or None,
        "description": description,
    }
    fields |= {key: value for key, value in options.items() if value is not None}
    for key, pairs in (
        ("performance_metrics", assignments(metrics, as_number)),
        ("hyperparameters", assignments(params, as_value)),
    ):
        if pairs:
            known = fields.get(key) or {}
            if not isinstance(known, dict):
                raise InvalidInput(f"{key} in {document} is not a JSON object. Write names with values")
            fields[key] = {**known, **pairs}
    with session.open(create=True) as registry:
        before = registry.revision()
        try:
            model_id = registry.upload(
                model_file,
                scaler,
                metadata=fields,
                input_example=input_example,
                holdout=holdout,
                target=target,
                actor=actor,
                reason=reason,
            )
        except KeyboardInterrupt:
            raise Stopped(_stopped(model_file, changed=registry.revision() != before)) from None
        metadata = registry.get_metadata(model_id)
        waits = waits_for_approval(registry, metadata)
        considered = registry.events(model_id=model_id, kinds=["considered"])
        check, versions = registry.answers_check(model_id), registry.compare_libraries(metadata.libraries)
    because = considered[0].reason if considered else ""
    session.answer(
        metadata.to_dict(), [*_kept(metadata), *_answering(metadata, check, versions), *_next(metadata, waits, because)]
    )


def _stopped(model_file: str, *, changed: bool) -> str:
    """What became of a file whose registration was stopped."""
    if changed:
        return f"stopped while {model_file} was being stored. `model-registry list` shows whether it is registered"
    return f"stopped before {model_file} was stored. The same command registers it"


def _kept(metadata: ModelMetadata) -> list[str]:
    inspection = metadata.inspection
    return [
        f"{visible(metadata.model_id)} is registered as version {metadata.version}.",
        f"The file is {metadata.artifact}: {visible(inspection.get('because', 'not scanned'))}.",
        *(f"  {visible(name)}" for name in inspection.get("unknown", ())),
    ]


def _answering(metadata: ModelMetadata, check: AnswersCheck | None, versions: str) -> list[str]:
    """The prediction check in the sandbox, and library versions that differ."""
    lines = [] if check is None else [f"Prediction check: {check.status}: {visible(check.because)}."]
    if check is None and metadata.artifact == "trusted":
        lines = [
            "Prediction check: not run, because the sandbox did not start. It runs before a promotion, or with "
            f"`model-registry verify-answers {visible(metadata.model_id)}`."
        ]
    return lines + ([f"Library versions: {visible(versions)}."] if versions else [])


def _next(metadata: ModelMetadata, waits: bool, because: str) -> list[str]:
    """The next step towards production."""
    model_id, name = visible(metadata.model_id), visible(metadata.model_name)
    if metadata.artifact == "quarantined":
        return [
            "The model is not loaded and cannot be promoted. Review the code of these imports. If it is harmless, run:",
            f"  model-registry trust {model_id} --reason ...",
        ]
    if metadata.is_active:
        return [f"It is now the champion of {name}: {visible(because)}."]
    if not waits:
        return [f"It is ranked by its metrics on {visible(metadata.measured_on)}: {visible(because)}."]
    return [
        "Its metrics are self-reported, so it awaits review. `promote` makes it champion.",
        f"`model-registry review {model_id} approve --text ...` by another person lets it be chosen automatically.",
        f"With `config set rank_by=measured` and a benchmark of {name} it is ranked by measured metrics.",
    ]
