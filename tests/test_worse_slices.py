"""The simulation of slices that a verdict calls worse, in a few seeded runs."""

from benchmarks import worse_slices


def test_a_planted_slice_is_named_and_chance_alone_names_none() -> None:
    assert not any(worse_slices.draw(seed, 0.0).worse() for seed in range(4))
    assert all(worse_slices.PLANTED in worse_slices.draw(seed, 0.15).worse() for seed in range(4, 7))


def test_both_rows_are_printed_with_their_bounds() -> None:
    equal, planted = worse_slices.rows(3)
    assert equal[1:] == ["3", "0.0% (<= 63.2%)", "<= 5%", "met"]
    assert planted[1:] == ["3", "100.0% (>= 36.8%)", ">= 80%", "met"]
