#!/usr/bin/env bash
# Tries the interface as an integrator does: lints the document, generates clients from it in two
# languages, runs them against a server of its own, and opens the documentation's page. With
# --fuzz [SEED] schemathesis tries every operation instead. What is downloaded lies in target/clients.
#
# ACTUARY_BIN names the program; without it, what `cargo build --release` built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec </dev/null

readonly REDOCLY=2.77.0 PLAYWRIGHT=1.65.1 MYPY=2.4.1 SCHEMATHESIS=4.32.5
readonly HERE=$PWD/examples/clients WORK=$PWD/target/clients
readonly ACTUARY=${ACTUARY_BIN:-${CARGO_TARGET_DIR:-target}/release/actuary}

export npm_config_cache=$WORK/npm npm_config_audit=false npm_config_fund=false
export PIP_CACHE_DIR=$WORK/pip PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

current=""
data=""
server=""
skipped=()

finish() {
    local status=$?
    if [[ -n $server ]]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    if [[ $status != 0 && -n $current ]]; then
        echo "== failed: $current" >&2
        [[ -z $data ]] || grep -v act_ "$data/log" | tail -n 20 >&2 || true
    fi
    [[ -z $data ]] || rm -rf "$data"
}
trap finish EXIT

step() {
    current=$1
    echo "== $current"
    shift
    "$@"
}

# Whether all these programs are here; a step that lacks one is skipped and said at the end.
have() {
    local name=$1 program
    shift
    for program in "$@"; do
        command -v "$program" >/dev/null && continue
        skipped+=("$name: no $program")
        return 1
    done
}

# A server on a fresh directory, which the user of the embedded PostgreSQL has to be able to enter.
start_server() {
    if [[ ! -x $ACTUARY ]]; then
        echo "no $ACTUARY: run cargo build --release, or let ACTUARY_BIN name the program" >&2
        return 1
    fi
    data=$(mktemp -d /var/tmp/actuary-clients.XXXXXX)
    chmod 755 "$data"
    touch "$data/log"
    "$ACTUARY" serve --data-dir "$data" --address 127.0.0.1:0 >"$data/log" 2>&1 &
    server=$!
    local waited
    for ((waited = 0; waited < 120; waited++)); do
        ACTUARY_URL=$(sed -n 's/^serving \(http:[^ ]*\) .*/\1/p' "$data/log")
        [[ -z $ACTUARY_URL ]] || break
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.5
    done
    ACTUARY_KEY=$(sed -n 's/^first admin key.*: \(act_.*\)/\1/p' "$data/log")
    export ACTUARY_URL ACTUARY_KEY
    [[ -n $ACTUARY_URL && -n $ACTUARY_KEY ]]
}

# A virtual environment with these packages.
venv() {
    [[ -x $1/bin/pip ]] || python3 -m venv "$1"
    "$1/bin/pip" install --quiet "${@:2}"
}

lint() {
    npm install --silent --prefix "$WORK/redocly" "@redocly/cli@$REDOCLY"
    curl -sSf --output "$WORK/actuary.json" "$ACTUARY_URL/openapi.json"
    "$WORK/redocly/node_modules/.bin/redocly" lint --config "$HERE/redocly.yaml" \
        "$WORK/actuary.json"
}

