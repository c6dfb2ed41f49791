#!/usr/bin/env bash
# Seconds an epoch of the default table network takes here and in PyTorch, in turns on one thread.
#
#     examples/bench/tabm.sh FILE TARGET [POSITIVE] [ROUNDS] [EPOCHS]
#
# FILE is a CSV with a column `part` that says train, validation or test in every row. PYTHON (default:
# python3) has to have what examples/bench/tabm_torch.py names. Prints one JSON object a round:
# microseconds of training a row and epoch in both, the ratio, and the test AUC of both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
file=$(realpath "$1") target=$2 positive=${3:-1} rounds=${4:-5} epochs=${5:-3}
python=${PYTHON:-python3}
source examples/server.sh

serve "$place/data"
key=$("$actuary" keys create --name bench --scope read --scope train --data-dir "$place/data" 2>/dev/null)
api() {
    local method=$1 path=$2
    shift 2
    curl --fail --silent --show-error -X "$method" -H "Authorization: Bearer $key" "$@" "$url/api/v1$path"
}
wait_for() {
    local id state
    id=$("$python" -c 'import json, sys; print(json.load(sys.stdin)["id"])')
    until state=$(api GET "/jobs/$id" | "$python" -c 'import json, sys; print(json.load(sys.stdin)["state"])') &&
        [[ $state == done || $state == failed || $state == cancelled ]]; do
        sleep 0.2
    done
    [[ $state == done ]] || { api GET "/jobs/$id" >&2; exit 1; }
}

api POST /datasets/bench/versions -H 'Content-Type: text/csv' --data-binary "@$file" | wait_for
for round in $(seq "$rounds"); do
    theirs=$("$python" examples/bench/tabm_torch.py "$file" --part part --target "$target" \
        --positive "$positive" --epochs "$epochs")
    api POST /models/bench/versions -H 'Content-Type: application/json' -d '{
        "dataset": {"name": "bench"}, "target": "'"$target"'", "positive_class": "'"$positive"'",
        "parts": {"by": "column", "column": "part"}, "epochs": '"$epochs"', "baselines": false,
        "device": "cpu"}' | wait_for
    api GET "/models/bench/versions/$round" | THEIRS=$theirs ROUND=$round "$python" -c '
import json, os, sys
ours, theirs = json.load(sys.stdin), json.loads(os.environ["THEIRS"])
def each(seconds, rows, epochs):
    return round(seconds / rows / epochs * 1e6, 2)
of_ours = each(ours["provenance"]["seconds"], ours["provenance"]["rows"]["train"], len(ours["curve"]))
of_theirs = each(theirs["seconds"], theirs["rows"], theirs["epochs"])
print(json.dumps({"round": int(os.environ["ROUND"]), "ours_us_a_row": of_ours,
    "torch_us_a_row": of_theirs, "ratio": round(of_ours / of_theirs, 3),
    "auc": ours["metrics"]["auc"], "torch_auc": theirs["auc"]}))'
done
stop
