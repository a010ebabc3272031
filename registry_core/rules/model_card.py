"""What a model card says, section by section, and its Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..evidence import Evaluation, Measured
from ..model_card import UNWRITTEN, CardSection, CardTable, CardText, ModelCard
from .sentences import listed

#: Longer tables say how many rows are left out.
MOST_ROWS = 40
#: Evaluated on fewer rows than these, the intervals are wide.
FEW_ROWS = 200


def merged(*texts: CardText) -> CardText:
    """What holds of several texts, field by field: the first that says anything."""
    fields = ("purpose", "limits", "owner", "risk_tier")
    said = {name: next((getattr(each, name) for each in texts if getattr(each, name)), "") for name in fields}
    newest = max(texts, key=lambda each: each.at, default=UNWRITTEN)
    return CardText(**said, at=newest.at, actor=newest.actor)


def cautions(card: ModelCard) -> tuple[str, ...]:
    """What is lacking or doubtful, as far as the registry can tell."""
    model, found = card.model, []
    measured = [each for each in card.evaluations if each.status == "measured"]
    if not measured:
        found.append("The registry never evaluated this version: its metrics are self-reported (unverified).")
    for each in measured:
        if each.rows < FEW_ROWS:
            found.append(f"It was evaluated on {each.rows:,} rows of {each.benchmark} only, so the intervals are wide.")
        if not each.slices:
            found.append(f"{each.benchmark} has no slices: how it does for groups of rows is not known.")
        if each.in_training is not None and each.in_training.found:
            found.append(f"{_sentence(each.in_training.sentence)} Its metrics there are probably too good.")
        if each.unenforced:
            found.append(f"The sandbox of its evaluation on {each.benchmark} was not complete.")
    if card.verdict is not None:
        flagged = [each.metric for each in card.verdict.self_reported]
        if flagged:
            verb = "is" if len(flagged) == 1 else "are"
            found.append(f"Self-reported {listed(flagged, 10)} {verb} outside the evaluated 95% interval.")
        if card.verdict.worse_slices:
            found.append(f"It is worse than the champion in {listed(card.verdict.worse_slices, 5)}.")
    if "training_data" not in model.lineage:
        found.append("Its training data is not recorded.")
    elif reason := model.lineage["training_data"].get("rows_unknown"):
        found.append(f"Its training rows were not looked for in benchmarks: {reason}.")
    if not model.libraries:
        found.append("The library versions it was made with are not recorded.")
    if model.artifact == "quarantined":
        found.append("Its file is quarantined: it holds imports that are not trusted.")
    if model.override_note:
        found.append(f"It was promoted over failed gates: {model.override_note}.")
    return tuple(found)


def sections(card: ModelCard) -> tuple[CardSection, ...]:
    """The card, section by section; those that would be empty are left out but for what people have to write."""
    model = card.model
    found = [_written(card.text), _about(card)]
    if card.cautions:
        found.append(CardSection("Limits found by the registry", points=card.cautions))
    if card.verdict is not None:
        gates = tuple((gate.label, "passed" if gate.passed else "failed", gate.because) for gate in card.verdict.gates)
        said = f"{card.verdict.word.capitalize()}. {_sentence(card.verdict.sentence)} {card.verdict.next_step}".strip()
        table = CardTable(("Gate", "Result", "Details"), gates) if gates else None
        found.append(CardSection("Verdict and gates", (said,), table=table))
    for each in card.evaluations:
        found += _evaluation(each, model.all_metrics())
    if not any(each.status == "measured" for each in card.evaluations) and model.all_metrics():
        metrics = tuple((name, _number(value)) for name, value in model.all_metrics().items())
        on = f"On {model.evaluation_set}." if model.evaluation_set else "On a data set that is not named."
        found.append(
            CardSection("Self-reported metrics (unverified)", (on,), table=_table(("Metric", "Value"), metrics))
        )
    if card.signature.features:
        features = tuple((each.name, each.kind) for each in card.signature.features)
        found.append(CardSection("Features", table=_table(("Feature", "Kind"), features)))
    if card.lineage:
        found.append(CardSection("Lineage", facts=_facts(dict(card.lineage))))
    if model.hyperparameters:
        values = tuple((name, _plain(value)) for name, value in model.hyperparameters.items())
        found.append(CardSection("Hyperparameters", table=_table(("Hyperparameter", "Value"), values)))
    if card.reviews:
        reviews = tuple((_day(each.at), each.actor, each.verdict, each.text) for each in card.reviews)
        found.append(CardSection("Reviews", table=_table(("Date", "Reviewer", "Verdict", "Comment"), reviews)))
    if card.deployments:
        times = tuple(
            (_day(each.started_at), _day(each.ended_at) if each.ended_at else "now", each.actor, each.reason)
            for each in card.deployments
        )
        found.append(CardSection("Deployments", table=_table(("From", "Until", "By", "Reason"), times)))
    return tuple(found)


def _written(text: CardText) -> CardSection:
    nobody = "Not written yet."
    facts = [
        ("Purpose", text.purpose or nobody),
        ("Limits", text.limits or nobody),
        ("Owner", text.owner or nobody),
        ("Risk tier", text.risk_tier or nobody),
    ]
    if text.at:
        facts.append(("Last changed", f"{_day(text.at)} by {text.actor}"))
    return CardSection("Purpose and limits", facts=tuple(facts))


def _about(card: ModelCard) -> CardSection:
    model, takes = card.model, card.signature
    features = "one text a row" if takes.takes == "text" else f"{len(takes.features):,} features" * bool(takes.features)
    state = "champion" if model.is_active else model.status
    known = {
        "Model": model.model_name,
        "Version": model.version,
        "Type": model.model_type,
        "State": f"{state}, quarantined" if model.artifact == "quarantined" else state,
        "Model id": model.model_id,
        "Description": model.description,
        "Tags": ", ".join(model.tags),
        "Registered": f"{_day(model.registered_at)} by {model.registered_by}",
        "Trained": _day(model.training_timestamp),
        "Training samples": None if model.training_samples is None else f"{model.training_samples:,}",
        "Takes": features,
        "Task": takes.task or model.task,
        "Classes": [str(each) for each in takes.classes] or None,
        "Libraries": [f"{name} {version}" for name, version in model.libraries.items()] or None,
        "Score": None
        if model.composite_score is None
        else f"{_number(model.composite_score)}, on {_ranked(model.ranked_on)}",
        "SHA-256 of the file": model.model_sha256,
    }
    return CardSection("About this version", facts=_facts(known))


def _ranked(on: str | None) -> str:
    if not on:
        return "self-reported metrics (unverified)"
    name = on.removeprefix("benchmark:")
    return f"benchmark {name}" if on != name else f"self-reported metrics of {name} (unverified)"


def _evaluation(evaluation: Evaluation, reported: dict[str, float]) -> list[CardSection]:
    title = f"Evaluation on {evaluation.benchmark}"
    if evaluation.status == "failed":
        return [CardSection(title, (f"It failed on {_day(evaluation.at)}: {_sentence(evaluation.because)}",))]
    said = (
        f"Evaluated automatically on {_day(evaluation.at)}, on {evaluation.rows:,} rows; labels were withheld. "
        "Intervals are 95%.",
    )
    rows = tuple(
        (name, _number(each.value), _interval(each), _number(reported[name]) if name in reported else "")
        for name, each in evaluation.metrics.items()
    )
    found = [CardSection(title, said, table=_table(("Metric", "Evaluated", "95% interval", "Self-reported"), rows))]
    metric = next(iter(evaluation.metrics), "")
    slices = [
        (f"{column} = {value}", f"{int(metrics['rows'].value):,}", metrics[metric])
        for column, values in evaluation.slices.items()
        for value, metrics in values.items()
        if metric in metrics
    ]
    if slices:
        slices.sort(key=lambda each: each[2].value)
        rows = tuple((name, count, _number(each.value), _interval(each)) for name, count, each in slices)
        table = _table(("Slice", "Rows", metric, "95% interval"), rows)
        found.append(CardSection(f"Slices of {evaluation.benchmark}, the lowest {metric} first", table=table))
    return found


def _table(head: Sequence[str], rows: Sequence[tuple[str, ...]]) -> CardTable:
    return CardTable(tuple(head), tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS))


def _facts(known: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _plain(value)) for name, value in known.items() if value not in (None, "", [], ()))


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return listed([str(each) for each in value], 20)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _number(value: float) -> str:
    return f"{value:,.4f}" if 0.001 <= abs(value) < 1e9 or not value else f"{value:.4g}"


def _interval(value: Measured) -> str:
    return "" if value.low is None or value.high is None else f"{_number(value.low)} to {_number(value.high)}"


def _day(at: str | None) -> str:
    return f"{at[:10]} {at[11:16]} UTC" if at else ""


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


def markdown(card: ModelCard) -> str:
    """The card as Markdown (CommonMark with tables). Whatever somebody wrote is shown as it is, never as markup."""
    lines = [f"# {_escaped(_title(card))}", "", _escaped(f"Model card, made {_day(card.made_at)}."), ""]
    for section in sections(card):
        lines += [f"## {_escaped(section.title)}", ""]
        for paragraph in section.paragraphs:
            lines += [_escaped(paragraph), ""]
        lines += [f"- **{_escaped(name)}:** {_escaped(value)}" for name, value in section.facts]
        lines += [f"- {_escaped(point)}" for point in section.points]
        if section.facts or section.points:
            lines.append("")
        if section.table is not None:
            lines += [*_markdown_table(section.table), ""]
    return "\n".join(lines)


def _title(card: ModelCard) -> str:
    return f"{card.model.model_name} {card.model.version}"


def _markdown_table(table: CardTable) -> list[str]:
    lines = [_line(table.head), _line(["---"] * len(table.head), escape=False), *map(_line, table.rows)]
    return [*lines, "", f"{table.left_out:,} more rows."] if table.left_out else lines


def _line(cells: Sequence[str], *, escape: bool = True) -> str:
    return f"| {' | '.join(_escaped(each) if escape else each for each in cells)} |"


#: What Markdown, or the HTML it may hold, would take for markup; and what makes a link of plain text.
_MARKUP = re.compile(r"([\\`*_\[\]|~$])|([<>&])|(?<=\w)(://|@)|\b(www)(\.)", re.IGNORECASE)
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
#: Nobody sees these, and some turn the order of the letters round.
_UNSEEN = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]")


def _escaped(text: str) -> str:
    """A text within a line of Markdown that shows just it. No line of a card begins with somebody's text."""
    return _MARKUP.sub(_as_text, " ".join(visible(text).split()))


def _as_text(match: re.Match[str]) -> str:
    sign, entity, link, www, _ = match.groups()
    if sign:
        return f"\\{sign}"
    if entity:
        return _ENTITIES[entity]
    return f"{www}&#46;" if www else "".join(f"&#{ord(each)};" for each in link)


def visible(text: str) -> str:
    """A text without signs that are not seen, or that turn the order of the others round."""
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
