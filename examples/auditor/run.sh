#!/usr/bin/env bash
# The auditor's question, two years later: who decided on this applicant, by which version, on what
# data, and would the answer be the same today? Takes the program as ACTUARY_BIN (default: the
# release build) and works in a directory of its own, which it removes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source examples/server.sh

api() {
    local method=$1 path=$2
    shift 2
    curl --fail --silent --show-error -X "$method" -H "Authorization: Bearer $key" "$@" "$url/api/v1$path"
}

# The first value of a name in a JSON text.
value() {
    sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" | head -1
}

"$actuary" demo --data-dir "$place/data" >/dev/null
serve "$place/data"
key=$("$actuary" keys create --name auditor --scope read --scope predict --scope train \
    --data-dir "$place/data" 2>/dev/null)

echo "== a decision, kept before it is answered"
decided=$(api POST /models/demo-default/predictions -H 'Content-Type: application/json' -d '{
    "record": true, "rows": [{"age": 44, "amount": 12000, "debt_to_income": 0.41,
    "employment_years": 2.5, "existing_loans": 3, "home_ownership": "rent", "income": 31000,
    "late_payments_12m": 4, "purpose": "car", "region": "north", "term_months": 36,
    "utilisation": 0.93}]}')
echo "$decided"
id=$(value id <<<"$decided")
at=$(date --utc +%Y-%m-%dT%H:%M:%S.%6NZ)

echo "== then the world goes on: another version becomes champion"
api POST /models/demo-default/versions -H 'Content-Type: application/json' -H 'Prefer: wait=60' \
    -d '{"dataset": {"name": "demo-loans"}, "target": "default", "network": {"kind": "linear"}}' |
    value state
tag=$(api GET /models/demo-default/aliases/champion --include | sed -n 's/^etag: //Ip' | tr -d '\r')
api PUT /models/demo-default/aliases/champion -H 'Content-Type: application/json' \
    -H "If-Match: $tag" -d '{"version": 2, "reason": "simpler"}'
echo

echo "== which version was champion at $at?"
then=$(api GET "/models/demo-default/aliases/champion/history/at?time=$at")
echo "$then"
[[ $(value version <<<"$then") == 1 ]] || { echo "it was version 1" >&2; exit 1; }
echo "== what was asked, by whom, and what was answered"
api GET "/predictions/$id"
echo
echo "== on which data was that version trained, and how good was it on rows that it never saw?"
api GET /models/demo-default/versions/1 | value dataset_sha256
echo "== scored again"
replayed=$(api POST "/predictions/$id/replay")
echo "$replayed"
[[ $(value identical <<<"$replayed") == true ]] || { echo "it differs" >&2; exit 1; }
stop
