"""Measured numbers in sentences."""

from __future__ import annotations

from registry_core.evidence import Difference
from registry_core.rules.sentences import apart, listed, verdict_sentence

GAIN = Difference("accuracy", 0.018, 0.009, 0.027, 1530, False)
LOSS = Difference("log_loss", 0.02, 0.01, 0.03, 1530, True)


def test_the_verdict_in_a_sentence() -> None:
    assert verdict_sentence("Churn_a", {"accuracy": GAIN}, ["region=N"]) == (
        "better than the champion Churn_a on the same 1,530 rows: +1.8 pp accuracy, 95% interval +0.9 to +2.7; worse "
        "for slice region=N"
    )
    assert verdict_sentence("Churn_a", {"accuracy": GAIN, "log_loss": LOSS}, ["a=1", "b=2"]).endswith(
        "; worse in log_loss: +0.02 log_loss, 95% interval +0.01 to +0.03; worse for slices a=1, b=2"
    )
    assert verdict_sentence("Churn_a", {"accuracy": GAIN, "log_loss": LOSS}, primary_metric="log_loss") == (
        "worse than the champion Churn_a on the same 1,530 rows: +0.02 log_loss, 95% interval +0.01 to +0.03"
    )
    tie = Difference("auc", 0.0001, -0.0002, 0.0004, 90, False)
    assert verdict_sentence("Churn_a", {"auc": tie}) == (
        "no clear difference from the champion Churn_a on the same 90 rows: +0.0100 pp auc, 95% interval -0.0200 to "
        "+0.0400"
    )
    same = Difference("accuracy", 0.0, -0.0, 0.0, 90, False)
    assert "+0.0 pp accuracy, 95% interval +0.0 to +0.0" in verdict_sentence("Churn_a", {"accuracy": same})
    assert verdict_sentence(None, {}) == "there is no champion to compare with"
    assert "no rows have predictions of both" in verdict_sentence("Churn_a", {})
    assert verdict_sentence("2.0.1", {"accuracy": GAIN}, serves=False).startswith("better than 2.0.1 on ")


def test_numbers_side_by_side() -> None:
    assert apart(0.8999, 0.9) == ("0.8999", "0.9000")
    assert apart(12345.0, 9.0) == ("12,345", "9")
    assert apart(1234.56, 1234.57) == ("1,234.56", "1,234.57")
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
    assert listed(["a"]) == "a"
