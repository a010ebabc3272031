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
    "top": (
        "EXPLAIN at 10,000 shows one walk along a covering index and ten rows by key. Not proven: a row lies "
        "with its document of about 1.6 kB, so ten rows are many pages; documents in a table of their own "
        "were not tried."
    ),
    "frame": (
        "Of the processor time two fifths build a dict for each version, a quarter reads the rows, and a "
        "quarter is pandas taking the dicts in. Tried: no row factory and one JSON document for all metrics "
        "(halved it), a larger page cache (7%)."
    ),
    "promote": (
        "Half of it are SQLite's statements; each promotion also reads, hashes and loads the artifact. Tried: "
        "the C pickler and a partial index of who serves (5.6 times the limit became 3.8)."
    ),
    "load-new": (
        "Importing the registry takes about 0.08 s by itself; opening it was not profiled further. Tried: no "
        "fsspec for a plain folder (0.05 s of imports less)."
    ),
    "install-dashboard": ("Streamlit brings pyarrow (176 MB) and pydeck (47 MB), scikit-learn brings SciPy (143 MB)."),
    "together": (
        "Not profiled as shipped; a registration plans and inserts under the lock where the probe only "
        "writes. Tried: short random sleeps (0.28), the same with less to compute (0.40), a lock file (0.57 "
        "and 0.70 in trials that left more out, 0.48 and 0.40 as shipped)."
    ),
    "pages-first": (
        "A browser that was never there fetches about 110 of Streamlit's files, those of the table only once "
        "the first answer names one; with the files cached it is 0.9 s. Tried on a busy machine: preloading "
        "the second wave (nothing gained), answers that do not wait for an acknowledgement (nothing gained "
        "here, 40 ms a rerun elsewhere)."
    ),
    "pages-chart-": (
        "The first chart fetches Plotly, 4.7 MB of script, which the browser parses on the same two cores."
    ),
    "pages-later": ("Most of the wait comes after the server's answer has arrived, while the browser draws."),
    "pages-": (
        "Profile of a rerun of the leaderboard's script: nearly half of it makes the table (pandas, Arrow, "
        "column formats). The browser's share was not taken apart. Tried: counts and lists kept by revision, "
        "no garbage collection after a rerun; after this run, formats without pandas (26 to 25 ms)."
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
