"""The sandbox: an untrusted model makes predictions in a separate process, isolated from the machine.

The process receives features and returns predictions, nothing else: it sees no label, no file of the registry and no
network. It cannot start processes or write files; it can see that files beside Python's libraries exist, not what is in
them. Its results are plain numbers and texts, checked before they are used.
"""

from __future__ import annotations

from .results import Answer, Proved
from .worker import Form, Limits, Worker, libraries_of, predict

__all__ = ["Answer", "Form", "Limits", "Proved", "Worker", "libraries_of", "predict"]
