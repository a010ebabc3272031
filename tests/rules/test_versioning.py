from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_core import InvalidVersion, ModelMetadata
from registry_core.records import Submission
from registry_core.rules.versioning import next_version
from registry_core.version import Version

PARTS = st.integers(0, 9_999_999_999)
VERSIONS = st.builds(Version, PARTS, PARTS, PARTS)
LATEST = ModelMetadata(
    model_id="x", model_name="Churn", model_type="Forest", version="2.3.4", feature_names=["a", "b"], classes=[0, 1],
    hyperparameters={"trees": 5},
)  # fmt: skip
SAME = Submission("Churn", "Forest", {}, {}, ("a", "b"), {"trees": 5}, classes=(0, 1))


@given(VERSIONS)
def test_text_and_back(version: Version) -> None:
    assert Version.parse(str(version)) == version


@given(VERSIONS, st.sampled_from(["major", "minor", "patch"]))
def test_a_bump_is_always_higher(version: Version, part: str) -> None:
    assert version.bump(part) > version  # pyrefly: ignore[bad-argument-type]


@pytest.mark.parametrize(
    "text",
    ["-1.0.0", "0", "1.0", "1.0.0.0", "1e3.0.0", "01.0.0", "1.0.0 ", " 1.0.0", "1.0.0\n",
      f"{2**63}.0.0", "v1.0.0", "", "١.٠.٠", None, 1.0]
)  # fmt: skip
def test_anything_else_is_no_version(text: str) -> None:
    with pytest.raises(InvalidVersion, match=r"MAJOR\.MINOR\.PATCH"):
        Version.parse(text)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (SAME, "2.3.5"),
        (replace(SAME, hyperparameters={"trees": 6}), "2.4.0"),
        (replace(SAME, model_type="Boosting"), "2.4.0"),
        (replace(SAME, feature_names=("b", "a")), "3.0.0"),
        (replace(SAME, feature_names=("a", "b", "c"), model_type="Boosting"), "3.0.0"),
        (replace(SAME, classes=(0, 1, 2)), "3.0.0"),
        (replace(SAME, feature_names=(), classes=()), "2.3.5"),
    ],
)
def test_the_part_that_is_raised_says_what_changed(new: Submission, expected: str) -> None:
    assert str(next_version(LATEST, new, lambda _: False)[0]) == expected


def test_the_first_is_1_0_0() -> None:
    assert str(next_version(None, SAME, lambda _: False)[0]) == "1.0.0"


@pytest.mark.parametrize(("new", "expected"), [(SAME, "2.3.7"), (replace(SAME, feature_names=("c",)), "4.0.0")])
def test_taken_versions_are_stepped_over(new: Submission, expected: str) -> None:
    taken = {"2.3.5", "2.3.6", "3.0.0"}
    assert str(next_version(LATEST, new, lambda version: str(version) in taken)[0]) == expected
