"""The console command ``model-registry``: the registry's verbs for people at a terminal and for scripts."""

from __future__ import annotations

# Imported for what they add to the group.
from . import comparing, deciding, measuring, opening, reading, registering, reviewing
from .console import main

__all__ = ["comparing", "deciding", "main", "measuring", "opening", "reading", "registering", "reviewing"]
