"""Names that are read as one, and names that are not."""

from __future__ import annotations

import unicodedata

import pytest

from registry_core.rules import people

TWINS = {
    "capitals": ("anna", "Anna"),
    "all capitals": ("anna meier", "ANNA MEIER"),
    "spaces around": ("anna", "  anna "),
    "two spaces": ("anna meier", "anna  meier"),
    "a hard space": ("anna meier", "anna\u00a0meier"),
    "accents in parts": ("jos\u00e9", unicodedata.normalize("NFD", "jos\u00e9")),
    "wide letters": ("anna", "\uff41\uff4e\uff4e\uff41"),
    "mathematical letters": ("anna", "\U0001d41a\U0001d427\U0001d427\U0001d41a"),
    "a ligature": ("fiona", "\ufb01ona"),
    "sharp s": ("strasse", "stra\u00dfe"),
    "zero width": ("anna", "an\u200bna"),
    "a joiner": ("anna", "an\u200dna"),
    "a soft hyphen": ("anna", "an\u00adna"),
    "a mark of direction": ("anna", "\u202aanna\u202c"),
    "one Cyrillic letter": ("anna", "\u0430nna"),
    "Cyrillic only": ("copxa", "\u0441\u043e\u0440\u0445\u0430"),
    "Greek": ("nokia", "n\u03bfk\u03b9\u03b1"),
    "Greek capitals": ("ANNA", "\u0391\u039d\u039d\u0391"),
    "Cherokee": ("AMM", "\u13aa\u13b7\u13b7"),
    "Armenian": ("nou", "\u0578\u0585\u057d"),
    "no dot": ("iris", "\u0131r\u0131s"),
    "a Cyrillic capital I": ("Iris", "\u0406ris"),
    "I for l": ("carla", "carIa"),
    "one for l": ("carla", "car1a"),
    "nought for o": ("otto", "0tt0"),
}
OTHERS = [
    ("anna", "bea"),
    ("anna", "hanna"),
    ("jos\u00e9", "jose"),
    ("anna", "anna2"),
    ("auto", "autos"),
    ("a", ""),
    ("ci", "c"),
]


@pytest.mark.parametrize("what", TWINS)
def test_names_that_are_read_as_one(what: str) -> None:
    one, other = TWINS[what]
    assert one != other
    assert people.same(one, other)
    assert people.same(other, one)


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_names_that_are_not(one: str, other: str) -> None:
    assert not people.same(one, other)


@pytest.mark.parametrize(
    "name",
    ["auto", "Auto", "AUTO", " auto ", "\u0430uto", "aut\u043e", "\u0430\u03c5t\u043e",
     "\uff41\uff55\uff54\uff4f", "aut0", "au\u00adto",
     "the registry", "The Registry itself", "registry itself", "\U0001d41auto", "a\u03c5to"],
)  # fmt: skip
def test_what_the_registry_calls_itself(name: str) -> None:
    assert people.is_reserved(name)
