#!/bin/sh
# LightGBM's package leaves OpenMP to the system. Does nothing when it is there.
set -eu

works() { .venv/bin/python -c "import lightgbm" >/dev/null 2>&1; }

works && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing OpenMP for LightGBM (once) ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends libgomp1 >/dev/null
    works && exit 0
fi
echo "LightGBM cannot be imported: install OpenMP (Debian: apt-get install libgomp1)" >&2
exit 1
