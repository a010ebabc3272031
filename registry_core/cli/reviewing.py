"""The verbs of judging: gates, reviews, and whose names are trusted."""

from __future__ import annotations

import dataclasses

import click

from registry_core import InvalidInput

from .console import (
    ARTIFACT,
    GATES,
    Session,
    actor_option,
    ask,
    check_name,
    main,
    reason_option,
    shared,
    shown,
    yes_option,
)
from .evidence import gate_lines, gates_document
from .output import pairs, table, visible, when

_VERDICTS = {"approve": "approved", "reject": "rejected", "comment": "comment"}


@main.command()
@click.argument("model_id")
@shared
def gates(session: Session, model_id: str) -> None:
    """List every gate between a model and production; the exit code is 0 when all hold, else 8."""
    with session.open() as registry:
        report = registry.check_gates(model_id)
    against = f"against the champion {visible(report.champion_id)}" if report.champion_id else "without a champion"
    verdict = "all hold" if report.passed else f"{len(report.failures)} of {len(report.gates)} fail"
    session.answer(
        gates_document(report),
        [f"{visible(model_id)} {against}:", "", *gate_lines(report.gates), "", verdict],
    )
    if not report.passed:
        click.get_current_context().exit(GATES)


@main.command()
@click.argument("model_id")
@shared
def signature(session: Session, model_id: str) -> None:
    """Show what a version takes and gives, and where its example rows come from."""
    with session.open() as registry:
        found, proof, check = registry.signature(model_id), registry.proof(model_id), registry.answers_check(model_id)
    kinds = [[each.name, each.kind, ", ".join(map(str, each.levels[:8]))] for each in found.features]
    takes = "one text a row" if found.takes == "text" else f"{len(found.features):,} features"
    rows = [
        ("takes", takes),
        ("task", found.task or "not recorded"),
        ("classes", ", ".join(map(repr, found.classes)) or "none"),
        ("class type", found.class_type or "-"),
        ("probabilities", "yes" if found.probabilities else "no"),
        (
            "example rows",
            "none" if proof is None or not proof.count else f"{proof.count} ({_SOURCES[proof.rows_from]})",
        ),
        ("answers", "not checked with the libraries installed here" if check is None else check.because),
    ]
    document = {
        "model_id": model_id,
        "signature": found.to_dict(),
        "rows_from": None if proof is None else proof.rows_from,
        "rows": 0 if proof is None else proof.count,
        "answers": None if check is None else dataclasses.asdict(check),
    }
    session.answer(document, [*pairs(rows), *(["", *table(["feature", "kind", "levels"], kinds)] if kinds else [])])


_SOURCES = {
    "input_example": "given as input_example",
    "reference": "of the training reference",
    "benchmark": "of a benchmark",
    "made": "made from the fitted object",
    "none": "none",
}


@main.command("verify-answers")
@click.argument("model_id", required=False)
@click.option("--all", "everything", is_flag=True, help="Every trusted version.")
@click.option("--model-name", help="With --all: only versions of this name.")
@click.option("--missing", is_flag=True, help="With --all: only those not checked with the libraries installed here.")
@actor_option
@shared
def verify_answers(
    session: Session, model_id: str | None, everything: bool, model_name: str | None, missing: bool, actor: str | None
) -> None:
    """Ask a version its example rows again, in the sandbox: does it answer as it did where it was registered?

    A version that was registered without example rows gets them. The exit code is 0 when all agree, else 6.
    """
    if everything == (model_id is not None):
        raise InvalidInput("say which versions in one way: a MODEL_ID, or --all")
    with session.open() as registry, shown(session) as progress:
        if model_name is not None:
            check_name(registry, model_name)
        found = (
            registry.verify_all_answers(model_name, missing=missing, progress=progress, actor=actor)
            if model_id is None
            else {model_id: registry.verify_answers(model_id, actor=actor)}
        )
    session.answer(
        {"answers": {each: dataclasses.asdict(check) for each, check in found.items()}},
        table(["version", "answers", "because"], [[each, check.status, check.because] for each, check in found.items()])
        if found
        else ["no version to ask"],
    )
    if any(check.status in ("differs", "fails") for check in found.values()):
        click.get_current_context().exit(ARTIFACT)


@main.command()
@click.argument("model_id")
@click.argument("verdict", type=click.Choice(list(_VERDICTS)))
@click.option("--text", required=True, help="What you looked at, and why you decide so.")
@actor_option
@shared
def review(session: Session, model_id: str, verdict: str, text: str, actor: str | None) -> None:
    """Say something of a version; it stays with it. Whoever registered it cannot approve it.

    An approval lets a file from outside be chosen, and passes the gate that asks for one.
    """
    with session.open() as registry:
        said = registry.review(model_id, _VERDICTS[verdict], text, actor=actor)
    session.answer(dataclasses.asdict(said), [f"{visible(model_id)}: {said.verdict} by {visible(said.actor)}"])


@main.command()
@click.argument("model_id")
@shared
def reviews(session: Session, model_id: str) -> None:
    """Show what reviewers said of a version, the oldest first."""
    with session.open() as registry:
        found = registry.reviews(model_id)
    rows = [[when(each.at), each.actor, each.verdict, each.text] for each in found]
    session.answer(
        {"reviews": [dataclasses.asdict(each) for each in found]},
        table(["when (UTC)", "who", "verdict", "text"], rows) if rows else ["no reviews"],
    )


@main.command()
@click.argument("model_id")
@reason_option(required=True)
@actor_option
@yes_option
@shared
def trust(session: Session, model_id: str, reason: str, actor: str | None, yes: bool) -> None:
    """Trust the names that keep a file quarantined: for every model of its name, now and later.

    Code behind these names runs when the model is loaded: read it first. It shows them and asks; where nobody can be
    asked it needs --yes.
    """
    with session.open() as registry:
        metadata = registry.get_metadata(model_id)
        held = metadata.artifact == "quarantined" and metadata.inspection.get("verdict") != "refused"
        # Also says which name is none that anybody can trust, before anybody is asked.
        unknown = [visible(each.sentence) for each in registry.unknown_classes(model_id)] if held else []
        if metadata.artifact == "quarantined" and not yes:
            if not session.asks(yes):
                raise InvalidInput(
                    f"{model_id} holds {'; '.join(unknown)}. Nobody can be asked here: read the code behind that, and "
                    "say --yes"
                )
            ask([f"Every model of {visible(metadata.model_name)} may load:", *(f"  {name}" for name in unknown)])
        trusted = registry.trust(model_id, actor=actor, reason=reason)
        metadata = registry.get_metadata(model_id)
    session.answer(
        {"model_id": model_id, "model_name": metadata.model_name, "trusted": trusted, "artifact": metadata.artifact},
        [
            f"Every model of {visible(metadata.model_name)} may load:",
            *(f"  {visible(name)}" for name in trusted),
            f"{visible(model_id)} is {metadata.artifact} now; `config set trusted_globals=null --name "
            f"{visible(metadata.model_name)}` takes back all such names",
        ],
    )
