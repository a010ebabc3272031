"""The console command ``model-registry``: the registry's verbs for people at a terminal and for scripts."""

from __future__ import annotations

# Imported for what they add to the group.
from . import (
    checking,
    comparing,
    deciding,
    experimenting,
    foreign,
    measuring,
    moving,
    opening,
    playing,
    reading,
    registering,
    reviewing,
    tidying,
    watching,
)
from .console import main

__all__ = [
    "checking",
    "comparing",
    "deciding",
    "experimenting",
    "foreign",
    "main",
    "measuring",
    "moving",
    "opening",
    "playing",
    "reading",
    "registering",
    "reviewing",
    "tidying",
    "watching",
]
