#!/usr/bin/env bash
# Texts told apart: news of what rises and what falls, in English and in Chinese, become a dataset, a
# version of a model and answers. Takes the program as ACTUARY_BIN (default: the release build) and
# works in a directory of its own, which it removes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source examples/server.sh

# A request with the key; fails where the answer is an error.
api() {
    curl --fail-with-body --silent --show-error -H "Authorization: Bearer $key" -H 'Prefer: wait=60' "$@"
    echo
}

# News whose direction stands in their verbs.
news() {
    local subjects=("The bank" "Oil" "\$XYZ" "银行股" "原油期货" "黄金价格")
    local up=("climbs" "jumps" "gains" "上涨" "走高" "大涨") down=("falls" "sinks" "drops" "下跌" "走低" "大跌")
    echo "text,label"
    for row in $(seq 0 239); do
        subject=$((row / 2 % 6)) verb=$((row / 12 % 3 + row / 2 % 6 / 3 * 3))
        if ((row % 2)); then word=${up[verb]} label=up; else word=${down[verb]} label=down; fi
        echo "${subjects[subject]} $word $row points on day $((row * 7 % 31)),$label"
    done
}

serve "$place/data"
key=$("$actuary" keys create --name texts --scope read --scope train --scope predict \
    --data-dir "$place/data" 2>/dev/null)

echo "== the news become a dataset"
news >"$place/news.csv"
api -H 'Content-Type: text/csv' --data-binary "@$place/news.csv" "$url/api/v1/datasets/news/versions"

echo "== a network for texts, since the one feature is free text"
api --json '{"dataset": {"name": "news"}, "target": "label",
    "preprocessing": {"text": {"buckets": 16384}}}' "$url/api/v1/models/news/versions"
api "$url/api/v1/models/news/versions/1"

echo "== what it says of news that it has not seen"
api --json '{"version": 1, "rows": [{"text": "GOLD sinks again"}, {"text": "今日股票大涨"}]}' \
    "$url/api/v1/models/news/predictions"
