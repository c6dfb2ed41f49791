#!/usr/bin/env bash
# Every network once, each on small data of the kind that it reads: tables, images, texts, series. Takes
# the program as ACTUARY_BIN (default: the release build) and works in a directory of its own, which it
# removes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source examples/server.sh

# Who earns little defaults more often.
loans() {
    local row mixed income default
    echo "income,age,default"
    for row in $(seq 0 399); do
        mixed=$((row * 40503 % 65536)) income=$((1000 + mixed % 4000)) default=0
        ((mixed / 7 % 1000 < (5000 - income) / 5)) && default=1
        echo "$income,$((20 + row % 45)),$default"
    done
}

# A daily wave, hour by hour.
load() {
    echo "hour,load"
    for hour in $(seq 0 479); do echo "$hour"; done | awk '{
        printf "2026-%02d-%02d %02d:00:00,", 1 + int($1 / 24 / 28), 1 + int($1 / 24) % 28, $1 % 24
        printf "%.3f\n", 100 + 20 * sin($1 * 3.14159265 / 12) + ($1 * 7919 % 13) / 5
    }'
}

# What rises and what falls.
news() {
    local subjects=(Oil Gold "The bank" "An insurer") up=(climbs jumps gains) down=(falls sinks drops) row
    echo "text,label"
    for row in $(seq 0 199); do
        if ((row % 2)); then word=${up[row / 2 % 3]} label=up; else word=${down[row / 2 % 3]} label=down; fi
        echo "${subjects[row / 6 % 4]} $word $row points on day $((row * 7 % 31)),$label"
    done
}

# Pictures of 16 x 16 pixels in MNIST's format, of which one half is bright: the upper (1) or the lower.
pictures() {
    local count=$1 images=$2 labels=$3 number bright='' dark='' pixel
    for pixel in $(seq 128); do bright+='\360' dark+='\20'; done
    printf '\0\0\10\3\0\0\0%b\0\0\0\20\0\0\0\20' "\\0$(printf %o "$count")" >"$images"
    printf '\0\0\10\1\0\0\0%b' "\\0$(printf %o "$count")" >"$labels"
    for number in $(seq "$count"); do
        if ((number % 3)); then
            printf "$dark$bright" >>"$images" && printf '\0' >>"$labels"
        else
            printf "$bright$dark" >>"$images" && printf '\1' >>"$labels"
        fi
    done
}

mkdir "$place/pictures"
loans >"$place/loans.csv"
load >"$place/load.csv"
news >"$place/news.csv"
pictures 150 "$place/pictures/train-images-idx3-ubyte" "$place/pictures/train-labels-idx1-ubyte"
pictures 60 "$place/pictures/t10k-images-idx3-ubyte" "$place/pictures/t10k-labels-idx1-ubyte"

cat >"$place/networks.star" <<'CELLS'
def each(kinds, data, target, **more):
    for kind in kinds:
        model = "try-" + kind.replace("_", "-")
        v = train(data, target, model=model, network=kind, epochs=3, baselines=False, **more)
        print(v)
        print(kind, "has", v.provenance["parameters"], "numbers to learn")

each(["linear", "mlp", "tabm", "transformer"], load("loans.csv"), "default")
# Fitted exactly, without epochs.
card = train(load("loans.csv"), "default", model="try-scorecard", network="scorecard")
print(card)
print("scorecard has", card.provenance["parameters"], "numbers to learn")
print(card.scorecard())
each(["monotone"], load("loans.csv"), "default", monotone={"income": "decreasing"})
# Few pictures are few steps: too few for the plain SGD that is LeNet's default.
parts = {"by": "column", "column": "part"}
each(["lenet", "cnn"], load("pictures/"), "label", parts=parts, optimiser="adamw")
each(["text_cnn", "text_attention"], load("news.csv"), "label", ensemble=1)
window = {"time": "hour", "look_back": 48, "horizon": 6}
each(["lstm", "attention", "nlinear", "dlinear"], load("load.csv"), "load", window=window)
CELLS
program=$(realpath "$actuary")
cd "$place"
"$program" run --data-dir "$place/data" networks.star
