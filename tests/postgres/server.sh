#!/usr/bin/env bash
# A Postgres server for tests, on a Unix socket in its folder and on no port.
#   server.sh start FOLDER     makes it if it is not there, starts it, and prints its URL
#   server.sh stop FOLDER      ends it; what it was doing is broken off
set -euo pipefail
wish=$1 folder=$2

programs=$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -1)
[ -n "$programs" ] || { echo "no initdb: install Postgres (Debian: apt-get install postgresql)" >&2; exit 1; }
programs=$(dirname "$(readlink -f "$programs")")

# A server refuses to run as root.
as_user() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

case $wish in
start)
    if [ ! -d "$folder/data" ]; then
        mkdir -p "$folder"
        if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
        as_user "$programs/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >"$folder/initdb.log"
    fi
    as_user "$programs/pg_ctl" -D "$folder/data" -l "$folder/data/server.log" -w -t 60 -s \
        -o "-k $folder -c listen_addresses='' -c fsync=off -c max_connections=200" start >&2
    echo "postgres:///postgres?host=$folder&user=postgres"
    ;;
stop)
    as_user "$programs/pg_ctl" -D "$folder/data" -m immediate -w -s stop >&2
    ;;
*)
    echo "server.sh start|stop FOLDER" >&2
    exit 2
    ;;
esac
