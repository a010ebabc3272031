"""The commands of model cards."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from registry_core import InvalidInput, Registry

from .console import Session, main, shared
from .options import options_of
from .output import visible


@main.group()
def card() -> None:
    """Show, write or export the model card of a version."""


@card.command("show")
@click.argument("model_id")
@shared
def card_show(session: Session, model_id: str) -> None:
    """Print the model card of a version, as Markdown."""
    with session.open() as registry:
        text, known = registry.export_model_card(model_id), registry.model_card(model_id)
    session.answer(dataclasses.asdict(known), text.splitlines())


@card.command("export")
@click.argument("model_id")
@click.argument("file", type=click.Path(dir_okay=False, writable=True))
@shared
def card_export(session: Session, model_id: str, file: str) -> None:
    """Write the model card of a version into a new file: HTML if its name ends in .html, else Markdown."""
    form: Any = "html" if Path(file).suffix.lower() in (".html", ".htm") else "markdown"
    with session.open() as registry:
        text = registry.export_model_card(model_id, form)
    try:
        with Path(file).open("x", encoding="utf-8") as target:
            target.write(text)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written ({error.strerror}). Name a new file") from error
    session.answer({"file": file, "form": form}, [f"{visible(file)} holds the model card of {visible(model_id)}."])


@card.command("write")
@click.argument("subject", metavar="MODEL_NAME|MODEL_ID")
@options_of(
    Registry.write_model_card,
    purpose="Intended use.",
    limits="Excluded uses and known failures.",
    owner="Person or team responsible.",
    risk_tier="Potential harm of a wrong prediction, in the terms of your policy.",
)
@shared
def card_write(session: Session, subject: str, **fields: Any) -> None:
    """Write the fields of the model card that people provide, for all versions of a model name or for one.

    An empty text clears a field.
    """
    with session.open() as registry:
        text = registry.write_model_card(subject, **fields)
    lines = [f"{name.replace('_', ' ')}: {visible(value) or '-'}" for name, value in dataclasses.asdict(text).items()]
    session.answer(dataclasses.asdict(text), lines)
