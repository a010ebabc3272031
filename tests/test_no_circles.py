"""No module of the core needs itself: neither by way of other modules, nor a package by way of its neighbours."""

from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.test_house import CORE, imports_of, sources


def module_of(path: Path) -> str:
    parts = [*path.relative_to(CORE.parent).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows(name: Callable[[str], str] = lambda module: module) -> dict[str, set[str]]:
    """Who imports whom, for types and inside of functions as well; ``name`` may take several modules together."""
    modules = {module_of(path): path for path in sources("registry_core")}
    found: dict[str, set[str]] = {}
    for module, path in modules.items():
        needed = found.setdefault(name(module), set())
        for each in imports_of(path):
            whole = f"{each.module}.{each.name}"
            target = whole if whole in modules else each.module
            if target in modules and name(target) != name(module):
                needed.add(name(target))
    return found


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle, in the order of its imports; empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [*reversed(error.args[1])]
    return []


def test_modules() -> None:
    assert not circle(arrows())


def test_packages_of_actions() -> None:
    # Below actions, each package is one: what two of them need stands beside them.
    packages = ("maintenance", "serve", "watch")

    def named(module: str) -> str:
        parts = module.split(".")
        return ".".join(parts[:3]) if parts[1:2] == ["actions"] and parts[2:3] in [[each] for each in packages] else ""

    graph = {name: {each for each in needed if each} for name, needed in arrows(named).items() if name}
    assert set(graph) == {f"registry_core.actions.{each}" for each in packages}
    assert not circle(graph)


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert not circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})
