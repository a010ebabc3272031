"""What a trusted name is: a class of somebody's own code, found without importing that code, or an ONNX operator."""

from __future__ import annotations

import ast
import re
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from ..errors import InvalidConfiguration
from ..evidence import KnownClass
from .inspection.names import check_trustable, is_operator, listed

_PRODUCT = "model-registry-dashboard"
#: What this product itself is made of; installed for editing, it does not say so.
_OWN = frozenset({"registry_core", "dashboard", "pages"})
#: Methods that run while a file is loaded.
_AT_LOAD = ("__new__", "__init__", "__setstate__", "__setitem__", "append", "extend", "__init_subclass__", "__del__")
_MOST_SOURCE = 10_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


def check(name: str) -> None:
    """Accept a name for the list of trusted ones, as far as can be said without its code.

    Raises:
        InvalidConfiguration: nobody may trust it; the message says why.
    """
    check_trustable(name)
    if name not in listed() and is_installed(name.partition(".")[0]):
        raise InvalidConfiguration(
            f"{name!r:.120} may not be trusted: it belongs to a package that this product installs, of which only "
            "reviewed imports are allowed; save the model without it"
        )


def find_operator(name: str) -> KnownClass:
    """The operator of a name that an ONNX file uses.

    Raises:
        InvalidConfiguration: ONNX Runtime has no operators of that domain.
    """
    check(name)
    if not is_operator(name):
        raise InvalidConfiguration(
            f"{name!r:.120} may not be trusted: ONNX Runtime has no operators of the domain "
            f"{name.rpartition('.')[0]!r:.120}, so the model runs nowhere; export it with standard operators"
        )
    return KnownClass(name, "", 0, (), (), kind="operator")


def find(name: str) -> KnownClass:
    """The class of a name, as its source has it; the operator, where the name is one of ONNX Runtime's.

    Raises:
        InvalidConfiguration: it is not there, or no class.
    """
    check(name)
    module_name, _, own = name.rpartition(".")
    module = sys.modules.get(module_name)
    if module is not None:
        return _imported(name, module, own)
    path = _source(module_name)
    if path is None and is_operator(name):
        return find_operator(name)
    if path is None:
        raise InvalidConfiguration(
            f"{name!r:.120} cannot be reviewed: the source of {module_name!r:.120} is not installed; install the "
            "package that defines it"
        )
    if path.stat().st_size > _MOST_SOURCE:
        raise InvalidConfiguration(f"{name!r:.120} cannot be reviewed: {path} is not a plain source file")
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidConfiguration(f"{name!r:.120} cannot be reviewed: {path} is not Python ({error})") from error
    kinds = {ast.ClassDef: "a class", ast.FunctionDef: "a function", ast.AsyncFunctionDef: "a function"}
    found = [node for node in tree.body if isinstance(node, tuple(kinds)) and getattr(node, "name", "") == own]
    if not found:
        raise InvalidConfiguration(
            f"{path} does not define a class {name!r:.120}: trust the class itself, in the module that defines it"
        )
    node = found[-1]
    if not isinstance(node, ast.ClassDef):
        raise _no_class(name, kinds[type(node)])
    inner = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
    return KnownClass(
        name, str(path), node.lineno, tuple(ast.unparse(each) for each in node.bases),
        tuple(each for each in _AT_LOAD if each in inner),
    )  # fmt: skip


def _imported(name: str, module: ModuleType, own: str) -> KnownClass:
    value = vars(module).get(own)
    if not isinstance(value, type):
        raise _no_class(name, "not there" if value is None else f"a {type(value).__name__}")
    path, line = getattr(module, "__file__", None) or "", 0
    if path.endswith(".py"):
        try:
            tree = ast.parse(Path(path).read_bytes())
            line = next((each.lineno for each in tree.body if isinstance(each, ast.ClassDef) and each.name == own), 0)
        except (OSError, SyntaxError, ValueError):
            line = 0
    inner = vars(value)
    bases = tuple(each.__qualname__ for each in value.__bases__ if each is not object)
    return KnownClass(name, path, line, bases, tuple(each for each in _AT_LOAD if each in inner))


def _no_class(name: str, what: str) -> InvalidConfiguration:
    return InvalidConfiguration(
        f"{name!r:.120} is {what}, and only classes can be trusted; save the model without it, or replace it with a "
        "class of your own"
    )


def _spec(module: str) -> ModuleSpec | None:
    """Where a module lies. Finders look at folders only: nothing is imported, not even a package on the way."""
    path = None
    found: ModuleSpec | None = None
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        full = ".".join(parts[:end])
        specs = (finder.find_spec(full, path) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        found = next((each for each in specs if each is not None), None)
        if found is None:
            return None
        path = found.submodule_search_locations
    return found


def _source(module: str) -> Path | None:
    found = _spec(module)
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        return None
    path = Path(found.origin)
    return path if path.is_file() else None


@cache
def is_installed(top: str) -> bool:
    """Whether a module of this name, without dots, comes with this product."""
    if top in _OWN:
        return True
    try:
        places = _spec(top)
    except (ImportError, ValueError):
        places = None
    where = [] if places is None else [places.origin or "", *(places.submodule_search_locations or ())]
    installed = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    if places is not None and not any(each.startswith(tuple(installed)) for each in where):
        return False
    owners = _owners().get(top, ())
    product = _distributions()
    # Where the product is not installed as one, nobody can say what came with it.
    return any(product is None or _plain(each) in product for each in owners)


@cache
def _owners() -> Mapping[str, Sequence[str]]:
    """Module -> the distributions it is part of. Reading what each installed takes about a second."""
    # Imported here: it takes longer than the rest of the core that opens a registry.
    from importlib import metadata

    return metadata.packages_distributions()


@cache
def _distributions() -> frozenset[str] | None:
    """The product and everything it needs, its extras included, as far as it is installed."""
    from importlib import metadata

    try:
        metadata.distribution(_PRODUCT)
    except metadata.PackageNotFoundError:
        return None
    found: set[str] = set()
    waiting: list[tuple[str, frozenset[str] | None]] = [(_PRODUCT, None)]
    seen: set[tuple[str, frozenset[str] | None]] = set()
    while waiting:
        name, extras = step = waiting.pop()
        if step in seen:
            continue
        seen.add(step)
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(_plain(name))
        for need in needs:
            what, _, marker = need.partition(";")
            extra = _EXTRA.search(marker)
            if extra is None or extras is None or extra[1] in extras:
                other = _NAME.match(what.strip())
                assert other is not None
                asked = re.search(r"\[([^\]]*)\]", what)
                wanted = frozenset(each.strip() for each in asked[1].split(",")) if asked else frozenset[str]()
                waiting.append((other[0], wanted))
    return frozenset(found)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
