"""Completes a CycloneDX bill of materials with the licences it lacks, and writes all of them as a page.

``python docs/write_licenses.py BILL PAGE`` in the environment that the bill is of. `make sbom` does it.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

HEAD = """# Licences

What `make run` installs, and under which licence, as the packages themselves declare it. Written by `make sbom`, which
also writes the bill of materials (`build/sbom.json`, CycloneDX). The set-up's own tools are among them; a package that
only another system or another Python needs is not.

| package | version | licence |
|---|---|---|
"""


def licence(component: dict[str, Any]) -> str:
    """What a component declares: an SPDX expression, else SPDX names, else the words it has."""
    declared = component.get("licenses", [])
    expressions: list[str] = [each["expression"] for each in declared if "expression" in each]
    licences = [each["license"] for each in declared if "license" in each]
    names = [each["id"] for each in licences if "id" in each] or [each["name"] for each in licences if "name" in each]
    return "; ".join(expressions or [name.rpartition(":: ")[2] for name in names])


def complete(component: dict[str, Any]) -> None:
    """Older packages give their licence as a line of text, which the bill leaves out."""
    if not licence(component):
        text = str(metadata(component["name"]).json.get("license") or "unknown")
        component["licenses"] = [{"license": {"acknowledgement": "declared", "name": text.strip().splitlines()[0]}}]


def main(bill: Path, page: Path) -> None:
    content = json.loads(bill.read_text(encoding="utf-8"))
    for component in content["components"]:
        complete(component)
    bill.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    components = sorted(content["components"], key=lambda component: str(component["name"]).lower())
    rows = [f"| {each['name']} | {each['version']} | {licence(each)} |" for each in components]
    page.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:3]))
