"""Upload fields within the quota: what one holds, why a file was refused, and giving it back."""

from __future__ import annotations

from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard import formatting, uploads
from dashboard.ui import messages


def taken(file: UploadedFile | None) -> UploadedFile | None:
    """What an upload field holds; where the quota refused it, say so and give None."""
    sentence = None if file is None else uploads.QUOTA.refusal(file.file_id)
    if sentence is None:
        return file
    messages.show("error", formatting.escaped(sentence))
    return None


def release(*files: UploadedFile | None) -> None:
    """Give back what a page has stored elsewhere by now: Streamlit would keep it as long as the session."""
    context = get_script_run_ctx()
    if context is None or not isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        return
    for file in files:
        if file is not None:
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
