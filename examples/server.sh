# What the scripts beside this one share; they source it. A directory of their own, which goes when
# they end, and a server on any free port. The program is ACTUARY_BIN (default: the release build).
# Nothing that is real is touched: no other database, no other settings.
unset DATABASE_URL ACTUARY_DATABASE_URL ACTUARY_CONFIG ACTUARY_DATA_DIR

actuary=${ACTUARY_BIN:-${CARGO_TARGET_DIR:-target}/release/actuary}
place=$(mktemp -d "${TMPDIR:-/tmp}/actuary-example-XXXXXX")
# PostgreSQL's user must be able to enter it.
chmod 755 "$place"
server=""

finish() {
    [[ -z $server ]] || { kill "$server" && wait "$server"; } || true
    rm -rf "$place"
}
trap finish EXIT

# Starts a server on a data directory, with further options, and waits until it serves; its URL is in url.
serve() {
    : >"$place/out"
    "$actuary" serve --data-dir "$1" --address 127.0.0.1:0 "${@:2}" >"$place/out" 2>"$place/log" &
    server=$!
    until url=$(sed -n 's/^serving \([^ ]*\) .*/\1/p' "$place/out") && [[ -n $url ]]; do
        kill -0 "$server" || { cat "$place/log" >&2; exit 1; }
        sleep 0.1
    done
}

stop() {
    kill "$server"
    wait "$server"
    server=""
}
