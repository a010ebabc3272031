"""Keep it small and sound: what could go, what is in the trash, what takes the space, whether all is there."""

import streamlit as st

from dashboard import session
from dashboard.ui import messages
from dashboard.views.maintenance import checks, sections

view = session.view()
messages.heading(
    "Maintenance", "Clean up versions, restore or delete what is in the trash, see storage use, verify and back up."
)

name = session.model_name()
if name is None:
    messages.empty_registry()
    st.stop()

left, right = st.columns([3, 2], vertical_alignment="bottom")
part = left.segmented_control(
    "Part",
    ["Cleanup", "Trash", "Space", "Verify", "Backup"],
    default="Cleanup",
    required=True,
    key="part",
    bind="query-params",
)
only: str | None = name
# Checks and backups are always of the whole registry.
if part not in ("Verify", "Backup"):
    whose = right.segmented_control(
        "Model names", ["This name", "All"], default="This name", required=True, key="whose-files", bind="query-params"
    )
    only = None if whose == "All" else name

if part == "Trash":
    sections.trash(only, view)
elif part == "Space":
    sections.space(only, view)
elif part == "Verify":
    checks.verify(view)
elif part == "Backup":
    checks.backup(view)
else:
    sections.cleanup(only, view)
