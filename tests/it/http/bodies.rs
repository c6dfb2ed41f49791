//! Bodies that can't be read, are too large or come too slowly.

use std::time::{Duration, Instant};

use futures_util::stream;
use reqwest::{Body, Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{Served, json, pointers, problem};

const KEYS: &str = "/api/v1/keys";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_json_is_told_from_what_does_not_hold() {
    let served = Served::start().await;
    let send = |body: &'static str| {
        served.post(KEYS).header("content-type", "application/json").body(body).send()
    };
    for body in ["", "{", "{\"name\": x}", "name=x", "{\"name\":\"a\",}"] {
        problem(send(body).await.unwrap(), 400, "malformed_request").await;
    }
    for (body, expected) in [
        ("{}", &["/name"][..]),
        (
            "{\"nmae\":\"a\",\"scopes\":[\"raed\"],\"expires_in_hours\":\"1\"}",
            &["/nmae", "/scopes/0"][..],
        ),
        ("{\"name\":\"a\\u0000\",\"scopes\":[\"read\"]}", &["/name"][..]),
        ("{\"name\":\"a\",\"name\":\"b\",\"scopes\":[\"read\"]}", &["/name"][..]),
        ("[]", &[""][..]),
    ] {
        let found = problem(send(body).await.unwrap(), 422, "invalid_request").await;
        assert_eq!(&pointers(&found)[..expected.len().min(2)], expected, "{body}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_tells_all_its_bad_fields_at_once() {
    let served = Served::start().await;
    let spec = json!({
        "dataset": {"name": "loans"}, "taget": "default", "epochs": -1,
        "network": {"kind": "mpl"}, "optimiser": {"kind": "sgd", "momentum": "much"}
    });
    let response = served.post("/api/v1/models/m/versions").json(&spec).send().await.unwrap();
    let body = problem(response, 422, "invalid_request").await;
    let mut found = pointers(&body);
    found.sort_unstable();
    assert_eq!(found, ["/epochs", "/network", "/optimiser", "/taget", "/target"], "{body}");
    let hint = body["errors"].to_string();
    assert!(hint.contains("did you mean target?") && hint.contains("did you mean mlp?"), "{hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_media_type_or_encoding_is_refused() {
    let served = Served::start().await;
    for media_type in ["text/plain", "application/jsonx", "", "application/x-www-form-urlencoded"] {
        let request = served.post(KEYS).header("content-type", media_type).body("{}");
        let body = problem(request.send().await.unwrap(), 415, "unsupported_media_type").await;
        assert!(body["detail"].as_str().unwrap().contains("application/json"), "{body}");
    }
    let none = served.post(KEYS).body("{}").send().await.unwrap();
    problem(none, 415, "unsupported_media_type").await;
    let packed = served.post(KEYS).json(&json!({})).header("content-encoding", "gzip");
    problem(packed.send().await.unwrap(), 415, "unsupported_media_type").await;
    let upload =
        served.post("/api/v1/datasets/d/versions").header("content-type", "application/xml");
    problem(upload.body("<a/>").send().await.unwrap(), 415, "unsupported_media_type").await;
    let charset = served.post(KEYS).header("content-type", "Application/JSON; charset=utf-8");
    problem(charset.body("{}").send().await.unwrap(), 422, "invalid_request").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_early() {
    let served = Served::with(|settings| settings.upload_limit_bytes = 100_000).await;
    let large = served.post(KEYS).header("content-type", "application/json");
    let large = large.body(vec![b' '; (1 << 20) + 1]).send().await.unwrap();
    problem(large, 413, "too_large").await;

    let announced = served.post("/api/v1/datasets/d/versions").header("content-type", "text/csv");
    let announced = announced.body(vec![b'a'; 100_001]).send().await.unwrap();
    problem(announced, 413, "too_large").await;

    // Without a length, the pieces are counted.
    let pieces = (0..50).map(|_| Ok::<_, std::io::Error>(vec![b'1'; 4096]));
    let chunked = served.post("/api/v1/datasets/d/versions").header("content-type", "text/csv");
    let chunked = chunked.body(Body::wrap_stream(stream::iter(pieces))).send().await.unwrap();
    problem(chunked, 413, "too_large").await;

    let fits = vec![b'1'; 100_000];
    let fits =
        served.post("/api/v1/datasets/d/versions").header("content-type", "text/csv").body(fits);
    json(fits.send().await.unwrap(), StatusCode::ACCEPTED).await;
}

/// Sends a head and the beginning of a body, then nothing; gives what comes back and after how
/// long.
async fn stall(served: &Served, head: &str, drip: bool) -> (String, Duration) {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = format!(
        "{head}Host: x\r\nAuthorization: Bearer {}\r\nContent-Length: 100000\r\n\r\n",
        served.secret
    );
    let started = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let dripping = tokio::spawn(async move {
        while drip && writer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Kept open: the server must not wait for the client to go.
        tokio::time::sleep(Duration::from_secs(60)).await;
    });
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), reader.read_to_end(&mut answer));
    read.await.expect("the connection to be closed").unwrap();
    dripping.abort();
    (String::from_utf8(answer).unwrap(), started.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_left_is_not_answered() {
    let served = Served::start().await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = format!(
        "POST /api/v1/datasets/d/versions HTTP/1.1\r\nHost: actuary\r\nAuthorization: Bearer {}\r\n\
         Content-Type: text/csv\r\nContent-Length: 4\r\nPrefer: wait=10\r\n\r\nx\n1\n",
        served.secret
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Nobody takes up its job: it would be answered after ten seconds.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    // A connection that is broken off is as good as one that is closed.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stalls_or_drips_times_out() {
    let served = Served::with(|settings| {
        settings.body_idle_seconds = 1;
        settings.body_min_bytes_per_second = 1000;
    })
    .await;
    let json = format!("POST {KEYS} HTTP/1.1\r\nContent-Type: application/json\r\n");
    let upload = "POST /api/v1/datasets/d/versions HTTP/1.1\r\nContent-Type: text/csv\r\n";
    for (head, drip) in [(json.as_str(), false), (&json, true), (upload, false), (upload, true)] {
        let (answer, took) = stall(&served, head, drip).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("request_timeout"), "{answer}");
        assert!(took < Duration::from_secs(6), "{took:?}");
    }
    // What was received of the uploads is gone.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let blobs: i64 = sqlx::query_scalar("SELECT count(*) FROM blob")
        .fetch_one(&served.database.pool)
        .await
        .unwrap();
    assert_eq!(blobs, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_refusal_does_not_wait_for_the_body() {
    let served = Served::start().await;
    let head = "POST /api/v1/nothing HTTP/1.1\r\nContent-Type: text/csv\r\n";
    let (answer, took) = stall(&served, head, false).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_spooled_piece_by_piece() {
    let served = Served::start().await;
    let pieces = (0..64).map(|i| Ok::<_, std::io::Error>(format!("{i}\n").repeat(40_000)));
    let body = Body::wrap_stream(stream::iter(pieces));
    let path = "/api/v1/datasets/large/versions?types=0:string";
    let request = served.request(Method::POST, path).header("content-type", "text/csv").body(body);
    let response = request.send().await.unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let job = json(response, StatusCode::ACCEPTED).await;
    assert_eq!(location, format!("/api/v1/jobs/{}", job["id"].as_str().unwrap()));
    let sizes: (i64, i64) = sqlx::query_as(
        "SELECT b.size, sum(length(c.data))::bigint FROM blob b JOIN blob_chunk c ON c.blob = b.id \
         GROUP BY b.size",
    )
    .fetch_one(&served.database.pool)
    .await
    .unwrap();
    assert_eq!(sizes.0, sizes.1);
    assert_eq!(sizes.0, (10 * 2 + 54 * 3) * 40_000);
}
