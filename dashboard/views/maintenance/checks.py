"""The Maintenance page's Verify with its findings, and Backup with the index."""

from __future__ import annotations

import os
import shlex
import tempfile
from datetime import datetime

import streamlit as st

from dashboard import formatting, live_queries, session
from dashboard.ui import controls, messages, tables
from dashboard.views.maintenance import frames as maintenance_frames
from dashboard.views.maintenance.decisions import Bar, ask
from registry_core import BackupReport, Finding, RegistryError, VerifyReport

#: Findings of the table, and those shown in full with what mends them, the worst first.
MOST = 200
SHOWN = 8
#: A severity by word, shape and colour.
SHADES = {"error": ":red[✕ error]", "warning": ":orange[▲ warning]", "note": "○ note"}
#: A backup up to this many bytes is handed to the browser; it lies in memory until the page is left.
DOWNLOADED = 64_000_000


def verify(view: session.View) -> None:
    """Check everything when asked; what was found stays until it is asked again."""
    messages.section(
        "Verify", "Checks that every file matches its hash and belongs to a version, and that the audit log is intact."
    )
    known: tuple[int, VerifyReport] | None = st.session_state.get("verified")
    with st.container(horizontal=True, vertical_alignment="center"):
        run = controls.button(
            "Verify now" if known is None else "Verify again",
            "verify",
            None,
            view,
            key="verify",
            type="primary" if known is None else "secondary",
            icon=":material/fact_check:",
        )
        if known is not None and any(each.repairable and not each.repaired for each in known[1].findings):
            controls.button(
                "Repair",
                "verify",
                None,
                view,
                arguments={"repair": True},
                key="repair",
                icon=":material/build:",
                on_click=ask,
                args=("repair",),
            )
        told = st.empty()
    if run:
        with st.status("Reading every file …", expanded=True) as status:
            try:
                report = view.registry.verify(actor=session.actor(), progress=Bar("Verifying …"))
            except RegistryError as error:
                status.update(label="Verification did not finish.", state="error")
                messages.explain(error)
                return
            status.update(label="Verified", state="complete", expanded=False)
        known = (view.registry.revision(), report)
        st.session_state["verified"] = known
        # The button that repairs stands above.
        st.rerun()
    if known is None:
        told.caption("Not run yet in this session. Verification reads every file.")
        return
    revision, report = known
    later = view.revision - revision
    told.caption(
        f"Run {messages.when(report.at)}"
        + (f"; {formatting.count(later, 'change')} since." if later > 0 else "; nothing has changed since.")
    )
    _report(report)


def _report(report: VerifyReport) -> None:
    looked = ", ".join(_counted(what, amount) for what, amount in report.checked.items())
    looked = f"Checked {looked} in {report.seconds:.1f} s." if looked else ""
    open_ = [each for each in report.findings if not each.repaired]
    if report.clean:
        messages.show("success", f"Integrity verified. {looked}")
    else:
        counts = {name: sum(each.severity == name for each in open_) for name in maintenance_frames.SEVERITIES}
        said = " and ".join(formatting.count(counts[name], name) for name in ("error", "warning") if counts[name])
        messages.show("error" if counts["error"] else "warning", f"**{said} to repair.** {looked}")
    if not report.findings:
        return
    ordered = sorted(open_, key=lambda each: list(maintenance_frames.SEVERITIES).index(each.severity))
    for each in ordered[:SHOWN]:
        _finding(each)
    if len(report.findings) > len(ordered[:SHOWN]):
        with st.expander(f"All {formatting.count(len(report.findings), 'finding')} as a table"):
            _table(report)


def _finding(each: Finding) -> None:
    with st.container(border=True):
        st.markdown(
            f"**{SHADES[each.severity]}** {formatting.escaped(each.kind.replace('_', ' '))}: "
            + formatting.escaped(formatting.sentence(each.text))
        )
        command = each.remedy.command
        if command and each.repairable:
            st.markdown(":material/build: Repair above fixes it.")
        elif command:
            st.code(each.remedy, language=None, wrap_lines=True)
        else:
            st.markdown(f":material/build: {formatting.escaped(formatting.sentence(each.remedy))}")


