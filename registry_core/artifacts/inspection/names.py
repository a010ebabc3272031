"""Which names a model file may use, and which nobody may ever allow.

The list is exact: ``module.name`` with the roles it may have. It is derived from the libraries themselves (``derive``)
and kept as JSON beside this file. A name that is not on it puts the file into quarantine, where a reviewer sees it,
unless it is one of those that may never be trusted:

- the standard library: there, nothing that a fitted model needs is missing from the list, and half of what is left
  runs programs, opens files or imports. A file with ``getattr`` goes into quarantine, and stays there; so does one
  with ``functools.partial``, but for the plain form that ``partials`` knows;
- what installs software, and what builds or tests a package, wherever it stands inside it;
- what reads or writes pickles or files by itself, and so would let a second, unchecked file in;
- scipy's distributions, whose state holds source code that runs when they are loaded.
"""

from __future__ import annotations

import json
import re
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from typing import Literal

from ...errors import InvalidConfiguration
from .refused import Refused

Role = Literal["instantiate", "call", "reference"]

_WELL_FORMED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
PARTIAL = "functools.partial"
# The domain of the operators that ONNX Runtime has beside those of the standard.
_RUNTIME = "com.microsoft."
_FOR_REVIEW = frozenset({"builtins.getattr", PARTIAL})
_OLD_MODULES = frozenset(IMPORT_MAPPING) | {module for module, _ in NAME_MAPPING}
_STANDARD = frozenset(sys.stdlib_module_names) | {name.partition(".")[0] for name in _OLD_MODULES} | {"nt", "posix"}
_INSTALLERS = frozenset(
    {"IPython", "_pytest", "cffi", "cloudpickle", "dill", "hypothesis", "jsonpickle", "meson", "mesonpy", "pip"}
    | {"pkg_resources", "py", "pytest", "setuptools", "wheel"}
)
_TOOLS = frozenset(
    {"_build_utils", "_testing", "_testutils", "conftest", "distutils", "externals", "f2py", "testing", "tests"}
)
_NEVER_BELOW = (
    "joblib.",
    "scipy.io.",
    "scipy.stats.",
    "numpy.lib.",
    "numpy.ctypeslib.",
    "pandas.io.",
    "skops.io.",
    "sklearn.datasets.",
    "scipy.datasets.",
)
_NEVER = frozenset(
    {f"numpy.{name}" for name in ("fromfile", "genfromtxt", "load", "loadtxt", "memmap", "save", "savetxt", "savez")}
    | {f"numpy.{name}" for name in ("fromregex", "savez_compressed", "DataSource", "vectorize", "frompyfunc")}
    | {"numpy.core.memmap.memmap", "numpy._core.memmap.memmap", "numpy.core.records.fromfile"}
    | {"numpy._core.records.fromfile", "torch.load", "torch.storage._load_from_bytes", "joblib.load"}
    | {"pandas.eval", "pandas.read_pickle", "pandas.to_pickle", "lightgbm.basic._safe_call"}
)

_WITHOUT = "Save the model without it (of a search, save best_estimator_), and upload that file"


@cache
def listed() -> Mapping[str, frozenset[Role]]:
    """Every trusted name with its roles, over all versions of the libraries that were looked at."""
    content = json.loads(
        resources.files("registry_core.artifacts.inspection").joinpath("allowed.json").read_text(encoding="utf-8")
    )
    roles: dict[str, set[Role]] = {}
    for version in content.values():
        for role, names in version.items():
            for name in names:
                roles.setdefault(name, set()).add(role)
    return {name: frozenset(its) for name, its in roles.items()}


def canonical(module: str, name: str, protocol: int) -> str:
    """The name that a pickle of this protocol reaches: below 3, the places of Python 2 are translated.

    Raises:
        Refused: it is no plain name, or reaches through one name into another.
    """
    if protocol < 3:
        # The same two look-ups, in the same order, as pickle itself makes.
        if (module, name) in NAME_MAPPING:
            module, name = NAME_MAPPING[module, name]
        elif module in IMPORT_MAPPING:
            module = IMPORT_MAPPING[module]
    if "." in name or not _WELL_FORMED.fullmatch(name) or not _WELL_FORMED.fullmatch(module):
        raise Refused(f"it reaches for {module[:80]!r}, {name[:80]!r}, which is not one plain name in one module")
    return f"{module}.{name}"


