#!/usr/bin/env bash
# Runs the four notebooks of this folder on small data that it makes itself, and leaves each as .ipynb
# with what its cells gave, to be opened in Jupyter or looked at on GitHub.
#
#     examples/notebooks/run.sh [DIRECTORY]
#
# DIRECTORY is target/notebooks unless named; the program is ACTUARY_BIN (default: the release build).
# Where NBCONVERT names a jupyter-nbconvert (`pip install nbconvert`), it makes a page of each, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=${1:-target/notebooks}
mkdir -p "$out"
out=$(realpath "$out")
source examples/server.sh

awk 'BEGIN { srand(7); print "income,age,debt,purpose,collections_fee,default"
    split("car home study other", of, " ")
    for (i = 0; i < 3000; i++) {
        income = int(15000 + 70000 * rand()); age = int(20 + 50 * rand()); debt = int(income * rand())
        risk = 1 / (1 + exp(1.5 + income / 25000 - 4 * debt / income + 0.02 * (45 - age)))
        bad = rand() < risk
        printf "%d,%d,%d,%s,%s,%d\n", income, age, debt, of[1 + int(4 * rand())], bad ? 30 : "", bad
    } }' >"$place/loans.csv"

awk 'function gauss() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
    BEGIN { srand(7); print "date,close"; close_ = 100; log_ = log(0.01)
    for (day = 0; day < 1500; day++) {
        log_ += 0.05 * (log(0.01) - log_) + 0.12 * gauss()
        close_ *= exp(exp(log_) * gauss())
        printf "%s,%.4f\n", strftime("%Y-%m-%d", 1420070400 + 86400 * day, 1), close_
    } }' >"$place/prices.csv"

awk 'function gauss() { return sqrt(-2 * log(1 - rand())) * cos(6.283185307 * rand()) }
    BEGIN { srand(9); print "date,bank,shop,mine,ship"; log_ = log(0.01)
    for (i = 1; i <= 4; i++) close_[i] = 50 * i
    for (day = 0; day < 1200; day++) {
        log_ += 0.05 * (log(0.01) - log_) + 0.12 * gauss(); common = gauss()
        line = strftime("%Y-%m-%d", 1420070400 + 86400 * day, 1)
        for (i = 1; i <= 4; i++) {
            close_[i] *= exp(exp(log_) * (0.6 * common + 0.8 * gauss())); line = line sprintf(",%.4f", close_[i])
        }
        print line
    } }' >"$place/stocks.csv"

awk 'BEGIN { srand(7); print "text,sentiment"
    split("rise grow beat surge improve", good, " "); split("fall decline miss plunge weaken", bad, " ")
    split("profits sales orders margins revenues", what, " "); split("quarter year month week", when, " ")
    for (i = 0; i < 1500; i++) {
        up = rand() < 0.6; word = up ? good[1 + int(5 * rand())] : bad[1 + int(5 * rand())]
        if (rand() < 0.05) up = !up
        printf "%s of company %d %s in the %s,%s\n", what[1 + int(5 * rand())], 1000 * rand(), word,
            when[1 + int(4 * rand())], up ? "positive" : "negative"
    } }' >"$place/news.csv"

awk 'BEGIN { srand(7); print "date,bonds,world,tech,gold"
    split("100 100 100 100", close_, " "); split("0.1 1 1.4 -0.1", beta, " "); split("0.003 0.006 0.012 0.01", own, " ")
    for (day = 0; day < 1000; day++) {
        market = 0.03 * (rand() - 0.49)
        printf "%s", strftime("%Y-%m-%d", 1420070400 + 86400 * day, 1)
        for (i = 1; i <= 4; i++) {
            close_[i] *= 1 + beta[i] * market + own[i] * 2 * (rand() - 0.49); printf ",%.4f", close_[i]
        }
        print ""
    } }' >"$place/funds.csv"

run() {
    echo "== $1"
    "$actuary" run "examples/notebooks/$1.star" --data-dir "$place/data" -p "data=$place/$2" \
        --output "$out/$1.ipynb"
}
run credit loans.csv 2> >(grep -v "^first admin key" >&2)
run lending loans.csv
run volatility prices.csv
run risk stocks.csv
run sentiment news.csv
run portfolio funds.csv
[[ -z ${NBCONVERT:-} ]] || "$NBCONVERT" --log-level=WARN --to html "$out"/{credit,lending,volatility,risk,sentiment,portfolio}.ipynb
ls "$out"
