"""Rows and bytes: every file that a row claims is there and is what was registered, and every file is claimed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TypeVar

from ...artifacts.store import Store
from ...catalog import events, packed
from ...catalog.packed import Packed
from ...errors import ArtifactAltered, ArtifactMissing, RegistryError
from ...events import EventKind
from ...file_keys import benchmark_file, metadata_file, model_files
from ...maintenance import Finding
from ...records import Row, utc_text
from .. import workers
from . import sweep
from .checks import AGAIN, BACKUP, CLEANUP, MEND, Findings, Look, error, note, warning

#: Small files are handed to a worker together: handing one over takes as long as reading it.
_TOGETHER, _TOGETHER_BYTES = 64, 1_000_000
_TOLD_EVERY = 200
_STOPPED = "verify again when there are workers"
_LONGEST_REMOVAL = timedelta(hours=1)

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Claim:
    """A file that a row claims: its key, the sha256 it was registered with, its size where a row has it."""

    key: str
    sha256: str
    size: int | None
    remedy: str


def claims(look: Look) -> list[Claim]:
    """Every file that rows claim and give a sha256 for."""
    purged = {row["seq"] for row in look.rows("models") if row["status"] == "purged"}
    found = {}
    for row in look.rows("model_documents"):
        if row["model_seq"] in purged:
            continue
        document = json.loads(row["metadata"])
        for kind, path in (("model", "model_file_path"), ("scaler", "scaler_file_path")):
            # An adopted model whose file was not there has no digest, and is never loaded.
            if document.get(path) and document.get(f"{kind}_sha256"):
                size = document.get(f"{kind}_bytes") or None
                found[document[path]] = Claim(document[path], document[f"{kind}_sha256"], size, AGAIN)
    for row in look.rows("benchmarks"):
        key = benchmark_file(row["fingerprint"])
        found[key] = Claim(key, row["file_sha256"], None, BACKUP)
    for row in look.rows("evaluations"):
        if row["answers"] is not None:
            remedy = f"{BACKUP}, or evaluate the model again: model-registry evaluate {row['model_id']}"
            found[row["answers"]] = Claim(row["answers"], row["answers_sha256"], None, remedy)
    if look.telemetry is not None:
        for key, digest in look.telemetry.tuples("SELECT file, file_sha256 FROM archives ORDER BY file"):
            found[key] = Claim(key, digest, None, BACKUP)
    return list(found.values())


def files(look: Look) -> Findings:
    """The bytes of every claimed file are those that were registered, packed or as they came."""
    wanted = [each for each in claims(look) if look.wants(each.key)]
    known = packed.listed(look.catalog)
    pairs = [(each, known.get(each.key)) for each in wanted]
    results = _by_workers(look, _read_all, pairs, lambda pair: pair[0].size or 0)
    for number, ((claim, noted), (size, finding)) in enumerate(results, 1):
        look.checked["files"] += 1
        look.checked["bytes"] += size
        if finding is not None:
            # The machine of a worker may have other files under the same path.
            _, finding = _read(look.context.store, claim, noted)
        if finding is not None:
            yield finding
        if number % _TOLD_EVERY == 0 or number == len(wanted):
            look.tell("reading files", number, len(wanted))


def _by_workers(
    look: Look, read: Callable[[workers.Bench, list[T]], list[R]], wanted: Iterable[T], size: Callable[[T], int]
) -> Iterator[tuple[T, R]]:
    """What reading gives of each, in their order; ``size`` says about how many bytes one has."""
    groups: list[list[T]] = [[]]
    held = 0
    for each in wanted:
        if len(groups[-1]) >= _TOGETHER or held >= _TOGETHER_BYTES:
            groups.append([])
            held = 0
        groups[-1].append(each)
        held += size(each)
    store = look.context.store
    bench = workers.Bench(store.root, store)
    tasks = workers.carried_out(bench, read, iter(groups), ordered=True, stopped=lambda: _STOPPED)
    with closing(tasks) as results:
        for group, found, _ in results:
            yield from zip(group, found, strict=True)


def _read_all(bench: workers.Bench, pairs: list[tuple[Claim, Packed | None]]) -> list[tuple[int, Finding | None]]:
    return [_read(bench.store, *pair) for pair in pairs]


def _read(store: Store, claim: Claim, noted: Packed | None) -> tuple[int, Finding | None]:
    key = claim.key
    try:
        digest, size = store.digest(key)
        if noted is not None and digest != noted.sha256:
            text = (
                f"{store.address(key)} was altered after its compression: its SHA-256 is {digest[:12]}..., in the "
                "catalog it is "
            )
            return size, error("altered", key, f"{text}{noted.sha256[:12]}...", claim.remedy)
        if digest != claim.sha256:
            store.content(key, claim.sha256, claim.size)
            if noted is None:
                text = f"{store.address(key)} is compressed, but the catalog has no record of it"
                return size, warning("packed", key, text, MEND, repairable=True)
        elif claim.size is not None and size != claim.size:
            text = f"{store.address(key)} has {size:,} bytes, in the catalog {claim.size:,}"
            return size, error("altered", key, text, claim.remedy)
        return size, None
    except ArtifactMissing:
        return 0, error("missing", key, f"{store.address(key)} is missing", claim.remedy)
    except ArtifactAltered as found:
        return 0, error("altered", key, str(found), claim.remedy)
    except RegistryError as found:
        return 0, error("unreadable", key, str(found), f"check the disk, or {claim.remedy}")


def sidecars(look: Look) -> Findings:
    """Every sidecar file is the catalog's document, or what was found when the folder was adopted."""
    documents = {row["model_seq"]: row["metadata"] for row in look.rows("model_documents")}
    mendable = look.sound("models", "model_documents")
    told = _adopted(look)
    wanted: list[tuple[Row, str]] = []
    for row in look.rows("models"):
        key = metadata_file(row["model_id"])
        if not look.wants(key):
            continue
        if row["seq"] in told:
            expected = told[row["seq"]]
        elif row["seq"] in documents:
            expected = sha256(documents[row["seq"]].encode()).hexdigest()
        else:
            text = f"the catalog has no metadata of {row['model_id']}"
            yield error("missing", key, text, BACKUP)
            continue
        if expected:
            wanted.append((row, expected))
    store = look.context.store
    keys = [metadata_file(row["model_id"]) for row, _ in wanted]
    results = _by_workers(look, _digest_all, keys, lambda _: 0)
    for (key, (digest, size, problem)), (row, expected) in zip(results, wanted, strict=True):
        look.checked["files"] += 1
        look.checked["bytes"] += size
        if digest != expected:
            digest, size, problem = _digest(store, key)
        if digest == expected:
            continue
        text = problem or f"{store.address(key)} was altered: its SHA-256 differs from the one at registration"
        # What somebody else wrote is not ours to write again.
        ours = mendable and row["seq"] not in told
        yield error("altered" if digest else "missing", key, text, MEND if ours else BACKUP, repairable=ours)


