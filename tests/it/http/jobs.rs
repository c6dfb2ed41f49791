//! Jobs over HTTP: filters, waits, cancellation, events.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::server::{Served, json, pointers, problem};

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_by_kind_and_state() {
    let served = Served::start().await;
    let first = served.upload("a", "x\n1\n").await;
    served.work_off().await;
    let second = served.upload("b", "x\n1\n").await;
    let ids = async |query: &str| {
        let path = format!("/api/v1/jobs{query}");
        let list = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
        list["items"].as_array().unwrap().iter().map(|j| j["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids("").await, [second["id"].clone(), first["id"].clone()]);
    assert_eq!(ids("?state=queued").await, [second["id"].clone()]);
    assert_eq!(ids("?state=done&kind=ingestion").await, [first["id"].clone()]);
    assert!(ids("?kind=training").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_with_the_job_or_with_the_time() {
    let served = Served::start().await;
    let upload = |wait: &'static str| {
        let request = served.post("/api/v1/datasets/d/versions").header("content-type", "text/csv");
        request.header("prefer", wait).body("x\n1\n").send()
    };
    let started = Instant::now();
    let response = upload("wait=1").await.unwrap();
    assert_eq!(response.headers()["preference-applied"], "wait=1");
    assert_eq!(json(response, StatusCode::ACCEPTED).await["state"], "queued");
    assert!(started.elapsed() >= Duration::from_secs(1));

    let (response, ()) = tokio::join!(upload("respond-async, wait=20"), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        served.work_off().await;
    });
    let response = response.unwrap();
    assert_eq!(response.headers()["preference-applied"], "wait=20");
    assert_eq!(json(response, StatusCode::ACCEPTED).await["state"], "done");

    for ignored in ["wait=soon", "handling=lenient", "wait=0"] {
        let response = upload(ignored).await.unwrap();
        assert!(!response.headers().contains_key("preference-applied"), "{ignored}");
        json(response, StatusCode::ACCEPTED).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queued_job_is_cancelled_at_once_and_a_done_one_never() {
    let served = Served::start().await;
    let job = served.upload("d", "x\n1\n").await;
    let path = format!("/api/v1/jobs/{}/cancel", job["id"].as_str().unwrap());
    for _ in 0..2 {
        let response = served.post(&path).send().await.unwrap();
        assert_eq!(json(response, StatusCode::ACCEPTED).await["state"], "cancelled");
    }
    let done = served.upload("d", "x\n1\n").await;
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}/cancel", done["id"].as_str().unwrap());
    problem(served.post(&path).send().await.unwrap(), 409, "job_ended").await;
    let missing = "/api/v1/jobs/01920d1e-7c3a-7b52-9a41-3f6c5d2e8b10/cancel";
    problem(served.post(missing).send().await.unwrap(), 404, "not_found").await;
}

/// The events of a stream that ends: id, name and data.
fn events(text: &str) -> Vec<(u64, String, Value)> {
    let field = |block: &str, name: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        line.unwrap_or_default()
    };
    text.split("\n\n")
        .filter(|block| block.contains("data: "))
        .map(|block| {
            let data = serde_json::from_str(&field(block, "data: ")).unwrap();
            (field(block, "id: ").parse().unwrap(), field(block, "event: "), data)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_follows_a_job_to_its_end_and_is_resumed() {
    let served = Served::start().await;
    let job = served.upload("d", "x\n1\n2\n").await;
    let path = format!("/api/v1/jobs/{}/events", job["id"].as_str().unwrap());
    let (stream, ()) = tokio::join!(
        async {
            let response = served.get(&path).send().await.unwrap();
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            response.text().await.unwrap()
        },
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            served.work_off().await;
        }
    );
    assert!(stream.starts_with("retry: 2000\n\n"), "{stream}");
    let whole = events(&stream);
    let (_, name, last) = whole.last().unwrap();
    assert_eq!((name.as_str(), &last["event"]["state"]), ("state", &Value::from("done")));
    let sequence: Vec<u64> = whole.iter().map(|(id, ..)| *id).collect();
    assert_eq!(sequence, (1..=whole.len() as u64).collect::<Vec<_>>());
    assert!(whole.iter().all(|(id, _, data)| data["sequence"] == *id));

    let resumed = served.get(&path).header("last-event-id", "1").send().await.unwrap();
    assert_eq!(events(&resumed.text().await.unwrap()), whole[1..]);
    let ended = served.get(&path).header("last-event-id", whole.len().to_string());
    assert!(events(&ended.send().await.unwrap().text().await.unwrap()).is_empty());
    let odd = served.get(&path).header("last-event-id", "x").send().await.unwrap();
    assert_eq!(pointers(&problem(odd, 422, "invalid_request").await), ["header Last-Event-ID"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_streams_and_waits() {
    let served = Served::start().await;
    let job = served.upload("d", "x\n1\n").await;
    let path = format!("/api/v1/jobs/{}/events", job["id"].as_str().unwrap());
    let started = Instant::now();
    let ((), stream, wait) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            served.stop().await;
        },
        async { served.get(&path).send().await.unwrap().text().await.unwrap() },
        async {
            let request = served.request(Method::POST, "/api/v1/datasets/d/versions");
            let request = request.header("content-type", "text/csv").header("prefer", "wait=60");
            json(request.body("x\n2\n").send().await.unwrap(), StatusCode::ACCEPTED).await
        }
    );
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(events(&stream).iter().all(|(_, name, _)| name == "state"), "{stream}");
    assert_eq!(wait["state"], "queued");
}
