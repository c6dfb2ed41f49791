#!/usr/bin/env bash
# Everything that is measured, each figure beside its peer in the same run, and one table of it beside
# the limits.
#
#     examples/bench/peers.sh                 # once: PyTorch, tabm and MLflow, some 6 GB
#     cargo build --profile dist && cargo build --profile dist --example bare
#     examples/bench/run.sh [--json] [--runs NUMBER] [--quick]
#
# The median of NUMBER runs (default 1) counts; a run takes about ten minutes, a quick one three.
# PYTHON (default target/peers/bin/python) has the peers, ACTUARY_BIN and BARE_BIN are the programs. With
# DEVICE=cuda:0 that GPU's rows are measured, too, which takes a quarter of an hour more.
# What each run printed is kept in target/bench.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=${PYTHON:-target/peers/bin/python}
# What ships: the profile that tests run with links in seconds and is slower.
built=${CARGO_TARGET_DIR:-target}/dist
actuary=${ACTUARY_BIN:-$built/actuary}
bare=${BARE_BIN:-$built/examples/bare}
runs=1 json=() quick=""
while (($#)); do
    case $1 in
        --json) json=(--json) ;;
        --quick) quick=1 ;;
        --runs) runs=$2 && shift ;;
        *) sed -n 's/^#     //p' "$0" >&2 && exit 2 ;;
    esac
    shift
done
for needed in "$python" "$actuary" "$bare"; do
    [[ -x $needed ]] || { echo "$needed is not there; the head of $0 says how to make it" >&2; exit 1; }
done
results=target/bench
mkdir -p "$results"
rm -f "$results"/*.json
place=$(mktemp -d "${TMPDIR:-/tmp}/actuary-peers-XXXXXX")
peer=""
finish() {
    stop_peer
    rm -rf "$place"
}
# A peer is the leader of a process group of its own: MLflow starts its server as a child.
stop_peer() {
    [[ -z $peer ]] || { kill -- "-$peer" 2>"$place/kill" && wait "$peer"; } || true
    peer=""
}
trap finish EXIT
note() { echo "$*" >&2; }

start_mlflow() {
    port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    [[ -d $place/model ]] || "$python" examples/bench/mlflow_model.py "$place/model" >"$place/mlflow" 2>&1 ||
        { cat "$place/mlflow" >&2; exit 1; }
    PATH="$(realpath --no-symlinks "$(dirname "$python")"):$PATH" MLFLOW_DISABLE_TELEMETRY=true \
        UVICORN_ACCESS_LOG=false setsid \
        "$(dirname "$python")/mlflow" models serve --model-uri "$place/model" --env-manager local \
        --host 127.0.0.1 --port "$port" >"$place/mlflow" 2>&1 &
    peer=$!
    until "$python" -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/ping', timeout=1)" \
        2>"$place/ping"; do
        kill -0 "$peer" || { cat "$place/mlflow" >&2; exit 1; }
        sleep 0.5
    done
    peer_url=http://127.0.0.1:$port/invocations
}

start_bare() {
    setsid "$bare" >"$place/bare" &
    peer=$!
    until peer_url=$(sed -n 's/^serving //p' "$place/bare") && [[ -n $peer_url ]]; do
        kill -0 "$peer"
        sleep 0.1
    done
    peer_url=$peer_url/predict
}

# The default network for tables from the first row to the last epoch, on rows that are made up.
whole_tabm() {
    "$python" - "$place/table.csv" <<'PYTHON'
import csv, random, sys
random.seed(1)
with open(sys.argv[1], "w", newline="") as file:
    out = csv.writer(file)
    out.writerow([f"x{c}" for c in range(23)] + ["part", "y"])
    for row in range(30_000):
        values = [round(random.gauss(0, 1), 4) for _ in range(23)]
        score = values[0] + values[1] * values[2] + abs(values[3]) + random.gauss(0, 1)
        part = "train" if row < 24_000 else "validation" if row < 27_000 else "test"
        out.writerow(values + [part, int(score > 1)])
PYTHON
    PYTHON=$python ACTUARY_BIN=$actuary examples/bench/tabm.sh "$place/table.csv" y 1 "$1" 3 |
        "$python" -c '
import json, statistics, sys
rounds = [json.loads(line) for line in sys.stdin]
middle = lambda name: statistics.median(r[name] for r in rounds)
print(json.dumps({"rows": [{"id": "train.tabm.whole", "unit": "us", "ours": middle("ours_us_a_row"),
    "name": "TabM, a whole training, a row and epoch of it, against PyTorch",
    "peer": middle("torch_us_a_row"), "ratio": middle("ratio")}]}))'
}

# What many trainings and a second process come to; its steps have the names of those on a CPU.
on_device() {
    "$actuary" bench train "$@" --only mlp,tabm --device "$DEVICE" --json | "$python" -c '
import json, sys
report = json.load(sys.stdin)
ours = ("train.fits", "train.second_process")
report["rows"] = [row for row in report["rows"] if row["id"].startswith(ours)]
json.dump(report, sys.stdout)'
}

if [[ -n $quick ]]; then
    serve=(--rounds 3 --seconds 0.5) train=(--rounds 3 --seconds 0.5) few=3
else
    serve=(--rounds 7 --seconds 1) train=(--rounds 7 --seconds 1) few=5
fi
files=()
for run in $(seq "$runs"); do
    bench() {
        local name=$1
        shift
        note "run $run of $runs: $name"
        "$actuary" bench "$@" --json >"$results/$run-$name.json"
        files+=("$results/$run-$name.json")
    }
    start_mlflow
    bench serve serve "${serve[@]}" --peer-url "$peer_url"
    stop_peer
    bench train train "${train[@]}" --peer "$python"
    if [[ -n ${DEVICE:-} ]]; then
        note "run $run of $runs: $DEVICE"
        on_device "${train[@]}" >"$results/$run-device.json"
        files+=("$results/$run-device.json")
    fi
    bench load load --rounds "$few"
    bench ingest ingest --rounds "$few"
    bench start start --rounds "$few"
    bench explain explain --rounds "$few"
    note "run $run of $runs: tabm"
    whole_tabm "$few" >"$results/$run-tabm.json"
    files+=("$results/$run-tabm.json")
    # By itself, as its figures have the names of those beside MLflow.
    start_bare
    note "run $run of $runs: bare"
    "$actuary" bench serve "${serve[@]}" --peer-url "$peer_url" --json >"$results/$run-bare.json"
    stop_peer
done
"$python" examples/bench/table.py "${json[@]}" "${files[@]}"
if [[ -z ${json[*]} ]]; then
    "$python" -c '
import json, statistics, sys
rows = [r for f in sys.argv[1:] for r in json.load(open(f))["rows"] if r["id"] == "serve.1.peer"]
ratio = statistics.median(r["ratio"] for r in rows)
print(f"\nPredictions over a bare actix-web that answers a constant: {ratio:.2f}")' "$results"/*-bare.json
fi
