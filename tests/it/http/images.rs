//! Images over HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::server::{Served, json, problem};

const PATH: &str = "/api/v1/datasets/photos/versions";

/// A grey PNG whose pixels are all of one value.
fn png(height: u32, width: u32, value: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = vec![value; (height * width) as usize];
    PngEncoder::new(&mut bytes).write_image(&pixels, width, height, ExtendedColorType::L8).unwrap();
    bytes
}

/// A body of parts: name, file name and content.
fn body(boundary: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
        );
        body.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    body.extend(format!("--{boundary}--\r\n").as_bytes());
    body
}

async fn send(served: &Served, key: &str, boundary: &str, body: Vec<u8>) -> Response {
    let request = served.post(PATH).header("idempotency-key", key).body(body);
    let media_type = format!("multipart/form-data; boundary={boundary}");
    request.header("content-type", media_type).send().await.unwrap()
}

async fn outcome(served: &Served, job: &Value) -> Value {
    served.work_off().await;
    let path = format!("/api/v1/jobs/{}", job["id"].as_str().unwrap());
    json(served.get(&path).send().await.unwrap(), StatusCode::OK).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_images_becomes_a_dataset() {
    let served = Served::start().await;
    let (dark, light) = (png(2, 3, 10), png(4, 4, 200));
    let parts: &[(&str, Option<&str>, &[u8])] = &[
        ("label", None, b"night"),
        ("image", Some("a.png"), &dark),
        ("label", None, b"day"),
        ("image", Some("b.png"), &light),
    ];
    let job = send(&served, "k1", "first", body("first", parts)).await;
    let job = json(job, StatusCode::ACCEPTED).await;
    // A client that sends again draws another boundary.
    let again = send(&served, "k1", "second", body("second", parts)).await;
    assert_eq!(json(again, StatusCode::ACCEPTED).await["id"], job["id"]);
    let done = outcome(&served, &job).await;
    assert_eq!(done["state"], "done", "{done}");

    let version = format!("{PATH}/1");
    let version = json(served.get(&version).send().await.unwrap(), StatusCode::OK).await;
    assert_eq!((&version["rows"], &version["source"]["format"]), (&json!(2), &json!("form")));
    let image = &version["columns"][1];
    assert_eq!((&image["name"], &image["type"]), (&json!("image"), &json!("image")));
    let sizes =
        json!({"min_height": 2, "max_height": 4, "min_width": 3, "max_width": 4, "channels": 1});
    assert_eq!(image["sizes"], sizes);

    let rows = format!("{PATH}/1/rows");
    let rows = json(served.get(&rows).send().await.unwrap(), StatusCode::OK).await;
    let expected = json!({"file": "b.png", "image": STANDARD.encode(&light), "label": "day"});
    assert_eq!(rows["rows"][1], expected);
    let csv = served.get(&format!("{PATH}/1/content")).header("accept", "text/csv");
    let csv = csv.send().await.unwrap().text().await.unwrap();
    let line = format!("a.png,{},night\r\n", STANDARD.encode(&dark));
    assert_eq!(csv.split_inclusive('\n').nth(1), Some(line.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_cannot_be_read_says_where() {
    let served = Served::start().await;
    let dark = png(2, 3, 10);
    let parts: &[(&str, Option<&str>, &[u8])] =
        &[("image", Some("a.png"), &dark), ("image", Some("b.png"), &dark[..30])];
    let job = json(send(&served, "k1", "b", body("b", parts)).await, StatusCode::ACCEPTED).await;
    let failed = outcome(&served, &job).await;
    assert_eq!(failed["error"]["errors"][0]["pointer"], "part 2 (b.png)", "{failed}");

    let mut cut = body("b", parts);
    cut.truncate(cut.len() - 10);
    problem(send(&served, "k2", "b", cut).await, 400, "malformed_request").await;
    problem(send(&served, "k3", "", body("b", parts)).await, 400, "malformed_request").await;
    problem(send(&served, "k4", "b", body("b", &[])).await, 422, "invalid_data").await;
    let nameless = body("b", &[("", None, b"x")]);
    problem(send(&served, "k5", "b", nameless).await, 422, "invalid_data").await;
}
