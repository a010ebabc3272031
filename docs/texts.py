"""Every text that a person can meet, read from the sources: ``python -m docs.texts [AREA ...]``.

The areas are those of ``AREAS``; all are printed when none is named. Nothing of the product is imported or run: the
texts are read from the syntax trees, so what a page shows only on a bad day is printed as well. A value that is filled
in when the program runs is printed as its name in braces.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

AREAS = {
    "pages": "what the dashboard shows, by page and part",
    "command line": "help and output of model-registry, by module",
    "errors": "what an exception says, by its class",
    "reports": "sentences of the core: events, alerts, findings, verdicts, by module",
    "manual": "help(Registry) and the records it returns",
    "documentation": "README.md and docs/, paragraph by paragraph",
}

#: Calls whose first argument is a label, a heading or a text, however short it is.
_SHOWING = {
    "Choice", "Column", "Page", "argument", "badge", "button", "caption", "checkbox", "command", "download_button",
    "error", "expander", "file_uploader", "form_submit_button", "group", "header", "info", "link_button", "markdown",
    "metric", "multiselect", "number_input", "page_link", "pills", "popover", "radio", "segmented_control", "selectbox",
    "slider", "subheader", "success", "tab", "tabs", "table", "text_area", "text_input", "title", "toast", "toggle",
    "warning", "write",
}  # fmt: skip
#: Keywords whose value is one, whatever is called.
_SHOWN = {"caption", "help", "label", "name", "placeholder", "title", "text"}

#: Rooms of the core whose classes and methods are public.
_DOCUMENTED = {
    "errors", "events", "evidence", "facade", "gates", "insights", "live", "maintenance", "policies", "records",
    "registry", "settings", "signature", "tables",
}  # fmt: skip

_SQL = re.compile(
    r"\s*\(?(ALTER|ANALYZE|AND|BEGIN|CREATE|DELETE|DROP|FROM|GROUP|HAVING|INSERT|JOIN|LEFT|LIMIT|LOCK|ON CONFLICT|"
    r"ORDER|PRAGMA|RAISE|RETURNING|SAVEPOINT|SELECT|SET|UNION|UPDATE|VACUUM|VALUES|WHERE|WITH)\b|\s*\w\.\w+, "
)
_MARKUP = re.compile(r"\s*<(?!\{)|[{};]\s*\n|\bvar\(--|^\s*[-.\w]+\s*:\s*[-\w#]+\s*;")
_WORDS = re.compile(r"[A-Za-z]{2,}['’,.;:)]*\s+[('’\"]?(\{|[A-Za-z0-9])")


@dataclass(frozen=True)
class Text:
    """One text, and where it stands."""

    area: str
    place: str  # a page, a module, an exception's class, a method or a paragraph's heading
    path: Path
    line: int
    text: str
    label: bool = False

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.text}"


@cache
def texts() -> tuple[Text, ...]:
    """Every text, area by area; read once."""
    return tuple(_texts())


def _texts() -> Iterator[Text]:
    for folder in ("dashboard", "pages", "registry_core"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _Source(path).texts()
    for path in (
        *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
        *sorted((ROOT / "docs").glob("*.md")),
    ):
        if path.exists():
            yield from _paragraphs(path)


class _Source:
    """The texts of one module."""

    def __init__(self, path: Path) -> None:
        self.path = path
        parts = path.relative_to(ROOT).with_suffix("").parts
        self.module = ".".join(parts[1:] if parts[0] == "registry_core" else parts)
        self.area = (
            "pages" if parts[0] in ("dashboard", "pages") else "command line" if parts[1] == "cli" else "reports"
        )
        self.tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))

    def texts(self) -> Iterator[Text]:
        yield from self._block(self.tree, None)

    def _block(self, node: ast.AST, owner: str | None) -> Iterator[Text]:
        """A module, class or function: its docstring, where it is shown, and what stands in it."""
        docstring = None
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text is not None:
                docstring = node.body[0]
                area = None if isinstance(node, ast.Module) else self._docstring_area(node, owner)
                if area is not None and not isinstance(node, ast.Module):
                    # A person finds the methods of the facade's groups on Registry.
                    holder = "Registry" if self.module.startswith("facade.") else owner
                    place = f"{holder}.{node.name}" if owner and owner != node.name else node.name
                    yield Text(area, place, self.path, docstring.lineno, text)
        for child in ast.iter_child_nodes(node):
            if child is not docstring:
                yield from self._visit(child, owner, None, False)

    def _docstring_area(
        self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, owner: str | None
    ) -> str | None:
        if node.name.startswith("_"):
            return None
        if self.module.startswith("cli."):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            shown = any("command" in decorator or "group" in decorator for decorator in decorators)
            return "command line" if shown else None
        documented = self.module.partition(".")[0] in _DOCUMENTED and (owner or isinstance(node, ast.ClassDef))
        return "manual" if documented else None

    def _visit(self, node: ast.AST, owner: str | None, error: str | None, label: bool) -> Iterator[Text]:
        match node:
            case ast.ClassDef():
                yield from self._block(node, node.name)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from self._block(node, owner)
            case ast.Raise(exc=ast.Call(func=func) as call):
                name = ast.unparse(func).rpartition(".")[2]
                for child in ast.iter_child_nodes(call):
                    yield from self._visit(child, owner, name, False)
            case ast.Call():
                yield from self._call(node, owner, error)
            case ast.JoinedStr() | ast.Constant(value=str()):
                yield from self._string(node, owner, error, label)
            case ast.Compare() | ast.Subscript() | ast.AnnAssign(value=None) | ast.arg():
                # Keys and literals that are compared with, not shown.
                for child in ast.iter_child_nodes(node):
                    if not isinstance(child, ast.Constant | ast.JoinedStr):
                        yield from self._visit(child, owner, error, False)
            case _:
                for child in ast.iter_child_nodes(node):
                    keeps = isinstance(node, ast.List | ast.Tuple | ast.IfExp | ast.Starred)
                    yield from self._visit(child, owner, error, label and keeps)

    def _call(self, call: ast.Call, owner: str | None, error: str | None) -> Iterator[Text]:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        yield from self._visit(call.func, owner, error, False)
        if name in ("getenv", "execute", "compile", "match", "search", "query", "setattr", "getattr", "html"):
            return
        for place, argument in enumerate(call.args):
            # st.warning shows its first argument; the function warning of integrity checks takes a stored name first.
            shows = name in _SHOWING and (name != "warning" or isinstance(call.func, ast.Attribute))
            yield from self._visit(argument, owner, error, shows and place == 0)
        for keyword in call.keywords:
            yield from self._visit(keyword.value, owner, error, keyword.arg in _SHOWN)

    def _string(
        self, node: ast.JoinedStr | ast.Constant, owner: str | None, error: str | None, label: bool
    ) -> Iterator[Text]:
        text = rendered(node)
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from self._visit(part.value, owner, error, False)
        if _SQL.match(text) or _MARKUP.search(text) or not re.search("[A-Za-z]{2}", text):
            return
        if _WORDS.search(text) or (label and text[:1].isalpha()):
            area = "errors" if error else self.area
            yield Text(area, error or self.module, self.path, node.lineno, text, label)


def rendered(node: ast.JoinedStr | ast.Constant) -> str:
    """The text of a string, with the names of what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            names = re.findall(r"[A-Za-z_]\w*", ast.unparse(part.value))
            parts.append("{" + (names[-1] if names else "...") + "}")
    return "".join(parts)


