"""How many loan assessments a minute a server answers, with reasons by the default method.

    ACTUARY_KEY=... python3 examples/lender/throughput.py URL POLICY ROWS.csv [SECONDS]

Sends applications of a CSV file with a header, 500 in a request, from two clients at once, until the time
is over. Needs nothing but Python. Only columns that the policy's model reads, and its own, are sent.
"""

import csv
import json
import os
import sys
import threading
import time
import urllib.request


def ask(url, body=None):
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {os.environ['ACTUARY_KEY']}"})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def value(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text or None


def main():
    base, policy, path = sys.argv[1:4]
    seconds = float(sys.argv[4]) if len(sys.argv) > 4 else 60
    found = ask(f"{base}/api/v1/loans/policies/{policy}/versions?limit=1")["items"][0]["version"]
    terms = ask(f"{base}/api/v1/loans/policies/{policy}/versions/{found}")["terms"]
    model = f"{base}/api/v1/models/{terms['model']}"
    version = ask(f"{model}/aliases/{terms.get('version', 'champion')}")["version"]
    inputs = ask(f"{model}/versions/{version}")["signature"]["inputs"]
    names = {column["name"] for column in inputs} | {column["name"] for column in terms.get("columns", [])}
    with open(path, newline="") as file:
        rows = [{k: value(v) for k, v in row.items() if k in names} for row in csv.DictReader(file)]
    url = f"{base}/api/v1/loans/policies/{policy}/assessments"
    ask(url, {"rows": rows[:500]})
    counts, reasons = [0, 0], [0, 0]
    began = time.monotonic()

    def client(me):
        at = me * 500
        while time.monotonic() - began < seconds:
            part = [rows[i % len(rows)] for i in range(at, at + 500)]
            answer = ask(url, {"rows": part})
            counts[me] += len(answer["assessments"])
            reasons[me] += sum("reasons" in one for one in answer["assessments"])
            at += 1000

    clients = [threading.Thread(target=client, args=(me,)) for me in range(2)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    took = time.monotonic() - began
    print(f"{sum(counts)} assessments in {took:.1f} s, {sum(reasons)} of them with reasons: "
          f"{60 * sum(counts) / took:.0f} a minute")


main()
