"""What a model card says, and that whatever somebody wrote stays text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import CardText, Evaluation, Measured, ModelCard, ModelMetadata, Review
from registry_core.rules.model_card import MOST_ROWS, cautions, markdown, merged, sections
from registry_core.signature import Feature, Signature

AT = "2026-03-01T12:00:00.000000+00:00"


def card(text: CardText | None = None, **fields: Any) -> ModelCard:
    known = {"model_name": "Churn", "model_type": "Ridge", "registered_at": AT, "registered_by": "anna"}
    model = ModelMetadata("Churn_Ridge_1", **{**known, **fields})
    return ModelCard(model, text or CardText(), made_at=AT)


def evaluation(**changes: object) -> Evaluation:
    fields: dict[str, object] = {
        "evaluation_id": 1, "model_id": "Churn_Ridge_1", "benchmark": "clinic-3", "fingerprint": "f", "at": AT,
        "actor": "anna", "status": "measured", "because": "", "rows": 400,
        "metrics": {"accuracy": Measured(0.9, 0.87, 0.93)},
        "slices": {"region": {
            "N": {"rows": Measured(300), "accuracy": Measured(0.95, 0.92, 0.97)},
            "S": {"rows": Measured(100), "accuracy": Measured(0.7, 0.6, 0.79)},
        }},
    }  # fmt: skip
    return Evaluation(**{**fields, **changes})  # pyrefly: ignore[bad-argument-type]


def test_a_version_s_own_text_counts_field_by_field() -> None:
    own, common = (
        CardText(limits="not for children", at="2", actor="bea"),
        CardText("triage", "none", "anna", "high", "1"),
    )
    assert merged(own, common) == CardText("triage", "not for children", "anna", "high", "2", "bea")
    assert merged() == CardText()
    assert merged(common).missing(["purpose", "owner"]) == ()
    assert own.missing(["purpose", "limits"]) == ("purpose",)


def test_what_is_lacking_is_said() -> None:
    assert cautions(card())[0].startswith("The registry never evaluated this version")
    full = card(lineage={"training_data": {"rows": 9}}, libraries={"numpy": "2"})
    assert cautions(ModelCard(full.model, full.text, evaluations=(evaluation(),))) == ()
    few = cautions(ModelCard(full.model, full.text, evaluations=(evaluation(rows=66, slices={}),)))
    assert few == (
        "It was evaluated on 66 rows of clinic-3 only, so the intervals are wide.",
        "clinic-3 has no slices: how it does for groups of rows is not known.",
    )


def test_sections_and_their_order() -> None:
    base = card(CardText("triage", owner="anna"), hyperparameters={"C": 0.5})
    whole = ModelCard(
        base.model,
        base.text,
        Signature(tuple(Feature(f"f{number}", "number") for number in range(500)), "model"),
        {"git commit": "0123456789ab"},
        evaluations=(evaluation(),),
        reviews=(Review(1, "m", AT, "bea", "approved", "looked at the slices"),),
        made_at=AT,
    )
    found = {each.title: each for each in sections(whole)}
    assert list(found) == [
        "Purpose and limits", "About this version", "Evaluation on clinic-3",
        "Slices of clinic-3, the lowest accuracy first", "Features", "Lineage", "Hyperparameters", "Reviews",
    ]  # fmt: skip
    assert ("Limits", "Not written yet.") in found["Purpose and limits"].facts
    table = found["Evaluation on clinic-3"].table
    assert table is not None
    assert table.rows == (("accuracy", "0.9000", "0.8700 to 0.9300", ""),)
    slices = found["Slices of clinic-3, the lowest accuracy first"].table
    assert slices is not None
    assert [row[0] for row in slices.rows] == ["region = S", "region = N"]
    features = found["Features"].table
    assert features is not None
    assert (len(features.rows), features.left_out) == (MOST_ROWS, 500 - MOST_ROWS)
    lines = markdown(whole).splitlines()
    assert lines[0] == "# Churn 1.0.0"
    assert "| accuracy | 0.9000 | 0.8700 to 0.9300 |  |" in lines
    assert f"{500 - MOST_ROWS} more rows." in lines


HOSTILE = (
    "<script>alert(1)</script>",
    "[click](javascript:alert(1)) ![x](http://evil.example/p.png)",
    "# heading\n- item\n1. one\n| a | b |\n```",
    "`code` *bold* _under_ ~~gone~~ $x$ **strong**",
    "http://evil.example www.evil.example me@evil.example",
    "&lt;b&gt; <!-- x --> \u202egnp.exe",
    "=====\n-----",
)


def bare(line: str) -> str:
    """A line of Markdown without what is escaped."""
    return re.sub(r"\\[!-/:-@\[-`{-~]|&(?:#\d+|lt|gt|amp);", "", line)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("field", ["purpose", "owner"])
def test_text_stays_text_in_markdown(text: str, field: str) -> None:
    lines = markdown(card(CardText(**{field: text}), description=text)).splitlines()
    label = field.capitalize()
    (line,) = [each for each in lines if each.startswith(f"- **{label}:**")]
    rest = bare(line.removeprefix(f"- **{label}:** "))
    assert not re.search(r"[<>\[\]`*|~$]|(?<!\w)_|://|www\.|\u202e", rest)
    # No line of the text has become one of the card.
    assert len(lines) == len(markdown(card(CardText(**{field: "x"}), description="x")).splitlines())


@given(st.text(max_size=60))
def test_no_text_makes_a_line_or_a_tag(text: str) -> None:
    base = markdown(card(CardText("x"))).splitlines()
    lines = markdown(card(CardText(text.strip() or "x"))).splitlines()
    assert len(lines) == len(base)
    assert not re.search(r"[<>]", bare("\n".join(lines)))
