// From a CSV to a decision: upload, train twice, promote, predict, and read an error.
// The types in actuary.d.ts are generated: npm install && npm run generate && npm start

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import createClient from "openapi-fetch";

import type { components, paths } from "./actuary.js";

type Schemas = components["schemas"];

const DATASET = "loans-typescript";
const MODEL = "default-risk-typescript";

const server = {
  baseUrl: environment("ACTUARY_URL"),
  headers: { Authorization: `Bearer ${environment("ACTUARY_KEY")}` },
};
const api = createClient<paths>(server);
// Predictions are answered as Arrow streams, too, which are not wanted here.
const json = createClient<paths, "application/json" | "application/problem+json">(server);

function environment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
}

/** The answer, or an exception that says what the server says. */
function answer<T>(result: { data?: T; error?: Schemas["Problem"] }): T {
  if (result.data !== undefined) return result.data;
  throw new Error(describe(result.error));
}

/** A problem with the pointer of every bad field. */
function describe(problem?: Schemas["Problem"]): string {
  if (!problem) return "an answer without a body";
  const fields = problem.errors ?? [];
  return [
    `${problem.status} ${problem.code}: ${problem.detail}`,
    ...fields.map(({ pointer, detail }) => `  ${pointer}: ${detail}`),
  ].join("\n");
}

/** What a job made, once it has ended. */
async function result(job: Schemas["Job"]): Promise<Schemas["JobResult"]> {
  for (;;) {
    switch (job.state) {
      case "done":
        if (!job.result) throw new Error(`job ${job.id} is done without a result`);
        return job.result;
      case "failed":
      case "cancelled":
        throw new Error(`job ${job.id} ${job.state}: ${job.error?.detail ?? "no reason given"}`);
    }
    await sleep(500);
    job = answer(await api.GET("/api/v1/jobs/{job}", { params: { path: { job: job.id } } }));
  }
}

/** A small loan book. The same on every run, so that the figures are too. */
function loans(rows: number): string {
  let state = 1;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const lines = ["income,age,purpose,late_payments,default"];
  for (let row = 0; row < rows; row++) {
    const income = Math.round(15000 + 60000 * random());
    const age = Math.round(20 + 50 * random());
    const purpose = ["car", "house", "study"][Math.floor(3 * random())];
    const late = Math.floor(5 * random() ** 2);
    const risk = 1 / (1 + Math.exp(income / 15000 - 0.9 * late - ((age - 45) / 15) ** 2));
    lines.push([income, age, purpose, late, random() < risk ? 1 : 0].join(","));
  }
  return lines.join("\n") + "\n";
}

/**
 * Uploads a CSV. `Prefer: wait` delays the answer until the job has ended, within 30 seconds; the
 * `Idempotency-Key` lets the same upload be sent again after a broken connection.
 */
async function upload(csv: string): Promise<number> {
  const job = answer(
    await api.POST("/api/v1/datasets/{dataset}/versions", {
      params: {
        path: { dataset: DATASET },
        header: { Prefer: "wait=30", "Idempotency-Key": randomUUID() },
      },
      headers: { "Content-Type": "text/csv" },
      body: csv,
      bodySerializer: (text) => text,
    }),
  );
  const made = await result(job);
  if (made.kind !== "dataset_version") throw new Error(`the upload made a ${made.kind}`);
  console.log(`dataset    ${made.dataset} ${made.version}: ${made.rows} rows`);
  return made.version;
}

/** Trains a version and polls until it is there. */
async function train(version: number, network: Schemas["NetworkSpec"]): Promise<number> {
  const job = answer(
    await api.POST("/api/v1/models/{model}/versions", {
      // Sent again after a broken connection, it trains once.
      params: { path: { model: MODEL }, header: { "Idempotency-Key": randomUUID() } },
      body: { dataset: { name: DATASET, version }, target: "default", network },
    }),
  );
  const made = await result(job);
  if (made.kind !== "model_version") throw new Error(`the training made a ${made.kind}`);
  const trained = answer(
    await api.GET("/api/v1/models/{model}/versions/{version}", {
      params: { path: { model: MODEL, version: made.version } },
    }),
  );
  const { metrics } = trained;
  const auc = metrics.task === "binary" ? metrics.auc?.toFixed(3) : undefined;
  console.log(`training   ${MODEL} ${made.version}: ${network.kind}, AUC ${auc} on ${metrics.n} rows`);
  return made.version;
}

/** Makes a version the champion, unless someone else has moved it in the meantime. */
async function promote(version: number): Promise<void> {
  const path = { model: MODEL, alias: "champion" };
  const now = await api.GET("/api/v1/models/{model}/aliases/{alias}", { params: { path } });
  if (now.error && now.response.status !== 404) throw new Error(describe(now.error));
  const etag = now.response.headers.get("ETag");
  const header = etag ? { "If-Match": etag } : { "If-None-Match": "*" };
  const moved = answer(
    await api.PUT("/api/v1/models/{model}/aliases/{alias}", {
      params: { path, header },
      body: { version, reason: "the example's" },
    }),
  );
  const [[condition, value] = []] = Object.entries(header);
  console.log(`champion   ${moved.model} ${moved.version} (${condition}: ${value})`);
}

async function predict(rows: Schemas["Row"][]) {
  return json.POST("/api/v1/models/{model}/predictions", {
    params: { path: { model: MODEL } },
    body: { rows, record: true },
  });
}

const dataset = await upload(loans(800));
await promote(await train(dataset, { kind: "linear" }));
await promote(await train(dataset, { kind: "mlp", hidden: [64, 32] }));

const scored = answer(
  await predict([
    { income: 61000, age: 41, purpose: "house", late_payments: 0 },
    { income: 17500, age: 23, purpose: "car", late_payments: 3 },
  ]),
);
for (const { probabilities, label } of scored.predictions) {
  console.log(`prediction p(default) ${probabilities?.["1"]?.toFixed(3)}, label ${label}`);
}
console.log(`recorded   ${scored.id} by version ${scored.version}`);

// A misspelt column and a value that is no number: both are named at once.
const refused = await predict([{ incom: 61000, age: "n/a", purpose: "house", late_payments: 0 }]);
if (refused.response.status !== 422) throw new Error("wrong rows were scored");
console.log(`refused    ${describe(refused.error)}`);
