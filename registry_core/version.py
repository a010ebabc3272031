"""Semantic versions of models: parsed, ordered by number, bumped."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from .errors import InvalidVersion

#: The release of this package.
RELEASE = "0.1.0"

Bump = Literal["major", "minor", "patch"]

# Ten digits and no leading zero: fits a signed 64-bit column with room for every bump, and has one spelling only.
_PATTERN = re.compile(r"(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})\.(0|[1-9][0-9]{0,9})", re.ASCII)


class Version(NamedTuple):
    """MAJOR.MINOR.PATCH; compares as three integers, so 1.10.0 > 1.9.0.

    >>> Version.parse("1.10.0") > Version.parse("1.9.0")
    True
    >>> str(Version(1, 2, 3).bump("minor"))
    '1.3.0'
    """

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``"1.2.3"``.

        Raises:
            InvalidVersion: for anything else: signs, leading zeros, exponents, more or fewer parts.
        """
        match = _PATTERN.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise InvalidVersion(
                f"version {text!r} is not MAJOR.MINOR.PATCH (three whole numbers such as 1.4.0); correct it, or omit "
                "it for the next version"
            )
        return cls(*(int(part) for part in match.groups()))

    def bump(self, part: Bump) -> Version:
        """The next version: MAJOR when inputs change, MINOR when the recipe changes, PATCH when only retrained."""
        if part == "major":
            return Version(self.major + 1, 0, 0)
        if part == "minor":
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


FIRST = Version(1, 0, 0)
