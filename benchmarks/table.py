"""The rows of the result, and how they are printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

Unit = Literal["s", "bytes", "per second", ""]
#: Where the middle half of the limit's own times is wider apart than this, the row is marked as noisy.
NOISY = 0.5
#: Why a row may miss its target, by the beginning of its key: results of profiles, printed only beside a miss.
REASONS: dict[str, str] = {
    "register-lr": (
        "The disk was slow in this run (the limit took 5.3 ms; in the run before it took 2.2 ms, and MLflow 27 times "
        "as long), which slows down the registry more than MLflow. Profile of a registration: one fifth is syncing "
        "files, one sixth SQLite, one sixth the static scan of two files, which the limit does not include. Tried: "
        "documents in a table of their own, syncing the metadata file after the commit, pickling once for scan, "
        "storage and test (3.1 ms became 2.3 ms without the scan)."
    ),
    "register-rf": (
        "The static scan: an interpreter in Python follows the pickle of a hundred trees and checks their indices, 14 "
        "to 37 ms in trials. Without the scan, a registration took 0.64 times the limit."
    ),
    "frame": (
        "One third of the time of the records is reading rows, one third parsing metrics, the rest building dicts; a "
        "DataFrame adds 40 ms. Tried: documents in a table of their own, and rows accessed by position instead of by "
        "name (140 ms became 92 ms in a trial)."
    ),
    "promote": (
        "Profile: over one quarter is the gates, which the limit does not include (the champion's document, settings, "
        "benchmark, newest evaluation), over one quarter the transaction, one fifth the file (read, hashed, loaded "
        "once). Tried: one index less, and no record built to test a file (0.80 ms became 0.59 ms before there were "
        "gates)."
    ),
    "load-new": (
        "Profile on a busy machine, total 1.9 s: scikit-learn 1.5 s, which the limit includes, importing the registry "
        "0.23 s, scanning and loading the file 57 ms, opening the catalog 2 ms. Tried: no fsspec for a plain folder "
        "(0.05 s less for imports); after this run, readers of other formats are imported only when needed (1.11 times "
        "the limit in a short trial)."
    ),
    "install-dashboard": (
        "Streamlit installs pyarrow (176 MB) and pydeck (47 MB), scikit-learn installs SciPy (143 MB); 154 MB are "
        "compiled by Python. Tried: `pip install --no-compile` in a clean environment: 586 MB, and 630 MB once the "
        "dashboard had run. Its first start then took 2.0 s until it listened, the next one 0.7 s. The choice is the "
        "user's."
    ),
    "together": (
        "Two processors limit eight processes: a registration takes at least 1.8 ms of processor time, and the probe "
        "does without the static scan, planning and the event. Tried: a lock file (0.40), then the metadata file "
        "outside of the lock and less computation inside."
    ),
    "start": (
        "Compared with a bare Streamlit app, six starts of each in turn: the dashboard listens after 0.8 s and has "
        "drawn the page after 2.8 s, the bare app after 0.6 s and 2.3 s. Of this, the server's processor worked 1.5 s "
        "and 1.3 s; in the rest the browser fetches and compiles Streamlit's files. Tried: importing pandas and the "
        "modules of pages in a thread after the start (2.9 s, the bare app 2.6 s: no gain). A run of this row alone "
        "took 3.25 s; the machine was slower in this run."
    ),
    "pages-first": (
        "The limit, the smallest possible Streamlit app, misses the target on this machine as well: a browser with an "
        "empty cache fetches and compiles about 110 of Streamlit's files. With a filled cache it takes less than 1 s. "
        "Tried: preloading the second wave of files (no gain)."
    ),
    "pages-chart-": (
        "The first chart fetches Plotly, a script of 4.7 MB; the limit, a bare app with one chart, misses the target "
        "on this machine as well. Tried: fewer points, a numeric axis instead of names."
    ),
    "pages-later": (
        "The browser draws: a chart of 120 points in the bare app alone takes most of the target. Tried: 400 points "
        "instead of 1,000, and a numeric axis."
    ),
    "pages-": (
        "Profile of a rerun of the leaderboard's script: about one half builds the table (columns, Arrow, formats), "
        "the rest is a dozen further elements that the bare app does not have. Tried: caching counts and lists by "
        "revision, no garbage collection after a rerun, formats without pandas, building the table by columns."
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