def never(name: str) -> bool:
    """Whether nobody may ever trust this name; see the head of this file."""
    parts = name.split(".")
    if name in listed() or name in _FOR_REVIEW:
        return False
    return (
        parts[0] in _STANDARD
        or parts[0] in _INSTALLERS
        or not _TOOLS.isdisjoint(parts[1:-1])
        or name.startswith(_NEVER_BELOW)
        or name in _NEVER
    )


def may_load(module: str, name: str, extra_trusted: Collection[str]) -> str | None:
    """None when an unpickler may import this name; else what it is called. The check at load asks this.

    In place of ``functools.partial`` an unpickler has to hand out ``partials.listed_partial``.

    Raises:
        Refused: it is no plain name.
    """
    full = f"{module}.{name}"
    if full in listed() and "." not in name and module not in _OLD_MODULES:
        return None
    # The protocol is unknown here: judged as an old one, a name comes out the same or as what pickle translates it to.
    full = canonical(module, name, 2)
    return None if full in listed() or full == PARTIAL or (full in extra_trusted and is_trustable(full)) else full


class Trust:
    """Keeps account of the names that one file uses, each in its role."""

    def __init__(self, extra_trusted: Collection[str] = ()) -> None:
        self._listed = listed()
        self._extra_trusted = frozenset(filter(is_trustable, extra_trusted))
        self.names: dict[str, None] = {}
        self.unknown: dict[str, None] = {}

    def meet(self, name: str) -> None:
        """Note that a file imports this name.

        Raises:
            Refused: it may never be trusted.
        """
        if name in self.names:
            return
        self.names[name] = None
        if name not in self._listed and never(name):
            raise Refused(f"it names {name}, which no model needs and which can never be trusted", _WITHOUT)

    def use(self, name: str, role: Role) -> bool:
        """Whether the list has the name in this role; where it has not, and nobody else trusts it, it is unknown."""
        if role in self._listed.get(name, ()):
            return True
        if name not in self._extra_trusted:
            self.unknown[name] = None
        return False

    def foreign(self, name: str) -> bool:
        """Whether nothing is known here of how its objects look: it is not on the list, or not as it is used."""
        return name in self.unknown or (name in self._extra_trusted and name not in self._listed)


def is_trustable(name: str) -> bool:
    """Whether ``check_trustable`` accepts a name."""
    try:
        check_trustable(name)
    except InvalidConfiguration:
        return False
    return True


def is_operator(name: str) -> bool:
    """Whether a name from an ONNX file is of an operator that ONNX Runtime has, outside the standard."""
    return name.startswith(_RUNTIME)


def check_trustable(name: str) -> None:
    """Accept a name for the configuration's list of further trusted names.

    Raises:
        InvalidConfiguration: it is no exact ``module.name``, or one that nobody may trust.
    """
    if not isinstance(name, str) or "*" in name or "?" in name:
        raise InvalidConfiguration(
            f"{name!r:.120} would trust more than one name; write each as module.name, such as mypackage.models.Winner"
        )
    module = name.rpartition(".")[0]
    if not module or not _WELL_FORMED.fullmatch(name):
        raise InvalidConfiguration(
            f"{name!r:.120} is not an exact name; write it as module.name, such as mypackage.models.Winner"
        )
    # In module.Class.method the part before the last dot would be no module.
    if any(part[:1].isupper() for part in module.split(".")):
        raise InvalidConfiguration(
            f"{name!r:.120} reaches into a class; trust the class itself, as {module!r:.120}, or nothing"
        )
    if never(name) or name in _FOR_REVIEW:
        raise InvalidConfiguration(
            f"{name!r:.120} may not be trusted: with it, a file can run programs, read or write files, or import; "
            "save the model without it"
        )
