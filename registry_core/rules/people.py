"""Whose name is whose: how names are read by people, who cannot tell some letters from others."""

from __future__ import annotations

import unicodedata

#: What the registry calls itself, and what pages call it; nobody else may.
RESERVED = ("auto", "the registry", "the registry itself", "registry itself")

# Letters of other scripts that look like Latin ones: a name of nothing else is caught as well as one with a single one.
_LOOKS_LIKE = str.maketrans(
    "АВЕКМНОРСТУХІЈЅԌԜԚԀҺ" "авекмнорстухіјѕԍԝԛԁһӏѵг" "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" "αβειικνορτυχγϲϳ" "օսհոցզ"
    "ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏚᎢᏙᎳᏃ" "ıɑɡɩƅ",
    "ABEKMHOPCTYXIJSGWQDh" "abekmhopctyxijsgwqdhlvr" "ABEZHIKMNOPTYX" "abeiikvoptuxycj" "ouhngq"
    "ABCDEGHJKLMPSTVWZ" "iagib",
)  # fmt: skip
_LIKE_L_AND_O = str.maketrans("I1|0", "lllO")


def same(one: str, other: str) -> bool:
    """Whether two names are one person's, or are read as one: however they are written, in whichever script."""
    return any(mine == theirs for mine, theirs in zip(_readings(one), _readings(other), strict=True))


def is_reserved(name: str) -> bool:
    """Whether a name is, or is read as, what the registry calls itself."""
    return any(same(name, each) for each in RESERVED)


def _folded(name: str) -> str:
    seen = "".join(each for each in unicodedata.normalize("NFKC", name) if unicodedata.category(each)[0] != "C")
    return " ".join(seen.casefold().split())


def _readings(name: str) -> tuple[str, str, str]:
    """As it is written; in one script; and by its shape alone."""
    latin = unicodedata.normalize("NFKC", name).translate(_LOOKS_LIKE)
    return _folded(name), _folded(latin), _folded(latin.translate(_LIKE_L_AND_O))
