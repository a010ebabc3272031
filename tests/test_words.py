"""The style guide, held against every text: no word of its left column's opposite, no label in two forms."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from docs.texts import ROOT, Text, texts

GUIDE = ROOT / "docs" / "words.md"

#: Texts that still say it the old way, by area: at most so many. A number may only become smaller.
EXCEPTIONS: dict[str, dict[str, int]] = {
    "the truth": {"command line": 5, "documentation": 3, "errors": 1, "manual": 2, "pages": 6, "reports": 1},
    "their truth": {"command line": 1},
    "sees no truth": {"command line": 1, "manual": 1},
    "inputs of the model": {"errors": 1},
    "what it takes": {"documentation": 2, "manual": 2, "pages": 1},
    "takes and gives": {"command line": 1, "documentation": 1, "manual": 4},
    "what it answered": {"documentation": 1, "manual": 2, "reports": 1},
    "calls not answered": {"command line": 1, "pages": 1},
    "not answered": {"command line": 1, "manual": 1, "pages": 1, "reports": 2},
    "taken apart": {"command line": 1, "documentation": 2, "manual": 3, "pages": 1},
    "take apart": {"documentation": 1},
    "take metrics apart": {"command line": 2},
    "speaks for it": {"pages": 2},
    "is held against": {"documentation": 3, "manual": 1, "pages": 1},
    "are held against": {"documentation": 2, "pages": 1},
    "held against": {"command line": 1, "documentation": 6, "manual": 2, "pages": 2},
    "never tried": {"documentation": 1, "manual": 1},
    "was tried": {"command line": 1, "documentation": 2, "pages": 1},
    "were tried": {"manual": 2},
    "not tried yet": {"command line": 2},
    "less is better": {"command line": 1, "documentation": 4, "manual": 4, "pages": 4},
    "of which less is better": {"documentation": 2, "manual": 2},
    "no finite number": {"errors": 3, "manual": 1, "reports": 1},
    "no finite numbers": {"manual": 1},
    "is no assignment": {"errors": 1},
    "is no number": {"errors": 2},
    "is no setting": {"errors": 1},
    "is no exact name": {"errors": 1},
    "is no benchmark": {"pages": 2, "reports": 1},
    "is no json": {"errors": 5},
    "is no csv": {"errors": 1},
    "which is not there": {"errors": 2, "reports": 2},
    "is not there": {"errors": 12, "reports": 4},
    "stands there twice": {"errors": 2},
    "is a claim": {"command line": 2, "documentation": 4, "manual": 1, "pages": 1},
    "what is reported of": {"command line": 1},
    "says of itself": {"documentation": 1, "manual": 1},
    "say of themselves": {"command line": 1},
    "names nobody has trusted": {"command line": 1, "documentation": 2, "manual": 1, "reports": 2},
    "looked into": {"command line": 4, "documentation": 6, "manual": 2, "pages": 2, "reports": 1},
    "look into": {"command line": 1, "documentation": 3, "manual": 3, "reports": 2},
    "the look into": {"documentation": 2},
    "walled in": {"command line": 1, "manual": 1},
    "walls": {"documentation": 2},
    "wall of the sandbox": {"command line": 2, "manual": 1},
    "to stand in": {"manual": 1},
    "put back": {"documentation": 2, "manual": 3, "pages": 16},
    "puts the last": {"manual": 1, "pages": 1},
    "comes back as": {"manual": 1},
    "the way back": {"documentation": 1},
    "dealt": {"command line": 2, "documentation": 6, "errors": 1, "manual": 4, "pages": 5, "reports": 2},
    "dealt out": {"command line": 2, "manual": 2, "pages": 1, "reports": 2},
    "deals units": {"documentation": 1},
    "vouched": {"documentation": 1, "reports": 1},
    "not over yet": {"pages": 3},
    "are over": {"command line": 2, "manual": 1, "pages": 2},
    "is over": {"command line": 2, "documentation": 5, "manual": 3, "pages": 4},
    "untouchable": {"command line": 1, "manual": 2, "pages": 1},
    "unclaimed": {"manual": 1, "pages": 2, "reports": 2},
    "nothing claims": {"command line": 3, "documentation": 1, "manual": 1, "pages": 2},
    "nobody claims": {"documentation": 1},
    "swept": {"command line": 2, "documentation": 4, "manual": 2, "pages": 2},
    "sweeps": {"documentation": 1, "reports": 2},
    "sweep": {"command line": 1, "documentation": 1, "manual": 1, "pages": 1},
    "there and true": {"command line": 2, "manual": 1, "pages": 2},
    "all fit": {"command line": 1},
    "fit its chain": {"command line": 1},
    "does not fit any more": {"command line": 1},
    "small and sound": {"documentation": 1},
    "by the registry itself": {"documentation": 1, "pages": 1},
    "chosen by itself": {"documentation": 1, "manual": 1, "pages": 1},
    "for ever": {"documentation": 1, "pages": 2},
    "for good": {"command line": 2, "documentation": 1, "errors": 1, "manual": 3, "pages": 16, "reports": 1},
    "who a rollback would return to": {"command line": 1, "documentation": 1, "manual": 5, "pages": 2},
    "somebody": {"command line": 6, "documentation": 24, "errors": 3, "manual": 8, "pages": 17, "reports": 6},
    "nobody": {"command line": 4, "documentation": 26, "errors": 7, "manual": 13, "pages": 14, "reports": 11},
    "anybody": {"documentation": 3, "reports": 1},
    "how far it is": {"pages": 1},
    "told how long": {"manual": 1},
    "when left out": {"command line": 4, "manual": 10},
    "say no to": {"command line": 1, "manual": 1},
}


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


@pytest.mark.parametrize("phrase", avoided("Words"))
def test_no_text_says_what_the_style_guide_replaces(phrase: str) -> None:
    assert phrase == phrase.lower()
    found = uses(phrase)
    counts = Counter(text.area for text in found)
    allowed = EXCEPTIONS.get(phrase, {})
    wrong = [area for area, count in counts.items() if count > allowed.get(area, 0)]
    assert not wrong, f"write {avoided('Words')[phrase]!r} instead of {phrase!r}:\n" + "\n".join(
        str(text) for text in found if text.area in wrong
    )


#: Modules and classes that still bear an old name. A line may only go.
OLD_NAMES: set[str] = {
    "dashboard/board.py",
    "dashboard/cards.py",
    "dashboard/dossier.py",
    "dashboard/history.py",
    "dashboard/holdouts.py",
    "dashboard/submission.py",
    "dashboard/versus.py",
    "registry_core/actions/ending.py",
    "registry_core/actions/rooms.py: Rooms",
    "registry_core/actions/rows.py",
    "registry_core/actions/rows.py: Measurements",
    "registry_core/actions/verdicts.py",
    "registry_core/actions/watch/look.py",
    "registry_core/actions/watch/observe.py",
    "registry_core/actions/watch/trials.py",
    "registry_core/artifacts/sandbox/filter.py",
    "registry_core/artifacts/sandbox/walls.py",
    "registry_core/catalog/keeping.py",
    "registry_core/catalog/setaside.py",
    "registry_core/catalog/sums.py",
    "registry_core/cli/deciding.py",
    "registry_core/cli/measuring.py",
    "registry_core/cli/playing.py",
    "registry_core/cli/reading.py",
    "registry_core/cli/registering.py",
    "registry_core/cli/tidying.py",
    "registry_core/demo/teller.py",
    "registry_core/facade/deciding.py",
    "registry_core/facade/measuring.py",
    "registry_core/facade/reading.py",
    "registry_core/facade/registering.py",
    "registry_core/live/health.py: Limit",
    "registry_core/rules/live/sums.py",
    "registry_core/rules/measuring.py",
    "registry_core/rules/ranking.py",
}


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
    assert found <= OLD_NAMES, found - OLD_NAMES


#: Labels that still have two forms. A line may only go.
TWO_FORMS: set[str] = {
    "pages: version",
}


def test_a_label_has_one_form() -> None:
    forms: dict[tuple[str, str], set[str]] = {}
    for text in every_text():
        words = re.findall("[a-z0-9]+", text.text.lower())
        # An identifier that is shown on purpose (model_id) is no second form of a label.
        if text.label and 1 <= len(words) <= 4 and "_" not in text.text and "{" not in text.text:
            forms.setdefault((text.area, " ".join(words)), set()).add(text.text.strip())
    found = {f"{area}: {label}" for (area, label), spellings in forms.items() if len(spellings) > 1}
    assert found <= TWO_FORMS, {key: spellings for key, spellings in forms.items() if len(spellings) > 1}