def _adopted(look: Look) -> dict[int, str | None]:
    """Number of an adopted version -> the sha256 of the sidecar it was found with, None where there is nothing to hold
    it against."""
    found: dict[int, str | None] = {}
    for row in look.rows("events"):
        if row["kind"] == "adopted" and row["model_id"] is not None:
            found[row["seq"]] = json.loads(row["after"]).get("sidecar_sha256")
    return found


def _digest_all(bench: workers.Bench, keys: list[str]) -> list[tuple[str | None, int, str]]:
    return [_digest(bench.store, key) for key in keys]


def _digest(store: Store, key: str) -> tuple[str | None, int, str]:
    try:
        digest, size = store.digest(key)
        return digest, size, ""
    except ArtifactMissing:
        return None, 0, f"{store.address(key)} is missing"
    except RegistryError as found:
        return None, 0, str(found)


def unclaimed(look: Look) -> Findings:
    """Files that the registry wrote and nothing claims: a process was killed, or is at it right now."""
    there = [each for each in sweep.files(look.context) if look.wants(each.key)]
    found = sweep.unclaimed(look.context, look.catalog, there)
    old = {each.key for each in sweep.old(look.context, found)}
    spared = sweep.spared(look.context, found)
    days = look.configuration.policy("").retention_policy.sweep_after_days
    going = _just_purged(look)
    for each in found:
        place = look.context.store.address(each.key)
        if each.key in going:
            text = f"{place} belongs to a version that was just purged: it is being deleted"
            yield note(
                "unclaimed",
                each.key,
                text,
                "nothing to do: a cleanup deletes it if the purge was interrupted",
            )
        elif each.key in spared:
            text = f"no version owns {place}, which is older than the catalog's last recovery or loss"
            yield note("unclaimed", each.key, text, "it may be the only copy; delete it by hand if it is not")
        elif each.key in old:
            text = f"no version owns {place} ({each.size:,} bytes, written {each.modified:%Y-%m-%d})"
            yield warning("unclaimed", each.key, text, CLEANUP, repairable=True)
        else:
            text = f"no version owns {place} yet; it was written {each.modified:%Y-%m-%d %H:%M} UTC"
            yield note(
                "unclaimed", each.key, text, f"nothing to do: a cleanup deletes it once it is older than {days:g} days"
            )


def _just_purged(look: Look) -> set[str]:
    """Files whose removal may go on right now: it begins when the purge is committed."""
    since = utc_text(look.context.now() - _LONGEST_REMOVAL)
    gone = [event.model_id for event in events.listed(look.catalog, since=since, kinds=(EventKind.PURGED,))]
    return {key for model_id in gone if model_id is not None for key in model_files(model_id)}
