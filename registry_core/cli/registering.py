"""The verb that brings a model in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from registry_core import AnswersCheck, InvalidInput, ModelMetadata

from .arguments import as_number, as_value, assignments, json_object, names
from .console import Session, actor_option, main, reason_option, shared
from .output import visible
from .reading import waits_for_approval


@main.command()
@click.argument("model_file", type=click.Path(exists=True, dir_okay=False))
@click.option("--scaler", type=click.Path(exists=True, dir_okay=False), help="The file of what scales its inputs.")
@click.option(
    "--metadata", "document", type=click.Path(exists=True, dir_okay=False), help="A JSON file; options win over it."
)
@click.option("--name", help="The model name, such as Churn.")
@click.option("--type", "model_type", help="Such as RandomForest.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME=VALUE", help="accuracy=0.91; as often as needed.")
@click.option("--training-samples", type=int, help="How many rows it was trained on.")
@click.option("--data-quality", type=float, help="Share of good rows, 0 to 1.")
@click.option("--features", metavar="A,B,C", help="The names of its inputs, in their order.")
@click.option(
    "--classes", metavar="A,B,C", help="The labels it answers, where its file knows them by number only (LightGBM)."
)
@click.option(
    "--input-example",
    type=click.Path(exists=True, dir_okay=False),
    help="A table with a few rows, as they will arrive.",
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A hyperparameter; as often as needed.")
@click.option("--evaluation-set", help="What the metrics were measured on.")
@click.option("--version", help="MAJOR.MINOR.PATCH; chosen when left out.")
@click.option("--tag", "tags", multiple=True, help="A word to filter by; as often as needed.")
@click.option("--description", help="Free text.")
@actor_option
@reason_option(required=False)
@shared
def register(
    session: Session,
    model_file: str,
    scaler: str | None,
    document: str | None,
    name: str | None,
    model_type: str | None,
    metrics: tuple[str, ...],
    training_samples: int | None,
    data_quality: float | None,
    features: str | None,
    classes: str | None,
    input_example: str | None,
    params: tuple[str, ...],
    evaluation_set: str | None,
    version: str | None,
    tags: tuple[str, ...],
    description: str | None,
    actor: str | None,
    reason: str,
) -> None:
    """Keep a model file from outside: it is hashed, looked into, and loaded once in the sandbox.

    \b
    trusted      it names only what the registry knows
    quarantined  it names more: kept, and not loaded until somebody trusts those names (see trust)
    refused      malformed or dangerous: not kept, exit code 2

    What is reported of a file from outside is a claim: it goes into production when somebody promotes it, and is
    chosen once somebody else approves it (see review) or where models are ranked by what the registry measured
    (config set rank_by=measured, benchmark add). A pipeline that trained the model itself calls
    registry.register_model(...) in Python instead.
    """
    fields = {} if document is None else json_object(Path(document))
    said: dict[str, Any] = {
        "model_name": name,
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
    fields |= {key: value for key, value in said.items() if value is not None}
    for key, said_of_it in (
        ("performance_metrics", assignments(metrics, as_number)),
        ("hyperparameters", assignments(params, as_value)),
    ):
        if said_of_it:
            known = fields.get(key) or {}
            if not isinstance(known, dict):
                raise InvalidInput(f"{key} in {document} is no JSON object; write names with values")
            fields[key] = {**known, **said_of_it}
    with session.open(create=True) as registry:
        model_id = registry.upload(
            model_file, scaler, metadata=fields, input_example=input_example, actor=actor, reason=reason
        )
        metadata = registry.get_metadata(model_id)
        waits = waits_for_approval(registry, metadata)
        considered = registry.events(model_id=model_id, kinds=["considered"])
        check, versions = registry.answers_check(model_id), registry.compare_libraries(metadata.libraries)
    because = considered[0].reason if considered else ""
    session.answer(
        metadata.to_dict(), [*_kept(metadata), *_answering(check, versions), *_next(metadata, waits, because)]
    )


def _kept(metadata: ModelMetadata) -> list[str]:
    found = metadata.inspection
    return [
        f"{visible(metadata.model_id)} is kept as version {metadata.version}.",
        f"Its file is {metadata.artifact}: {visible(found.get('because', 'it was not looked into'))}.",
        *(f"  {visible(name)}" for name in found.get("unknown", ())),
    ]


def _answering(check: AnswersCheck | None, versions: str) -> list[str]:
    """Whether it answers in the sandbox, and with which other libraries it was made."""
    said = [] if check is None else [f"Answers: {check.status}: {visible(check.because)}."]
    return said + ([f"Library versions: {visible(versions)}."] if versions else [])


def _next(metadata: ModelMetadata, waits: bool, because: str) -> list[str]:
    """What has to happen before it can go into production."""
    model_id, name = visible(metadata.model_id), visible(metadata.model_name)
    if metadata.artifact == "quarantined":
        return [
            "It is not loaded and cannot be chosen. Read the code behind these names; if it does no harm, run",
            f"  model-registry trust {model_id} --reason ...",
        ]
    if metadata.is_active:
        return [f"It is the champion of {name} now: {visible(because)}."]
    if not waits:
        return [f"It is ranked by what was measured on {visible(metadata.measured_on)}: {visible(because)}."]
    return [
        "Its metrics are those you reported, so it waits for somebody: `promote` puts it into production, and",
        f"`model-registry review {model_id} approve --text ...` by somebody else lets it be chosen.",
        f"With `config set rank_by=measured` and a benchmark of {name} it is ranked by what the registry measures.",
    ]
