#!/bin/sh
# Makes sure there is a Chromium for the browser tests. Does nothing when one is there.
set -eu

found() {
    for name in chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" >/dev/null 2>&1 && return 0
    done
    # Playwright's own, when somebody downloaded it.
    [ -x .venv/bin/python ] && .venv/bin/python - <<'PY'
import sys
from pathlib import Path
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not Path(playwright.chromium.executable_path).exists())
PY
}

found && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the browser tests (once) ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    # The shell has no window to draw, which is a tenth of what Chromium computes; older releases do not have it.
    for name in chromium-headless-shell chromium; do
        apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$name" fonts-liberation >/dev/null && break
    done
    found && exit 0
fi
echo "No Chromium or Chrome found. Install one, or run: .venv/bin/playwright install --with-deps chromium" >&2
exit 1
