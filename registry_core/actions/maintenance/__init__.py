"""Keeping the registry small, sound and safe."""
