"""The console command with a dashboard that holds few bytes: ``python -m tests.small_quota BYTES dashboard FOLDER``."""

from __future__ import annotations

import sys

from dashboard import uploads
from registry_core.cli import main

if __name__ == "__main__":
    uploads.QUOTA.session_bytes = int(sys.argv.pop(1))
    main()
