//! What Prometheus reads.

use reqwest::StatusCode;

use super::server::{Served, json};

async fn scrape(served: &Served) -> Vec<String> {
    let response = served.get("/metrics").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(media_type, "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The value of a series whose name and labels contain all of these.
fn value(lines: &[String], name: &str, labels: &[&str]) -> f64 {
    let found = lines.iter().find(|line| {
        line.split(['{', ' ']).next() == Some(name) && labels.iter().all(|l| line.contains(l))
    });
    let line = found.unwrap_or_else(|| panic!("no {name} {labels:?} in\n{}", lines.join("\n")));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_jobs_and_memory_are_measured() {
    let served = Served::start().await;
    served.upload("loans", "x,default\n1,0\n2,1\n").await;
    json(served.get("/api/v1/models").send().await.unwrap(), StatusCode::OK).await;
    let lines = scrape(&served).await;
    // Other tests of this process are counted, too.
    let route = ["method=\"GET\"", "route=\"/api/v1/models\"", "status=\"200\""];
    assert!(value(&lines, "actuary_http_request_seconds_count", &route) >= 1.0);
    let quick = [&route[..], &["le=\"+Inf\""]].concat();
    assert!(value(&lines, "actuary_http_request_seconds_bucket", &quick) >= 1.0);
    assert!(value(&lines, "actuary_http_requests_in_flight", &[]) >= 1.0);
    assert!(value(&lines, "actuary_device_memory_bytes", &["device=\"cpu\""]) > 1e8);
    assert!(value(&lines, "actuary_build_info", &["version="]) == 1.0);
    for gauge in ["actuary_database_bytes", "process_resident_memory_bytes"] {
        assert!(value(&lines, gauge, &[]) > 1e6, "{gauge}");
    }
    for state in ["queued", "running", "cancel_pending", "cancelled", "done", "failed"] {
        let state = format!("state=\"{state}\"");
        value(&lines, "actuary_jobs", &["kind=\"training\"", &state]);
    }
    for name in ["actuary_jobs_oldest_queued_seconds", "actuary_models_loaded"] {
        value(&lines, name, &[]);
    }
}
