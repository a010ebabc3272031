#!/bin/sh
# Makes sure the programs of PostgreSQL and pgbouncer are there; the tests start private servers of their own. Does nothing when they are.
set -eu

found() {
    command -v pgbouncer >/dev/null 2>&1 || [ -x /usr/sbin/pgbouncer ] || return 1
    command -v initdb >/dev/null 2>&1 && command -v postgres >/dev/null 2>&1 && return 0
    for folder in /usr/lib/postgresql/*/bin; do
        [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ] && return 0
    done
    return 1
}

found && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing PostgreSQL and pgbouncer for the tests (once) ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    # First the part that reads this setting: Debian would otherwise create and start a server nobody asked for.
    apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends postgresql-common >/dev/null
    settings=/etc/postgresql-common/createcluster.conf
    if ! grep -qs '^create_main_cluster' "$settings"; then
        echo 'create_main_cluster = false' >>"$settings"
    fi
    apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends postgresql >/dev/null
    # A level at which no service is started.
    RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends pgbouncer >/dev/null
    found && exit 0
fi
echo "PostgreSQL or pgbouncer was not found. Install both (Debian: apt-get install postgresql pgbouncer; macOS: brew" >&2
echo "install postgresql pgbouncer) so that initdb, postgres and pgbouncer are on the PATH." >&2
exit 1
