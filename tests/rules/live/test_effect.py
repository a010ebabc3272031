"""What an effect says of the labels that are still needed, by hand-computed numbers."""

from dataclasses import replace

import pytest

from registry_core import Effect

UNCLEAR = Effect(
    "accuracy", "split", 600, 400, True, value=0.005, low=-0.01, high=0.02, more_labels=3141, worth=0.02
)  # fmt: skip


def test_progress_counts_the_labels_of_both_models_in_a_split() -> None:
    # 1,000 of 4,141
    assert UNCLEAR.progress == pytest.approx(0.241488, abs=1e-6)
    assert UNCLEAR.labels_needed == "About 3,200 of both models together would show 2 pp of accuracy"


def test_progress_counts_each_row_once_in_shadow() -> None:
    shadow = replace(UNCLEAR, kind="shadow", champion_labels=400)
    # 400 of 3,541
    assert shadow.progress == pytest.approx(0.112962, abs=1e-6)
    assert shadow.labels_needed == "About 3,200 of rows that both models score would show 2 pp of accuracy"


@pytest.mark.parametrize(
    ("effect", "needed"),
    [
        (replace(UNCLEAR, low=0.001), "None: the interval excludes zero"),
        (replace(UNCLEAR, low=-0.02, high=-0.01), "None: the interval excludes zero"),
        (replace(UNCLEAR, more_labels=0), "None for a difference of 2 pp of accuracy"),
        (replace(UNCLEAR, metric="loss", worth=0.125, more_labels=0), "None for a difference of 0.125 of loss"),
        (replace(UNCLEAR, more_labels=None), "Not known"),
        (
            Effect("accuracy", "split", 9, 9, False, "Not enough labels yet: 9 of 100"),
            "Not enough labels yet: 9 of 100",
        ),
    ],
)
def test_where_no_more_labels_are_needed_there_is_no_progress(effect: Effect, needed: str) -> None:
    assert effect.progress is None
    assert effect.labels_needed == needed
