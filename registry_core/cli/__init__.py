"""The console command ``model-registry``: the registry's verbs for people at a terminal and for scripts."""

from __future__ import annotations

# Imported for what they add to the group.
from . import comparing, deciding, experimenting, measuring, opening, playing, reading, registering, reviewing, watching
from .console import main

__all__ = [
    "comparing",
    "deciding",
    "experimenting",
    "main",
    "measuring",
    "opening",
    "playing",
    "reading",
    "registering",
    "reviewing",
    "watching",
]