typescript() {
    mkdir -p "$WORK/typescript"
    cp "$HERE"/typescript/*.{ts,json} "$WORK/typescript"
    (
        cd "$WORK/typescript"
        npm install --silent --no-package-lock
        npm run --silent generate
        npm start --silent
    )
}

python() {
    mkdir -p "$WORK/python"
    cp "$HERE"/python/{loans.py,generator.yaml,requirements.txt} "$WORK/python"
    (
        cd "$WORK/python"
        venv venv -r requirements.txt "mypy==$MYPY"
        rm -rf actuary_client
        venv/bin/openapi-generator-cli generate --input-spec "$ACTUARY_URL/openapi.json" \
            --config generator.yaml --output . >generator.log 2>&1 || { cat generator.log; exit 1; }
        venv/bin/mypy --strict --follow-imports=silent loans.py
        venv/bin/python loans.py
    )
}

docs_page() {
    npm install --silent --prefix "$WORK/docs" "playwright-core@$PLAYWRIGHT"
    cp "$HERE/docs-page.mjs" "$WORK/docs"
    SCREENSHOTS=$WORK CHROMIUM=$(command -v chromium) node "$WORK/docs/docs-page.mjs"
}

call() {
    curl -sSf -H "Authorization: Bearer $ACTUARY_KEY" "$@"
}

# The one id in an answer, quoted.
id() {
    sed 's/.*"id":\("[^"]*"\).*/\1/'
}

# Puts something of everything on the server, and notes the ids that schemathesis can't make up.
seed_server() {
    local api=$ACTUARY_URL/api/v1 row schools=(master secondary) alias
    mkdir -p "$WORK/fuzz"
    {
        echo income,age,education,default
        for ((row = 0; row < 100; row++)); do
            echo "$((row * 137 % 1000)),$((20 + row % 40)),${schools[row / 2 % 2]},$((row % 3 == 0))"
        done
    } | call -H 'Prefer: wait=60' -H 'Content-Type: text/csv' --data-binary @- \
        "$api/datasets/fuzz-loans/versions" | id >"$WORK/fuzz/job"
    call -o /dev/null -H 'Prefer: wait=60' --json \
        '{"dataset": {"name": "fuzz-loans"}, "target": "default", "network": {"kind": "linear"}}' \
        "$api/models/fuzz-risk/versions"
    for alias in champion challenger; do
        call -o /dev/null -H 'If-None-Match: *' -X PUT --json '{"version": 1}' \
            "$api/models/fuzz-risk/aliases/$alias"
    done
    call --json '{"rows": [{"income": 500, "age": 30, "education": "master"}], "record": true}' \
        "$api/models/fuzz-risk/predictions" | id >"$WORK/fuzz/prediction"
    call "$api/keys?limit=1" | id | tr -d '"' >"$WORK/fuzz/key"
}

# Every operation with made-up requests. The document is the file, so that the operation that gives
# it is tried too.
schemathesis() {
    local document=$PWD/openapi/actuary.json
    (
        cd "$WORK/fuzz"
        PYTHONPATH=$HERE/fuzz FUZZ_KEY_ID=$(<key) "$WORK/schemathesis/bin/st" \
            --config-file "$HERE/fuzz/schemathesis.toml" run "$document" --url "$ACTUARY_URL" \
            --seed "$seed" --generation-database none --continue-on-failure "$@"
    )
}

clients() {
    step "server" start_server
    if have "lint and TypeScript" node npm curl; then
        step "lint" lint
        step "TypeScript" typescript
    fi
    if have "Python" python3 java; then step "Python" python; fi
    if have "documentation's page" node npm chromium; then step "documentation's page" docs_page; fi
}

fuzz() {
    have "fuzzing" python3 curl || return 0
    step "schemathesis $SCHEMATHESIS" venv "$WORK/schemathesis" "schemathesis==$SCHEMATHESIS"
    step "server" start_server
    ACTUARY_KEY=$("$ACTUARY" keys create --data-dir "$data" --name fuzz \
        --scope read --scope predict --scope train --scope admin)
    step "something to find" seed_server
    step "fuzzing with a key" schemathesis --max-examples 60 \
        --header "Authorization: Bearer $ACTUARY_KEY"
    step "fuzzing without a key" schemathesis --max-examples 5 --warnings off
}

case ${1:-} in
"") clients ;;
--fuzz)
    seed=${2:-20260301}
    fuzz
    ;;
*)
    echo "usage: $0 [--fuzz [SEED]]" >&2
    exit 2
    ;;
esac

if ((${#skipped[@]})); then
    printf '== not run: %s\n' "${skipped[@]}"
fi
echo "== passed in $SECONDS s"
