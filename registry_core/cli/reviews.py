"""The commands of review: gates, signatures, prediction checks, reviews and their requests, and trust."""

from __future__ import annotations

import dataclasses

import click

from registry_core import InvalidInput, PromotionVerdict, Registry

from .access import person_named
from .console import (
    ARTIFACT,
    GATES,
    Session,
    ask,
    check_name,
    main,
    shared,
    shown,
    yes_option,
)
from .evidence import gate_lines, gates_document
from .options import options_of
from .output import pairs, table, visible, when

_VERDICTS = {"approve": "approved", "reject": "rejected", "comment": "comment"}


@main.command()
@click.argument("model_id")
@shared
def gates(session: Session, model_id: str) -> None:
    """Show the verdict on a version and its promotion gates. The exit code is 0 if all pass, else 8."""
    with session.open() as registry:
        report = registry.check_gates(model_id)
        judged = registry.verdict(model_id)
    against = f"against the champion {visible(report.champion_id)}" if report.champion_id else "without a champion"
    counted = "all gates passed" if report.passed else f"{len(report.failures)} of {len(report.gates)} gates failed"
    said = f"{judged.word.capitalize()}: {visible(judged.sentence)}. {visible(judged.next_step)}".rstrip()
    session.answer(
        {**gates_document(report), "verdict": _verdict_document(judged)},
        [said, "", f"{visible(model_id)} {against}:", "", *gate_lines(report.gates), "", counted],
    )
    if not report.passed:
        click.get_current_context().exit(GATES)


def _verdict_document(judged: PromotionVerdict) -> dict[str, object]:
    return {
        "word": judged.word,
        "sentence": judged.sentence,
        "next_step": judged.next_step,
        "benchmark": judged.benchmark,
        "metric": judged.metric,
        "difference": None if judged.difference is None else dataclasses.asdict(judged.difference),
        "worse_slices": list(judged.worse_slices),
        "self_reported": [dataclasses.asdict(flag) for flag in judged.self_reported],
    }


@main.command()
@click.argument("model_id")
@shared
def signature(session: Session, model_id: str) -> None:
    """Show the signature of a version: features, task and classes, and the origin of its example rows."""
    with session.open() as registry:
        signed, proof, check = registry.signature(model_id), registry.proof(model_id), registry.answers_check(model_id)
    kinds = [[feature.name, feature.kind, ", ".join(map(str, feature.levels[:8]))] for feature in signed.features]
    takes = "one text per row" if signed.takes == "text" else f"{len(signed.features):,} features"
    rows = [
        ("input", takes),
        ("task", signed.task or "not recorded"),
        ("classes", ", ".join(map(repr, signed.classes)) or "none"),
        ("class type", signed.class_type or "-"),
        ("probabilities", "yes" if signed.probabilities else "no"),
        (
            "example rows",
            "none" if proof is None or not proof.count else f"{proof.count} ({_SOURCES[proof.rows_from]})",
        ),
        ("prediction check", "not checked with the installed libraries" if check is None else check.because),
    ]
    document = {
        "model_id": model_id,
        "signature": signed.to_dict(),
        "rows_from": None if proof is None else proof.rows_from,
        "rows": 0 if proof is None else proof.count,
        "answers": None if check is None else dataclasses.asdict(check),
    }
    session.answer(document, [*pairs(rows), *(["", *table(["feature", "type", "levels"], kinds)] if kinds else [])])


_SOURCES = {
    "input_example": "from input_example",
    "reference": "from the training reference",
    "benchmark": "from a benchmark",
    "made": "generated from the fitted model",
    "none": "none",
}


@main.command("verify-answers")
@click.argument("model_id", required=False)
@click.option("--all", "everything", is_flag=True, help="All trusted versions.")
@options_of(
    Registry.verify_all_answers,
    model_name="With --all: only this model name.",
    missing="With --all: only versions not checked with the installed libraries.",
)
@shared
def verify_answers(
    session: Session, model_id: str | None, everything: bool, model_name: str | None, missing: bool, actor: str | None
) -> None:
    """Check in the sandbox that a version still returns the predictions recorded at registration.

    A version without example rows gets them. The exit code is 0 if all predictions agree, else 6.
    """
    if everything == (model_id is not None):
        raise InvalidInput("give either MODEL_ID or --all")
    with session.open() as registry, shown(session) as progress:
        if model_name is not None:
            check_name(registry, model_name)
        checks = (
            registry.verify_all_answers(model_name, missing=missing, progress=progress, actor=actor)
            if model_id is None
            else {model_id: registry.verify_answers(model_id, actor=actor)}
        )
    session.answer(
        {"answers": {version: dataclasses.asdict(check) for version, check in checks.items()}},
        table(
            ["version", "prediction check", "details"],
            [[version, check.status, check.because] for version, check in checks.items()],
        )
        if checks
        else ["No versions to check."],
    )
    if any(check.status in ("differs", "fails") for check in checks.values()):
        click.get_current_context().exit(ARTIFACT)


