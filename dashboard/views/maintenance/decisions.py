"""What maintenance does is decided here: the consequences of each verb, its progress, and what takes it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Literal

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import decision_dialog, messages
from dashboard.ui.decision_dialog import Choice, Decision, Done
from registry_core import CleanupPlan, CleanupResult, Trashed

Verb = Literal["cleanup", "restore", "purge", "compress", "repair", "rebuild"]
#: verb -> (button, icon, dialog title)
VERBS: dict[str, tuple[str, str, str]] = {
    "cleanup": ("Clean up", ":material/cleaning_services:", "Clean up"),
    "restore": ("Restore", ":material/restore_from_trash:", "Restore from the trash"),
    "purge": ("Delete permanently", ":material/delete_forever:", "Delete permanently"),
    "compress": ("Compress", ":material/compress:", "Compress old files"),
    "repair": ("Repair", ":material/build:", "Repair what can be repaired"),
    "rebuild": ("Rebuild", ":material/database:", "Rebuild the index"),
}
#: Versions named in a dialog; the others are counted.
NAMED = 8


@dataclass(kw_only=True)
class MaintenanceDecision(Decision):
    """Something somebody is about to do, on what they saw."""

    verb: Verb
    plan: CleanupPlan | None = None
    only: tuple[str, ...] = ()
    trashed: tuple[Trashed, ...] = ()
    days: float = 0.0

    placeholder: ClassVar[str] = "Rationale and links"
    unchanged: ClassVar[str] = "The action did not finish."

    def describe(self, view: session.View) -> Choice | None:
        """The consequences of the verb."""
        _CONSEQUENCES[self.verb](self)
        final = self.verb == "purge" or bool(_parts(self)[1])
        return Choice(lambda actor, reason, _: _WORK[self.verb](self, reason, actor), final=final)

    def done(self, result: Any) -> Done:
        """What was done, as the verb's work told it."""
        assert isinstance(result, Done)
        return result


def ask(
    verb: Verb,
    model_name: str | None = None,
    *,
    plan: CleanupPlan | None = None,
    only: tuple[str, ...] = (),
    trashed: tuple[Trashed, ...] = (),
    days: float = 0.0,
) -> None:
    """Open the dialog of a verb in the next run.

    Args:
        verb: what is to be done.
        model_name: the model name it is done to; None for all.
        plan: of a cleanup, the plan that was seen.
        only: of a cleanup, the ids and file keys that are to go.
        trashed: of what is in the trash, the versions chosen.
        days: of compression, how old files have to be.
    """
    decision_dialog.ask(
        MaintenanceDecision(*VERBS[verb], model_name, verb=verb, plan=plan, only=only, trashed=trashed, days=days)
    )


class Bar:
    """A line that says how far long work is."""

    def __init__(self, text: str) -> None:
        self._bar = st.progress(0.0, text=text)

    def __call__(self, what: str, done: int, total: int) -> None:
        """As the registry's verbs tell it."""
        share = min(1.0, done / total) if total else 0.0
        self._bar.progress(
            share, text=formatting.escaped(f"{formatting.sentence(what).rstrip('.')}: {done:,} of {total:,}")
        )

    def empty(self) -> None:
        """Gone, once the work is done."""
        self._bar.empty()


def _parts(decision: MaintenanceDecision) -> tuple[list[str], list[str], list[str]]:
    """The ids that go to the trash, the ids that go for good, the files that are swept."""
    if decision.plan is None:
        return [], [], []
    chosen = {*decision.only}
    to_trash = [item.model_id for item in decision.plan.of("trash") if item.model_id in chosen]
    for_good = [item.model_id for item in decision.plan.of("purge") if item.model_id in chosen]
    return to_trash, for_good, [each.key for each in decision.plan.unclaimed if each.key in chosen]


