# Short names for the commands that are typed often; `just` lists them.

[private]
default:
    @just --list --unsorted

# Build the binary
build:
    cargo build --release

# Run the tests whose path contains FILTER, or all
test *FILTER:
    cargo test --release {{ FILTER }}

# Format the code
fmt:
    cargo fmt

# Lint as the gate does
lint:
    cargo clippy --release --all-targets -- -D warnings

# Check the licences and sources of all dependencies
deny:
    cargo deny --config .deny.toml check bans licenses sources

# The first minute of a user
demo:
    cargo run --release -- demo

# Generate clients in other languages and run them
clients: build
    examples/clients/run.sh

# Try every operation with made-up requests
fuzz *SEED: build
    examples/clients/run.sh --fuzz {{ SEED }}

# Write openapi/actuary.json anew from the program
openapi:
    mkdir -p openapi
    cargo run --release -- openapi > target/openapi.json
    mv target/openapi.json openapi/actuary.json

# Write .sqlx anew: DATABASE_URL names an empty PostgreSQL database that psql can reach
prepare:
    psql --quiet --set ON_ERROR_STOP=1 "$DATABASE_URL" $(printf -- '-f %s ' migrations/*.sql)
    rm -rf .sqlx && mkdir .sqlx
    touch src/store/mod.rs
    SQLX_OFFLINE_DIR="$PWD/.sqlx" cargo --config 'env.SQLX_OFFLINE.value="false"' build --release --lib

# Run the whole gate
ci:
    .ci/run

# Write the fixtures of tests anew from their Python oracles
oracles:
    python3 -m venv target/oracles
    target/oracles/bin/pip install --quiet scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6 \
        dieboldmariano==1.1.0 scoringrules==0.10.0 fairlearn==0.15.0 \
        arch==8.0.0 vartests==0.4.1 skfolio==1.12.2 optbinning==1.0.0 statsmodels==0.15.0 \
        PyPortfolioOpt==1.6.0 MAPIE==1.6.0
    target/oracles/bin/python examples/oracles/stats.py
    target/oracles/bin/python examples/oracles/fairness.py
    target/oracles/bin/python examples/oracles/forecasting.py
    target/oracles/bin/python examples/oracles/risk.py
    target/oracles/bin/python examples/oracles/scorecard.py
    target/oracles/bin/python examples/oracles/investments.py
    target/oracles/bin/python examples/oracles/conformal.py
