"""Watching: is the champion still as good as it was, what do challengers show, and what is done about it."""
