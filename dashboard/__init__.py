"""The dashboard: what a reviewer reads and decides in the browser. `dashboard.server.serve` opens it."""
