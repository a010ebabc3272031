"""Verbs that keep it sound: verify, rebuild, export the index, optimize."""

from __future__ import annotations
