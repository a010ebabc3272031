"""The verbs of a registry, by what they are for: each is a docstring and one call into the actions."""
