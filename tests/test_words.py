"""The style guide, held against every text: no word of its left column's opposite, no label in two forms."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

from docs.texts import AREAS, ROOT, Text, texts, write
from registry_core.cli import main

GUIDE = ROOT / "docs" / "words.md"


@cache
def every_text() -> tuple[Text, ...]:
    return tuple(text for text in texts() if text.path != GUIDE)


@cache
def plain_texts() -> tuple[tuple[str, Text], ...]:
    """Each text in lower case on one line, and where it stands."""
    return tuple((" ".join(text.text.lower().split()), text) for text in every_text())


def avoided(heading: str) -> dict[str, str]:
    """Each phrase of a table's right column, with what to write instead."""
    section = GUIDE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    found = {phrase: row[0].strip() for row in rows[2:] for phrase in re.findall("`([^`]+)`", row[1])}
    assert found, heading
    return found


def uses(phrase: str) -> list[Text]:
    pattern = re.compile(rf"(?<![\w`-]){re.escape(phrase)}(?![\w`-])")
    return [text for plain, text in plain_texts() if phrase in plain and pattern.search(plain)]


def code(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def test_no_text_says_what_the_style_guide_replaces() -> None:
    avoid = avoided("Words")
    assert [phrase for phrase in avoid if phrase != phrase.lower()] == []
    found = [f"{text}: write {avoid[phrase]!r} instead of {phrase!r}" for phrase in avoid for text in uses(phrase)]
    assert not found, "\n".join(found)


def test_modules_and_classes_have_the_names_of_the_style_guide() -> None:
    old = avoided("Names in the code")
    paths = code("registry_core", "dashboard", "pages")
    found = {str(path.relative_to(ROOT)) for path in paths if path.stem in old or path.parent.name in old}
    found |= {
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.name in old
    }
    assert not found


def test_a_label_has_one_form() -> None:
    forms: dict[tuple[str, str], set[str]] = {}
    for text in every_text():
        words = re.findall("[a-z0-9]+", text.text.lower())
        # An identifier that is shown on purpose (model_id) is no second form of a label.
        if text.label and 1 <= len(words) <= 4 and "_" not in text.text and "{" not in text.text:
            forms.setdefault((text.area, " ".join(words)), set()).add(text.text.strip())
    assert not {key: spellings for key, spellings in forms.items() if len(spellings) > 1}


def test_texts_of_every_area_are_found() -> None:
    assert {text.area for text in every_text()} == set(AREAS)
    found = {text.text for text in every_text()}
    helps = [inspect.cleandoc(command.help or "") for command in main.commands.values()]
    assert [text for text in helps if text not in found] == []
    places = {(text.area, text.place) for text in every_text()}
    assert {
        ("manual", "Registry"),
        ("manual", "Registry.promote"),
        ("errors", "InvalidInput"),
        ("documentation", "README.md: Two commands"),
    } <= places
    assert {text.place for text in every_text() if text.area == "pages"} >= {
        f"pages.{path.stem}" for path in code("pages")
    }


def test_the_command_prints_an_area_by_place(capsys: pytest.CaptureFixture[str]) -> None:
    write(["errors"])
    printed = capsys.readouterr().out
    assert printed.startswith(f"\n======== errors: {AREAS['errors']}\n")
    assert printed.index("\nArtifactAltered\n") < printed.index("\nInvalidInput\n")
    assert "Port to listen on" not in printed
