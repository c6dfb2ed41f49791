//! Trainings that diverge over HTTP, and what goes on from them.

use std::fmt::Write as _;
use std::time::Duration;

use actuary::service::runs::Queue;
use reqwest::StatusCode;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use super::server::{Served, json, pointers, problem};

const PATH: &str = "/api/v1/models/sums/versions";

fn sums() -> String {
    let mut text = "a,b,y\n".to_owned();
    for row in 0_u32..400 {
        let number =
            |shift: u32| f64::from(row.wrapping_mul(2_654_435_761) >> shift & 1023) / 512.0 - 1.0;
        let (a, b) = (number(7), number(19));
        writeln!(text, "{a},{b},{}", 3.0 * a - b).unwrap();
    }
    text
}

/// Its rate rises from step to step, until the steps overshoot ever further.
fn exploding() -> Value {
    json!({
        "dataset": {"name": "sums"}, "target": "y", "network": {"kind": "linear"},
        "optimiser": {"kind": "sgd", "learning_rate": 30.0}, "gradient_clip": 0.0,
        "schedule": {"kind": "constant", "warm_up": 0.99}, "epochs": 100, "batch_size": 50,
        "patience": 0, "baselines": false,
    })
}

async fn trained(served: &Served, spec: &Value) -> Value {
    let job = served.post(PATH).json(spec).send().await.unwrap();
    let job = json(job, StatusCode::ACCEPTED).await;
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    json(served.get(&path).send().await.unwrap(), StatusCode::OK).await
}

/// A job that diverged, and the specification of one that goes on from it.
async fn diverged(served: &Served) -> (Value, Value) {
    served.upload("sums", &sums()).await;
    served.work_off().await;
    let job = trained(served, &exploding()).await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("diverged")));
    let mut on = exploding();
    on["optimiser"] = json!({"kind": "sgd", "learning_rate": 0.05});
    on["start"] = json!({"job": job["id"]});
    (job, on)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_training_was_before_it_diverged_is_downloaded_and_gone_on_from() {
    let served = Served::start().await;
    let (job, on) = diverged(&served).await;
    let detail = job["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("lower the learning rate") && detail.contains("\"job\""), "{detail}");
    let checkpoint = &job["error"]["checkpoint"];
    assert_eq!((&checkpoint["run"], &checkpoint["may_start"]), (&json!("linear"), &json!(true)));
    assert_eq!(checkpoint["epoch"], job["progress"]["epoch"]);
    assert_eq!(checkpoint["last"]["epoch"], checkpoint["epoch"]);
    assert_eq!(checkpoint["best"]["epoch"], job["progress"]["best_epoch"]);

    let location = checkpoint["location"].as_str().unwrap();
    let response = served.get(location).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers().clone();
    assert_eq!(headers["content-type"], "application/octet-stream");
    let name = format!("{}.safetensors", job["id"].as_str().unwrap());
    assert!(headers["content-disposition"].to_str().unwrap().contains(&name));
    let bytes = response.bytes().await.unwrap();
    assert_eq!(bytes.len() as u64, checkpoint["bytes"].as_u64().unwrap());
    assert_eq!(hex::encode(Sha256::digest(&bytes)), checkpoint["sha256"].as_str().unwrap());
    let weights = SafeTensors::deserialize(&bytes).unwrap();
    let mut names = weights.names();
    names.sort_unstable();
    assert_eq!(
        names,
        ["best/output.bias", "best/output.weight", "last/output.bias", "last/output.weight"]
    );
    let fresh =
        served.get(location).header("If-None-Match", &headers["etag"]).send().await.unwrap();
    assert_eq!(fresh.status(), StatusCode::NOT_MODIFIED);

    let done = trained(&served, &on).await;
    assert_eq!(done["state"], "done", "{done}");
    let version = served.get(done["result"]["location"].as_str().unwrap()).send().await.unwrap();
    let version = json(version, StatusCode::OK).await;
    assert_eq!(version["provenance"]["spec"]["start"], on["start"]);
    assert!(version["metrics"]["r2"].as_f64().unwrap() > 0.9, "{version}");
    // A sweep leaves alone what is kept.
    let queue = Queue::connect(&served.database.url).await.unwrap();
    queue.keep_house().await.unwrap();
    served.work_off().await;
    assert_eq!(served.get(location).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_gone_on_from_is_said() {
    let served = Served::start().await;
    let (job, on) = diverged(&served).await;
    let refused = async |spec: &Value, says: &str| {
        let response = served.post(PATH).json(spec).send().await.unwrap();
        let refused = problem(response, 422, "invalid_spec").await;
        assert_eq!(pointers(&refused), ["/start/job"]);
        assert!(refused["detail"].as_str().unwrap().contains(says), "{refused}");
    };
    let with = |name: &str, value: Value| {
        let mut spec = on.clone();
        spec[name] = value;
        spec
    };
    refused(&with("seed", json!(1)), "had another seed").await;
    refused(&with("network", json!({"kind": "mlp"})), "had another network").await;
    refused(&with("exclude", json!(["b"])), "had another exclude").await;
    let unknown = json!({"job": "0190f5a2-4b7c-7def-8a12-3c4d5e6f7081"});
    refused(&with("start", unknown), "there is no job").await;
    let response =
        served.post(PATH).json(&with("start", json!({"job": "x"}))).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);

    let mut at_once = exploding();
    at_once["optimiser"] = json!({"kind": "sgd", "learning_rate": 1e6});
    at_once["schedule"] = json!({"kind": "constant"});
    let failed = trained(&served, &at_once).await;
    assert_eq!(failed["error"]["checkpoint"], Value::Null, "{failed}");
    refused(&with("start", json!({"job": failed["id"]})), "has no checkpoint").await;
    let path = format!("/api/v1/jobs/{}/checkpoint", failed["id"].as_str().unwrap());
    let none = problem(served.get(&path).send().await.unwrap(), 404, "not_found").await;
    assert!(none["detail"].as_str().unwrap().contains("only a training that diverged"), "{none}");

    // As when a month has gone by.
    let pool = PgPool::connect(&served.database.url).await.unwrap();
    let aged = "UPDATE job SET finished_at = finished_at - interval '31 days'";
    sqlx::query(aged).execute(&pool).await.unwrap();
    let queue = Queue::connect(&served.database.url).await.unwrap();
    queue.keep_house().await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), served.work_off()).await.unwrap();
    refused(&on, "was removed").await;
    let location = job["error"]["checkpoint"]["location"].as_str().unwrap();
    let gone = problem(served.get(location).send().await.unwrap(), 404, "not_found").await;
    assert!(gone["detail"].as_str().unwrap().contains("30 days"), "{gone}");
}
