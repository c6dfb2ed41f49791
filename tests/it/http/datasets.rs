//! Datasets over HTTP, from the upload to the download.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::server::{Served, json, pointers, problem};

const CSV: &str = "id,income,zip\n1,42000.5,007\n2,,080\n3,18500,007\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_becomes_a_version_that_is_read_back() {
    let served = Served::start().await;
    let job = served.upload("loans", CSV).await;
    assert_eq!((&job["kind"], &job["state"]), (&json!("ingestion"), &json!("queued")));
    served.work_off().await;

    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let done = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(done["state"], "done", "{done}");
    let location = done["result"]["location"].as_str().unwrap();
    assert_eq!(location, "/api/v1/datasets/loans/versions/1");
    let version = json(served.get(location).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(version["rows"], 3);
    let types: Vec<_> = version["columns"].as_array().unwrap().iter().map(|c| &c["type"]).collect();
    assert_eq!(types, ["int64", "float64", "string"]);

    let rows = format!("{location}/rows?offset=1&limit=1");
    let rows = json(served.get(&rows).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(rows, json!({"offset": 1, "rows": [{"id": 2, "income": null, "zip": "080"}]}));
    let datasets = json(served.get("/api/v1/datasets").send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(datasets["items"][0]["name"], "loans");
    let versions = served.get("/api/v1/datasets/loans/versions").send().await.unwrap();
    assert_eq!(json(versions, StatusCode::OK).await["items"][0], version);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_content_comes_as_it_is_asked_for() {
    let served = Served::start().await;
    served.upload("loans", CSV).await;
    served.work_off().await;
    let path = "/api/v1/datasets/loans/versions/1/content";

    let parquet = served.get(path).send().await.unwrap();
    assert_eq!(parquet.headers()["content-type"], "application/vnd.apache.parquet");
    let disposition = "attachment; filename=\"loans-1.parquet\"";
    assert_eq!(parquet.headers()["content-disposition"], disposition);
    let etag = parquet.headers()["etag"].clone();
    let length: usize = parquet.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let bytes = parquet.bytes().await.unwrap();
    assert_eq!(bytes.len(), length);
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));

    let again = served.get(path).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let csv = served.get(path).header("accept", "text/csv, */*;q=0.1");
    let csv = csv.header("if-none-match", &etag).send().await.unwrap();
    assert_ne!(csv.headers()["etag"], etag, "other bytes have another tag");
    assert_eq!(csv.headers()["vary"], "Accept");
    let text = csv.text().await.unwrap();
    assert!(text.starts_with("id,income,zip\r\n1,42000.5,007\r\n"), "{text}");

    let image = served.get(path).header("accept", "image/png").send().await.unwrap();
    problem(image, 406, "not_acceptable").await;
    let head = served.request(Method::HEAD, path).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], length.to_string().as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_named_by_line_and_column() {
    let served = Served::start().await;
    let path = "/api/v1/datasets/loans/versions?types=income:int64";
    let request = served.post(path).header("content-type", "text/csv").body(CSV);
    let job = json(request.send().await.unwrap(), StatusCode::ACCEPTED).await;
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    let failed = json(served.get(&path).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!(
        (&failed["state"], &failed["error"]["code"]),
        (&json!("failed"), &json!("invalid_data"))
    );
    let pointer = failed["error"]["errors"][0]["pointer"].as_str().unwrap();
    assert!(pointer.contains("line 2") && pointer.contains("income"), "{failed}");
}

/// Of a file whose last row is another than all before, which are stored by then.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_too_early_is_dropped() {
    const ROWS: u64 = 400_000;
    let served = Served::start().await;
    let cells = (0..ROWS).map(|row| row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12);
    let text = cells.map(|cell| format!("{cell}\r\n")).collect::<String>();
    let text = format!("x\r\n{text}no number\r\n");
    // What was dropped in passing is so a little later.
    let blobs = async |wanted: i64| {
        let query = "SELECT count(*), count(sha256) FROM blob";
        let mut count = (0, 0);
        for _ in 0..100 {
            count = sqlx::query_as(query).fetch_one(&served.database.pool).await.unwrap();
            if count == (wanted, wanted) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{count:?}");
    };
    let upload = async |types: &str| {
        let path = format!("/api/v1/datasets/d/versions?types={types}");
        let request = served.post(&path).header("content-type", "text/csv").body(text.clone());
        let job = json(request.send().await.unwrap(), StatusCode::ACCEPTED).await;
        served.work_off().await;
        let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
        json(served.get(&path).send().await.unwrap(), StatusCode::OK).await
    };

    let failed = upload("x:int64").await;
    assert_eq!(failed["error"]["code"], "invalid_data", "{failed}");
    blobs(1).await;

    assert_eq!(upload("").await["result"]["rows"], ROWS + 1);
    let content = served.get("/api/v1/datasets/d/versions/1/content").header("accept", "text/csv");
    assert!(content.send().await.unwrap().text().await.unwrap() == text);
    blobs(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_types_and_names_are_refused_before_the_body() {
    let served = Served::start().await;
    let send = |path: &'static str| {
        served.post(path).header("content-type", "text/csv").body("a\n1\n").send()
    };
    let types = send("/api/v1/datasets/d/versions?types=a:it64,b").await.unwrap();
    let body = problem(types, 422, "invalid_request").await;
    assert_eq!(pointers(&body), ["query types", "query types"], "{body}");
    let name = send("/api/v1/datasets/-d/versions").await.unwrap();
    assert_eq!(pointers(&problem(name, 422, "invalid_request").await), ["path dataset"]);
    let empty = served.post("/api/v1/datasets/d/versions").header("content-type", "text/csv");
    problem(empty.send().await.unwrap(), 422, "invalid_data").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_deleted_once() {
    let served = Served::start().await;
    served.upload("loans", CSV).await;
    served.work_off().await;
    let path = "/api/v1/datasets/loans/versions/1";
    let deleted = served.request(Method::DELETE, path).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert!(deleted.bytes().await.unwrap().is_empty());
    problem(served.request(Method::DELETE, path).send().await.unwrap(), 404, "not_found").await;
    problem(served.get(path).send().await.unwrap(), 404, "not_found").await;
    served.upload("loans", "a\n1\n").await;
    served.work_off().await;
    let next = served.get("/api/v1/datasets/loans/versions/2").send().await.unwrap();
    assert_eq!(next.status(), StatusCode::OK, "a number is not given twice");
}
