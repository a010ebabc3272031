"""The rows of the result, and how they are printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

Unit = Literal["s", "bytes", "per second", ""]
#: Where the middle half of the limit's own times is wider apart than this, the row is marked as noisy.
NOISY = 0.5
#: Why a row may miss its target, by the beginning of its key: what profiles told, printed beside a miss only.
REASONS: dict[str, str] = {
    "register-lr": (
        "The disk was slow in this run (the limit took 5.3 ms, 2.2 ms in the one before, where MLflow took 27 times as "
        "long), which weighs more on us than on MLflow. Profile of a registration: a fifth is syncing files, a sixth "
        "SQLite, and a sixth the look into the two files, "
        "which the limit does not take. Tried: documents in a table of their own, the sidecar synced after the commit, "
        "one pickling for looking, writing and testing (3.1 ms became 2.3, files not looked into)."
    ),
    "register-rf": (
        "The look into the file: an interpreter in Python follows the pickle of a hundred trees and checks their "
        "indices, 14 to 37 ms in trials; before there was one, a registration was 0.64 times the limit."
    ),
    "frame": (
        "Of the records' time a third reads the rows, a third parses their metrics, the rest builds dicts; a DataFrame "
        "of them is another 40 ms. Tried: documents in a table of their own, and rows by place instead of by name "
        "(140 ms became 92 in a trial)."
    ),
    "promote": (
        "Profile: over a quarter is the gates, which the limit does not ask (the champion's document, settings, "
        "benchmark, newest evaluation), over a quarter the transaction, a fifth the file (read, hashed, loaded once). "
        "Tried: one index less and no record built to test a file (0.80 ms became 0.59 before there were gates)."
    ),
    "load-new": (
        "Taken apart on a busy machine, of 1.9 s: scikit-learn 1.5 s, which the limit takes as well, importing the "
        "registry 0.23 s, looking into the file and loading it 57 ms, opening the catalog 2 ms. Tried: no fsspec for a "
        "plain folder (0.05 s of imports less); after this run, readers of other formats only when one comes (1.11 "
        "times the limit in a short trial)."
    ),
    "install-dashboard": (
        "Streamlit brings pyarrow (176 MB) and pydeck (47 MB), scikit-learn brings SciPy (143 MB); 154 MB are what "
        "Python compiles. Tried: `pip install --no-compile` in a clean environment, 586 MB, and 630 MB once the "
        "dashboard had run; its first start then took 2.0 s to listen, the next 0.7 s. Whoever installs decides."
    ),
    "together": (
        "On two processors the eight are bound by them: a registration takes 1.8 ms of processor time and more, and "
        "looking into files, planning and the event are what the probe does without. Tried: a lock file (0.40), then "
        "the sidecar out of the lock and less to compute under it."
    ),
    "start": (
        "Taken apart beside a bare Streamlit app, six starts of each in turn: ours listens after 0.8 s and has drawn "
        "the page after 2.8 s, the bare one after 0.6 s and 2.3 s; the server's processor worked 1.5 s and 1.3 s of "
        "it, the rest is the browser fetching and compiling Streamlit's files. Tried: loading pandas and what the "
        "pages are made of in a thread once it listens (2.9 s beside a bare 2.6 s: nothing gained). A run of this row "
        "alone took 3.25 s; this one was taken while the machine was slower."
    ),
    "pages-first": (
        "The limit, the least Streamlit app there can be, misses the target on this machine as well: a browser that "
        "was never there fetches and compiles about 110 of Streamlit's files. With files cached it takes below 1 s. "
        "Tried: preloading the second wave of files (nothing gained)."
    ),
    "pages-chart-": (
        "The first chart fetches Plotly, 4.7 MB of script; the limit, a bare app with one chart, misses the target on "
        "this machine as well. Tried: fewer points, an axis of numbers in place of one of names."
    ),
    "pages-later": (
        "The browser draws: the bare app's chart of 120 points alone takes most of the target. Tried: 400 points in "
        "place of 1,000 and an axis of numbers."
    ),
    "pages-": (
        "Profile of a rerun of the leaderboard's script: about half makes the table (columns, Arrow, formats), the "
        "rest is a dozen further elements that the bare app does not have. Tried: counts and lists kept by revision, "
        "no garbage collection after a rerun, formats without pandas, the table made by columns."
    ),
}


@dataclass(frozen=True)
class Check:
    """One condition of a target, and whether it was met."""

    text: str
    met: bool


@dataclass(frozen=True)
class Peer:
    """What MLflow took, one way of using it."""

    how: str
    value: float
    #: How many times as quick, or as small, or as many a second, ours is.
    ratio: float | None = None


@dataclass(frozen=True)
class Row:
    """One line of the result."""

    key: str
    what: str
    ours: float | None = None
    limit: float | None = None
    ratio: float | None = None
    unit: Unit = "s"
    peers: Sequence[Peer] = ()
    target: str = ""
    checks: Sequence[Check] = ()
    notes: Sequence[str] = ()
    spread: float = 0.0

    @property
    def result(self) -> str:
        """Whether the target was met; empty where there is none."""
        if not self.checks:
            return ""
        missed = [check.text for check in self.checks if not check.met]
        return f"MISSED: {'; '.join(missed)}" if missed else "met"


@dataclass
class Result:
    """All rows of one run, and where it ran."""

    machine: str
    rows: list[Row] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """For a program."""
        rows = [{**asdict(row), "result": row.result} for row in self.rows]
        return json.dumps({"machine": self.machine, "rows": rows, "lines": self.lines}, indent=1)

    def to_page(self, how: str) -> str:
        """For the documentation: how it was measured, the table, what was missed and why, the notes."""
        missed = [row for row in self.rows if row.result.startswith("MISSED")]
        checked = sum(bool(row.checks) for row in self.rows)
        lines = [f"{len(missed)} of {checked} rows with a target missed it." if missed else "No row missed its target."]
        lines += [
            f"- **{row.what}**: {row.result.removeprefix('MISSED: ')}. {reason(row) or 'Reason not known.'}"
            for row in missed
        ]
        machine, _, rest = self.to_markdown().partition("\n\n")
        table, _, notes = rest.partition("\n\n")
        parts = ["# Benchmarks", how, f"Measured on {machine}.", table, "## Missed", lines[0], "\n".join(lines[1:])]
        return "\n\n".join(each for each in [*parts, "## Notes", notes.strip()] if each) + "\n"

    def to_markdown(self) -> str:
        """For a person: the table, then what has to be known beside it."""
        heads = ("what", "ours", "limit", "ours / limit", "MLflow", "ahead of MLflow", "target", "result")
        cells = [heads, *[_cells(row) for row in self.rows]]
        widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
        lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
                 for line in cells]  # fmt: skip
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        notes = [f"- {row.what}: {note}" for row in self.rows for note in row.notes]
        return "\n".join([self.machine, "", *lines, "", *notes, *(f"- {line}" for line in self.lines)]) + "\n"


def reason(row: Row) -> str:
    """Why a row misses its target, where a profile has told."""
    return next((text for start, text in REASONS.items() if row.key.startswith(start)), "")


def _cells(row: Row) -> tuple[str, ...]:
    ratios = [each for each in row.peers if each.ratio is not None]
    return (
        row.what + (" ~" if row.spread > NOISY else ""),
        shown(row.ours, row.unit),
        shown(row.limit, row.unit),
        "" if row.ratio is None else f"{number(row.ratio)}x",
        ", ".join(f"{shown(each.value, row.unit)} {each.how}".strip() for each in row.peers),
        ", ".join(f"{number(each.ratio)}x" for each in ratios if each.ratio is not None),
        row.target,
        row.result,
    )


def number(value: float) -> str:
    """Three figures at most."""
    if value >= 99.5:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def shown(value: float | None, unit: Unit) -> str:
    """A quantity in the unit that suits its size."""
    if value is None:
        return ""
    if unit == "per second":
        return f"{number(value)}/s"
    if unit == "bytes":
        return f"{number(value / 1e6)} MB" if value >= 1e5 else f"{number(value / 1e3)} kB"
    if unit == "":
        return number(value)
    for factor, name in ((1.0, "s"), (1e-3, "ms")):
        if value >= factor:
            return f"{number(value / factor)} {name}"
    return f"{number(value / 1e-6)} us"


def within(ours: float, most: float) -> list[Check]:
    """A target given in seconds: it stays where it is, whatever the machine does."""
    return [Check(f"{shown(ours, 's')} instead of <= {shown(most, 's')}", ours <= most)]


def drift(limit: float | None, reference: float) -> list[str]:
    """How much slower this run's limit was than when the target was set."""
    if limit is None:
        return []
    return [
        f"the limit took {shown(limit, 's')} in this run, {number(limit / reference)}x the {shown(reference, 's')} "
        "it took when the target was set"
    ]


def at_most(what: str, value: float | None, most: float, text: str = "") -> list[Check]:
    """A condition, where it could be measured."""
    if value is None:
        return []
    return [Check(text or f"{what} {number(value)} instead of <= {number(most)}", value <= most)]


def at_least(what: str, value: float | None, least: float, text: str = "") -> list[Check]:
    """A condition, where it could be measured."""
    if value is None:
        return []
    return [Check(text or f"{what} {number(value)} instead of >= {number(least)}", value >= least)]
