"""The image's recipe and the manifests are what their validators accept, and name what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
#: Where programs of the packages of this environment are.
PROGRAMS = Path(sys.executable).parent


def documents() -> list[dict[str, Any]]:
    return [each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text())]


@pytest.mark.parametrize(
    "words",
    [
        ["hadolint", str(DEPLOY / "Containerfile")],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")],
        ["kubernetes-validate", "--strict", *map(str, MANIFESTS)],
    ],
    ids=lambda words: words[0],
)
def test_validators_accept_them(words: list[str]) -> None:
    done = subprocess.run([PROGRAMS / words[0], *words[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def pods() -> list[dict[str, Any]]:
    """The specification of each pod."""
    found = []
    for each in documents():
        specification = each.get("spec", {})
        specification = specification.get("jobTemplate", {}).get("spec", specification)
        if "template" in specification:
            found.append(specification["template"]["spec"])
    return found


def test_no_pod_can_do_more_than_it_needs() -> None:
    assert len(pods()) == 3
    for pod in pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            allowed = container["securityContext"]
            assert (allowed["readOnlyRootFilesystem"], allowed["allowPrivilegeEscalation"]) == (True, False)
            assert allowed["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


def test_pods_and_image_agree() -> None:
    recipe = (DEPLOY / "Containerfile").read_text()
    (user,) = re.findall(r"^USER (\d+):", recipe, re.MULTILINE)
    places = {place for given in re.findall(r"^VOLUME (.+)$", recipe, re.MULTILINE) for place in yaml.safe_load(given)}
    for pod in pods():
        assert pod["securityContext"]["runAsUser"] == int(user)
        names = {each["name"] for each in pod["volumes"]}
        for container in pod["containers"]:
            mounted = {each["mountPath"] for each in container["volumeMounts"]}
            assert {*places, "/tmp"} <= mounted
            assert {each["name"] for each in container["volumeMounts"]} <= names
    for name in re.findall(r"requirements/\w+\.txt", recipe):
        assert (ROOT / name).exists()


def test_there_are_no_passwords() -> None:
    for each in documents():
        if each["kind"] == "Secret":
            assert {*each.get("stringData", {}).values()} <= {"change-me"}
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    given = [
        str(value)
        for service in compose["services"].values()
        for name, value in service.get("environment", {}).items()
        if "PASSWORD" in name or "SECRET" in name
    ]
    assert len(given) == 3
    assert all(re.match(r"\$\{\w+:\?", value) for value in given)
