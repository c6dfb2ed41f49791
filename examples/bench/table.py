"""One table of what `actuary bench` has printed with --json, beside the limits that are set.

    python3 examples/bench/table.py [--json] FILE...

Of several files with the same figure, as of several runs, the median counts. A limit is one of ours to
the peer's: below it for what takes time, above it for what is done in a second. Needs nothing but
Python.
"""

import argparse
import json
import statistics
import sys

AT_MOST, AT_LEAST = "<=", ">="

# Number, what is compared, the figures of which one has to hold, each with its limit.
LIMITS = [
    ("1", "one row over a constant answer, or over parsing alone",
     [("serve.1.parsed", AT_LEAST, 0.90), ("serve.standard.1.parsed", AT_LEAST, 0.90),
      ("serve.1.constant", AT_LEAST, 0.70)]),
    ("2", "predictions over `mlflow models serve`", [("serve.1.peer", AT_LEAST, 15.0)]),
    ("3", "1,000 rows in binary over the floor of the matrix products",
     [("serve.standard.1000.binary", AT_LEAST, 0.5), ("serve.1000.binary", AT_LEAST, 0.5)]),
    ("4", "recorded predictions over unrecorded", [("serve.1.record", AT_LEAST, 0.50)]),
    ("5", "step of 20-64-64-1 over PyTorch", [("train.mlp", AT_MOST, 0.12)]),
    ("6", "step of the LSTM, 64 steps, over PyTorch", [("train.lstm", AT_MOST, 0.80)]),
    ("7", "LSTM, 256 steps over 64", [("train.lstm.length", AT_MOST, 4.3)]),
    ("8", "step of LeNet over PyTorch", [("train.lenet", AT_MOST, 0.60)]),
    ("9", "step of self-attention over PyTorch", [("train.attention", AT_MOST, 0.80)]),
    ("10", "sigmoid, tanh, exp and gelu over relu", [("train.elementwise", AT_MOST, 30.0)]),
    ("11", "weights read over psql's COPY", [("load.weights", AT_LEAST, 0.8)]),
    ("12", "CSV stored over psql's COPY", [("ingest.rows", AT_LEAST, 0.9)]),
    ("13", "step on a GPU after 50 trainings over the first one's", [("train.fits", AT_MOST, 1.1)]),
    ("13", "first step of a second process there over the first one's",
     [("train.second_process", AT_MOST, 0.2)]),
    ("", "whole training of TabM over PyTorch", [("train.tabm.whole", AT_MOST, 0.7)]),
    ("", "p99 beside a training over p99 beside a spinner", [("serve.training.p99", AT_MOST, 3.0)]),
    ("", "rows explained by TabM over a third of the scores of as many points",
     [("explain.gradients.tabm", AT_LEAST, 0.5)]),
    ("", "the same by a perceptron", [("explain.gradients.mlp", AT_LEAST, 0.5)]),
    ("", "start with the database over 1.5 s", [("start.embedded", AT_MOST, 1.0)]),
    ("", "start without it over 0.2 s", [("start.external", AT_MOST, 1.0)]),
]


def read(files):
    """The machine, and each figure's values in the files that have it."""
    machine, figures = None, {}
    for file in files:
        with open(file) as opened:
            report = json.load(opened)
        machine = machine or report.get("machine")
        for row in report["rows"]:
            figures.setdefault(row["id"], []).append(row)
    return machine, figures


def middle(rows, name):
    values = [row[name] for row in rows if row.get(name) is not None]
    return statistics.median(values) if values else None


def judged(figures):
    """A line for each limit: the figure that holds, or else the first that was measured."""
    for number, text, choices in LIMITS:
        lines = []
        for name, kind, limit in choices:
            rows = figures.get(name, [])
            ratio = middle(rows, "ratio")
            reached = None
            if ratio is not None:
                reached = ratio <= limit if kind == AT_MOST else ratio >= limit
            lines.append({
                "number": number, "text": text, "id": name, "unit": rows[0]["unit"] if rows else "",
                "ours": middle(rows, "ours"), "peer": middle(rows, "peer"), "ratio": ratio,
                "limit": f"{kind} {limit:g}", "reached": reached,
            })
        measured = [line for line in lines if line["ratio"] is not None]
        holding = [line for line in measured if line["reached"]]
        yield (holding or measured or lines)[0]


def significant(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def main():
    parser = argparse.ArgumentParser(description="What was measured beside its limits.")
    parser.add_argument("files", nargs="+", help="what `actuary bench` printed with --json")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    machine, figures = read(arguments.files)
    lines = list(judged(figures))
    if arguments.json:
        middles = [
            {**rows[-1], **{name: middle(rows, name) for name in ("ours", "peer", "ratio")}}
            for rows in figures.values()
        ]
        json.dump({"machine": machine, "limits": lines, "rows": middles}, sys.stdout)
        print()
        return
    if machine:
        print(f"{machine['cpu']}, {machine['cores']} cores, actuary {machine['version']}\n")
    print("| # | ratio | ours | peer | | reached | limit | |\n|---|---|---|---|---|---|---|---|")
    said = {True: "yes", False: "no", None: "not measured"}
    for line in lines:
        cells = [line["number"], line["text"], significant(line["ours"]), significant(line["peer"]),
                 line["unit"], significant(line["ratio"]), line["limit"], said[line["reached"]]]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
