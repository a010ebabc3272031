"""Live traffic: sums equal the raw rows they were made of, where these are all still there."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from ...catalog import dump
from ...catalog.database import Queries
from ...catalog.telemetry import streams
from ...catalog.telemetry.schema import TELEMETRY
from ...catalog.telemetry.streams import Stream
from ...records import Row
from ...rules.live.paired import PairedSums
from ...rules.live.sums import ZERO, Sums
from .. import windows
from ..serve import outcomes, recording
from ..timestamps import DAY, MINUTE, text
from .checks import BACKUP, MEND, Findings, Look, error, warning

_TABLES = {table.name: table for table in dump.tables(TELEMETRY)}
#: Table, stream and start of a window.
Place = tuple[str, int, int]
Stored = Sums | PairedSums | None


def live(look: Look) -> Findings:
    """Statistics and detectors; nothing where there never was live traffic."""
    if look.telemetry is None:
        return
    yield from _references(look, look.telemetry)
    known = streams.listed(look.telemetry)
    for place, stored, expected in differences(look, look.telemetry):
        stream = known.get(place[1])
        of = f"{stream.model_id} ({stream.role})" if stream else f"the stream {place[1]}"
        said = "cannot be read" if stored is None else "differ from the stored predictions and outcomes"
        repairable = expected is not None
        yield error(
            "statistics", subject(place), f"the {place[0].replace('_', ' ')} of {of} from {text(place[2])} {said}",
            MEND if repairable else BACKUP, repairable=repairable,
        )  # fmt: skip


def subject(place: Place) -> str:
    """How a finding names a window."""
    return " ".join(map(str, place))


def _references(look: Look, telemetry: Queries) -> Findings:
    versions = {row["model_id"] for row in look.rows("models")}
    deployments = {row["seq"]: row["model_name"] for row in look.rows("deployments")}
    for deployment, name, state in telemetry.tuples("SELECT deployment_id, model_name, state FROM detectors"):
        if deployments.get(deployment) != name:
            what = f"a detector belongs to the deployment {deployment} of {name}, which is missing"
            yield warning("live", f"detector {deployment}", what, BACKUP)
        if not _is_object(state):
            yield error("live", f"detector {deployment}", f"the detector's state of {name} cannot be read", BACKUP)
    for seq, stream in streams.listed(telemetry).items():
        if stream.model_id not in versions:
            yield warning("live", f"stream {seq}", f"predictions of {stream.model_id}, which is missing", BACKUP)


def _is_object(document: str) -> bool:
    try:
        return isinstance(json.loads(document), dict)
    except ValueError:
        return False


def differences(look: Look, telemetry: Queries) -> list[tuple[Place, Stored, Stored]]:
    """Windows that do not equal their raw rows: what is stored (None: unreadable) and what ought to be (None: nothing
    tells)."""
    known = streams.listed(telemetry)
    rows = _stored(telemetry)
    look.checked["windows"] = len(rows)
    expected = _counted(look, telemetry, known)
    gone = _archived(telemetry)
    found: list[tuple[Place, Stored, Stored]] = []
    for place in sorted(rows.keys() | expected.keys()):
        table, seq, start = place
        if not look.wants(subject(place)) or seq not in known:
            continue
        nothing: Sums | PairedSums = PairedSums() if table == "paired_windows" else ZERO
        here, fits = rows.get(place, (nothing, True))
        there: Stored = expected.get(place, nothing)
        if isinstance(there, Sums):
            # Calls have no rows.
            there = (
                replace(there, failures=here.failures, calls=here.calls, lost=here.lost, slow=here.slow)
                if isinstance(here, Sums)
                else None
            )
        if _touched(known[seq], table, start, gone):
            # Rows that left for a file are not counted anew; the sums are all there is.
            there = here
        if not fits or here is None or there is None or here.to_bytes() != there.to_bytes():
            found.append((place, here, there))
    return found


def _stored(telemetry: Queries) -> dict[Place, tuple[Stored, bool]]:
    """The sums of every window (None: unreadable), and whether its columns say the same."""
    found: dict[Place, tuple[Stored, bool]] = {}
    for name in ("windows", "days", "paired_windows"):
        for step in dump.rows(telemetry, _TABLES[name]):
            for row in step:
                cells = dict(zip(_TABLES[name].columns, row, strict=True))
                found[name, cells["stream"], cells["start"]] = _read(name, cells)
    return found


def _read(table: str, row: Row) -> tuple[Stored, bool]:
    try:
        if table == "paired_windows":
            pairs = PairedSums.from_bytes(row["core"], row["detail"])
            return pairs, pairs.rows == row["pairs"]
        sums = Sums.from_bytes(row["core"], row["detail"])
        counts = (sums.predictions, sums.failures, sums.labelled)
        area = windows.auc(sums) if sums.labelled else None
        return sums, counts == (row["predictions"], row["failures"], row["labelled"]) and area == row["auc"]
    # Bytes that were never written so may fail anywhere.
    except Exception:
        return None, False


def _archived(telemetry: Queries) -> dict[str, list[tuple[int, int]]]:
    """Model name -> from when to when rows of it left for files."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for name, since, until in telemetry.tuples("SELECT model_name, since, until FROM archives"):
        found[name].append((since, until))
    return found