def _cleanup(decision: MaintenanceDecision) -> None:
    assert decision.plan is not None
    to_trash, for_good, swept = _parts(decision)
    items = {item.model_id: item for item in decision.plan.items}
    says = []
    if to_trash:
        days = sorted({_trash_days(items[each].model_name) for each in to_trash})
        last = formatting.exact((messages.now() + timedelta(days=days[0])).isoformat(), messages.viewer_zone())
        long = f"For {formatting.days(days[0])}" if len(days) == 1 else f"For {days[0]:g} to {days[-1]:g} days"
        long += f", until {last.partition(',')[0]}," if len(days) == 1 else ""
        size = formatting.size(sum(items[each].bytes for each in to_trash))
        says.append(
            f"- **{formatting.count(len(to_trash), 'version')} to the trash**: {size}. They can no longer be promoted "
            f"or loaded. {long} they can be restored; then their files are deleted."
        )
    if for_good:
        size = formatting.size(sum(items[each].bytes for each in for_good))
        says.append(
            f"- **{formatting.count(len(for_good), 'version')} deleted permanently**: {size} freed at once. "
            "Their metrics and history stay."
        )
    if swept:
        size = formatting.size(sum(each.bytes for each in decision.plan.unclaimed if each.key in swept))
        says.append(f"- **{formatting.count(len(swept), 'orphaned file')}** deleted: {size} freed.")
    st.markdown("\n".join(says))
    _named([f"{items[each].model_name} {items[each].version}" for each in (*to_trash, *for_good)])
    st.caption(
        "Each version is checked again first. A version that became champion or was pinned in the meantime is kept."
    )


def _trash_days(name: str) -> float:
    return session.registry().policy(name).retention_policy.trash_days


def _named(shown: Sequence[str]) -> None:
    more = f" and {len(shown) - NAMED:,} more" if len(shown) > NAMED else ""
    if shown:
        st.caption(formatting.escaped(", ".join(shown[:NAMED])) + more)


def _restored(decision: MaintenanceDecision) -> None:
    many = len(decision.trashed)
    st.markdown(
        f"**{formatting.count(many, 'version')}** will be restored with the previous status. No champion changes."
    )
    _named([f"{each.model_name} {each.version}" for each in decision.trashed])


def _purge(decision: MaintenanceDecision) -> None:
    size = formatting.size(sum(each.bytes for each in decision.trashed))
    many = len(decision.trashed)
    messages.show(
        "warning",
        f"The files of **{formatting.count(many, 'version')}** are deleted now: {size} freed. This cannot be undone.",
    )
    _named([f"{each.model_name} {each.version}" for each in decision.trashed])
    st.caption("Metrics, reviews and history are kept; the deletion is recorded with time and actor.")


def _compress(decision: MaintenanceDecision) -> None:
    whose = formatting.escaped(decision.model_name) if decision.model_name else "all model names"
    st.markdown(
        f"Files of versions of **{whose}** registered more than **{formatting.days(decision.days)}** ago are "
        "compressed if that saves at least 10%, and identical files are stored once. Each file is checked against "
        "its hash first."
    )
    st.caption("Models load as before, a little slower. The champion and the rollback target are not compressed.")


def _repair(decision: MaintenanceDecision) -> None:
    st.markdown(
        "All files and rows are verified again. Findings that can be repaired without loss are repaired. Findings "
        "that require a backup or a decision stay listed, each with its remedy."
    )


def _rebuild(decision: MaintenanceDecision) -> None:
    st.markdown(
        "The catalog is rebuilt from the metadata files, with all states and the history. The old catalog is in use "
        "until the new one is complete. No version is lost."
    )


_CONSEQUENCES: dict[str, Callable[[MaintenanceDecision], None]] = {
    "cleanup": _cleanup,
    "restore": _restored,
    "purge": _purge,
    "compress": _compress,
    "repair": _repair,
    "rebuild": _rebuild,
}


def _do_cleanup(decision: MaintenanceDecision, reason: str, actor: str) -> Done:
    registry, bar = session.registry(), Bar("Cleaning up …")
    done = registry.cleanup(decision.plan, only=decision.only, actor=actor, reason=reason, progress=bar)
    st.session_state.pop("cleanup-left", None)
    undo = decision_dialog.undo(partial(_restore, done.trashed), "cleanup") if done.trashed else None
    return Done(told(done), undo, "Undo: restore the versions")


