"""The console command ``model-registry``: the registry's methods for people at a terminal and for scripts."""

from __future__ import annotations

# Imported for the commands they add to the group.
from . import (
    access,
    comparison,
    dashboard,
    evaluation,
    experiments,
    insights,
    integrity,
    model_cards,
    models,
    monitoring,
    origin,
    promotion,
    registration,
    replay,
    retention,
    reviews,
    server,
    settings,
    tokens,
    transfer,
    webhooks,
)
from .console import main

__all__ = [
    "access",
    "comparison",
    "dashboard",
    "evaluation",
    "experiments",
    "insights",
    "integrity",
    "main",
    "model_cards",
    "models",
    "monitoring",
    "origin",
    "promotion",
    "registration",
    "replay",
    "retention",
    "reviews",
    "server",
    "settings",
    "tokens",
    "transfer",
    "webhooks",
]
