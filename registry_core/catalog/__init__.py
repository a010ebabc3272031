"""The catalog: the only SQL."""
