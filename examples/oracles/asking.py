"""A server that is asked for figures, and the words by which figures are held against others."""

import os
import pathlib
import re
import subprocess
import sys
import time

import numpy as np
import requests

PROJECT = pathlib.Path(__file__).parents[2]
bad = []


def held(what, ours, theirs, limit, note=""):
    """Prints the greatest difference of two figures or of arrays of them."""
    distance = float(np.max(np.abs(np.asarray(ours, float) - np.asarray(theirs, float))))
    within = distance <= limit
    print(f"{'ok ' if within else 'BAD'}  {what:66}{distance:10.1e}  of {limit:.0e}  {note}")
    if not within:
        bad.append(what)


class Server:
    """A program on a data directory of its own, and requests to it."""

    def __init__(self, program, place):
        self.program, self.place = program, place
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ACTUARY_")}
        environment.pop("DATABASE_URL", None)
        arguments = [program, "serve", "--data-dir", place, "--address", "127.0.0.1:0"]
        self.log = open(pathlib.Path(place).parent / "log", "w")
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment
        )
        line = ""
        while not (found := re.match(r"serving (\S+)", line)):
            line = self.process.stdout.readline()
            if not line:
                sys.exit(f"the server did not start: see {self.log.name}")
        self.url = found[1] + "/api/v1"
        keys = [program, "keys", "create", "--name", "oracles", "--data-dir", place]
        for scope in ("read", "train", "predict"):
            keys += ["--scope", scope]
        key = subprocess.run(keys, capture_output=True, text=True, check=True, env=environment)
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key.stdout.strip()}"

    def call(self, method, path, **given):
        answer = self.session.request(method, self.url + path, **given)
        if not answer.ok:
            sys.exit(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer

    def get(self, path):
        return self.call("GET", path).json()

    def post(self, path, body):
        return self.call("POST", path, json=body).json()

    def finished(self, answer):
        """The result of a job."""
        job = answer.json()
        while job["state"] not in ("done", "failed", "cancelled"):
            time.sleep(0.1)
            job = self.get(f"/jobs/{job['id']}")
        if job["state"] != "done":
            sys.exit(f"a job has failed: {job}")
        return self.get(job["result"]["location"].removeprefix("/api/v1"))

    def upload(self, name, frame):
        text = frame.to_csv(index=False)
        self.finished(self.call("POST", f"/datasets/{name}/versions", data=text,
                                headers={"Content-Type": "text/csv"}))

    def train(self, model, **spec):
        return self.finished(self.call("POST", f"/models/{model}/versions", json=spec))

    def analyse(self, model, version, analysis, **request):
        body = {"version": version, "analysis": analysis, **request}
        return self.finished(self.call("POST", f"/models/{model}/analyses", json=body))["result"]


def ended():
    """Ends the program, with 1 when anything was too far off."""
    print("all held" if not bad else f"{len(bad)} too far off: {'; '.join(bad)}")
    sys.exit(1 if bad else 0)
