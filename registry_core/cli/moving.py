"""Verbs that carry it elsewhere and bring in others: backup, export, import."""

from __future__ import annotations