def _table(report: VerifyReport) -> None:
    found = maintenance_frames.findings(report.findings)
    alt = "Findings of the last verification, most severe first"
    tables.records(maintenance_frames.FINDINGS, found[:MOST], key="findings", alt=alt)
    if len(found) > MOST:
        st.caption(f"The first {MOST} of {len(found):,}; `model-registry verify` prints all.")


def _counted(what: str, amount: int) -> str:
    return formatting.size(amount) if what == "bytes" else f"{amount:,} {formatting.escaped(what)}"


def backup(view: session.View) -> None:
    """A backup to take away, or the command where it is too large for a browser; the index, written and rebuilt."""
    left, right = st.columns(2, gap="large")
    with left:
        _backup(view)
    with right:
        _index(view)


def _backup(view: session.View) -> None:
    messages.section("Backup", "Writes the whole registry into one file while the registry is in use.")
    total = live_queries.space_of(view).bytes
    if total <= DOWNLOADED:
        if controls.button("Make a backup", "backup", None, view, key="backup", icon=":material/archive:"):
            _make(view)
        made: tuple[BackupReport, bytes] | None = st.session_state.get("backup-made")
        if made is not None:
            report, content = made
            st.markdown(
                f"As of {messages.when(report.at)}: {formatting.count(report.models, 'version')}, "
                f"{formatting.count(report.predictions, 'prediction')}, {formatting.count(report.files, 'file')}, "
                f"{formatting.size(report.bytes)}."
            )
            if report.left_out:
                missing = formatting.escaped(", ".join(list(report.left_out)[:3]))
                messages.show(
                    "warning",
                    f"{formatting.count(len(report.left_out), 'file')} missing or damaged, and not in the backup: "
                    f"{missing}. Verify names the remedy.",
                )
            st.download_button(
                "Download the backup",
                data=content,
                file_name=_file_name(report.at),
                mime="application/x-tar",
                icon=":material/download:",
                type="primary",
                on_click="ignore",
                key="download-backup",
            )
    else:
        st.markdown(f"{formatting.size(total)} is too large to download here. Run this command on the server instead:")
    where = shlex.quote(view.registry.location)
    st.code(f"model-registry --registry {where} backup backup.tar", language=None, wrap_lines=True)
    st.caption(
        "`model-registry restore-backup`, or `Registry.from_backup`, restores it into an empty folder or database."
    )


def _file_name(at: str) -> str:
    return f"model-registry-{datetime.fromisoformat(at):%Y%m%d-%H%M%S}.tar"


def _make(view: session.View) -> None:
    bar = Bar("Writing the backup …")
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "backup.tar")
            report = view.registry.backup(path, progress=bar)
            with open(path, "rb") as file:
                st.session_state["backup-made"] = (report, file.read())
    except RegistryError as error:
        messages.explain(error)
    finally:
        bar.empty()


def _index(view: session.View) -> None:
    messages.section(
        "Index", "Writes all versions into two files beside the models, from which a lost catalog can be rebuilt."
    )
    with st.container(horizontal=True, gap="small"):
        write = controls.button(
            "Export the index", "export_index", None, view, key="export-index", icon=":material/file_export:"
        )
        controls.button(
            "Rebuild the index …",
            "rebuild_index",
            None,
            view,
            key="rebuild",
            icon=":material/database:",
            on_click=ask,
            args=("rebuild",),
        )
    if write:
        try:
            with st.spinner("Writing …"):
                done = view.registry.export_index()
        except RegistryError as error:
            messages.explain(error)
            return
        messages.show("success", f"{formatting.count(done.models, 'version')} written, as of event {done.last_event}.")
        st.code("\n".join(done.files), language=None, wrap_lines=True)
    st.caption("A rebuild keeps states and history, and reports differences.")
