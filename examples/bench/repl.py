#!/usr/bin/env python3
"""Measures the REPL: start to prompt, memory, and a group-by beside pandas and polars.

    examples/bench/repl.py [STOCKS.csv]

Takes the program that ACTUARY_BIN names (default: the release build), and a Python with pandas 3 and
polars 2 for the group-by (`pip install pandas polars`). STOCKS.csv has the columns date, open, high,
low, close, volume and Name, as S&P 500 stock data (5 yr) on Kaggle has; without it prices of 500
names over 1,259 days are drawn. Every figure is the median of ten.
"""

import os
import pty
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time

ACTUARY = os.environ.get("ACTUARY_BIN") or os.path.join(
    os.environ.get("CARGO_TARGET_DIR", "target"), "release", "actuary"
)
TIMES = 10
PROMPT = b"In [1]: "
FIELDS = "DATABASE_URL ACTUARY_DATABASE_URL ACTUARY_CONFIG ACTUARY_DATA_DIR ACTUARY_URL".split()


def clean():
    environment = {k: v for k, v in os.environ.items() if k not in FIELDS}
    return {**environment, "TERM": "xterm", "XDG_STATE_HOME": state}


def to_prompt(arguments):
    """Seconds until the prompt stands in a terminal, and the process's peak of memory in MB."""
    began = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.execve(ACTUARY, [ACTUARY, "repl", *arguments], clean())
    seen, deadline = b"", began + 60
    while PROMPT not in re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", seen):
        ready, _, _ = select.select([terminal], [], [], deadline - time.perf_counter())
        if not ready:
            sys.exit(f"no prompt within a minute: {seen!r}")
        seen += os.read(terminal, 65536)
    seconds = time.perf_counter() - began
    with open(f"/proc/{child}/status") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    os.write(terminal, b"\x04")
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        pass  # Linux says so when the other side is closed.
    os.waitpid(child, 0)
    return seconds, peak


def against_server(data):
    """A server that runs, and the REPL that finds it."""
    server = subprocess.Popen(
        [ACTUARY, "serve", "--data-dir", data, "--address", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean(), text=True,
    )
    while "serving " not in (line := server.stdout.readline()):
        if not line:
            sys.exit("the server did not start")
    try:
        return [to_prompt(["--data-dir", data]) for _ in range(TIMES)]
    finally:
        server.terminate()
        server.wait()


def draw(path):
    import random

    draw = random.Random(1)
    with open(path, "w") as file:
        file.write("date,open,high,low,close,volume,Name\n")
        for name in range(500):
            price = 100.0
            for day in range(1259):
                price *= 1 + draw.gauss(0, 0.01)
                date = time.strftime("%Y-%m-%d", time.gmtime(1360281600 + 86400 * day))
                volume = draw.randrange(10**7)
                file.write(f"{date},{price:.2f},{price:.2f},{price:.2f},{price:.2f},{volume},S{name}\n")


GROUP = (
    'f.group("Name").agg(mean="avg(close)", least="min(low)", most="max(high)", '
    'traded="sum(volume)", spread="stddev(close)")'
)
UNITS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}


def ours(path, data):
    """Seconds of each of ten, the best of five rounds each."""
    cells = f'f = frame("{path}");\n' + f"%timeit {GROUP}\n" * TIMES
    done = subprocess.run(
        [ACTUARY, "repl", "--data-dir", data], input=cells, env=clean(), text=True, capture_output=True
    )
    found = re.findall(r"([\d.]+) (ns|µs|ms|s) at best", done.stdout)
    if len(found) != TIMES:
        sys.exit(done.stderr or done.stdout)
    return [float(number) * UNITS[unit] for number, unit in found]


def best_of(work):
    """As %timeit does: the best of five rounds of 0.2 s, ten times."""
    work()
    began = time.perf_counter()
    work()
    times = max(1, int(0.2 / (time.perf_counter() - began)))

    def a_round():
        began = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - began) / times

    return [min(a_round() for _ in range(5)) for _ in range(TIMES)]


def theirs(path):
    import pandas
    import polars

    table = pandas.read_csv(path, parse_dates=["date"])
    yield f"pandas {pandas.__version__}", best_of(
        lambda: table.groupby("Name").agg(
            mean=("close", "mean"), least=("low", "min"), most=("high", "max"),
            traded=("volume", "sum"), spread=("close", "std"),
        )
    )
    rows = polars.read_csv(path, try_parse_dates=True)
    of = polars.col
    yield f"polars {polars.__version__}", best_of(
        lambda: rows.group_by("Name").agg(
            of("close").mean().alias("mean"), of("low").min().alias("least"),
            of("high").max().alias("most"), of("volume").sum().alias("traded"),
            of("close").std().alias("spread"),
        ).sort("Name")
    )


missed = []


def row(name, value, unit, limit=None, note=""):
    """Prints a figure; one that is beyond its limit makes the script fail."""
    if limit is not None:
        note = f"limit {limit:,} {unit}"
        if value > limit:
            missed.append(name)
            note += ", missed"
    print(f"{name:<52} {value:>8.1f} {unit:<3} {note}")


with tempfile.TemporaryDirectory(prefix="actuary-repl-") as place:
    os.chmod(place, 0o755)
    state = os.path.join(place, "state")
    data = os.path.join(place, "data")
    found = [to_prompt(["--data-dir", os.path.join(place, f"new-{i}")]) for i in range(TIMES)]
    alone = statistics.median(seconds for seconds, _ in found)
    found = against_server(data)
    beside = statistics.median(seconds for seconds, _ in found)
    row("start to prompt, a server runs", 1e3 * beside, "ms", 100)
    row("start to prompt, database made and server started", 1e3 * alone, "ms", 4000)
    row("memory of the REPL beside a server", statistics.median(peak for _, peak in found), "MB", 60)
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(place, "stocks.csv")
    if len(sys.argv) == 1:
        draw(path)
    mine = statistics.median(ours(path, data))
    row("group-by, five aggregates", 1e3 * mine, "ms")
    try:
        for name, times in theirs(path):
            other = statistics.median(times)
            row(f"  {name}", 1e3 * other, "ms", note=f"{other / mine:.2f} times as long")
    except ImportError as error:
        print(f"  not compared: {error}")

sys.exit(f"missed: {', '.join(missed)}" if missed else 0)
