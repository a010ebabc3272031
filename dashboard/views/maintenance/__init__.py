"""The Maintenance page."""
