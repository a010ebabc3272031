"""Serving: answering with the champion and its challengers, and keeping what was answered and what came of it."""
