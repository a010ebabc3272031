"""The kinds of events: each is emitted somewhere, each has its label and its payload, and nothing else is emitted."""

import ast
from pathlib import Path

from registry_core import EventKind, Registry
from registry_core.catalog import events

ACTIONS = Path(__file__).resolve().parents[1] / "registry_core"


def named() -> set[str]:
    """Every member of the enumeration that the core names outside of the enumeration itself."""
    return {
        node.attr
        for path in [*(ACTIONS / "actions").rglob("*.py"), *(ACTIONS / "rules").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "EventKind"
        # A name in capitals is a kind; the class has methods as well.
        if node.attr.isupper()
    }


def test_every_kind_is_emitted() -> None:
    assert named() == set(EventKind.__members__)


def test_every_kind_has_its_own_label_and_says_what_it_holds() -> None:
    assert all(kind.label and kind.payload for kind in EventKind)
    labels = [kind.label for kind in EventKind]
    assert len(labels) == len(set(labels))


def test_a_kind_is_the_stored_text() -> None:
    # Events are chained by their hashes: a kind that was spelt otherwise would break every existing registry.
    assert {kind.name.lower() for kind in EventKind} == {kind.value for kind in EventKind}
    assert EventKind("rolled_back") == "rolled_back" == f"{EventKind.ROLLED_BACK}"


def test_kinds_select_events(sqlite_registry: Registry) -> None:
    (created,) = sqlite_registry.events(kinds=[EventKind.CREATED])
    assert type(created.kind) is str
    assert EventKind.label_of(created.kind) == "Registry created"
    assert EventKind.label_of("moved_elsewhere") == "Moved elsewhere"
    assert events.first_break(sqlite_registry._context.database) is None
