"""The console command ``model-registry``: the registry's verbs for people at a terminal and for scripts."""

from __future__ import annotations

# Imported for what they add to the group.
from . import deciding, opening, reading
from .console import main

__all__ = ["deciding", "main", "opening", "reading"]
