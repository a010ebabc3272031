"""The verbs that change something: register, promote, roll back, the other states, settings."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from registry_core import Configuration, Deployment, InvalidInput, NoModelAvailable, Registry

from .console import (
    Session,
    actor_option,
    ask,
    check_name,
    main,
    reason_option,
    shared,
    yes_option,
)
from .output import number, pairs, visible, when

#: More than any sidecar the registry itself would write.
_MOST_METADATA = 16_000_000


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
    params: tuple[str, ...],
    evaluation_set: str | None,
    version: str | None,
    tags: tuple[str, ...],
    description: str | None,
    actor: str | None,
    reason: str,
) -> None:
    """Keep a model file from outside. It is quarantined: stored and hashed, never loaded, never chosen.

    A pipeline that trained the model itself calls registry.register_model(...) in Python instead: such a model
    takes part in the ranking at once.
    """
    fields = {} if document is None else _read_metadata(Path(document))
    said: dict[str, Any] = {
        "model_name": name,
        "model_type": model_type,
        "training_samples": training_samples,
        "data_quality_score": data_quality,
        "feature_names": None if features is None else [each.strip() for each in features.split(",")],
        "evaluation_set": evaluation_set,
        "version": version,
        "tags": list(tags) or None,
        "description": description,
    }
    fields |= {key: value for key, value in said.items() if value is not None}
    for key, assignments, read in (
        ("performance_metrics", metrics, _number),
        ("hyperparameters", params, _value),
    ):
        if assignments:
            known = fields.get(key) or {}
            if not isinstance(known, dict):
                raise InvalidInput(f"{key} in {document} is no JSON object; write names with values")
            fields[key] = {**known, **{key_: read(key_, text) for key_, text in map(_assignment, assignments)}}
    with session.open(create=True) as registry:
        model_id = registry.upload(model_file, scaler, metadata=fields, actor=actor, reason=reason)
        metadata = registry.get_metadata(model_id)
    session.answer(
        metadata.to_dict(),
        [
            f"{visible(model_id)} is kept as version {metadata.version}, quarantined: its file comes from outside,",
            "so it is never loaded and cannot be chosen. Its metrics are those you reported.",
        ],
    )


def _read_metadata(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_METADATA:
            raise InvalidInput(f"{path} is larger than {_MOST_METADATA} bytes; metadata is a small JSON object")
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror})") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{path} holds {type(document).__name__}; a JSON object is needed")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands there twice")
    return found


def _assignment(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise InvalidInput(f"{text!r:.80} is no assignment; write name=value")
    return name.strip(), value.strip()


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidInput(f"{name} is {text!r:.80}, not a number") from error


def _value(name: str, text: str) -> Any:
    """JSON where it is JSON, else the text: max_depth=8 is a number, solver=lbfgs a word."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


@main.command()
@click.argument("model_id")
@click.option(
    "--expected-champion",
    metavar="MODEL_ID|none",
    help="The champion you saw. If it is another one by now, nothing changes and the exit code is 4.",
)
@reason_option(required=True)
@actor_option
@yes_option
@shared
def promote(
    session: Session, model_id: str, expected_champion: str | None, reason: str, actor: str | None, yes: bool
) -> None:
    """Put a model into production.

    On a terminal it shows what changes and asks first, unless you say --yes; the champion shown is the expected one.
    """
    with session.open() as registry:
        target = registry.get_metadata(model_id)
        current = registry.get_active_model_id(target.model_name)
        expected = _expected(expected_champion, current)
        if session.asks(yes):
            ask(_change(registry, target.model_name, current, model_id))
            expected = _expected(expected_champion, current, shown=True)
        deployment = registry.promote(model_id, actor=actor, reason=reason, **expected)
    _report(session, deployment, current)


@main.command()
@click.argument("name")
@click.option("--to", metavar="MODEL_ID", help="An earlier champion; the latest that is still eligible by default.")
@click.option("--expected-champion", metavar="MODEL_ID", help="The champion you saw; see promote.")
@reason_option(required=True)
@actor_option
@yes_option
@shared
def rollback(
    session: Session,
    name: str,
    to: str | None,
    expected_champion: str | None,
    reason: str,
    actor: str | None,
    yes: bool,
) -> None:
    """Take the champion out and put an earlier one back.

    The model taken out is disqualified: it is not chosen again until somebody reinstates it.
    """
    with session.open() as registry:
        check_name(registry, name)
        current = registry.get_active_model_id(name)
        expected = _expected(expected_champion, current)
        if session.asks(yes):
            target = to or registry.rollback_target(name)
            if target is None:
                raise NoModelAvailable(f"{name} has no earlier champion that is still eligible; nothing was changed")
            ask([*_change(registry, name, current, target), "The model taken out will be disqualified."])
            to, expected = target, _expected(expected_champion, current, shown=True)
        deployment = registry.rollback(name, to, actor=actor, reason=reason, **expected)
    _report(session, deployment, current)