@main.command()
@click.argument("model_id")
@click.argument("verdict", type=click.Choice(list(_VERDICTS)))
@options_of(Registry.review, text="Comment: what you checked, and the reason for the verdict.")
@shared
def review(session: Session, model_id: str, verdict: str, text: str, actor: str | None) -> None:
    """Review a version. The person who registered it cannot approve it.

    An approval allows an uploaded model to be chosen automatically, and passes the gate for independent approval.
    """
    with session.open() as registry:
        stored = registry.review(model_id, _VERDICTS[verdict], text, actor=actor)
    session.answer(dataclasses.asdict(stored), [f"{visible(model_id)}: {stored.verdict} by {visible(stored.actor)}"])


@main.command()
@click.argument("model_id")
@shared
def reviews(session: Session, model_id: str) -> None:
    """List the reviews of a version, oldest first."""
    with session.open() as registry:
        listed = registry.reviews(model_id)
    rows = [[when(review.at), review.actor, review.verdict, review.text] for review in listed]
    session.answer(
        {"reviews": [dataclasses.asdict(review) for review in listed]},
        table(["time (UTC)", "reviewer", "verdict", "comment"], rows) if rows else ["No reviews yet."],
    )


@main.command()
@click.argument("model_id")
@options_of(Registry.trust, required=("reason",))
@yes_option
@shared
def trust(session: Session, model_id: str, reason: str, actor: str | None, yes: bool) -> None:
    """Allow the imports that keep a file quarantined, for all present and future versions of its model name.

    Their code runs when the model is loaded: review it first. The command lists the imports and asks for confirmation;
    without a terminal it requires --yes.
    """
    with session.open() as registry:
        metadata = registry.get_metadata(model_id)
        quarantined = metadata.artifact == "quarantined" and metadata.inspection.get("verdict") != "refused"
        # Raises for an import that can never be trusted, before the question.
        unknown = [visible(known.sentence) for known in registry.unknown_classes(model_id)] if quarantined else []
        if metadata.artifact == "quarantined" and not yes:
            if not session.asks(yes):
                raise InvalidInput(
                    f"{model_id} imports {'; '.join(unknown)}. There is no terminal to confirm on: review that "
                    "code, then give --yes"
                )
            ask([f"All versions of {visible(metadata.model_name)} may import:", *(f"  {name}" for name in unknown)])
        trusted = registry.trust(model_id, actor=actor, reason=reason)
        metadata = registry.get_metadata(model_id)
    session.answer(
        {"model_id": model_id, "model_name": metadata.model_name, "trusted": trusted, "artifact": metadata.artifact},
        [
            f"All versions of {visible(metadata.model_name)} may import:",
            *(f"  {visible(name)}" for name in trusted),
            f"{visible(model_id)} is {metadata.artifact} now. To undo: `config set trusted_globals=null --model-name "
            f"{visible(metadata.model_name)}` removes all such imports.",
        ],
    )


@main.command("request-review")
@click.argument("model_id")
@click.option("--person", metavar="NAME", help="Person to ask: name or subject.")
@options_of(
    Registry.request_review,
    role="Instead of a person: everybody with this role.",
    due="Day by which the review is needed, such as 2026-12-24.",
    text="What to look at.",
)
@shared
def request_review(
    session: Session, model_id: str, person: str | None, role: str | None, due: str, text: str, actor: str | None
) -> None:
    """Ask a person, or everybody with a role, to review a version. Their review closes the request."""
    with session.open() as registry:
        asked = None if person is None else person_named(registry, person)
        made = registry.request_review(
            model_id,
            None if asked is None else (asked.issuer, asked.subject),
            role=role,
            due=due,
            text=text,
            actor=actor,
        )
    session.answer(dataclasses.asdict(made), [f"{visible(made.asked)} is asked to review {visible(model_id)}."])