def _touched(stream: Stream, table: str, start: int, gone: dict[str, list[tuple[int, int]]]) -> bool:
    end = start + (DAY if table == "days" else stream.minutes * MINUTE)
    return any(since < end and until >= start for since, until in gone.get(stream.model_name, ()))


def _counted(look: Look, telemetry: Queries, known: dict[int, Stream]) -> dict[Place, Stored]:
    """The sums of every window, counted anew from the rows that are there."""
    tally = windows.Tally()
    outcomes_of: dict[int, float] = {}
    steps = {name: dump.rows(telemetry, _TABLES[name]) for name in ("predictions", "outcomes", "shadow_answers")}
    for step in steps["outcomes"]:
        outcomes_of |= {row[0]: row[1] for row in step}
    at: dict[int, tuple[int, str | None]] = {}
    shadows = bool(telemetry.tuples("SELECT 1 FROM shadow_answers LIMIT 1"))
    for step in steps["predictions"]:
        look.checked["rows"] += len(step)
        look.tell("counting predictions", look.checked["rows"], look.checked["rows"])
        _answers(tally, known, [(row[1], row[2], row[3], row[5]) for row in step], shadow=False)
        new = {row[0]: outcomes_of[row[0]] for row in step if row[0] in outcomes_of}
        rows: dict[int, Any] = {row[0]: row for row in step if row[1] in known}
        found = _shadows(telemetry, step[0][0], step[-1][0]) if shadows else []
        if new:
            outcomes.count(tally, known, rows, {each: truth for each, truth in new.items() if each in rows}, found)
        if found:
            at = {row[0]: (row[2], row[3]) for row in step}
            _answers(
                tally, known, [(seq, *at[each], score) for each, seq, _, score in found if each in at], shadow=True
            )
    totals: dict[Place, Stored] = {(table, *key): sums for (table, key), sums in tally.totals().items()}
    return totals | {("paired_windows", *key): pairs for key, pairs in tally.pairs().items()}


def _shadows(telemetry: Queries, first: int, last: int) -> list[tuple[Any, ...]]:
    return telemetry.tuples(
        "SELECT prediction_id, stream, answer, score FROM shadow_answers "
        "WHERE prediction_id BETWEEN :first AND :last ORDER BY prediction_id, stream",
        {"first": first, "last": last},
    )


def _answers(tally: windows.Tally, known: dict[int, Stream], rows: list[tuple[Any, ...]], *, shadow: bool) -> None:
    """Count answers: (stream, at, unit, score)."""
    by_stream: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        by_stream[row[0]].append(row)
    for seq, found in by_stream.items():
        if seq not in known:
            continue
        moments = np.array([row[1] for row in found], np.int64)
        scores = np.array([row[3] for row in found], np.float64)
        units = [row[2] for row in found]
        some = units if any(unit is not None for unit in units) else []
        recording.count_answers(tally, known[seq], seq, moments, scores, some, shadow=shadow)