def told(done: CleanupResult) -> str:
    """What a cleanup did, in Markdown."""
    parts = []
    if done.trashed:
        parts.append(
            f"{formatting.count(len(done.trashed), 'version')} in the trash ({formatting.size(done.bytes_trashed)})"
        )
    if done.purged:
        parts.append(f"{formatting.count(len(done.purged), 'version')} deleted permanently")
    if done.swept:
        parts.append(f"{formatting.count(len(done.swept), 'file')} deleted")
    if done.bytes_freed:
        parts.append(f"{formatting.size(done.bytes_freed)} freed")
    text = f"Cleaned up: {', '.join(parts) or 'nothing'}."
    if done.skipped:
        whom, why = next(iter(done.skipped.items()))
        text += (
            f" {formatting.count(len(done.skipped), 'item')} skipped, such as {formatting.escaped(whom)}: "
            f"{formatting.escaped(why)}."
        )
    return text


def _restore(model_ids: Sequence[str], *, actor: str, reason: str) -> None:
    registry, bar = session.registry(), Bar("Restoring …")
    for done, model_id in enumerate(model_ids, start=1):
        registry.restore(model_id, actor=actor, reason=reason)
        bar("restored", done, len(model_ids))
    bar.empty()


def _do_restore(decision: MaintenanceDecision, reason: str, actor: str) -> Done:
    _restore([each.model_id for each in decision.trashed], actor=actor, reason=reason)
    return Done(f"{formatting.count(len(decision.trashed), 'version')} restored from the trash.")


def _do_purge(decision: MaintenanceDecision, reason: str, actor: str) -> Done:
    registry, bar, freed = session.registry(), Bar("Deleting …"), 0
    for done, each in enumerate(decision.trashed, start=1):
        freed += registry.purge(each.model_id, actor=actor, reason=reason)
        bar("deleted", done, len(decision.trashed))
    versions = formatting.count(len(decision.trashed), "version")
    return Done(f"{versions} deleted permanently, {formatting.size(freed)} freed.")


def _do_compress(decision: MaintenanceDecision, reason: str, actor: str) -> Done:
    done = session.registry().compress(
        decision.days, model_name=decision.model_name, actor=actor, reason=reason, progress=Bar("Compressing …")
    )
    left = f" {formatting.count(len(done.left), 'file')} skipped: missing or altered." if done.left else ""
    if not done.compressed and not done.linked:
        return Done(f"Nothing to compress: no file would shrink by 10%, and no file is stored twice.{left}")
    saved = formatting.size(max(0, done.bytes_before - done.bytes_after))
    share = "shares" if len(done.linked) == 1 else "share"
    return Done(
        f"{formatting.count(len(done.compressed), 'file')} compressed, {len(done.linked):,} now {share} the bytes of "
        f"an identical file: {saved} saved.{left}"
    )


def _do_repair(decision: MaintenanceDecision, reason: str, actor: str) -> Done:
    report = session.registry().verify(repair=True, actor=actor, progress=Bar("Verifying and repairing …"))
    st.session_state["verified"] = (session.registry().revision(), report)
    mended = sum(each.repaired for each in report.findings)
    left = sum(not each.repaired and each.severity != "note" for each in report.findings)
    return Done(f"{formatting.count(mended, 'finding')} repaired, {left:,} left.")


def _do_rebuild(decision: MaintenanceDecision, reason: str, actor: str) -> Done:
    report = session.registry().rebuild_index(actor=actor, reason=reason, progress=Bar("Rebuilding …"))
    changed = ", ".join(
        f"{formatting.count(count, 'row')} of {formatting.escaped(table)}" for table, count in report.changed.items()
    )
    text = f"The index of {formatting.count(report.models, 'version')} is rebuilt in {report.seconds:.1f} s: "
    text += f"{changed} differ." if changed else "no differences."
    if report.left_out:
        text += f" {formatting.count(len(report.left_out), 'file')} could not be used."
    return Done(text)


_WORK: dict[str, Callable[[MaintenanceDecision, str, str], Done]] = {
    "cleanup": _do_cleanup,
    "restore": _do_restore,
    "purge": _do_purge,
    "compress": _do_compress,
    "repair": _do_repair,
    "rebuild": _do_rebuild,
}