def _paragraphs(path: Path) -> Iterator[Text]:
    """What stands on a page of the documentation outside of its code, by heading."""
    heading, lines, first, fenced = path.name, list[str](), 1, False
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), ""], 1):
        if line.startswith("```"):
            fenced = not fenced
        if line.strip() and not fenced and not line.startswith(("```", "#")):
            first, lines = (number, [line]) if not lines else (first, [*lines, line])
            continue
        if lines:
            yield Text("documentation", heading, path, first, "\n".join(lines))
            lines = []
        if line.startswith("#") and not fenced:
            heading = f"{path.name}: {line.lstrip('# ')}"
            yield Text("documentation", heading, path, number, line.lstrip("# "))


def write(areas: Iterable[str]) -> None:
    """Print the texts of these areas, each below its place."""
    wanted = list(areas)
    found = [text for text in texts() if text.area in wanted]
    for area in wanted:
        print(f"\n{'=' * 8} {area}: {AREAS[area]}")
        ordered = sorted(
            (text for text in found if text.area == area), key=lambda text: (text.place, text.path, text.line)
        )
        for place, group in groupby(ordered, key=lambda text: text.place):
            print(f"\n{place}")
            for text in group:
                print("  " + text.text.strip().replace("\n", "\n  "))


if __name__ == "__main__":
    asked = sys.argv[1:] or list(AREAS)
    unknown = [area for area in asked if area not in AREAS]
    if unknown:
        sys.exit(f"There is no area {unknown[0]!r}. Areas: {', '.join(AREAS)}.")
    write(asked)
