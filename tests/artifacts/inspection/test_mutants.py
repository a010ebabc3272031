"""Good files with bytes changed, cut out or put in: inspected without an error, and nothing resolved unreported."""

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry_core.artifacts.inspection import inspect, unpacked
from registry_core.artifacts.inspection.refused import Refused
from registry_core.evidence import Inspection

from . import good
from .mutations import Edit, drawn, mutant, reshaped, resolved, sources, within


def check(data: bytes) -> Inspection:
    """The property, for one file."""
    found = inspect(data, "a mutant")
    assert found.verdict in ("trusted", "quarantined", "refused")
    assert bool(found.unknown) or found.verdict != "quarantined"
    if found.verdict != "refused" and found.format.startswith(("pickle", "joblib")):
        reported = set(found.names)
        assert resolved(data) <= reported
    return found


def hold(count: int) -> None:
    """The property for ``count`` mutants; raise it for a long run."""
    edit = st.tuples(
        st.sampled_from(["change", "insert", "cut"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=6),
    )

    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )
    @given(st.integers(0, len(sources()) - 1), st.lists(edit, min_size=1, max_size=3))
    def holds(which: int, edits: list[Edit]) -> None:
        check(mutant(sources()[which], edits))

    holds()


def test_mutants_are_inspected_without_an_error_and_report_what_they_resolve() -> None:
    hold(400)


def test_files_changed_inside_report_what_they_resolve() -> None:
    chance = random.Random(0)
    for _ in range(60):
        check(within(chance.choice(sources()), chance))


def test_models_with_one_part_changed_report_what_they_resolve() -> None:
    chance = random.Random(0)
    models = list(good.good_models().values())
    found = [check(reshaped(chance.choice(models), chance)).verdict for _ in range(60)]
    assert {"trusted", "refused"} <= set(found)


def test_a_seed_always_gives_the_same_mutants() -> None:
    model = good.good_models()["logistic regression"]

    def made(seed: int) -> list[bytes]:
        chance = random.Random(seed)
        return [within(sources()[0], chance), reshaped(model, chance), mutant(sources()[0], drawn(chance))]

    assert made(1) == made(1) != made(2)


def test_unchanged_files_resolve_exactly_what_is_reported() -> None:
    for data in sources():
        found = check(data)
        assert found.verdict == "trusted"
        if found.format == "pickle":
            assert resolved(data) == set(found.names)


def test_a_file_of_nothing_but_noise_is_refused() -> None:
    random = np.random.RandomState(0)
    for _ in range(200):
        assert check(random.bytes(200)).verdict == "refused"


def test_a_damaged_stream_is_refused_before_anything_is_unpacked() -> None:
    for head in (b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\x00", b"\x5d\x00\x00", b"\x04\x22\x4d\x18", b"\x78\x9c"):
        assert check(head + bytes(100)).verdict == "refused"
        with pytest.raises(Refused, match=r"damaged|truncated|goes on"):
            unpacked(head + bytes(100))
