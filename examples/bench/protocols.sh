#!/usr/bin/env bash
# Predictions of one row by each way that HTTP knows, with other programs as the client: wrk for HTTP/1.1 on
# connections that stay, with several requests in the pipe (h2load puts no second request with a body there), and in
# TLS; h2load for HTTP/2 of many streams.
#
#     apt install wrk nghttp2-client
#     cargo build --profile dist
#     examples/bench/protocols.sh [SECONDS]
#
# Each way is measured for SECONDS (default 5), three times in turns; the median counts. The program is ACTUARY_BIN.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export ACTUARY_BIN=${ACTUARY_BIN:-${CARGO_TARGET_DIR:-target}/dist/actuary}
source examples/server.sh
seconds=${1:-5}
for needed in wrk h2load; do
    command -v "$needed" >/dev/null || { echo "$needed is not there: apt install wrk nghttp2-client" >&2; exit 1; }
done

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$place/key.pem" -out "$place/cert.pem" 2>"$place/openssl" || { cat "$place/openssl" >&2; exit 1; }

ask() {
    curl --fail-with-body --silent --show-error -H "Authorization: Bearer $key" "$@" >"$place/answer" ||
        { cat "$place/answer" >&2; exit 1; }
}

# A network 20-64-64-1 of drawn rows.
learn() {
    awk 'BEGIN {
        srand(1)
        for (c = 0; c < 20; c++) printf "x%d,", c
        print "y"
        for (row = 0; row < 2000; row++) {
            sum = 0
            for (c = 0; c < 20; c++) { x = rand() * 2 - 1; sum += x; printf "%.4f,", x }
            print (sum > 0 ? 1 : 0)
        }
    }' >"$place/rows.csv"
    ask --data-binary "@$place/rows.csv" -H 'Content-Type: text/csv' -H 'Prefer: wait=60' \
        "$url/api/v1/datasets/drawn/versions"
    ask -H 'Content-Type: application/json' -H 'Prefer: wait=60' "$url/api/v1/models/drawn/versions" -d '{
        "dataset": {"name": "drawn"}, "target": "y", "epochs": 2, "baselines": false,
        "network": {"kind": "mlp", "hidden": [64, 64]}}'
}

# Requests a second over HTTP/1.1 with so many in the pipe, and over HTTP/2; every answer must be a 2xx.
by_wrk() {
    KEY=$key PIPE=$1 wrk --threads 1 --connections 32 --duration "${seconds}s" --script "$place/wrk.lua" \
        "$predictions" >"$place/client" 2>&1
    ! grep -q 'Non-2xx\|Socket errors' "$place/client" || { cat "$place/client" >&2; exit 1; }
    rate 's|^Requests/sec: *\([0-9.]*\)$|\1|p'
}

by_h2load() {
    h2load --duration "$seconds" --warm-up-time 1 --clients 4 --max-concurrent-streams 32 -d "$place/body.json" \
        -H "Authorization: Bearer $key" -H 'Content-Type: application/json' "$predictions" >"$place/client" 2>&1
    grep -q '^status codes: [1-9][0-9]* 2xx, 0 3xx, 0 4xx, 0 5xx' "$place/client" ||
        { cat "$place/client" >&2; exit 1; }
    rate 's|^finished in [^,]*, \([0-9.]*\) req/s.*|\1|p'
}

rate() {
    local found
    found=$(sed -n "$1" "$place/client")
    [[ -n $found && $found != 0.00 ]] || { cat "$place/client" >&2; exit 1; }
    echo "$found"
}

cat >"$place/wrk.lua" <<LUA
local file = io.open("$place/body.json")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Authorization"] = "Bearer " .. os.getenv("KEY")
wrk.headers["Content-Type"] = "application/json"
function init()
    all = string.rep(wrk.format(), tonumber(os.getenv("PIPE")))
end
function request()
    return all
end
LUA

awk 'BEGIN {
    printf "{\"rows\": [{"
    for (c = 0; c < 20; c++) printf "%s\"x%d\": %.4f", (c ? ", " : ""), c, c / 20 - 0.5
    print "}], \"version\": 1}"
}' >"$place/body.json"

ways=("HTTP/1.1" "HTTP/1.1, 8 requests in the pipe" "HTTP/1.1 in TLS" "HTTP/2 in TLS, 4 connections of 32 streams")
options=("by_wrk 1" "by_wrk 8" "by_wrk 1" "by_h2load")
key=""
for turn in 1 2 3; do
    for way in "${!ways[@]}"; do
        tls=()
        ((way < 2)) || tls=(--tls-cert "$place/cert.pem" --tls-key "$place/key.pem")
        serve "$place/data" "${tls[@]}"
        if [[ -z $key ]]; then
            key=$("$actuary" keys create --name bench --scope read --scope train --scope predict \
                --data-dir "$place/data")
            learn
        fi
        predictions=$url/api/v1/models/drawn/predictions
        read -ra how <<<"${options[way]}"
        "${how[@]}" >>"$place/way-$way"
        stop
    done
done
for way in "${!ways[@]}"; do
    printf '%-45s %10.0f requests/s\n' "${ways[way]}" "$(sort -g "$place/way-$way" | sed -n 2p)"
done
