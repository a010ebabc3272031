"""The artifacts: the only bytes."""
