"""Verbs that keep the registry small: cleanup, trash, pins, compression, space."""

from __future__ import annotations
