"""From a CSV to a decision: upload, train twice, promote, predict, and read an error.

The package actuary_client is generated; README.md, one folder up, says how.
"""

import math
import os
import time
import uuid

from actuary_client import (
    AliasesApi,
    AliasTarget,
    ApiClient,
    BinaryMetrics,
    Configuration,
    DatasetRef,
    DatasetsApi,
    DatasetVersionResult,
    Job,
    JobsApi,
    JobState,
    LinearNetwork,
    MlpNetwork,
    ModelVersionResult,
    NetworkSpec,
    PredictionRequest,
    PredictionResponse,
    PredictionsApi,
    Problem,
    TrainingSpec,
    VersionsApi,
)
from actuary_client.exceptions import ApiException, NotFoundException, UnprocessableEntityException

DATASET = "loans-python"
MODEL = "default-risk-python"

client = ApiClient(
    Configuration(host=os.environ["ACTUARY_URL"], access_token=os.environ["ACTUARY_KEY"])
)


def describe(problem: Problem) -> str:
    """A problem with the pointer of every bad field."""
    lines = [f"{problem.status} {problem.code.value}: {problem.detail}"]
    lines += [f"  {field.pointer}: {field.detail}" for field in problem.errors or []]
    return "\n".join(lines)


def result(job: Job) -> object:
    """What a job made, once it has ended."""
    jobs = JobsApi(client)
    while job.state not in (JobState.DONE, JobState.FAILED, JobState.CANCELLED):
        time.sleep(0.5)
        job = jobs.get_job(job.id)
    if job.state != JobState.DONE:
        reason = job.error.detail if job.error else "no reason given"
        raise RuntimeError(f"job {job.id} {job.state.value}: {reason}")
    return job.result.actual_instance if job.result else None


def loans(rows: int) -> str:
    """A small loan book. The same on every run, so that the figures are too."""
    state = 1

    def random() -> float:
        nonlocal state
        state = state * 48271 % 2147483647
        return state / 2147483647

    lines = ["income,age,purpose,late_payments,default"]
    for _ in range(rows):
        income = round(15000 + 60000 * random())
        age = round(20 + 50 * random())
        purpose = ["car", "house", "study"][int(3 * random())]
        late = int(5 * random() ** 2)
        risk = 1 / (1 + math.exp(income / 15000 - 0.9 * late - ((age - 45) / 15) ** 2))
        lines.append(f"{income},{age},{purpose},{late},{int(random() < risk)}")
    return "\n".join(lines) + "\n"


def upload(csv: str) -> int:
    """Uploads a CSV.

    `Prefer: wait` delays the answer until the job has ended, within 30 seconds; the
    `Idempotency-Key` lets the same upload be sent again after a broken connection.
    """
    job = DatasetsApi(client).create_dataset_version(
        DATASET,
        csv.encode(),
        prefer="wait=30",
        idempotency_key=str(uuid.uuid4()),
        # The generated default is JSON lines.
        _content_type="text/csv",
    )
    made = result(job)
    assert isinstance(made, DatasetVersionResult)
    print(f"dataset    {made.dataset} {made.version}: {made.rows} rows")
    return made.version


def train(version: int, network: LinearNetwork | MlpNetwork) -> int:
    """Trains a version and polls until it is there."""
    versions = VersionsApi(client)
    spec = TrainingSpec(
        dataset=DatasetRef(name=DATASET, version=version),
        target="default",
        network=NetworkSpec(network),
    )
    # Sent again after a broken connection, it trains once.
    once = str(uuid.uuid4())
    made = result(versions.create_model_version(MODEL, spec, idempotency_key=once))
    assert isinstance(made, ModelVersionResult)
    metrics = versions.get_model_version(MODEL, made.version).metrics.actual_instance
    assert isinstance(metrics, BinaryMetrics)
    print(
        f"training   {MODEL} {made.version}: {network.kind}, "
        f"AUC {metrics.auc:.3f} on {metrics.n} rows"
    )
    return made.version


def promote(version: int) -> None:
    """Makes a version the champion, unless someone else has moved it in the meantime."""
    aliases = AliasesApi(client)
    target = AliasTarget(version=version, reason="the example's")
    try:
        now = aliases.get_alias_with_http_info(MODEL, "champion")
    except NotFoundException:
        aliases.move_alias(MODEL, "champion", target, if_none_match="*")
        print(f"champion   {MODEL} {version} (If-None-Match: *)")
    else:
        etag = (now.headers or {})["etag"]
        aliases.move_alias(MODEL, "champion", target, if_match=etag)
        print(f"champion   {MODEL} {version} (If-Match: {etag})")


def predict(rows: list[dict[str, object]]) -> PredictionResponse:
    request = PredictionRequest(rows=rows, record=True)
    return PredictionsApi(client).create_prediction(MODEL, request)


def main() -> None:
    dataset = upload(loans(800))
    promote(train(dataset, LinearNetwork(kind="linear")))
    promote(train(dataset, MlpNetwork(kind="mlp", hidden=[64, 32])))

    scored = predict(
        [
            {"income": 61000, "age": 41, "purpose": "house", "late_payments": 0},
            {"income": 17500, "age": 23, "purpose": "car", "late_payments": 3},
        ]
    )
    for prediction in scored.predictions:
        probability = (prediction.probabilities or {})["1"]
        print(f"prediction p(default) {probability:.3f}, label {prediction.label}")
    print(f"recorded   {scored.id} by version {scored.version}")

    # A misspelt column and a value that is no number: both are named at once.
    try:
        predict([{"incom": 61000, "age": "n/a", "purpose": "house", "late_payments": 0}])
    except UnprocessableEntityException as refusal:
        assert isinstance(refusal.data, Problem)
        print(f"refused    {describe(refusal.data)}")
    else:
        raise RuntimeError("wrong rows were scored")


if __name__ == "__main__":
    try:
        main()
    except ApiException as failure:
        raise SystemExit(describe(failure.data) if failure.data else str(failure))
