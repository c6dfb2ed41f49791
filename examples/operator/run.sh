#!/usr/bin/env bash
# The operator's evening: is everything sound, a backup while the server works, and the proof that
# it can be restored. Takes the program as ACTUARY_BIN (default: the release build) and works in a
# directory of its own, which it removes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source examples/server.sh

# What a server answers for one applicant.
decision() {
    curl --fail --silent --show-error -H "Authorization: Bearer $key" \
        -H 'Content-Type: application/json' -d '{"rows": [{"age": 27, "amount": 4700,
            "debt_to_income": 0.286, "employment_years": 5.1, "existing_loans": 0,
            "home_ownership": "rent", "income": 23700, "late_payments_12m": 2,
            "purpose": "debt_consolidation", "region": "south", "term_months": 12,
            "utilisation": 0.887}]}' "$url/api/v1/models/demo-default/predictions"
}

echo "== a model to look after"
"$actuary" demo --data-dir "$place/data" | sed -n '1,5p'

echo "== is everything sound?"
serve "$place/data"
"$actuary" doctor --data-dir "$place/data"
key=$("$actuary" keys create --name operator --scope read --scope predict --data-dir "$place/data" 2>/dev/null)
curl --fail --silent --show-error "$url/readyz"
echo
curl --fail --silent --show-error -H "Authorization: Bearer $key" "$url/metrics" |
    grep -E '^(actuary_jobs\{kind="training",state="done"|actuary_database_bytes|process_resident)'

echo "== a backup while it works, restored elsewhere"
before=$(decision)
"$actuary" backup "$place/actuary.backup" --data-dir "$place/data"
stop
"$actuary" restore "$place/actuary.backup" --data-dir "$place/restored"

echo "== the same champion, the same answer"
serve "$place/restored"
after=$(decision)
echo "$after"
[[ $before == "$after" ]] || { echo "it answered before: $before" >&2; exit 1; }
stop
