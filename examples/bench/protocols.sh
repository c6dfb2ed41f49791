#!/usr/bin/env bash
# Predictions of one row by each way that HTTP knows, with another program as the client: connections that stay,
# several requests in the pipe, TLS, HTTP/2 of many streams.
#
#     apt install nghttp2-client
#     cargo build --profile dist
#     examples/bench/protocols.sh [SECONDS]
#
# Each way is measured for SECONDS (default 5), three times in turns; the median counts. The program is ACTUARY_BIN.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export ACTUARY_BIN=${ACTUARY_BIN:-${CARGO_TARGET_DIR:-target}/dist/actuary}
source examples/server.sh
seconds=${1:-5}
command -v h2load >/dev/null || { echo "h2load is not there: apt install nghttp2-client" >&2; exit 1; }

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 -keyout "$place/key.pem" -out "$place/cert.pem" 2>"$place/openssl"

ask() {
    curl --fail-with-body --silent --show-error --cacert "$place/cert.pem" -H "Authorization: Bearer $key" "$@"
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
        "$url/api/v1/datasets/drawn/versions" >"$place/uploaded"
    ask -H 'Content-Type: application/json' -H 'Prefer: wait=60' "$url/api/v1/models/drawn/versions" -d '{
        "dataset": {"name": "drawn"}, "target": "y", "epochs": 2, "baselines": false,
        "network": {"kind": "mlp", "hidden": [64, 64]}}' >"$place/trained"
}

# Requests a second of a way to ask; every answer must be a 200.
measured() {
    h2load --duration "$seconds" --warm-up-time 1 -d "$place/body.json" -H "Authorization: Bearer $key" \
        -H 'Content-Type: application/json' "$@" "$url/api/v1/models/drawn/predictions" >"$place/h2load" 2>&1
    grep -q ' 0 3xx, 0 4xx, 0 5xx' "$place/h2load" || { cat "$place/h2load" >&2; exit 1; }
    sed -n 's|^finished in [^,]*, \([0-9.]*\) req/s.*|\1|p' "$place/h2load"
}

awk 'BEGIN {
    printf "{\"rows\": [{"
    for (c = 0; c < 20; c++) printf "%s\"x%d\": %.4f", (c ? ", " : ""), c, c / 20 - 0.5
    print "}], \"version\": 1}"
}' >"$place/body.json"

ways=("HTTP/1.1" "HTTP/1.1, 8 requests in the pipe" "HTTP/1.1 in TLS" "HTTP/2 in TLS, 4 connections of 32 streams")
options=("--h1 -c 32 -m 1" "--h1 -c 32 -m 8" "--h1 -c 32 -m 1" "-c 4 -m 32")
for turn in 1 2 3; do
    for way in 0 1 2 3; do
        tls=()
        ((way < 2)) || tls=(--tls-cert "$place/cert.pem" --tls-key "$place/key.pem")
        serve "$place/data" "${tls[@]}"
        [[ -n ${key:-} ]] ||
            key=$("$actuary" keys create --name bench --scope read --scope train --scope predict \
                --data-dir "$place/data" 2>"$place/keys")
        [[ -e $place/trained ]] || learn
        read -ra how <<<"${options[way]}"
        measured "${how[@]}" >>"$place/way-$way"
        stop
    done
done
for way in 0 1 2 3; do
    printf '%-45s %10.0f requests/s\n' "${ways[way]}" "$(sort -g "$place/way-$way" | sed -n 2p)"
done