@main.command("undo-promotion")
@click.argument("name")
@click.option("--expected-champion", metavar="MODEL_ID", help="The champion you saw; see promote.")
@reason_option(required=True)
@actor_option
@yes_option
@shared
def undo_promotion(
    session: Session, name: str, expected_champion: str | None, reason: str, actor: str | None, yes: bool
) -> None:
    """Take the last promotion back: the champion before it serves again.

    Unlike after rollback, the model taken out stays eligible.
    """
    with session.open() as registry:
        check_name(registry, name)
        current = registry.get_active_model_id(name)
        expected = _expected(expected_champion, current)
        earlier = registry.deployments(name)[1:2]
        if earlier and session.asks(yes):
            ask(_change(registry, name, current, earlier[0].model_id))
            expected = _expected(expected_champion, current, shown=True)
        deployment = registry.undo_promotion(name, actor=actor, reason=reason, **expected)
    _report(session, deployment, current)


def _expected(said: str | None, current: str | None, *, shown: bool = False) -> dict[str, Any]:
    """What to hand on as ``expected_champion``; nothing when the caller neither said it nor was shown one."""
    if said is not None:
        return {"expected_champion": None if said == "none" else said}
    return {"expected_champion": current} if shown else {}


def _change(registry: Registry, name: str, current: str | None, target: str) -> list[str]:
    before = None if current is None else registry.get_metadata(current)
    after = registry.get_metadata(target)
    rows = [
        (
            label,
            "none"
            if each is None
            else f"{each.model_id} (version {each.version}, score {number(each.composite_score)})",
        )
        for label, each in (("  from", before), ("  to", after))
    ]
    lines = [f"The champion of {visible(name)} changes:", *pairs(rows)]
    if before is not None and before.evaluation_set != after.evaluation_set:
        lines.append("They were measured on different sets: their scores do not compare.")
    return lines


def _report(session: Session, deployment: Deployment, before: str | None) -> None:
    was = f"; before it was {visible(before)}" if before else ""
    session.answer(
        {**dataclasses.asdict(deployment), "previous_champion": before},
        [
            f"{visible(deployment.model_name)}: {visible(deployment.model_id)} is champion since "
            f"{when(deployment.started_at)} UTC{was}"
        ],
    )


def _add_status_verb(verb: str, text: str, reason_required: bool) -> None:
    @main.command(verb, help=text)
    @click.argument("model_id")
    @reason_option(reason_required)
    @actor_option
    @shared
    def change(session: Session, model_id: str, reason: str, actor: str | None) -> None:
        with session.open() as registry:
            getattr(registry, verb)(model_id, actor=actor, reason=reason)
            metadata = registry.get_metadata(model_id)
        session.answer(
            {"model_id": model_id, "status": metadata.status}, [f"{visible(model_id)} is {metadata.status} now"]
        )


_add_status_verb("reject", "Say no to a model: it stays readable and is not eligible.", True)
_add_status_verb("archive", "Put a model aside: not eligible, out of the way.", False)
_add_status_verb("restore", "Take back a rejection or an archiving.", False)
_add_status_verb("disqualify", "Mark a model as failed; a champion is taken out with rollback instead.", True)
_add_status_verb("reinstate", "Make a disqualified model eligible again.", False)


@main.group()
def config() -> None:
    """Show or change how models are scored and chosen."""


@config.command("show")
@click.option("--name", help="What holds for this model name.")
@shared
def config_show(session: Session, name: str | None) -> None:
    """Show the settings."""
    with session.open() as registry:
        settings = registry.configuration()
        policy = None if name is None else registry.policy(name)
    if policy is None:
        session.answer(settings.to_dict(), _settings(settings))
    else:
        document = dataclasses.asdict(policy)
        session.answer(document, pairs((key, json.dumps(value)) for key, value in document.items()))


def _settings(settings: Configuration) -> list[str]:
    document = settings.to_dict()
    names = document.pop("model_names")
    lines = pairs((key, json.dumps(value)) for key, value in document.items())
    for name, own in names.items():
        lines += ["", f"{visible(name)}:", *(f"  {line}" for line in pairs((k, json.dumps(v)) for k, v in own.items()))]
    return lines


@config.command("set")
@click.argument("assignments", nargs=-1, required=True, metavar="KEY=VALUE [...]")
@click.option("--name", help="For this model name only.")
@reason_option(required=False)
@actor_option
@shared
def config_set(
    session: Session, assignments: tuple[str, ...], name: str | None, reason: str, actor: str | None
) -> None:
    """Change settings; the scores follow at once.

    Values are JSON: auto_select_best=false, performance_weight='{"accuracy": 0.6, "auc": 0.4}'; null takes a key back
    to its default.
    """
    changes = {key: _value(key, text) for key, text in map(_assignment, assignments)}
    for taken in ("model_name", "actor", "reason"):
        if taken in changes:
            raise InvalidInput(f"{taken} is no setting; see `model-registry config show`")
    with session.open(create=True) as registry:
        settings = registry.configure(name, actor=actor, reason=reason, **changes)
    session.answer(settings.to_dict(), _settings(settings))
