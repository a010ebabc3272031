"""The Champion / challenger page."""
