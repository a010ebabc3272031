"""What upkeep does is done here: the dialogs with their consequences, the progress, the message with Undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal

import streamlit as st

from dashboard import formatting, session
from dashboard.ui import decision_dialog, messages
from registry_core import CleanupPlan, CleanupResult, RegistryError, Trashed

Verb = Literal["cleanup", "put back", "purge", "compress", "repair", "rebuild", "undo"]
VERBS: dict[str, tuple[str, str, str]] = {
    "cleanup": ("Clean up", ":material/cleaning_services:", "Clean up"),
    "put back": ("Put back", ":material/restore_from_trash:", "Put back from the trash"),
    "purge": ("Delete for good", ":material/delete_forever:", "Delete for good"),
    "compress": ("Compress", ":material/compress:", "Compress old files"),
    "repair": ("Repair", ":material/build:", "Repair what can be mended"),
    "rebuild": ("Rebuild", ":material/database:", "Rebuild the index"),
    "undo": ("Undo", ":material/undo:", "Taking the cleanup back"),
}
#: Versions named in a dialog; the others are counted.
NAMED = 8


@dataclass
class Request:
    """Something somebody is about to do, on what they saw."""

    verb: Verb
    plan: CleanupPlan | None = None
    only: tuple[str, ...] = ()
    trashed: tuple[Trashed, ...] = ()
    days: float = 0.0
    model_name: str | None = None
    failure: str = ""


def ask(request: Request) -> None:
    """Open the dialog in the next run."""
    st.session_state["upkeep-request"] = request
    for key in ("upkeep-reason", "upkeep-sure"):
        st.session_state.pop(key, None)
    st.session_state["decided_by"] = session.actor()


def _forget() -> None:
    st.session_state.pop("upkeep-request", None)


def open_dialog() -> bool:
    """Draw the dialog that was asked for. Called once a run, by the application; whether there is one."""
    return decision_dialog.draw("upkeep-request", VERBS, _decide, _forget)


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


def _decide(request: Request) -> None:
    if request.verb == "undo":
        _undo_now(request)
        return
    _CONSEQUENCES[request.verb](request)
    problem = st.container()
    label, icon, _ = VERBS[request.verb]
    final = request.verb == "purge" or bool(_parts(request)[1])
    with st.form("upkeep-decision", border=False):
        sure = not final or st.checkbox("I know that what goes for good cannot come back", key="upkeep-sure")
        reason = st.text_area(
            "Reason (required; it is kept with the record)",
            key="upkeep-reason",
            max_chars=2000,
            height=80,
            placeholder="What it is for",
        )
        who = st.text_input("Your name (required)", key="decided_by", max_chars=100).strip()
        confirmed = st.form_submit_button(label, type="primary", icon=icon)
    if confirmed:
        request.failure = ""
        if not who:
            request.failure = "Say who decides: a name is required. Nothing was changed."
        elif not sure:
            request.failure = "Tick that you know it cannot come back. Nothing was changed."
        elif not (reason or "").strip():
            request.failure = "Say why: a reason is required. Nothing was changed."
        else:
            _carry_out(request, str(reason).strip(), who)
    if request.failure:
        with problem:
            messages.show("warning", request.failure)


def _parts(request: Request) -> tuple[list[str], list[str], list[str]]:
    """The ids that go to the trash, the ids that go for good, the files that are swept."""
    if request.plan is None:
        return [], [], []
    chosen = {*request.only}
    to_trash = [item.model_id for item in request.plan.of("trash") if item.model_id in chosen]
    for_good = [item.model_id for item in request.plan.of("purge") if item.model_id in chosen]
    return to_trash, for_good, [each.key for each in request.plan.unclaimed if each.key in chosen]


def _cleanup(request: Request) -> None:
    assert request.plan is not None
    to_trash, for_good, swept = _parts(request)
    items = {item.model_id: item for item in request.plan.items}
    says = []
    if to_trash:
        days = sorted({_trash_days(items[each].model_name) for each in to_trash})
        last = formatting.exact((messages.now() + timedelta(days=days[0])).isoformat(), messages.viewer_zone())
        long = f"For {days[0]:g} days" if len(days) == 1 else f"For {days[0]:g} to {days[-1]:g} days"
        long += f", until {last.partition(',')[0]}," if len(days) == 1 else ""
        size = formatting.size(sum(items[each].bytes for each in to_trash))
        says.append(
            f"- **{formatting.count(len(to_trash), 'version')} to the trash**: {size}. They cannot be chosen or "
            "loaded. "
            f"{long} they can be put back; then their files go."
        )
    if for_good:
        size = formatting.size(sum(items[each].bytes for each in for_good))
        says.append(
            f"- **{formatting.count(len(for_good), 'version')} from the trash go for good**: {size} freed at once. "
            "Their metrics and history stay."
        )
    if swept:
        size = formatting.size(sum(each.bytes for each in request.plan.unclaimed if each.key in swept))
        says.append(f"- **{formatting.count(len(swept), 'file')} that nothing claims** swept: {size} freed.")
    st.markdown("\n".join(says))
    _named([f"{items[each].model_name} {items[each].version}" for each in (*to_trash, *for_good)])
    st.caption("Each is looked at again first: who has become champion, or was pinned meanwhile, is left alone.")


def _trash_days(name: str) -> float:
    return session.open_registry().policy(name).retention_policy.trash_days


def _named(shown: Sequence[str]) -> None:
    more = f" and {len(shown) - NAMED:,} more" if len(shown) > NAMED else ""
    if shown:
        st.caption(formatting.escaped(", ".join(shown[:NAMED])) + more)


def _put_back(request: Request) -> None:
    many = len(request.trashed)
    st.markdown(
        f"**{formatting.count(many, 'version')}** will be as before: what was registered may be chosen again. Nobody "
        "becomes champion by it."
    )
    _named([f"{each.model_name} {each.version}" for each in request.trashed])


def _purge(request: Request) -> None:
    size = formatting.size(sum(each.bytes for each in request.trashed))
    many = len(request.trashed)
    messages.show(
        "warning",
        f"The files of **{formatting.count(many, 'version')}** go now and for good: {size} freed. "
        "This cannot be undone.",
    )
    _named([f"{each.model_name} {each.version}" for each in request.trashed])
    st.caption("Metrics, reviews and history stay, and say when and by whom the files were deleted.")


def _compress(request: Request) -> None:
    whose = formatting.escaped(request.model_name) if request.model_name else "all model names"
    st.markdown(
        f"Files of versions of **{whose}** registered more than **{request.days:g} days** ago are compressed where it "
        "saves a tenth or more, and identical files are stored once. Each is checked against its hash first."
    )
    st.caption(
        "Models load as before, a little slower. The champion, and who a rollback would return to, stay as they are."
    )


def _repair(request: Request) -> None:
    st.markdown(
        "Everything is checked again, and what can be mended without losing anything is mended. What needs a backup or "
        "a decision stays, and says what to do."
    )


def _rebuild(request: Request) -> None:
    st.markdown(
        "The catalog is built anew from the sidecar files, with all states and the history. Others go on reading the "
        "old one until the new one is there; nothing is left out that was there before."
    )


_CONSEQUENCES: dict[str, Callable[[Request], None]] = {
    "cleanup": _cleanup,
    "put back": _put_back,
    "purge": _purge,
    "compress": _compress,
    "repair": _repair,
    "rebuild": _rebuild,
}


def _carry_out(request: Request, reason: str, who: str) -> None:
    """Do it, saying how far it is. A success starts the whole page anew; what goes wrong stays in the dialog."""
    try:
        text, undo = _WORK[request.verb](request, reason, who)
    except RegistryError as error:
        request.failure = f"Not done, or not to its end. {formatting.escaped(formatting.sentence(str(error)))}"
        return
    _forget()
    session.act_as(who)
    messages.post("success", text, undo, "Undo: put them back")
    st.rerun()


Done = tuple[str, Callable[[], None] | None]


def _do_cleanup(request: Request, reason: str, who: str) -> Done:
    registry, bar = session.open_registry(), Bar("Cleaning up …")
    done = registry.cleanup(request.plan, only=request.only, actor=who, reason=reason, progress=bar)
    st.session_state.pop("cleanup-left", None)
    undo = partial(_ask_to_undo, done.trashed) if done.trashed else None
    return told(done), undo


def told(done: CleanupResult) -> str:
    """What a cleanup did, in Markdown."""
    parts = []
    if done.trashed:
        parts.append(
            f"{formatting.count(len(done.trashed), 'version')} in the trash ({formatting.size(done.bytes_trashed)})"
        )
    if done.purged:
        parts.append(f"{formatting.count(len(done.purged), 'version')} deleted for good")
    if done.swept:
        parts.append(f"{formatting.count(len(done.swept), 'file')} swept")
    if done.bytes_freed:
        parts.append(f"{formatting.size(done.bytes_freed)} freed")
    text = f"Cleaned up: {', '.join(parts) or 'nothing'}."
    if done.skipped:
        whom, why = next(iter(done.skipped.items()))
        text += (
            f" {formatting.count(len(done.skipped), 'item')} left alone, such as {formatting.escaped(whom)}: "
            f"{formatting.escaped(why)}."
        )
    return text


def _ask_to_undo(model_ids: Sequence[str]) -> None:
    """One click takes a cleanup back: its dialog only shows how far that is."""
    ask(Request("undo", only=tuple(model_ids)))


def _undo_now(request: Request) -> None:
    _forget()
    try:
        _restore(request.only, "undo of the cleanup", session.actor())
    except RegistryError as error:
        messages.post("error", f"Not undone to its end: {formatting.escaped(formatting.sentence(str(error)))}")
    else:
        count = formatting.count(len(request.only), "version")
        messages.post("success", f"Undone: {count} put back, and both are on record under Activity.")
    st.rerun()


def _restore(model_ids: Sequence[str], reason: str, who: str) -> None:
    registry, bar = session.open_registry(), Bar("Putting back …")
    for done, model_id in enumerate(model_ids, start=1):
        registry.restore(model_id, actor=who, reason=reason)
        bar("put back", done, len(model_ids))


def _do_put_back(request: Request, reason: str, who: str) -> Done:
    _restore([each.model_id for each in request.trashed], reason, who)
    return f"{formatting.count(len(request.trashed), 'version')} put back from the trash.", None


def _do_purge(request: Request, reason: str, who: str) -> Done:
    registry, bar, freed = session.open_registry(), Bar("Deleting …"), 0
    for done, each in enumerate(request.trashed, start=1):
        freed += registry.purge(each.model_id, actor=who, reason=reason)
        bar("deleted", done, len(request.trashed))
    return (
        f"{formatting.count(len(request.trashed), 'version')} deleted for good, {formatting.size(freed)} freed.",
        None,
    )


def _do_compress(request: Request, reason: str, who: str) -> Done:
    done = session.open_registry().compress(
        request.days, model_name=request.model_name, actor=who, reason=reason, progress=Bar("Compressing …")
    )
    left = f" {formatting.count(len(done.left), 'file')} left alone: missing or altered." if done.left else ""
    if not done.compressed and not done.linked:
        return f"Nothing to compress: no file would become a tenth smaller, and none lies there twice.{left}", None
    saved = formatting.size(max(0, done.bytes_before - done.bytes_after))
    share = "shares" if len(done.linked) == 1 else "share"
    return (
        f"{formatting.count(len(done.compressed), 'file')} compressed, {len(done.linked):,} now {share} the bytes of "
        f"an identical one: {saved} saved.{left}"
    ), None


def _do_repair(request: Request, reason: str, who: str) -> Done:
    report = session.open_registry().verify(repair=True, actor=who, progress=Bar("Checking and mending …"))
    st.session_state["verified"] = (session.open_registry().revision(), report)
    mended = sum(each.repaired for each in report.findings)
    left = sum(not each.repaired and each.severity != "note" for each in report.findings)
    return f"{formatting.count(mended, 'finding')} mended, {left} left to do.", None


def _do_rebuild(request: Request, reason: str, who: str) -> Done:
    report = session.open_registry().rebuild_index(actor=who, reason=reason, progress=Bar("Rebuilding …"))
    changed = ", ".join(f"{count:,} rows of {formatting.escaped(table)}" for table, count in report.changed.items())
    text = f"The index of {formatting.count(report.models, 'version')} is rebuilt in {report.seconds:.1f} s: "
    text += f"{changed} are others than before." if changed else "everything was as it should be."
    if report.left_out:
        text += f" {formatting.count(len(report.left_out), 'file')} could not be used."
    return text, None


_WORK: dict[str, Callable[[Request, str, str], Done]] = {
    "cleanup": _do_cleanup,
    "put back": _do_put_back,
    "purge": _do_purge,
    "compress": _do_compress,
    "repair": _do_repair,
    "rebuild": _do_rebuild,
}
