"""Model cards: written as events, asked for by a gate, exported so that nothing in them is markup."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from registry_core import GatesFailed, InvalidConfiguration, InvalidInput, ModelNotFound, Registry
from tests.commands import answer, refused, run
from tests.fitted import register

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">\n[x](javascript:alert(3)) {{ 7 * 7 }} \u202e"\'>'


class Tags(HTMLParser):
    """Which elements and attributes a document has, and its text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_is_written_is_an_event_and_holds_for_every_version(registry: Registry) -> None:
    first, second = register(registry, 0.8), register(registry, 0.9)
    assert registry.model_card(first).text.purpose == ""
    text = registry.write_model_card("Churn", purpose=" Who may leave. ", owner="anna", actor="bea", reason="review")
    assert (text.purpose, text.owner, text.actor) == ("Who may leave.", "anna", "bea")
    registry.write_model_card(second, limits="Not for new customers.", actor="carl")
    assert registry.model_card(first).text.limits == ""
    known = registry.model_card(second).text
    assert (known.purpose, known.limits, known.actor) == ("Who may leave.", "Not for new customers.", "carl")
    # What is said again is no change; an empty text takes a field back.
    events = registry.count_events()
    registry.write_model_card(second, limits="Not for new customers.")
    assert registry.count_events() == events
    registry.write_model_card("Churn", owner="")
    written = registry.events("Churn", kinds=["model_card_written"])
    assert [(each.model_id, each.before["owner"], each.after["owner"]) for each in written] == [
        (None, "anna", ""), (second, "", ""), (None, "", "anna"),
    ]  # fmt: skip
    assert registry.verify_events() is None


def test_what_cannot_be_written(sqlite_registry: Registry) -> None:
    register(sqlite_registry)
    with pytest.raises(ModelNotFound, match="neither a model id nor a model name"):
        sqlite_registry.write_model_card("Nobody", owner="anna")
    with pytest.raises(InvalidInput, match="nothing to write: give purpose, limits, owner, risk_tier"):
        sqlite_registry.write_model_card("Churn")
    with pytest.raises(InvalidInput, match="purpose has 10001 characters"):
        sqlite_registry.write_model_card("Churn", purpose="x" * 10_001)
    with pytest.raises(InvalidConfiguration, match="allowed is a list of purpose, limits, owner, risk_tier"):
        sqlite_registry.configure(gates={"required_card": ["motto"]})


def test_required_fields_are_a_gate(registry: Registry) -> None:
    registry.configure(gates={"required_card": ["purpose", "risk_tier"]}, auto_select_best=False)
    model_id = register(registry)
    registry.write_model_card("Churn", purpose="Who may leave.")
    with pytest.raises(GatesFailed) as failed:
        registry.promote(model_id, reason="go")
    (gate,) = failed.value.report.failures
    assert (gate.name, gate.because, gate.remedy) == (
        "model card", "the model card lacks risk tier", "write risk tier in the model card",
    )  # fmt: skip
    registry.write_model_card(model_id, risk_tier="high")
    registry.promote(model_id, reason="go")
    assert registry.get_active_model_id("Churn") == model_id


def test_the_card_is_put_together_from_what_is_known(sqlite_registry: Registry) -> None:
    first = register(sqlite_registry, 0.8)
    second = register(sqlite_registry, 0.9)
    sqlite_registry.review(second, "approved", "looked at it", actor="bea")
    card = sqlite_registry.model_card(second)
    assert card.model.is_active
    assert [each.actor for each in card.reviews] == ["bea"]
    assert [each.model_id for each in card.deployments] == [second]
    assert card.verdict is not None
    assert card.verdict.word == "champion"
    assert len(card.signature.features) == 30
    assert "Python" in card.lineage
    assert any("never evaluated" in each for each in card.cautions)
    assert not sqlite_registry.model_card(first).model.is_active


def test_exports_hold_text_and_no_markup(sqlite_registry: Registry) -> None:
    model_id = register(sqlite_registry, description=HOSTILE, hyperparameters={"a": HOSTILE, HOSTILE: 1})
    plain = Tags(sqlite_registry.export_model_card(model_id, "html"))
    sqlite_registry.write_model_card(model_id, purpose=HOSTILE, limits=HOSTILE, owner=HOSTILE, risk_tier=HOSTILE)
    sqlite_registry.review(model_id, "comment", HOSTILE, actor="<b>bea</b>")
    document = sqlite_registry.export_model_card(model_id, "html")
    found = Tags(document)
    assert found.tags == plain.tags == {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "section", "dl", "dt", "dd", "ul",
        "li", "div", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert found.attributes == {"lang", "charset", "name", "content", "http-equiv", "class", "tabindex", "scope"}
    assert found.text.count("<script>alert(1)</script>") >= 7
    assert "{{ 7 * 7 }}" in found.text
    assert "\u202e" not in document
    # One file, which asks no other.
    assert not any(word in document for word in ("url(", "@import"))
    assert "default-src 'none'" in document
    assert "<" not in sqlite_registry.export_model_card(model_id, "markdown")
    with pytest.raises(InvalidInput, match="allowed are 'markdown' and 'html'"):
        sqlite_registry.export_model_card(model_id, "pdf")  # pyrefly: ignore[bad-argument-type]


def test_the_commands(sqlite_registry: Registry, registry_folder: Path, tmp_path: Path) -> None:
    model_id = register(sqlite_registry)
    words = ("--purpose", "Who may leave.", "--risk-tier", "high")
    written: dict[str, Any] = answer(registry_folder, "card", "write", "Churn", *words)
    assert (written["purpose"], written["risk_tier"], written["owner"]) == ("Who may leave.", "high", "")
    shown = run(registry_folder, "card", "show", model_id).stdout
    assert "- **Purpose:** Who may leave." in shown
    assert answer(registry_folder, "card", "show", model_id)["text"]["risk_tier"] == "high"
    for name, begins in (("card.html", "<!DOCTYPE html>"), ("card.md", "# Churn 1.0.0")):
        file = tmp_path / name
        assert run(registry_folder, "card", "export", model_id, str(file)).exit_code == 0
        assert file.read_text(encoding="utf-8").startswith(begins)
    words = ("card", "export", model_id, str(tmp_path / "card.md"))
    assert "File exists" in refused(registry_folder, 2, "InvalidInput", *words)
